"""Folds that are trained side by side, each by a command of its own; what each says of its epochs is passed on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO

import typer

from breastcad.commands.saying import say
from breastcad.core.errors import InputError

OF_AN_EPOCH = re.compile(r"fold .*, epoch \d+ of (\d+): ")
"""What a line on an epoch begins with; all else the command that started the others says once, by itself."""
JOB_BYTES = 3 * 2**30
"""Memory that a fold is given room for: us-lesion takes 1.7 GiB, a classifier of 112 px 1.3."""
LONG = 2000
"""Images that a fold sees in all its epochs, from which on folds go side by side unasked: a minute; a process starts in ten seconds."""


def jobs_unasked(folds: int, seen: int, threads: int) -> int:
    """Return how many folds train side by side where nobody said: what processors and free memory are there for, if it is worth it.

    Parameters
    ----------
    folds : int
        Folds that are to be trained.
    seen : int
        Images that a fold trains on, all its epochs together.
    threads : int
        Processors that a fold takes.

    Returns
    -------
    int
        1 or more.
    """
    if seen < LONG:
        return 1
    import psutil  # of the extra train

    room = psutil.virtual_memory().available // JOB_BYTES
    return max(1, min(folds, usable_processors() // threads, room))


def usable_processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def words_of(context: typer.Context, *, without: Sequence[str]) -> list[str]:
    """Return the words that a command was called with, but for some of its parameters and those that are as they are by themselves."""
    words: list[str] = []
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if parameter.name in without or value is None or value == parameter.default:
            continue
        several = value if isinstance(value, list | tuple) else [value]
        for one in several:
            option = (
                [] if parameter.param_type_name == "argument" else [parameter.opts[0] if one is not False else parameter.secondary_opts[0]]
            )
            words += [*option, *([] if isinstance(one, bool) else [str(getattr(one, "value", one))])]
    return words


def train_side_by_side(
    words: Sequence[str], folds: Sequence[int], jobs: int, *, members: int = 1, progress: Callable[[str, int, int], None] | None = None
) -> None:
    """Train folds by commands of their own, at most so many at a time.

    One that fails does not stop the others. Whatever ends this function ends the commands that it started.

    Parameters
    ----------
    words : sequence of str
        What ``breastcad train`` is called with, without folds.
    folds : sequence of int
    jobs : int
    members : int, optional
        Networks that a fold trains, in all its repeats.
    progress : callable, optional
        Called after each epoch with a text, how many were trained, and how many there are at most.

    Raises
    ------
    InputError
        If a command failed; it says of which fold, and why.
    """
    started, epochs = _Started(), _Epochs(len(folds), jobs, members, progress)

    def train(fold: int) -> str | None:
        why = _train(["train", *words, "--folds", str(fold)], started, epochs.of_a_fold())
        if why and len(folds) > 1:  # the others may take hours yet
            say(f"! fold {fold}: {why}", err=True)
        return why and f"fold {fold}: {why}"

    pool = ThreadPoolExecutor(jobs)
    try:
        failed = [sentence for sentence in pool.map(train, folds) if sentence]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        started.end()
        pool.shutdown()
    if failed:
        raise InputError("; ".join(failed) + ". What is done is kept; the same command goes on")


class _Epochs:
    """What folds say of their epochs: passed on with how long all folds take, and counted."""

    def __init__(self, folds: int, jobs: int, members: int, progress: Callable[[str, int, int], None] | None) -> None:
        self._lock, self._folds, self._jobs, self._members, self._progress = threading.Lock(), folds, jobs, members, progress
        self._done, self._begun = 0, 0

    def of_a_fold(self) -> Callable[[str], None]:
        """Return what takes the lines of a fold that begins now."""
        from breastcad.train.run_folder import duration

        began = time.monotonic()
        told: list[float] = []
        with self._lock:
            self._begun += 1

        def tell(line: str) -> None:
            found = OF_AN_EPOCH.match(line)
            if not found:
                return
            told.append(time.monotonic())
            all_of_fold = int(found[1]) * self._members
            with self._lock:
                left = " left for this fold"
                if len(told) > 1:  # before the first epoch a process starts and images are looked at
                    first, seconds = told[0] - began, (told[-1] - told[0]) / (len(told) - 1)
                    waiting = -(-(self._folds - self._begun) // self._jobs)  # rounds of folds
                    all_left = seconds * (all_of_fold - len(told)) + waiting * (first + seconds * (all_of_fold - 1))
                    left += f", {duration(all_left)} for all,"
                say(line.replace(" left at most", f"{left} at most"))
                self._done += 1
                if self._progress:
                    text = f"training {self._folds} folds, {self._jobs} side by side"
                    self._progress(text, self._done, all_of_fold * self._folds)

        return tell


class _Started:
    """The commands that were started and have not ended; once all are to `end`, none is started any more."""

    def __init__(self) -> None:
        self._lock, self.over = threading.Lock(), False
        self._running: set[subprocess.Popen[str]] = set()

    def start(self, words: Sequence[str], errors: IO[str]) -> subprocess.Popen[str] | None:
        """Start a command that ends when this process does (`fold_process`); None where all are to end."""
        call, own = [sys.executable, "-m", "breastcad.commands.fold_process", *words], os.environ | {"PYTHONUNBUFFERED": "1"}
        with self._lock:
            if self.over:
                return None
            pipe = subprocess.PIPE
            one = subprocess.Popen(call, stdin=pipe, stdout=pipe, stderr=errors, encoding="utf-8", env=own)
            self._running.add(one)
            return one

    def ended(self, one: subprocess.Popen[str]) -> None:
        """Take out a command that has ended."""
        with self._lock:
            self._running.discard(one)

    def end(self) -> None:
        """End all."""
        with self._lock:
            self.over = True
            for one in self._running:
                one.terminate()


def _train(words: Sequence[str], started: _Started, tell: Callable[[str], None]) -> str | None:
    """Call breastcad, pass on what it prints line by line, and return why it failed, if it did."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        one = started.start(words, errors)
        if one is None:
            return None
        with one:
            for line in one.stdout or ():
                tell(line.rstrip("\n"))
            one.wait()  # before its standard input is closed, which would end it
        started.ended(one)
        errors.seek(0)
        said = [line.strip() for line in errors if line.strip()]
    if started.over:
        return None
    if one.returncode < 0:
        return f"was killed (signal {-one.returncode}), perhaps for memory; --jobs 1 takes less"
    why = said[-1].removeprefix("breastcad: ") if said else f"ended with {one.returncode}"
    return why if one.returncode else None
