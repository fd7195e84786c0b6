"""``breastcad checklist``: printed or written, with the count at the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Run = Callable[..., tuple[int, str, str]]
KEPT = Path(__file__).resolve().parents[2] / "results" / "us-lesion"


def test_it_is_printed_or_written(tmp_path: Path, run: Run) -> None:
    code, told, said = run("checklist", KEPT)
    assert (code, said) == (0, "")
    assert told.startswith("# us-lesion, held against CLAIM 2024 and TRIPOD+AI\n")
    out = tmp_path / "new" / "checklist.md"
    code, count, _ = run("checklist", KEPT, "--out", out)
    assert (code, out.read_text()) == (0, told)
    assert count.startswith("| list | items | answered | in part | missing | the author's |\n")
    assert count.endswith(f"Written: {out}\n")
    assert all(line in told for line in count.splitlines()[:-1])


def test_what_is_there_is_kept(tmp_path: Path, run: Run) -> None:
    out = tmp_path / "checklist.md"
    out.write_text("mine")
    code, _, said = run("checklist", KEPT, "--out", out)
    assert code == 2
    assert said == f"breastcad: --out is a file to write, and '{out}' is there already; name another, or add --overwrite to a file\n"
    assert out.read_text() == "mine"
    assert run("checklist", KEPT, "--out", out, "--overwrite")[0] == 0
    assert run("checklist", KEPT, "--out", tmp_path, "--overwrite")[0] == 2


def test_what_is_no_run_is_refused(tmp_path: Path, run: Run) -> None:
    assert run("checklist", tmp_path / "none")[::2] == (
        2,
        f"breastcad: '{tmp_path / 'none'}' is no run folder (it has no settings.yaml); breastcad train makes one\n",
    )
