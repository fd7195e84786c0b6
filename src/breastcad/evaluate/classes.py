"""The classes that a classifier's run tells apart, and which of them a row is and is called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from breastcad.core.records import LABELS, PredictionRow
from breastcad.evaluate.run_tables import RunTables

ORDER = ("normal", "lesion", "benign", "malignant")


def class_names(run: RunTables) -> list[str]:
    """Return the classes of a run at its level: those of its logits where rows have any, else the labels with a probability.

    A class of logits is a label, a label with a kind of finding ("malignant mass"), or several joined by + ("normal+benign").
    """
    logits = list(run.tests[0].raw) if run.tests else []
    if len(logits) > 1 and all(_is_class(name) for name in logits) and all(set(row.raw) == set(logits) for row in run.tests):
        return logits
    return [label for label in ORDER if all(label in row.probability for row in run.tests)]


def _is_class(name: str) -> bool:
    return all(part.split(" ")[0] in LABELS for part in name.split("+"))


def class_of(row: PredictionRow, classes: Sequence[str]) -> str | None:
    """Return the class that a row truly is of; None if it is of none of them.

    Examples
    --------
    >>> row = PredictionRow("cbis-ddsm", "w", None, "g", 0, 0, 0, "test", "patch", "malignant", kind="mass")
    >>> class_of(row, ["normal+benign", "malignant"]), class_of(row, ["normal", "malignant mass"]), class_of(row, ["normal", "benign"])
    ('malignant', 'malignant mass', None)
    """
    kinds = (row.label, f"{row.label} {row.kind}")
    return next((name for name in classes if any(part in kinds for part in name.split("+"))), None)


def have_probabilities(rows: Iterable[PredictionRow], classes: Sequence[str]) -> bool:
    """Return whether each class is a label with a probability of its own; finer and merged ones ("malignant mass") are none."""
    return all(name in row.probability for row in rows for name in classes)


def called_class(row: PredictionRow, classes: Sequence[str]) -> str:
    """Return the class of a row's highest probability, or of its highest raw score where classes have none; of equals the last."""
    said = row.probability if have_probabilities([row], classes) else row.raw
    return max(reversed(classes), key=lambda name: said[name])
