"""A collection through a pipeline: pictures, masks, boxes, points and maps stay together; a stopped call goes on where it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from breastcad.core.errors import InputError
from breastcad.core.records import Collection, FindingRow, ImageRow, RegionRow
from breastcad.datasets import preprocessed
from breastcad.datasets.preprocessed import HIDDEN, JOURNAL, LOST, TINY, preprocess_collection, safe_name
from breastcad.preprocess.pipelines import Pipeline
from breastcad.preprocess.prepared import Prepared, cropped
from breastcad.preprocess.steps import checked_settings
from breastcad.read import open_picture


def pipeline_of(*steps: str, modality: str | None = None, **settings: object) -> Pipeline:
    """Return a pipeline of steps; the settings are those of the first."""
    made = [(name, checked_settings(name, settings if place == 0 else {})) for place, name in enumerate(steps)]
    return Pipeline("test", "", "", tuple(made), modality)


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    """Return two images of 60 x 40: a with a finding of each geometry, all round rows 20 to 40, columns 10 to 20; b without, broken."""
    root = tmp_path / "set"
    root.mkdir()
    levels = np.full((60, 40), 40, np.uint8)
    levels[20:40, 10:20] = 200
    mask = np.where(levels == 200, 255, 0).astype(np.uint8)
    for name, pixels in (("a (1).png", levels), ("mask.png", mask), ("map.png", np.where(levels == 200, 192, 64).astype(np.uint8))):
        cv2.imwrite(str(root / name), pixels)
    (root / "b.png").write_bytes(b"no picture")
    images = [
        ImageRow(
            "s",
            "a (1)",
            "a (1).png",
            modality="MG",
            rows=60,
            cols=40,
            spacing_row_mm=0.1,
            spacing_col_mm=0.1,
            patient_id="p",
            label="benign",
        ),
        ImageRow("s", "b", "b.png", modality="MG"),
        ImageRow("s", "c", None, present=0),
    ]
    box = {"row0": 20.0, "col0": 10.0, "row1": 40.0, "col1": 20.0}
    findings = [
        FindingRow("s", "f-mask", "a (1)", geometry="mask", mask_path="mask.png", **box),
        FindingRow("s", "f-box", "a (1)", geometry="box", **box),
        FindingRow("s", "f-oval", "a (1)", geometry="circle", points="25,15", row0=20.0, col0=10.0, row1=30.0, col1=20.0),
        FindingRow("s", "f-dot", "a (1)", geometry="point", points="30,15"),
        FindingRow("s", "f-line", "a (1)", geometry="polygon", points="20,10 40,10 40,20", **box),
        FindingRow("s", "f-none", "a (1)"),
        FindingRow("s", "f-far", "a (1)", geometry="box", row0=50.0, col0=30.0, row1=58.0, col1=38.0),
        FindingRow("s", "f-of-c", "c"),
    ]
    regions = [RegionRow("s", "a (1)", "fibroglandular", "map.png", 192), RegionRow("s", "a (1)", "background", "map.png", 64)]
    facts = {"set": "s", "problems": ["one"], "counts": {"listed": 3}}
    return Collection(str(root), images, findings, regions, facts)


def test_everything_of_an_image_is_moved_together(collection: Collection, tmp_path: Path) -> None:
    made = preprocess_collection(collection, pipeline_of("resize", rows=120, cols=40), tmp_path / "out")
    new = made.collection
    image = new.images[0]
    assert (image.rows, image.cols, image.aspect, image.bit_depth, image.label, image.patient_id) == (120, 40, "lost", 16, "benign", "p")
    assert (image.spacing_row_mm, image.spacing_col_mm) == (0.05, 0.1)
    assert image.extra["source_row_step"] == "0.5"
    pixels = open_picture(tmp_path / "out" / str(image.path)).pixels
    np.testing.assert_allclose(
        pixels[:, 15], np.interp(np.arange(120) / 2 - 0.25, np.arange(60), [40] * 20 + [200] * 20 + [40] * 20) / 255, atol=1e-4
    )
    rows = {row.finding_id: row for row in new.findings}
    mask = open_picture(tmp_path / "out" / str(rows["f-mask"].mask_path)).pixels > 0
    assert np.argwhere(mask).min(0).tolist() == [40, 10]
    assert mask.sum() == 40 * 10
    for name in ("f-mask", "f-box", "f-line"):
        assert (rows[name].row0, rows[name].col0, rows[name].row1, rows[name].col1) == (40.0, 10.0, 80.0, 20.0)
    assert rows["f-line"].points == "40,10 80,10 80,20"
    oval = rows["f-oval"]
    assert (oval.geometry, oval.points, oval.row0, oval.row1, oval.col0, oval.col1) == ("ellipse", "50,15", 40.0, 60.0, 10.0, 20.0)
    assert (rows["f-dot"].geometry, rows["f-dot"].points, rows["f-dot"].row0) == ("point", "60,15", None)
    assert rows["f-none"].geometry == "none"
    codes = open_picture(tmp_path / "out" / new.regions[0].path).pixels * 255
    assert np.unique(np.rint(codes[mask])).tolist() == [192]
    assert new.regions[0].path == new.regions[1].path


def test_what_cannot_be_read_is_said_and_the_rest_is_done(collection: Collection, tmp_path: Path) -> None:
    made = preprocess_collection(collection, pipeline_of("resize", rows=30, cols=20), tmp_path / "out")
    assert [(image.image_id, image.present) for image in made.collection.images] == [("a (1)", 1), ("b", 0), ("c", 0)]
    assert list(made.remarks.values()) == [["b"]]
    assert made.collection.facts["counts"] == {"listed": 3, "preprocessed": 1}
    assert made.collection.facts["problems"][0] == "one"
    assert "(1 image, first: b)" in made.collection.facts["problems"][1]
    assert made.collection.facts["pipeline"]["steps"] == [{"resize": {"rows": 30, "cols": 20}}]


def test_a_finding_that_is_cut_off_has_no_place_and_that_is_said(
    collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pipeline, "run", lambda self, prepared: cropped(prepared, (0, 0, 45, 15)))
    made = preprocess_collection(collection, pipeline_of("resize"), tmp_path / "out")
    rows = {row.finding_id: row for row in made.collection.findings}
    assert (rows["f-box"].row1, rows["f-box"].col1) == (40.0, 15.0)  # cut at the border
    assert (rows["f-oval"].row1, rows["f-oval"].col1) == (30.0, 20.0)  # a circle that is cut is a circle all the same
    assert (rows["f-far"].geometry, rows["f-far"].row0) == ("none", None)
    assert made.remarks[LOST] == ["a (1)"]


def test_the_wrong_modality_is_not_done(collection: Collection, tmp_path: Path) -> None:
    made = preprocess_collection(collection, pipeline_of("resize", modality="US"), tmp_path / "out")
    assert "is MG, and pipeline 'test' is for US" in made.remarks
    assert made.collection.facts["counts"]["preprocessed"] == 0


def test_a_call_that_was_stopped_goes_on_and_another_is_refused(
    collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.images[1] = ImageRow("s", "b", "a (1).png", modality="MG", rows=60, cols=40)
    chosen = pipeline_of("resize", rows=30, cols=20)
    whole = preprocess_collection(collection, chosen, tmp_path / "whole")
    real = preprocessed.preprocess_image

    def stopped(pipeline: Pipeline, job: preprocessed.Job) -> preprocessed.Made:
        if job.name == "b":
            raise KeyboardInterrupt
        return real(pipeline, job)

    monkeypatch.setattr(preprocessed, "preprocess_image", stopped)
    with pytest.raises(KeyboardInterrupt):
        preprocess_collection(collection, chosen, tmp_path / "out")
    with open(tmp_path / "out" / JOURNAL, "a") as stream:
        stream.write('\n["b", {"image": ')  # a line that was cut off
    seen: list[str] = []
    monkeypatch.setattr(preprocessed, "preprocess_image", lambda pipeline, job: (seen.append(job.name), real(pipeline, job))[1])
    with pytest.raises(InputError, match="holds an unfinished preprocessing of something else"):
        preprocess_collection(collection, pipeline_of("resize", rows=31, cols=20), tmp_path / "out")
    again = preprocess_collection(collection, chosen, tmp_path / "out")
    assert seen == ["b"]
    assert (again.collection.images, again.collection.findings) == (whole.collection.images, whole.collection.findings)


@pytest.mark.slow
def test_more_processes_give_the_same(collection: Collection, tmp_path: Path) -> None:
    collection.images[1] = ImageRow("s", "b", "a (1).png", modality="MG", rows=60, cols=40)
    chosen = pipeline_of("resize", rows=30, cols=20)
    alone = preprocess_collection(collection, chosen, tmp_path / "alone")
    two = preprocess_collection(collection, chosen, tmp_path / "two", workers=2)
    assert alone.collection.images == two.collection.images
    for image in alone.collection.images[:2]:
        assert (tmp_path / "alone" / str(image.path)).read_bytes() == (tmp_path / "two" / str(image.path)).read_bytes()


def test_names_that_are_the_same_but_for_case_do_not_meet(collection: Collection, tmp_path: Path) -> None:
    collection.images = [ImageRow("s", name, "a (1).png", modality="MG") for name in ("x", "X", "../x")]
    made = preprocess_collection(collection, pipeline_of("resize", rows=6, cols=4), tmp_path / "out")
    paths = [str(image.path).lower() for image in made.collection.images]
    assert len(set(paths)) == 3
    assert safe_name("../../") == "image"


def test_a_journal_of_other_images_of_the_same_ids_is_refused(
    collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = pipeline_of("resize", rows=30, cols=20)
    preprocess_collection(collection, chosen, tmp_path / "out")  # the journal is for the caller to remove
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for other in (
        replace(collection, root=str(elsewhere)),
        replace(collection, images=[replace(collection.images[0], path="mask.png"), *collection.images[1:]]),
        replace(collection, findings=collection.findings[1:]),
    ):
        with pytest.raises(InputError, match="of something else"):
            preprocess_collection(other, chosen, tmp_path / "out")


def test_a_call_stopped_in_its_first_image_goes_on(collection: Collection, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / JOURNAL).touch()
    made = preprocess_collection(collection, pipeline_of("resize", rows=30, cols=20), tmp_path / "out")
    assert made.collection.facts["counts"]["preprocessed"] == 1


def test_what_could_not_be_done_is_tried_again(collection: Collection, tmp_path: Path) -> None:
    chosen = pipeline_of("resize", rows=30, cols=20)
    preprocess_collection(collection, chosen, tmp_path / "out")
    cv2.imwrite(str(tmp_path / "set" / "b.png"), np.full((60, 40), 9, np.uint8))
    again = preprocess_collection(collection, chosen, tmp_path / "out")
    assert [image.present for image in again.collection.images] == [1, 1, 0]


def test_a_mask_too_small_for_the_new_pixels_leaves_its_box(collection: Collection, tmp_path: Path) -> None:
    spot = np.zeros((60, 40), np.uint8)
    spot[30:32, 21:23] = 255
    cv2.imwrite(str(tmp_path / "set" / "mask.png"), spot)
    made = preprocess_collection(collection, pipeline_of("resize", rows=6, cols=4), tmp_path / "out")
    found = made.collection.findings[0]
    assert (found.geometry, found.mask_path) == ("box", None)
    assert (found.row0, found.col0, found.row1, found.col1) == pytest.approx((3.0, 2.1, 3.2, 2.3))
    assert made.remarks[TINY] == ["a (1)"]
    assert LOST not in made.remarks


def test_ids_that_are_one_file_name_keep_their_own_masks_and_maps(collection: Collection, tmp_path: Path) -> None:
    root = tmp_path / "set"
    for place, name in enumerate(("x y", "x_y")):
        levels = np.zeros((60, 40), np.uint8)
        levels[10 * place : 10 * place + 10, :10] = 255
        (root / name).mkdir()
        cv2.imwrite(str(root / name / "m.png"), levels)
    finding = replace(collection.findings[0], mask_path=None)
    collection.findings = [replace(finding, finding_id=name, mask_path=f"{name}/m.png") for name in ("x y", "x_y")]
    collection.regions = [RegionRow("s", "a (1)", name, f"{name}/m.png", 255) for name in ("x y", "x_y")]
    made = preprocess_collection(collection, pipeline_of("resize", rows=60, cols=40), tmp_path / "out").collection
    for paths in ([row.mask_path for row in made.findings], [row.path for row in made.regions]):
        tops = [int(np.flatnonzero(open_picture(tmp_path / "out" / str(path)).pixels[:, 0])[0]) for path in paths]
        assert tops == [0, 10]


def test_a_map_of_another_size_is_left_out(collection: Collection, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "set" / "map.png"), np.full((30, 20), 64, np.uint8))
    made = preprocess_collection(collection, pipeline_of("resize", rows=60, cols=40), tmp_path / "out")
    assert made.collection.regions == []
    assert "the map of region fibroglandular is of another size than its image: left out" in made.remarks


def test_a_point_on_the_border_keeps_its_place(collection: Collection, tmp_path: Path) -> None:
    collection.findings = [FindingRow("s", "dot", "a (1)", geometry="point", points="0,40")]
    made = preprocess_collection(collection, pipeline_of("resize", rows=120, cols=80), tmp_path / "out")
    assert made.collection.findings[0].points == "0,80"


def test_pixels_that_are_made_square_are_not_called_squeezed(collection: Collection, tmp_path: Path) -> None:
    collection.images[0] = replace(collection.images[0], spacing_row_mm=0.1, spacing_col_mm=0.2, aspect="kept")
    made = preprocess_collection(collection, pipeline_of("respace", mm=0.1), tmp_path / "out").collection.images[0]
    assert (made.rows, made.cols, made.aspect) == (60, 80, "kept")


def test_a_finding_of_an_image_that_is_not_here_names_no_file_of_the_source(collection: Collection, tmp_path: Path) -> None:
    collection.findings = [replace(collection.findings[0], image_id="b")]
    made = preprocess_collection(collection, pipeline_of("resize", rows=6, cols=4), tmp_path / "out")
    assert made.collection.findings[0].mask_path is None


@pytest.mark.parametrize(("name", "left", "said"), [("f-mask", 16, True), ("f-mask", 14, False), ("f-box", 16, True), ("f-box", 14, False)])
def test_a_finding_outside_of_the_tissue_is_told(
    collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, left: int, said: bool
) -> None:
    tissue = np.zeros((60, 40), bool)
    tissue[:, left:] = True  # of the findings' columns 10 to 20
    monkeypatch.setattr(Pipeline, "run", lambda self, prepared: replace(prepared, tissue=tissue))
    collection.findings = [row for row in collection.findings if row.finding_id == name]
    made = preprocess_collection(collection, pipeline_of("resize"), tmp_path / "out")
    assert (HIDDEN in made.remarks) == said
    assert made.collection.findings[0].row0 == 20.0


def test_what_table_and_file_say_of_an_image_reaches_the_steps(
    collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Prepared] = []
    monkeypatch.setattr(Pipeline, "run", lambda self, prepared: (seen.append(prepared), prepared)[1])
    coloured = np.zeros((60, 40, 3), np.uint8)
    coloured[..., 2] = 200
    cv2.imwrite(str(tmp_path / "set" / "a (1).png"), coloured)
    collection.images[0] = replace(collection.images[0], view="MLO")
    preprocess_collection(collection, pipeline_of("resize"), tmp_path / "out")
    assert (seen[0].view, seen[0].modality, seen[0].spacing_mm) == ("MLO", "MG", (0.1, 0.1))
    assert seen[0].colour is not None
    assert seen[0].colour[0, 0].tolist() == [200, 0, 0]


def test_two_findings_of_one_id_keep_their_own_places(collection: Collection, tmp_path: Path) -> None:
    collection.findings = [replace(row, finding_id="f") for row in collection.findings if row.finding_id in ("f-box", "f-far")]
    collection.findings.append(replace(collection.findings[0], set="other"))  # of an image of another set
    made = preprocess_collection(collection, pipeline_of("resize", rows=120, cols=80), tmp_path / "out").collection
    assert [row.row0 for row in made.findings] == [40.0, 100.0, 20.0]
