"""Does every figure that is quoted follow from the predictions? Figures of metrics.json against predictions.csv, marks.csv
and lesions.csv; tables of documents against metrics.json; parts of predictions.csv against split.csv.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from breastcad.core.errors import InputError
from breastcad.core.files import read_json, read_predictions, read_split
from breastcad.evaluate.documents import QuotedTable, documents_with_figures, quoted_tables, repository_of, table_lines
from breastcad.evaluate.figures import Figure, Options, read_asked, read_metrics
from breastcad.evaluate.run_figures import evaluated, is_classifier
from breastcad.evaluate.run_tables import check_predicted, refuse_twice
from breastcad.evaluate.subgroups import subgroups_again

TOLERANCE = 1e-9
_NUMBERS = ("value", "low", "high", "n", "positives", "clusters")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs: where it stands, what it is, what is written there and what it should be."""

    where: str
    what: str
    written: str
    recomputed: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: written {self.written}, recomputed {self.recomputed}"


@dataclass(slots=True)
class Recheck:
    """What was checked, and what differs."""

    runs: list[str] = field(default_factory=list)
    figures: int = 0
    tables: int = 0
    differences: list[Difference] = field(default_factory=list)


def recheck(folder: str | Path) -> Recheck:
    """Recompute the figures of a run, and compare the tables of documents that quote it.

    Documents are those of the repository that the run lies in (`documents_with_figures`), if it lies in the ``results/`` of one.

    Parameters
    ----------
    folder : str or Path
        A run folder with metrics.json and predictions.csv.

    Returns
    -------
    Recheck

    Raises
    ------
    ReadError, InputError
        If a table or document is missing or broken.
    """
    folder = Path(folder).resolve()
    done = Recheck()
    _recheck_run(folder, folder.name, done)
    repository = repository_of(folder)
    if repository and folder.is_relative_to(repository / "results"):
        quoted = folder.relative_to(repository).as_posix()
        _recheck_tables(documents_with_figures(repository), {quoted}, repository, done)
    return done


def recheck_card(card: str | Path, *, start: str | Path = ".") -> Recheck:
    """Recompute the figures of all runs that a model's card quotes, and compare the card's tables and those of other documents.

    The runs are looked for in the ``results/`` of the nearest folder above the card, then above `start`.

    Parameters
    ----------
    card : str or Path
        The Markdown card, with tables of figures between markers (`documents`).
    start : str or Path
        Where to look for the runs if the card lies in no repository (it is installed), e.g. the current folder.

    Returns
    -------
    Recheck

    Raises
    ------
    InputError
        If the card quotes no run, or its runs are found neither above the card nor above `start`.
    ReadError
        If a table or document is missing or broken.
    """
    card = Path(card)
    runs = list(dict.fromkeys(table.run for table in quoted_tables(card)))
    if not runs:
        raise InputError(f"{card.name} quotes no run; its figures must stand between '<!-- figures: results/NAME -->' and '<!-- end -->'")
    repository = repository_of(card.parent, start, run=runs[0])
    if repository is None:
        raise InputError(
            f"the runs behind {card.name} ('{runs[0]}') are not here; call recheck in a clone of breastcad's repository, which has them"
        )
    done = Recheck()
    for run in runs:
        _recheck_run(repository / run, run, done)
    others = [path for path in documents_with_figures(repository) if path.resolve() != card.resolve()]
    _recheck_tables([card, *others], set(runs), repository, done)
    return done


def _recheck_run(folder: Path, name: str, done: Recheck) -> None:
    check_predicted(folder)
    if not (folder / "metrics.json").is_file():
        raise InputError(f"{name}: there is no metrics.json yet; make it with: breastcad evaluate RUN")
    _, written = read_metrics(folder / "metrics.json")
    if not written:
        raise InputError(f"{name}: metrics.json holds no figure; make it with: breastcad evaluate RUN")
    asked = read_asked(folder / "metrics.json")[0]
    # One of before there were options says nothing of what was asked: its figures do.
    wanted = [Options(level=level) for level in dict.fromkeys(figure.level for figure in written)] if asked is None else [asked]
    found = [evaluated(folder, options) for options in wanted]
    done.runs.append(name)
    done.figures += len(written)
    done.differences += compare_figures(f"{name}/metrics.json", written, [figure for one in found for figure in one.figures])
    counts = [asdict(confusion) for one in found for confusion in one.confusions]
    done.differences += _compare_kept(folder / "metrics.json", "confusions", ("set", "level", "by"), counts)
    if (folder / "subgroups.json").is_file():
        kept, again = subgroups_again(folder)
        done.figures += len(kept)
        done.differences += compare_figures(f"{name}/subgroups.json", kept, again.figures)
        tests = [asdict(one) for one in again.tests]
        done.differences += _compare_kept(folder / "subgroups.json", "tests", ("question", "set", "level", "subgroup"), tests)
    if (folder / "split.csv").exists():
        done.differences += _compare_parts(folder, name)


