"""Folds that are trained side by side, each by a command of its own; what each says of its epochs is passed on."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import typer

from breastcad.commands.saying import say
from breastcad.core.errors import InputError

OF_EPOCHS = "fold "
"""What a line on an epoch begins with; all else the command that started the others says once, by itself."""


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


def train_side_by_side(words: Sequence[str], folds: Sequence[int], jobs: int) -> None:
    """Train folds by commands of their own, at most so many at a time.

    One that fails does not stop the others. Whatever ends this function ends the commands that it started.

    Parameters
    ----------
    words : sequence of str
        What ``breastcad train`` is called with, without folds.
    folds : sequence of int
    jobs : int

    Raises
    ------
    InputError
        If a command failed; it says of which fold, and why.
    """
    running: set[subprocess.Popen[str]] = set()

    def train(fold: int) -> str | None:
        call = [sys.executable, "-m", "breastcad", "train", *words, "--folds", str(fold)]
        own = os.environ | {"PYTHONUNBUFFERED": "1"}
        with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
            with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=errors, encoding="utf-8", env=own) as one:
                running.add(one)
                for line in one.stdout or ():
                    if line.startswith(OF_EPOCHS):
                        say(line.rstrip("\n"))
            running.discard(one)
            errors.seek(0)
            said = [line.strip() for line in errors if line.strip()]
        why = said[-1].removeprefix("breastcad: ") if said else f"ended with {one.returncode}"
        return f"fold {fold}: {why}" if one.returncode else None

    pool = ThreadPoolExecutor(jobs)
    try:
        failed = [sentence for sentence in pool.map(train, folds) if sentence]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for one in list(running):
            one.terminate()
        pool.shutdown()
    if failed:
        raise InputError("; ".join(failed) + ". What is done is kept; the same command goes on")
