"""A training of traditional CAD in a run folder: what it needs, its features, a fold of it."""

from __future__ import annotations

from typing import Any, cast

from breastcad.core.errors import InputError
from breastcad.core.files import write_json, write_predictions
from breastcad.core.records import Collection, PatchRow, SplitRow
from breastcad.datasets.cache import Cache
from breastcad.evaluate.aggregation import Whole, labels_of_wholes
from breastcad.train import classifier_run
from breastcad.train.classical import train_classical_fold
from breastcad.train.classical_settings import ClassicalSettings
from breastcad.train.feature_table import FeatureTable, load_table
from breastcad.train.loop import Fold
from breastcad.train.run_folder import Run, folder_of
from breastcad.train.wholes import with_wholes

FEATURES = "features.csv"


def check(
    collections: list[Collection],
    split: list[SplitRow],
    settings: ClassicalSettings,
    outer: list[int] | None,
    patches: list[PatchRow] | None,
) -> str:
    """Return a digest of the images and windows that a split names, as `run.check`; there must be windows."""
    if patches is None:
        raise InputError("traditional CAD measures windows of lesions; cut them with breastcad patches --method roi, and give --patches")
    return classifier_run.check_windows(collections, split, settings.modality, outer, patches, copies=1)


def load(
    run: Run, collections: list[Collection], patches: list[PatchRow] | None, cache: Cache | None
) -> tuple[tuple[FeatureTable, dict[Whole, str]], list[str]]:
    """Measure the windows that the split names; return the table with the images' labels, and a sentence for what cannot be measured."""
    groups = {(row.set, row.id): row.group for row in run.split}
    settings = cast(ClassicalSettings, run.settings)
    table = load_table(collections, patches or [], groups, settings, run.progress, kept=run.folder / FEATURES)
    used = {(one.row.set, one.row.image_id) for one in table.windows}
    labels = labels_of_wholes(image for one in collections for image in one.images if (image.set, image.image_id) in used)
    return (table, labels), list(table.problems)


def train_fold(run: Run, fold: Fold, loaded: tuple[FeatureTable, dict[Whole, str]], *, writes: bool) -> None:
    """Fit a fold and write what it says; of several processes the first does it alone."""
    if not writes:
        return
    table, labels = loaded
    settings, folder = cast(ClassicalSettings, run.settings), folder_of(run, fold)
    part_of = {(row.set, row.id): row.part for row in run.split if (row.repeat, row.outer) == fold}
    rows, facts = train_classical_fold(table, part_of, settings, folder, fold)
    parts = ([row for row in rows if row.part == part] for part in ("validation", "test"))
    write_predictions(folder / "predictions.csv", [row for own in parts for row in with_wholes(own, labels, settings.aggregation)])
    write_json(folder / "fold.json", facts)


def make_task(*_: Any) -> Any:
    """Refuse a search over inner folds of networks: the settings' own ``search`` chooses parameters."""
    raise InputError("--search is for networks; traditional CAD chooses its parameters with --setting search=inner")
