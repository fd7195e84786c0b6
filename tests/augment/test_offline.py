"""Copies written out: parents recorded, findings moved, replayed bit for bit, and kept with their parents by split and audit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from breastcad.augment.offline import Plan, extended_split, read_records, remake, write_copies
from breastcad.augment.operations import Operation, operation
from breastcad.augment.policies import POLICIES, Policy
from breastcad.core.errors import ReadError
from breastcad.core.geometry import box_of_mask
from breastcad.core.records import Collection, FindingRow, ImageRow, SplitRow
from breastcad.datasets.audit import split_parts
from breastcad.datasets.audit_pixels import look, scenes
from breastcad.datasets.duplicates import joint_groups
from breastcad.datasets.splits import kfold, leaks
from breastcad.read.masks import open_mask

ROWS, COLS = 60, 84


def png(path: Path, levels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", levels)[1].tobytes())


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    """Return six made-up scans, one of 16 bits, one with a mask, one with a box, one with a circle and one whose file is broken."""
    root = tmp_path / "set"
    random = np.random.default_rng(0)
    for number in range(5):
        levels = cv2.GaussianBlur(random.integers(0, 65535, (ROWS, COLS)).astype(np.uint16), (0, 0), 3)
        png(root / f"i{number}.png", levels if number == 1 else (levels >> 8).astype(np.uint8))
    (root / "i5.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    mask = np.zeros((ROWS, COLS), np.uint8)
    mask[10:30, 50:60] = 255
    png(root / "i0_mask.png", mask)
    images = [
        ImageRow("s", f"i{n}", path=f"i{n}.png", modality="US", rows=ROWS, cols=COLS, bit_depth=8, label="benign" if n < 4 else "normal",
                 spacing_row_mm=0.1, spacing_col_mm=0.2, laterality="L", extra={"fold": "1"})
        for n in range(6)
    ]  # fmt: skip
    place = {"row0": 10.0, "col0": 50.0, "row1": 30.0, "col1": 60.0}
    findings = [
        FindingRow("s", "i0-1", "i0", lesion_id="l", pathology="benign", geometry="mask", mask_path="i0_mask.png", **place),
        FindingRow("s", "i1-1", "i1", pathology="benign", geometry="box", **place),
        FindingRow("s", "i2-1", "i2", pathology="benign", geometry="circle", points="20,55", row0=10, col0=45, row1=30, col1=65),
        FindingRow("s", "i3-1", "i3", pathology="benign", geometry="point", points="20,55", row0=20, col0=55, row1=20, col1=55),
        FindingRow("s", "i3-2", "i3", pathology="benign", geometry="mask", mask_path="gone.png"),
    ]
    return Collection(str(root), images, findings, facts={"set": "s"})


def plan_of(*steps: Operation, border: str = "black") -> Plan:
    """Return a plan that gives each image one copy by these operations."""
    policy = Policy("fixed", "this test", "what it says", 1, {}, "nothing", lambda settings, shape, copy, random: steps)
    return Plan(policy, {}, 1, 0, border)


def test_copies_name_their_parents_and_findings_move(collection: Collection, tmp_path: Path) -> None:
    """Flipped, columns 50 to 60 of 84 become 24 to 34."""
    out = tmp_path / "out"
    made = write_copies(collection, out, plan_of(operation("flip", side="left")))
    assert [(row.image_id, row.parent_image_id, row.origin, row.bit_depth) for row in made.images] == [
        (f"i{n}~fixed-s0-0", f"i{n}", "augmented", 16 if n == 1 else 8) for n in range(5)
    ]
    assert {row.extra["fold"] for row in made.images} == {"1"}
    assert (made.images[0].spacing_row_mm, made.images[0].spacing_col_mm) == (0.1, 0.2)
    by_id = {row.finding_id.split("~")[0]: row for row in made.findings}
    assert [(by_id["i0-1"].row0, by_id["i0-1"].col0, by_id["i0-1"].row1, by_id["i0-1"].col1)] == [(10, 24, 30, 34)]
    assert by_id["i0-1"].lesion_id == "l"
    assert (by_id["i1-1"].geometry, by_id["i1-1"].col0, by_id["i1-1"].col1) == ("box", 24, 34)
    assert (by_id["i2-1"].geometry, by_id["i2-1"].points, by_id["i2-1"].col0) == ("mask", None, 19)
    assert {by_id[name].geometry for name in ("i3-1", "i3-2")} == {"none"}
    for row in made.findings:
        if row.mask_path:
            assert box_of_mask(open_mask(out / row.mask_path)) == (row.row0, row.col0, row.row1, row.col1)
    for row in made.images:
        source = cv2.imread(str(Path(collection.root) / f"{row.parent_image_id}.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(cv2.imread(str(out / str(row.path)), cv2.IMREAD_UNCHANGED), source[:, ::-1])
    assert made.remarks == [
        "1 finding of the geometry point, which has no extent: without a place in the copies",
        "1 finding whose mask cannot be read, without a place in the copies",
        "s i5 is left out: i5.png: is truncated (a PNG's last chunk, IEND, is missing)",
    ]


def test_a_lesion_that_is_cut_away_takes_the_label_with_it(collection: Collection, tmp_path: Path) -> None:
    cut = operation("crop", row0=0, col0=0, row1=40, col1=40, size="cut")
    made = write_copies(collection, tmp_path / "out", plan_of(cut))
    labels = {row.parent_image_id: row.label for row in made.images}
    assert labels == {"i0": "unknown", "i1": "unknown", "i2": "unknown", "i3": "benign", "i4": "normal"}
    assert [record.gone for record in made.records] == [["i0-1"], ["i1-1"], ["i2-1"], [], []]
    assert "findings moved out of the frame and left out: 3; copies labelled 'unknown': 3" in made.remarks
    assert (made.images[0].rows, made.images[0].cols) == (40, 40)


def test_a_turn_forgets_the_spacing(collection: Collection, tmp_path: Path) -> None:
    made = write_copies(collection, tmp_path / "out", plan_of(operation("rotation", degrees=90, frame="whole")))
    assert {(row.rows, row.cols, row.spacing_row_mm, row.spacing_col_mm) for row in made.images} == {(COLS, ROWS, None, None)}


def test_the_border_is_as_asked_and_films_keep_what_is_black(collection: Collection, tmp_path: Path) -> None:
    collection.images[2] = replace(collection.images[2], modality="MG")
    pictures = {}
    for border in ("black", "mirror"):
        lighter = plan_of(operation("translation", down_px=20), operation("contrast", brightness=0.2), border=border)
        made = write_copies(collection, tmp_path / border, lighter)
        assert [(record.border, record.keep_black) for record in made.records[1:3]] == [(border, False), (border, True)]
        pictures[border] = [cv2.imread(str(tmp_path / border / str(row.path)), cv2.IMREAD_UNCHANGED)[:20] for row in made.images[1:3]]
    assert (pictures["black"][0] == 13107).all()  # a fifth of 65,535
    assert not pictures["black"][1].any()
    assert min(part.std() for part in pictures["mirror"]) > 0


def test_every_line_of_the_records_makes_its_picture_again(collection: Collection, tmp_path: Path) -> None:
    for name, policy in POLICIES.items():
        out = tmp_path / name
        made = write_copies(collection, out, Plan(policy, policy.settings, 8, 4))
        records = read_records(out)
        assert len(records) == len(made.images) == 40
        for record, row in zip(records, made.images, strict=True):
            written = cv2.imread(str(out / str(row.path)), cv2.IMREAD_UNCHANGED)
            np.testing.assert_array_equal(remake(record, collection), written)


def test_a_copy_does_not_depend_on_which_others_are_made_or_when(collection: Collection, tmp_path: Path) -> None:
    plan = Plan(POLICIES["broad"], POLICIES["broad"].settings, 2, 4)
    all_of_them = write_copies(collection, tmp_path / "all", plan)
    backwards = replace(collection, images=collection.images[::-1])
    some = write_copies(backwards, tmp_path / "some", replace(plan, copies=1), keys={("s", "i3"), ("s", "i1")})
    kept = {record.image_id: record for record in all_of_them.records}
    assert [record.parent_image_id for record in some.records] == ["i3", "i1"]
    assert len({json.dumps(record.operations) for record in all_of_them.records}) == 10  # each image and copy has its own
    for record in some.records:
        assert record == kept[record.image_id]


def test_lines_that_are_no_records_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="cannot be opened"):
        read_records(tmp_path / "none.jsonl")
    path = tmp_path / "augmentations.jsonl"
    for line in ("{", '{"set": "s"}', json.dumps({"operations": [{"operation": "spin"}]})):
        path.write_text(line + "\n")
        with pytest.raises(ReadError, match="line 1 is no record of an augmentation"):
            read_records(tmp_path)


def test_a_record_of_another_collection_cannot_be_made_again(collection: Collection, tmp_path: Path) -> None:
    record = write_copies(collection, tmp_path / "out", plan_of(operation("flip", side="top"))).records[0]
    with pytest.raises(ReadError, match="is no image of 's' that this collection has"):
        remake(record, replace(collection, images=[]))


# ---- copies and their parents stay together ----


@pytest.mark.parametrize("with_parents", [True, False])
def test_a_split_keeps_copies_with_their_parent_and_with_each_other(collection: Collection, tmp_path: Path, with_parents: bool) -> None:
    """Edges drawn alone look like no picture of a breast: near-duplicates would not find them."""
    made = write_copies(collection, tmp_path / "out", replace(plan_of(operation("edges", alpha=1)), copies=2))
    copies = Collection(str(tmp_path / "out"), made.images)
    parents = replace(collection, images=collection.images[:5])
    given = [parents, copies] if with_parents else [copies]
    groups = joint_groups(given, copies=False)
    rows = kfold([image for one in given for image in one.images], groups, folds=3, seed=1)
    part = {(row.outer, row.id): row.part for row in rows}
    assert leaks(rows) == []
    for outer in range(3):
        for image in made.images:
            assert part[outer, image.image_id] == part[outer, f"{image.parent_image_id}~fixed-s0-0"]
            if with_parents:
                assert part[outer, image.image_id] == part[outer, str(image.parent_image_id)]


def test_an_audit_finds_a_copy_that_was_parted_from_its_parent(collection: Collection, tmp_path: Path) -> None:
    made = write_copies(collection, tmp_path / "out", replace(plan_of(operation("edges", alpha=1)), copies=2))
    images = [*collection.images[:5], *made.images]
    rows = [SplitRow("s", f"i{n}", f"g{n}", part="train" if n < 2 else "test") for n in range(5)]
    together = [
        SplitRow("s", row.image_id, f"g{row.parent_image_id}", part="train") for row in made.images if row.parent_image_id in ("i0", "i1")
    ]
    parted = [SplitRow("s", "i2~fixed-s0-1", "another", part="train")]

    def of(rows: list[SplitRow]) -> tuple[str, int, int | None]:
        (check,) = (check for check in split_parts(rows, images) if check.name == "augmented copies on both sides")
        return check.verdict, check.count, check.of

    assert of(rows + together) == ("fine", 0, 4)
    assert of(rows + together + parted) == ("leak", 1, 5)
    without_parents = [SplitRow("s", "i2~fixed-s0-0", "a", part="test"), *parted]
    assert of(without_parents) == ("leak", 1, 2)
    found = scenes(look([replace(collection, images=collection.images[:5]), Collection(str(tmp_path / "out"), made.images)]))
    assert found.groups["s", "i2~fixed-s0-1"] == found.groups["s", "i2"]


def test_a_split_is_extended_by_copies_only_where_the_parent_is_in_the_part() -> None:
    rows = [SplitRow("s", name, name, outer=outer, part=part) for outer, part in ((0, "train"), (1, "test")) for name in ("a", "b")]
    made = [ImageRow("s", f"a~{n}", parent_image_id="a") for n in range(2)]
    extended = extended_split(rows, made, "train")
    assert [(row.id, row.group, row.outer, row.part) for row in extended] == [
        ("a", "a", 0, "train"), ("a~0", "a", 0, "train"), ("a~1", "a", 0, "train"), ("b", "b", 0, "train"),
        ("a", "a", 1, "test"), ("b", "b", 1, "test"),
    ]  # fmt: skip
    assert leaks(extended) == []
