"""The command line: a file a command, loaded when it is called, so that ``breastcad --help`` stays fast.

What lives here: the list of commands, exit codes, errors as one sentence. No logic that another caller would need.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click
from typer.core import TyperGroup

# name -> (module in this package, one line of help); the module has a function `app: typer.Typer` or a typer function `command`.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "Analyse real example images and write a report: the first thing to try."),
    "analyze": ("analyze", "Analyse images, folders or DICOM exams; write findings.json, overlays and a report."),
    "import": ("import_", "Read a data set's own folder and write a collection."),
    "phantom": ("phantom", "Write a made-up data set in a real set's own format."),
    "split": ("split", "Part a collection by patient and duplicate group."),
    "patches": ("patches", "Cut windows from the images of a collection: a table, no copies."),
    "train": ("train", "Train a model; called again, it continues what it finds."),
    "evaluate": ("evaluate", "Turn a run's predictions into figures with intervals."),
    "recheck": ("recheck", "Recompute every figure of a run or of a bundled model's card from its predictions."),
    "models": ("models", "List and show the bundled models and the network architectures."),
}


class LazyCommands(TyperGroup):
    """Commands whose modules are imported only when they are called (or their own help is shown)."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the commands in the order of a day's work."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Return a command; for the list of commands only its name and its line of help."""
        raise NotImplementedError


def main() -> None:
    raise SystemExit("written by its owner")
