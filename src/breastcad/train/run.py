"""A training, of whatever kind: what it needs is checked, its folds are trained one by one, their tables joined."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from types import ModuleType

from breastcad.core.errors import InputError
from breastcad.core.files import write_text
from breastcad.core.records import Collection, PatchRow, SplitRow
from breastcad.datasets.cache import Cache
from breastcad.train import classical_run, classifier_run, film_run, lesion_run, sequence_run
from breastcad.train.advice import advice
from breastcad.train.classical_settings import DEEP, ClassicalSettings
from breastcad.train.classifier_settings import ClassifierSettings
from breastcad.train.classifier_task import make_network
from breastcad.train.deep_features import network_features
from breastcad.train.film_settings import FilmSettings
from breastcad.train.processes import Processes
from breastcad.train.run_folder import LEFT_OUT, Run, Tell, alone, bind, folds_of, gather, is_done, note_environment, undone_folds
from breastcad.train.search import Search, searched
from breastcad.train.settings import Settings

KINDS: dict[str, ModuleType] = {
    "lesion": lesion_run, "classifier": classifier_run, "film": film_run, "classical": classical_run, "sequence": sequence_run,
}  # fmt: skip
"""Each kind of training has ``check``, ``load``, ``make_task`` and ``train_fold``."""


def completed(settings: Settings) -> Settings:
    """Return settings with what they take over from the run that they start from; those that start from none are as they were.

    Raises
    ------
    InputError
        If there is no such run, or it does not fit.
    """
    return film_run.completed(settings) if isinstance(settings, FilmSettings) else settings


def check(
    collections: list[Collection],
    split: list[SplitRow],
    settings: Settings,
    outer: list[int] | None = None,
    *,
    patches: list[PatchRow] | None = None,
) -> str:
    """Return a digest of what a split names; nothing is written, and no image read.

    Parameters
    ----------
    collections : list of Collection
    split : list of SplitRow
        Of images or, where there are windows, of windows and their copies.
    settings : Settings
    outer : list of int, optional
        The outer folds that are wanted.
    patches : list of PatchRow, optional
        The windows that are trained on; whole images without.

    Raises
    ------
    InputError
        If the network cannot be built, the split has no fold of a number in `outer` or one with nothing to train or validate on, or what
        it names is in no collection, in two, or of another modality.
    """
    check_network(settings)
    return str(KINDS[settings.task].check(collections, split, settings, outer, patches))


def check_network(settings: Settings, search: Search | None = None) -> None:
    """Refuse a network that cannot be built, before a run folder is bound to it: InputError. Of a search, any that it would try."""
    for one in [settings, *(search.networks(settings) if search else [])]:
        with _advice(one):  # one may be too large for any memory
            if isinstance(one, FilmSettings):
                film_run.check_network(one)
            elif isinstance(one, ClassifierSettings):
                make_network(one)
            if isinstance(one, ClassicalSettings) and DEEP in one.groups():
                network_features(one, ())


def train_run(
    run: Run,
    collections: list[Collection],
    outer: list[int] | None = None,
    *,
    patches: list[PatchRow] | None = None,
    search: Search | None = None,
    cache: Cache | None = None,
    tell: Tell | None = None,
) -> list[str]:
    """Train every fold of a run that is not done; when all are, gather their predictions.

    Parameters
    ----------
    run : Run
    collections : list of Collection
        That have the images the split names.
    outer : list of int, optional
        Train these outer folds only: another command may train others in the same folder at the same time.
    patches : list of PatchRow, optional
        The windows that are trained on.
    search : Search, optional
        Settings that each fold chooses on its inner folds first.
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
        As `check` does, or if the run was begun on other images, another command is training one of the folds, or memory ran out.
    """
    processes = Processes(run.device)
    digest = check(collections, run.split, run.settings, outer, patches=patches)
    if processes.first:
        bind(run, digest, search)
    folds, problems = folds_of(run), list[str]()
    wanted = [fold for fold in folds if (outer is None or fold[1] in outer) and not is_done(run, fold)]
    processes.wait()  # nobody may end a fold before all have counted what is left
    if wanted:
        problems = _train(run, (collections, patches, cache), wanted, processes, search, tell)
    if processes.first and not undone_folds(run):
        gather(run, folds)
    processes.wait()
    return problems


def _train(
    run: Run,
    given: tuple[list[Collection], list[PatchRow] | None, Cache | None],
    wanted: list[tuple[int, int]],
    processes: Processes,
    search: Search | None,
    tell: Tell | None,
) -> list[str]:
    """Train folds; of several processes the first alone writes."""
    if processes.first:
        note_environment(run, tell)
    kind = KINDS[run.settings.task]
    with _advice(run.settings):
        samples, problems = kind.load(run, *given)
        if given[2] is not None:
            given[2].close()
        if problems and processes.first:
            write_text(run.folder / LEFT_OUT, "".join(f"{problem}\n" for problem in problems))
        for number, fold in enumerate(wanted):
            run.ahead = (len(wanted) - number) * run.settings.members
            with alone(run, fold) if processes.first else nullcontext():
                done = processes.from_first(is_done(run, fold))  # another command may have done it meanwhile
                if not done:
                    settings = run.settings if search is None else searched(run, search, fold, samples, kind.make_task, processes)
                    kind.train_fold(replace(run, settings=settings), fold, samples, writes=processes.first)
                processes.wait()
    return list(problems)


@contextmanager
def _advice(settings: Settings) -> Iterator[None]:
    """Turn what `advice` knows into a refusal."""
    try:
        yield
    except (MemoryError, RuntimeError, ValueError) as error:
        why = advice(error, settings)
        if why is None:
            raise
        raise InputError(why) from error
