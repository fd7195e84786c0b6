"""From rows of windows to rows of images, breasts and patients, in what a run says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from breastcad.core.records import PredictionRow
from breastcad.evaluate.aggregation import Whole, aggregated_rows


def with_wholes(rows: Sequence[PredictionRow], labels: Mapping[Whole, str], rule: str) -> list[PredictionRow]:
    """Return the rows of windows, or of whole images, of one fold and part; then those of the images, breasts and patients they are of.

    Parameters
    ----------
    rows : sequence of PredictionRow
        Each says its image; its breast and patient, where they are known.
    labels : mapping
        From `evaluate.aggregation.labels_of_wholes`, of all images of the run.
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
