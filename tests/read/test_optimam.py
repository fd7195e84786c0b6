"""OPTIMAM: every numbered quirk on a made-up copy, labels by breast and episode, and JSON that is broken."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from breastcad.core.errors import InputError
from breastcad.core.records import Collection
from breastcad.read import optimam
from breastcad.read.sets import read_set

MARK = {"MarkID": 5, "X1": "30", "Y1": "10", "X2": "90", "Y2": "70", "LinkedNBSSLesionNumber": "1", "Mass": 1, "Conspicuity": "Subtle"}
SCREENED = {"EpisodeType": "R", "SCREENING": {}}
BIOPSY = {"BIOPSYWIDE": {"left_opinion": "Malignant", "right_opinion": None, "L": {"1": {"Opinion": "B5"}}}}


def _header(side: str, view: str) -> dict[str, Any]:
    values = {"00200062": side, "00185101": view, "00280010": 400, "00280011": 300, "00080070": "MADE UP"}
    return {tag: {"vr": "LO", "Value": [value]} for tag, value in values.items()}


def _make(root: Path, records: Any, studies: dict[str, dict[str, Any]], client: str = "optm1") -> Path:
    """Write a woman without DICOM files; `studies` maps an episode to view (LCC) and marks."""
    place = root / "data" / client
    place.mkdir(parents=True)
    (root / "images").mkdir(exist_ok=True)
    listed: dict[str, Any] = {}
    for number, (episode, views) in enumerate(studies.items(), start=1):
        (place / f"1.2.{number}").mkdir()
        series: dict[str, Any] = {}
        for index, (view, marks) in enumerate(views.items()):
            series[f"1.2.{number}.{index}"] = marks
            (place / f"1.2.{number}" / f"1.2.{number}.{index}.json").write_text(json.dumps(_header(view[0], view[1:])))
        listed[f"1.2.{number}"] = {"EpisodeID": episode, "StudyDate": f"20{10 + number}0301", f"1.2.{number}.9": series}
    (place / f"imagedb_{client}.json").write_text(json.dumps({"Site": "adde", "STUDIES": listed}))
    (place / f"nbss_{client}.json").write_text(json.dumps(records))
    return root


def _problems(collection: Collection) -> str:
    return "\n".join(collection.facts["problems"])


def _labels(collection: Collection) -> list[str]:
    return [row.label for row in collection.images]


def test_the_made_up_set_is_counted(made_up: Callable[[str, int], Path]) -> None:
    counts = read_set("optimam", made_up("optimam", 3)).facts["counts"]
    assert {
        key: counts[key] for key in ("listed", "read", "missing", "patients", "findings_with_place", "read_malignant", "read_benign")
    } == {
        **{"listed": 12, "read": 11, "missing": 1, "patients": 3},
        **{"findings_with_place": 4, "read_malignant": 2, "read_benign": 2},
    }
    assert [counts[f"women_{status}"] for status in ("ci", "m", "b", "n")] == [1, 1, 1, 0]


@pytest.mark.quirk("OMI-Q1")
def test_file_names_in_capitals_are_read(made_up: Callable[[str, int], Path]) -> None:
    folder = made_up("optimam", 3)
    assert sorted(path.name for path in (folder / "data" / "optm1").glob("*.json")) == ["IMAGEDB_optm1.json", "NBSS_optm1.json"]
    images = [row for row in read_set("optimam", folder).images if row.patient_id == "optm1"]
    assert [(row.laterality, row.view, row.label) for row in images] == [
        *(("L", "CC", "malignant"), ("L", "MLO", "malignant")),
        *(("R", "CC", "normal"), ("R", "MLO", "normal")),
    ]


@pytest.mark.quirk("OMI-Q2")
def test_headers_named_dcm_json_speak_for_a_film_that_is_missing(made_up: Callable[[str, int], Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(made_up("optimam", 3), tmp_path / "set"))
    headers = sorted((folder / "data" / "optm2").glob("*/*.json"))
    assert all(path.name.endswith(".dcm.json") for path in headers)
    assert len(headers) == 4
    shutil.rmtree(folder / "images" / "optm2")
    rows = [row for row in optimam.read(folder).images if row.patient_id == "optm2"]
    assert [(row.present, row.laterality, row.view, row.rows, row.cols, row.label) for row in rows] == [
        (0, "L", "CC", 560, 400, "normal"),
        (0, "L", "MLO", 560, 400, "normal"),
        (0, "R", "CC", 560, 400, "benign"),
        (0, "R", "MLO", 560, 400, "benign"),
    ]


@pytest.mark.quirk("OMI-Q3")
def test_the_direction_of_y_is_looked_at_on_pixels(made_up: Callable[[str, int], Path], tmp_path: Path) -> None:
    """The made-up marks count from the top; a copy in which they count from the bottom is doubted."""
    said = "marks are read with y from the top; on {} of 4 marks looked at, the film is brighter there than with y from the bottom"
    folder = Path(shutil.copytree(made_up("optimam", 3), tmp_path / "set"))
    assert said.format(4) in optimam.read(folder).facts["problems"]
    for path in folder.glob("data/*/*.json"):
        if path.name.lower().startswith("imagedb"):
            content = json.loads(path.read_text())
            for mark in _marks(content):
                mark["Y1"], mark["Y2"] = str(560 - int(mark["Y1"])), str(560 - int(mark["Y2"]))
            path.write_text(json.dumps(content))
    assert said.format(0) + ": look at them before they are used" in optimam.read(folder).facts["problems"]


def _marks(content: Any) -> list[dict[str, Any]]:
    if not isinstance(content, dict):
        return []
    return [content] if "MarkID" in content else [mark for value in content.values() for mark in _marks(value)]


def test_marks_are_boxes_whatever_corner_comes_first(tmp_path: Path) -> None:
    turned = MARK | {"X1": "90", "X2": "30", "Y1": 70, "Y2": 10, "LinkedNBSSLesionNumber": "1,2", "MassClassification": "spiculated"}
    collection = optimam.read(_make(tmp_path, {"7": SCREENED | BIOPSY}, {"7": {"LCC": {"5": MARK}, "LMLO": {"6": turned}}}))
    assert [(row.row0, row.col0, row.row1, row.col1, row.geometry) for row in collection.findings] == [(10, 30, 70, 90, "box")] * 2
    first, second = collection.findings
    assert (first.kind, first.pathology, first.subtlety, second.margin) == ("mass", "malignant", "Subtle", "spiculated")
    assert first.lesion_id == second.lesion_id == "optm1 7 L 1"
    assert second.extra["lesions"] == "1 2"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"X1": "wide"}, "marks without four numbers, no place: 1 (optm1_1-1)"),
        ({"X2": None}, "marks without four numbers, no place: 1 (optm1_1-1)"),
        ({"Y2": "10"}, "marks that are empty or leave their film, no place: 1 (optm1_1-1)"),
        ({"Y2": "401"}, "marks that are empty or leave their film, no place: 1 (optm1_1-1)"),
        ({"X1": "-3"}, "marks that are empty or leave their film, no place: 1 (optm1_1-1)"),
    ],
)
def test_marks_that_cannot_be_keep_no_place(tmp_path: Path, changed: dict[str, Any], sentence: str) -> None:
    collection = optimam.read(_make(tmp_path, {"7": SCREENED | BIOPSY}, {"7": {"LCC": {"5": MARK | changed}}}))
    assert (collection.findings[0].geometry, collection.findings[0].pathology) == ("none", "malignant")
    assert sentence in _problems(collection)


@pytest.mark.parametrize(
    ("features", "kind"),
    [
        ({"Mass": 1, "WithCalcification": "WithCalcification"}, "mass"),
        ({"Mass": None, "SuspiciousCalcifications": "SuspiciousCalcifications"}, "calcification"),
        ({"Mass": None, "ArchitecturalDistortion": 1}, "distortion"),
        ({"Mass": None, "FocalAsymmetry": 1}, "asymmetry"),
        ({"Mass": None, "Skin": "Skin"}, "other"),
        ({"Mass": None}, "other"),
    ],
)
def test_features_make_the_kind(tmp_path: Path, features: dict[str, Any], kind: str) -> None:
    assert optimam.read(_make(tmp_path, {"7": SCREENED}, {"7": {"LCC": {"5": MARK | features}}})).findings[0].kind == kind


@pytest.mark.parametrize(
    ("event", "labels"),
    [
        ({}, ["normal", "normal"]),
        (BIOPSY, ["malignant", "normal"]),
        ({"SURGERY": {"left_opinion": "OB", "right_opinion": "OM"}}, ["benign", "malignant"]),
        ({"BIOPSYFINE": {"left_opinion": "Suspicious"}}, ["unknown", "normal"]),
        ({"BIOPSYWIDE": {"L": {"1": {"Opinion": "B3"}}}}, ["unknown", "normal"]),
        ({"BIOPSYFINE": {"L": {"1": {"Opinion": "C1"}}}}, ["unknown", "normal"]),
        ({"BIOPSYWIDE": {"L": {"1": {"Opinion": "B4"}}}, "SURGERY": {"left_opinion": "Normal"}}, ["unknown", "normal"]),
        ({"SURGERY": {"L": {"1": {"Opinion": "H5"}}}, **BIOPSY}, ["malignant", "normal"]),
        ({"BIOPSYWIDE": {"R": {"1": {"Opinion": "B2"}, "2": {"Opinion": "C5"}}}}, ["normal", "malignant"]),
        ({"ASSESSMENT": {"left_opinion": "Malignant"}}, ["normal", "normal"]),
    ],
)
def test_a_breast_is_labelled_by_surgery_and_biopsy_alone(tmp_path: Path, event: dict[str, Any], labels: list[str]) -> None:
    assert _labels(optimam.read(_make(tmp_path, {"7": SCREENED | event}, {"7": {"LCC": None, "RCC": None}}))) == labels


def test_films_before_a_cancer_are_neither_normal_nor_malignant(tmp_path: Path) -> None:
    records = {"ClientID": "optm1", "6": SCREENED, "7": SCREENED | BIOPSY}
    collection = optimam.read(_make(tmp_path, records, {"6": {"LCC": None, "RCC": None}, "7": {"LCC": None}}))
    assert _labels(collection) == ["unknown", "normal", "malignant"]
    assert [(row.date, row.days_from_first, row.exam_id) for row in collection.images] == [
        ("2011-03-01", 0, "optm1_study1"),
        ("2011-03-01", 0, "optm1_study1"),
        ("2012-03-01", 366, "optm1_study2"),
    ]
    assert {row.extra["status"] for row in collection.images} == {"M"}


def test_an_interval_cancer_of_no_known_side_leaves_both_breasts_unknown(tmp_path: Path) -> None:
    collection = optimam.read(_make(tmp_path, {"6": SCREENED, "7": {"EpisodeType": "CI"}}, {"6": {"LCC": None, "RCC": None}}))
    assert _labels(collection) == ["unknown", "unknown"]
    assert {row.extra["status"] for row in collection.images} == {"CI"}


def test_a_marked_breast_without_a_biopsy_is_not_normal(tmp_path: Path) -> None:
    collection = optimam.read(_make(tmp_path, {"7": SCREENED}, {"7": {"LCC": {"5": MARK}}}))
    assert (_labels(collection), collection.findings[0].pathology) == (["unknown"], "unknown")
    assert "marked films of a breast without a biopsy, label unknown: 1 (optm1_1)" in _problems(collection)


def test_a_study_of_no_episode_is_said(tmp_path: Path) -> None:
    collection = optimam.read(_make(tmp_path, {"7": SCREENED}, {"": {"LCC": None}, "9": {"RCC": None}}))
    assert _labels(collection) == ["unknown", "unknown"]
    assert "films whose study is of no episode in the records, label unknown: 2 (optm1_1, optm1_2)" in _problems(collection)


def test_an_opinion_that_is_not_known_is_refused_unless_explained(tmp_path: Path) -> None:
    _make(tmp_path, {"7": SCREENED | {"SURGERY": {"left_opinion": "Odd"}}}, {"7": {"LCC": None}})
    with pytest.raises(InputError, match="optm1, episode 7, left_opinion: 'Odd' is no label that is known here"):
        optimam.read(tmp_path)
    assert _labels(optimam.read(tmp_path, words={"odd": "benign"})) == ["benign"]


def test_broken_files_of_one_woman_leave_the_others(tmp_path: Path) -> None:
    for number in range(1, 6):
        _make(tmp_path, {"7": SCREENED}, {"7": {"LCC": None}}, f"optm{number}")
    data = tmp_path / "data"
    (data / "optm1" / "imagedb_optm1.json").write_text('{"STUDIES": ')
    (data / "optm2" / "nbss_optm2.json").write_text("[1]")
    (data / "optm3" / "nbss_optm3.json").unlink()
    (data / "optm4" / "imagedb_optm4.json").write_text("[" * 200_000)
    (data / "optm5" / "1.2.1" / "1.2.1.0.json").write_text('{"00200062": {"Value": [{}]}, "00280010": 7}')
    (data / "notes").mkdir()
    collection = optimam.read(tmp_path)
    assert [(row.image_id, row.label, row.laterality) for row in collection.images] == [
        ("optm2_1", "unknown", "L"),
        ("optm3_1", "unknown", "L"),
        ("optm5_1", "normal", None),
    ]
    problems = _problems(collection)
    assert "JSON files that cannot be read: 3 (imagedb_optm1.json: is not JSON" in problems
    assert "women without a nbss file: 1 (optm3)" in problems


@pytest.mark.parametrize(
    "studies", [None, [], {"1.2.1": []}, {"1.2.1": {"1.2.2": {"..": {}}}}, {"..": {"1.2": {"1.2": {}}}}, {"1.2.1": {"a": {"1.2": 3}}}]
)
def test_entries_that_are_no_studies_and_images_are_none(tmp_path: Path, studies: Any) -> None:
    root = _make(tmp_path, {"7": SCREENED}, {})
    (root / "data" / "optm1" / "imagedb_optm1.json").write_text(json.dumps({"STUDIES": studies}))
    assert optimam.read(root).images == []


def test_women_are_in_the_order_of_their_numbers_and_progress_is_told(tmp_path: Path) -> None:
    for client in ("optm10", "optm9", "demd2"):
        _make(tmp_path, {"7": SCREENED}, {"7": {"LCC": None}}, client)
    seen: list[tuple[int, int]] = []
    collection = optimam.read(tmp_path / "data", progress=lambda done, total: seen.append((done, total)))
    assert [row.patient_id for row in collection.images] == ["demd2", "optm9", "optm10"]
    assert seen[-1] == (3, 3)
