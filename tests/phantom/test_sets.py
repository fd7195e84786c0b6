"""Made-up sets as they lie on disk: the README that says what they are, determinism, and each format's own details."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from breastcad.core.errors import InputError
from breastcad.phantom.record import WrittenPicture
from breastcad.phantom.sets import WRITERS, write_set
from breastcad.read import open_picture
from breastcad.read.members import split_member

MadeSets = dict[str, tuple[Path, list[WrittenPicture]]]
NAMES = (
    *("mini-mias", "busi", "bus-bra", "breast-lesions-usg", "udiat", "rodrigues", "busis", "stu", "cbis-ddsm"),
    *("inbreast", "vindr-mammo", "rsna", "cmmd", "dicom", "dicom-us", "dicom-folder", "csv", "coco"),
    *("cbis-ddsm-dicom", "cbis-ddsm-renamed", "cbis-ddsm-jpeg", "ddsm", "ddsm-tissue", "cdd-cesm"),
    *("breastmnist", "oasbud", "bcdr", "optimam"),
)
REPEATED = (
    *("busi", "bus-bra", "breast-lesions-usg", "udiat", "busis", "cbis-ddsm", "inbreast", "vindr-mammo", "rsna", "cmmd"),
    *("breastmnist", "oasbud", "bcdr", "optimam", "csv", "coco"),
)


@pytest.fixture
def written(made_sets: MadeSets) -> dict[str, Path]:
    """Return the folder of every set."""
    return {name: folder for name, (folder, _) in made_sets.items()}


def content(path: Path) -> bytes:
    """Return a picture's file; of a picture that is a member of one, its pixels: the file holds the others too."""
    return open_picture(path).pixels.tobytes() if split_member(path) else path.read_bytes()


def mode_and_size(path: Path) -> tuple[str, tuple[int, int]]:
    with Image.open(path) as image:
        return image.mode, image.size


def test_every_set_is_tried_here() -> None:
    assert set(NAMES) == set(WRITERS)


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_says_made_up_and_how(name: str, made_sets: MadeSets) -> None:
    folder, pictures = made_sets[name]
    text = (folder / "README.txt").read_text(encoding="utf-8")
    assert text.startswith("MADE UP.")
    assert re.search(rf"breastcad phantom {name} --n \d+ --seed 2 --quirks\n", text)
    assert "support no" in text
    assert all(f"{picture.path}: {picture.label}" in text for picture in pictures)


@pytest.mark.parametrize("name", NAMES)
def test_the_first_pictures_are_the_same_bytes_again_however_many_follow(name: str, written: dict[str, Path], tmp_path: Path) -> None:
    pictures = write_set(name, tmp_path, n=1, seed=2)
    assert pictures
    for picture in pictures:
        assert content(tmp_path / picture.path) == content(written[name] / picture.path)


@pytest.mark.parametrize("name", REPEATED)
def test_the_same_seed_writes_the_same_tables_and_masks(name: str, tmp_path: Path) -> None:
    for folder in ("first", "second"):
        write_set(name, tmp_path / folder, n=2, seed=7)
    names = sorted(path.relative_to(tmp_path / "first") for path in (tmp_path / "first").rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(tmp_path / "second") for path in (tmp_path / "second").rglob("*") if path.is_file())
    assert all((tmp_path / "first" / path).read_bytes() == (tmp_path / "second" / path).read_bytes() for path in names)


def test_another_seed_writes_another_picture(written: dict[str, Path], tmp_path: Path) -> None:
    picture = write_set("busi", tmp_path, n=1, seed=3)[0]
    assert (tmp_path / picture.path).read_bytes() != (written["busi"] / picture.path).read_bytes()


def test_without_quirks_no_film_is_listed_but_missing(tmp_path: Path) -> None:
    write_set("mini-mias", tmp_path, n=2, quirks=False)
    assert "--no-quirks" in (tmp_path / "README.txt").read_text(encoding="utf-8")
    assert [line[:6] for line in (tmp_path / "Info.txt").read_text().splitlines() if line.startswith("mdb")] == ["mdb001", "mdb002"]


