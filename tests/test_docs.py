"""The docs are tested: every command and dependency is in them, what is generated is up to date, links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from breastcad.commands import COMMANDS, load_command

TOP = Path(__file__).resolve().parents[1]
DOCS = TOP / "docs"
PAGES = [TOP / "README.md", TOP / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings make: lower case, no punctuation, hyphens for blanks."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    """Name the links of a page to files that are not there, or to headings that a page has not."""
    broken = []
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(f"{page.name}: {link}")
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One thing, two\n[a](page.md#one-thing-two) [b](#none) [c](gone.md) [d](https://example.org)\n")
    assert broken_links(page) == ["page.md: #none", "page.md: gone.md"]


def test_the_index_has_every_page() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    pages = [page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md") if page.name != "README.md"]
    assert [page for page in pages if f"]({page})" not in index] == []


def test_what_is_generated_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, str(DOCS / "build.py"), "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return docs/build.py as a module."""
    spec = importlib.util.spec_from_file_location("docs_build", DOCS / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_every_quirk_has_a_test_or_a_reason_and_every_mark_a_quirk(build: ModuleType) -> None:
    page, tests = (DOCS / "quirks.md").read_text(encoding="utf-8"), build.quirk_tests(TOP / "tests")
    assert build.quirk_problems(page, tests, TOP / "tests") == []
    listed = re.findall(r"^\| ([A-Z]+-Q\d+) \|", page, re.MULTILINE)
    assert len(listed) == len(set(listed)) >= 139
    assert build.quirks_page(page, tests) == page


MARKED = """
@pytest.mark.quirk("A-Q1", "A-Q2")
@pytest.mark.realdata
def test_one() -> None: ...

@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.quirk("B-Q9"))])
def test_two(x: int) -> None: ...
"""


def test_a_quirk_without_a_test_and_a_mark_without_a_quirk_are_seen(build: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "read").mkdir()
    (tmp_path / "read" / "test_a.py").write_text(MARKED)
    cells = {"A-Q1": "?", "A-Q2": "reader to come: tests/read/test_a.py", "A-Q3": "[`test_gone`](../tests/read/test_a.py)"}
    cells |= {"A-Q4": "no file: a count", "A-Q5": "reader to come: tests/read/test_a.py", "A-Q6": "reader to come: tests/read/test_b.py"}
    tests = build.quirk_tests(tmp_path)
    page = build.quirks_page("".join(f"| {number} | Odd. | {cell} |\n" for number, cell in cells.items()), tests)
    link = "[`test_one`](../tests/read/test_a.py) (real data)"
    assert [line.split(" | ")[-1] for line in page.splitlines()] == [
        *(f"{link} |", f"{link} |", "? |", "no file: a count |"),
        *("reader to come: tests/read/test_a.py |", "reader to come: tests/read/test_b.py |"),
    ]
    assert build.quirk_problems(page, tests, tmp_path) == [
        "docs/quirks.md: A-Q3 has neither a test nor a reason",
        "docs/quirks.md: A-Q5 waits for tests/read/test_a.py, which is there; mark its test, or give a reason",
        "tests/read/test_a.py: test_two is marked B-Q9, which docs/quirks.md does not list",
    ]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    assert f"\n## breastcad {name}\n" in (DOCS / "commands.md").read_text(encoding="utf-8")


def test_every_dependency_is_documented() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    names = [re.split(r"[<>=!~\[ ]", line)[0] for group in lists for line in group]
    cells = re.findall(r"^\| ([^|]+) \|", (DOCS / "dependencies.md").read_text(encoding="utf-8"), re.MULTILINE)
    documented = {name.strip() for cell in cells for name in cell.split(",")}
    assert sorted(set(names) - documented - {"breastcad"}) == []


def shown_calls() -> list[tuple[str, list[str]]]:
    """List the calls of breastcad in the code blocks of README and docs: the command and its options."""
    calls = []
    for page in PAGES:
        for block in re.findall(r"```(?:bash|sh)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                words = line.split("#")[0].split()
                if len(words) > 1 and words[0].endswith("breastcad"):
                    calls.append((" ".join(words[1:]), [word.split("=")[0] for word in words if word.startswith("--")]))
    return calls


@pytest.mark.parametrize(("call", "options"), shown_calls())
def test_calls_that_the_docs_show_can_be_made(call: str, options: list[str]) -> None:
    words = call.split()
    command: Any = load_command(words[0])
    below = getattr(command, "commands", None)
    if below is not None and len(words) > 1:
        command = below[words[1]]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    assert [option for option in options if option not in known] == []


def test_the_lines_of_python_in_the_readme_name_what_there_is() -> None:
    import breastcad

    (block,) = re.findall(r"```python\n(.*?)```", (TOP / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    compile(block, "README.md", "exec")
    for name in re.findall(r"breastcad\.(\w+)", block):
        assert hasattr(breastcad, name)
