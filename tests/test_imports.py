"""What is loaded when, and that the rules of who imports whom are seen to fail."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from breastcad.commands import COMMANDS

TOP = Path(__file__).resolve().parents[1]
PACKAGE = TOP / "src" / "breastcad"
HEAVY = ("numpy", "torch", "pandas", "scipy", "cv2", "onnxruntime", "matplotlib")


def run_python(code: str) -> str:
    """Run code in a fresh interpreter that sees this checkout; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(TOP / 'src')!r})\n{code}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_breastcad_loads_nothing_heavy() -> None:
    assert run_python(f"import breastcad; print([name for name in {HEAVY} if name in sys.modules])") == "[]\n"


def test_help_loads_no_command_and_nothing_heavy() -> None:
    loaded = run_help([["--help"]])
    assert [name for name in loaded if name.startswith("breastcad.commands.")] == ["breastcad.commands.options"]
    assert [name for name in HEAVY if name in loaded] == []


def test_help_of_the_commands_loads_nothing_heavy() -> None:
    loaded = run_help([[name, "--help"] for name in COMMANDS])
    assert [name for name in HEAVY if name in loaded] == []


def run_help(calls: list[list[str]]) -> list[str]:
    """Run breastcad several times in a fresh interpreter, each of which must end with 0; return the modules that are loaded then."""
    code = f"""
import contextlib, io
from breastcad.commands import main
for arguments in {calls}:
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            main(arguments)
    except SystemExit as stop:
        assert stop.code == 0, arguments
print(*sorted(sys.modules), sep="\\n")
"""
    return run_python(code).split()


def test_analysis_and_report_load_without_torch() -> None:
    run_python("sys.modules['torch'] = None\nimport breastcad, breastcad.report\nbreastcad.analyze")


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    import breastcad

    with pytest.raises(AttributeError, match="module 'breastcad' has no attribute 'analyse'"):
        _ = breastcad.analyse


def test_nothing_imports_pandas() -> None:
    importers = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            importers += [path.name for name in names if name.split(".")[0] == "pandas"]
    assert importers == []


def lint(folder: Path) -> str:
    """Return the exit code and the words of import-linter for the package and the rules in a folder."""
    code = f"""
import sys
sys.path.insert(0, {str(folder / "src")!r})
from importlinter.cli import lint_imports
sys.exit(lint_imports(no_cache=True))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    return f"exit {done.returncode}\n{done.stdout}{done.stderr}"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the package and of the rules."""
    shutil.copytree(PACKAGE, tmp_path / "src" / "breastcad", ignore=shutil.ignore_patterns("__pycache__", "bundled"))
    shutil.copy(TOP / "pyproject.toml", tmp_path)
    return tmp_path


def test_floors_hold(checkout: Path) -> None:
    assert lint(checkout).startswith("exit 0\n"), lint(checkout)


def test_an_import_from_a_floor_above_is_refused(checkout: Path) -> None:
    (checkout / "src/breastcad/core/upwards.py").write_text("import breastcad.infer\n")
    told = lint(checkout)
    assert told.startswith("exit 1\n")
    assert "breastcad.core is not allowed to import breastcad.infer" in told


def test_rooms_on_one_floor_may_not_import_each_other(checkout: Path) -> None:
    (checkout / "src/breastcad/evaluate/sideways.py").write_text("import breastcad.phantom\n")
    told = lint(checkout)
    assert told.startswith("exit 1\n")
    assert "breastcad.evaluate is not allowed to import breastcad.phantom" in told


def test_torch_on_a_numeric_floor_is_refused(checkout: Path) -> None:
    (checkout / "src/breastcad/patches/heavy.py").write_text("import torch\n")
    told = lint(checkout)
    assert told.startswith("exit 1\n")
    assert "breastcad.patches is not allowed to import torch" in told


def test_a_folder_that_no_floor_lists_is_refused(checkout: Path) -> None:
    (checkout / "src/breastcad/utils").mkdir()
    (checkout / "src/breastcad/utils/__init__.py").write_text("")
    told = lint(checkout)
    assert told.startswith("exit 1\n")
    assert "breastcad.utils" in told
