"""The search for settings, nested: each outer fold chooses on its inner folds, and never sees what it tests.

What was tried and how good it was stands in search.csv; the studies are optuna's, and go on where they were stopped.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from breastcad.core.errors import InputError
from breastcad.core.files import read_json, write_json, write_text
from breastcad.core.records import SplitRow
from breastcad.core.seeding import generator
from breastcad.evaluate.run_tables import fold_folder
from breastcad.models.checkpoint import load_checkpoint
from breastcad.train.advice import advice
from breastcad.train.loop import Diverged, Fold, Task, fold_name, train_network
from breastcad.train.processes import Processes
from breastcad.train.settings import Settings, flat, kept_value, with_values

if TYPE_CHECKING:
    from breastcad.train.run_folder import Run

SEARCHED = "searched.json"
SEARCH = "search.json"
WIDE = 10.0
"""A range whose ends differ by so many times is gone through in powers."""

NOT_SOUGHT = (
    "model_id", "modality", "pipeline", "rows", "cols", "classes", "copies", "copies_policy", "aggregation", "choose_by", "members", "seed",
    "shortened", "threads", "abnormal_share", "score_floor", "mark_level", "max_marks", "model_folds", "outline",
    "patch_run", "start_run", "start_fold",
)  # fmt: skip
"""What all trials have alike, since samples are loaded once, scores are to compare, and a run that is started from must not know who is
tested; or what changes no score."""
OF_ONE_FILE = ("network", "normalisation")
"""What networks of a lesion run must have alike: one model file holds those of several folds."""
OF_STAGES = ("rate", "epochs")
OF_NETWORKS = ("network", "head", "hidden", "channels", "attention", "weights")


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for: a setting and its values ("8,16,32") or range ("1e-5..1e-2"), each; and how often something is tried."""

    space: tuple[tuple[str, str], ...]
    trials: int

    def check(self, settings: Settings) -> None:
        """Refuse what cannot be tried: InputError. The ends of a range and every value must be values of the setting."""
        if self.trials < 1:
            raise InputError(f"--trials must be at least 1, got {self.trials}")
        if getattr(settings, "choose_by", "") == "last":
            raise InputError("--search compares by validation, so 'choose_by' cannot be last; choose auc, loss or accuracy")
        if settings.task == "classical":
            raise InputError("--search is for networks; traditional CAD chooses its parameters with --setting search=inner")
        if any(getattr(settings, name, "none") != "none" for name in ("patch_run", "start_run")):
            raise InputError(
                "--search cannot choose settings of what starts from another run (patch_run, start_run): that run's network has learnt "
                "from women that inner folds validate on, so scores would favour what learns least; leave one of them out"
            )
        names = [name for name, _ in self.space]
        for name, text in self.space:
            if names.count(name) > 1:
                raise InputError(f"--search names '{name}' twice; give its values or its range once")
            _check_name(name, settings)
            for value in _ends(name, text):
                with_values(settings, [(name, value)])
            if ".." in text:
                _range(name, text)

    def networks(self, settings: Settings) -> list[Settings]:
        """Return settings of each network that would be built: of all values together that another would be built by."""
        named = [[(name, value) for value in _ends(name, text)] for name, text in self.space if name in OF_NETWORKS]
        return [with_values(settings, list(values)) for values in itertools.product(*named)]


def _check_name(name: str, settings: Settings) -> None:
    if name in NOT_SOUGHT:
        raise InputError(f"--search cannot choose '{name}': it is the same in all trials, or changes no score; give it with --setting")
    if name in OF_ONE_FILE and settings.task == "lesion":
        raise InputError(f"--search cannot choose '{name}' of lesion networks: the model file holds those of several folds, alike in it")
    if name in OF_STAGES and bool(getattr(settings, "stages", None)):
        raise InputError(f"--search cannot choose '{name}': the setting 'stages' gives it for each stage; leave one of them out")


