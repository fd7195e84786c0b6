"""What a run folder, and the collections it was trained on, say of themselves: read once, for those who report it."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_facts, read_json, read_split, read_yaml
from breastcad.core.records import Collection, SplitRow
from breastcad.evaluate.figures import Figure, read_metrics


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run as its files tell it; what a file that is missing would say is empty.

    ``environments`` has one a machine that it was trained on; ``files`` are the names of those that are there, ``seconds`` the time
    that log.csv adds up, None where it has none; ``recipe`` names the publication's experiment that `breastcad reproduce` made it of.
    """

    name: str
    files: frozenset[str]
    settings: dict[str, Any]
    environments: list[dict[str, Any]]
    split: dict[str, Any]
    rows: list[SplitRow]
    folds: list[dict[str, Any]]
    figures: list[Figure]
    subgroups: list[Figure]
    seconds: float | None
    collections: list[Collection]
    recipe: str | None = None

    @property
    def features_of_a_network(self) -> bool:
        """Return whether features are a network's, which a classifier then learns from."""
        return "cnn" in str(self.settings.get("features")).replace(",", " ").split()

    @property
    def sets(self) -> list[str]:
        """Return the sets of the split, in the order of their first image."""
        return list(dict.fromkeys(row.set for row in self.rows))

    @property
    def trained_on(self) -> list[str]:
        """Return the sets of which images were trained on."""
        return list(dict.fromkeys(row.set for row in self.rows if row.part == "train"))

    @property
    def tested_by_their_own(self) -> set[str]:
        """Return the sets that a fold tests which trained on images of theirs; any other that is tested is external."""
        trained = {(row.set, row.repeat, row.outer, row.inner) for row in self.rows if row.part == "train"}
        return {row.set for row in self.rows if row.part == "test" and (row.set, row.repeat, row.outer, row.inner) in trained}

    @property
    def unit(self) -> str:
        """Return what the split parts, in words."""
        return "windows and copies" if self.split.get("by") == "window" else "images"

    def counts(self) -> dict[str, Counter[str]]:
        """Return images (or what else is parted, `unit`) and groups of each part, each counted once over all folds."""
        found: dict[str, Counter[str]] = {}
        for part in dict.fromkeys(row.part for row in self.rows):
            mine = [row for row in self.rows if row.part == part]
            found[part] = Counter(images=len({(row.set, row.id) for row in mine}), groups=len({row.group for row in mine}))
        return found


def read_run_facts(run: str | Path, collections: Sequence[Collection] = ()) -> RunFacts:
    """Read what there is of a run.

    Parameters
    ----------
    run : str or Path
        The run folder; settings.yaml must be there.
    collections : sequence of Collection
        Those it was trained and tested on, as far as they are at hand.

    Raises
    ------
    InputError
        If there is no such run, or a collection is of no set of its split.
    ReadError
        If a file that is there cannot be read.
    """
    run = Path(run)
    if not (run / "settings.yaml").is_file():
        raise InputError(f"'{run}' is no run folder (it has no settings.yaml); breastcad train makes one")
    files = frozenset(path.name for path in run.iterdir())
    rows = read_split(run) if {"split.csv", "split.json"} <= files else []
    folds = read_json(run / "folds.json") if "folds.json" in files else []
    if not (isinstance(folds, list) and all(isinstance(fold, dict) for fold in folds)):
        raise ReadError(run / "folds.json", "must be a list with what is known of each fold; train the run again")
    facts = RunFacts(
        name=run.resolve().name,
        files=files,
        settings=read_yaml(run / "settings.yaml"),
        environments=_environments(run / "environment.json") if "environment.json" in files else [],
        split=read_facts(run / "split.json") if "split.json" in files else {},
        rows=rows,
        folds=folds,
        figures=read_metrics(run / "metrics.json")[1] if "metrics.json" in files else [],
        subgroups=read_metrics(run / "subgroups.json")[1] if "subgroups.json" in files else [],
        seconds=_seconds(run / "log.csv") if "log.csv" in files else None,
        collections=list(collections),
        recipe=str(read_facts(run / "recipe.json").get("recipe")) if "recipe.json" in files else None,
    )
    for one in collections:
        given = str(one.facts.get("set"))
        if facts.sets and given not in facts.sets:
            raise InputError(
                f"a collection of '{given}' was given, but '{facts.name}' is of {', '.join(facts.sets)}; give those it was made with"
            )
    return facts


def _environments(path: Path) -> list[dict[str, Any]]:
    """Return what a run was trained with: one mapping, or, where it was continued elsewhere, several in a list."""
    content = read_json(path)
    found = [content] if isinstance(content, dict) else content
    if not (isinstance(found, list) and found and all(isinstance(one, dict) for one in found)):
        raise ReadError(path, "must hold names and values; train the run again")
    return found


def _seconds(path: Path) -> float | None:
    """Return the sum of the column ``seconds`` of log.csv."""
    with path.open(encoding="utf-8", newline="") as stream:
        cells = [row.get("seconds") for row in csv.DictReader(stream)]
    try:
        numbers = [float(cell) for cell in cells if cell]
    except ValueError as error:
        raise ReadError(path, f"has a 'seconds' that is no number ({error})") from error
    return sum(numbers) if numbers else None
