"""What a made-up picture is: its pixels and everything that is known of it because it was made."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from breastcad.core.geometry import Box, box_of_mask
from breastcad.core.records import worst_label


@dataclass(slots=True)
class PhantomLesion:
    """One made-up lesion.

    ``kind`` is ``"mass"`` or ``"calcification"``, ``pathology`` ``"benign"`` or ``"malignant"``; ``mask`` is (H, W) bool: the body of
    a mass without its spicules, the hull of a cluster of calcifications. ``shape`` and ``margin`` are the words of the BI-RADS
    atlas in lower case; of calcifications, their morphology and distribution.
    """

    kind: str
    pathology: str
    mask: NDArray[np.bool_]
    shape: str
    margin: str

    @property
    def box(self) -> Box:
        """The tight box (row0, col0, row1, col1) of the mask; ValueError if the mask is empty."""
        box = box_of_mask(self.mask)
        if box is None:
            raise ValueError("a lesion must have at least one pixel, but its mask is empty")
        return box


@dataclass(slots=True)
class Phantom:
    """One made-up picture.

    ``pixels`` is (H, W) float32 in [0, 1], tissue bright on dark. ``regions`` maps a name (``breast``, ``pectoral``, ``overlay``: what
    is burnt in) to an (H, W) bool mask. ``meta`` holds what was drawn: modality, view, laterality, density, ...
    """

    pixels: NDArray[np.float32]
    lesions: list[PhantomLesion] = field(default_factory=list)
    regions: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    meta: dict[str, str] = field(default_factory=dict)

    @property
    def masks(self) -> list[NDArray[np.bool_]]:
        """The masks of the lesions, in order."""
        return [lesion.mask for lesion in self.lesions]

    @property
    def boxes(self) -> list[Box]:
        """The boxes of the lesions, in order."""
        return [lesion.box for lesion in self.lesions]

    @property
    def kinds(self) -> list[str]:
        """The kinds of the lesions, in order."""
        return [lesion.kind for lesion in self.lesions]

    @property
    def label(self) -> str:
        """``"normal"`` without a lesion, else the worst pathology."""
        return worst_label([lesion.pathology for lesion in self.lesions]) if self.lesions else "normal"


@dataclass(slots=True)
class WrittenPicture:
    """One picture of a made-up set, as it lies on disk.

    ``path`` is relative to the set's folder, with ``/``. ``boxes`` are (row0, col0, row1, col1) in its pixels, a lesion each, with
    ``pathologies`` beside them; a lesion that the set gives no place has no box but counts for ``label``.
    """

    path: str
    rows: int
    cols: int
    label: str
    boxes: list[Box] = field(default_factory=list)
    pathologies: list[str] = field(default_factory=list)
