"""A site's labels over an analysis: what each row names, what is refused row by row, what is proposed, and when it is not enough."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import Decision, ExamResult, LeftOut, ModelUsed
from breastcad.evaluate.site import Limits, site_report
from breastcad.evaluate.site_labels import Unit, site_labels

POINT = Decision("sensitivity 0.90", 0.3, 0.9, 0.8, 0.4, positive=False)


def labels_of(tmp_path: Path, text: str, *analyses, model=None):
    (tmp_path / "labels.csv").write_text(text)
    return site_labels(tmp_path / "labels.csv", analyses, model=model)


# ---- what a row names ----


def test_images_are_named_by_hash_number_place_or_name(site, tmp_path: Path) -> None:
    text = (
        f"sha256;image;source;label;patient\n{1:064X};;;Malignant;a\n;0002;;benign;a\n;;site\\name of a patient 3.png;normal;b\n"
        ";;name of a patient 4.png;benign;\n"
    )
    found = labels_of(tmp_path, text, site.analysis(site.image(number, number / 10) for number in range(1, 6)))
    assert [(unit.name, unit.label, unit.malignant) for unit in found.units] == [
        ("0001", "malignant", 0.1),
        ("0002", "benign", 0.2),
        ("0003", "normal", 0.3),
        ("0004", "benign", 0.4),
    ]
    groups = [unit.group for unit in found.units]
    assert groups[:3] == ["patient a", "patient a", "patient b"]
    assert len(set(groups)) == 3  # who has no key stands for herself
    assert found.bad == []
    assert [unit.keyed for unit in found.units] == [True, True, True, False]
    assert found.remarks[0].startswith("1 of 4 rows have no patient key: ")
    asserted = site_labels(tmp_path / "labels.csv", [site.analysis(site.image(n, 0.1) for n in range(1, 6))], one_row_a_woman=True)
    assert (all(unit.keyed for unit in asserted.units), asserted.remarks) == (True, [])


def test_frames_of_a_file_are_one_image_and_its_worst_frame_speaks(site, tmp_path: Path) -> None:
    frames = [site.image(number, p, source="cine.dcm", frame=number, sha256="c" * 64) for number, p in enumerate((0.2, 0.7, 0.4))]
    (unit,) = labels_of(tmp_path, "source,label\ncine.dcm,malignant\n", site.analysis(frames)).units
    assert (unit.name, unit.malignant) == ("0000", 0.7)


def test_a_file_whose_first_frames_were_abstained_from_is_judged_by_the_others(site, tmp_path: Path) -> None:
    away = {"abstained": True, "decision": None, "source": "cine.dcm", "sha256": "c" * 64}
    frames = [site.image(0, 0.9, frame=0, **away), site.image(1, 0.2, frame=1, source="cine.dcm", sha256="c" * 64)]
    (unit,) = labels_of(tmp_path, "source,label\ncine.dcm,malignant\n", site.analysis(frames)).units
    assert (unit.malignant, unit.abstained, unit.decision) == (0.2, False, POINT)
    (unit,) = labels_of(tmp_path, "source,label\ncine.dcm,malignant\n", site.analysis(frames[:1])).units
    assert (unit.malignant, unit.abstained, unit.decision) == (0.9, True, None)


@pytest.fixture
def exams(site):
    """An analysis of four exams: both breasts, one of unknown side, one without images, one abstained from as a whole."""
    images = [site.image(0, 0.1, laterality="L"), site.image(1, 0.8, laterality="R"), site.image(2, 0.3)]
    images += [site.image(3, 0.7, laterality="L", abstained=True, decision=None)]
    return site.analysis(
        images,
        [
            ExamResult("1", {"L": {"malignant": 0.1}, "R": {"malignant": 0.8}}, ["0000", "0001"], "US", {}, {"malignant": 0.8}),
            ExamResult("2", {"unknown": {"malignant": 0.3}}, ["0002"], "US", {}, {"malignant": 0.3}),
            ExamResult("3", {}, []),
            ExamResult("4", {}, ["0003"], "US", left_out=[LeftOut("0003", "the model abstained from it")]),
        ],
    )


def test_exams_are_named_by_their_number_and_one_abstained_from_stays_without_a_number(exams, tmp_path: Path) -> None:
    found = labels_of(tmp_path, "exam,label\n1,malignant\n2,benign\n3,benign\n4,malignant\n5,benign\n", exams)
    assert [(unit.level, unit.name, unit.malignant, unit.abstained) for unit in found.units] == [
        ("exam", "exam 1", 0.8, False),
        ("exam", "exam 2", 0.3, False),
        ("exam", "exam 4", None, True),
    ]
    assert len({unit.group for unit in found.units}) == 3
    assert found.bad == ["line 4: no image is of this exam", "line 6: no exam analysed has this number"]


def test_breasts_are_another_level_than_exams_so_that_no_cancer_counts_twice(exams, tmp_path: Path) -> None:
    found = labels_of(tmp_path, "exam,laterality,label\n1,L,normal\n1,right,malignant\n2,,benign\n2,R,benign\n4,L,malignant\n", exams)
    assert [(unit.level, unit.name, unit.malignant) for unit in found.units] == [
        ("breast", "exam 1 L", 0.1),
        ("breast", "exam 1 R", 0.8),
        ("breast", "exam 4 L", None),
    ]
    assert found.bad == [
        "line 5: no image is of this breast of the exam",
        "line 4: names an exam, others name breasts: label one or the other",
    ]
    other = labels_of(tmp_path, "exam,laterality,label\n1,,malignant\n1,R,malignant\n", exams)
    assert other.bad == ["line 3: names a breast, others name exams: label one or the other"]


def test_exams_judged_by_fewer_views_or_one_breast_are_remarked(site, tmp_path: Path) -> None:
    """The first has four films; the second lacks an MLO, the third a breast; from a film of the fourth the model abstained."""
    films = [(side, view) for side in "LR" for view in ("CC", "MLO")]
    given = [films, films[:3], films[:2], films]
    images, exams = [], []
    for number, own in enumerate(given, 1):
        names = [site.image(10 * number + i, 0.2, laterality=side, view=view) for i, (side, view) in enumerate(own)]
        images += names
        side = {"malignant": 0.2}
        exams.append(ExamResult(str(number), {"L": side}, [one.image for one in names], "MG", {}, side))
    images[-1].abstained, exams[-1].left_out = True, [LeftOut(images[-1].image, "the model abstained from it")]
    found = labels_of(tmp_path, "exam,label,patient\n1,benign,a\n2,benign,b\n3,benign,c\n4,benign,d\n", site.analysis(images, exams))
    assert [unit.fewer for unit in found.units] == [False, True, True, True]
    assert found.remarks == ["3 of 4 exams are judged by fewer views than they should be, or by one breast alone."]


def test_each_bad_row_gets_a_sentence_without_its_cells_and_the_rest_are_used(site, tmp_path: Path) -> None:
    two = site.analysis(
        [
            site.image(1, 0.1),
            site.image(2, None),
            site.image(3, 0.3, laterality="L"),
            site.image(4, 0.4),
            site.image(5, 0.5),
            site.image(6, 0.6),
        ]
    )
    text = (
        "image,exam,label,laterality,patient\n0001,,benign,,Doe\n0009,,benign,,Doe\n0002,,benign,,Doe\n0003,,cancer,,Doe\n,,benign,,Doe\n"
        "0003,,benign,R,Doe\n0003,,benign,X,Doe\n0001,,benign,,Doe\n0004,,benign,,Doe\n0004,,malignant,,Doe\n0005,,,,Doe\n\n0006,,normal\n"
    )
    found = labels_of(tmp_path, text, two)
    assert [unit.name for unit in found.units] == ["0001", "0006"]
    assert found.bad == [
        "line 3: no analysed image has this image",
        "line 4: the model gives no probability of malignant for it",
        "line 5: the label must be one of malignant, benign, normal",
        "line 6: names nothing: one of sha256, image, source, exam must be filled in",
        "line 7: the laterality is not the one that the image has",
        "line 8: the laterality must be L or R",
        "line 9: names what line 2 named",
        "line 11: names what line 10 named, with another label: neither counts",
        "line 12: has no label",
    ]


def test_names_that_several_have_and_rows_of_two_kinds_are_told(site, tmp_path: Path) -> None:
    exam = ExamResult("1", {"L": {"malignant": 0.1}}, ["0001"], woman={"malignant": 0.1})
    first, other = site.analysis([site.image(1, 0.1, source="a.png")], [exam]), site.image(1, 0.2, sha256="f" * 64)
    second = site.analysis([replace(other, source="a.png")], [ExamResult("1", {"L": {"malignant": 0.2}}, ["0001"])])
    found = labels_of(tmp_path, f"source,sha256,exam,label\na.png,,,benign\n,{1:064x},,benign\n,,1,benign\n", first, second)
    assert [unit.name for unit in found.units] == ["analysis 1, 0001"]
    assert found.bad == [
        "line 2: several images have this source: name it by sha256",
        "line 4: several analyses have this exam: validate them one by one, or choose a model with --model",
    ]
    mixed = labels_of(tmp_path, "image,exam,label\n0001,,benign\n,1,benign\n", first)
    assert mixed.bad == ["line 3: names an exam, others name images: label one or the other"]


def test_one_model_at_a_time(site, tmp_path: Path) -> None:
    both = site.analysis([site.image(1, 0.1), site.image(2, 0.2, models=["mg-lesion"])])
    text = "image,label\n0001,benign\n0002,malignant\n"
    with pytest.raises(InputError, match=r"by several models, or joined by several rules \(mg-lesion ; us-lesion ab\): choose a model"):
        labels_of(tmp_path, text, both)
    found = labels_of(tmp_path, text, both, model="us-lesion")
    assert ([unit.name for unit in found.units], found.bad) == (["0001"], ["line 3: no analysed image by us-lesion has this image"])


def test_the_same_films_analysed_by_two_models_are_told_apart_by_name_and_by_hash(site, tmp_path: Path) -> None:
    first, second = (
        site.analysis([site.image(1, p)], [ExamResult("1", {"L": {"malignant": p}}, ["0001"], "US", {}, {"malignant": p})])
        for p in (0.1, 0.2)
    )
    second.models = [replace(second.models[0], sha256="cd" * 32)]  # another version under the same id
    for text in ("image,label\n0001,benign\n", "exam,label\n1,benign\n"):
        (unit,) = labels_of(tmp_path, text, first, second, model="cdcdcdcd").units
        assert unit.malignant == 0.2
    with pytest.raises(InputError, match=r"\(us-lesion ab; us-lesion cdcdcdcdcdcd\)"):
        labels_of(tmp_path, "image,label\n0001,benign\n", first, second)
    third = site.analysis([site.image(1, 0.3, models=["other"], sha256="f" * 64)])
    third.models = [ModelUsed("other", "1", "ef", 0.05)]
    (unit,) = labels_of(tmp_path, "image,label\n0001,benign\n", first, third, model="other").units
    assert unit.malignant == 0.3


def test_exams_joined_by_several_rules_are_not_mixed(site, tmp_path: Path) -> None:
    given = site.analysis(
        [site.image(1, 0.1), site.image(2, 0.2)],
        [ExamResult(str(n), {}, [f"{n:04d}"], "US", {"views": rule}, {}) for n, rule in ((1, "max"), (2, "mean"))],
    )
    for exam in given.exams:
        exam.breasts, exam.woman = {"L": {"malignant": 0.1}}, {"malignant": 0.1}
    with pytest.raises(InputError, match=r"joined by several rules \(us-lesion ab, views: max; us-lesion ab, views: mean\)"):
        labels_of(tmp_path, "exam,label\n1,benign\n2,benign\n", given)


def test_a_table_that_cannot_be_used_is_refused(site, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="must have a column 'label' and one of sha256, image, source, exam"):
        labels_of(tmp_path, "file,label\na,benign\n", site.analysis([]))
    with pytest.raises(ReadError, match="cannot be opened"):
        site_labels(tmp_path / "gone.csv", [])
    (tmp_path / "latin.csv").write_bytes(b"image,label\n\xe9,benign\n")
    with pytest.raises(ReadError, match=r"no UTF-8 text \(byte 12\)"):
        site_labels(tmp_path / "latin.csv", [])


# ---- what is said of it ----


def units(count: int, *, seed: int = 1, apart: float = 2.0, each: int = 1) -> list[Unit]:
    """Return made-up units, a third malignant, the stated probability twice as extreme as it should be."""
    draw = np.random.default_rng(seed)
    found = []
    for number in range(count):
        ill = number % 3 == 0
        honest = draw.normal(apart if ill else -apart, apart) - 0.7
        for part in range(each):
            said = float(1 / (1 + np.exp(-2 * honest - 0.1 * part)))
            label = "malignant" if ill else ("benign", "normal")[number % 2]
            away = number % 20 == 0
            found.append(Unit("image", f"{number:04d}-{part}", "m", said, None if away else POINT, away, f"g{number}", label))
    return found


def test_enough_cases_are_certified_and_the_recalibration_undoes_what_was_wrong() -> None:
    found = site_report(units(600), limits=Limits(100, 100, 0.1))
    assert found.reasons == []
    assert (found.n, found.positives, found.women, found.labels["malignant"]) == (600, 200, (600, 200, 400), 200)
    assert found.abstained == (30, 10)
    assert found.figures["as it is"]["slope"].value == pytest.approx(0.5, abs=0.15)
    assert found.figures["platt"]["slope"].value == pytest.approx(1, abs=0.15)
    assert found.figures["platt"]["brier"].value < found.figures["as it is"]["brier"].value
    assert found.recalibrations["temperature"].numbers["temperature"][0] == pytest.approx(2, abs=0.5)
    sensitivity = found.figures["proposed operating point"]["sensitivity"]
    assert sensitivity.value == pytest.approx(0.9, abs=0.05)
    assert all(one.low <= one.value <= one.high for one in found.proposed)


def test_what_is_proposed_is_measured_on_women_that_it_was_not_fitted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the rows that it was chosen on, a threshold for 0.9 has 0.9 or more, always; on others it has less for some draws."""
    monkeypatch.setattr("breastcad.evaluate.site.REFITS", 10)
    found = [site_report(units(45, seed=seed), sensitivity=0.9) for seed in range(4)]
    assert min(one.figures["proposed operating point"]["sensitivity"].value for one in found) < 0.9


