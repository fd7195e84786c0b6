"""Sets of the user's own as COCO files: layouts, categories, places, and what is wrong with such files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_collection, write_collection
from breastcad.core.records import Collection
from breastcad.patches.rois import roi_mask
from breastcad.read import own_coco
from breastcad.read.files import read_mask
from breastcad.read.maps import SetMap, read_map
from breastcad.read.sets import read_set

PICTURE = {"id": 1, "file_name": "a.png", "height": 8, "width": 10}
MASS = {"id": 7, "image_id": 1, "category_id": 3, "bbox": [2, 1, 4, 5]}


def _image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((8, 10), np.uint8)).save(path)


@pytest.fixture
def coco(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a.png and a COCO file, and gives the folder."""

    def put(images: Any = (PICTURE,), annotations: Any = (MASS,), names: dict[Any, str] | None = None, name: str = "a.json") -> Path:
        _image(tmp_path / "a.png")
        categories = [{"id": number, "name": text} for number, text in (names or {3: "benign mass"}).items()]
        content = {"images": list(images), "annotations": list(annotations), "categories": categories}
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps(content))
        return tmp_path

    return put


def _problems(collection: Collection) -> str:
    return "\n".join(collection.facts["problems"])


def test_the_made_up_copy_through_its_map(made_up: Callable[[str, int], Path], tmp_path: Path) -> None:
    folder = made_up("coco", 6)
    collection = read_set("coco", folder, words=read_map(folder / "map.yaml"))
    assert [row.label for row in collection.images if row.present] == ["benign", "malignant", "normal"] * 2
    assert {row.modality for row in collection.images} == {"US"}
    assert [row.geometry for row in collection.findings] == ["polygon", "polygon", "polygon", "box"]
    for sentence in (
        "images that are listed but missing: 1 (scan-0)",
        "images that are there but cannot be read: 1 (../../scan-1: lies outside the set's folder",
        "images whose id stands twice, the second left out: 1 (instances_default.json: scan-1-again.png)",
        "annotations of images that are not listed, left out: 1 (instances_default.json: 900)",
        "outlines that cannot be used; the box counts, where there is one: 1 (scan-5-4: a polygon must have three points or more",
    ):
        assert sentence in _problems(collection)
    write_collection(tmp_path, collection)
    again = read_collection(tmp_path)
    assert [row.points for row in again.findings] == [row.points for row in collection.findings]
    assert (again.facts["map"]["labels"], again.facts["files"]) == ({"no annotation": "normal"}, ["annotations/instances_default.json"])


def test_a_hole_in_a_run_length_code_stays_a_hole(made_up: Callable[[str, int], Path]) -> None:
    finding = own_coco.read(made_up("coco", 6)).findings[1]
    mask = roi_mask(finding, (200, 260), Path())
    assert mask is not None
    inner = mask[int(finding.row0 or 0) : int(finding.row1 or 0), int(finding.col0 or 0) : int(finding.col1 or 0)]
    padded = np.pad(~mask, 1, constant_values=True)
    import cv2

    count, _, sizes, _ = cv2.connectedComponentsWithStats(padded.astype(np.uint8), connectivity=4)
    assert inner.any()
    assert 9 in sizes[1:count, cv2.CC_STAT_AREA]


@pytest.mark.parametrize(
    ("category", "kind", "pathology"),
    [
        ("benign mass", "mass", "benign"),
        ("Malignant_Calcification", "calcification", "malignant"),
        ("tumour", "mass", "unknown"),
        ("Architectural Distortion", "distortion", "unknown"),
        ("MALIGNANT", "mass", "malignant"),
    ],
)
def test_categories_of_known_words_are_understood(coco: Callable[..., Path], category: str, kind: str, pathology: str) -> None:
    collection = own_coco.read(coco(names={3: category, 4: "of nothing here"}))
    (row,) = collection.findings
    assert (row.kind, row.pathology, row.extra["category"], row.geometry) == (kind, pathology, category, "box")
    assert (row.row0, row.col0, row.row1, row.col1) == (1, 2, 6, 6)
    assert collection.images[0].label == pathology
    assert ("categories that say no kind of finding, taken as masses: MALIGNANT" in _problems(collection)) == (category == "MALIGNANT")


