"""Writes what is generated in the docs: commands.md from the commands' own help, the tables of files.md from the records,
the tests in quirks.md from the marks on them, the list of recipes in recipes.md, the tables of figures in all documents from the results
of runs, and what of the publications was run and what not in RESULTS.md.

``python docs/build.py`` writes; with ``--check`` nothing is written, and the exit code is 1 if a file is not up to date.
"""

from __future__ import annotations

import ast
import dataclasses
import os
import re
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path

DOCS = Path(__file__).resolve().parent
TESTS = DOCS.parent / "tests"
OPEN_COLUMNS = {"extra": "x_*", "raw": "raw_*", "probability": "probability_*"}
_TABLE = re.compile(r"(<!-- columns of (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_QUIRK = re.compile(r"^\| ([A-Z]+-Q\d+) \| ([^|]*) \| ([^|]*) \|$", re.MULTILINE)
_RECIPES = re.compile(r"(<!-- recipes -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_HELP_WIDTH = 110


def commands_page() -> str:
    """Return docs/commands.md: the help of breastcad, of every command and of every subcommand."""
    os.environ["COLUMNS"] = os.environ["TERMINAL_WIDTH"] = str(_HELP_WIDTH)
    from typer.main import get_command

    from breastcad.commands import COMMANDS, app, load_command

    parts = [
        "# Commands\n\n"
        "Written by `make docs` from what `--help` prints. What the files hold is in [files.md](files.md).\n\n"
        "Exit codes: 0 done; 1 done, and the answer is no (a split leaks, a recheck differs, nothing could be analysed);\n"
        "2 the call cannot be taken; 130 interrupted. An error is one line on stderr, and `--debug` adds its traceback.\n"
    ]
    parts += _help_sections("breastcad", get_command(app), level=2, below={})
    for name in COMMANDS:
        command = load_command(name)
        parts += _help_sections(f"breastcad {name}", command, level=2, below=getattr(command, "commands", {}))
    return "\n".join(parts)


def _help_sections(path: str, command: typing.Any, *, level: int, below: dict[str, typing.Any]) -> list[str]:
    context = command.make_context(path, [], resilient_parsing=True, terminal_width=_HELP_WIDTH, max_content_width=_HELP_WIDTH)
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    sections = [f"{'#' * level} {path}\n\n```text\n{text}\n```\n"]
    for name, sub in below.items():
        sections += _help_sections(f"{path} {name}", sub, level=level + 1, below={})
    return sections


def files_page(text: str) -> str:
    """Return docs/files.md with its tables of columns in the order and of the types of the records; meanings are kept.

    A column that has no meaning written yet gets ``?``, which `main` refuses.
    """
    from breastcad.core import records

    def table(match: re.Match[str]) -> str:
        record = getattr(records, match[2])
        meanings = dict(re.findall(r"^\| `([^`]+)` \|[^|]*\| (.*) \|$", match[3], re.MULTILINE))
        rows = ["| column | type | meaning |", "|---|---|---|"]
        rows += [f"| `{name}` | {kind} | {meanings.get(name, '?')} |" for name, kind in _columns(record)]
        return match[1] + "\n".join(rows) + "\n" + match[4]

    return _TABLE.sub(table, text)


def _columns(record: typing.Any) -> list[tuple[str, str]]:
    """List a record's columns and their types as the files have them: fixed ones first, then the open ones."""
    hints = typing.get_type_hints(record)
    names = [field.name for field in dataclasses.fields(record)]
    fixed = [(name, _type_name(hints[name])) for name in names if name not in OPEN_COLUMNS]
    opened = [(OPEN_COLUMNS[name], "text" if name == "extra" else "number") for name in names if name in OPEN_COLUMNS]
    return fixed + opened


def _type_name(hint: typing.Any) -> str:
    words = {int: "whole number", float: "number", str: "text"}
    if isinstance(hint, types.UnionType):
        return f"{_type_name(next(part for part in typing.get_args(hint) if part is not type(None)))} or empty"
    return words[hint]


@dataclasses.dataclass(frozen=True, slots=True)
class QuirkTest:
    """A test that a mark says shows a quirk of a set's format; ``path`` is relative to the folder of tests."""

    path: str
    name: str
    real_data: bool

    @property
    def link(self) -> str:
        """The test as a link in docs/quirks.md."""
        return f"[`{self.name}`](../tests/{self.path}){' (real data)' if self.real_data else ''}"


def quirk_tests(folder: Path) -> dict[str, list[QuirkTest]]:
    """Map the numbers in marks such as ``@pytest.mark.quirk("CBIS-Q5")`` to the tests under them; the files are parsed, not imported."""
    shown: dict[str, list[QuirkTest]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        functions = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)]
        for function in functions:
            marks = [node for mark in function.decorator_list for node in ast.walk(mark)]
            real_data = any(isinstance(node, ast.Attribute) and node.attr == "realdata" for node in marks)
            test = QuirkTest(path.relative_to(folder).as_posix(), function.name, real_data)
            for node in marks:
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "quirk":
                    for number in node.args:
                        shown.setdefault(ast.literal_eval(number), []).append(test)
    return shown


def quirks_page(text: str, tests: Mapping[str, Sequence[QuirkTest]]) -> str:
    """Return docs/quirks.md with the tests that show each quirk; where there are none, a reason written by hand is kept.

    A quirk that has neither gets ``?``, which `quirk_problems` tells.
    """

    def row(match: re.Match[str]) -> str:
        number, sentence, cell = match.groups()
        reason = "?" if not cell or cell.startswith("[") else cell
        return f"| {number} | {sentence} | {', '.join(test.link for test in tests.get(number, [])) or reason} |"

    return _QUIRK.sub(row, text)


def quirk_problems(page: str, tests: Mapping[str, Sequence[QuirkTest]], folder: Path) -> list[str]:
    """Say what docs/quirks.md lacks: a test or a reason, a number that a mark names, the marks of a reader that has come."""
    rows = {number: cell for number, _, cell in _QUIRK.findall(page)}
    problems = [f"docs/quirks.md: {number} has neither a test nor a reason" for number, cell in rows.items() if cell == "?"]
    for number, cell in rows.items():
        come = re.fullmatch(r"reader to come: tests/(\S+)", cell)
        if come and (folder / come[1]).exists():
            problems.append(f"docs/quirks.md: {number} waits for tests/{come[1]}, which is there; mark its test, or give a reason")
    for number in sorted(set(tests) - set(rows)):
        problems += [f"tests/{test.path}: {test.name} is marked {number}, which docs/quirks.md does not list" for test in tests[number]]
    return problems


def fill_figures(check: bool) -> list[str]:
    """Write the tables of figures of all documents anew, or only look; return the documents that were not up to date."""
    from breastcad.evaluate.documents import documents_with_figures, fill_tables, quoted_tables, table_lines

    stale = []
    for path in documents_with_figures(DOCS.parent):
        if any(table.lines != table_lines(table, DOCS.parent) for table in quoted_tables(path)):
            stale.append(path.relative_to(DOCS.parent).as_posix())
        if not check:
            fill_tables(path, DOCS.parent)
    return stale


def recipes_page(text: str) -> str:
    """Return docs/recipes.md with its list of recipes anew."""
    from breastcad.recipes.listing import markdown

    return _RECIPES.sub(lambda match: match[1] + markdown() + match[3], text)


def main(check: bool) -> int:
    """Write what is generated, or say what is not up to date.

    Parameters
    ----------
    check : bool
        Write nothing; return 1 if a page differs from what would be written.

    Returns
    -------
    int
        0 if all is well; 1 if a page is not up to date, a column has no meaning written, or a quirk has neither test nor reason.
    """
    from breastcad.recipes.results import fill_results

    files, quirks, tests = DOCS / "files.md", DOCS / "quirks.md", quirk_tests(TESTS)
    recipes, results = DOCS / "recipes.md", DOCS.parent / "RESULTS.md"
    pages = {
        DOCS / "commands.md": commands_page(),
        files: files_page(files.read_text(encoding="utf-8")),
        quirks: quirks_page(quirks.read_text(encoding="utf-8"), tests),
        recipes: recipes_page(recipes.read_text(encoding="utf-8")),
    }
    stale = [f"docs/{path.name}" for path, text in pages.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    stale += fill_figures(check)
    stale += [results.name] if fill_results(results, check=check) else []
    if not check:
        for path, text in pages.items():
            path.write_text(text, encoding="utf-8")
    problems = [f"{name} is not up to date; write it with: make docs" for name in stale if check]
    unexplained = re.findall(r"^\| `([^`]+)` \|[^|]*\| \? \|$", pages[files], re.MULTILINE)
    problems += [f"docs/files.md: the column '{column}' has no meaning written" for column in unexplained]
    problems += quirk_problems(pages[quirks], tests, TESTS)
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main(check="--check" in sys.argv[1:]))
