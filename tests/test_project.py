"""The project itself: sizes, what may be tracked, versions, what is installed, and the wheel in an environment of its own."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import breastcad

TOP = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FUNCTION_LINES, FILE_LINES = 40, 500
LARGE_BYTES, WEIGHTS_BYTES = 2**20, 40 * 2**20
# Tables are text, of which git keeps a tenth; whoever clones has them on disk all the same.
TABLES_BYTES = 160 * 2**20
WEIGHTS = "src/breastcad/models/bundled/"
# Homes and working folders of machines, and registries; written so that this line does not find itself.
MACHINE = re.compile(
    r"/w[o]rk/|/f[a]rm/|/h[o]me/|/U[s]ers/|/r[o]ot/|/tmp/b[a]sh_jobs|[Cc]:\\U[s]ers|p[y]pi\.|python[h]osted|npm[j]s\.|deb\.deb[i]an"
)


def tracked() -> list[str]:
    """List the files that are in the repository, or would be with the next commit."""
    if not (TOP / ".git").exists() or shutil.which("git") is None:
        pytest.skip("this is no git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True).stdout.split("\0")
    return [name for name in names if name and (TOP / name).is_file()]


def text_of(name: str) -> str | None:
    """Return a file's text, or None if it is no text."""
    content = (TOP / name).read_bytes()
    if b"\0" in content:
        return None
    return content.decode("utf-8", errors="replace")


def lines_without_docstring(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's lines, its decorators and its docstring left out."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        lines -= (first.end_lineno or 0) - first.lineno + 1
    return lines


def too_large(source: str, name: str) -> list[str]:
    """Name what is over the caps in a Python file."""
    lines = source.count("\n")
    found = [f"{name}: {lines} lines, at most {FILE_LINES}"] if lines > FILE_LINES else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and lines_without_docstring(node) > FUNCTION_LINES:
            found.append(f"{name}:{node.lineno} {node.name}: {lines_without_docstring(node)} lines, at most {FUNCTION_LINES}")
    return found


def test_no_file_and_no_function_is_over_its_cap() -> None:
    found = [line for name in tracked() if name.endswith(".py") for line in too_large((TOP / name).read_text(encoding="utf-8"), name)]
    assert found == []


def test_the_caps_see_what_is_too_large_and_count_no_docstring() -> None:
    body = "    x = 1\n"
    long = "def f():\n" + body * FUNCTION_LINES
    documented = 'def f():\n    """One.\n\n    Two.\n    """\n' + body * (FUNCTION_LINES - 1)
    assert too_large(long, "a.py") == [f"a.py:1 f: {FUNCTION_LINES + 1} lines, at most {FUNCTION_LINES}"]
    assert too_large(documented, "a.py") == []
    assert too_large("\n" * (FILE_LINES + 1), "a.py") == [f"a.py: {FILE_LINES + 1} lines, at most {FILE_LINES}"]


def test_no_path_of_a_machine_and_no_registry_is_named() -> None:
    found = []
    for name in tracked():
        for number, line in enumerate((text_of(name) or "").splitlines(), start=1):
            if MACHINE.search(line):
                found.append(f"{name}:{number} {line.strip()[:80]}")
    assert found == []


def test_only_weights_are_large_and_they_stay_within_their_room() -> None:
    sizes = {name: (TOP / name).stat().st_size for name in tracked()}
    tables = {name: size for name, size in sizes.items() if name.startswith("results/") and name.endswith(".csv")}
    large = [name for name, size in sizes.items() if size > LARGE_BYTES and not name.startswith(WEIGHTS) and name not in tables]
    assert large == []
    assert sum(tables.values()) <= TABLES_BYTES
    assert sum(size for name, size in sizes.items() if name.startswith(WEIGHTS)) <= WEIGHTS_BYTES


def test_nothing_is_left_undone() -> None:
    left = re.compile(r"\b(TO[D]O|FIX[M]E|XX[X]|NotImplemented[E]rror)\b")
    found = [name for name in tracked() if name.endswith(".py") and left.search((TOP / name).read_text(encoding="utf-8"))]
    assert found == []


def requirements() -> list[str]:
    """List what pyproject.toml asks for, base and all extras, without our own extras."""
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    return [line for group in lists for line in group if not line.startswith("breastcad[")]


def plain_name(requirement: str) -> str:
    """Return a requirement's package as constraints.txt spells it: lower case, hyphens."""
    match = re.match(r"[\w.-]+", requirement)
    assert match, requirement
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def test_constraints_are_exact_and_cover_every_dependency() -> None:
    lines = [line for line in (TOP / "constraints.txt").read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    odd = [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line)]
    assert odd == []
    pinned = {line.split("==")[0]: line.split("==")[1] for line in lines}
    assert sorted({plain_name(line) for line in requirements()} - set(pinned)) == []
    assert (pinned["torch"], pinned["torchvision"]) == ("2.11.0", "0.26.0")
    assert not (TOP / "uv.lock").exists()


def test_the_base_asks_for_neither_torch_nor_pandas() -> None:
    assert not {"torch", "torchvision", "timm", "pandas"} & {plain_name(line) for line in PROJECT["dependencies"]}
    assert "pandas" not in {plain_name(line) for line in requirements()}


def test_every_base_dependency_is_imported_somewhere() -> None:
    module_of = {
        **{"opencv-python-headless": "cv2", "pillow": "PIL", "pyyaml": "yaml", "pylibjpeg-openjpeg": "openjpeg"},
        **{"scikit-image": "skimage", "scikit-learn": "sklearn", "pywavelets": "pywt"},
    }
    imported = set()
    for path in (TOP / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):  # pyjpegls is reached through pydicom's module of its name
                imported |= {(node.module or "").split(".")[0], *(alias.name for alias in node.names)}
    base = {plain_name(line) for line in PROJECT["dependencies"]}
    assert sorted(name for name in base if module_of.get(name, name) not in imported) == []


@pytest.mark.skipif(shutil.which("make") is None or os.name == "nt", reason="make and a shell are needed")
def test_all_benchmarks_are_run_and_a_missed_budget_is_told_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "a.py").write_text("raise SystemExit(1)\n")
    (tmp_path / "benchmarks" / "b.py").write_text("print('b was run')\n")
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(TOP / name, tmp_path)
    call = ["make", "--assume-old=setup-bench", f"BIN={Path(sys.executable).parent}", "bench"]
    for passes in (False, True):
        if passes:
            (tmp_path / "benchmarks" / "a.py").write_text("")
        done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert "b was run" in done.stdout
        assert (done.returncode == 0) == passes, done.stderr


