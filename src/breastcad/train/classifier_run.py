"""A training of classifiers in a run folder: what it needs, a fold of it, what its networks say of windows, images and women."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from breastcad.core.errors import InputError
from breastcad.core.files import write_json, write_predictions
from breastcad.core.records import LABELS, PARTS, Collection, PatchRow, PredictionRow, SplitRow
from breastcad.datasets.cache import Cache
from breastcad.evaluate.aggregation import Whole, breast_of, labels_of_wholes
from breastcad.evaluate.calibration import HIGHEST_TEMPERATURE
from breastcad.evaluate.classes import classes_meant
from breastcad.train.classifier_settings import ClassifierSettings
from breastcad.train.classifier_task import LOG_COLUMNS, ClassifierTask, log_softmax, predict
from breastcad.train.images import Named, check_folds, check_modality, images_digest, named_images
from breastcad.train.loop import Fold, fold_name
from breastcad.train.run_folder import LEFT_OUT, Run, folder_of, train_member
from breastcad.train.search import SEARCH
from breastcad.train.wholes import with_wholes
from breastcad.train.windows import WHOLE, Window, load_windows, sample_id, whole_windows

Kind = TypeVar("Kind", bound=ClassifierSettings)
PartOf = Callable[[PatchRow, int], str | None]


def check(
    collections: list[Collection],
    split: list[SplitRow],
    settings: ClassifierSettings,
    outer: list[int] | None,
    patches: list[PatchRow] | None,
) -> str:
    """Return a digest of the images and windows that a split names, as `run.check`."""
    return check_windows(collections, split, settings.modality, outer, patches, copies=settings.copies)


def check_windows(
    collections: list[Collection],
    split: list[SplitRow],
    modality: str,
    outer: list[int] | None,
    patches: list[PatchRow] | None,
    *,
    copies: int,
) -> str:
    """Return a digest of the images and windows that a split names."""
    named, rows = _named(collections, split, patches, copies)
    check_modality(named, modality)
    check_folds(split, outer)
    digest = hashlib.sha256(images_digest(named).encode())
    for row in rows:
        digest.update(f"{row}\n".encode())
    return digest.hexdigest()


def load(run: Run, collections: list[Collection], patches: list[PatchRow] | None, cache: Cache | None) -> tuple[list[Window], list[str]]:
    """Read the windows that the split names; return them, and a sentence for each image that cannot be read."""
    settings = cast(ClassifierSettings, run.settings)
    named, windows = _named(collections, run.split, patches, settings.copies)
    inner = run.inner if (run.folder / SEARCH).is_file() else []  # who validates in an outer fold may train in its inner ones
    part_of = [
        _parts([row for row in rows if row.inner == number], fold)
        for rows in (run.split, inner)
        for fold in sorted({(row.repeat, row.outer) for row in rows})
        for number in sorted({row.inner for row in rows if (row.repeat, row.outer) == fold})
    ]

    def wanted(row: PatchRow, copy: int) -> str | None:
        return next((part for one in part_of if (part := one(row, copy))), None)

    return load_windows(named, windows, wanted, settings, run.progress, groups=_groups(run.split, windows, settings), cache=cache)


def parted(windows: list[Window], split: Iterable[SplitRow], settings: ClassifierSettings, fold: Fold) -> dict[str, list[Window]]:
    """Return the windows of each part of a fold; refuse one with nothing to train or validate on: InputError."""
    part_of = _parts(split, fold)
    parts = {part: [one for one in windows if part_of(one.row, one.copy) == part] for part in PARTS}
    for part in ("train", "validation"):
        if not parts[part]:
            raise InputError(
                f"{fold_name(fold)} of the split has no sample of the classes '{settings.classes}' that could be read in its part '{part}'"
                f"; {LEFT_OUT} says what could not be read, patches.csv which labels there are"
            )
    return parts


def make_task(windows: list[Window], split: Iterable[SplitRow], settings: ClassifierSettings, fold: Fold) -> ClassifierTask:
    """Return the task of one network, of the rows of one fold."""
    parts = parted(windows, split, settings, fold)
    if len({one.target for one in parts["train"]}) < 2:
        raise InputError(
            f"{fold_name(fold)} of the split trains on one class only, of '{settings.classes}'; make another split, or set other classes"
        )
    return ClassifierTask(parts["train"], parts["validation"], settings, fold)


def train_fold(run: Run, fold: Fold, windows: list[Window], *, writes: bool) -> None:
    """Train a fold; where this process ``writes``, write what it says of validation and test, and last fold.json: it is done."""
    settings = cast(ClassifierSettings, run.settings)
    tasks = [make_task(windows, run.split, one, fold) for one in members_of(settings)]
    train_tasks(run, fold, windows, tasks, parted(windows, run.split, settings, fold), writes=writes)


def members_of(settings: Kind) -> list[Kind]:
    """Return the settings of each of a fold's networks: they differ in their seed."""
    return [replace(settings, seed=settings.seed + member) for member in range(settings.members)]


