"""A training of lesion networks in a run folder: what it needs, a fold of it, what its networks say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from functools import partial
from typing import Any, cast

from breastcad.core.errors import InputError
from breastcad.core.files import read_json, write_json, write_lesions, write_marks, write_predictions
from breastcad.core.records import PARTS, Collection, PatchRow, SplitRow
from breastcad.datasets.cache import Cache
from breastcad.models.checkpoint import load_checkpoint, save_checkpoint
from breastcad.models.flipped import Flipped
from breastcad.models.lesion_network import LesionNetwork
from breastcad.models.mean_network import MeanNetwork
from breastcad.models.seen import Seen, fit_seen
from breastcad.train.images import check_folds, check_modality, images_digest, named_images
from breastcad.train.lesion_settings import LesionSettings
from breastcad.train.lesion_task import LesionTask, fit_normalisation, make_network
from breastcad.train.loop import Fold, best_network, fold_name
from breastcad.train.predict import film_features, fit_calibration, known_classes, look_at_boxes, predict, to_rows
from breastcad.train.run_folder import LEFT_OUT, Run, folder_of, folds_of, member_folder, train_member
from breastcad.train.samples import Sample, load_samples

SEEN, SEEN_AT_MOST = "seen.safetensors", 500
LOG_COLUMNS = ("auc_abnormal", "auc_malignant", "dice", "best_mark_hits")


def check(
    collections: list[Collection], split: list[SplitRow], settings: LesionSettings, outer: list[int] | None, patches: list[PatchRow] | None
) -> str:
    """Return a digest of what a split names; as `run.check`, and windows are refused."""
    if patches is not None:
        raise InputError("a lesion network takes whole images, not windows; leave --patches out, or choose a classifier with --recipe")
    named = named_images(collections, {(row.set, row.id) for row in split if row.inner == 0})
    check_modality(named, settings.modality)
    check_folds(split, outer)
    return images_digest(named)


def load(run: Run, collections: list[Collection], patches: list[PatchRow] | None, cache: Cache | None) -> tuple[list[Sample], list[str]]:
    """Read the images that the split names; return them, and a sentence for each that cannot be read."""
    settings = cast(LesionSettings, run.settings)
    groups = {(row.set, row.id): row.group for row in run.split}
    return load_samples(collections, groups, settings.pipeline, settings.rows, settings.cols, run.progress, cache=cache)


def train_fold(run: Run, fold: Fold, samples: list[Sample], *, writes: bool) -> None:
    """Train a fold; where this process ``writes``, write what it says of validation and test, and last fold.json: it is done."""
    settings = cast(LesionSettings, run.settings)
    tasks = [make_task(samples, run.split, replace(settings, seed=settings.seed + member), fold) for member in range(settings.members)]
    members = [cast(LesionNetwork, train_member(run, task, fold, member, LOG_COLUMNS)) for member, task in enumerate(tasks)]
    if writes:
        parts = parted(samples, run.split, fold)
        write_seen(run, fold, parts, members[0])
        tell(run, fold, parts, MeanNetwork(members))


def make_task(samples: list[Sample], split: Iterable[SplitRow], settings: LesionSettings, fold: Fold) -> LesionTask:
    """Return the task of one network, of the rows of one fold."""
    parts = parted(samples, split, fold)
    return LesionTask(parts["train"], parts["validation"], settings, fold)


def parted(samples: list[Sample], split: Iterable[SplitRow], fold: Fold) -> dict[str, list[Sample]]:
    """Return the samples of each part of a fold; refuse one with nothing to train or validate on: InputError."""
    part_of = {(row.set, row.id): row.part for row in split if (row.repeat, row.outer) == fold}
    parts = {part: [one for one in samples if part_of.get(one.key) == part] for part in PARTS}
    for part in ("train", "validation"):
        if not parts[part]:
            raise InputError(
                f"{fold_name(fold)} of the split has no image that could be read in its part '{part}'; {LEFT_OUT} says which could not"
            )
    return parts


def tell(run: Run, fold: Fold, parts: dict[str, list[Sample]], network: MeanNetwork | Flipped) -> None:
    """Write a fold's tables, and last fold.json: what a network says of validation and test, calibrated on validation."""
    folder, settings = folder_of(run, fold), cast(LesionSettings, run.settings)
    validation = predict(network, parts["validation"], settings, run.device, progress=run.progress)
    calibration = fit_calibration(validation, settings)
    test = predict(network, parts["test"], settings, run.device, progress=run.progress)
    closer = look_at_boxes(network, parts["test"], run.device)
    classes = known_classes(parts["train"], settings)
    predictions, _, _ = to_rows(validation, calibration, settings, fold=fold, part="validation", classes=classes)
    tested, marks, lesions = to_rows(test, calibration, settings, fold=fold, part="test", classes=classes, closer=closer)
    write_predictions(folder / "predictions.csv", predictions + tested)
    write_marks(folder / "marks.csv", marks)
    write_lesions(folder / "lesions.csv", lesions)
    sets = sorted({sample.row.set for sample in parts["train"]})
    facts: dict[str, Any] = {"calibration": asdict(calibration), "classes": classes, "trained_on": sets}
    rule = fit_normalisation(parts["train"], settings)
    write_json(folder / "fold.json", facts if rule is None else facts | {"normalisation": rule.to_dict()})


def write_seen(run: Run, fold: Fold, parts: dict[str, list[Sample]], first: LesionNetwork) -> None:
    """Keep what a fold's first network saw in training, to tell what is unlike it."""
    settings = cast(LesionSettings, run.settings)
    train = parts["train"][:: 1 + len(parts["train"]) // SEEN_AT_MOST]
    features = [film_features(first, part, settings, run.device) for part in (train, parts["validation"])]
    if len(train) > 1:
        seen = fit_seen(*features)
        save_checkpoint(folder_of(run, fold) / SEEN, dict(seen.named_buffers()), {"images": [len(part) for part in features]})


def seen_of(run: Run) -> list[Seen] | None:
    """Return what each fold saw; None for a run of before that was kept."""
    paths = [folder_of(run, fold) / SEEN for fold in folds_of(run)]
    if not all(path.is_file() for path in paths):
        return None
    found = []
    for path in paths:
        tensors, _ = load_checkpoint(path)
        found.append(Seen(*tensors["directions"].shape))
        found[-1].load_state_dict(tensors)
    return found


def trained_networks(run: Run) -> list[tuple[list[LesionNetwork], dict[str, Any]]]:
    """Return, fold by fold, its networks with their best weights, and what fold.json says: calibration, classes, trained_on."""
    return [(fold_networks(run, fold), read_json(folder_of(run, fold) / "fold.json")) for fold in folds_of(run)]


def fold_networks(run: Run, fold: Fold) -> list[LesionNetwork]:
    """Return the networks of a fold with their best weights."""
    settings = cast(LesionSettings, run.settings)
    make = partial(make_network, settings)
    return [best_network(make, member_folder(run, fold, member), run.device) for member in range(settings.members)]
