"""mini-MIAS: every numbered quirk on a made-up copy, and the counts of the real set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from breastcad.core.errors import InputError, ReadError
from breastcad.core.geometry import ellipse_mask
from breastcad.read import mini_mias

TABLE = """              MAMMOGRAPHIC IMAGE ANALYSIS SOCIETY

    mdb999 stands here in prose and is no line of the table

REFNUM BG CLASS SEVERITY X Y RADIUS
mdb001 G CIRC B 300 200 40
mdb002 G NORM\x20
mdb003 D CALC B 500 600 50
mdb003 D CALC B 700 600 30
mdb004 D NORM\x20
mdb005 G MISC B 100 900 20
mdb005 G MISC M 400 500 25
mdb006 G CALC M *NOTE 3*\x20
mdb007 F CIRC B
mdb008 F ASYM B 10 512 40
mdb009 F SPIC M 500 500 9
mdb010 F ARCH M 500 500 9
"""


def _make(folder: Path, table: str = TABLE, films: str = "123456789") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Info.txt").write_text(table)
    blank = Image.fromarray(np.zeros((1024, 1024), np.uint8))
    for number in films:
        blank.save(folder / f"mdb00{number}.{'pgm' if int(number) % 2 else 'png'}")
    return folder


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _make(tmp_path_factory.mktemp("mias"))


def test_listed_films_have_a_row_and_missing_ones_are_not_present(copy: Path) -> None:
    collection = mini_mias.read(copy)
    assert [(row.image_id, row.present) for row in collection.images] == [(f"mdb{n:03d}", int(n < 10)) for n in range(1, 11)]
    counts = collection.facts["counts"]
    assert (counts["listed"], counts["read"], counts["missing"]) == (10, 9, 1)
    assert (counts["table_rows"], counts["table_rows_read"], counts["table_rows_read_normal"]) == (12, 11, 2)


def test_pgm_and_png_are_read_and_the_original_goes_first(tmp_path: Path) -> None:
    folder = _make(tmp_path, films="12")
    Image.fromarray(np.zeros((1024, 1024), np.uint8)).save(folder / "mdb001.png")
    first, second = mini_mias.read(folder).images[:2]
    assert (first.path, second.path) == ("mdb001.pgm", "mdb002.png")
    assert (first.rows, first.cols, first.bit_depth) == (1024, 1024, 8)


@pytest.mark.quirk("MIAS-Q7")
def test_films_of_a_pair_are_one_woman_left_is_even(copy: Path) -> None:
    rows = mini_mias.read(copy).images
    assert [row.patient_id for row in rows[:5]] == ["p001", "p001", "p002", "p002", "p003"]
    assert [row.laterality for row in rows[:3]] == ["R", "L", "R"]
    assert {(row.view, row.aspect, row.spacing_row_mm, row.spacing_col_mm) for row in rows} == {("MLO", "kept", 0.2, 0.2)}


@pytest.mark.quirk("MIAS-Q1")
def test_mias_q1_several_lines_of_a_film_are_findings_of_one_image(copy: Path) -> None:
    found = [row for row in mini_mias.read(copy).findings if row.image_id == "mdb003"]
    assert [(row.finding_id, row.kind, row.col0) for row in found] == [
        ("mdb003-1", "calcification", 450),
        ("mdb003-2", "calcification", 670),
    ]


@pytest.mark.quirk("MIAS-Q2")
def test_mias_q2_lines_without_a_circle_are_kept_and_said(copy: Path) -> None:
    collection = mini_mias.read(copy)
    bare = {row.image_id: row for row in collection.findings if row.geometry == "none"}
    assert bare.keys() == {"mdb006", "mdb007"}
    assert bare["mdb006"].extra["note"] == "*NOTE 3*"
    assert bare["mdb006"].pathology == "malignant"
    assert "findings without coordinates, kept without a place: 2 (mdb006 '*NOTE 3*', mdb007)" in collection.facts["problems"]


@pytest.mark.quirk("MIAS-Q3")
def test_mias_q3_film_with_both_severities_is_malignant(copy: Path) -> None:
    collection = mini_mias.read(copy)
    assert collection.images[4].label == "malignant"
    assert [row.pathology for row in collection.findings if row.image_id == "mdb005"] == ["benign", "malignant"]


@pytest.mark.quirk("MIAS-Q4")
def test_mias_q4_trailing_blank_makes_no_further_cell(copy: Path) -> None:
    collection = mini_mias.read(copy)
    assert (collection.images[1].label, collection.images[1].extra["tissue"]) == ("normal", "G")
    assert [row.extra["note"] for row in collection.findings if row.image_id == "mdb006"] == ["*NOTE 3*"]


@pytest.mark.quirk("MIAS-Q5")
def test_mias_q5_y_is_counted_from_the_bottom(copy: Path) -> None:
    """x 300, y 200, radius 40: the centre's row is 1024 - 200 = 824."""
    row = mini_mias.read(copy).findings[0]
    assert (row.row0, row.col0, row.row1, row.col1) == (784, 260, 864, 340)
    assert (row.geometry, row.points) == ("circle", "824,300")


