"""A run folder: what goes in, fold by fold what comes out, and the model file at its end."""

from __future__ import annotations

import csv
import json
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch.utils.tensorboard import SummaryWriter

import breastcad
from breastcad.core.errors import InputError
from breastcad.core.files import (
    read_json,
    read_lesions,
    read_marks,
    read_predictions,
    read_split,
    read_yaml,
    write_json,
    write_lesions,
    write_marks,
    write_predictions,
    write_split,
    write_text,
)
from breastcad.core.records import Collection, SplitRow
from breastcad.datasets.cache import Cache
from breastcad.evaluate.run_tables import fold_folder
from breastcad.models.lesion_network import LesionNetwork
from breastcad.models.mean_network import MeanNetwork
from breastcad.train.images import Named, check_modality, images_digest, named_images
from breastcad.train.lesion_settings import LesionSettings
from breastcad.train.loop import best_network, fit_normalisation, fold_name, train_fold
from breastcad.train.predict import fit_calibration, known_classes, look_at_boxes, predict, to_rows
from breastcad.train.samples import Sample, load_samples
from breastcad.train.settings import to_text
from breastcad.train.tasks import from_dict

Progress = Callable[[str, int, int], None]
Tell = Callable[[str], None]


@dataclass(slots=True)
class Run:
    """A training on disk: its folder, settings, split (of a nested one the outer folds), and the callbacks that tell how far it is."""

    folder: Path
    settings: LesionSettings
    split: list[SplitRow]
    device: torch.device
    progress: Progress


# What a run folder holds before its settings: a kill in between leaves no more than this.
LOCK = "lock"
IMAGES = "images.json"
LEFT_OUT = "left-out.txt"
ENVIRONMENT = "environment.json"
BEFORE_SETTINGS = {LOCK, "split.csv", "split.json", ENVIRONMENT}


def open_run(
    folder: Path, settings: LesionSettings, split: list[SplitRow], split_facts: dict[str, Any], *, device: torch.device, progress: Progress
) -> Run:
    """Make a run folder, or continue the one that is there if it has the same settings and split.

    A folder is bound to what it was made with, so that `check_images` is to be called before. Of a nested split the outer folds
    are trained, whose rows are those of inner fold 0.

    Raises
    ------
    InputError
        If the split has no outer fold, or the folder holds a run with other settings or another split, or other things.
    """
    outer = [row for row in split if row.inner == 0]
    if not outer:
        raise InputError("the split has no row of inner fold 0, and only outer folds are trained; make one with breastcad split")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out must be a folder, but '{folder}' is a file; name another")
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / LOCK):
        _open(folder, settings, split, split_facts)
    return Run(folder, settings, outer, device, progress)


def check_images(
    collections: list[Collection], split: list[SplitRow], settings: LesionSettings, outer: list[int] | None = None
) -> list[Named]:
    """Return the images that a split names; nothing is written, and no file read.

    Raises
    ------
    InputError
        If the split has no fold of a number in `outer` or one with nothing to train or validate on, or an image is in no collection,
        in two, or of another modality.
    """
    parts: dict[int, set[str]] = {}
    for row in split:
        if row.inner == 0:
            parts.setdefault(row.outer, set()).add(row.part)
    wanted = sorted(parts) if outer is None else outer
    unknown = set(wanted) - set(parts)
    if unknown:
        raise InputError(f"the split has no fold {min(unknown)}; its folds: {', '.join(map(str, sorted(parts)))}")
    named = named_images(collections, {(row.set, row.id) for row in split if row.inner == 0})
    check_modality(named, settings.modality)
    for fold in wanted:
        for part in ("train", "validation"):
            if part not in parts[fold]:
                raise InputError(f"fold {fold} of the split has no image in its part '{part}'; make another with breastcad split")
    return named


def _open(folder: Path, settings: LesionSettings, split: list[SplitRow], split_facts: dict[str, Any]) -> None:
    stored = folder / "settings.yaml"
    if stored.is_file():
        if from_dict(read_yaml(stored)) != settings:
            raise InputError(
                f"'{folder}' holds a run with other settings; give the same ones to continue it, or name another folder with --out"
            )
        if read_split(folder) != split:
            raise InputError(
                f"'{folder}' holds a run with another split; give the same one to continue it, or name another folder with --out"
            )
    elif {path.name for path in folder.iterdir()} - BEFORE_SETTINGS:
        raise InputError(f"'{folder}' is not empty and holds no run; name another folder with --out")
    else:
        write_split(folder, split, split_facts)
        write_text(stored, to_text(settings))


def environment(device: torch.device) -> dict[str, Any]:
    """Return what a result depends on besides data and settings: versions and kind of machine, no names or paths."""
    packages = ("torch", "timm", "segmentation-models-pytorch", "numpy", "opencv-python-headless")
    versions = {name: metadata.version(name) for name in packages}
    return {
        "breastcad": breastcad.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "device": device.type,
        **versions,
    }


