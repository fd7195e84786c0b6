"""``breastcad train``: train a model; called again with the same arguments, it continues what it finds."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from breastcad.commands.given import given_collection
from breastcad.commands.options import Device, DeviceName, Jobs
from breastcad.commands.saying import say
from breastcad.commands.side_by_side import jobs_unasked, train_side_by_side, words_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from breastcad.core.records import Collection, PatchRow, SplitRow
    from breastcad.train.processes import Processes
    from breastcad.train.run_folder import Run
    from breastcad.train.search import Search
    from breastcad.train.settings import Settings

LONGEST_NUMBER = 9
CacheOption = Annotated[
    bool,
    typer.Option("--cache/--no-cache", help="Keep prepared images on disk for the next training (docs/cache.md), or decode them anew."),
]


RunFolder = Annotated[Path, typer.Option("--out", metavar="RUN", help="Run folder; one that holds this very run is continued.")]
SplitFolder = Annotated[Path, typer.Option("--split", metavar="FOLDER", help="The split that `breastcad split` made.")]
Patches = Annotated[Path | None, typer.Option("--patches", metavar="FOLDER", help="Windows of `breastcad patches`, for a classifier.")]
RecipeName = Annotated[
    str, typer.Option("--recipe", help="us-lesion (ultrasound), mg-lesion (mammograms), classifier, whole-film, classical or sequence.")
]
Network = Annotated[str | None, typer.Option("--network", help="Another network: breastcad models networks.")]
Setting = Annotated[
    list[str] | None, typer.Option("--setting", metavar="KEY=VALUE", help="Change a setting of the recipe; may be given several times.")
]
Folds = Annotated[
    str | None, typer.Option("--folds", metavar="0,2", help="Train these folds only, e.g. one command a processor; all without it.")
]
Seeds = Annotated[int, typer.Option("--seeds", min=1, help="Train every fold so often, each time from another seed.")]
SearchOption = Annotated[
    list[str] | None,
    typer.Option(
        "--search",
        metavar="KEY=VALUES",
        help="Choose a setting on the inner folds of a nested split: rate=1e-5..1e-2 or batch=8,16,32; may be given several times.",
    ),
]
Trials = Annotated[int, typer.Option("--trials", min=1, help="How many settings --search tries, each fold.")]
Seed = Annotated[int | None, typer.Option("--seed", min=0, max=2**32 - 1, help="Seed of every random number that is drawn.")]


def command(
    context: typer.Context,
    collections: Annotated[list[Path], typer.Argument(metavar="COLLECTION...", help="Collections that `breastcad import` made.")],
    out: RunFolder,
    split: SplitFolder,
    patches: Patches = None,
    recipe: RecipeName = "us-lesion",
    network: Network = None,
    setting: Setting = None,
    folds: Folds = None,
    jobs: Jobs = None,
    seeds: Seeds = 1,
    search: SearchOption = None,
    trials: Trials = 20,
    seed: Seed = None,
    device: Device = DeviceName.auto,
    cache: CacheOption = True,
) -> None:
    """Train a recipe on collections, fold by fold, and write a run folder: predictions and, but of classical models, model.onnx.

    Stopped or killed, the same command goes on after the last whole epoch and ends with the same weights as if nothing had
    happened. Of a nested split the outer folds are trained. On several devices: accelerate launch -m breastcad train ...
    Then: breastcad evaluate RUN.
    """
    from breastcad.commands.progress import bar
    from breastcad.core.files import read_facts, read_split
    from breastcad.datasets.cache import open_cache
    from breastcad.train.tasks import recipe as settings_of

    settings, numbers = _changed(settings_of(recipe), network, seed, setting or []), _numbers(folds)
    facts, rows = read_facts((split.parent if split.is_file() else split) / "split.json"), read_split(split)
    windows = None if patches is None else _windows(patches)
    given = [given_collection(folder) for folder in collections]
    with bar("starting torch"):  # ten seconds, after what can be refused without it
        from breastcad.train.processes import Processes
        from breastcad.train.run import check, check_network, completed
    wanted, settings = device_of(device), completed(settings)
    processes, sought = Processes(wanted), _search(search or [], trials, settings)
    tell = _warn if processes.first else _quiet
    rows = _repeated(_checked_rows(rows, facts, tell, searches=sought is not None), seeds)
    check(given, rows, settings, numbers, patches=windows)
    check_network(settings, sought)
    jobs = _said(jobs, processes, wanted)
    aside = partial(train_side_by_side, words_of(context, without=("folds", "jobs")))
    inputs = {"collections": given, "outer": numbers, "patches": windows, "search": sought, "cache": open_cache(tell) if cache else None}
    _train(out, settings, (rows, facts | _made_up(given)), wanted, processes.first, inputs | {"tell": tell}, (jobs, aside))


def _made_up(given: list[Collection]) -> dict[str, Any]:
    """Return what a run's split.json is to say where images were made up, so that no figure of the run is taken for a result."""
    from breastcad.recipes.reproduction import is_made_up

    return {"made_up": True} if any(is_made_up(one) for one in given) else {}