def _ends(name: str, text: str) -> list[str]:
    ends = text.split("..") if ".." in text else text.split(",")
    if len(ends) < 2 or not all(end.strip() for end in ends) or (".." in text and len(ends) != 2):
        raise InputError(f"--search takes KEY=LOW..HIGH or KEY=A,B,C, got '{name}={text}'")
    ends = [end.strip() for end in ends]
    if ".." not in text and len({kept_value(name, end) for end in ends}) < len(ends):
        raise InputError(f"--search takes each value of '{name}' once, and files under names that differ, got '{text}'")
    return ends


def _names(name: str, text: str) -> str:
    """Return values as they are kept: of files of weights their names, which must differ."""
    return text if ".." in text else ",".join(kept_value(name, end) for end in _ends(name, text))


def _range(name: str, text: str) -> tuple[float, float]:
    low, high = _ends(name, text)
    try:
        ends = float(low), float(high)
    except ValueError:
        ends = math.nan, math.nan
    if not ends[0] < ends[1]:
        raise InputError(f"--search takes ranges of numbers, the lower end first, got '{name}={text}'")
    return ends


def present(settings: Settings, name: str) -> Any:
    """Return the value of a setting, of a part's too ("augmentation.noise")."""
    return dict(flat(asdict(settings)))[name]


def bind_search(folder: Path, search: Search | None, *, begun: bool) -> None:
    """Keep with a run what is searched for, or refuse another search: InputError."""
    path = folder / SEARCH
    now = None if search is None else {"space": [[name, _names(name, text)] for name, text in search.space], "trials": search.trials}
    if path.is_file() or begun:
        if (read_json(path) if path.is_file() else None) != now:
            raise InputError(f"'{folder}' holds a run with another --search or --trials; give the same, or name another folder with --out")
    elif now is not None:
        write_json(path, now)


def searched(run: Run, search: Search, fold: Fold, samples: list[Any], make_task: Callable[..., Task], processes: Processes) -> Settings:
    """Return the settings that do best on the inner folds of an outer fold.

    Parameters
    ----------
    run : Run
    search : Search
    fold : (int, int)
    samples : list
        As the kind of training loads them.
    make_task : callable
        As the kind of training has it: of samples, split rows, settings and fold.
    processes : Processes

    Raises
    ------
    InputError
        If the split has no inner folds of this one.
    """
    rows = [row for row in run.inner if (row.repeat, row.outer) == fold]
    if not rows:
        raise InputError(f"{fold_name(fold)} has no inner folds to choose settings on; make them with breastcad split --kind nested")
    folder = run.folder / "search" / f"repeat{fold[0]}-fold{fold[1]}"
    study = _study(folder, fold) if processes.first else None
    while (done := processes.from_first(_completed(study))) < search.trials:
        trial, settings = processes.from_first(_asked(study, search, run.settings, fold, done) if study else (0, run.settings))
        score = _score(run, folder / f"trial{done}", rows, samples, settings, fold, make_task, processes)
        processes.wait()  # until all have read their weights
        if study is not None:
            study.tell(trial, score)
            if run.tell:
                values = ", ".join(f"{name}={value}" for name, value in study.trials[-1].params.items())
                run.tell(f"{fold_name(fold)}, trial {done + 1} of {search.trials}: {values}: {score:.3f} on its inner folds")
            _keep(run, study, search, fold)
            rmtree(folder / f"trial{done}", ignore_errors=True)  # weights of trials would fill a disk, and are not used again
    if study is not None:
        _keep(run, study, search, fold)  # again: a kill may have come between telling and keeping
    best = processes.from_first(study.best_params if study is not None else {})
    if processes.first:
        write_json(fold_folder(run.folder, fold) / SEARCHED, best)
    return with_values(run.settings, _placed(search, best))