def test_what_is_released_though_malignant_is_listed_by_name() -> None:
    given = units(60)
    found = site_report(given)
    below = [unit.name for unit in given if unit.label == "malignant" and not unit.abstained and unit.malignant < POINT.threshold]
    assert sorted(found.released) == sorted([*below, "0000-0 (abstained)"])
    assert 0 < len(below) < found.positives


def test_what_the_model_abstained_from_is_not_called_and_counts_among_cancers() -> None:
    """Of three cancers one is called, one abstained from (however surely), one below the threshold: 1/3. Of two others one is decided."""

    def unit(number: int, malignant: float, label: str, *, away: bool = False) -> Unit:
        return Unit("image", str(number), "m", malignant, None if away else POINT, away, f"g{number}", label)

    ill = [unit(0, 0.9, "malignant"), unit(1, 0.9, "malignant", away=True), unit(2, 0.1, "malignant")]
    well = [unit(3, 0.1, "benign"), unit(4, 0.9, "normal", away=True)]
    found = site_report([*ill, *well])
    own = found.figures["own operating point"]
    assert (own["sensitivity"].value, own["sensitivity"].n) == (pytest.approx(1 / 3), 5)
    assert (own["specificity"].value, own["specificity"].n) == (1, 3)
    assert found.released == ["1 (abstained)", "2"]
    assert found.abstained == (2, 1)


