"""``breastcad recheck``: recompute every figure that a run, a model's card or a document quotes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from breastcad.evaluate.recheck import Recheck

RunOrModel = Annotated[str, typer.Argument(metavar="RUN|MODEL", help="A run folder, a bundled model's id, or an .onnx file with its card.")]


def command(target: RunOrModel) -> None:
    """Recompute every figure of a run or of a model's card from its predictions.

    Figures of metrics.json are recomputed from predictions.csv, marks.csv and lesions.csv, and the tables of the card, of RESULTS.md and
    of the other documents that quote these runs are compared with them. Exit code 1 if anything differs.

    Parameters
    ----------
    target : str
        A run folder, a bundled model's id, or an .onnx file.

    Raises
    ------
    InputError
        If there is no such run or model, its card quotes no run, or the runs are not here.
    AnswerNo
        If anything differs; each difference is printed first.
    """
    from breastcad.core.errors import AnswerNo
    from breastcad.evaluate.recheck import recheck, recheck_card

    done = recheck(target) if Path(target).is_dir() else recheck_card(_card(target))
    if Path(target).is_dir():
        _recheck_results(Path(target).resolve(), done)
    checked = f"{done.figures} figures of {', '.join(done.runs)}; {done.tables} tables of documents"
    for difference in done.differences:
        typer.echo(str(difference))
    if done.differences:
        raise AnswerNo(f"{len(done.differences)} differ ({checked})")
    typer.echo(f"all agree: {checked}")


def _recheck_results(run: Path, done: Recheck) -> None:
    """Hold what RESULTS.md says of the publications against the runs, if this is one of them in the ``results/`` of a repository."""
    from breastcad.evaluate.recheck import Difference
    from breastcad.recipes.reproduction import FILE
    from breastcad.recipes.results import stale_rows

    document = run.parent.parent / "RESULTS.md"
    if run.parent.name == "results" and (run / FILE).is_file() and document.is_file():
        done.tables += 1
        done.differences += [Difference(document.name, "a line on the publications", *pair) for pair in stale_rows(document)]


def _card(model: str) -> Path:
    """Return the card that stands beside a model's file."""
    from breastcad.core.errors import InputError
    from breastcad.models.catalogue import card_of, find_model

    try:
        path = find_model(model)
    except InputError as error:
        raise InputError(f"no such run folder, and {error}") from error
    card = card_of(path)
    if not card.is_file():
        raise InputError(f"{path.name} has no card beside it ('{card.name}'); recheck the run folder it came from instead")
    return card
