"""``breastcad evaluate``: figures with intervals from a run's predictions."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from breastcad.commands.options import Overwrite

if TYPE_CHECKING:
    from breastcad.evaluate.class_figures import Evaluation
    from breastcad.evaluate.figures import Figure, Options


class Level(StrEnum):
    """What one prediction is about."""

    patch = "patch"
    image = "image"
    breast = "breast"
    patient = "patient"


class Rule(StrEnum):
    """How one probability is made of several."""

    max = "max"
    mean = "mean"
    noisy_or = "noisy-or"
    mean_logit = "mean-logit"


RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder: predictions.csv, and marks.csv with lesions.csv.")]
Collections = Annotated[list[Path] | None, typer.Argument(metavar="[COLLECTION]...", help="For --by: where its images are described.")]
OutOrRun = Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Folder to write to; without it, into RUN itself.")]
OfLevel = Annotated[Level | None, typer.Option("--level", help="What one prediction is about; all levels of the run if not given.")]
ByRule = Annotated[
    Rule | None, typer.Option("--aggregation", help="Make images, breasts and patients anew of their windows, images, breasts.")
]
Specificities = Annotated[
    list[float] | None,
    typer.Option("--specificity", metavar="SHARE", help="Of classifiers: give the sensitivity here; may be repeated. [default: 0.9, 0.95]"),
]
Prevalence = Annotated[float | None, typer.Option("--prevalence", metavar="SHARE", help="Of classifiers: give PPV and NPV at it too.")]
Against = Annotated[
    Path | None, typer.Option("--against", metavar="RUN", help="Compare with another run on the same test samples; nothing is written.")
]
By = Annotated[
    str, typer.Option("--by", metavar="NAMES", help="AUC within subgroups: density, view, manufacturer, kind, ..., with commas between.")
]
Least = Annotated[int, typer.Option("--least", min=2, help="With --by: groups (patients) that a subgroup must have.")]


def command(
    run: RunFolder,
    collections: Collections = None,
    out: OutOrRun = None,
    level: OfLevel = None,
    aggregation: ByRule = None,
    specificity: Specificities = None,
    prevalence: Prevalence = None,
    against: Against = None,
    by: By = "",
    least: Least = 20,
    overwrite: Overwrite = False,
) -> None:
    """Turn a run's predictions into figures with intervals.

    Writes metrics.json and pictures (roc.png, reliability.png, froc.png, confusion.png, curves.png: what the run allows), and prints the
    table; of classifiers what one reads first, metrics.json holds all. With --by also subgroups.json and subgroups.csv.

    Parameters
    ----------
    run : Path
        The run folder.
    collections : list of Path, optional
        Collections that describe the run's images, for `by`.
    out : Path, optional
        Where to write; the run folder, whose own metrics.json is replaced, if not given.
    level : Level, optional
        Which rows of predictions.csv are taken; all if not given.
    aggregation : Rule, optional
        By which images, breasts and patients are made anew.
    specificity : list of float, optional
        Where the sensitivity is given.
    prevalence : float, optional
        Where predictive values are given.
    against : Path, optional
        A run to compare with.
    by : str
        Columns of the collections' images, or "kind".
    least : int
        The groups that a subgroup with a figure must have.
    overwrite : bool
        Whether `out` may hold files already.

    Raises
    ------
    InputError
        If there is no such run, its tables cannot be used, a share is none, `out` is not empty, or `by` and `collections` do not fit.
    AnswerNo
        If the predictions allow no figure at all.
    """
    from breastcad.core.errors import InputError

    for folder in (run, *([against] if against else [])):
        if not folder.is_dir():
            raise InputError(f"no such run folder: '{folder}'; breastcad train makes one")
    if against and (by or out):
        raise InputError("--against prints a comparison and writes nothing; call evaluate without it for --by or --out")
    if by and not by.replace(",", "").strip():
        raise InputError(f"--by takes names with commas between, got '{by}'")
    if bool(by) != bool(collections):
        raise InputError("--by needs the collections of the run's images after RUN, and these are for --by alone")
    options = _options(level, aggregation, specificity, prevalence)
    if against:
        _compare(run, against, options)
        return
    folder = _evaluate(run, out, options, overwrite=overwrite)
    if by:
        _subgroups(run, folder, collections or [], by, options, least)


def _options(level: Level | None, aggregation: Rule | None, specificity: list[float] | None, prevalence: float | None) -> Options:
    from breastcad.core.errors import InputError
    from breastcad.evaluate.figures import DEFAULT, Options

    given = {f"{share:g}": share for share in specificity or DEFAULT.specificities}  # figures are named so: one twice is one
    shares = tuple(given.values())
    for name, value in (*(("--specificity", share) for share in shares), ("--prevalence", prevalence)):
        if value is not None and not 0 < value < 1:
            raise InputError(f"{name} must lie in (0, 1), got {value}")
    return Options(level.value if level else None, aggregation.value if aggregation else None, shares, prevalence)


def _evaluate(run: Path, out: Path | None, options: Options, *, overwrite: bool) -> Path:
    """Write and print a run's figures; return the folder that they are in."""
    from dataclasses import asdict

    from breastcad.commands.progress import bar
    from breastcad.core.errors import AnswerNo
    from breastcad.core.files import output_folder
    from breastcad.evaluate.figures import write_metrics
    from breastcad.evaluate.pictures import write_pictures
    from breastcad.evaluate.run_figures import evaluated

    with bar("figures") as update:
        found = evaluated(run, options, progress=lambda text, done, total: update(done, total, text))
    if not found.figures:
        reasons = "; ".join(found.left_out[:3]) or "a class is absent, or all images are of one group"
        raise AnswerNo(f"the predictions of '{run.name}' allow no figure: {reasons}")
    folder = run if out is None else output_folder(out, overwrite=overwrite)
    remarks = remarks_of(run)
    title = _title(run / "metrics.json") or "; ".join([run.resolve().name, *remarks])
    confusions = [asdict(one) for one in found.confusions]
    kept = folder / "metrics.json"
    write_metrics(kept, title, found.figures, options=options, remarks=remarks, left_out=found.left_out, confusions=confusions)
    write_pictures(run, folder, title, found.figures, options=options, confusions=found.confusions)
    _print(run, found, remarks)
    return folder