@pytest.mark.quirk("MIAS-Q6")
def test_mias_q6_a_circle_on_background_is_kept(copy: Path) -> None:
    """Every made-up film is black throughout: what a circle lies on is not asked."""
    circles = [row for row in mini_mias.read(copy).findings if row.geometry == "circle"]
    assert len(circles) == 8
    assert all(row.row0 is not None and row.points for row in circles)


def test_circle_over_the_border_keeps_its_whole_box_and_is_said(copy: Path) -> None:
    collection = mini_mias.read(copy)
    row = next(row for row in collection.findings if row.image_id == "mdb008")
    assert (row.col0, row.col1) == (-30, 50)
    assert "circles that reach over the film's border; their boxes are not clipped: 1 (mdb008-1)" in collection.facts["problems"]


def test_classes_become_kinds_and_margins(copy: Path) -> None:
    by_class = {row.extra["class"]: (row.kind, row.margin) for row in mini_mias.read(copy).findings}
    assert by_class == {
        "CIRC": ("mass", "CIRCUMSCRIBED"),
        "CALC": ("calcification", None),
        "MISC": ("mass", "ILL_DEFINED"),
        "ASYM": ("asymmetry", None),
        "SPIC": ("mass", "SPICULATED"),
        "ARCH": ("distortion", None),
    }


def test_table_in_readme_and_films_one_folder_down(tmp_path: Path) -> None:
    films = _make(tmp_path / "set" / "all-mias", films="1")
    (films / "Info.txt").rename(tmp_path / "set" / "README")
    for given in (tmp_path, tmp_path / "set", films):
        collection = mini_mias.read(given)
        assert Path(collection.root).resolve() == (tmp_path / "set").resolve()
        assert collection.images[0].path == "all-mias/mdb001.pgm"


def test_tables_may_lie_elsewhere(tmp_path: Path) -> None:
    films = _make(tmp_path / "films", films="1")
    (tmp_path / "tables").mkdir()
    (films / "Info.txt").rename(tmp_path / "tables" / "Info.txt")
    collection = mini_mias.read(films, tables=tmp_path / "tables")
    assert (collection.root, collection.facts["counts"]["read"]) == (str(films), 1)


def test_broken_odd_and_unlisted_films_do_not_stop_the_import(tmp_path: Path) -> None:
    folder = _make(tmp_path, films="12")
    (folder / "mdb001.pgm").write_bytes((folder / "mdb001.pgm").read_bytes()[:5000])
    Image.fromarray(np.zeros((512, 512), np.uint8)).save(folder / "mdb002.png")
    Image.fromarray(np.zeros((1024, 1024), np.uint8)).save(folder / "mdb300.png")
    collection = mini_mias.read(folder)
    rows = {row.image_id: row for row in collection.images}
    assert [rows[name].present for name in ("mdb001", "mdb002", "mdb300")] == [0, 1, 1]
    assert (rows["mdb300"].label, rows["mdb300"].extra) == ("unknown", {})
    assert collection.facts["problems"][-3:] == [
        "films that are there but cannot be read: 1 (mdb001.pgm: is cut short; fetch it again)",
        "films that the table does not list, label unknown: 1 (mdb300)",
        "films of another size than 1024 x 1024, whose circles may be off: 1 (mdb002)",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("mdb001 X CIRC B 1 2 3", r"line 1: must be 'ref F\|G\|D class ...', got 'mdb001 X CIRC B 1 2 3'"),
        ("mdb001 F LUMP B 1 2 3", r"line 1: must be 'ref F\|G\|D class ...', got 'mdb001 F LUMP"),
        ("mdb001 F", r"line 1: must be 'ref F\|G\|D class ...', got 'mdb001 F'"),
        ("mdb001 F CIRC", r"line 1: 'CIRC' needs a severity \(B or M\), got 'mdb001 F CIRC'"),
    ],
)
def test_line_that_is_not_understood_is_refused(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(ReadError, match=f"Info.txt: {message}"):
        mini_mias.read(_make(tmp_path, line, films=""))


def test_a_circle_with_an_endless_number_is_no_place(tmp_path: Path) -> None:
    collection = mini_mias.read(_make(tmp_path, f"mdb001 F CIRC B 300 {'9' * 400} 40", films=""))
    assert [row.geometry for row in collection.findings] == ["none"]


def test_unknown_severity_is_refused_unless_explained(tmp_path: Path) -> None:
    folder = _make(tmp_path, "mdb001 F CIRC X 10 20 3", films="")
    with pytest.raises(InputError, match=r"Info\.txt, line 1: 'X' is no label"):
        mini_mias.read(folder)
    assert mini_mias.read(folder, words={"x": "malignant"}).images[0].label == "malignant"


def test_folder_without_a_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Info.txt").write_text("nothing of the kind\n")
    with pytest.raises(InputError, match=r"does not hold mini-MIAS \(its Info\.txt"):
        mini_mias.read(tmp_path)


def test_progress_is_told(copy: Path) -> None:
    seen: list[tuple[int, int]] = []
    mini_mias.read(copy, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 10) for done in range(1, 11)]


