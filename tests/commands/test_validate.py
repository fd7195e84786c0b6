"""``breastcad validate``: end to end on a made-up analysis; exit codes, and nobody's name in what is written."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from breastcad.core.files import write_analysis
from breastcad.core.records import ExamResult


@pytest.fixture
def given(site: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A made-up analysis of 90 images and its labels, with a row that names nothing."""
    monkeypatch.setattr("breastcad.evaluate.scopes.REPEATS", 100)
    monkeypatch.setattr("breastcad.evaluate.site.REFITS", 50)
    draw = np.random.default_rng(6)
    ill = np.arange(90) % 3 == 0
    said = 1 / (1 + np.exp(-draw.normal(np.where(ill, 1.5, -1.5), 1.5)))
    images = [site.image(number, float(p)) for number, p in enumerate(said)]
    (tmp_path / "analysis").mkdir()
    write_analysis(tmp_path / "analysis" / "findings.json", site.analysis(images))
    rows = [
        f"{image.source},{'malignant' if own else 'benign'},Jane Doe {i // 2}"
        for i, (image, own) in enumerate(zip(images, ill, strict=True))
    ]
    (tmp_path / "labels.csv").write_text("source,label,patient\n" + "\n".join([*rows, "Secret Name.png,benign,Jane Doe 99"]) + "\n")
    return tmp_path / "analysis", tmp_path / "labels.csv"


def test_too_few_are_refused_with_exit_code_one_and_all_is_written(given, run, tmp_path: Path) -> None:
    code, said, error = run("validate", given[0], "--labels", given[1], "--out", tmp_path / "out")
    assert code == 1
    assert "not certified: 30 women have a malignant exam, 100 are asked for" in error
    assert said.startswith("# us-lesion on a site's own exams: too few to certify\n")
    assert "Line 92: no analysed image has this source." in said
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["reliability.png", "roc.png", "validation.html", "validation.json", "validation.md"]
    kept = json.loads((tmp_path / "out" / "validation.json").read_text())
    assert (kept["certified"], kept["n"], kept["positives"]) == (False, 90, 30)
    assert all(name.isdigit() for name in kept["released"])


def test_no_name_of_a_file_or_patient_is_written(given, run, tmp_path: Path) -> None:
    _, said, error = run("validate", given[0], "--labels", given[1], "--out", tmp_path / "out")
    for text in (said, error, *((tmp_path / "out" / name).read_text() for name in ("validation.html", "validation.json", "validation.md"))):
        assert not any(name in text for name in ("Doe", "Secret", "name of a patient"))


def test_enough_by_ones_own_rule_is_exit_code_zero(given, run, tmp_path: Path) -> None:
    rule = ("--least-positives", "20", "--least-negatives", "20", "--half-width", "0.3")
    code, said, _ = run("validate", given[0], "--labels", given[1], "--out", tmp_path / "out", *rule)
    assert code == 0
    assert "**The exams are enough to go by.**" in said
    assert "Numbers proposed for this site" in said


def test_the_title_says_of_what_kind_the_reason_is(given, run, tmp_path: Path) -> None:
    rule = ("--least-positives", "1", "--least-negatives", "1", "--half-width", "0.9")
    code, said, _ = run("validate", given[0], "--labels", given[1], "--out", tmp_path / "out", *rule)
    assert (code, said.splitlines()[0]) == (0, "# us-lesion on a site's own exams")
    (tmp_path / "bare.csv").write_text(given[1].read_text().replace("Jane Doe 0", ""))
    code, said, _ = run("validate", given[0], "--labels", tmp_path / "bare.csv", "--out", tmp_path / "out2", *rule)
    assert (code, said.splitlines()[0]) == (1, "# us-lesion on a site's own exams: women cannot be counted")
    assert "**Not certified: women cannot be counted.**" in said
    code, *_ = run("validate", given[0], "--labels", tmp_path / "bare.csv", "--out", tmp_path / "out3", "--one-row-a-woman", *rule)
    assert code == 0


def test_of_exams_the_point_was_not_made_and_its_card_is_not_shown(site: SimpleNamespace, run, tmp_path: Path) -> None:
    numbers = range(8)
    said = [{"malignant": 0.9 if number < 3 else 0.1} for number in numbers]
    exams = [ExamResult(str(n), {"L": one}, [f"{n:04d}"], "US", {}, one) for n, one in zip(numbers, said, strict=True)]
    (tmp_path / "analysis").mkdir()
    write_analysis(tmp_path / "analysis" / "findings.json", site.analysis([site.image(n, 0.5) for n in numbers], exams))
    rows = [f"{n},{'malignant' if n < 4 else 'benign'},w{n}" for n in numbers]
    (tmp_path / "labels.csv").write_text("exam,label,patient\n" + "\n".join(rows) + "\n")
    rule = ("--least-positives", "1", "--least-negatives", "1", "--half-width", "0.9")
    code, text, _ = run("validate", tmp_path / "analysis", "--labels", tmp_path / "labels.csv", "--out", tmp_path / "out", *rule)
    assert (code, text.splitlines()[0]) == (1, "# us-lesion on a site's own exams: no operating point of exams to certify")
    assert "It was made for images: exams join views" in text
    assert "card promises what the last column says" not in text


def test_what_cannot_be_used_is_said(given, run, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("source,label\ngone.png,benign\n")
    code, _, error = run("validate", given[0], "--labels", tmp_path / "bad.csv", "--out", tmp_path / "out")
    assert (code, "no row of 'bad.csv' can be used; the first: line 2: no analysed image" in error) == (1, True)
    code, _, error = run("validate", given[0], tmp_path, "--labels", given[1], "--out", tmp_path / "out2")
    assert (code, "not both" in error) == (2, True)
    code, _, error = run("validate", given[0], "--labels", given[1], "--out", tmp_path / "out3", "--sensitivity", "1")
    assert (code, "--sensitivity must lie in (0, 1), got 1.0" in error) == (2, True)


def test_a_table_that_cannot_be_used_is_told_before_anything_is_analysed(run, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,truth\na.png,benign\n")
    code, _, error = run("validate", tmp_path, "--labels", tmp_path / "labels.csv", "--out", tmp_path / "out")
    assert (code, "labels.csv: must have a column 'label'" in error) == (2, True)
    assert not (tmp_path / "out").exists()


def test_one_class_is_a_refusal_and_no_fault(given, run, tmp_path: Path) -> None:
    (tmp_path / "ill.csv").write_text("image,label\n0000,malignant\n0003,malignant\n")
    code, said, _ = run("validate", given[0], "--labels", tmp_path / "ill.csv", "--out", tmp_path / "out")
    assert code == 1
    assert "Ranking and calibration: all labels are of one class." in said
    assert not list((tmp_path / "out").glob("*.png"))


@pytest.mark.slow
def test_images_are_analysed_first_where_they_are_given(run, tmp_path: Path) -> None:
    assert run("phantom", "busi", "--out", tmp_path / "busi", "--n", "4")[0] == 0
    pictures = [path for path in sorted((tmp_path / "busi").rglob("*.png")) if "mask" not in path.name]
    rows = [f"{path.name},{'malignant' if 'malignant' in path.name else 'benign'}" for path in pictures]
    (tmp_path / "labels.csv").write_text("source,label\n" + "\n".join(rows) + "\n")
    code, said, _ = run("validate", tmp_path / "busi", "--labels", tmp_path / "labels.csv", "--out", tmp_path / "out", "--modality", "US")
    assert code == 1
    assert f"{len(pictures)} images (files)" in said
    assert (tmp_path / "out" / "analysis" / "findings.json").is_file()
