"""Joining views: by hand, laws, and every odd exam with what is said of it."""

from __future__ import annotations

import random

import numpy as np
import pytest

from breastcad.core.records import ImageResult, LeftOut
from breastcad.infer.exams import Place, View, fingerprint, join_exams


def view(
    image: str,
    side: str | None,
    name: str | None,
    malignant: float,
    *special: str,
    exam: str = "a",
    modality: str = "MG",
    pixels: str | None = None,
    abstained: bool = False,
    patient: str | None = None,
    study: str | None = None,
    in_doubt: bool = False,
) -> View:
    numbers = {"malignant": malignant, "abnormal": malignant / 2 + 0.5}
    facts = (f"{image}.png", None, image, modality, side, name, 4, 3, None, ["m"], numbers, {})
    result = ImageResult(image, 0, *facts, abstained=abstained)
    return View(Place(exam, frozenset(special), image if pixels is None else pixels, patient, study, in_doubt), result)


def test_the_rule_by_hand() -> None:
    """By hand.

    Left: odds 1/4 and 4, their geometric mean 1, so .5; abnormal .6 and .9: odds 1.5 and 9, sqrt(13.5) = 3.674, .7861. Right .1 and .1,
    abnormal .55. The woman: the higher, .5 and .7861.
    """
    (exam,) = join_exams([view("0", "R", "CC", 0.1), view("1", "R", "MLO", 0.1), view("2", "L", "CC", 0.2), view("3", "L", "MLO", 0.8)])
    assert list(exam.breasts) == ["L", "R"]
    assert exam.breasts["L"] == pytest.approx({"malignant": 0.5, "abnormal": 0.7861}, abs=1e-4)
    assert exam.breasts["R"] == pytest.approx({"malignant": 0.1, "abnormal": 0.55})
    assert exam.woman == exam.breasts["L"]
    assert (exam.rule, exam.modality) == ({"views": "mean-logit", "breasts": "max"}, "MG")
    assert (exam.left_out, exam.warnings) == ([], [])


def test_exams_are_told_apart_and_numbered_by_their_first_image() -> None:
    found = join_exams([view("0", "L", "CC", 0.2, exam="a"), view("1", "L", "CC", 0.9, exam="b"), view("2", "R", "CC", 0.2, exam="a")])
    assert [(exam.exam, exam.images) for exam in found] == [("1", ["0", "2"]), ("2", ["1"])]


def test_scans_of_ultrasound_are_as_suspicious_as_the_worst() -> None:
    (exam,) = join_exams([view(str(n), "L", None, p, modality="US") for n, p in enumerate((0.2, 0.7, 0.4))])
    assert (exam.breasts["L"]["malignant"], exam.rule["views"], exam.warnings) == (0.7, "max", [])


def test_the_order_of_images_does_not_matter() -> None:
    views = [
        view("0", "L", "CC", 0.2),
        view("1", "L", "CC", 0.6),
        view("2", "L", "MLO", 0.8),
        view("3", "L", "ML", 0.9),
        view("4", "R", None, 0.4),
    ]
    (wanted,) = join_exams(views)
    for seed in range(5):
        (found,) = join_exams(random.Random(seed).sample(views, len(views)))
        assert found.woman == pytest.approx(wanted.woman)
        assert found.breasts["L"] == pytest.approx(wanted.breasts["L"])
        assert found.left_out == wanted.left_out


