"""A site's labels over an analysis: what each row names, what is refused row by row, what is proposed, and when it is not enough."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import NOTICE, Analysis, Decision, ExamResult, ImageResult, ModelUsed
from breastcad.evaluate.site import Limits, site_report
from breastcad.evaluate.site_labels import Unit, site_labels

POINT = Decision("sensitivity 0.90", 0.3, 0.9, 0.8, 0.4, positive=False)


def image(number: int, malignant: float | None, **more) -> ImageResult:
    """Return what an analysis says of an image."""
    probability = None if malignant is None else {"benign": 1 - malignant, "malignant": malignant}
    given = {
        "image": f"{number:04d}",
        "argument": 0,
        "source": f"site/name of a patient {number}.png",
        "frame": None,
        "sha256": f"{number:064x}",
        "modality": "US",
        "laterality": None,
        "view": None,
        "rows": 10,
        "cols": 12,
        "spacing_mm": None,
        "models": ["us-lesion"],
        "probability": probability,
        "raw": {},
        "decision": POINT,
    }
    return ImageResult(**(given | more))


def analysis(images, exams=()) -> Analysis:
    model = ModelUsed("us-lesion", "1", "ab", 0.05)
    return Analysis("breastcad-findings/1", "0.1.0", "id", NOTICE, [model], list(images), list(exams), [])


def labels_of(tmp_path: Path, text: str, *analyses, model=None):
    (tmp_path / "labels.csv").write_text(text)
    return site_labels(tmp_path / "labels.csv", analyses, model=model)


# ---- what a row names ----


def test_images_are_named_by_hash_number_place_or_name(tmp_path: Path) -> None:
    text = (
        f"sha256;image;source;label;patient\n{1:064X};;;Malignant;a\n;0002;;benign;a\n;;site\\name of a patient 3.png;normal;b\n"
        ";;name of a patient 4.png;benign;\n"
    )
    found = labels_of(tmp_path, text, analysis(image(number, number / 10) for number in range(1, 6)))
    assert [(unit.name, unit.label, unit.malignant) for unit in found.units] == [
        ("0001", "malignant", 0.1),
        ("0002", "benign", 0.2),
        ("0003", "normal", 0.3),
        ("0004", "benign", 0.4),
    ]
    groups = [unit.group for unit in found.units]
    assert groups[:3] == ["patient a", "patient a", "patient b"]
    assert len(set(groups)) == 3  # who has no key stands for herself
    assert (found.bad, found.remarks) == ([], [])


def test_frames_of_a_file_are_one_image_and_its_worst_frame_speaks(tmp_path: Path) -> None:
    frames = [image(number, p, source="cine.dcm", frame=number, sha256="c" * 64) for number, p in enumerate((0.2, 0.7, 0.4))]
    (unit,) = labels_of(tmp_path, "source,label\ncine.dcm,malignant\n", analysis(frames)).units
    assert (unit.name, unit.malignant) == ("0000", 0.7)


def test_exams_and_breasts_are_named_by_the_exams_number(tmp_path: Path) -> None:
    images = [image(0, 0.1, laterality="L"), image(1, 0.8, laterality="R"), image(2, 0.3)]
    exams = [
        ExamResult("1", {"L": {"malignant": 0.1}, "R": {"malignant": 0.8}}, ["0000", "0001"]),
        ExamResult("2", {"unknown": {"malignant": 0.3}}, ["0002"]),
        ExamResult("3", {}, []),
    ]
    text = "exam,laterality,label\n1,L,normal\n1,right,malignant\n2,,benign\n3,,benign\n2,R,benign\n4,,benign\n"
    found = labels_of(tmp_path, text, analysis(images, exams))
    assert [(unit.level, unit.name, unit.malignant) for unit in found.units] == [
        ("breast", "exam 1 L", 0.1),
        ("breast", "exam 1 R", 0.8),
        ("exam", "exam 2", 0.3),
    ]
    assert len({unit.group for unit in found.units}) == 2
    assert "no patient keys" in found.remarks[0]
    assert found.bad == [
        "line 5: the model gives no probability of malignant for this exam: it abstained, or there is no such view",
        "line 6: the model gives no probability of malignant for this breast of the exam: it abstained, or there is no such view",
        "line 7: no analysed exam has this number",
    ]


def test_each_bad_row_gets_a_sentence_without_its_cells_and_the_rest_are_used(tmp_path: Path) -> None:
    two = analysis([image(1, 0.1), image(2, None), image(3, 0.3, laterality="L"), image(4, 0.4), image(5, 0.5), image(6, 0.6)])
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


def test_names_that_several_have_and_rows_of_two_kinds_are_told(tmp_path: Path) -> None:
    first, other = (
        analysis([image(1, 0.1, source="a.png")], [ExamResult("1", {"L": {"malignant": 0.1}}, ["0001"])]),
        image(1, 0.2, sha256="f" * 64),
    )
    second = analysis([replace(other, source="a.png")], [ExamResult("1", {"L": {"malignant": 0.2}}, ["0001"])])
    found = labels_of(tmp_path, f"source,sha256,exam,label\na.png,,,benign\n,{1:064x},,benign\n,,1,benign\n", first, second)
    assert [unit.name for unit in found.units] == ["analysis 1, 0001"]
    assert found.bad == [
        "line 2: several images have this source: name it by sha256",
        "line 4: several analyses have this exam: validate them one by one",
    ]
    mixed = labels_of(tmp_path, "image,exam,label\n0001,,benign\n,1,benign\n", first)
    assert mixed.bad == ["line 3: names an exam, others name images: label one or the other"]


def test_one_model_at_a_time(tmp_path: Path) -> None:
    both = analysis([image(1, 0.1), image(2, 0.2, models=["mg-lesion"])])
    text = "image,label\n0001,benign\n0002,malignant\n"
    with pytest.raises(InputError, match=r"by several models \(mg-lesion, us-lesion\): choose one with --model"):
        labels_of(tmp_path, text, both)
    found = labels_of(tmp_path, text, both, model="us-lesion")
    assert ([unit.name for unit in found.units], found.bad) == (["0001"], ["line 3: was analysed by another model"])


def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="must have a column 'label' and one of sha256, image, source, exam"):
        labels_of(tmp_path, "file,label\na,benign\n", analysis([]))
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
            found.append(Unit("image", f"{number:04d}-{part}", "m", said, POINT, number % 20 == 0, f"g{number}", label))
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
    assert found.released == [unit.name for unit in given if unit.label == "malignant" and unit.malignant < POINT.threshold]
    assert 0 < len(found.released) < found.positives


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
    assert bare.reasons == [f"the {name} of the model's own operating point cannot be measured" for name in ("sensitivity", "specificity")]
    assert bare.released == []
    few = site_report([*ill[:1], *[unit for unit in units(30) if unit.label != "malignant"]])
    assert "proposals: they need two women" in few.left_out[-1]
    with pytest.raises(ValueError, match="no labelled units"):
        site_report([])