@pytest.mark.parametrize(
    ("name", "n", "message"),
    [
        ("bus_bra", 4, "no made-up set 'bus_bra'; near names: 'bus-bra'"),
        ("xyz", 4, "no made-up set 'xyz'; Sets: mini-mias, busi"),
        ("busi", 0, "--n must be from 1 to 10000 for 'busi' .pictures., got 0"),
        ("mini-mias", 321, "--n must be from 1 to 320 for 'mini-mias'"),
    ],
)
def test_what_cannot_be_written_is_refused(name: str, n: int, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        write_set(name, tmp_path / "out", n=n)
    assert not (tmp_path / "out").exists()


# ---- the formats ----


def test_mini_mias_films_have_the_header_and_size_of_the_real_ones(written: dict[str, Path]) -> None:
    content = (written["mini-mias"] / "mdb001.pgm").read_bytes()
    assert content.startswith(b"P5\n1024 1024\n255\n")
    assert len(content) == 1_048_593


def test_mini_mias_lists_what_the_mock_of_the_format_asks_for(written: dict[str, Path]) -> None:
    """A NORM pair (with its trailing blank), a film with lines of each severity, a note, a bare line, a missing pair."""
    lines = [line for line in (written["mini-mias"] / "Info.txt").read_text().split("\n") if line.startswith("mdb")]
    assert [line.split()[0] for line in lines] == [
        "mdb001",
        "mdb002",
        "mdb003",
        "mdb003",
        "mdb004",
        "mdb005",
        "mdb005",
        "mdb006",
        "mdb007",
        "mdb008",
    ]
    assert lines[0].endswith(" NORM ")
    assert [line.split()[2:4] for line in lines[2:4]] == [["MISC", "B"], ["MISC", "M"]]
    assert len(lines[2].split()) == 7
    assert lines[4].endswith(" CALC M *NOTE 3* ")
    assert lines[7].split()[2:] == ["CIRC", "B"]
    assert lines[0].split()[1] == lines[1].split()[1], "the two films of a pair share the tissue"
    assert not (written["mini-mias"] / "mdb007.pgm").exists()


def test_busi_has_masks_of_every_mode(written: dict[str, Path]) -> None:
    tree = written["busi"] / "Dataset_BUSI_with_GT"
    modes = {path.name: mode_and_size(path)[0] for path in tree.rglob("*.png")}
    assert modes["benign (1).png"] == "RGB"
    assert modes["benign (1)_mask.png"] == "1"
    assert modes["benign (10)_mask_1.png"] == "RGBA"
    assert modes["benign (10)_mask_2.png"] == "1"
    assert modes["normal (1)_mask.png"] == "RGB"
    assert not np.asarray(Image.open(tree / "normal" / "normal (1)_mask.png")).any()


def test_busi_has_one_image_with_coloured_calipers(written: dict[str, Path]) -> None:
    def is_coloured(path: Path) -> bool:
        return bool(np.ptp(np.asarray(Image.open(path)), axis=2).any())

    images = [path for path in written["busi"].rglob("*.png") if "_mask" not in path.name]
    assert [path.name for path in images if is_coloured(path)] == ["benign (2).png"]


def test_busi_has_the_same_scene_under_two_classes_but_not_as_a_copy(written: dict[str, Path]) -> None:
    tree = written["busi"] / "Dataset_BUSI_with_GT"
    first = np.asarray(Image.open(tree / "benign" / "benign (1).png").convert("L"), float)
    second = np.asarray(Image.open(tree / "malignant" / "malignant (1).png").convert("L"), float)
    assert not np.array_equal(first, second)
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.98


def test_bus_bra_boxes_are_one_based_and_one_too_small_and_one_is_wrong(written: dict[str, Path]) -> None:
    """Of a mask with columns x0 to x1 and rows y0 to y1, both included, the table says [x0 + 1, y0 + 1, x1 - x0, y1 - y0]."""
    tree = written["bus-bra"] / "BUSBRA"
    wrong = []
    for row in csv.DictReader((tree / "bus_data.csv").read_text().splitlines()):
        image = Image.open(tree / "Masks" / f"{row['ID'].replace('bus', 'mask')}.png")
        rows, cols = np.nonzero(np.asarray(image))
        box = [int(cols.min()) + 1, int(rows.min()) + 1, int(np.ptp(cols)), int(np.ptp(rows))]
        wrong += [f"box of {row['ID']}"] if json.loads(row["BBOX"]) != box else []
        wrong += [f"size of {row['ID']}"] if (int(row["Width"]), int(row["Height"])) != image.size else []
    assert wrong == ["size of bus_0001-r", "box of bus_0002-s"]


@pytest.mark.parametrize("folds", [5, 10])
def test_bus_bra_folds_keep_cases_together_and_mark_the_test_fold(folds: int, written: dict[str, Path]) -> None:
    rows = list(csv.DictReader((written["bus-bra"] / "BUSBRA" / f"{folds}-fold-cv.csv").read_text().splitlines()))
    by_case: dict[str, set[str]] = {}
    for row in rows:
        by_case.setdefault(row["ID"][:8], set()).add(row["kFold"])
        assert [name for name in row if name.startswith("valid_") and row[name] == "NaN"] == [f"valid_{row['kFold']}"]
    assert all(len(own) == 1 for own in by_case.values())


def test_cbis_ddsm_tables_have_the_real_columns_and_line_ends(written: dict[str, Path]) -> None:
    for kind, density in (("mass", "breast_density"), ("calc", "breast density")):
        for part in ("train", "test"):
            content = (written["cbis-ddsm"] / f"{kind}_case_description_{part}_set.csv").read_bytes().decode()
            header, rest = content.split("\r\n", 1)
            assert header.split(",")[:2] == ["patient_id", density]
            assert len(header.split(",")) == 14
            assert rest.count("\r\n") == rest.replace("\r\n", "").count("\n"), "a bare LF inside the quotes of every row"


def test_cbis_ddsm_films_are_squeezed_squares_with_boxes_inside(written: dict[str, Path]) -> None:
    folder = written["cbis-ddsm"] / "train"
    content = json.loads((folder / "_annotations.coco.json").read_text())
    assert {mode_and_size(folder / image["file_name"]) for image in content["images"]} == {("L", (800, 800))}
    for annotation in content["annotations"]:
        x, y, width, height = annotation["bbox"]
        assert 0 <= x < x + width <= 800
        assert 0 <= y < y + height <= 800
        assert annotation["segmentation"] == []


def test_cbis_ddsm_has_a_woman_in_training_and_test(written: dict[str, Path]) -> None:
    def women(name: str) -> set[str]:
        with (written["cbis-ddsm"] / name).open(newline="") as stream:
            return {row["patient_id"] for row in csv.DictReader(stream)}

    assert women("mass_case_description_train_set.csv") & women("calc_case_description_test_set.csv") == {"P_00001"}