def test_categories_that_are_not_known_are_refused_and_a_map_explains_them(coco: Callable[..., Path]) -> None:
    twice = [{**MASS, "category_id": number, "id": number} for number in (3, 4, 5, 6)]
    folder = coco(annotations=twice, names={3: "B3", 4: "Warze", 5: "肿块", 6: "benign"})
    with pytest.raises(
        InputError, match=r"a.json: words of 'category' that are not known here: 'B3' \(row 1\), 'Warze' \(row 2\), '肿块' \(row 3\); say"
    ):
        own_coco.read(folder)
    said = SetMap({"b3": "benign"})
    said.kinds = {"b3": "calcification", "warze": "none", "肿块": "mass"}
    rows = own_coco.read(folder, words=said).findings
    assert [(row.kind, row.pathology) for row in rows] == [("calcification", "benign"), ("mass", "unknown"), ("mass", "benign")]


def test_normal_as_a_category_makes_no_finding_but_a_label(coco: Callable[..., Path]) -> None:
    collection = own_coco.read(coco(names={3: "normal"}))
    assert (collection.findings, collection.images[0].label) == ([], "normal")
    assert "places of annotations that say normal, left out: 1 (a)" in _problems(collection)
    assert "taken as masses" not in _problems(collection)
    collection = own_coco.read(coco(annotations=[{**MASS, "bbox": []}], names={3: "normal"}))
    assert (collection.images[0].label, "places of annotations" in _problems(collection)) == ("normal", False)


@pytest.mark.parametrize(
    ("category", "beside", "label"),
    [
        ("malignant mass", "benign", "unknown"),
        ("benign", "malignant", "unknown"),
        ("normal", "benign", "unknown"),
        ("malignant mass", "normal", "unknown"),
        ("malignant mass", "malignant", "malignant"),
        ("malignant mass", "unknown", "malignant"),
        ("mass", "benign", "benign"),
    ],
)
def test_a_category_and_an_attribute_that_contradict_make_no_label(
    coco: Callable[..., Path], category: str, beside: str, label: str
) -> None:
    folder = coco(annotations=[MASS | {"attributes": {"diagnosis": beside}}], names={3: category})
    collection = own_coco.read(folder)
    assert [row.pathology for row in collection.findings] == [label]
    assert collection.images[0].label == label
    (first,) = [word for word in ("benign", "malignant", "normal") if word in category] or [None]
    told = "annotations under two labels, taken as unknown (a map may decide: labels: of the category, or findings: pathology:): 1 "
    told += f"(a, annotation 7: {first} by its category, {beside} by 'diagnosis')"
    assert (told in _problems(collection)) == (label == "unknown")


def test_a_map_decides_between_a_category_and_an_attribute(coco: Callable[..., Path]) -> None:
    folder = coco(annotations=[MASS | {"attributes": {"diagnosis": "benign"}}], names={3: "malignant mass"})
    said = SetMap()
    said.findings = {"pathology": "diagnosis"}
    for words, label in ((SetMap({"malignant mass": "malignant"}), "malignant"), (said, "benign")):
        collection = own_coco.read(folder, words=words)
        assert [row.pathology for row in collection.findings] == [label]
        assert "two labels" not in _problems(collection)


@pytest.mark.parametrize("name", [None, "", " ", ["mass"], {}])
def test_a_category_without_a_name_is_refused_where_it_is_used(coco: Callable[..., Path], name: object) -> None:
    with pytest.raises(ReadError, match=r"a.json: category 3 has no name, but annotations have it; give it one under 'categories'"):
        own_coco.read(coco(names={3: name}))
    assert len(own_coco.read(coco(names={3: "mass", 4: name})).findings) == 1


def test_an_image_whose_annotation_is_of_no_category_is_not_taken_as_without_one(coco: Callable[..., Path]) -> None:
    collection = own_coco.read(coco(annotations=[MASS | {"category_id": 99}]), words={"no annotation": "normal"})
    assert collection.images[0].label == "unknown"


def test_fields_and_attributes_that_identify_a_person_are_held_back_and_told(coco: Callable[..., Path]) -> None:
    picture = {**PICTURE, "patient": "P1", "PatientName": "Doe", "contact": "+49 351 1234567"}
    mark = {**MASS, "attributes": {"PatientBirthDate": "19600101", "Form": "oval"}}
    collection = own_coco.read(coco([picture], [mark]))
    assert (collection.images[0].patient_id, collection.images[0].extra) == ("P1", {"file_name": "a.png"})
    assert collection.findings[0].extra == {"Form": "oval", "category": "benign mass"}
    assert "by their name or a cell, are held back: PatientName, contact, PatientBirthDate; rename" in _problems(collection)


def test_images_without_an_annotation_are_unknown_unless_the_map_says_otherwise(coco: Callable[..., Path]) -> None:
    folder = coco(annotations=[])
    assert own_coco.read(folder).images[0].label == "unknown"
    assert "images without an annotation, label unknown: 1; 'no annotation: normal' under labels: says otherwise" in _problems(
        own_coco.read(folder)
    )
    assert own_coco.read(folder, words={"no annotation": "normal"}).images[0].label == "normal"