def _bind_images(run: Run, named: list[Named]) -> None:
    """Keep a digest of the images with the run, or refuse others; a run of before there was one is bound from now on."""
    path, digest = run.folder / IMAGES, {"sha256": images_digest(named)}
    with FileLock(run.folder / LOCK):
        if not path.is_file():
            write_json(path, digest)
        elif read_json(path) != digest:
            raise InputError(
                f"'{run.folder}' holds a run on other images, labels or findings, or on the same collections in another order; "
                "give those to continue it, or name another folder with --out"
            )


def _note_environment(run: Run, tell: Tell | None) -> None:
    """Keep what a run is trained with; if it goes on with something else, keep both and say so."""
    path, now = run.folder / ENVIRONMENT, environment(run.device)
    with FileLock(run.folder / LOCK):
        kept = read_json(path) if path.is_file() else []
        known = [kept] if isinstance(kept, dict) else kept  # one alone: of a run that was begun before there were several
        if now in known:
            return
        write_json(path, [*known, now])
    if known and tell:
        changed = [f"{name} {known[-1].get(name)}, now {value}" for name, value in now.items() if known[-1].get(name) != value]
        tell(f"before, the run was trained with {'; '.join(changed)}: {ENVIRONMENT} lists both")


def train_run(
    run: Run, collections: list[Collection], outer: list[int] | None = None, *, cache: Cache | None = None, tell: Tell | None = None
) -> list[str]:
    """Train every fold of a run that is not done; when all are, gather their predictions.

    Parameters
    ----------
    run : Run
    collections : list of Collection
        That have the images the split names.
    outer : list of int, optional
        Train these outer folds only: another command may train others in the same folder at the same time.
    cache : Cache, optional
        Where prepared images are looked for and kept; closed once they are all read.
    tell : callable, optional
        Called with a sentence if the run goes on with another device or other versions.

    Returns
    -------
    list of str
        What could not be read, a sentence each.

    Raises
    ------
    InputError
        As `check_images` does, or if the run was begun on other images, or another command is training one of the folds.
    """
    _bind_images(run, check_images(collections, run.split, run.settings, outer))
    folds = folds_of(run)
    wanted = [fold for fold in folds if (outer is None or fold[1] in outer) and not _is_done(run, fold)]
    problems: list[str] = []
    if wanted:
        _note_environment(run, tell)
        groups = {(row.set, row.id): row.group for row in run.split}
        settings = run.settings
        plan = settings.pipeline, settings.rows, settings.cols
        samples, problems = load_samples(collections, groups, *plan, run.progress, cache=cache)
        if cache is not None:
            cache.close()
        if problems:
            write_text(run.folder / LEFT_OUT, "".join(f"{problem}\n" for problem in problems))
        for fold in wanted:
            with _alone(run, fold):
                if not _is_done(run, fold):  # another command may have done it meanwhile
                    _train_one(run, fold, samples)
    if not undone_folds(run):
        _gather(run, folds)
    return problems


def folds_of(run: Run) -> list[tuple[int, int]]:
    """Return the (repeat, outer fold) pairs of a run's split."""
    return sorted({(row.repeat, row.outer) for row in run.split})


def undone_folds(run: Run) -> list[int]:
    """Return the numbers of the outer folds that are not trained to their end in every repeat."""
    return sorted({fold[1] for fold in folds_of(run) if not _is_done(run, fold)})


def _is_done(run: Run, fold: tuple[int, int]) -> bool:
    return (_fold_folder(run, fold) / "fold.json").is_file()


@contextmanager
def _alone(run: Run, fold: tuple[int, int]) -> Iterator[None]:
    """Hold a fold's lock, which the system frees whatever ends the process."""
    folder = _fold_folder(run, fold)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / LOCK, timeout=0):
            yield
    except Timeout as error:
        raise InputError(
            f"another command is training {fold_name(fold)} of '{run.folder}'; wait for it, or choose folds with --folds"
        ) from error


def _fold_folder(run: Run, fold: tuple[int, int]) -> Path:
    return fold_folder(run.folder, fold)


def _member_folder(run: Run, fold: tuple[int, int], member: int) -> Path:
    """Return the folder of a network's checkpoints: a fold's first network's lie in the fold's own."""
    return _fold_folder(run, fold) / f"member{member}" if member else _fold_folder(run, fold)


