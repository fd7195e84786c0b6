"""Folds side by side: how many, what they say of themselves, and that they end with whoever started them."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("torch")
psutil = pytest.importorskip("psutil")

from breastcad.commands import side_by_side  # noqa: E402
from breastcad.commands.side_by_side import jobs_unasked, train_side_by_side, usable_processors  # noqa: E402
from breastcad.core.errors import InputError  # noqa: E402

pytestmark = pytest.mark.train


def test_folds_go_side_by_side_unasked_where_it_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    many, gib = usable_processors() + 3, 2**30
    for free, folds, seen, threads, jobs in (
        (64 * gib, many, 7000, 1, usable_processors()),
        (64 * gib, 1, 7000, 1, 1),
        (64 * gib, many, 500, 1, 1),
        (4 * gib, many, 7000, 1, 1),
        (gib, many, 7000, 1, 1),
        (64 * gib, many, 7000, 4096, 1),
    ):
        monkeypatch.setattr(psutil, "virtual_memory", lambda free=free: SimpleNamespace(available=free))
        assert jobs_unasked(folds, seen, threads) == jobs


def test_a_killed_fold_says_so_and_epochs_of_all_folds_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = tmp_path / "breastcad_fake.py"
    fake.write_text(
        "import os, sys\n"
        "fold = sys.argv[-1]\n"
        "print('looking at images: 3 of 9', file=sys.stderr)\n"
        "print(f'fold {fold}, epoch 1 of 2: loss 0.1, validation 0.5, 9 images/s; 1 s an epoch, 3 s left at most')\n"
        "print('Next: breastcad evaluate RUN', flush=True)\n"
        "if fold == '1': os.kill(os.getpid(), 9)\n",
        encoding="utf-8",
    )
    start = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda call, **how: start([call[0], str(fake), *call[4:]], **how))
    counted: list[tuple[int, int]] = []
    with pytest.raises(InputError, match=r"^fold 1: was killed \(signal 9\), perhaps for memory; --jobs 1 takes less\. What is done"):
        train_side_by_side(["x"], [0, 1], 2, members=3, progress=lambda _, done, total: counted.append((done, total)))
    assert counted == [(1, 12), (2, 12)]
    out, err = capsys.readouterr()
    said = out.splitlines()
    assert sorted(line[:6] for line in said) == ["fold 0", "fold 1"]
    assert all(re.search(r"; 1 s an epoch, 3 s left for this fold at most$", line) for line in said)
    assert err == "! fold 1: was killed (signal 9), perhaps for memory; --jobs 1 takes less\n"  # at once, while others go on


def test_the_time_that_is_left_counts_folds_that_wait(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    monkeypatch.setattr(side_by_side, "time", SimpleNamespace(monotonic=lambda: now[0]))
    epochs = side_by_side._Epochs(5, 2, 1, None)

    def after(seconds: float, tell: Callable[[str], None], fold: int, epoch: int) -> None:
        now[0] += seconds
        tell(f"fold {fold}, epoch {epoch} of 4: loss 1; 60 s an epoch, 99 s left at most")

    first, second = epochs.of_a_fold(), epochs.of_a_fold()
    after(100, first, 0, 1)  # 40 s to start, 60 s an epoch
    after(60, first, 0, 2)  # 2 epochs, then two rounds of folds 2, 3 and 4: 280 s each
    after(0, second, 1, 1)  # 160 s to here
    after(60, second, 1, 2)  # 2 epochs, two rounds of 340 s
    *_, fifth = [epochs.of_a_fold() for _ in range(3)]
    after(100, fifth, 4, 1)
    after(60, fifth, 4, 2)  # no fold waits
    left = [re.search(r"99 s left for this fold(.*) at most$", line)[1] for line in capsys.readouterr().out.splitlines()]
    assert left == ["", ", 11 min for all,", "", ", 13 min for all,", "", ", 2 min for all,"]


SLOW_FOLD = """
import pathlib, sys, time
from breastcad.commands.fold_process import end_with_starter
end_with_starter()
pathlib.Path(sys.argv[-1]).with_suffix(".begun").touch()
time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_folds_end_with_whoever_started_them(tmp_path: Path, how: signal.Signals) -> None:
    (tmp_path / "slow.py").write_text(SLOW_FOLD, encoding="utf-8")
    starter = (
        "import subprocess, sys\n"
        "from breastcad.commands import side_by_side\n"
        "start = subprocess.Popen\n"
        f"slow = {str(tmp_path / 'slow.py')!r}\n"
        "own = {'stderr': None}\n"
        "subprocess.Popen = lambda call, **how: start([call[0], slow, call[-1] + '.fold'], **how | own)\n"
        "side_by_side.train_side_by_side([], [0, 1, 2], 2)\n"
    )
    call = [sys.executable, "-c", starter]
    with subprocess.Popen(call, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=heed_interrupts) as one:
        while len(list(tmp_path.glob("*.begun"))) < 2 and one.poll() is None:
            time.sleep(0.05)
        one.send_signal(how)
        sent = time.monotonic()
        said = (one.stdout or sys.stdin).read()  # ends when the starter and all that it started have ended: they share it
    assert one.returncode != 0, said
    assert time.monotonic() - sent < 40  # a fold that goes on takes 60 seconds more
    assert not (tmp_path / "2.begun").exists()


def heed_interrupts() -> None:
    """Take an interrupt, even where whoever runs the tests ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.slow
def test_a_fold_that_cannot_be_trained_beside_others_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"fold 1: .*is no split.*\. What is done is kept"):
        train_side_by_side([str(tmp_path), "--split", str(tmp_path), "--out", str(tmp_path / "run")], [1], 2)