def test_one_version_everywhere() -> None:
    citation = (TOP / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {breastcad.__version__}\n" in citation


def test_the_runner_of_all_checks_can_be_run() -> None:
    script = TOP / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert re.findall(r"^make (\S+)$", script.read_text(encoding="utf-8"), re.MULTILINE) == ["check", "test", "test-all"]


@pytest.mark.slow
def test_the_wheel_works_in_a_plain_environment_without_torch(tmp_path: Path) -> None:
    uv = uv_command()
    subprocess.run([*uv, "build", "--quiet", "--wheel", "--out-dir", str(tmp_path), str(TOP)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    inside = zipfile.ZipFile(wheel).namelist()
    for path in (TOP / WEIGHTS).glob("*"):
        assert f"breastcad/models/bundled/{path.name}" in inside
    assert any(name.endswith("licenses/LICENSE-WEIGHTS") for name in inside)

    python = str(tmp_path / "venv" / "bin" / "python")
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(tmp_path / "venv")], check=True)
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", python, "-c", str(TOP / "constraints.txt"), str(wheel)], check=True)
    without_ours = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    assert subprocess.run([python, "-c", "import torch"], capture_output=True, env=without_ours, check=False).returncode == 1

    picture = next(
        path for path in sorted((TOP / "examples").rglob("*.png")) if "mask" not in path.name.lower() and "tumor" not in path.name.lower()
    )
    command = [python, "-m", "breastcad", "analyze", str(picture), "--modality", "US", "--out", str(tmp_path / "analysis")]
    subprocess.run(command, cwd=tmp_path, env=without_ours, check=True)
    assert (tmp_path / "analysis" / "findings.json").is_file()
    assert (tmp_path / "analysis" / "report.html").is_file()


def uv_command() -> list[str]:
    """Return how uv is called here."""
    if shutil.which("uv"):
        return ["uv"]
    if (TOP / ".uv" / "bin" / "uv").exists():
        return [str(TOP / ".uv" / "bin" / "uv")]
    if importlib.util.find_spec("uv"):
        return [sys.executable, "-m", "uv"]
    pytest.skip("uv is not installed")
