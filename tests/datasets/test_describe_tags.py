"""Which tags part malignant images from the others: by hand, on shuffled patients, and on made-up DICOM files with a planted tag."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.records import Collection, ImageRow
from breastcad.core.seeding import generator
from breastcad.datasets import describe_tags
from breastcad.datasets.describe import HELD_BACK
from breastcad.datasets.describe_tags import (
    SHUFFLES,
    TagExploration,
    _drawn,
    _shuffled_labels,
    explore_tags,
    hidden_of,
    partings_of,
)
from breastcad.phantom.sets import write_set
from breastcad.read.sets import read_set


def row(image_id: str, label: str, patient: str | None = None) -> ImageRow:
    return ImageRow("s", image_id, path=f"{image_id}.dcm", patient_id=patient, label=label)


# ---- parting ----

FIRST_TWO = np.array([[True, True, False, False, False]])


@pytest.mark.parametrize(
    ("values", "parting"),
    [
        (["a", "a", "b", "b", "b"], 1.0),
        (["a", "b", "a", "b", "b"], 1 / 6),  # a: 1/2 against 1/3
        (["a", None, "a", "b", None], 1 / 3),  # a 1/2, 1/3; b 0, 1/3; none 1/2, 1/3: the sum of differences is 2/3
        ([None, None, 1.0, 2.0, 3.0], 1.0),  # not filled in is a value of its own
        ([1.0, 3.0, 2.0, 2.0, 4.0], 0.5),  # at most 1: 1/2 against 0
        ([1.0, 2.0, 1.0, 2.0, "odd"], 1 / 3),  # one word makes all words
        ([5.0, 5.0, 5.0, 5.0, 5.0], 0.0),
    ],
)
def test_parting_by_hand(values: list[str | float | None], parting: float) -> None:
    assert partings_of(values, FIRST_TWO)[0] == pytest.approx(parting)


@given(
    st.lists(st.tuples(st.none() | st.floats(-5, 5), st.booleans()), min_size=2, max_size=30).filter(lambda x: len({b for _, b in x}) == 2)
)
def test_parting_lies_between_0_and_1_and_is_the_same_seen_from_the_other_side(drawn: list[tuple[float | None, bool]]) -> None:
    values, first = [value for value, _ in drawn], np.array([[which for _, which in drawn]])
    parting = partings_of(values, first)[0]
    assert 0 <= parting <= 1 + 1e-12
    assert parting == pytest.approx(partings_of(values, ~first)[0])
    assert parting <= partings_of([None if value is None else f"{value!r}" for value in values], first)[0] + 1e-12


def test_labels_are_shuffled_by_whole_patients() -> None:
    """Ten women with four images each, alike in label: a shuffled labelling has runs of four too, and as many malignant images."""
    rows = [row(f"{woman}-{view}", "malignant" if woman < 3 else "benign", f"p{woman}") for woman in range(10) for view in range(4)]
    labellings = _shuffled_labels([*rows, row("x", "unknown")], generator(0))
    assert labellings is not None
    assert labellings.shape == (1 + SHUFFLES, 40)
    assert (labellings.sum(axis=1) == 12).all()
    assert set(np.unique(labellings.reshape(1 + SHUFFLES, 10, 4).sum(axis=2))) == {0, 4}
    assert len(np.unique(labellings, axis=0)) > 50
    assert _shuffled_labels(rows[:8], generator(0)) is None


def test_half_of_a_sample_is_malignant_where_there_are_as_many() -> None:
    images = [row(str(n), "malignant" if n % 10 == 0 else "benign") for n in range(100)]
    labels = [image.label for image in _drawn(images, 12, generator(0))]
    assert (labels.count("malignant"), len(labels)) == (6, 12)
    labels = [image.label for image in _drawn(images, 40, generator(0))]
    assert (labels.count("malignant"), len(labels)) == (10, 40)
    assert len(_drawn(images[::10], 4, generator(0))) == 4
    assert _drawn(images, None, generator(0)) == images


# ---- files ----


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cmmd")
    write_set("cmmd", folder, n=12, seed=3)
    return folder


@pytest.fixture
def cmmd(made_up: Path, tmp_path: Path) -> Collection:
    """Return a collection of a copy of a made-up CMMD: DICOM files, benign, malignant and unlabelled."""
    shutil.copytree(made_up, tmp_path / "set")
    return read_set("cmmd", tmp_path / "set")


def _rewritten(collection: Collection, change: Callable[[pydicom.FileDataset, ImageRow], None]) -> Collection:
    for image in collection.images:
        path = Path(collection.root) / str(image.path)
        dataset = pydicom.dcmread(path)
        change(dataset, image)
        dataset.save_as(path)
    return collection


def _explored(collection: Collection, limit: int | None = None) -> TagExploration:
    return explore_tags(collection, "cmmd", limit, generator(0, "tags"))


def test_a_tag_that_tells_cancer_stands_out_and_one_that_does_not_stays(cmmd: Collection) -> None:
    def plant(dataset: pydicom.FileDataset, image: ImageRow) -> None:
        dataset.ManufacturerModelName = "Model A" if image.label == "malignant" else "Model B"
        dataset.KVP = 25 + 2 * (image.label == "malignant") + int(image.image_id[-1]) / 10
        dataset.Grid = "FOCUSED"

    found = _explored(_rewritten(cmmd, plant))
    assert (found.read, found.unread) == (len(cmmd.images), [])
    assert {tag.keyword for tag in found.tags if tag.stands_out} >= {"ManufacturerModelName", "KVP"}
    assert found.tags[0].parting == 1
    by_name = {tag.keyword: tag for tag in found.tags}
    assert (by_name["Grid"].parting, by_name["Grid"].stands_out, by_name["Grid"].distinct) == (0, False, 1)
    models = {(row.value, row.label): row.n for row in found.counts if row.facet == "ManufacturerModelName"}
    assert models["Model A", "malignant"] == found.labels["malignant"]
    assert ("Model A", "benign") not in models
    assert next(row for row in found.numbers if (row.quantity, row.label) == ("KVP", "malignant")).min >= 27


def test_names_never_come_out_of_the_files(cmmd: Collection) -> None:
    def name(dataset: pydicom.FileDataset, image: ImageRow) -> None:
        dataset.PatientName, dataset.PatientBirthDate, dataset.InstitutionName = "Zebra^Jane", "19610203", "Castle"
        dataset.SoftwareVersions, dataset.ImageComments = "of Zebra", "Castle"

    told = str(_explored(_rewritten(cmmd, name)))
    for word in ("Zebra", "Jane", "19610203", "Castle", *{str(image.path).split("/")[2] for image in cmmd.images}):
        assert word not in told


def test_what_somebody_typed_about_one_patient_is_held_back(cmmd: Collection) -> None:
    """One woman's films hold her name, days with the day first and a remark in tags that may be told; a scanner's word, on all, is told."""
    who = cmmd.images[0].patient_id
    typed = {
        **{"SoftwareVersions": "born 03.11.1954", "PaddleDescription": "Oma Kowalska 03/11/1954", "FilterType": "March 3rd"},
        **{"BodyPartExamined": "KOWALSKA", "ManufacturerModelName": "new, 3. Mar 1954", "ViewPosition": "XCCL"},
    }

    def write(dataset: pydicom.FileDataset, image: ImageRow) -> None:
        dataset.SoftwareVersions, dataset.PaddleDescription = "V1.2", "24x29 of 12.03.2019"
        dataset.PatientAge = "061Y"
        if image.patient_id == who:
            dataset.update(typed)
            dataset.PatientAge = "097Y"

    found = _explored(_rewritten(cmmd, write))
    told = {(row.facet, row.value) for row in found.counts}
    assert {("SoftwareVersions", "V1.2"), ("PatientAge", "61"), ("ViewPosition", "XCCL"), ("BodyPartExamined", "BREAST")} <= told
    for word in ("1954", "March", "Mar ", "Kowalska", "KOWALSKA", "2019", "97"):
        assert not [value for _, value in told if word in value]
    films = sum(image.patient_id == who for image in cmmd.images)
    assert sum(row.n for row in found.counts if (row.facet, row.value) == ("FilterType", HELD_BACK)) == films
    held = {tag.keyword: (tag.held_back, tag.distinct) for tag in found.tags if tag.held_back}
    assert held["SoftwareVersions"] == held["PatientAge"] == (1, 2)
    assert held["PaddleDescription"] == (2, 2)  # a day is held back however many have it


@pytest.mark.parametrize("word", ["12.3.2019", "03/11/1954", "3-11-1954", "03111954", "March 3rd", "3. Mar 54", "on 3rd of no: sept 14"])
def test_a_day_is_held_back_however_many_patients_have_it(word: str) -> None:
    assert hidden_of("PaddleDescription", [word] * 9, [f"p{n}" for n in range(9)]) == {word}


@pytest.mark.parametrize("word", ["V1.2.20103", "5.3.10", "24x29 cm", "Marlow 3", "LORAD 3 GENERATION", "Mayfair 2", "40001954"])
def test_what_looks_like_a_day_and_is_none_is_told(word: str) -> None:
    assert hidden_of("PaddleDescription", [word] * 3, ["p", "q", "r"]) == set()


def test_patients_who_are_not_named_count_as_one() -> None:
    assert hidden_of("Manufacturer", ["GE"] * 5, [None, None, None, "p", "p"]) == {"GE"}
    assert hidden_of("Manufacturer", ["GE"] * 3, [None, "p", "q"]) == set()


def test_broken_missing_and_other_files_stop_nothing(cmmd: Collection) -> None:
    paths = [Path(cmmd.root) / str(image.path) for image in cmmd.images]
    paths[0].write_bytes(paths[0].read_bytes()[:-5000])
    paths[1].unlink()
    paths[2].write_bytes(b"no picture at all")
    found = _explored(cmmd)
    assert (found.looked_at, found.read, len(found.unread)) == (len(paths), len(paths) - 3, 2)
    assert any("does not exist" in sentence for sentence in found.unread)


def test_a_file_that_is_named_after_a_patient_and_cannot_be_read_is_told_by_its_image(cmmd: Collection) -> None:
    image = cmmd.images[0]
    path = Path(cmmd.root) / str(image.path)
    path.rename(path.with_name("Jane_Zebra.dcm")).write_bytes(path.with_name("Jane_Zebra.dcm").read_bytes()[:-5000])
    image.path = str(Path(str(image.path)).with_name("Jane_Zebra.dcm"))
    (sentence,) = _explored(cmmd).unread
    assert sentence.startswith(f"{image.image_id}: ")
    assert "Zebra" not in sentence


def test_a_tag_with_many_numbers_is_told_by_quartiles(cmmd: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(describe_tags, "MOST_VALUES", 10)
    numbers = iter(range(1000))

    def count(dataset: pydicom.FileDataset, image: ImageRow) -> None:
        dataset.BodyPartThickness = next(numbers)

    found = _explored(_rewritten(cmmd, count))
    assert {row.value for row in found.counts if row.facet == "BodyPartThickness"} == {"filled in"}
    (whole,) = (row for row in found.numbers if (row.quantity, row.label) == ("BodyPartThickness", "all"))
    assert (whole.n, whole.min, whole.max) == (len(cmmd.images), 0, len(cmmd.images) - 1)


def test_files_that_are_no_dicom_are_passed_over(tmp_path: Path) -> None:
    write_set("busi", tmp_path / "set", n=6, seed=3)
    found = _explored(read_set("busi", tmp_path / "set"), 4)
    assert (found.looked_at, found.read, found.tags, found.unread) == (4, 0, [], [])
