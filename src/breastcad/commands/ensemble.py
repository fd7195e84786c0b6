"""``breastcad ensemble``: the predictions of several runs of one split, joined."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from breastcad.commands.evaluate import is_made_up
from breastcad.commands.options import Out, Overwrite

if TYPE_CHECKING:
    from breastcad.evaluate.ensembles import Ensemble


class How(StrEnum):
    """How predictions are joined."""

    mean = "mean"
    logit_mean = "logit-mean"
    vote = "vote"
    greedy = "greedy"


Runs = Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Finished runs of one split, two or more.")]
JoinedHow = Annotated[
    How, typer.Option("--how", help="Mean of probabilities or log-odds, votes, or members selected on validation rows, with replacement.")
]


def command(runs: Runs, out: Out, how: JoinedHow = How.mean, overwrite: Overwrite = False) -> None:
    """Join the predictions of several runs of one split into a folder that evaluate, certainty and recheck read.

    Runs whose splits differ are refused. What the ensemble gains over its best member: breastcad evaluate OUT --against MEMBER.

    Parameters
    ----------
    runs : list of Path
    out : Path
    how : How
    overwrite : bool

    Raises
    ------
    InputError
        If a run is not there or its tables cannot be used, splits or labels differ, or `out` is not empty.
    """
    from breastcad.commands.saying import say
    from breastcad.core.errors import InputError
    from breastcad.core.files import output_folder, read_facts, write_bytes, write_json, write_predictions, write_text
    from breastcad.evaluate.ensembles import ensemble

    for run in runs:
        if not run.is_dir():
            raise InputError(f"no such run folder: '{run}'; breastcad train makes one")
    found = ensemble(runs, how.value)
    folder = output_folder(out, overwrite=overwrite)
    write_bytes(folder / "split.csv", (runs[0] / "split.csv").read_bytes())
    if (runs[0] / "split.json").is_file():
        write_json(folder / "split.json", {"format": "breastcad-split/1", **read_facts(runs[0] / "split.json")})
    write_text(folder / "settings.yaml", _settings(runs, how, found))
    folds = [{"repeat": fold[0], "outer": fold[1], "weights": own} for fold, own in sorted(found.weights.items())]
    write_json(folder / "folds.json", folds)
    write_predictions(folder / "predictions.csv", found.rows)
    for line in _said(found, how):
        say(line)
    say(f"Written: {folder}")


def _settings(runs: list[Path], how: How, found: Ensemble) -> str:
    """Return settings.yaml: the members by name, and what a figure of theirs must not be quoted without."""
    import yaml

    from breastcad.core.files import read_yaml

    given = [read_yaml(run / "settings.yaml") if (run / "settings.yaml").is_file() else {} for run in runs]
    classifier = any(one.get("task") for one in given)
    settings: dict[str, Any] = {"task": "classifier"} if classifier else {}
    settings |= {"model_id": "ensemble", "ensemble": how.value, "runs": found.members}
    settings |= {"shortened": any(bool(one.get("shortened")) for one in given)}
    settings |= {"made_up": True} if any(is_made_up(run) for run in runs) else {}
    rules = {one.get("aggregation") for one in given}
    settings |= {"aggregation": rules.pop()} if len(rules) == 1 and rules != {None} else {}
    return yaml.safe_dump(settings, sort_keys=False)


def _said(found: Ensemble, how: How) -> list[str]:
    """Return what is printed: what was joined, who is best on validation, the weights, what was left out."""
    lines = [f"{len(found.rows)} rows of {len(found.members)} runs joined: {how.value}"]
    known = [(loss, name) for loss, name in zip(found.losses, found.members, strict=True) if loss is not None]
    if known:
        lines += [f"on validation rows ({found.question}), mean log loss:", *(f"  {loss:.4f} {name}" for loss, name in known)]
        lines.append(f"best member on validation: {min(known)[1]}; what the ensemble gains over it: breastcad evaluate OUT --against it")
    if how is How.greedy:
        for fold, weights in sorted(found.weights.items()):
            shares = ", ".join(f"{name} {share:.2f}" for name, share in zip(found.members, weights, strict=True) if share)
            lines.append(f"fold {fold[1]} of repeat {fold[0]} takes: {shares}")
    return lines + [f"left out: {sentence}" for sentence in found.left_out]