def _train_one(run: Run, fold: tuple[int, int], samples: list[Sample]) -> None:
    """Train a fold and write what it says of validation and test; fold.json, written last, says that it is done."""
    part_of = {(row.set, row.id): row.part for row in run.split if (row.repeat, row.outer) == fold}
    parts: dict[str, list[Sample]] = {part: [s for s in samples if part_of.get(s.key) == part] for part in ("train", "validation", "test")}
    for part in ("train", "validation"):
        if not parts[part]:
            raise InputError(
                f"{fold_name(fold)} of the split has no image that could be read in its part '{part}'; {LEFT_OUT} says which could not"
            )
    folder = _fold_folder(run, fold)
    members = [_train_member(run, fold, member, parts["train"], parts["validation"]) for member in range(run.settings.members)]
    network = MeanNetwork(members)
    validation = predict(network, parts["validation"], run.settings, run.device, progress=run.progress)
    calibration = fit_calibration(validation, run.settings)
    test = predict(network, parts["test"], run.settings, run.device, progress=run.progress)
    closer = look_at_boxes(network, parts["test"], run.device)
    classes = known_classes(parts["train"], run.settings)
    predictions, _, _ = to_rows(validation, calibration, run.settings, fold=fold, part="validation", classes=classes)
    tested, marks, lesions = to_rows(test, calibration, run.settings, fold=fold, part="test", classes=classes, closer=closer)
    write_predictions(folder / "predictions.csv", predictions + tested)
    write_marks(folder / "marks.csv", marks)
    write_lesions(folder / "lesions.csv", lesions)
    sets = sorted({sample.row.set for sample in parts["train"]})
    facts: dict[str, Any] = {"calibration": asdict(calibration), "classes": classes, "trained_on": sets}
    rule = fit_normalisation(parts["train"], run.settings)
    write_json(folder / "fold.json", facts if rule is None else facts | {"normalisation": rule.to_dict()})


def _train_member(run: Run, fold: tuple[int, int], member: int, train: list[Sample], validation: list[Sample]) -> LesionNetwork:
    """Train one of a fold's networks; they differ in the seed alone."""
    name = (f"repeat{fold[0]}-" if fold[0] else "") + f"fold{fold[1]}" + (f"-member{member}" if member else "")
    of = {"repeat": fold[0], "fold": fold[1], "member": member}
    columns = ("repeat", *LOG_COLUMNS) if any(repeat for repeat, _ in folds_of(run)) else LOG_COLUMNS
    with SummaryWriter(str(run.folder / "tensorboard" / name)) as board:
        return train_fold(
            train, validation, replace(run.settings, seed=run.settings.seed + member), _member_folder(run, fold, member),
            fold=fold, device=run.device, progress=run.progress,
            report=lambda row: _log(run.folder / "log.csv", columns, of, row, board),
        )  # fmt: skip


LOG_COLUMNS = (
    "fold", "member", "epoch", "part", "loss", "score", "auc_abnormal", "auc_malignant", "dice", "best_mark_hits",
    "seconds", "images_per_second",
)  # fmt: skip


def _log(path: Path, columns: Sequence[str], of: dict[str, int], row: dict[str, Any], board: SummaryWriter) -> None:
    """Append a row to log.csv and to TensorBoard; a repeated epoch (after a kill) leaves both rows, the later one counts."""
    with FileLock(path.parent / LOCK), open(path, "a+", newline="", encoding="utf-8") as stream:
        stream.seek(0)
        begun = next(csv.reader(stream), None)
        if begun and "repeat" not in begun:  # an older log.csv has both in one number
            of = of | {"fold": 1000 * of["repeat"] + of["fold"]}
        writer = csv.DictWriter(stream, begun or columns, extrasaction="ignore", lineterminator="\n")
        if not begun:
            writer.writeheader()
        writer.writerow({key: f"{value:.5g}" if isinstance(value, float) else value for key, value in (of | row).items()})
    for key, value in row.items():
        if key not in ("epoch", "part"):
            board.add_scalar(f"{row['part']}/{key}", value, row["epoch"])


def _gather(run: Run, folds: list[tuple[int, int]]) -> None:
    """Join the folds' tables."""
    folders = [_fold_folder(run, fold) for fold in folds]
    write_predictions(run.folder / "predictions.csv", [row for folder in folders for row in read_predictions(folder / "predictions.csv")])
    write_marks(run.folder / "marks.csv", [row for folder in folders for row in read_marks(folder / "marks.csv")])
    write_lesions(run.folder / "lesions.csv", [row for folder in folders for row in read_lesions(folder / "lesions.csv")])
    facts = [read_json(folder / "fold.json") for folder in folders]
    write_text(run.folder / "folds.json", json.dumps(facts, indent=1) + "\n")


def trained_networks(run: Run) -> list[tuple[list[LesionNetwork], dict[str, Any]]]:
    """Return, fold by fold, its networks with their best weights, and what fold.json says: calibration, classes, trained_on."""
    return [
        (
            [best_network(run.settings, _member_folder(run, fold, member), run.device) for member in range(run.settings.members)],
            read_json(_fold_folder(run, fold) / "fold.json"),
        )
        for fold in folds_of(run)
    ]
