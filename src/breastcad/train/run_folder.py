"""A run folder on disk: what it is bound to, its folds, its log, its tables. What is trained in it is in the kinds of training."""

from __future__ import annotations

import csv
import hashlib
import json
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from filelock import BaseFileLock, FileLock, Timeout
from torch import nn
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
from breastcad.core.records import SplitRow
from breastcad.evaluate.run_tables import fold_folder
from breastcad.train.loop import Task, fold_name, train_network
from breastcad.train.processes import Processes
from breastcad.train.search import SEARCHED, Search, bind_search
from breastcad.train.settings import Settings, to_text
from breastcad.train.tasks import from_dict

Progress = Callable[[str, int, int], None]
Tell = Callable[[str], None]


@dataclass(slots=True)
class Run:
    """A training on disk: its folder, settings, split, and the callbacks that tell how far it is.

    ``split`` has the outer folds, ``inner`` the inner folds of a nested split: to choose settings. ``tell`` takes a sentence after each
    epoch; ``ahead`` counts the networks that are still to be trained, the present one among them.
    """

    folder: Path
    settings: Settings
    split: list[SplitRow]
    device: torch.device
    progress: Progress
    inner: list[SplitRow] = field(default_factory=list)
    tell: Tell | None = None
    ahead: int = 1

    def locked(self) -> BaseFileLock:
        """Return the lock for what several commands write to: a context."""
        return FileLock(self.folder / LOCK)


# What a run folder holds before its settings: a kill in between leaves no more than this.
LOCK = "lock"
IMAGES = "images.json"
LEFT_OUT = "left-out.txt"
ENVIRONMENT = "environment.json"
PREPARED = "prepared"  # what `breastcad reproduce` makes first
BEFORE_SETTINGS = {LOCK, "split.csv", "split.json", ENVIRONMENT, PREPARED}


def open_run(
    folder: Path, settings: Settings, split: list[SplitRow], split_facts: dict[str, Any], *, device: torch.device, progress: Progress
) -> Run:
    """Make a run folder, or continue the one that is there if it has the same settings and split.

    A folder is bound to what it was made with, so that `run.check` is to be called before. Of a nested split the outer folds
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
    processes = Processes(device)
    if processes.first:
        with FileLock(folder / LOCK):
            _open(folder, settings, split, split_facts)
    processes.wait()
    return Run(folder, settings, outer, device, progress, [row for row in split if row.inner])


def _open(folder: Path, settings: Settings, split: list[SplitRow], split_facts: dict[str, Any]) -> None:
    stored = folder / "settings.yaml"
    if stored.is_file():
        if from_dict(read_yaml(stored)).kept() != settings.kept():
            raise InputError(
                f"'{folder}' holds a run with other settings; give the same ones to continue it, or name another folder with --out"
            )
        if read_split(folder) != split:
            raise InputError(
                f"'{folder}' holds a run with another split; give the same one to continue it, or name another folder with --out"
            )
    elif {path.name for path in folder.iterdir() if path.suffix != ".part"} - BEFORE_SETTINGS:
        raise InputError(f"'{folder}' is not empty and holds no run; name another folder with --out")
    else:
        write_split(folder, split, split_facts)
        write_text(stored, to_text(settings.kept()))


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


def bind(run: Run, digest: str, search: Search | None = None) -> None:
    """Keep digests of what a run is trained on and starts from with it, and what is searched for; or refuse others.

    A run of before there was a digest of images is bound from now on; one of before there was one of what it starts from is not.
    """
    path, now = run.folder / IMAGES, {"sha256": digest, "started_from": _started_from(run.settings)}
    bind_search(run.folder, search, begun=path.is_file())
    with run.locked():
        if not path.is_file():
            write_json(path, now)
        kept = read_json(path)
        if kept["sha256"] != digest:
            raise InputError(
                f"'{run.folder}' holds a run on other images, labels or findings, or on the same collections in another order; "
                "give those to continue it, or name another folder with --out"
            )
        if kept.get("started_from", now["started_from"]) != now["started_from"]:
            raise InputError(
                f"'{run.folder}' holds a run that started from other weights, or from a run with other settings or another split; "
                "give that to continue it, or name another folder with --out"
            )


def _started_from(settings: Settings) -> dict[str, str]:
    """Return a digest of each file of weights, trained fold, or run's settings and split that settings name: names may be alike."""
    found = {}
    for name in [one for one in ("patch_run", "start_run") if getattr(settings, one, "none") != "none"] or ["weights"]:
        place = Path(getattr(settings, name, "none"))
        files = [place, *(place / own for own in ("settings.yaml", "split.csv", "best.safetensors"))]
        if own := [file.read_bytes() for file in files if file.is_file()]:
            found[name] = hashlib.sha256(b"".join(own)).hexdigest()
    return found


def note_environment(run: Run, tell: Tell | None) -> None:
    """Keep what a run is trained with; if it goes on with something else, keep both and say so."""
    path, now = run.folder / ENVIRONMENT, environment(run.device)
    with run.locked():
        kept = read_json(path) if path.is_file() else []
        known = [kept] if isinstance(kept, dict) else kept  # one alone: of a run that was begun before there were several
        if now in known:
            return
        write_json(path, [*known, now])
    if known and tell:
        changed = [f"{name} {known[-1].get(name)}, now {value}" for name, value in now.items() if known[-1].get(name) != value]
        tell(f"before, the run was trained with {'; '.join(changed)}: {ENVIRONMENT} lists both")


