"""What `describe` counts in tables, by hand-made rows; and the counts of real tables."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.records import SEVERITY, Collection, FindingRow, ImageRow
from breastcad.datasets.describe import FINDING_FACETS, HELD_BACK, IMAGE_FACETS, Description, describe
from breastcad.read.sets import read_set


def film(image_id: str, patient: str | None, label: str, **said: object) -> ImageRow:
    return ImageRow("s", image_id, path=f"{image_id}.png", patient_id=patient, label=label, **said)  # type: ignore[arg-type]


IMAGES = [
    film("a", "p1", "benign", exam_id="e1", date="2020-01-01", age=52, view="CC", laterality="L", rows=400, cols=200, density="B"),
    film("b", "p1", "malignant", exam_id="e1", date="2020-01-01", age=52, view="MLO", laterality="L", rows=400, cols=200),
    film(
        "c", "p1", "normal", exam_id="e2", date="2020-01-31", age=53, view="CC", spacing_row_mm=0.1, spacing_col_mm=0.2, rows=100, cols=50
    ),
    film("d", "p2", "normal", exam_id="e1", date="no day", view="CC"),
    ImageRow("s", "e", present=0, label="unknown"),
]
FINDINGS = [
    FindingRow("s", "1", "a", pathology="benign", shape="OVAL", geometry="box", row0=0, col0=0, row1=40, col1=20),
    FindingRow("s", "2", "b", pathology="malignant", kind="calcification", geometry="point", row0=5, col0=5, row1=5, col1=5),
    FindingRow("s", "3", "c", pathology="benign", geometry="box", row0=10, col0=10, row1=20, col1=20),
]


def described(**options: bool) -> Description:
    return describe(Collection("", IMAGES, FINDINGS, facts={"set": "s"}), **options)


def counts_of(found: Description, facet: str) -> dict[tuple[str, str], int]:
    return {(row.value, row.label): row.n for row in found.counts if row.facet == facet}


def numbers_of(found: Description, quantity: str) -> dict[str, tuple[int, float, float, float]]:
    return {row.label: (row.n, row.min, row.median, row.max) for row in found.numbers if row.quantity == quantity}


def test_images_patients_exams_and_findings_are_counted() -> None:
    found = described()
    assert (found.listed, found.present, found.patients, found.exams, found.findings) == (5, 4, 2, 3, 3)
    assert counts_of(found, "view") == {
        **{("CC", "benign"): 1, ("CC", "normal"): 2},
        **{("MLO", "malignant"): 1, ("", "unknown"): 1},
    }
    assert counts_of(found, "files") == {
        **{("present", "normal"): 2, ("present", "benign"): 1, ("present", "malignant"): 1},
        **{("missing", "unknown"): 1},
    }
    assert counts_of(found, "age, years")["50 to 59", "malignant"] == 1
    assert counts_of(found, "spacing, mm (row x column)")["0.1 x 0.2", "normal"] == 1


def test_a_patient_has_the_worst_label_of_her_images() -> None:
    found = described()
    assert counts_of(found, "images per patient") == {("3", "malignant"): 1, ("1", "normal"): 1}
    assert counts_of(found, "exams per patient") == {("2", "malignant"): 1, ("1", "normal"): 1}
    assert counts_of(found, "images per exam") == {("2", "malignant"): 1, ("1", "normal"): 2}
    assert counts_of(found, "findings per image")["0", "normal"] == 1


def test_ages_count_once_an_exam_and_days_run_from_exam_to_exam() -> None:
    """p1 is 52 at e1 (two images) and 53 at e2, thirty days later; p2's day cannot be read."""
    found = described()
    one, other = (1, 52, 52, 52), (1, 53, 53, 53)
    assert numbers_of(found, "age at the exam, years") == {"all": (2, 52, 52.5, 53), "malignant": one, "normal": other}
    assert numbers_of(found, "days between exams") == {"all": (1, 30, 30, 30), "malignant": (1, 30, 30, 30)}


def test_days_from_the_first_exam_count_before_dates() -> None:
    rows = [film(str(day), "p", "normal", days_from_first=day, date=f"2020-01-{place:02}") for place, day in enumerate((365, 0, 100), 1)]
    assert numbers_of(describe(Collection("", rows)), "days between exams")["all"] == (2, 100, 182.5, 265)