LONE = "no image of the right breast counts: the woman is judged by one breast"
NOTHING = "no image of this exam counts: nothing is said of a breast"
ODD = {
    "one film": ([view("0", "L", "CC", 0.3)], {"L": 0.3}, {}, ["left breast: no MLO view that counts; it is judged by CC alone", LONE]),
    "two left CCs are one view": (
        [view("0", "L", "CC", 0.2), view("1", "L", "CC", 0.8), view("2", "L", "MLO", 0.8)],
        {"L": 2 / 3},  # CC: odds 1; with the MLO's 4 the mean is 2, as three views it would be 4 ** (1 / 3)
        {},
        ["left breast: 2 CC films, joined to one view first", LONE],
    ),
    "an ML beside an MLO": (
        [view("0", "L", "CC", 0.3), view("1", "L", "MLO", 0.3), view("2", "L", "ML", 0.9)],
        {"L": 0.3},
        {"2": "an ML view beside CC or MLO; the rule was measured on CC and MLO alone"},
        [LONE],
    ),
    "an ML alone": (
        [view("0", "L", "ML", 0.9)],
        {"L": 0.9},
        {},
        ["left breast: neither CC nor MLO; it is judged by ML, unlike what the rule was measured on", LONE],
    ),
    "a magnification view": (
        [view("0", "L", "CC", 0.3), view("1", "L", "MLO", 0.3), view("2", "L", "CC", 0.9, "magnification")],
        {"L": 0.3},
        {"2": "a magnification view, which does not show the breast as CC and MLO views do"},
        [LONE],
    ),
    "a spot view alone": (
        [view("0", "L", "CC", 0.3, "spot compression")],
        {},
        {"0": "a spot compression view, which does not show the breast as CC and MLO views do"},
        [NOTHING],
    ),
    "an implant with its displaced view": (
        [
            view("0", "L", "CC", 0.9, "implant"),
            view("1", "L", "CC", 0.2, "implant", "implant displaced"),
            view("2", "L", "MLO", 0.2, "implant displaced"),
        ],
        {"L": 0.2},
        {"0": "the implant covers a part of the breast; the implant-displaced CC counts"},
        [
            "left breast: 1 is an implant-displaced view; it counts, though the rule was measured on women without implants",
            "left breast: 2 is an implant-displaced view; it counts, though the rule was measured on women without implants",
            LONE,
        ],
    ),
    "an implant, and a displaced view of a projection that does not count": (
        [view("0", "L", "CC", 0.3, "implant"), view("1", "L", "ML", 0.9, "implant displaced"), view("2", "L", "ML", 0.9, "implant")],
        {"L": 0.3},
        dict.fromkeys("12", "an ML view beside CC or MLO; the rule was measured on CC and MLO alone"),
        [
            "left breast: 0 shows a breast with an implant; it counts, though the rule was measured on women without",
            "left breast: no MLO view that counts; it is judged by CC alone",
            LONE,
        ],
    ),
    "an implant of which one projection alone is displaced": (
        [view("0", "L", "CC", 0.2, "implant", "implant displaced"), view("1", "L", "MLO", 0.8, "implant")],
        {"L": 0.5},
        {},
        [
            "left breast: 0 is an implant-displaced view; it counts, though the rule was measured on women without implants",
            "left breast: 1 shows a breast with an implant; it counts, though the rule was measured on women without",
            LONE,
        ],
    ),
    "a man": (
        [view("0", "L", "CC", 0.3, "male"), view("1", "L", "MLO", 0.3)],
        {"L": 0.3},
        {},
        ["left breast: the file of 0 says that the patient is a man; the rule was measured on women", LONE],
    ),
    "the same picture twice": (
        [view("0", "L", "CC", 0.2), view("1", "L", "CC", 0.2, pixels="0"), view("2", "L", "MLO", 0.8)],
        {"L": 0.5},
        {"1": "the same picture as 0; it counts once"},
        [LONE],
    ),
    "the same picture as both breasts": (
        [view("0", "L", "CC", 0.2), view("1", "R", "CC", 0.2, pixels="0"), view("2", "L", "MLO", 0.2)],
        {"L": 0.2},
        {"1": "the same picture as 0, under another side or view: one of them is wrong; it counts once"},
        [LONE],
    ),
    "sides that nothing says": (
        [view("0", None, "CC", 0.2), view("1", None, "MLO", 0.8)],
        {"unknown": 0.8},
        {},
        ["nothing says which breast 0, 1 show: not joined; the highest stands alone"],
    ),
    "a side that is in doubt": (
        [view("0", "L", "CC", 0.3, in_doubt=True), view("1", "L", "MLO", 0.3)],
        {"L": 0.3},
        {},
        ["0 counts for the left breast, but its side is in doubt (its own warnings say why)", LONE],
    ),
    "a view that is not known": (
        [view("0", "L", "CC", 0.2), view("1", "L", None, 0.8)],
        {"L": 0.5},
        {},
        ["left breast: which view 1 shows is not known; each counts as a view of its own", LONE],
    ),
    "abstained": (
        [view("0", "L", "CC", 0.3), view("1", "L", "MLO", 0.9, abstained=True)],
        {"L": 0.3},
        {"1": "the model abstained from it"},
        ["left breast: no MLO view that counts; it is judged by CC alone", LONE],
    ),
    "abstained from all": ([view("0", "L", "CC", 0.3, abstained=True)], {}, {"0": "the model abstained from it"}, [NOTHING]),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_exams(name: str) -> None:
    views, breasts, left_out, warnings = ODD[name]
    (exam,) = join_exams(views)
    assert {side: own["malignant"] for side, own in exam.breasts.items()} == pytest.approx(breasts)
    assert exam.left_out == [LeftOut(image, reason) for image, reason in left_out.items()]
    assert exam.warnings == warnings
    assert exam.images == [one.result.image for one in views]
    assert exam.woman.get("malignant") == (max(exam.breasts[side]["malignant"] for side in breasts) if breasts else None)


def test_two_modalities_of_one_study_are_two_exams_that_name_each_other() -> None:
    views = [view("0", "L", "CC", 0.3), view("1", "L", None, 0.9, modality="US"), view("2", "L", "MLO", 0.3)]
    films, scans = join_exams(views)
    assert [(exam.exam, exam.images, exam.modality) for exam in (films, scans)] == [("1", ["0", "2"], "MG"), ("2", ["1"], "US")]
    assert films.breasts["L"]["malignant"] == pytest.approx(0.3)
    assert "the same exam has US images, too: they stand as exam 2, not joined to this" in films.warnings
    assert scans.warnings == ["the same exam has MG images, too: they stand as exam 1, not joined to this"]


def test_women_of_one_folder_are_exams_of_their_own_and_their_studies_are_counted() -> None:
    """One folder: A on two dates, B, and an image that names nobody. One patient and such an image would be one exam."""
    views = [
        view("0", "L", "CC", 0.2, patient="A", study="1"),
        view("1", "L", "CC", 0.9, patient="B", study="2"),
        view("2", "L", "MLO", 0.2, patient="A", study="3"),
        view("3", "L", "CC", 0.7),
    ]
    found = join_exams(views)
    assert [exam.images for exam in found] == [["0", "2"], ["1"], ["3"]]
    own = "the folder holds images of 2 patients; each one's are an exam of their own"
    assert own in found[1].warnings
    assert found[0].warnings[-2:] == [own, "images of 2 studies lie in one folder; they are joined as one exam"]
    assert found[2].warnings[-1] == (
        "the folder holds images of 2 patients; the files of this exam name none: its images may be several women's"
    )
    (one,) = join_exams([views[0], views[3]])
    assert (one.images, "patients" in " ".join(one.warnings)) == (["0", "3"], False)


def test_frames_of_one_file_are_different_pictures() -> None:
    views = [view("0", "L", None, 0.2, modality="US"), view("1", "L", None, 0.7, modality="US")]
    for number, one in enumerate(views):
        one.result.sha256, one.result.frame = "same file", number
    (exam,) = join_exams(views)
    assert (exam.left_out, exam.breasts["L"]["malignant"]) == ([], 0.7)


def test_a_fingerprint_is_of_the_picture_and_its_shape() -> None:
    pixels = np.random.default_rng(1).random((9, 12), np.float32)
    assert fingerprint(pixels) == fingerprint(pixels.copy())
    assert fingerprint(pixels) != fingerprint(pixels[:, ::-1])
    assert fingerprint(np.zeros((9, 12), np.float32)) != fingerprint(np.zeros((12, 9), np.float32))
