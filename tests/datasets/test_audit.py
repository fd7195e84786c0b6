"""What an audit finds in tables, by hand-made rows; and the counts of the real CBIS-DDSM tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from breastcad.core.records import Collection, FindingRow, ImageRow, SplitRow
from breastcad.datasets.audit import (
    Check,
    contradictions,
    gaps,
    mixed_findings,
    published_parts,
    remarks_of,
    repeated_views,
    split_parts,
    worst,
)
from breastcad.read.sets import read_set


def film(image_id: str, patient: str | None, side: str, view: str, part: str | None = None, label: str = "benign") -> ImageRow:
    return ImageRow(
        "s", image_id, path="a.png", patient_id=patient, exam_id=patient, modality="MG", laterality=side, view=view, part=part, label=label
    )


FILMS = [
    film("a", "p1", "L", "CC", "train"),
    film("b", "p1", "L", "CC", "test"),  # the very view that is trained on
    film("c", "p1", "R", "CC", "test"),
    film("d", "p2", "L", "CC", "test"),
    film("e", "p3", "L", "CC", "train"),
]


def _by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_published_parts_that_share_a_patient_leak() -> None:
    found = _by_name(published_parts(FILMS))
    assert {name: (check.verdict, check.count, check.of) for name, check in found.items()} == {
        "patients on both sides": ("leak", 1, 2),
        "test images of patients on both sides": ("leak", 2, 3),
        "test views that are trained on": ("leak", 1, 2),
    }
    assert found["test images of patients on both sides"].items == ("b", "c")


def test_parts_of_other_patients_are_fine_and_sets_without_parts_are_not_judged() -> None:
    assert {check.verdict for check in published_parts(FILMS[3:])} == {"fine"}
    assert published_parts([film("a", "p1", "L", "CC")]) == []
    unnamed = [film("a", None, "L", "CC", "train"), film("b", None, "L", "CC", "test")]
    assert [check.verdict for check in published_parts(unnamed)] == ["note"]


def test_one_patient_of_two_sets_is_two() -> None:
    other = film("z", "p2", "L", "CC", "train")
    other.set = "t"
    assert {check.verdict for check in published_parts([*FILMS[3:], other])} == {"fine"}


def test_a_split_is_held_against_patients_and_against_groups_found_anew() -> None:
    rows = [SplitRow("s", "a", "g1", part="train"), SplitRow("s", "d", "g2", part="test"), SplitRow("s", "e", "g3", part="train")]
    assert worst(split_parts(rows, FILMS)) == "fine"
    groups = {("s", "a"): "x", ("s", "d"): "x", ("s", "e"): "y"}
    found = _by_name(split_parts(rows, FILMS, groups))["groups on both sides"]
    assert (found.verdict, found.count, found.of, found.items) == ("leak", 1, 2, ("x: a, d",))
    rows.append(SplitRow("s", "b", "g1", part="test"))
    assert _by_name(split_parts(rows, FILMS))["test views that are trained on"].items == ("b",)
    assert _by_name(split_parts(rows, FILMS))["groups on both sides"].count == 1


def test_copies_and_scenes_in_two_parts_leak_whatever_their_groups() -> None:
    rows = [SplitRow("s", "a", "g1", part="train"), SplitRow("s", "d", "g2", part="test"), SplitRow("s", "e", "g3", part="train")]
    groups = {("s", name): name for name in "ade"}
    copies = [(("s", "a"), ("s", "e")), (("s", "d"), ("s", "e")), (("s", "d"), ("s", "not in this fold"))]
    found = _by_name(split_parts(rows, FILMS, groups, copies))["copies on both sides"]
    assert (found.verdict, found.count, found.of, found.items) == ("leak", 1, 2, ("s d (test) = s e (train)",))
    assert _by_name(split_parts(rows, FILMS, groups, copies[:1]))["copies on both sides"].verdict == "fine"
    assert "copies on both sides" not in _by_name(split_parts(rows, FILMS))  # no picture was looked at
    published = _by_name(published_parts(FILMS[3:], copies))["scenes on both sides"]
    assert (published.verdict, published.count, published.of) == ("leak", 1, 1)


def test_a_fold_is_named() -> None:
    rows = [
        SplitRow("s", name, name, outer=outer, part="test" if place == outer else "train")
        for outer in (0, 1)
        for place, name in enumerate("de")
    ]
    assert {check.said.partition(":")[0] for check in split_parts(rows, FILMS) if check.name == "groups on both sides"} == {
        "fold 0",
        "fold 1",
    }


def test_an_inner_fold_is_held_against_what_its_outer_fold_tests() -> None:
    rows = [
        SplitRow("s", "d", "d", part="test"),
        SplitRow("s", "e", "e"),
        SplitRow("s", "e", "e", inner=1),
        SplitRow("s", "a", "a", inner=1),
    ]
    assert worst(split_parts(rows, FILMS)) == "fine"
    rows.append(SplitRow("s", "d", "d", inner=2, part="validation"))
    leaking = [check for check in split_parts(rows, FILMS) if check.verdict == "leak"]
    assert {(check.name, check.said.partition(":")[0]) for check in leaking} == {("groups on both sides", "repeat 0, fold 0, inner 2")}
    rows[-1] = SplitRow("s", "b", "b", inner=2)
    rows[0] = SplitRow("s", "c", "c", part="test")
    leaking = [check for check in split_parts(rows, FILMS) if check.verdict == "leak"]
    assert {check.said.partition(":")[0] for check in leaking} == {"s, repeat 0, fold 0, inner 1", "s, repeat 0, fold 0, inner 2"}
    assert {check.name for check in leaking} == {"patients on both sides", "test images of patients on both sides"}


def test_a_view_listed_twice_is_said() -> None:
    (found,) = repeated_views(FILMS)
    assert (found.verdict, found.count, found.of, found.items) == ("warning", 1, 4, ("a = b",))
    assert repeated_views([ImageRow("s", "u", patient_id="p", modality="US")]) == []


def test_both_pathologies_on_one_film_and_on_one_view_over_tables() -> None:
    findings = [
        FindingRow("s", "1", "a", pathology="benign"),
        FindingRow("s", "2", "b", pathology="malignant"),
        FindingRow("s", "3", "c", pathology="benign"),
        FindingRow("s", "4", "c", pathology="malignant"),
    ]
    by_image, by_view = mixed_findings(FILMS, findings)
    assert (by_image.count, by_image.of, by_image.items) == (1, 3, ("c",))
    assert (by_view.count, by_view.of) == (2, 2)


def test_gaps_are_counted() -> None:
    images = [*FILMS[:2], ImageRow("s", "x", present=0), ImageRow("s", "y", path="y.png", aspect="lost")]
    findings = [FindingRow("s", "1", "a"), FindingRow("s", "2", "a", geometry="box"), FindingRow("s", "3", "x")]
    counts = {check.name: (check.count, check.of) for check in gaps(images, findings)}
    assert counts == {
        "images that are missing": (1, 4),
        "images without a label": (1, 3),
        "images without a patient": (1, 3),
        "images whose proportions are lost": (1, 3),
        "findings without a place": (1, 2),
    }


def test_rows_that_contradict_each_other_are_named() -> None:
    images = [film("a", "p", "L", "CC"), film("b", "p", "R", "CC", label="normal"), film("c", "q", "L", "CC", label="unknown")]
    images[0].rows, images[0].cols = 100, 80
    findings = [
        FindingRow("s", "1", "a", "one", pathology="malignant"),  # the image is benign
        FindingRow("s", "2", "b", "one", pathology="unknown"),  # the image is normal; the lesion is of the other breast
        FindingRow("s", "3", "c", pathology="malignant"),
        FindingRow("s", "4", "a", "two", pathology="benign", geometry="box", row0=90, col0=10, row1=130, col1=20),
        FindingRow("s", "5", "a", "two", pathology="benign", geometry="box", row0=80, col0=60, row1=120, col1=100),
    ]
    assert {check.name: check.items for check in contradictions(images, findings)} == {
        "findings that are worse than their image's label": ("1",),
        "findings on images that are labelled normal": ("2",),
        "findings without a pathology": ("2",),
        "findings whose middle lies outside their image": ("4",),
        "lesions on two sides": ("s one",),
    }


def test_what_import_said_is_said_again() -> None:
    said = [Collection("", [], facts={"set": "s", "problems": ["masks that are empty: 1 (a.png)"]}), Collection("", [])]
    assert [(check.verdict, check.items) for check in remarks_of(said)] == [("note", ("s: masks that are empty: 1 (a.png)",))]
    assert [check.verdict for check in remarks_of(said[1:])] == ["fine"]


@pytest.mark.quirk("CBIS-Q6")
@pytest.mark.realdata
def test_the_official_split_of_cbis_ddsm_leaks_by_its_tables(real_data: Path) -> None:
    collection = read_set("cbis-ddsm", real_data / "cbis-ddsm-tables")
    counts = collection.facts["counts"]
    assert (counts["findings"], counts["listed"], counts["patients"], counts["distinct_views"]) == (3568, 3103, 1566, 3032)
    found = _by_name(published_parts(collection.images))
    assert (found["patients on both sides"].count, found["patients on both sides"].of) == (31, 349)
    assert (found["test images of patients on both sides"].count, found["test images of patients on both sides"].of) == (50, 645)
    assert found["test views that are trained on"].count == 29
    assert repeated_views(collection.images)[0].count == 71
    assert [check.count for check in mixed_findings(collection.images, collection.findings)] == [17, 33]
    for kind in ("mass", "calcification"):
        assert worst(published_parts([image for image in collection.images if image.extra["table"] == kind])) == "fine"
