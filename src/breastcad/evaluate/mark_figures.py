"""A run's marks and lesions as free-response data: which images count, which mark is best, what the shares are over.

An image that several folds tested on counts once a fold. Images with an abnormality but no lesion that has a place (lesions.csv has none of
them) take no part: their marks could be neither right nor wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from breastcad.core.records import MarkRow
from breastcad.evaluate import weighted
from breastcad.evaluate.froc import Ratings, rate
from breastcad.evaluate.run_tables import RunTables, image_of
from breastcad.evaluate.weighted import Statistic

Image = tuple[str, str, int, int]
Counts = tuple[int, int | None]


@dataclass(frozen=True, slots=True)
class MarkedImages:
    """The images that take part, with the group of each, and the lesions and marks of each."""

    groups: dict[Image, str]
    lesions: dict[Image, list[str]]
    marks: dict[Image, list[MarkRow]]

    @property
    def counts(self) -> Counts:
        """Return the number of different images and of different lesions."""
        images = {image[:2] for image in self.groups}
        return len(images), len({(*image[:2], lesion) for image, lesions in self.lesions.items() for lesion in lesions})


def marked_images(run: RunTables, set_name: str) -> MarkedImages:
    """Return the images with lesions, and the normal ones, of a set; for "all" those of all sets that have lesions."""
    lesions: dict[Image, list[str]] = {}
    for row in run.lesions or ():
        if set_name in ("all", row.set):
            lesions.setdefault(image_of(row), []).append(row.lesion_id)
    sets = {image[0] for image in lesions}
    groups: dict[Image, str] = {}
    for test in run.tests:
        image = (test.set, test.id, test.repeat, test.outer)
        if test.set in sets and (image in lesions or test.label == "normal"):
            groups[image] = test.group
    marks: dict[Image, list[MarkRow]] = {image: [] for image in groups}
    for mark in run.marks or ():
        if image_of(mark) in groups:
            marks[image_of(mark)].append(mark)
    return MarkedImages(groups, lesions, marks)


def best_mark_statistics(images: MarkedImages) -> tuple[Statistic, Statistic, list[str], Counts]:
    """Return the share of lesions, and of images with a lesion, that the best mark of the image hits.

    The best mark is the one with the highest score, the first in marks.csv of equals.

    Returns
    -------
    lesions, hit_images : Statistic
        Of weights of the images with a lesion.
    groups : list of str
        The group of each image with a lesion.
    counts : (int, int)
        Different images with a lesion, different lesions.
    """
    hit = []
    for image in images.lesions:
        best = max(images.marks[image], key=lambda mark: mark.score, default=None)
        hit.append(best is not None and best.lesion_id is not None)
    each = np.array([len(lesions) for lesions in images.lesions.values()])
    groups = [images.groups[image] for image in images.lesions]
    counts = (len({image[:2] for image in images.lesions}), images.counts[1])
    return weighted.ratio(hit, each), weighted.mean(hit), groups, counts


def froc_ratings(images: MarkedImages) -> tuple[Ratings, list[str], Counts]:
    """Return the ratings behind a free-response curve, the group of each image, and the different images and lesions."""
    lesions = [(image, lesion) for image, own in images.lesions.items() for lesion in own]
    marks = [(image, mark.score, mark.lesion_id) for image, own in images.marks.items() for mark in own]
    return rate(list(images.groups), lesions, marks), list(images.groups.values()), images.counts
