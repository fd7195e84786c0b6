"""Do the tests see it when a quirk is handled no longer? As Markdown: ``python benchmarks/mutated_readers.py [NUMBER ...]``.

Each change undoes in a temporary copy of `src` what a reader does about one quirk of docs/quirks.md. The tests that are marked with that
quirk are run on the copy (those that need real data are left out); at least one must fail. Before that all of them must pass on the copy
as it is. Exit code 1 if a change goes unseen, does not fit the code any more, or leaves code that cannot be imported.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

TOP = Path(__file__).resolve().parents[1]
_FAILED = re.compile(r"^FAILED [^:\n]*::(\w+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mutation:
    """A change of a reader: in a file of the package, `old` (which stands there once) becomes `new`."""

    quirk: str
    file: str
    old: str
    new: str


MUTATIONS = (
    Mutation("MIAS-Q4", "read/mini_mias.py", "text.split())", 'text.split(" "))'),
    Mutation("MIAS-Q5", "read/mini_mias.py", "centre = SIDE_PX - y", "centre = y"),
    Mutation("CBIS-Q2", "read/tables.py", "in lines:\n        cells = [cell.strip() for cell in cells]\n", "in lines:\n"),
    Mutation("CBIS-Q3", "read/cbis_ddsm_files.py", "return max(found)[1] if", "return sorted(files)[-1] if"),
    Mutation("CBIS-Q5", "read/masks.py", "SAME_PROPORTIONS = 0.01", "SAME_PROPORTIONS = 1"),
    Mutation("CBIS-Q8", "read/cbis_ddsm.py", "{key: worst_label(labels) for", "{key: labels[0] for"),
    Mutation("DDSM-Q3", "read/ddsm.py", 'if rows else "normal"', 'if rows else folder.parent.name.split("_")[0]'),
    Mutation("DDSM-Q5", "read/ddsm.py", "(min(max(r, 0), image.rows or r), min(max(c, 0), image.cols or c))", "(r, c)"),
    Mutation("DDSM-Q13", "read/files.py", "offset=tile.offset + 1", "offset=tile.offset"),
    Mutation("TIS-Q2", "read/ddsm_tissue.py", "row.image_id}_LI.png", "row.image_id}.png"),
    Mutation("INB-Q3", "read/inbreast.py", 'for cells in listed if cells["File Name"]]', "for cells in listed]"),
    Mutation("INB-Q5", "read/inbreast.py", ', "espiculated region"), "mass")', '), "mass")'),
    Mutation("VDR-Q2", "read/vindr_mammo.py", "max(0.0, row0), max(0.0, col0)", "row0, col0"),
    Mutation("RSNA-Q4", "read/rsna.py", '("biopsy", "invasive", "difficult_negative_case")', '("invasive",)'),
    Mutation(
        "CMMD-Q1",
        "read/cmmd.py",
        "if cells is None:\n        return\n",
        'if cells is None:\n        row.label = "normal"\n        return\n',
    ),
    Mutation("CESM-Q3", "read/cdd_cesm.py", "birads=max(categories, default=None)", 'birads=cells["BIRADS"]'),
    Mutation("BUSI-Q8", "read/busi.py", "key=lambda item: (item[1].word, item[1].number)", "key=lambda item: item[0]"),
    Mutation("UDB-Q2", "read/udiat.py", 'cells["Image"].zfill(6)', 'cells["Image"]'),
    Mutation("ROD-Q3", "read/rodrigues.py", 'image_id=f"{word}/{path.stem}"', "image_id=path.stem"),
    Mutation("BRA-Q3", "read/bus_bra.py", "!= (row.row0, row.col0, row.row1, row.col1)", "is None"),
    Mutation(
        "BRE-Q3", "read/files.py", "_turned(raster.alpha, raster.orientation) > half", "_turned(raster.alpha, raster.orientation) > 0"
    ),
    Mutation("BIS-Q1", "read/busis.py", "return int(match[1]) if", "return match[1] if"),
    Mutation("STU-Q1", "read/stu.py", "(?:Test_)?image_", "Test_image_"),
    Mutation("DCM-Q2", "read/dicom_pixels.py", 'return photometric == "MONOCHROME1" or', "return"),
)


def marked_tests() -> dict[str, list[str]]:
    """Map quirk to the tests that are marked with it, as pytest names them; those that need real data are left out."""
    build = _module(TOP / "docs" / "build.py")
    return {
        number: [f"tests/{test.path}::{test.name}" for test in tests if not test.real_data]
        for number, tests in build.quirk_tests(TOP / "tests").items()
    }


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # its dataclasses look for it there
    spec.loader.exec_module(module)
    return module


def run_tests(source: Path, tests: Sequence[str]) -> tuple[int, list[str]]:
    """Run tests on a copy of `src`; return pytest's exit code (0 all passed, 1 some failed) and the names of those that failed."""
    command = [sys.executable, "-m", "pytest", "-q", "-rf", "--tb=no", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, list(dict.fromkeys(_FAILED.findall(done.stdout)))


def judge(mutation: Mutation, source: Path, tests: Sequence[str]) -> tuple[bool, str]:
    """Make a change in a copy of `src`, run the tests and take the change back; return whether they saw it, and the table's last cell."""
    path = source / "breastcad" / mutation.file
    before = path.read_text(encoding="utf-8")
    if before.count(mutation.old) != 1:
        return False, f"**the old text stands there {before.count(mutation.old)} times**"
    if not tests:
        return False, "**no test is marked**"
    path.write_text(before.replace(mutation.old, mutation.new), encoding="utf-8")
    try:
        code, failed = run_tests(source, tests)
    finally:
        path.write_text(before, encoding="utf-8")
    if code == 0:
        return False, "**none**"
    if code != 1 or not failed:
        return False, f"**pytest ended with {code}: no test ran to its end**"
    return True, ", ".join(f"`{name}`" for name in failed)


def row_of(mutation: Mutation, said: str) -> str:
    """Return a row of the table: quirk, change, tests that failed."""
    old, new = (" ".join(text.split()) for text in (mutation.old, mutation.new))
    return f"| `{mutation.quirk}` | {mutation.file}: `{old}` becomes `{new}` | {said} |"


def main(mutations: Sequence[Mutation], tests: Mapping[str, Sequence[str]]) -> int:
    """Print the table; return 1 if a change was not seen."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "src"
        shutil.copytree(TOP / "src", source, ignore=shutil.ignore_patterns("__pycache__", "bundled"))
        every = sorted({test for mutation in mutations for test in tests.get(mutation.quirk, [])})
        code, failed = run_tests(source, every)
        if code:
            print(f"pytest ended with {code} on the code as it is; mend that first: {', '.join(failed)}", file=sys.stderr)
            return 1
        print("| quirk | change | tests that failed |\n|---|---|---|")
        unseen = []
        for mutation in mutations:
            seen, said = judge(mutation, source, tests.get(mutation.quirk, []))
            print(row_of(mutation, said), flush=True)
            unseen += [] if seen else [mutation.quirk]
    print(f"\n{len(mutations) - len(unseen)} of {len(mutations)} changes were seen{': not ' if unseen else ''}{', '.join(unseen)}.")
    return 1 if unseen else 0


if __name__ == "__main__":
    wanted = sys.argv[1:]
    chosen = [mutation for mutation in MUTATIONS if not wanted or mutation.quirk in wanted]
    raise SystemExit(main(chosen, marked_tests()) if chosen else f"no change is listed for {', '.join(wanted)}")
