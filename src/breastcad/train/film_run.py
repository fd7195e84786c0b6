"""A training of whole films in a run folder: what each fold starts from, whose women train, what the networks say. See `classifier_run`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from breastcad.core.errors import InputError
from breastcad.core.files import read_json, write_json
from breastcad.core.records import Collection, PatchRow, SplitRow
from breastcad.core.seeding import generator
from breastcad.datasets.cache import Cache
from breastcad.models.classifier_network import ClassifierNetwork
from breastcad.models.whole_film import refuse_small
from breastcad.train import classifier_run
from breastcad.train.classifier_task import make_network
from breastcad.train.film_forest import blob_features, forest_logits, heat_maps
from breastcad.train.film_settings import FOREST, NONE, FilmSettings
from breastcad.train.film_task import FilmTask, Start, make_film_network
from breastcad.train.loop import Fold, fold_name
from breastcad.train.run_folder import Run, folder_of
from breastcad.train.trained import START, Trained, refuse_learnt, run_settings, trained_fold
from breastcad.train.windows import Window

OF_PATCHES = ("network", "channels", "head", "hidden", "attention", "normalisation", "weights")
OF_FILMS = (
    *OF_PATCHES, "patch_rows", "patch_cols", "patch_classes", "heat_map", "activation", "top", "blocks", "width", "width_out", "pool",
    "dense",
)  # fmt: skip
"""What a network that is started from decides."""


def completed(settings: FilmSettings) -> FilmSettings:
    """Return settings with what the run that they start from decides, or EfficientNet-Lite0 where there is none and none is named.

    Raises
    ------
    InputError, ReadError
        If there is no such run, it is none of classifiers of windows (``patch_run``) or films (``start_run``), or of another network.
    """
    for name in ("patch_run", "start_run"):
        if (given := getattr(settings, name)) == NONE:
            continue
        its = run_settings(Path(given))
        if isinstance(its, FilmSettings) != (name == "start_run"):
            wanted = "windows" if name == "patch_run" else "whole films"
            raise InputError(f"setting '{name}' must name a run of classifiers of {wanted}, and '{Path(given).name}' is none")
        if settings.network not in ("", its.network):
            raise InputError(f"the run '{Path(given).name}' is of the network '{its.network}', not '{settings.network}'; leave it out")
        taken = {key: getattr(its, key) for key in (OF_FILMS if isinstance(its, FilmSettings) else OF_PATCHES)}
        if not isinstance(its, FilmSettings):
            taken |= {"patch_rows": its.rows, "patch_cols": its.cols, "patch_classes": its.classes}
        elif len(its.class_names()) != len(settings.class_names()):
            raise InputError(f"the run '{Path(given).name}' tells apart '{its.classes}'; give as many classes, not '{settings.classes}'")
        settings = replace(settings, **taken).check()
    return settings if settings.network else replace(settings, network=settings.patch_settings().network)


def check(
    collections: list[Collection],
    split: list[SplitRow],
    settings: FilmSettings,
    outer: list[int] | None,
    patches: list[PatchRow] | None,
) -> str:
    """Return a digest of the images that a split names, as `run.check`; what folds start from must be there, and not know who is tested."""
    if patches is not None:
        raise InputError("whole films are trained without windows; leave --patches out (patch_run names what was trained on them)")
    digest = classifier_run.check(collections, split, settings, outer, None)
    women = {(image.set, image.image_id): image.patient_id for one in collections for image in one.images}
    for fold in sorted({(row.repeat, row.outer) for row in split if outer is None or row.outer in outer}):
        found = start_of(settings, fold)
        if found is not None:
            tested = [row for row in split if (row.repeat, row.outer, row.inner, row.part) == (*fold, 0, "test")]
            whose = f"{found.folder.name} of the run '{found.run}', which {fold_name(fold)} starts from,"
            refuse_learnt(found.learnt(), tested, lambda name, image: women.get((name, image)) or None, whose)
    return digest


def check_network(settings: FilmSettings) -> None:
    """Refuse a network that cannot be built: InputError."""
    if (settings.patch_run, settings.start_run) != (NONE, NONE):
        settings = replace(settings, weights="none")  # those of the run come in their place
    if settings.top == FOREST:
        refuse_small((settings.rows, settings.cols), make_network(settings.patch_settings()).shape)
    else:
        make_film_network(settings)


def start_of(settings: FilmSettings, fold: Fold) -> Trained | None:
    """Return the trained fold that a fold starts from; None where it starts from ``weights``.

    Raises
    ------
    InputError
        If that is not trained to its end.
    """
    if settings.start_run != NONE:
        return trained_fold(Path(settings.start_run), (0, settings.start_fold))
    return None if settings.patch_run == NONE else trained_fold(Path(settings.patch_run), fold)


def load(run: Run, collections: list[Collection], patches: list[PatchRow] | None, cache: Cache | None) -> tuple[list[Window], list[str]]:
    """Read the films that the split names; return them, and a sentence for each that cannot be read."""
    return classifier_run.load(run, collections, patches, cache)


def make_task(windows: list[Window], split: Iterable[SplitRow], settings: FilmSettings, fold: Fold) -> FilmTask:
    """Return the task of one network, of the rows of one fold."""
    parts = _parted(windows, split, settings, fold)
    found = start_of(settings, fold)
    start = None if found is None else Start(found.weights(), of_films=isinstance(found.settings, FilmSettings))
    return FilmTask(parts["train"], parts["validation"], settings, fold, start)


def train_fold(run: Run, fold: Fold, windows: list[Window], *, writes: bool) -> None:
    """Train a fold; where this process ``writes``, write what it says of validation and test, and last fold.json: it is done."""
    settings = cast(FilmSettings, run.settings)
    parts = _parted(windows, run.split, settings, fold)
    found, facts = start_of(settings, fold), {"women": len({woman_of(one) for one in parts["train"]})}
    if found is not None and writes:
        _bind_start(run, fold, found)
    if settings.top == FOREST:
        if writes:
            classifier_run.write_said(run, fold, windows, parts, _said_by_forest(run, fold, parts, cast(Trained, found)), facts)
        return
    tasks = [make_task(windows, run.split, one, fold) for one in classifier_run.members_of(settings)]
    classifier_run.train_tasks(run, fold, windows, tasks, parts, writes=writes, facts=facts)


def _bind_start(run: Run, fold: Fold, found: Trained) -> None:
    """Keep with a fold what it starts from, or refuse other weights than it began with: InputError.

    What these had learnt from that is none of the fold's own is kept with it, for whatever starts from the fold.
    """
    own = {(row.set, row.id) for row in run.split if (row.repeat, row.outer) == fold and row.part != "test"}
    before = sorted(one for one in found.learnt() if one[:2] not in own)
    now = {"run": found.run, "fold": found.folder.name, "sha256": found.digest(), "learnt_before": [list(one) for one in before]}
    path = folder_of(run, fold) / START
    if not path.is_file():
        write_json(path, now)
    elif read_json(path)["sha256"] != now["sha256"]:
        raise InputError(
            f"{fold_name(fold)} of '{run.folder}' began with other weights of the run '{found.run}' than that has now; "
            "name another folder with --out"
        )


def _said_by_forest(run: Run, fold: Fold, parts: dict[str, list[Window]], found: Trained) -> dict[str, Any]:
    """Return what a forest says of validation and test, by the heat maps of the fold's patch classifier."""
    settings, network = cast(FilmSettings, run.settings), cast(ClassifierNetwork, found.network())
    counted = {
        part: np.array([blob_features(one) for one in heat_maps(network, parts[part], settings, run.device, run.progress)])
        for part in ("train", "validation", "test")
    }
    targets = np.array([one.target for one in parts["train"]], np.int64)
    said = forest_logits((counted["train"], targets), [counted["validation"], counted["test"]], settings, fold[0])
    return dict(zip(("validation", "test"), said, strict=True))


