"""Sets of the user's own in tables: common names, names by a map, findings in both places, and what is wrong with such tables."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from PIL import Image

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_collection, write_collection
from breastcad.core.records import Collection
from breastcad.read import own_csv
from breastcad.read.maps import read_map
from breastcad.read.sets import read_set

Put = Callable[..., Path]


def _problems(collection: Collection) -> str:
    return "\n".join(collection.facts["problems"])


def _map(folder: Path, text: str) -> object:
    (folder / "map.yaml").write_text(text)
    return read_map(folder / "map.yaml")


# ---- the made-up copy ----


def test_the_tables_of_other_names_say_the_same_through_the_map(made_up: Callable[[str, int], Path]) -> None:
    folder = made_up("csv", 6)
    plain = own_csv.read(folder)
    said = read_map(folder / "other-names" / "map.yaml")
    other = read_set("csv", folder, tables=folder / "other-names", words=said)
    assert [(row.path, row.label, row.patient_id, row.spacing_row_mm) for row in other.images] == [
        (row.path, row.label, row.patient_id, row.spacing_row_mm) for row in plain.images[:6]
    ]
    assert [row.mask_path for row in other.findings] == [f"masks/scan-{number}.png" for number in (1, 2, 4, 5)]
    assert {row.set for row in other.images} == {"made-up-clinic"}
    assert [row.laterality for row in other.images] == ["L", "R"] * 3
    assert other.facts["map"]["sides"] == {"links": "l", "rechts": "r"}
    assert other.facts["columns"]["images"]["label"] == "Befund"
    assert "labels that are BI-RADS categories, as the map says, and no pathology: 1;" in _problems(other)


def test_every_oddity_of_the_made_up_copy_is_said(made_up: Callable[[str, int], Path]) -> None:
    collection = own_csv.read(made_up("csv", 6))
    for sentence in (
        "cells of 'side' that cannot be understood as laterality, kept under x_: 1 (images/scan-2: both)",
        "images that are listed but missing: 1 (images/scan-0)",
        "images that are there but cannot be read: 1 (../scan-1: lies outside the set's folder",
        "rows of an image that was listed before: the worst label counts, the rest is left out: 1 (row 9: images/scan-1)",
        "findings of images that are not listed, left out: 1 (findings.csv, row 5: images/scan-99)",
    ):
        assert sentence in _problems(collection)
    rows = {row.image_id: row for row in collection.images}
    assert rows["images/scan-2"].extra == {"side": "both"}
    assert rows["images/scan-0"].extra == {"comment": "listed but missing"}
    assert [row.present for row in collection.images] == [1] * 6 + [0, 0]
    assert [row.geometry for row in collection.findings] == ["box", "mask", "mask", "mask"]


# ---- tables ----


def test_a_lone_table_of_any_delimiter_and_name_is_read(own: Put, tmp_path: Path) -> None:
    for delimiter in ",;\t|":
        folder = own(
            delimiter.join(("File", "Class", "free, text" if delimiter != "," else "free")) + f"\na.png{delimiter}Benign{delimiter}x\n",
            name="t.csv",
        )
        (row,) = read_set("auto", folder).images
        assert (row.image_id, row.path, row.label, row.present, row.rows, row.cols) == ("a", "a.png", "benign", 1, 8, 10)
        assert list(row.extra.values()) == ["x"]
    assert own_csv.read(tmp_path / "t.csv").images[0].path == "a.png"


def test_a_workbook_is_read_as_a_table_is(own: Put, tmp_path: Path) -> None:
    (own("x\n") / "images.csv").unlink()
    book = openpyxl.Workbook()
    for cells in (("image", "age", "label"), ("a.png", 44.0, "malignant")):
        book.active.append(cells)
    book.save(tmp_path / "list.xlsx")
    (row,) = own_csv.read(tmp_path).images
    assert (row.path, row.age, row.label) == ("a.png", 44, "malignant")


def test_a_column_without_a_name_is_no_column_of_ours(own: Put) -> None:
    """As pandas writes its index."""
    (row,) = own_csv.read(own(",path\n0,a.png\n")).images
    assert (row.patient_id, row.label, row.extra) == (None, "unknown", {})


def test_names_without_suffix_with_backslashes_and_alike_stems_are_found(own: Put, tmp_path: Path) -> None:
    own("x\n")
    (tmp_path / "images").mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "images" / "c.d.png")
    shutil.copy(tmp_path / "a.png", tmp_path / "a.bmp")
    rows = own_csv.read(own("path\n.\\b\nimages\\c.d.png\na.png\na.bmp\n")).images
    assert [(row.image_id, row.path) for row in rows] == [
        ("b", "b.png"),
        ("images/c.d", "images/c.d.png"),
        ("a.png", "a.png"),
        ("a.bmp", "a.bmp"),
    ]


def test_a_written_collection_can_be_read_as_a_table_of_ones_own(own: Put, tmp_path: Path) -> None:
    collection = own_csv.read(
        own("path,label,note\na.png,benign,n\nb.png,normal,\n", "image_id,row0,col0,row1,col1,pathology\na,1,2,3,4,benign\n")
    )
    write_collection(tmp_path / "out", collection)
    again = read_set("csv", tmp_path, tables=tmp_path / "out")
    strip = lambda rows: [(row.image_id, row.path, row.label, row.extra.get("note")) for row in rows]  # noqa: E731
    assert strip(again.images) == strip(collection.images)
    assert again.findings[0].extra == {"set": "csv"}
    assert [(row.row0, row.col0, row.row1, row.col1) for row in again.findings] == [(1, 2, 3, 4)]
    assert read_collection(tmp_path / "out").facts["set"] == "csv"


# ---- labels ----


def test_unknown_label_words_are_refused_together_and_a_map_explains_them(own: Put) -> None:
    folder = own("path,label\na.png,B3\nb.png,pos\n")
    with pytest.raises(
        InputError, match=r"images.csv: words of 'label' that are not known here: 'B3' \(row 1\), 'pos' \(row 2\); say under 'labels:'"
    ):
        own_csv.read(folder)
    with pytest.raises(InputError, match="'pos'"):
        own_csv.read(folder, words={"b3": "benign"})
    assert [row.label for row in own_csv.read(folder, words={"b3": "benign", "pos": "malignant"}).images] == ["benign", "malignant"]


def test_birads_is_no_label_unless_the_map_says_so(own: Put) -> None:
    folder = own("path,birads\na.png,BI-RADS 4b\nb.png,2\n")
    assert [row.label for row in read_set("csv", folder).images] == ["unknown", "unknown"]
    assert "no column says what the images show" in _problems(own_csv.read(folder))
    said = _map(folder, "birads:\n  4: malignant\n")
    collection = read_set("csv", folder, words=said)
    assert [row.label for row in collection.images] == ["malignant", "unknown"]
    assert "no column says" not in _problems(collection)
    said = read_set("csv", own("path,cat\na.png,4\n"), words=said)
    assert "no column says" not in _problems(said)
    assert "no column holds the BI-RADS categories of which the map makes labels; call it 'birads' or name it under" in _problems(said)
    assert "the map's 'birads' labelled no image" in _problems(said)


def test_without_labels_the_worst_finding_counts_and_a_lesser_label_is_said(own: Put) -> None:
    findings = "image_id,label\na,benign\na,malignant\n"
    assert [row.label for row in own_csv.read(own("path\na.png\nb.png\n", findings)).images] == ["malignant", "unknown"]
    collection = own_csv.read(own("path,label\na.png,benign\n", findings))
    assert collection.images[0].label == "benign"
    assert "images whose label is less severe than a finding of theirs; the label counts: 1 (a)" in _problems(collection)


def test_every_says_what_holds_for_all_images_but_not_where_a_row_says_otherwise(own: Put) -> None:
    folder = own("path,modality\na.png,\nb.png,MG\n")
    said = _map(folder, "every:\n  modality: US\n  label: benign\n  part: test\n")
    assert [(row.modality, row.label, row.part) for row in own_csv.read(folder, words=said).images] == [
        ("US", "benign", "test"),
        ("MG", "benign", "test"),
    ]
    with pytest.raises(InputError, match=r"map.yaml: 'every' says laterality: both, which is nothing that the column may hold"):
        own_csv.read(folder, words=_map(folder, "every:\n  laterality: both\n"))


# ---- findings ----


def test_findings_in_the_same_rows_make_several_of_one_image(own: Put) -> None:
    (rows := own("path,label,xmin,ymin,xmax,ymax\na.png,benign,2,1,5,7\na.png,malignant,0,0,3,3\nb.png,normal,,,,\n"))
    collection = own_csv.read(rows)
    assert [(row.image_id, row.label) for row in collection.images] == [("a", "malignant"), ("b", "normal")]
    assert [(row.row0, row.col0, row.row1, row.col1, row.pathology) for row in collection.findings] == [
        (1, 2, 7, 5, "benign"),
        (0, 0, 3, 3, "malignant"),
    ]


def test_places_of_every_kind_are_entered(own: Put, tmp_path: Path) -> None:
    mask = np.zeros((8, 10), np.uint8)
    mask[2:4, 3:9] = 255
    (tmp_path / "masks").mkdir()
    Image.fromarray(mask).save(tmp_path / "masks" / "m.png")
    header = "image_id,kind,mask,points,geometry,row0,col0,row1,col1,bbox_height,bbox_width\n"
    lines = [
        "a,Mass,m.png,,,,,,,,",
        'a,calcification,,"1,2 3,4 5,1.5",,,,,,,',
        'a,,,"1,2 3,4",polyline,,,,,,',
        'a,mass,,"1,2",,,,,,,',
        "a,mass,,,ellipse,1,2,3,5,,",
        "a,mass,,,,1,2,,,4,3",
        "a,mass,,,,-1,2,3,50,,",
    ]
    collection = own_csv.read(own("path,label\na.png,benign\n", header + "\n".join(lines) + "\n"))
    assert [(row.geometry, row.row0, row.col0, row.row1, row.col1) for row in collection.findings] == [
        ("mask", 2, 3, 4, 9),
        ("polygon", 1, 1.5, 5, 4),
        ("polyline", 1, 2, 3, 4),
        ("point", 1, 2, 1, 2),
        ("ellipse", 1, 2, 3, 5),
        ("box", 1, 2, 5, 5),
        ("box", 0, 2, 3, 10),
    ]
    assert collection.findings[0].mask_path == "masks/m.png"
    assert "boxes that left their image, clipped: 1" in _problems(collection)


def test_places_that_cannot_be_are_said_and_the_finding_stays(own: Put) -> None:
    lines = ["a,none.png,,,,,", "a,../m.png,,,,,", "a,images.csv,,,,,", 'a,,"1,2;3,4",,,,', "a,,,1,x,2,3", "a,,,3,3,3,5", "a,,,20,20,30,30"]
    collection = own_csv.read(own("path\na.png\n", "image_id,mask,points,row0,col0,row1,col1\n" + "\n".join(lines) + "\n"))
    assert [row.geometry for row in collection.findings] == ["none"] * 7
    for sentence in (
        "masks that are listed but missing: 1 (a-1: none.png)",
        "masks that cannot be read: 2 (m.png: lies outside",
        "points that are not 'row,col row,col ...', not used: 1 (a-4)",
        "findings whose box is not four numbers, kept without a place: 1 (a-5)",
        "findings whose box is empty, kept without a place: 2 (a-6, a-7)",
    ):
        assert sentence in _problems(collection)


def test_findings_name_images_as_the_table_of_images_does(own: Put, tmp_path: Path) -> None:
    folder = own("path\na.png\nsub\\b.png\n", "image,pathology,x1,y1,x2,y2\na.png,malignant,1,2,3,4\nsub\\b.png,benign,1,2,3,4\n")
    for name, place in (("a.png", "images"), ("b.png", "sub")):
        (tmp_path / place).mkdir()
        (tmp_path / name).rename(tmp_path / place / name)
    collection = own_csv.read(folder)
    assert [row.label for row in collection.images] == ["malignant", "benign"]
    assert [row.pathology for row in collection.findings] == ["malignant", "benign"]


def test_of_several_rows_of_an_image_the_worst_label_counts(own: Put) -> None:
    collection = own_csv.read(own("path,label\na.png,benign\na.png,malignant\nb.png,benign\n"))
    assert [row.label for row in collection.images] == ["malignant", "benign"]
    assert "rows of an image that was listed before: the worst label counts, the rest is left out: 1 (row 2: a)" in _problems(collection)


def test_an_id_of_two_files_is_the_first_and_said(own: Put) -> None:
    collection = own_csv.read(own("image_id,path,label\n1,a.png,benign\n1,b.png,malignant\n"))
    assert [(row.path, row.label) for row in collection.images] == [("a.png", "benign")]
    assert "rows whose image id stands for another file before, left out: 1 (row 2: 1)" in _problems(collection)


@pytest.mark.parametrize(
    ("points", "geometry", "kept"),
    [
        ("30,30 31,30 31,32", "none", None),
        (f"{'9' * 400},3 10,30 31,32", "none", None),
        ("1,1 1,5 1,9", "none", None),
        ("-4,2 4,2 4,20", "polygon", "0,2 4,2 4,10"),
        ("1,2 4,2 4,5", "polygon", "1,2 4,2 4,5"),
    ],
)
def test_points_lie_within_their_image(own: Put, points: str, geometry: str, kept: str | None) -> None:
    found = own_csv.read(own("path\na.png\n", f'image_id,points\na,"{points}"\n')).findings[0]
    assert (found.geometry, found.points) == (geometry, kept)


def test_kinds_by_the_map_and_ids_that_stand_twice(own: Put) -> None:
    folder = own(
        "path\na.png\n", "path,finding_id,kind,row0,col0,row1,col1\na.png,f,Herd,1,1,2,2\na.png,f,Kalk,1,1,2,2\na.png,g,Warze,1,1,2,2\n"
    )
    with pytest.raises(
        InputError, match=r"findings.csv: words of 'kind' that are not known here: 'Herd' \(row 1\), 'Kalk' \(row 2\).*under 'kinds:'"
    ):
        own_csv.read(folder)
    collection = own_csv.read(folder, words=_map(folder, "kinds:\n  Herd: mass\n  Kalk: calcification\n  Warze: none\n"))
    assert [(row.finding_id, row.kind) for row in collection.findings] == [("f", "mass"), ("a-2", "calcification")]
    assert "findings whose id stands twice, given another: 1 (f)" in _problems(collection)


# ---- boxes ----


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("x,y,width,height", "2,1,3,6"),
        ("X,Y,W,H", "2,1,3,6"),
        ("xmin,ymin,xmax,ymax", "2,1,5,7"),
        ("x1,y1,x2,y2", "2,1,5,7"),
        ("x0,y0,x1,y1", "2,1,5,7"),
        ("left,top,width,height", "2,1,3,6"),
        ("Left,Top,Right,Bottom", "2,1,5,7"),
        ("BBox X,BBox Y,BBox W,BBox H", "2,1,3,6"),
        ("bbox_xmin,bbox_ymin,bbox_xmax,bbox_ymax", "2,1,5,7"),
        ("row0,col0,box_height,box_width", "1,2,6,3"),
        ("xmin,ymin,width,height", "2,1,3,6"),
        ("x,y,width,height,image_width,image_height", "2,1,3,6,10,8"),
        ("width,height,xmin,ymin,xmax,ymax", "10,8,2,1,5,7"),
        ("x,y,w,h,width,height", "2,1,3,6,10,8"),
    ],
)
@pytest.mark.parametrize("beside", [False, True])
def test_boxes_of_every_usual_spelling_are_read_and_are_not_the_images_size(own: Put, header: str, cells: str, beside: bool) -> None:
    table = f"path,label,{header}\na.png,benign,{cells}\n"
    collection = own_csv.read(own("path,label\na.png,benign\n", table) if beside else own(table))
    assert [(row.geometry, row.row0, row.col0, row.row1, row.col1) for row in collection.findings] == [("box", 1, 2, 7, 5)]
    assert (collection.images[0].rows, collection.images[0].cols, collection.images[0].extra) == (8, 10, {})
    assert collection.facts["columns"]["findings"].keys() >= {"row0", "col0"}
    assert [problem for problem in collection.facts["problems"] if "patient" not in problem] == []


@pytest.mark.parametrize(
    ("header", "cells", "told"),
    [
        ("x,y,width", "2,1,3", "x, y, width: not one whole box"),
        ("x,width,height", "2,3,6", "x, width, height: not one whole box"),
        ("xmin,ymin,xmax,width,height", "2,1,5,3,6", "xmin, ymin, xmax, width, height: not one whole box"),
        ("x_center,y_center,width,height", "4,4,3,6", "x_center, y_center, width, height: not one whole box"),
        ("bbox", "2 1 3 6", "bbox: not one whole box"),
        (
            "x,y,width,height",
            "0.2,0.1,0.3,1",
            "x, y, width, height: numbers between 0 and 1, as shares of the image are, so no box is read",
        ),
    ],
)
def test_columns_that_may_be_a_box_or_not_are_told_and_not_read(own: Put, header: str, cells: str, told: str) -> None:
    collection = own_csv.read(own(f"path,label,{header}\na.png,benign,{cells}\n"))
    assert collection.findings == []
    assert collection.images[0].extra == dict(zip(header.replace("x_center", "center").split(","), cells.split(","), strict=True))
    assert [problem for problem in collection.facts["problems"] if "box" in problem] == [
        problem for problem in collection.facts["problems"] if problem.startswith(f"images.csv: {told}")
    ]
    assert f"images.csv: {told}" in _problems(collection)
    assert "another size" not in _problems(collection)


def test_what_a_map_says_of_a_box_goes_before_every_spelling(own: Put) -> None:
    folder = own("path,label,x,y,width,height,right\na.png,benign,2,1,10,8,5\n")
    said = _map(folder, "images:\n  cols: width\n  rows: height\nfindings:\n  row0: y\n  col0: x\n  row1: height\n  col1: right\n")
    (row,) = own_csv.read(folder, words=said).findings
    assert (row.row0, row.col0, row.row1, row.col1) == (1, 2, 8, 5)
    said = _map(folder, "images:\n  cols: width\n  rows: height\n")
    assert "images.csv: x, y, right: not one whole box" in _problems(own_csv.read(folder, words=said))
    said = _map(folder, "findings:\n  row0: y\n")
    with pytest.raises(InputError, match=r"images.csv: x, y, width, height, right: not one whole box, so none is read; name row0, col0"):
        own_csv.read(folder, words=said)
    assert [
        row.col1
        for row in own_csv.read(
            own("path,label,a,y,width,height\na.png,benign,2,1,3,4\n"), words=_map(folder, "findings:\n  col0: a\n")
        ).findings
    ] == [5]


def test_a_box_in_the_table_of_images_beside_one_of_findings_is_told(own: Put) -> None:
    collection = own_csv.read(own("path,x,y,w,h\na.png,2,1,3,6\n", "path,label,y1,x1,y2,x2\na.png,benign,1,2,3,4\n"))
    assert [row.row1 for row in collection.findings] == [3]
    assert "images.csv: x, y, w, h: not read as a box, since findings stand in findings.csv" in _problems(collection)


# ---- persons ----


def test_columns_that_identify_a_person_are_held_back_by_name_and_by_cell_and_told(own: Put, tmp_path: Path) -> None:
    header = "path,patient_id,Patient_Name,BirthDate,home address,Phone,x_E-Mail,insuranceNo,Geburtsdatum,contact,remark,age_at_first_birth"
    lines = ["a.png,P-1,Jane,1960-01-01,Way 1,1,-,7,1.1.60,see jane@example.org,n,24", "b.png,P-1,Jane,1960-01-01,Way 1,1,-,7,1.1.60,,m,"]
    findings = "path,label,reader,physician_name\na.png,benign,Doe^Jane,Smith\n"
    collection = own_csv.read(own("\n".join((header, *lines)) + "\n", findings))
    assert [row.extra for row in collection.images] == [{"remark": "n", "age_at_first_birth": "24"}, {"remark": "m"}]
    assert {row.patient_id for row in collection.images} == {"P-1"}
    assert collection.findings[0].extra == {}
    assert (
        "columns that identify a person, by their name or a cell, are held back: Patient_Name, BirthDate, home address, Phone, x_E-Mail, "
        "insuranceNo, Geburtsdatum, contact, reader, physician_name; rename one that does not" in _problems(collection)
    )
    write_collection(tmp_path / "out", collection)
    text = "".join(path.read_text() for path in (tmp_path / "out").iterdir())
    assert [word for word in ("Jane", "1960", "Way", "example.org", "Smith") if word in text] == []


def test_a_column_that_a_map_names_is_not_held_back_and_patient_ids_that_are_names_are_told(own: Put) -> None:
    folder = own("path,MRN,label\na.png,4711,benign\nb.png,Doe^Jane,benign\n")
    assert [row.extra for row in own_csv.read(folder).images] == [{}, {}]
    collection = own_csv.read(folder, words=_map(folder, "images:\n  patient_id: MRN\n"))
    assert [row.patient_id for row in collection.images] == ["4711", "Doe^Jane"]
    assert "images whose patient id is a name, an address or a number of the person: 1; give pseudonyms" in _problems(collection)
    assert "held back" not in _problems(collection)


# ---- faults ----


@pytest.mark.parametrize(
    ("table", "said", "message"),
    [
        ("a,b\n1,2\n", "", "images.csv: no column names the images; call it 'path' or 'image_id', or name it in a file for --map"),
        ("path\n", "", "images.csv: has no rows"),
        ("path,path\na,b\n", "", "has the column 'path' twice"),
        ("path,label\na\n", "", "the row that ends on line 2 has 1 cells, the header 2"),
        ("path\n=cmd()\n", "", "the cell of 'path' is a formula"),
        ("path\na\0\n", "", "holds a NUL"),
        ("path\na.png\n", "images:\n  label: Befund\n", "has no column 'Befund', which the map names for 'label'; it has path"),
        ("path\na.png\n", "findings:\n  pathology: path\n", "the map names columns of findings, but none that says where they are"),
    ],
)
def test_tables_that_cannot_be_used_are_refused_in_one_sentence(own: Put, table: str, said: str, message: str) -> None:
    folder = own(table)
    with pytest.raises(InputError) as raised:
        own_csv.read(folder, words=_map(folder, said) if said else None)  # type: ignore[arg-type]
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_which_table_is_meant_must_be_certain(own: Put, tmp_path: Path) -> None:
    own("path\na.png\n", name="first.csv")
    own("path\na.png\n", name="second.csv")
    with pytest.raises(InputError, match=r"holds several tables \(first.csv, second.csv\); name the one of images"):
        own_csv.find(tmp_path)
    own("path\na.png\n")
    assert own_csv.find(tmp_path).name == "images.csv"
    with pytest.raises(ReadError, match=r"a.png: is no UTF-8 text"):
        own_csv.read(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"findings.csv: no column names the image of a finding"):
        own_csv.read(own("path\na.png\n", "row0\n1\n"))


def test_images_that_are_missing_broken_outside_or_lack_the_frame_keep_their_rows(own: Put, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "link.png").symlink_to(Path(__file__))
    table = "path,frame\nnone.png,\nbroken.png,\n/etc/hosts,\nlink.png,\na.png,3\n" + "x" * 5000 + ".png,\nb.png,0\n,\n"
    collection = own_csv.read(own(table))
    assert [row.present for row in collection.images] == [0, 0, 0, 0, 0, 0, 1]
    assert "a: has 1 frames, but frame 3 (counted from 0) is listed" in _problems(collection)
    assert "images without a patient: two of one woman may come apart in a split: 7" in _problems(collection)
    assert "images that are there but cannot be read: 4 (broken: " in _problems(collection)


def test_an_image_of_another_size_than_the_table_says_is_told(own: Put) -> None:
    collection = own_csv.read(own("path,height,width\na.png,8,10\nb.png,8,11\nnone.png,5,6\n"))
    assert [(row.rows, row.cols) for row in collection.images] == [(8, 10), (8, 10), (5, 6)]
    assert "images of another size than is said: their findings may not fit: 1 (b: 8 x 11, is 8 x 10)" in _problems(collection)