def _print(run: Path, found: Evaluation, remarks: list[str]) -> None:
    from breastcad.commands.saying import say
    from breastcad.evaluate.class_tables import class_tables
    from breastcad.evaluate.figures import figures_table, title_of
    from breastcad.evaluate.run_figures import is_classifier

    if is_classifier(run):
        typer.echo("\n".join(title_of(remarks)) + class_tables(found.figures, found.confusions))
        typer.echo(f"metrics.json holds all {len(found.figures)} figures: also means of folds, and decisions at the validation threshold.")
    else:
        typer.echo(figures_table(found.figures, remarks), nl=False)
    for sentence in found.left_out:
        say(f"left out: {sentence}")
    for remark in remarks:
        say(f"! {remark}")


def _compare(run: Path, against: Path, options: Options) -> None:
    from breastcad.commands.saying import say
    from breastcad.evaluate.against import compared_runs, comparison_table

    found, left_out = compared_runs(run, against, options)
    typer.echo(f"first: {run.resolve().name}; second: {against.resolve().name}\n")
    typer.echo(comparison_table(found), nl=False)
    for sentence in left_out:
        say(f"left out: {sentence}")
    for name, folder in (("first", run), ("second", against)):
        for remark in remarks_of(folder):
            say(f"! {name}: {remark}")


def _subgroups(run: Path, folder: Path, collections: list[Path], by: str, options: Options, least: int) -> None:
    from breastcad.commands.given import given_collections
    from breastcad.commands.saying import say
    from breastcad.evaluate.figures import figures_table
    from breastcad.evaluate.subgroups import evaluated_subgroups, keep_subgroups, subgroup_rows, subgroup_tests_table

    names = [name.strip() for name in by.split(",") if name.strip()]
    rows = subgroup_rows(given_collections(collections), names)
    found = evaluated_subgroups(run, rows, options, least=least)
    keep_subgroups(run, folder, rows, found, options, least=least)
    figures: list[Figure] = found.figures
    if figures:
        typer.echo("\n" + figures_table(figures, remarks_of(run)))
    if found.tests:
        typer.echo(subgroup_tests_table(found.tests), nl=False)
    for sentence in found.left_out:
        say(f"left out: {sentence}")


def _title(kept: Path) -> str | None:
    """Return the title of the metrics.json that is there, which a person may have written; None where there is none to be read."""
    from breastcad.core.errors import ReadError
    from breastcad.evaluate.figures import read_metrics

    if not kept.exists():
        return None
    try:
        return read_metrics(kept)[0]
    except ReadError as error:
        typer.echo(f"! {error}; it is made anew, and its title is lost", err=True)
        return None


def is_made_up(run: Path) -> bool:
    """Return whether a run says that its data are made up: in its recipe.json, its settings.yaml (of an ensemble) or its split.json."""
    from breastcad.core.files import read_facts, read_yaml

    readers = {"recipe.json": read_facts, "settings.yaml": read_yaml, "split.json": read_facts}
    return any(bool(read(run / name).get("made_up")) for name, read in readers.items() if (run / name).is_file())


def remarks_of(run: Path) -> list[str]:
    """Return what a figure of a run must not be quoted without: that its data are made up, its split leaks, its training was shortened."""
    from breastcad.core.files import read_json, read_split, read_yaml
    from breastcad.datasets.splits import leaks

    remarks = leaks(read_split(run)) if (run / "split.csv").is_file() else []
    facts = read_json(run / "split.json") if (run / "split.json").is_file() else {}
    said = facts.get("leaks") if isinstance(facts, dict) else None
    if said and not remarks:  # windows or copies parted at random: no group is parted that split.csv knows of
        remarks = [str(one) for one in said] if isinstance(said, list) else [str(said)]
    remarks = ["MADE-UP DATA, no result"] * is_made_up(run) + remarks
    settings = run / "settings.yaml"
    if not settings.is_file():
        remarks.append("no settings.yaml, so taken for a lesion network's")
    elif read_yaml(settings).get("shortened"):
        remarks.append("shortened training")
    return remarks
