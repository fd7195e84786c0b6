"""The check of the readers' tests: its changes fit the code as it is, and it tells what the tests see from what they do not."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

TOP = Path(__file__).resolve().parents[1]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return benchmarks/mutated_readers.py as a module."""
    spec = importlib.util.spec_from_file_location("mutated_readers", TOP / "benchmarks" / "mutated_readers.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_every_change_fits_the_code_and_has_marked_tests(check: ModuleType) -> None:
    tests = check.marked_tests()
    for mutation in check.MUTATIONS:
        content = (TOP / "src" / "breastcad" / mutation.file).read_text(encoding="utf-8")
        assert content.count(mutation.old) == 1, mutation
        assert tests[mutation.quirk], mutation
    assert max(Counter((mutation.file, mutation.old) for mutation in check.MUTATIONS).values()) == 1
    assert len({mutation.quirk.split("-")[0] for mutation in check.MUTATIONS}) >= 5


def test_the_table_in_the_docs_is_of_these_changes(check: ModuleType) -> None:
    page = (TOP / "docs" / "quirks.md").read_text(encoding="utf-8")
    rows = re.findall(r"^(\| `[A-Z]+-Q\d+` \| read/\S+: .*) \| [^|]+ \|$", page, re.MULTILINE)
    assert rows == [check.row_of(mutation, "").removesuffix(" |  |") for mutation in check.MUTATIONS]


@pytest.fixture
def copy(check: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of a package of one line, with a test of it, where the check looks for tests."""
    (tmp_path / "src" / "breastcad").mkdir(parents=True)
    (tmp_path / "src" / "breastcad" / "__init__.py").write_text("")
    (tmp_path / "src" / "breastcad" / "a.py").write_text("FLIPPED = True\nOTHER = 1\n")
    (tmp_path / "test_a.py").write_text("def test_flip():\n    from breastcad.a import FLIPPED\n    assert FLIPPED\n")
    monkeypatch.setattr(check, "TOP", tmp_path)
    return tmp_path / "src"


@pytest.mark.parametrize(
    ("old", "new", "tests", "seen", "said"),
    [
        ("FLIPPED = True", "FLIPPED = False", ["test_a.py::test_flip"], True, "`test_flip`"),
        ("OTHER = 1", "OTHER = 2", ["test_a.py::test_flip"], False, "**none**"),
        ("FLIPPED = False", "", ["test_a.py::test_flip"], False, "**the old text stands there 0 times**"),
        ("OTHER = 1", "OTHER = 2", [], False, "**no test is marked**"),
        ("OTHER = 1", "OTHER = 2", ["test_a.py::test_gone"], False, "**pytest ended with 4: no test ran to its end**"),
    ],
)
def test_what_is_seen_is_told_from_what_is_not(
    check: ModuleType, copy: Path, old: str, new: str, tests: list[str], seen: bool, said: str
) -> None:
    assert check.judge(check.Mutation("A-Q1", "a.py", old, new), copy, tests) == (seen, said)
    assert (copy / "breastcad" / "a.py").read_text() == "FLIPPED = True\nOTHER = 1\n"


@pytest.mark.slow
def test_one_change_that_goes_unseen_makes_the_exit_code_1(check: ModuleType, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen, unseen = (check.Mutation(f"A-Q{n}", "a.py", old, "") for n, old in ((1, "FLIPPED = True"), (2, "OTHER = 1")))
    tests = {"A-Q1": ["test_a.py::test_flip"], "A-Q2": ["test_a.py::test_flip"]}
    assert check.main([seen], tests) == 0
    assert check.main([seen, unseen], tests) == 1
    assert capsys.readouterr().out.endswith("1 of 2 changes were seen: not A-Q2.\n")
    (copy / "breastcad" / "a.py").write_text("FLIPPED = False\n")
    assert check.main([seen], tests) == 1
    assert "mend that first: test_flip" in capsys.readouterr().err