def test_exams_without_a_number_lower_the_sensitivity_and_are_a_reason() -> None:
    """Twenty exams, ten cancers, all called but one that has no number: 0.9."""
    ill = [Unit("exam", f"exam {i}", "m", 0.9 if i else None, POINT, i == 0, f"g{i}", "malignant") for i in range(10)]
    well = [Unit("exam", f"exam {i}", "m", 0.1, POINT, False, f"g{i}", "benign") for i in range(10, 20)]
    found = site_report([*ill, *well], limits=Limits(1, 1, 0.9))
    assert found.figures["own operating point"]["sensitivity"].value == pytest.approx(0.9)
    assert (found.released, found.unsaid, found.figures["as it is"]["auc"].n) == (["exam 0 (abstained)"], (1, 1), 19)
    assert found.reasons == [
        "1 exams, 1 of them malignant, got no number: none of their images counted",
        "the model's operating point was made for images: of exams, whose views are joined, it promises nothing",
    ]
    assert found.verdict == "exams without a number; no operating point of exams to certify"


def test_women_cannot_be_counted_where_a_row_has_no_key() -> None:
    given = units(60)
    found = site_report([replace(unit, keyed=unit is not given[3]) for unit in given], limits=Limits(5, 5, 0.5))
    assert found.reasons == ["1 of 60 rows have no patient key (--one-row-a-woman says that no woman has two of them)"]
    assert found.verdict == "women cannot be counted"