def test_more_of_images_and_annotations_is_taken_by_name(coco: Callable[..., Path]) -> None:
    picture = {**PICTURE, "patient": "P1", "side": "left", "note": "n\ud800\x07", "tags": [1], "label": "malignant"}
    mark = {**MASS, "attributes": {"pathology": "benign", "birads": "3", "Form": "oval", "deep": {}}, "iscrowd": 1}
    collection = own_coco.read(coco([picture], [mark]))
    (image,), (row,) = collection.images, collection.findings
    assert (image.patient_id, image.laterality, image.label) == ("P1", "L", "malignant")
    assert image.extra == {"note": "n\\ud800?", "file_name": "a.png"}
    assert (row.pathology, row.birads, row.extra) == ("benign", "3", {"Form": "oval", "category": "benign mass", "iscrowd": "1"})
    said = SetMap()
    said.findings = {"shape": "Form"}
    assert own_coco.read(coco([picture], [mark]), words=said).findings[0].shape == "oval"


def test_files_of_several_parts_are_read_together(coco: Callable[..., Path], tmp_path: Path) -> None:
    for part in ("train", "valid"):
        coco(name=f"{part}/_annotations.coco.json")
        _image(tmp_path / part / "a.png")
    (tmp_path / "a.png").unlink()
    collection = read_set("coco", tmp_path)
    assert [(row.image_id, row.path, row.part) for row in collection.images] == [
        ("a", "train/a.png", "train"),
        ("a.png", "valid/a.png", "validation"),
    ]
    assert [row.finding_id for row in collection.findings] == ["a-7", "a.png-7"]


def test_images_lie_where_coco_puts_them(coco: Callable[..., Path], tmp_path: Path) -> None:
    (coco(name="annotations/instances_train2017.json") / "a.png").unlink()
    _image(tmp_path / "images" / "train2017" / "a.png")
    (row,) = own_coco.read(tmp_path / "annotations" / "instances_train2017.json").images
    assert (row.path, row.part, row.present) == ("images/train2017/a.png", "train", 1)


@pytest.mark.parametrize(("word", "part"), [("Val", "validation"), ("extra", None), ("", "train")])
def test_an_images_own_part_counts_before_its_files(coco: Callable[..., Path], word: str, part: str | None) -> None:
    (row,) = own_coco.read(coco([{**PICTURE, "attributes": {"split": word}}], name="train.json")).images
    assert row.part == part


def test_alike_names_are_kept_apart_and_an_image_listed_twice_is_one(coco: Callable[..., Path], tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 10), np.uint8)).save(tmp_path / "a.bmp")
    pictures = [PICTURE, {**PICTURE, "id": 2, "file_name": "a.bmp"}, {**PICTURE, "id": "x"}]
    collection = own_coco.read(coco(pictures, [MASS, {**MASS, "image_id": "x"}]))
    assert [row.image_id for row in collection.images] == ["a", "a.bmp"]
    assert [(row.image_id, row.finding_id) for row in collection.findings] == [("a", "a-7"), ("a", "a-7+")]
    assert "images that are listed twice, taken as one: 1 (a.png)" in _problems(collection)


def test_places_leave_the_image_or_contradict_or_are_none(coco: Callable[..., Path]) -> None:
    marks = [
        {**MASS, "id": 1, "bbox": [-1, -1, 4, 5]},
        {**MASS, "id": 2, "bbox": [20, 20, 4, 5]},
        {**MASS, "id": 3, "bbox": [1, 1, float("nan"), 5]},
        {**MASS, "id": 4, "bbox": [6, 6, 1, 1], "segmentation": [[0, 0, 30, 0, 30, 4, 0, 4]]},
        {**MASS, "id": 5, "bbox": None, "segmentation": {"size": [8, 10], "counts": [80]}},
        {**MASS, "id": 6, "segmentation": {"size": [8, 9], "counts": [72]}},
    ]
    collection = own_coco.read(coco(annotations=marks))
    assert [(row.geometry, row.row0, row.col0, row.row1, row.col1) for row in collection.findings] == [
        ("box", 0, 0, 4, 3),
        ("none", None, None, None, None),
        ("none", None, None, None, None),
        ("polygon", 0, 0, 4, 10),
        ("none", None, None, None, None),
        ("box", 1, 2, 6, 6),
    ]
    assert collection.findings[3].points == "0,0 0,10 4,10 4,0"
    for sentence in (
        "annotations without a place that can be used: 3 (a-2, a-3, a-5)",
        "boxes that are not those of their outlines, which count: 1 (a-4)",
        "1 (a-6: its size is [8, 9], its image's [8, 10])",
    ):
        assert sentence in _problems(collection)


