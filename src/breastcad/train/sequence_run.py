"""A training over earlier exams in a run folder: what it needs, a fold of it, what its networks say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import write_json, write_predictions
from breastcad.core.records import PARTS, Collection, PatchRow, PredictionRow, SplitRow
from breastcad.datasets.cache import Cache
from breastcad.evaluate.calibration import fit_temperature, sigmoid
from breastcad.models.sequence import SequenceNetwork
from breastcad.read import open_picture
from breastcad.train.images import Named, check_folds, check_modality, images_digest, named_images
from breastcad.train.loop import Fold, fold_name
from breastcad.train.run_folder import LEFT_OUT, Run, folder_of, train_member
from breastcad.train.sequence_settings import SequenceSettings
from breastcad.train.sequence_task import BreastSequence, SequenceTask, predict

LOG_COLUMNS = ("loss", "auc")
KNOWN = ("normal", "benign", "malignant")
"""Labels that say whether a breast is malignant."""


@dataclass(slots=True)
class Breast:
    """A sample as it was loaded: what the network sees, its set and patient, and the images that it is of."""

    sequence: BreastSequence
    set: str
    patient: str | None
    images: list[str]


def check(
    collections: list[Collection],
    split: list[SplitRow],
    settings: SequenceSettings,
    outer: list[int] | None,
    patches: list[PatchRow] | None,
) -> str:
    """Return a digest of the images that a split names, as `run.check`; patches.csv must say which are of one breast, and in what order."""
    if patches is None:
        raise InputError("a training over exams needs --patches: a sample a breast, the exams in their order as roles 0, 1, ...")
    wrong = next((row for row in patches if not row.role.isdecimal()), None)
    if wrong:
        raise InputError(f"patches.csv: the role of an exam must be its place in time, from 0, got '{wrong.role}' for '{wrong.sample_id}'")
    named = _named(collections, split)
    check_modality(named, settings.modality)
    check_folds(split, outer)
    undated = next((row for _, row, _ in named if row.days_from_first is None), None)
    if undated:
        raise InputError(f"'{undated.image_id}' of '{undated.set}' has no days_from_first in images.csv; a training over exams needs it")
    _exams(named, patches)
    return images_digest(named)


def _named(collections: list[Collection], split: Iterable[SplitRow]) -> list[Named]:
    return named_images(collections, {(row.set, row.id) for row in split if row.inner == 0})


def _exams(named: list[Named], patches: Iterable[PatchRow]) -> dict[tuple[str, str], list[tuple[PatchRow, Named]]]:
    """Return the exams of each breast that is named, in their order; one that is not whole, or without an order, is refused: InputError."""
    images = {(row.set, row.image_id): one for one in named for row in [one[1]]}
    breasts: dict[tuple[str, str], list[PatchRow]] = {}
    for row in patches:
        breasts.setdefault((row.set, row.sample_id), []).append(row)
    found: dict[tuple[str, str], list[tuple[PatchRow, Named]]] = {}
    for key, rows in breasts.items():
        exams = [
            (row, images[row.set, row.image_id]) for row in sorted(rows, key=lambda row: int(row.role)) if (row.set, row.image_id) in images
        ]
        if not exams:
            continue
        if len(exams) < len(rows):
            raise InputError(f"the split names some of the exams of '{key[1]}' of '{key[0]}' and not all; make it of all images")
        if [int(row.role) for row, _ in exams] != list(range(len(exams))):
            raise InputError(f"patches.csv: the roles of '{key[1]}' of '{key[0]}' must be 0, 1, ..., each once")
        days = [image.days_from_first or 0 for _, (_, image, _) in exams]
        if days != sorted(days):
            raise InputError(
                f"the days_from_first of '{key[1]}' of '{key[0]}' fall from one role to the next; give the exams in their order"
            )
        found[key] = exams
    return found


def load(run: Run, collections: list[Collection], patches: list[PatchRow] | None, cache: Cache | None) -> tuple[list[Breast], list[str]]:
    """Read the images that the split names, a breast at a time; return the breasts, and a sentence for each that cannot be taken."""
    settings, group_of = cast(SequenceSettings, run.settings), {(row.set, row.id): row.group for row in run.split}
    exams = _exams(_named(collections, run.split), patches or [])
    found, problems = list[Breast](), list[str]()
    for done, ((set_name, name), rows) in enumerate(exams.items(), start=1):
        images, label = [(collection, image) for _, (collection, image, _) in rows], rows[0][0].label
        if label not in KNOWN:
            problems.append(f"{set_name} {name}: its label is '{label}', which does not say whether it is malignant")
            continue
        try:
            films = np.stack([_film(Path(own.root) / (row.path or ""), row.frame, settings) for own, row in images])
        except ReadError as error:
            problems.append(f"{set_name} {name}: {error.reason}")
            continue
        last, days = images[-1][1], [row.days_from_first or 0 for _, row in images]
        group = group_of[set_name, last.image_id]
        ids = [row.image_id for _, row in images]
        found.append(Breast(BreastSequence(name, group, films, days, label), set_name, last.patient_id, ids))
        run.progress("reading", done, len(exams))
    return found, problems


def _film(path: Path, frame: str | None, settings: SequenceSettings) -> NDArray[np.uint8]:
    whole = open_picture(path, None if frame is None else int(frame)).pixels
    return np.round(255 * np.clip(cv2.resize(whole, (settings.cols, settings.rows), interpolation=cv2.INTER_AREA), 0, 1)).astype(np.uint8)


def _parted(breasts: list[Breast], split: Iterable[SplitRow], fold: Fold) -> dict[str, list[Breast]]:
    """Return the breasts of each part of a fold; one whose exams are in several parts is refused, as is an empty part: InputError."""
    part_of = {(row.set, row.id): row.part for row in split if (row.repeat, row.outer) == fold}
    parts: dict[str, list[Breast]] = {part: [] for part in PARTS}
    for one in breasts:
        own = {part_of[one.set, image] for image in one.images if (one.set, image) in part_of}
        if len(own) > 1:
            raise InputError(f"{fold_name(fold)} of the split has exams of '{one.sequence.id}' in several parts; split by patient")
        for part in own:
            parts[part].append(one)
    for part in ("train", "validation"):
        if not parts[part]:
            raise InputError(f"{fold_name(fold)} of the split has no breast that could be read in its part '{part}'; see {LEFT_OUT}")
    return parts


def make_task(breasts: list[Breast], split: Iterable[SplitRow], settings: SequenceSettings, fold: Fold) -> SequenceTask:
    """Return the task of one network, of the rows of one fold."""
    parts = _parted(breasts, split, fold)
    train, validation = ([one.sequence for one in parts[part]] for part in ("train", "validation"))
    if len({one.label == "malignant" for one in train}) < 2:
        raise InputError(f"{fold_name(fold)} of the split trains on one class only, malignant or not; make another split")
    return SequenceTask(train, validation, settings, fold)


def train_fold(run: Run, fold: Fold, breasts: list[Breast], *, writes: bool) -> None:
    """Train a fold; where this process ``writes``, write what it says of validation and test, and last fold.json: it is done."""
    settings = cast(SequenceSettings, run.settings)
    tasks = [make_task(breasts, run.split, replace(settings, seed=settings.seed + member), fold) for member in range(settings.members)]
    networks = [cast(SequenceNetwork, train_member(run, task, fold, member, LOG_COLUMNS)) for member, task in enumerate(tasks)]
    if not writes:
        return
    parts = _parted(breasts, run.split, fold)
    said = {
        part: predict(networks, [one.sequence for one in parts[part]], settings, run.device, run.progress)
        for part in ("validation", "test")
    }
    temperature = fit_temperature(said["validation"], [one.sequence.label == "malignant" for one in parts["validation"]])
    rows = []
    for part, logits in said.items():
        for one, logit, share in zip(parts[part], logits.tolist(), sigmoid(logits / temperature).tolist(), strict=True):
            row = PredictionRow(one.set, one.sequence.id, one.patient, one.sequence.group, *fold, 0, part, "breast", one.sequence.label)
            row.raw, row.probability = {"malignant": round(logit, 5)}, {"malignant": share}
            rows.append(row)
    write_predictions(folder_of(run, fold) / "predictions.csv", rows)
    facts = {"calibration": {"temperature": temperature}, "trained_on": sorted({one.set for one in parts["train"]})}
    write_json(folder_of(run, fold) / "fold.json", facts)
