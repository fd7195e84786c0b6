"""Views joined into exams: for each breast the worst of its views."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from breastcad.core.records import ExamResult, ImageResult

JOINED = ("malignant", "abnormal")
UNKNOWN_SIDE = "unknown"


@dataclass(frozen=True, slots=True)
class View:
    """An image's place in an exam: ``exam`` is what its images share, for telling exams apart and never written."""

    exam: str
    result: ImageResult


def join_exams(views: Iterable[View]) -> list[ExamResult]:
    """Join views: for each breast, and each of malignant and abnormal, the highest probability over its views.

    The rule is the plainest there is: a breast is as suspicious as its worst view. An image that the model abstained from is listed,
    but does not count. Images of unknown laterality count under ``"unknown"``.

    Parameters
    ----------
    views : iterable of View

    Returns
    -------
    list of ExamResult
        Exams are numbered from 1 in the order of their first image; breasts stand as L, R, unknown.
    """
    exams: dict[str, list[ImageResult]] = {}
    for view in views:
        exams.setdefault(view.exam, []).append(view.result)
    return [ExamResult(str(number), _breasts(images), [image.image for image in images]) for number, images in enumerate(exams.values(), 1)]


def _breasts(images: list[ImageResult]) -> dict[str, dict[str, float]]:
    sides: dict[str, dict[str, float]] = {}
    for image in images:
        if image.abstained or image.probability is None:
            continue
        worst = sides.setdefault(image.laterality or UNKNOWN_SIDE, {})
        for name in JOINED:
            if name in image.probability:
                worst[name] = max(worst.get(name, 0.0), image.probability[name])
    return {side: sides[side] for side in sorted(sides)}
