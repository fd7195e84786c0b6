"""From rows of windows to rows of images, breasts and patients, in what a run says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from breastcad.core.records import ImageRow, PredictionRow, worst_label
from breastcad.evaluate.aggregation import aggregated_rows

Whole = tuple[str, str, str]
"""Level (image, breast or patient), set and name."""


def labels_of_wholes(images: Iterable[ImageRow]) -> dict[Whole, str]:
    """Return the label of each image, breast and patient: the worst of its images', whatever part they are in.

    Where windows are parted at random, a woman has windows in several parts and folds, and in each the same label.
    """
    found: dict[Whole, list[str]] = defaultdict(list)
    for image in images:
        for level, name in (("image", image.image_id), ("breast", breast_of(image)), ("patient", image.patient_id)):
            if name:
                found[level, image.set, name].append(image.label)
    return {whole: worst_label(labels) for whole, labels in found.items()}


def with_wholes(rows: Sequence[PredictionRow], labels: Mapping[Whole, str], rule: str) -> list[PredictionRow]:
    """Return the rows of windows, or of whole images, of one fold and part; then those of the images, breasts and patients they are of.

    Parameters
    ----------
    rows : sequence of PredictionRow
        Each says its image; its breast and patient, where they are known.
    labels : mapping
        From `labels_of_wholes`, of all images of the run.
    rule : str
        One of `evaluate.aggregation.RULES`.

    Returns
    -------
    list of PredictionRow
        Without a patient, or a side, there is no row of one.
    """
    wholes: dict[Whole, list[PredictionRow]] = defaultdict(list)
    for row in rows:
        for level, name in (("image", row.image if row.level == "patch" else None), ("breast", row.breast), ("patient", row.patient)):
            if name:
                wholes[level, row.set, name].append(row)
    order = sorted(wholes, key=lambda key: ("image", "breast", "patient").index(key[0]))  # stable: wholes stay in the rows' order
    made = [_whole(key, wholes[key][0], labels[key]) for key in order]
    return aggregated_rows([*rows, *made], rule) if made else list(rows)


def _whole(key: Whole, first: PredictionRow, label: str) -> PredictionRow:
    """Return the row of an image, breast or patient, whose probabilities are still to be put together."""
    level, _, name = key
    breast = first.breast if level in ("image", "breast") else None
    return replace(first, id=name, level=level, label=label, raw={}, probability={}, image=None, breast=breast, kind=None)


def breast_of(image: ImageRow) -> str | None:
    """Return patient/side of an image's breast; None where one of them is not known."""
    return f"{image.patient_id}/{image.laterality}" if image.patient_id and image.laterality else None