def test_a_mask_drawn_by_polygons_is_that_mask(coco: Callable[..., Path], tmp_path: Path) -> None:
    outlines = [[1, 1, 4, 1, 4, 3, 1, 3], [6, 4, 9, 4, 9, 7, 6, 7]]
    finding = own_coco.read(coco(annotations=[{**MASS, "segmentation": outlines}])).findings[0]
    levels = np.zeros((8, 10), np.uint8)
    levels[1:3, 1:4] = levels[4:7, 6:9] = 255
    Image.fromarray(levels).save(tmp_path / "mask.png")
    assert np.array_equal(roi_mask(finding, (8, 10), Path()), read_mask(tmp_path / "mask.png"))


# ---- faults ----


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"images": [', "a.json: is not JSON"),
        ("[" * 200_000, "a.json: is not JSON that can be read (nested without end)"),
        ("[]", "a.json: is no COCO file: it has no list 'images'"),
        ('{"images": 3}', "a.json: is no COCO file: it has no list 'images'"),
    ],
)
def test_files_that_are_no_coco_are_refused_in_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ReadError) as raised:
        own_coco.read(tmp_path / "a.json")
    assert str(raised.value).startswith(message)


def test_a_file_that_is_too_large_or_not_there_is_refused(
    coco: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = coco()
    monkeypatch.setattr(own_coco, "MAX_BYTES", 10)
    with pytest.raises(ReadError, match=r"a.json: has \d+ bytes; COCO files of at most 10 are read"):
        own_coco.read(folder)
    with pytest.raises(InputError, match=r"does not hold a COCO file .* or the file itself"):
        own_coco.read(tmp_path / "none.json")
    (tmp_path / "notes.json").write_text("{}")
    with pytest.raises(InputError, match="does not hold a COCO file"):
        own_coco.find(tmp_path / "notes.json")


def test_hostile_entries_are_left_out_and_the_rest_is_read(coco: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(Path(__file__))
    pictures = [
        PICTURE, None, {"id": [1], "file_name": "a.png"}, {"id": 2}, {"id": 3, "file_name": ["a"]}, {"id": 4, "file_name": "/etc/hosts"},
        {"id": 5, "file_name": "a\0\ud800.png"}, {"id": 6, "file_name": "link.png", "height": -1, "width": "9"},
        {"id": 7, "file_name": ".."}, {"id": 8, "file_name": "b.png", "note": "x" * 200_000},
    ]  # fmt: skip
    marks = [MASS, 3, {}, {**MASS, "image_id": {}}, {**MASS, "category_id": 99}, {**MASS, "id": {"a": 1}, "bbox": "x", "segmentation": 5}]
    collection = own_coco.read(coco(pictures, marks))
    assert [(row.image_id, row.present) for row in collection.images] == [
        ("a", 1), ("/etc/hosts", 0), ("a?/ud800", 0), ("link", 0), ("..", 0), ("b", 0),
    ]  # fmt: skip
    assert [row.geometry for row in collection.findings] == ["box", "none"]
    for sentence in (
        "images without an id or a file name, left out: 1 (a.json: 4)",
        "annotations that are no objects, left out: 1 (a.json: 1)",
        "annotations of images that are not listed, left out: 2",
        "annotations of no category, left out: 1 (a.json: 7)",
    ):
        assert sentence in _problems(collection)
    write_collection(tmp_path / "out", collection)
    assert len(read_collection(tmp_path / "out").images) == 6


def test_a_box_beyond_all_numbers_stops_nothing(coco: Callable[..., Path]) -> None:
    huge = 10**400
    collection = own_coco.read(
        coco(annotations=[MASS | {"bbox": [huge, 1, 2, 3]}, MASS | {"id": 2, "segmentation": [[huge, 1, 2, 3, 4, 5]]}])
    )
    assert len(collection.images) == 1


def test_a_normal_image_with_a_mass_of_unknown_pathology_is_unknown(coco: Callable[..., Path]) -> None:
    plain = MASS | {"id": 2, "category_id": 4}
    collection = own_coco.read(coco(annotations=[MASS, plain], names={3: "normal", 4: "mass"}))
    assert collection.images[0].label == "unknown"
    assert "images called normal that have a finding: label unknown: 1 (a)" in _problems(collection)