def _train(
    out: Path,
    settings: Settings,
    split: tuple[list[SplitRow], dict[str, Any]],
    device: torch.device,
    first: bool,
    inputs: dict[str, Any],
    aside: tuple[int | None, Callable[..., None]],
) -> None:
    """Train with a bar; of several processes the ``first`` draws and tells.

    ``inputs`` are `train_run`'s; ``aside`` is how many folds go side by side, if that was said, and what trains them so.
    """
    from breastcad.commands.progress import bar
    from breastcad.train.run import train_run
    from breastcad.train.run_folder import open_run, read_left_out, undone_folds

    with bar("training") as update:

        def progress(text: str, done: int, total: int) -> None:
            if first:
                update(done, total, text)

        run = open_run(out, settings, *split, device=device, progress=progress)
        run.tell = say if first else None
        wanted = [fold for fold in undone_folds(run) if inputs["outer"] is None or fold in inputs["outer"]]
        jobs = min(aside[0] or _jobs(run, wanted), len(wanted))
        if jobs > 1:
            say(f"{len(wanted)} folds, {jobs} side by side", err=True)
            networks = settings.members * len({row.repeat for row in run.split})
            aside[1](wanted, jobs, members=networks, progress=progress)
        problems = train_run(run, **inputs) or (read_left_out(run) if jobs > 1 else [])
        left = undone_folds(run)
        exported = None if left or not first else _exported(run, inputs)
    if first:
        _tell(out, problems, left, exported)


def _exported(run: Run, inputs: dict[str, Any]) -> str | None:
    """Write a finished run's model file; return what to say of it, None where there is none to write."""
    from breastcad.core.errors import InputError

    differ = "outputs differ from the networks' by"
    if run.settings.task == "lesion":
        from breastcad.train.bundle import export_run

        return f"model file {run.folder / 'model.onnx'}: {differ} {export_run(run):.4f} (logits, median of four images)"
    if run.settings.task != "classifier":
        return None
    from breastcad.train.window_bundle import export_classifier

    try:
        largest = export_classifier(run, inputs["collections"], inputs["patches"])
    except InputError as error:  # the run is whole without it
        return str(error)
    return f"model file {run.folder / 'model.onnx'}: {differ} {largest:.4f} (logits); heat maps of films: breastcad heatmap"


def _said(jobs: int | None, processes: Processes, device: torch.device) -> int | None:
    """Return how many folds go side by side; None: as many as there are processors and memory for."""
    from breastcad.core.errors import InputError

    if processes.count == 1:
        return 1 if jobs is None and device.type != "cpu" else jobs
    if (jobs or 1) > 1:
        raise InputError("--jobs is for one process; accelerate launch shares each fold among several")
    return 1


def _jobs(run: Run, folds: list[int]) -> int:
    """Return how many folds go side by side where nobody said."""
    if not folds:
        return 1
    images = sum(row.outer == folds[0] and row.part == "train" and row.repeat == 0 for row in run.split)
    return jobs_unasked(len(folds), images * getattr(run.settings, "epochs", 0) * run.settings.members, run.settings.threads)