def test_findings_are_measured_in_pixels_millimetres_and_shares() -> None:
    """Rows apart .1 mm and columns .2 mm: 10 x 10 pixels are 1 x 2 mm; 40 x 20 of 400 x 200 pixels are one percent; a point has no size."""
    found = described()
    assert numbers_of(found, "height of findings, pixels")["all"] == (2, 10, 25, 40)
    assert numbers_of(found, "long side of findings, mm") == {"all": (1, 2, 2, 2), "benign": (1, 2, 2, 2)}
    assert numbers_of(found, "box of findings, % of the image")["all"] == pytest.approx((2, 1, 1.5, 2))


def test_descriptors_are_those_of_their_kind() -> None:
    found = described()
    assert counts_of(found, "shape of masses") == {("OVAL", "benign"): 1, ("", "benign"): 1}
    assert counts_of(found, "morphology of calcifications") == {}  # nothing is known of any
    assert counts_of(found, "finding") == {("calcification", "malignant"): 1, ("mass", "benign"): 2}


def test_missing_values_are_counted_of_all_and_of_what_is_there() -> None:
    found = {(row.table, row.column): (row.missing, row.of, row.missing_present, row.of_present) for row in described().missing}
    assert found["images.csv", "density"] == (4, 5, 3, 4)
    assert found["images.csv", "label"] == (1, 5, 0, 4)
    assert found["images.csv", "path"] == (1, 5, 0, 4)
    assert found["findings.csv", "shape"] == (2, 3, 2, 3)
    assert ("images.csv", "image_id") not in found


def test_open_columns_are_columns_too() -> None:
    rows = [film("a", None, "normal"), film("b", None, "normal")]
    rows[0].extra = {"site": "1"}
    (found,) = (row for row in describe(Collection("", rows)).missing if row.column == "x_site")
    assert (found.missing, found.of) == (1, 2)


def test_only_what_is_present_is_counted_when_asked() -> None:
    found = described(only_present=True)
    assert (found.listed, found.present, found.findings) == (4, 4, 3)
    assert counts_of(found, "files") == {("present", "normal"): 2, ("present", "benign"): 1, ("present", "malignant"): 1}


def test_a_makers_name_that_few_patients_have_is_held_back() -> None:
    """An import takes it from DICOM headers; where a set names no patient it has told the word itself."""
    rows = [film(str(n), f"p{n}", "normal", manufacturer="GE" if n < 3 else "for Jane") for n in range(5)]
    assert counts_of(describe(Collection("", rows)), "manufacturer") == {("GE", "normal"): 3, (HELD_BACK, "normal"): 2}
    mixed = [*rows, *(ImageRow("t", str(n), manufacturer="for Jane", label="normal") for n in range(2))]
    assert counts_of(describe(Collection("", mixed)), "manufacturer")["for Jane", "normal"] == 2
    nobody = [film(str(n), None, "normal", manufacturer="GE") for n in range(2)]
    assert counts_of(describe(Collection("", nobody)), "manufacturer") == {("GE", "normal"): 2}


def test_an_empty_collection_has_no_counts() -> None:
    found = describe(Collection("", [], facts={"set": "none"}))
    assert (found.set, found.listed, found.counts, found.numbers, found.missing) == ("none", 0, [], [], [])


@given(
    st.lists(
        st.tuples(st.sampled_from(list(SEVERITY)), st.sampled_from([None, "CC", "MLO"]), st.none() | st.integers(18, 99), st.booleans()),
        max_size=30,
    )
)
def test_each_facet_has_each_image_once(drawn: list[tuple[str, str | None, int | None, bool]]) -> None:
    rows = [film(str(n), None, label, view=view, age=age, present=int(there)) for n, (label, view, age, there) in enumerate(drawn)]
    found = describe(Collection("", rows))
    labels = Counter(row.label for row in rows)
    for facet in IMAGE_FACETS:
        counted = Counter[str]()
        for (_, label), n in counts_of(found, facet).items():
            counted[label] += n
        assert counted in ({}, labels)


@pytest.mark.realdata
def test_the_real_tables_of_cbis_ddsm_give_the_counts_that_are_published(real_data: Path) -> None:
    """Pathology of the four tables: 544 + 129 + 637 + 147 malignant rows, 602 + 151 women with calcifications (18 with masses too)."""
    found = describe(read_set("cbis-ddsm", real_data / "cbis-ddsm-tables"))
    assert (found.listed, found.findings, found.patients) == (3103, 3568, 1566)
    pathology = Counter[str]()
    for (_, label), n in counts_of(found, "finding").items():
        pathology[label] += n
    assert pathology["malignant"] == 544 + 129 + 637 + 147
    assert sum(counts_of(found, "morphology of calcifications").values()) == 1546 + 326
    assert {facet for facet in FINDING_FACETS if counts_of(found, facet)} >= {"shape of masses", "distribution of calcifications"}
