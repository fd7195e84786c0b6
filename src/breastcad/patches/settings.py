"""What each method of cutting windows can be told: a frozen dataclass a method, checked when it is made.

The methods themselves, with their sources, are in `methods`.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from breastcad.core.errors import InputError
from breastcad.core.placement import Placement

LONGEST_SIDE_PX = 65_536
"""Largest side that an image is resized to, and largest window."""
MOST_WINDOWS = 100_000
"""Most windows that are drawn on an image."""
MOST_ON_GRID = 1_000_000
"""Most windows of a grid on an image: 4921 x 2085 at 224 / 14 has 44,688."""

_CHOICES: dict[str, tuple[str, ...]] = {
    "roi_of": ("roi", "window"),
    "label": ("pathology", "lesion"),
    "touching": ("unknown", "normal"),
    "black_of": ("benign", "all"),
    "balance": ("none", "down"),
    "overlap_of": ("either", "roi", "window"),
    "around": ("drawn", "centred"),
    "border": ("shift", "pad"),
}
_SHARES = ("roi_share", "breast_share", "black", "black_level", "overlap", "tissue")
_POSITIVE = ("window", "stride", "scale")
_COUNTS = ("most", "number", "background", "context")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What every method can be told: the frame in which windows are cut, which are left out, and how one gets its label.

    Windows are squares of ``window`` network pixels. Network pixels are those of the image resized to ``resize`` (``ROWSxCOLS``; empty:
    not resized, and the aspect may change), or enlarged by ``scale``: network pixels a source pixel.

    A window belongs to a lesion if more than ``roi_share`` of ``roi_of`` is shared: of the lesion's pixels, or of the window's. It is
    labelled with the lesion's ``label``: its pathology, or ``lesion``. A window that only touches a lesion is ``touching``: ``unknown``,
    or what lies outside every lesion (``normal``).

    On mammograms, windows of which less than ``breast_share`` is breast are left out, unless they belong to a lesion. Windows of which
    more than ``black`` is black (a grey level, in [0, 1], of at most ``black_level``) are left out: those that are not malignant or
    ``lesion`` (``black_of=benign``), or all. 1 leaves none out.

    ``balance=down`` draws as many windows of each label as the rarest has, in a collection; ``most`` are kept of a label an image (0: all).
    """

    window: int = 224
    resize: str = ""
    scale: float = 1.0
    roi_share: float = 0.5
    roi_of: str = "roi"
    label: str = "pathology"
    touching: str = "unknown"
    breast_share: float = 0.5
    black: float = 1.0
    black_level: float = 0.0
    black_of: str = "benign"
    balance: str = "none"
    most: int = 0

    def __post_init__(self) -> None:
        """Check every setting; InputError says which is wrong."""
        for entry in fields(self):
            value = getattr(self, entry.name)
            if entry.name in _POSITIVE and not 0 < value < math.inf:
                raise InputError(f"setting '{entry.name}' must be more than 0 and finite, got {value}")
            if entry.name in _SHARES and not 0 <= value <= 1:
                raise InputError(f"setting '{entry.name}' must be in [0, 1], got {value}")
            if entry.name in _COUNTS and not 0 <= value <= MOST_WINDOWS:
                raise InputError(f"setting '{entry.name}' must be from 0 to {MOST_WINDOWS}, got {value}")
            if entry.name in _CHOICES and value not in _CHOICES[entry.name]:
                raise InputError(f"setting '{entry.name}' must be {' or '.join(_CHOICES[entry.name])}, got '{value}'")
        if self.window > LONGEST_SIDE_PX:
            raise InputError(f"setting 'window' must be at most {LONGEST_SIDE_PX}, got {self.window}")
        if self.resize and self.scale != 1:
            raise InputError(f"set resize or scale, not both: got resize={self.resize} and scale={self.scale}")
        resized_shape(self.resize)

    @property
    def square(self) -> bool:
        """Whether windows are squares of network pixels."""
        return True

    def as_dict(self) -> dict[str, Any]:
        """Return the settings by name."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}

    def frame(self, shape: tuple[int, int]) -> tuple[Placement, tuple[int, int]]:
        """Return where an image's network pixels lie on it, and how many rows and columns of them it has, whole ones only.

        Raises
        ------
        InputError
            If that is more than `LONGEST_SIDE_PX` a side.
        """
        resized = resized_shape(self.resize)
        if resized:
            return Placement().resized(shape, resized), resized
        rows, cols = (math.floor(side * self.scale * (1 + 1e-12)) for side in shape)  # 3 x (1 / 3) is one pixel
        if max(rows, cols) > LONGEST_SIDE_PX:
            raise InputError(
                f"scale={self.scale:g} makes {rows} x {cols} of an image of {shape[0]} x {shape[1]}; at most {LONGEST_SIDE_PX} a side"
            )
        return Placement(row_step=1 / self.scale, col_step=1 / self.scale), (rows, cols)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlapping(Settings):
    """A grid; from one window to the next is ``stride`` network pixels."""

    stride: int = 56


@dataclass(frozen=True, slots=True, kw_only=True)
class NonOverlapping(Settings):
    """A grid of windows side by side."""

    window: int = 256
    resize: str = "1024x1024"


@dataclass(frozen=True, slots=True, kw_only=True)
class CentrePixel(Settings):
    """As `Overlapping`; a window belongs to a lesion if its central pixel does. ``roi_share`` decides nothing here."""

    stride: int = 56


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionBased(Settings):
    """``number`` windows a lesion, and ``background`` windows away from every lesion for each lesion of the image.

    A lesion's windows have their centre in the lesion's box (or as near as the image's border allows) and an overlap of at least
    ``overlap``: of the window or of the lesion, whichever is more (``either``), or of the one that ``overlap_of`` names. They are drawn
    among all such places, or (``around=centred``) the nearest to the lesion's centre are taken.
    """

    resize: str = "1152x896"
    number: int = 10
    background: int = 10
    overlap: float = 0.9
    overlap_of: str = "either"
    around: str = "drawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Density(Settings):
    """``number`` windows an image, their centres drawn by a map: a ``tissue`` part of brightness, the rest of gradient."""

    number: int = 50
    tissue: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionCentred(Settings):
    """A window round each lesion's centre: of ``window`` network pixels, or, where ``context`` is more than 0, the lesion's squared box.

    The box is ``context`` times as large as the lesion's longer side, and resized to ``window``. A window that would leave the image is
    shifted into it (``border=shift``), or padded with black (``pad``).
    """

    context: float = 0.0
    border: str = "shift"


@dataclass(frozen=True, slots=True, kw_only=True)
class Roi(LesionCentred):
    """As `LesionCentred`, with the lesion's own squared box at 128 x 128."""

    window: int = 128
    context: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole(Settings):
    """The whole image as one window, of whatever sides; its label is the image's. Breast and black are told, and leave none out."""

    @property
    def square(self) -> bool:
        """Whether windows are squares of network pixels: an image is as it is."""
        return False


def resized_shape(text: str) -> tuple[int, int] | None:
    """Return the rows and columns of ``ROWSxCOLS``; None for an empty text.

    Raises
    ------
    InputError
        If the text is something else, or a side is 0 or larger than `LONGEST_SIDE_PX`.

    Examples
    --------
    >>> resized_shape("1152x896"), resized_shape("")
    ((1152, 896), None)
    """
    if not text:
        return None
    sides = re.fullmatch(r"([0-9]{1,6})x([0-9]{1,6})", text)
    shape = (int(sides[1]), int(sides[2])) if sides else (0, 0)
    if not (0 < min(shape) <= max(shape) <= LONGEST_SIDE_PX):
        raise InputError(f"setting 'resize' must be ROWSxCOLS, as 1152x896, each from 1 to {LONGEST_SIDE_PX}, got '{text}'")
    return shape


Kind = TypeVar("Kind", bound=Settings)


def settings_of(kind: type[Kind], pairs: Sequence[str]) -> Kind:
    """Return a method's settings from ``KEY=VALUE`` texts.

    Raises
    ------
    InputError
        If a text has no ``=``, the key is unknown or given twice, or the value has not its type or range.

    Examples
    --------
    >>> settings_of(Overlapping, ["window=128", "roi_of=window"]).roi_of
    'window'
    """
    defaults = kind()
    kinds: dict[str, Callable[[str], Any]] = {entry.name: type(getattr(defaults, entry.name)) for entry in fields(kind)}
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise InputError(f"--setting takes KEY=VALUE, got '{pair}'")
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, n=1)
            raise InputError(f"unknown setting '{name}';{f' near name: {near[0]!r}.' if near else ''} All: {', '.join(kinds)}")
        if name in values:
            raise InputError(f"setting '{name}' is given twice: {values[name]} and {text}")
        try:
            values[name] = kinds[name](text)
        except ValueError as error:
            needed = "a whole number" if kinds[name] is int else "a number"
            raise InputError(f"setting '{name}' must be {needed}, got '{text}'") from error
    return kind(**values)