@pytest.mark.quirk("MIAS-Q1", "MIAS-Q2")
@pytest.mark.realdata
def test_real_set_is_counted(real_data: Path) -> None:
    collection = mini_mias.read(real_data / "mini-mias")
    counts = collection.facts["counts"]
    assert (counts["listed"], counts["read"], counts["missing"]) == (322, 258, 64)
    assert (counts["table_rows"], counts["table_rows_read"], counts["table_rows_read_normal"]) == (330, 264, 164)
    assert (counts["patients"], counts["patients_read"], counts["findings"], counts["findings_with_place"]) == (161, 129, 123, 119)
    assert [sum(row.label == label for row in collection.images) for label in ("normal", "benign", "malignant")] == [207, 63, 52]
    assert {row.path.rsplit(".")[-1] for row in collection.images if row.path} == {"pgm", "png"}
    said = "findings without coordinates, kept without a place: 4 (mdb059, mdb216 '*NOTE 3*', mdb233 '*NOTE 3*', mdb245 '*NOTE 3*')"
    assert said in collection.facts["problems"]


@pytest.mark.quirk("MIAS-Q5")
@pytest.mark.realdata
def test_real_masses_are_bright_where_the_flip_puts_them(real_data: Path) -> None:
    """Mean brightness inside a circle against a ring of twice its radius: with the flip every mass is brighter than its ring."""
    collection = mini_mias.read(real_data / "mini-mias")
    films = {row.image_id: row.path for row in collection.images if row.present}
    masses = [row for row in collection.findings if row.kind == "mass" and row.geometry == "circle" and row.image_id in films]
    contrast: dict[bool, list[float]] = {True: [], False: []}
    for row in masses:
        with Image.open(Path(collection.root) / (films[row.image_id] or "")) as image:
            pixels = np.asarray(image, dtype=np.float64)
        assert row.row0 is not None
        assert row.row1 is not None
        assert row.col0 is not None
        assert row.col1 is not None
        radius = (row.row1 - row.row0) / 2
        for flipped, (top, bottom) in {True: (row.row0, row.row1), False: (1024 - row.row1, 1024 - row.row0)}.items():
            inside = ellipse_mask(pixels.shape, (top, row.col0, bottom, row.col1))
            around = ellipse_mask(pixels.shape, (top - radius, row.col0 - radius, bottom + radius, row.col1 + radius)) & ~inside
            contrast[flipped].append(float(pixels[inside].mean() - pixels[around].mean()))
    brighter = {flipped: sum(value > 0 for value in values) for flipped, values in contrast.items()}
    means = {flipped: round(float(np.mean(values)), 1) for flipped, values in contrast.items()}
    print(f"{len(masses)} masses; flipped: {means[True]} grey levels brighter, {brighter[True]} brighter than their ring; "
          f"not flipped: {means[False]}, {brighter[False]}")  # fmt: skip
    assert (len(masses), brighter[True]) == (48, 48)
    assert means[True] > 2 * means[False]
