"""The classes that a classifier's run tells apart, and which of them a row is and is called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from breastcad.core.records import LABELS, PredictionRow
from breastcad.evaluate.run_tables import RunTables

ORDER = ("normal", "lesion", "benign", "malignant")
LESIONS = {"benign", "malignant", "lesion"}
"""Labels of which abnormal is one."""


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


def classes_meant(names: Sequence[Sequence[str]]) -> dict[str, list[int]]:
    """Return what can be asked of a network, and the classes whose probabilities add to it: each class, each label, and abnormal.

    A label is that of the classes that hold it alone, of any kind of finding; a class of several labels gives none of them. Abnormal is
    benign, malignant and lesion, where each class is of these or normal, and there are both.

    Parameters
    ----------
    names : sequence of sequence of str
        What each class holds, as settings of classifiers have it.

    Examples
    --------
    >>> classes_meant([("normal",), ("benign mass",), ("malignant mass", "malignant calcification")])
    {'normal': [0], 'benign mass': [1], 'malignant mass+malignant calcification': [2], 'benign': [1], 'malignant': [2], 'abnormal': [1, 2]}
    >>> classes_meant([("normal", "benign"), ("malignant",)])
    {'normal+benign': [0], 'malignant': [1]}
    """
    found = {"+".join(own): [number] for number, own in enumerate(names)}
    labels = [{name.partition(" ")[0] for name in own} for own in names]
    for label in dict.fromkeys(label for own in labels if len(own) == 1 for label in own):
        found[label] = [number for number, own in enumerate(labels) if own == {label}]
    lesions = [number for number, own in enumerate(labels) if own <= LESIONS]
    normal = [number for number, own in enumerate(labels) if own == {"normal"}]
    return found | ({"abnormal": lesions} if normal and lesions and len(normal) + len(lesions) == len(names) else {})


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