def _study(folder: Path, fold: Fold) -> optuna.Study:
    """Return a fold's study; a trial that was stopped is given up, and asked for again."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    storage = JournalStorage(JournalFileBackend(str(folder / "study.log")))
    study = optuna.create_study(storage=storage, study_name=fold_name(fold), direction="maximize", load_if_exists=True)
    for trial in study.get_trials(states=[optuna.trial.TrialState.RUNNING]):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    return study


def _completed(study: optuna.Study | None) -> int:
    return 0 if study is None else len(study.get_trials(states=[optuna.trial.TrialState.COMPLETE]))


def _asked(study: optuna.Study, search: Search, settings: Settings, fold: Fold, done: int) -> tuple[int, Settings]:
    """Return a trial's number and settings; a sampler of its own makes a study that was stopped go on as if it had not been."""
    study.sampler = optuna.samplers.TPESampler(seed=int(generator(settings.seed, "search", *fold, done).integers(2**31)))
    trial = study.ask()
    values = [(name, _suggested(trial, name, text, present(settings, name))) for name, text in search.space]
    return trial.number, with_values(settings, _placed(search, dict(values)))


def _placed(search: Search, values: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return values of a study, which has files' names, with the files as they were given."""
    given = {name: {kept_value(name, end): end for end in _ends(name, text)} for name, text in search.space if ".." not in text}
    return [(name, given.get(name, {}).get(value, value)) for name, value in values.items()]


def _suggested(trial: optuna.Trial, name: str, text: str, like: Any) -> Any:
    if ".." not in text:
        return trial.suggest_categorical(name, _names(name, text).split(","))
    low, high = _range(name, text)
    wide = low > 0 and high / low >= WIDE
    if isinstance(like, int):
        return trial.suggest_int(name, int(low), int(high), log=wide)
    return trial.suggest_float(name, low, high, log=wide)


def _score(
    run: Run,
    folder: Path,
    rows: Sequence[SplitRow],
    samples: list[Any],
    settings: Settings,
    fold: Fold,
    make_task: Callable[..., Task],
    processes: Processes,
) -> float:
    """Return the mean over the inner folds of the best validation score; what diverges or does not fit is worse than all else."""
    scores = []
    for inner in sorted({row.inner for row in rows}):
        task = make_task(samples, [row for row in rows if row.inner == inner], settings, fold)
        place = folder / f"inner{inner}"
        try:
            train_network(task, place, device=run.device, report=lambda row: None, progress=run.progress)
        except Diverged:
            return -math.inf
        except (MemoryError, RuntimeError, ValueError) as error:
            why = advice(error, settings)
            if why is None or processes.count > 1:  # the others would wait for this one
                raise
            if run.tell:
                run.tell(f"{fold_name(fold)}, {folder.name} of the search counts as worst: {why}")
            return -math.inf
        scores.append(float(load_checkpoint(place / "best.safetensors")[1]["score"]))
    return math.fsum(scores) / len(scores)


def _keep(run: Run, study: optuna.Study, search: Search, fold: Fold) -> None:
    """Write what a fold has tried into search.csv, in the place of what it had there; folds may be trained side by side."""
    path = run.folder / "search.csv"
    own: list[dict[str, Any]] = []
    for number, trial in enumerate(study.get_trials(states=[optuna.trial.TrialState.COMPLETE])):
        settings = with_values(run.settings, list(trial.params.items()))
        values = {name: present(settings, name) for name, _ in search.space}
        seconds = trial.duration.total_seconds() if trial.duration else math.nan
        score = {"score": f"{trial.value:.5g}", "seconds": f"{seconds:.1f}"}
        own.append({"repeat": fold[0], "fold": fold[1], "trial": number, **values, **score})
    with run.locked():
        kept: list[dict[str, Any]] = []
        if path.is_file():
            with open(path, newline="", encoding="utf-8") as stream:
                kept = [row for row in csv.DictReader(stream) if (int(row["repeat"]), int(row["fold"])) != fold]
        rows = sorted([*kept, *own], key=lambda row: tuple(int(row[name]) for name in ("repeat", "fold", "trial")))
        text = io.StringIO()
        writer = csv.DictWriter(text, list(own[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(path, text.getvalue())
