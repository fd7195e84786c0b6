"""Runs of recipes as they lie in their folders, made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from breastcad.core.files import write_predictions, write_split, write_text
from breastcad.core.records import PredictionRow, SplitRow
from breastcad.evaluate.figures import Figure, write_metrics
from breastcad.recipes.recipe import recipe
from breastcad.recipes.reproduction import Reproduction, write_reproduction
from breastcad.train.settings import to_text

MakeRun = Callable[..., Path]
QUESTION = "malignant against benign"


def figure(name: str, value: float, set_name: str, level: str = "patch") -> Figure:
    return Figure(name, set_name, "test", level, value, value - 0.1, value + 0.1, 40, 16, 12, "made up")


def figures_of(value: float, set_name: str, question: str) -> list[Figure]:
    """Return the figures of one set; all hard ones have one value, the macro ones a little more, areas the most."""
    by = f"{question}, highest probability"
    plain = ("accuracy", "sensitivity", "specificity", "precision", "f1")
    hard = [figure(f"{name} {by}", value, set_name) for name in plain]
    macro = [figure(f"{name} {by}", value + 0.01, set_name) for name in ("macro precision", "macro f1", "balanced accuracy")]
    names = [f"{rate} of {label}" for rate in ("precision", "recall", "f1") for label in ("benign", "malignant")]
    classes = [figure(name, value + 0.02, set_name) for name in names]
    areas = [figure(f"auc {question}", value + 0.05, set_name), figure(f"auc {QUESTION}", value + 0.06, set_name, "image")]
    return hard + macro + classes + areas


LOG = """fold,member,epoch,part,loss,score,seconds,images_per_second
0,0,0,train,0.7,,60,10
0,0,0,validation,0.7,0.5,,
0,0,1,train,0.6,,30,10
1,0,0,train,0.7,,60,10
1,0,1,train,0.6,,29.4,10
1,0,1,train,0.6,,30,10
"""


@pytest.fixture
def make_figure() -> Callable[..., Figure]:
    """Return the maker of one figure: its name, value, set and level."""
    return figure


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Return a maker of run folders: ``make_run("name", "b", "b-convnet", "patient", value=0.7, sets=["mini-mias"])``."""

    def make(
        name: str, key: str, network: str, split: str, *, value: float = 0.7, sets: tuple[str, ...] = ("mini-mias",),
        question: str = QUESTION, weights: str = "none", shortened: bool = False, made_up: bool = False, **changes: str,
    ) -> Path:  # fmt: skip
        folder = tmp_path / "results" / name
        settings = recipe(key).settings(network, split, shortened=shortened, changes={"weights": weights, **changes})
        data = ", ".join(sets)
        made = Reproduction(key, network, split, weights, data, list(sets), shortened, made_up, dict(changes), {})
        write_reproduction(folder, made)
        write_text(folder / "settings.yaml", to_text(settings))
        write_text(folder / "log.csv", LOG)
        write_split(folder, [SplitRow(sets[0], "a", "g")], {"leaks": ["split leaks"] if split == "published" else []})
        tested = [
            PredictionRow(set_name, f"{number}", None, f"g{number}", 0, 0, 0, "test", "patch", ("benign", "malignant")[number % 2],
                          probability={"malignant": number / 8, "benign": 1 - number / 8})
            for set_name in sets for number in range(8)
        ]  # fmt: skip
        write_predictions(folder / "predictions.csv", tested)
        over = [*sets, "all"] if len(sets) > 1 else sets
        figures = [one for place, set_name in enumerate(over) for one in figures_of(value + place / 100, set_name, question)]
        write_metrics(folder / "metrics.json", made.title(recipe(key)), figures)
        return folder

    return make
