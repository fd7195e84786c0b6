"""``breastcad readers``: what is printed, what is written, what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from breastcad.core.seeding import generator
from breastcad.evaluate import readers

Run = Callable[..., tuple[int, str, str]]


DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(autouse=True)
def fewer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "as_documented" not in request.node.name:
        monkeypatch.setattr(readers, "REPEATS", 100)


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    """Return a made-up study: 40 cases of 30 patients, three readers with and without AI, BI-RADS, one rating missing."""
    draw, lines = generator(5, "readers"), ["case,patient,reader,condition,rating,truth"]
    for case in range(40):
        hard = draw.normal()
        for reader in ("Ada", "Bea <b>", "Cem|"):
            for condition, help_of_ai in (("without AI", 0.0), ("with AI", 0.6)):
                suspicion = 3.4 + (1.2 + help_of_ai) * (1 if case % 3 == 0 else -1) + hard + draw.normal()
                said = "" if (case, reader, condition) == (7, "Ada", "with AI") else str(min(5, max(1, round(suspicion))))
                lines.append(f"{case},p{min(case, 29)},{reader},{condition},{said},{'malignant' if case % 3 == 0 else 'benign'}")
    path = tmp_path / "made-up.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_it_prints_and_writes_the_same_figures(ratings: Path, tmp_path: Path, run: Run) -> None:
    code, told, said = run("readers", ratings, "--code", "bi-rads", "--out", tmp_path / "out")
    assert (code, said) == (0, "")
    assert re.findall(r"^## (.+)$", told, re.MULTILINE) == [
        "What was read",
        "Readers against truth, malignant is positive",
        "Readers against truth, benign is positive",
        "Area under each reader's curve",
        "Readers against one another",
        "Readers against one another, step by step",
        "Conditions and readers compared",
        "Each reader alone",
    ]
    assert (
        "40 cases of 30 patients, 3 readers (Ada, Bea <b>, Cem|), conditions: without AI, with AI. Truth: 14 malignant, 26 benign" in told
    )
    assert "Reader 'Ada' has no rating under 'with AI' of 1 of 40 cases; none was filled in." in told
    assert "39 cases (14 malignant) that every reader read under every condition; covariances: delong over patients." in told
    found = json.loads((tmp_path / "out" / "readers.json").read_text())
    assert (found["format"], found["cases"], found["patients"]) == ("breastcad-readers/1", 40, 30)
    assert [len(found[name]) for name in ("against_truth", "between_two", "between_all")] == [6, 12, 2]
    first, whole = found["against_truth"][0], found["compared"]["found"]["analyses"][0]
    assert f"{first['malignant_positive']['sensitivity']['value']:.3f} (" in told
    assert first["malignant_positive"]["ppv"] == first["benign_positive"]["npv"]
    assert f"| {whole['random']} | all alike (F) | {whole['value']:.2f} |" in told
    page = (tmp_path / "out" / "readers.html").read_text()
    assert "Bea &lt;b&gt;" in page
    assert "Research use only. Not a diagnosis." in page
    assert "<script" not in page
    for cell in re.findall(r"^\| Ada \| without AI \| \S+ \| (.+?) \|", told, re.MULTILINE):
        assert cell in page
    assert "| Cem\\| |" in told


def test_without_truth_there_is_agreement_only(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "codes.csv"
    path.write_text(
        "case,reader,rating\n" + "".join(f"{n},{reader},{int(n % 3 > 0 or reader == 'B')}\n" for n in range(9) for reader in "AB")
    )
    code, told, _ = run("readers", path, "--code", "1=benign 0=malignant")
    assert code == 0
    assert re.findall(r"^## (.+)$", told, re.MULTILINE) == [
        "What was read",
        "Readers against one another",
        "Conditions and readers compared",
    ]
    assert "No truth is given: there is agreement, but nobody can be said to be right." in told
    assert "no case of known truth was read by every reader under every condition" in told
    assert "| A, B | 9 | 0.667 (0.354 to 0.879) | 0.000 (–), slight | – |" in told
    assert told.count("how sure the figure is cannot be said from these cases.") == 1


def test_one_condition_of_several_readers_has_their_mean(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "scores.csv"
    lines = [
        f"{n},{reader},{(n * 7 + shift) % 11 + 3 * (n % 2)},{'malignant' if n % 2 else 'normal'}"
        for n in range(20)
        for reader, shift in (("A", 0), ("B", 3))
    ]
    path.write_text("\n".join(["case,reader,rating,truth", *lines]) + "\n")
    code, told, _ = run("readers", path)
    assert code == 0
    assert "## All readers together" in told
    assert re.search(r"\| readers and cases random \| mean \| 0\.\d{3} \|", told)
    assert "malignant is positive" not in told  # scores call nothing without a threshold
    assert "malignant is positive" in run("readers", path, "--threshold", "6")[1]


def test_table_7(run: Run, ratings: Path) -> None:
    code, told, _ = run("readers", "--table-7")
    assert code == 0
    assert told.startswith("# Table 7 of publication E, derived")
    assert run("readers", ratings, "--table-7")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "breastcad: name the table of ratings; breastcad readers --help shows its form\n"),
        (("gone.csv",), "breastcad: gone.csv: cannot be opened (No such file or directory)\n"),
    ],
)
def test_what_cannot_be_taken(arguments, said: str, run: Run) -> None:
    assert run("readers", *arguments)[::2] == (2, said)


def test_a_threshold_that_is_no_number_is_refused(ratings: Path, run: Run) -> None:
    assert run("readers", ratings, "--threshold", "nan")[::2] == (2, "breastcad: --threshold must be a finite number, got nan\n")


def test_a_perfect_reader_has_no_interval_and_no_p(tmp_path: Path, run: Run) -> None:
    """Right of all 12 cases with AI, all tied without: the difference is half, and 12 cases do not make it sure."""
    path = tmp_path / "perfect.csv"
    lines = [
        f"{n},A,{condition},{n if condition == 'with' else 6},{'malignant' if n > 5 else 'benign'}"
        for condition in ("with", "without")
        for n in range(12)
    ]
    path.write_text("\n".join(["case,reader,condition,rating,truth", *lines]) + "\n")
    code, told, _ = run("readers", path, "--out", tmp_path / "out")
    assert code == 0
    assert "| A | with | 12 | 1.000 (–) |" in told
    assert "| readers fixed, cases random | with - without | +0.500 | 0.0000 | – | – | – |" in told
    assert "| readers fixed, cases random | all alike (chi-square) | – | – | 1 | – | – |" in told
    assert told.count("how sure the figure is cannot be said from these cases.") == 2
    found = json.loads((tmp_path / "out" / "readers.json").read_text())
    assert found["against_truth"][0]["area"] == {"value": 1.0, "low": None, "high": None, "n": 12}
    assert found["compared"]["found"]["by_reader"][0][0]["p"] is None


def test_help_teaches_the_form(run: Run) -> None:
    told = run("readers", "--help")[1]
    assert "case,patient,reader,condition,rating,truth" in told
    assert "17,p4,Ada,with AI,4C,malignant" in told


def test_the_example_and_table_7_are_as_documented(run: Run) -> None:
    page = (DOCS / "readers.md").read_text(encoding="utf-8")
    told = run("readers", DOCS / "made-up-readings.csv", "--code", "bi-rads")[1].splitlines()
    example = page.split("\n## An example, made up\n")[1].split("\n## ")[0]
    rows = [line for line in example.splitlines() if line.startswith("|")]
    assert len(rows) > 30
    assert [row for row in rows if row not in told] == []
    for line in run("readers", "--table-7")[1].splitlines()[4:]:
        assert line.replace("## ", "### ") in page