def read_left_out(run: Run) -> list[str]:
    """Return the sentences on images that could not be read."""
    path = run.folder / LEFT_OUT
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def folds_of(run: Run) -> list[tuple[int, int]]:
    """Return the (repeat, outer fold) pairs of a run's split."""
    return sorted({(row.repeat, row.outer) for row in run.split})


def undone_folds(run: Run) -> list[int]:
    """Return the numbers of the outer folds that are not trained to their end in every repeat."""
    return sorted({fold[1] for fold in folds_of(run) if not is_done(run, fold)})


def is_done(run: Run, fold: tuple[int, int]) -> bool:
    """Return whether a fold is trained and has said what it says."""
    return (folder_of(run, fold) / "fold.json").is_file()


@contextmanager
def alone(run: Run, fold: tuple[int, int]) -> Iterator[None]:
    """Hold a fold's lock, which the system frees whatever ends the process."""
    folder = folder_of(run, fold)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / LOCK, timeout=0):
            for left in folder.glob("**/.*.part"):  # of a writer that was killed: nobody else writes here
                left.unlink(missing_ok=True)
            yield
    except Timeout as error:
        raise InputError(
            f"another command is training {fold_name(fold)} of '{run.folder}'; wait for it, or choose folds with --folds"
        ) from error


def folder_of(run: Run, fold: tuple[int, int]) -> Path:
    """Return the folder of a fold's checkpoints and tables."""
    return fold_folder(run.folder, fold)


def member_folder(run: Run, fold: tuple[int, int], member: int) -> Path:
    """Return the folder of a network's checkpoints: a fold's first network's lie in the fold's own."""
    return folder_of(run, fold) / f"member{member}" if member else folder_of(run, fold)


def train_member(run: Run, task: Task, fold: tuple[int, int], member: int, columns: Sequence[str]) -> nn.Module:
    """Train one of a fold's networks, with its epochs in log.csv (``columns`` beside those of any training) and on TensorBoard."""
    name = (f"repeat{fold[0]}-" if fold[0] else "") + f"fold{fold[1]}" + (f"-member{member}" if member else "")
    of = {"repeat": fold[0], "fold": fold[1], "member": member}
    repeated = ("repeat",) if any(repeat for repeat, _ in folds_of(run)) else ()
    columns = (*repeated, "fold", "member", "epoch", "part", "loss", "score", *columns, "seconds", "images_per_second")
    pace = Pace(run, task)
    with SummaryWriter(str(run.folder / "tensorboard" / name)) as board:

        def report(row: dict[str, Any]) -> None:
            write_log(run.folder / "log.csv", columns, of, row, board)
            pace.tell(row)

        network = train_network(task, member_folder(run, fold, member), device=run.device, progress=run.progress, report=report)
    run.ahead -= 1
    return network


class Pace:
    """How fast a network learns: a sentence after each of its epochs."""

    def __init__(self, run: Run, task: Task) -> None:
        self._run, self._task, self._since = run, task, time.monotonic()
        self._train: dict[str, Any] = {}

    def tell(self, row: dict[str, Any]) -> None:
        """Take a row of the log; after validation's, say how good the network is and how long it takes."""
        if row["part"] == "train":
            self._train = row
            return
        now = time.monotonic()
        seconds, self._since = now - self._since, now
        if self._run.tell is None:
            return
        epochs, done = self._task.epochs, row["epoch"] + 1
        left = seconds * (epochs - done + epochs * (self._run.ahead - 1))
        self._run.tell(
            f"{fold_name(self._task.fold)}, epoch {done} of {epochs}: loss {self._train['loss']:.3f}, validation {row['score']:.3f}, "
            f"{self._train['images_per_second']:.0f} images/s; {duration(seconds)} an epoch, {duration(left)} left at most"
        )


def duration(seconds: float) -> str:
    """Return a time in words, in the unit that suits it.

    Examples
    --------
    >>> [duration(seconds) for seconds in (4.2, 300, 9000)]
    ['4 s', '5 min', '2.5 h']
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def write_log(path: Path, columns: Sequence[str], of: dict[str, int], row: dict[str, Any], board: SummaryWriter) -> None:
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


def gather(run: Run, folds: list[tuple[int, int]]) -> None:
    """Join the folds' tables; those of marks and lesions where there are any."""
    folders = [folder_of(run, fold) for fold in folds]
    write_predictions(run.folder / "predictions.csv", [row for folder in folders for row in read_predictions(folder / "predictions.csv")])
    if (folders[0] / "marks.csv").is_file():
        write_marks(run.folder / "marks.csv", [row for folder in folders for row in read_marks(folder / "marks.csv")])
        write_lesions(run.folder / "lesions.csv", [row for folder in folders for row in read_lesions(folder / "lesions.csv")])
    facts = [read_json(folder / "fold.json") for folder in folders]
    for folder, fact in zip(folders, facts, strict=True):
        if (folder / SEARCHED).is_file():
            fact["searched"] = read_json(folder / SEARCHED)
    write_text(run.folder / "folds.json", json.dumps(facts, indent=1) + "\n")