def test_a_proposed_threshold_is_a_cancers_own_probability_to_the_last_bit() -> None:
    given = units(60)
    found = site_report(given)
    assert found.proposed[-1].value in [unit.malignant for unit in given if unit.label == "malignant"]


def test_too_few_are_refused_for_each_reason() -> None:
    found = site_report(units(30))
    assert found.reasons[:2] == [
        "10 women have a malignant exam, 100 are asked for",
        "20 women have an exam that is not malignant, 100 are asked for",
    ]
    assert found.reasons[2].startswith("the interval of the sensitivity (")
    assert site_report(units(30), limits=Limits(5, 5, 0.5)).reasons == []


def test_films_of_one_woman_count_as_one_and_make_the_interval_no_narrower() -> None:
    single, eight = site_report(units(60)), site_report(units(60, each=8))
    assert (eight.n, eight.women) == (480, single.women)
    assert eight.reasons[0] == "20 women have a malignant exam, 100 are asked for"
    one, other = (report.figures["as it is"]["auc"] for report in (single, eight))
    assert other.high - other.low == pytest.approx(one.high - one.low, rel=0.25)


def test_one_class_or_no_operating_point_is_no_fault_but_a_refusal() -> None:
    ill = [unit for unit in units(30) if unit.label == "malignant"]
    found = site_report(ill, limits=Limits(1, 1, 0.5))
    assert "0 women have an exam that is not malignant, 1 are asked for" in found.reasons
    assert "ranking and calibration: all labels are of one class" in found.left_out
    assert found.proposed == []
    bare = site_report([replace(unit, decision=None) for unit in units(30)], limits=Limits(1, 1, 0.5))
    assert bare.reasons == ["the model has no operating point that could be measured"]
    assert (bare.verdict, bare.released) == ("no operating point of images to certify", [])
    few = site_report([*ill[:1], *[unit for unit in units(30) if unit.label != "malignant"]])
    assert "proposals: they need two women" in few.left_out[-1]
    with pytest.raises(ValueError, match="no labelled units"):
        site_report([])
