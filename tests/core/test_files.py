"""breastcad's own files: written and read back alike, faults named, nothing half-written under a final name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core import files
from breastcad.core.errors import InputError, MissingExtra, ReadError
from breastcad.core.records import (
    NOTICE,
    Analysis,
    Collection,
    Decision,
    ExamResult,
    Finding,
    FindingRow,
    HeatMap,
    ImageResult,
    ImageRow,
    Interval,
    LesionRow,
    MarkRow,
    ModelUsed,
    PatchRow,
    PredictionRow,
    RegionRow,
    Skipped,
    SplitRow,
    worst_label,
)  # fmt: skip

words = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.builds(ImageRow, words, words, path=words | st.none(), rows=st.integers(1, 9) | st.none(), age=numbers | st.none())))
def test_images_come_back(tmp_path_factory: pytest.TempPathFactory, rows: list[ImageRow]) -> None:
    path = tmp_path_factory.mktemp("t") / "images.csv"
    files.write_table(path, ImageRow, rows)
    assert files.read_table(path, ImageRow) == rows


def test_text_with_commas_quotes_and_line_ends_comes_back(tmp_path: Path) -> None:
    row = FindingRow("s", "f", "i", shape='round, "oval"\nlobulated')
    files.write_table(tmp_path / "f.csv", FindingRow, [row])
    assert files.read_table(tmp_path / "f.csv", FindingRow) == [row]


def test_open_columns_come_back_where_they_were_set(tmp_path: Path) -> None:
    rows = [
        PredictionRow("s", "1", None, "g", 0, 0, 0, "test", "image", "benign", {"malignant": 0.25}, {"malignant": 1e-9}, dice=0.5),
        PredictionRow("s", "2", "p", "g", 0, 0, 0, "test", "image", "normal", {"abnormal": -3.5}),
    ]
    files.write_predictions(tmp_path / "p.csv", rows)
    assert files.read_predictions(tmp_path / "p.csv") == rows
    header = (tmp_path / "p.csv").read_text().splitlines()[0]
    assert header.endswith("dice,image,breast,kind,raw_malignant,raw_abnormal,probability_malignant")


@pytest.mark.parametrize(
    ("write", "read", "row"),
    [
        (files.write_patches, files.read_patches, PatchRow("a", "view", "s", "i", None, 0.5, 1, 224, 224, roi_share=1 / 3)),
        (files.write_marks, files.read_marks, MarkRow("s", "i", 0, 1, 10.25, 7.5, 0.125, None)),
        (files.write_lesions, files.read_lesions, LesionRow("s", "i", 0, 1, "f", "g")),
    ],
)
def test_tables_come_back(tmp_path: Path, write, read, row) -> None:  # type: ignore[no-untyped-def]
    write(tmp_path / "t.csv", [row])
    assert read(tmp_path / "t.csv") == [row]


def test_split_is_read_from_its_folder_or_file(tmp_path: Path) -> None:
    rows = [SplitRow("busi", "benign (3)", "g17", part="validation")]
    files.write_split(tmp_path, rows, {"seed": 1})
    assert files.read_split(tmp_path) == files.read_split(tmp_path / "split.csv") == rows


def test_collection_comes_back_with_its_root(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    collection = Collection(
        str(tmp_path / "data"), [ImageRow("s", "i", extra={"stage": "2"})], [FindingRow("s", "f", "i")],
        [RegionRow("s", "i", "breast", "m.png", 255)], {"set": "s", "counts": {"listed": 1}, "problems": []},
    )  # fmt: skip
    files.write_collection(tmp_path / "c", collection)
    assert files.read_collection(tmp_path / "c") == collection
    assert str(tmp_path) not in (tmp_path / "c" / "collection.json").read_text()


def test_folder_without_collection_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"is no collection \(it has no collection.json\)"):
        files.read_collection(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty; it must have a header"),
        ("set,group\n", "lacks the column 'id'"),
        ("set,id,group,colour\n", "has a column 'colour' that is not known here"),
        ("set,id,group\na,b\n", "line 2 has 2 cells, the header 3"),
        ("set,id,group,outer\na,b,c,two\n", "line 2: 'outer' must be a number, got 'two'"),
    ],
)
def test_faulty_table_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "split.csv").write_text(text)
    with pytest.raises(ReadError, match=said.replace("(", r"\(").replace(")", r"\)")):
        files.read_split(tmp_path)


@pytest.mark.parametrize("value", ["nan", "NaN", "inf", "-Infinity", "1e999"])
@pytest.mark.parametrize(
    ("read", "header", "cells"),
    [
        (lambda path: files.read_table(path, FindingRow), "set,finding_id,image_id,row0", "s,f,i,{}"),
        (lambda path: files.read_table(path, ImageRow), "set,image_id,spacing_row_mm", "s,i,{}"),
        (files.read_marks, "set,image_id,repeat,outer,row,col,score", "s,i,0,0,1,{},0.5"),
        (files.read_patches, "sample_id,role,set,image_id,finding_id,row,col,height,width", "a,view,s,i,,1,2,{},9"),
        (
            files.read_predictions,
            "set,id,patient,group,repeat,outer,inner,part,level,label,raw_malignant",
            "s,i,,g,0,0,0,test,image,benign,{}",
        ),
        (files.read_predictions, "set,id,patient,group,repeat,outer,inner,part,level,label,dice", "s,i,,g,0,0,0,test,image,benign,{}"),
    ],
)
def test_a_number_that_is_not_finite_is_refused_with_its_place(
    tmp_path: Path, read: Callable[[Path], object], header: str, cells: str, value: str
) -> None:
    good, bad = cells.format("1"), cells.format(value)
    column = header.split(",")[cells.split(",").index("{}")]
    (tmp_path / "t.csv").write_text(f"{header}\n{good}\n{bad}\n")
    with pytest.raises(ReadError, match=rf"^t\.csv: line 3: '{column}' must be a finite number, got '{value}'; leave it empty"):
        read(tmp_path / "t.csv")


@pytest.mark.parametrize("value", ["nan", "inf", "1.5"])
def test_a_whole_number_of_a_split_is_no_other_number(tmp_path: Path, value: str) -> None:
    (tmp_path / "split.csv").write_text(f"set,id,group,outer\ns,i,g,{value}\n")
    with pytest.raises(ReadError, match=rf"^split\.csv: line 2: 'outer' must be a number, got '{value}'$"):
        files.read_split(tmp_path)


@pytest.mark.parametrize("frame", ["first", "-1", "1.0", "²", "nan"])
def test_a_frame_that_is_no_number_is_refused_when_the_collection_is_read(tmp_path: Path, frame: str) -> None:
    files.write_collection(tmp_path, Collection(str(tmp_path), [ImageRow("s", "a", frame="0"), ImageRow("s", "b", frame=frame)]))
    with pytest.raises(ReadError, match=rf"^images\.csv: line 3: 'frame' must be a whole number from 0 .*, got '{frame}'$"):
        files.read_collection(tmp_path)


@pytest.mark.parametrize("points", ["1,nan", "1,2 inf,3", "1,2 3", "1,2,3", "here", " "])
def test_points_that_are_no_pairs_of_finite_numbers_are_refused(tmp_path: Path, points: str) -> None:
    rows = [FindingRow("s", "f", "i", points="1,2 3.5,4e1"), FindingRow("s", "g", "i", points=points)]
    files.write_table(tmp_path / "findings.csv", FindingRow, rows)
    with pytest.raises(ReadError, match=rf"^findings\.csv: line 3: 'points' must be 'row,col row,col \.\.\.' .*, got '{points}'$"):
        files.read_table(tmp_path / "findings.csv", FindingRow)


def test_columns_of_ones_own_hold_any_text(tmp_path: Path) -> None:
    row = ImageRow("s", "i", extra={"frame": "first", "points": "nan"})
    files.write_table(tmp_path / "images.csv", ImageRow, [row])
    assert files.read_table(tmp_path / "images.csv", ImageRow) == [row]


def test_a_table_saved_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    rows = [SplitRow("busi", "a", "g", part="test")]
    files.write_split(tmp_path, rows, {})
    table = tmp_path / "split.csv"
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes().replace(b"\n", b"\r\n"))
    assert files.read_split(tmp_path) == rows


def test_a_table_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "split.csv").write_bytes(b"set,\xff\xfe")
    with pytest.raises(ReadError, match=r"split\.csv: is no UTF-8 text \(byte 4\)"):
        files.read_split(tmp_path)


@pytest.mark.parametrize("facts", ["[]", "{}", '{"root": 3}'])
def test_a_collection_without_a_root_is_refused(tmp_path: Path, facts: str) -> None:
    (tmp_path / "collection.json").write_text(facts)
    with pytest.raises(ReadError, match="names no 'root'"):
        files.read_collection(tmp_path)


@pytest.mark.parametrize("name", ["images", "findings"])
def test_a_label_that_is_none_of_ours_is_refused(tmp_path: Path, name: str) -> None:
    image = ImageRow("busi", "a", label="cancer" if name == "images" else "benign")
    finding = FindingRow("busi", "a-1", "a", pathology="cancer" if name == "findings" else "benign")
    files.write_collection(tmp_path, Collection(str(tmp_path), [image], [finding]))
    with pytest.raises(ReadError, match=rf"{name}\.csv: 'a(-1)?' has the label 'cancer'"):
        files.read_collection(tmp_path)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"problems": None}, "must have a text as 'set' and a list of sentences as 'problems'"),
        ({"problems": [3]}, "a list of sentences as 'problems'"),
        ({"set": 3}, "must have a text as 'set'"),
        ({"root": "a\0b"}, "names no 'root'"),
    ],
)
def test_a_collection_whose_facts_were_damaged_is_refused(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    files.write_collection(tmp_path, Collection(str(tmp_path), [ImageRow("s", "1")], facts={"set": "s", "problems": []}))
    facts = files.read_json(tmp_path / "collection.json")
    assert files.read_collection(tmp_path).facts["set"] == "s"
    files.write_json(tmp_path / "collection.json", {**facts, **changed})
    with pytest.raises(ReadError, match=said):
        files.read_collection(tmp_path)


def test_an_image_listed_twice_and_an_empty_id_are_refused(tmp_path: Path) -> None:
    files.write_collection(tmp_path, Collection(str(tmp_path), [ImageRow("s", "1"), ImageRow("s", "2"), ImageRow("s", "2")]))
    with pytest.raises(ReadError, match=r"images\.csv: lists the image '2' 2 times; keep one row"):
        files.read_collection(tmp_path)
    files.write_collection(tmp_path, Collection(str(tmp_path), [ImageRow("s", "1"), ImageRow("s", "")]))
    with pytest.raises(ReadError, match=r"images\.csv: line 3: 'image_id' is empty; every row must have one"):
        files.read_collection(tmp_path)


def test_missing_table_and_json_are_named(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"marks.csv: cannot be opened \(No such file"):
        files.read_marks(tmp_path / "marks.csv")
    with pytest.raises(ReadError, match=r"a.json: cannot be opened"):
        files.read_json(tmp_path / "a.json")
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(ReadError, match=r"b.json: is not JSON"):
        files.read_json(tmp_path / "b.json")


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a table holds finite numbers only, got nan"):
        files.write_marks(tmp_path / "m.csv", [MarkRow("s", "i", 0, 0, float("nan"), 0, 0)])
    assert not list(tmp_path.iterdir())


def test_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_text(tmp_path / "a.txt", "old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        files.write_text(tmp_path / "a.txt", "new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.txt", "old")]


@pytest.mark.parametrize(("then", "left"), [("raise SystemExit(2)", []), ("(folder / 'a').touch()", ["new", "new/deep", "new/deep/a"])])
def test_output_folder_that_stays_empty_is_gone_at_the_end(tmp_path: Path, then: str, left: list[str]) -> None:
    code = f"from breastcad.core.files import output_folder; folder = output_folder('new/deep', overwrite=False); {then}"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == left


def test_output_folder_refuses_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    with pytest.raises(InputError, match="is not empty; name another folder with --out, or add --overwrite"):
        files.output_folder(tmp_path / "full", overwrite=False)
    with pytest.raises(InputError, match="--out must be a folder"):
        files.output_folder(tmp_path / "full" / "x", overwrite=True)
    assert files.output_folder(tmp_path / "full", overwrite=True).is_dir()
    assert files.output_folder(tmp_path / "new" / "deep", overwrite=False).is_dir()
    assert (tmp_path / "full" / "x").read_text() == "x"


def whole_analysis() -> Analysis:
    image = ImageResult(
        "0000", 0, "a.png", None, "ab", "US", None, None, 472, 565, None, ["us-lesion"], {"malignant": 0.07}, {"malignant": 0.11},
        {"malignant": Interval(0.02, 0.2, 0.9, "three folds")}, Decision("sensitivity 0.90", 0.12, 0.9, 0.74, 0.33, False),
        findings=[Finding("0000-1", "mass", [1, 2, 3, 4], {"lesion": 0.9}, "0000/finding-1.png")],
        heatmap=HeatMap("0000/heatmap.png", "malignant", [0, 1]), overlay="0000/overlay.png",
    )  # fmt: skip
    return Analysis(
        "breastcad-findings/1", "0.1.0", "4f0c", NOTICE, [ModelUsed("us-lesion", "0.1.0", "ab", 0.05)], [image],
        [ExamResult("1", {"L": {"malignant": 0.07}}, ["0000"])], [Skipped(0, "notes.txt", "not an image")],
    )  # fmt: skip


def test_analysis_comes_back_and_unknown_keys_are_ignored(tmp_path: Path) -> None:
    files.write_analysis(tmp_path / "findings.json", whole_analysis())
    assert files.read_analysis(tmp_path / "findings.json") == whole_analysis()
    content = files.read_json(tmp_path / "findings.json")
    content["images"][0]["later"] = 1
    files.write_json(tmp_path / "findings.json", content)
    assert files.read_analysis(tmp_path / "findings.json") == whole_analysis()


def test_what_is_no_analysis_is_refused(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"schema": "other"})
    with pytest.raises(ReadError, match=r"is not a findings\.json of version 1"):
        files.read_analysis(tmp_path / "a.json")
    files.write_json(tmp_path / "b.json", {"schema": "breastcad-findings/1"})
    with pytest.raises(ReadError, match=r"is not a whole findings\.json"):
        files.read_analysis(tmp_path / "b.json")


def test_errors_name_the_file_but_not_its_folder() -> None:
    assert str(ReadError("somebody/scan.png", "is empty")) == "scan.png: is empty"
    assert str(MissingExtra("training", "train")).endswith("pip install 'breastcad[train]'")


def test_worst_label_wins() -> None:
    assert worst_label(["normal", "benign"]) == "benign"
    assert worst_label([]) == "unknown"


# ---- tables that a person changed ----


def _predictions(folder: Path, change: Callable[[str], str]) -> Path:
    rows = [PredictionRow("s", "a", None, "g", 0, 0, 0, "test", "image", "benign", {"malignant": 0.1}, {"malignant": 0.2}, 0.5)]
    files.write_predictions(folder / "predictions.csv", rows)
    text = (folder / "predictions.csv").read_text()
    (folder / "predictions.csv").write_text(change(text))
    return folder / "predictions.csv"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",test,", ",tset,", "row 2: 'part' must be one of train, validation, test, got 'tset'"),
        (",benign,", ",benig,", "row 2: 'label' must be one of unknown, normal, benign, malignant, lesion, got 'benig'"),
        ("0.2", "7.5", r"row 2: 'probability_malignant' must lie in \[0, 1\], got 7.5"),
        (",dice", ",group", "has the column 'group' more than once; keep one"),
        (",", ";", "lacks the column 'set'; its cells are parted by semicolons or tabs, save it with commas"),
        ("a,,g", '"a,,g' + "x" * 1_100_000, "line 2: .*; is a quotation mark left open"),
    ],
)
def test_predictions_that_a_person_changed_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = _predictions(tmp_path, lambda text: text.replace(old, new))
    with pytest.raises(ReadError, match=rf"predictions\.csv: {message}"):
        files.read_predictions(path)


def test_probabilities_of_what_shuts_each_other_out_add_up_to_one_at_most(tmp_path: Path) -> None:
    row = PredictionRow("s", "a", None, "g", 0, 0, 0, "test", "image", "benign", {}, {"benign": 0.9, "malignant": 0.9, "abnormal": 0.9})
    files.write_predictions(tmp_path / "predictions.csv", [row])
    with pytest.raises(ReadError, match=r"row 2: the probabilities of normal, benign and malignant must add up to 1 at most, got 1\.8$"):
        files.read_predictions(tmp_path / "predictions.csv")
    row.probability = {"normal": 0.334, "benign": 0.333, "malignant": 0.334, "abnormal": 0.667}  # rounded by whoever wrote it
    files.write_predictions(tmp_path / "predictions.csv", [row])
    assert files.read_predictions(tmp_path / "predictions.csv") == [row]


def test_an_empty_line_at_the_end_is_none(tmp_path: Path) -> None:
    assert len(files.read_predictions(_predictions(tmp_path, lambda text: text + "\n\n"))) == 1


@pytest.mark.parametrize(("text", "message"), [("a: [", "is not YAML"), ("- 1\n", "must hold names and values")])
def test_settings_that_are_none_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "settings.yaml").write_text(text)
    with pytest.raises(ReadError, match=rf"settings\.yaml: {message}"):
        files.read_yaml(tmp_path / "settings.yaml")
    with pytest.raises(ReadError, match="cannot be opened"):
        files.read_yaml(tmp_path / "none.yaml")


def test_a_split_json_that_is_a_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "split.json").write_text("[]")
    with pytest.raises(ReadError, match=r"split\.json: must hold names and values; make the split again"):
        files.read_facts(tmp_path / "split.json")


def test_what_is_no_split_is_named_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for folder, name in ((tmp_path / "gone", "gone"), (tmp_path / "here", "here"), (Path(), "here")):
        for read in (files.read_split, lambda one: files.read_facts(one / "split.json")):
            with pytest.raises(ReadError, match=f"^{name}: is no split .*; make one with: breastcad split COLLECTION"):
                read(folder)