def _windows(folder: Path) -> list[PatchRow]:
    """Return the windows of a folder that `breastcad patches` wrote."""
    from breastcad.core.files import read_patches

    return read_patches(folder if folder.is_file() else folder / "patches.csv")


def _search(pairs: list[str], trials: int, settings: Settings) -> Search | None:
    """Return what is searched for, where anything is."""
    from breastcad.core.errors import InputError
    from breastcad.train.search import Search

    if not pairs:
        return None
    if any("=" not in pair for pair in pairs):
        raise InputError(f"--search takes KEY=LOW..HIGH or KEY=A,B,C, got '{next(pair for pair in pairs if '=' not in pair)}'")
    found = Search(tuple((name, text) for name, _, text in (pair.partition("=") for pair in pairs)), trials)
    found.check(settings)
    return found


def _repeated(rows: list[SplitRow], seeds: int) -> list[SplitRow]:
    """Return a split whose folds come so often, as repeats: each starts from another seed."""
    from dataclasses import replace

    return [replace(row, repeat=row.repeat * seeds + number) for number in range(seeds) for row in rows]


def _quiet(said: str) -> None:
    """Say nothing: of several processes the first speaks."""


def _warn(said: str) -> None:
    say(f"! {said}", err=True)


def device_of(name: DeviceName) -> torch.device:
    import torch

    from breastcad.core.errors import InputError

    found = torch.cuda.is_available()
    if name == DeviceName.cuda and not found:
        raise InputError("--device cuda: no GPU was found that torch can use; use --device cpu or auto")
    return torch.device("cuda" if found and name != DeviceName.cpu else "cpu")


def _checked_rows(rows: list[SplitRow], facts: dict[str, Any], tell: Callable[[str], None], *, searches: bool) -> list[SplitRow]:
    """Return a split's rows; refuse those that leak, unless its split.json says that they may, and those that a search has nothing in.

    That they leak is said again, and so are inner folds that nothing searches.
    """
    from breastcad.core.errors import InputError
    from breastcad.datasets.splits import leaks

    leaking = leaks(rows)
    if leaking and not facts.get("leaks"):
        raise InputError(f"{'; '.join(leaking)}; make a split with breastcad split")
    if searches and (bare := {row.outer for row in rows} - {row.outer for row in rows if row.inner}):
        raise InputError(f"fold {min(bare)} has no inner folds to choose settings on; make them with breastcad split --kind nested")
    nested = ["the split is nested: its outer folds are trained, and its inner folds are for --search, and are not used"]
    for sentence in [*leaking, *(nested if any(row.inner for row in rows) and not searches else [])]:
        tell(sentence)
    return rows


def _tell(out: Path, problems: list[str], left: list[int], exported: str | None) -> None:
    """Say what was left out, and what to do next."""
    for problem in problems:
        say(f"left out: {problem}", err=True)
    if left:
        typer.echo(f"folds that are left: {', '.join(map(str, left))}. When all are trained, the same command without --folds ends the run")
        return
    if exported is not None:
        typer.echo(exported)
    typer.echo(f"Next: breastcad evaluate {out}")


def _changed(settings: Settings, network: str | None, seed: int | None, pairs: list[str]) -> Settings:
    from breastcad.core.errors import InputError
    from breastcad.train.settings import with_values

    values: list[tuple[str, object]] = []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise InputError(f"--setting takes KEY=VALUE, got '{pair}'")
        values.append((name, value))
    if network is not None:
        values.append(("network", network))
    if seed is not None:
        values.append(("seed", seed))
    return with_values(settings, values)


def _numbers(folds: str | None) -> list[int] | None:
    """Return the folds that a text names."""
    from breastcad.core.errors import InputError

    if folds is None:
        return None
    parts = [part.strip() for part in folds.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) < LONGEST_NUMBER for part in parts):
        raise InputError(f"--folds takes numbers with commas between them, e.g. 0,2, got '{folds}'")
    return [int(part) for part in parts]