def train_tasks(
    run: Run,
    fold: Fold,
    windows: list[Window],
    tasks: Sequence[ClassifierTask],
    parts: Mapping[str, list[Window]],
    *,
    writes: bool,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Train a fold's networks; where this process ``writes``, write what they say of the ``parts``, with more ``facts`` for fold.json."""
    settings, more = cast(ClassifierSettings, run.settings), dict(facts or {})
    chosen_by = tasks[0].chosen_by
    if chosen_by != settings.choose_by:
        more["chosen_by"] = chosen_by
        if run.tell:
            run.tell(f"{fold_name(fold)}: its validation part has one class only, so epochs are chosen by the {chosen_by}")
    if tasks[0].normalisation is not None:
        more["normalisation"] = tasks[0].normalisation.to_dict()
    networks: list[Any] = [train_member(run, task, fold, member, LOG_COLUMNS) for member, task in enumerate(tasks)]
    if writes:
        said = {part: predict(networks, parts[part], settings, run.device, run.progress) for part in ("validation", "test")}
        write_said(run, fold, windows, parts, said, more)


def write_said(
    run: Run,
    fold: Fold,
    windows: Iterable[Window],
    parts: Mapping[str, list[Window]],
    said: Mapping[str, NDArray[Any]],
    more: dict[str, Any],
) -> None:
    """Write a fold's predictions.csv and fold.json: logits of validation and test (N, K), calibrated by a temperature of validation's.

    ``windows`` are all of the run, by which wholes are labelled.
    """
    settings = cast(ClassifierSettings, run.settings)
    temperature = fit_softmax_temperature(said["validation"], np.array([one.target for one in parts["validation"]]))
    labels = labels_of_wholes({(one.image.set, one.image.image_id): one.image for one in windows}.values())
    rows = [
        row
        for part, logits in said.items()
        for row in prediction_rows(parts[part], logits / temperature, logits, settings, fold=fold, part=part, labels=labels)
    ]
    write_predictions(folder_of(run, fold) / "predictions.csv", rows)
    names = settings.class_names()
    facts: dict[str, Any] = {
        "calibration": {"temperature": temperature},
        "classes": ["+".join(one) for one in names],
        "samples": {part: dict(sorted(Counter("+".join(names[one.target]) for one in own).items())) for part, own in parts.items()},
        "trained_on": sorted({one.row.set for one in parts["train"]}),
    }
    write_json(folder_of(run, fold) / "fold.json", facts | more)


# ---- what a split names ----


def _named(
    collections: list[Collection], split: Iterable[SplitRow], patches: list[PatchRow] | None, copies: int
) -> tuple[list[Named], list[PatchRow]]:
    """Return the images that a split names, itself or by their windows, and the windows on them.

    Raises
    ------
    InputError
        If it names what is neither an image nor a window, or a copy that the settings do not make.
    """
    ids = {(row.set, row.id) for row in split}
    if patches is None:
        named = named_images(collections, ids)
        return named, whole_windows(row for _, row, _ in named)
    windows = {(row.set, sample_id(row, copy)): row for row in patches for copy in range(copies)}
    images = {(row.set, row.image_id) for row in patches} & ids
    known = {(image.set, image.image_id) for one in collections for image in one.images}
    strange = ids - windows.keys() - known
    if strange:
        raise InputError(
            f"the split names {len(strange)} samples that are no image of the collections, no window of --patches and none of its "
            f"{copies} copies (first: '{min(strange)[1]}'); give the ones that it was made of"
        )
    images |= {(row.set, row.image_id) for key, row in windows.items() if key in ids}
    return named_images(collections, images), [row for row in patches if (row.set, row.image_id) in images]


def _groups(split: Iterable[SplitRow], rows: Iterable[PatchRow], settings: ClassifierSettings) -> dict[tuple[str, str], str]:
    """Return the group of each image that a split names, itself or by its windows."""
    group_of = {(row.set, row.id): row.group for row in split}
    groups: dict[tuple[str, str], str] = {}
    for row in rows:
        names = [row.image_id, *(sample_id(row, copy) for copy in range(settings.copies))]
        group = next((group_of[row.set, name] for name in names if (row.set, name) in group_of), None)
        if group is not None:
            groups.setdefault((row.set, row.image_id), group)
    return groups


def _parts(split: Iterable[SplitRow], fold: Fold) -> PartOf:
    """Return what says in which part a window's copy is in a fold. Where the split parts images, copies only train."""
    part_of = {(row.set, row.id): row.part for row in split if (row.repeat, row.outer) == fold}

    def part(row: PatchRow, copy: int) -> str | None:
        own = part_of.get((row.set, sample_id(row, copy)))
        if own is not None:
            return own
        whole = part_of.get((row.set, row.image_id))
        return whole if whole == "train" or not copy else None

    return part


# ---- what networks say ----


def fit_softmax_temperature(logits: NDArray[Any], targets: NDArray[Any]) -> float:
    """Return what logits are divided by so that their probabilities fit best, of (N, K) logits and N classes.

    It is 1 where there is one class, and where every sample is called right: then the sharper the better, until all probabilities are 0
    or 1 and tell nothing apart.

    References
    ----------
    .. [1] C. Guo et al., "On calibration of modern neural networks", ICML 2017, section 4.2.
    """
    if len(set(targets.tolist())) < 2 or (logits.argmax(1) == targets).all():
        return 1.0

    def unlikely(logarithm: float) -> float:
        return -float(log_softmax(logits / np.exp(logarithm))[np.arange(targets.size), targets].mean())

    end = float(np.log(HIGHEST_TEMPERATURE))
    return float(np.exp(minimize_scalar(unlikely, bounds=(-end, end), method="bounded", options={"xatol": 1e-6}).x))


def prediction_rows(
    windows: Sequence[Window],
    calibrated: NDArray[Any],
    logits: NDArray[Any],
    settings: ClassifierSettings,
    *,
    fold: Fold,
    part: str,
    labels: Mapping[Whole, str] | None = None,
) -> list[PredictionRow]:
    """Return rows of predictions.csv: of windows, then of images, breasts and patients as the settings' rule puts them together.

    A whole's label is that of `labels` (`aggregation.labels_of_wholes` of all images of the run), by default of the images here; without a
    patient, or a side, there is no row of one.
    """
    names = settings.class_names()
    probabilities = np.exp(log_softmax(calibrated)) if len(windows) else calibrated
    rows = []
    for window, shares, said in zip(windows, probabilities, logits, strict=True):
        row, image = window.row, window.image
        level = "image" if row.role == WHOLE else "patch"
        one = PredictionRow(*window.key, image.patient_id, window.group, *fold, 0, part, level, row.label)
        one.raw = {"+".join(name): round(float(logit), 5) for name, logit in zip(names, said, strict=True)}
        one.probability = by_label(shares.tolist(), names)
        one.image, one.breast, one.kind = image.image_id, breast_of(image), window.kind
        rows.append(one)
    labels = labels_of_wholes(one.image for one in windows) if labels is None else labels
    return with_wholes(rows, labels, settings.aggregation)


def by_label(shares: Sequence[float], classes: Sequence[tuple[str, ...]]) -> dict[str, float]:
    """Return the probability of each label: the sum over its classes ("malignant mass", "malignant calcification").

    Which classes are of a label, and of abnormal, is that of `evaluate.classes.classes_meant`.

    Examples
    --------
    >>> by_label([0.5, 0.2, 0.3], [("normal",), ("benign mass",), ("malignant mass",)])
    {'normal': 0.5, 'benign': 0.2, 'malignant': 0.3, 'abnormal': 0.5}
    >>> by_label([0.9, 0.1], [("normal", "benign"), ("malignant",)])
    {'malignant': 0.1}
    """
    meant = {word: numbers for word, numbers in classes_meant(classes).items() if word in (*LABELS, "abnormal")}
    return {word: round(min(1.0, sum(shares[number] for number in numbers)), 6) for word, numbers in meant.items()}