# ---- whose films train ----


def woman_of(window: Window) -> tuple[str, str]:
    """Return whose a film is: set and patient or, where that is not known, group."""
    return window.row.set, window.image.patient_id or window.group


def _parted(windows: list[Window], split: Iterable[SplitRow], settings: FilmSettings, fold: Fold) -> dict[str, list[Window]]:
    parts = classifier_run.parted(windows, split, settings, fold)
    parts["train"] = of_some_women(parts["train"], settings, fold)
    if len({one.target for one in parts["train"]}) < 2:
        raise InputError(
            f"{fold_name(fold)} trains on one class only, of '{settings.classes}'; make another split, set other classes, or more women"
        )
    return parts


def of_some_women(train: Sequence[Window], settings: FilmSettings, fold: Fold) -> list[Window]:
    """Return the films of as many women as the settings say, all of theirs, in their order; a woman's label is her worst.

    Women of each label stand in a random order of their own, and these orders are put into one, evenly: the first so many are taken, so
    that their labels' shares are as of all, and more women are fewer women and others.

    Raises
    ------
    InputError
        If there are not so many.
    """
    if not settings.women:
        return list(train)
    worst: dict[tuple[str, str], int] = {}
    for one in train:
        worst[woman_of(one)] = max(worst.get(woman_of(one), 0), one.target)
    if settings.women > len(worst):
        raise InputError(f"setting 'women' is {settings.women}, and {fold_name(fold)} trains on {len(worst)}; give no more, or 0 for all")
    numbers, places = generator(settings.seed, "women", *fold), dict[tuple[str, str], tuple[float, int]]()
    for label in sorted(set(worst.values())):
        own = sorted(woman for woman, its in worst.items() if its == label)
        for place, number in enumerate(numbers.permutation(len(own)).tolist()):
            places[own[number]] = ((place + 0.5) / len(own), label)
    taken = set(sorted(places, key=lambda woman: places[woman])[: settings.women])
    return [one for one in train if woman_of(one) in taken]