def compare_figures(where: str, written: Sequence[Figure], recomputed: Sequence[Figure]) -> list[Difference]:
    """Return what differs between two lists of figures: numbers by more than 1e-9, figures that only one of them has.

    The sentences that say how are not compared: wording may improve, numbers may not.
    """
    fresh = {figure.key: figure for figure in recomputed}
    known = {figure.key for figure in written}
    found: list[Difference] = []
    for old in written:
        new, what = fresh.get(old.key), f"{old.name} ({old.set}, {old.part}, {old.level})"
        if new is None:
            found.append(Difference(where, what, repr(old.value), "no such figure"))
            continue
        pairs = [(number, getattr(old, number), getattr(new, number)) for number in _NUMBERS]
        found += [Difference(where, f"{number} of {what}", repr(a), repr(b)) for number, a, b in pairs if not _agree(a, b)]
    missing = [figure for figure in recomputed if figure.key not in known]
    return found + [Difference(where, f"{one.name} ({one.set}, {one.part}, {one.level})", "nothing", repr(one.value)) for one in missing]


def _compare_kept(path: Path, what: str, key: Sequence[str], recomputed: Sequence[Mapping[str, object]]) -> list[Difference]:
    """Return a difference for each entry of a list in a JSON file (``confusions``, ``tests``) that is not as it is recomputed or missing.

    An older file may have no such list.
    """
    fresh = {tuple(str(one[name]) for name in key): one for one in recomputed}
    kept, where, known, found = read_json(path).get(what), f"{path.parent.name}/{path.name}", set(), []
    for old in kept or []:
        of = tuple(str(old.get(name)) for name in key) if isinstance(old, dict) else ("no entry",)
        known.add(of)
        new = fresh.get(of)
        if new is None or old.keys() != new.keys() or not all(_alike(old[name], new[name]) for name in new):
            found.append(Difference(where, f"{what} ({', '.join(of)})", str(old), str(new or "no such entry")))
    missing = [] if kept is None else [of for of in fresh if of not in known]
    return found + [Difference(where, f"{what} ({', '.join(of)})", "nothing", str(fresh[of])) for of in missing]


def _alike(written: object, recomputed: object) -> bool:
    if isinstance(written, float) and isinstance(recomputed, float):
        return _agree(written, recomputed)
    return written == recomputed


def _agree(written: float | None, recomputed: float | None) -> bool:
    if written is None or recomputed is None:
        return written is recomputed
    return abs(written - recomputed) <= TOLERANCE


def _compare_parts(folder: Path, name: str) -> list[Difference]:
    """Return a difference where predictions.csv gives other parts or groups than split.csv, or leaves an image out: the first.

    A classifier may part windows instead of images, and tells nothing of images with labels that it has no class for.
    """
    split = read_split(folder)
    refuse_twice(folder / "split.csv", ((row.set, row.id, row.repeat, row.outer, row.inner) for row in split))
    parts = {(row.set, row.id, row.repeat, row.outer, row.inner): (row.part, row.group) for row in split}
    classifier, names = is_classifier(folder), {(row.set, row.id) for row in split}
    rows = [row for row in read_predictions(folder / "predictions.csv") if row.level == "image" or classifier]
    if classifier:
        rows = [row for row in rows if row.level in ("image", "patch") and (row.set, row.id) in names]
    if not rows:
        return []
    predicted = {(row.set, row.id, row.repeat, row.outer, row.inner): (row.part, row.group) for row in rows}
    wrong = [key for key, said in predicted.items() if parts.get(key) != said]
    if not classifier:
        # Of an outer fold (inner fold 0), all are predicted that do not train.
        wrong += [key for key, (part, _) in parts.items() if part != "train" and key[-1] == 0 and key not in predicted]
    if not wrong:
        return []
    set_name, image, _, outer, _ = wrong[0]
    what = f"part and group of '{image}' of '{set_name}' in fold {outer} (first of {len(wrong)} that differ from split.csv)"
    return [Difference(f"{name}/predictions.csv", what, _part(predicted.get(wrong[0])), _part(parts.get(wrong[0])))]


def _part(found: tuple[str, str] | None) -> str:
    return f"'{found[0]}', '{found[1]}'" if found else "no row"


def _recheck_tables(documents: Iterable[Path], runs: set[str], repository: Path, done: Recheck) -> None:
    for document in documents:
        for table in quoted_tables(document):
            if table.run in runs:
                done.tables += 1
                done.differences += compare_table(document.name, table, table_lines(table, repository))


def compare_table(where: str, table: QuotedTable, wanted: Sequence[str]) -> list[Difference]:
    """Return a difference for each line of a document's table that is not the one its run's metrics.json gives."""
    found: list[Difference] = []
    for number in range(max(len(table.lines), len(wanted))):
        old = table.lines[number] if number < len(table.lines) else "nothing"
        new = wanted[number] if number < len(wanted) else "nothing"
        if old.strip() != new.strip():
            found.append(Difference(f"{where}, line {table.first + number + 1}", f"table of {table.run}", old, new))
    return found
