"""What a reader of a result must be told about its picture: reasons to abstain, and warnings. Each is a plain sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from breastcad.core.records import Picture
from breastcad.infer.image import shown_part
from breastcad.infer.modality import is_colour_photograph
from breastcad.preprocess.breast import breast_mask, chest_wall_side
from breastcad.preprocess.overlays import overlay_mask

FLAT_SPREAD = 0.02
SMALLEST_BREAST_SHARE = 0.02
# Below it, saturated tissue sets the detector off too often to be worth a sentence.
OVERLAY_SHARE = 0.005
LONGEST_ASPECT = 4.0
# Beyond these nothing is concluded. In busi, bus-bra, mini-mias and cbis-ddsm no side is below 240 pixels or above 2.2 times the other.
SHORTEST_SIDE_PX = 32
STRIP_ASPECT = 10.0
# Of such distances (`image.Looked.unlike`) films reach 1.05, negatives 1.1 to 1.7, ultrasound and photographs 1.5 to 4.5: docs/findings.md.
MUCH_UNLIKE = 1.25
UPSIDE_DOWN = 1.16
SMALL_SHARE = 0.5
SMALL_REGION_SHARE = 0.25
DIGITAL_TYPES = frozenset({"presentation", "processing", "low-energy", "subtracted", "synthetic-2d", "tomosynthesis"})
# Pictures made for presentation hang with the chest wall right for a right breast, left for a left one. Scanned films need not
# (of CBIS-DDSM's, 324 of 1,231 do not), so nothing is concluded from theirs.
USUAL_SIDE = {"R": "right", "L": "left"}
# First value of Patient Orientation (0020,0020): where the rows lead to. To the front: the chest wall is left.
ORIENTED_SIDE = {"A": "left", "P": "right"}
# What a file says of its picture, the word that a model's `not_seen` has for it, and how a sentence names it.
UNSEEN_SPECIAL = {
    "magnification": ("magnification", "a magnification view"),
    "implant": ("implants", "a breast with an implant"),
    "male": ("men", "a man's breast"),
}
UNSEEN_TYPES = {
    "synthetic-2d": ("synthetic views", "a synthetic view"),
    "subtracted": ("contrast-enhanced", "a contrast-enhanced image"),
}


def is_two_valued(pixels: NDArray[np.float32]) -> bool:
    """Say if a picture has two grey levels only, as a mask has; a sample is looked at first.

    Examples
    --------
    >>> is_two_valued(np.array([[0, 1, 1]], np.float32)), is_two_valued(np.array([[0, 1, 0.5]], np.float32))
    (True, False)
    """
    return _two_valued(pixels[::16, ::16]) and _two_valued(pixels)


def _two_valued(pixels: NDArray[np.float32]) -> bool:
    return bool(((pixels == pixels.min()) | (pixels == pixels.max())).all())


def abstention(picture: Picture, breast: NDArray[np.bool_] | None) -> str | None:
    """Return why nothing should be concluded from a picture; None where nothing speaks against it.

    Whether it is uniform, small or a strip is asked of the part that models look at.

    Parameters
    ----------
    picture : Picture
    breast : (H, W) ndarray of bool or None
        The breast of a mammogram; None for ultrasound.
    """
    if "specimen" in picture.special:
        return "abstained: the file says that it shows a specimen, tissue that was taken out, and not a breast"
    shown = _shown(picture)
    low, high = np.percentile(shown.reshape(-1)[:: max(1, shown.size // 100_000)], (1, 99))
    if high - low < FLAT_SPREAD:
        return "abstained: the picture is almost uniform" + (" where it was analysed" if picture.regions else "")
    short, long = sorted(shown.shape)
    if short < SHORTEST_SIDE_PX or long > STRIP_ASPECT * short:
        why = "too small" if short < SHORTEST_SIDE_PX else "too long a strip"
        return f"abstained: what was analysed, {shown.shape[0]} x {shown.shape[1]} pixels, is {why} to show anything"
    if is_colour_photograph(picture.colour):
        return "abstained: most of the picture is vividly coloured, so it is like neither a mammogram nor an ultrasound image"
    if breast is not None and (breast.all() or breast.mean() < SMALLEST_BREAST_SHARE):
        return "abstained: no breast could be told from the background"
    return None


def model_abstention(picture: Picture, facts: Mapping[str, Any], unlike: tuple[float, float] | None = None) -> str | None:
    """Return why nothing should be concluded from what this model says of a picture; None where nothing speaks against it.

    Parameters
    ----------
    picture : Picture
    facts : mapping
        The model's metadata.
    unlike : (float, float), optional
        As `image.Looked` has it.
    """
    if picture.modality in ("MG", "US") and picture.modality != facts["modality"]:
        return (
            f"abstained: the model {facts['id']} is for {facts['modality']}, but the file says {picture.modality}: its numbers mean nothing"
        )
    shown = {word: UNSEEN_SPECIAL[word] for word in picture.special if word in UNSEEN_SPECIAL}
    if "implant displaced" in picture.special:  # such a view pushes the implant out of the picture
        shown.pop("implant", None)
    for word, what in [*shown.values(), *([UNSEEN_TYPES[picture.image_type]] if picture.image_type in UNSEEN_TYPES else [])]:
        if re.search(rf"\b{word}\b", facts["not_seen"]):
            return f"abstained: the file says that it shows {what}; the model {facts['id']} has not seen {word}"
    if unlike is not None and unlike[0] > MUCH_UNLIKE:
        return (
            f"abstained: the picture is unlike what the model {facts['id']} learnt from ({facts['seen']}): it lies {unlike[0]:.1f} times "
            "as far from that as 99 of 100 such pictures do at most"
        )
    return None


def _shown(picture: Picture) -> NDArray[np.float32]:
    """Return the pixels that models look at."""
    part = shown_part(picture)
    if part is None:
        return picture.pixels
    row0, col0, row1, col1 = map(int, part)
    return picture.pixels[row0:row1, col0:col1]


def find_breast(picture: Picture, modality: str) -> NDArray[np.bool_] | None:
    """Return the mask of the breast of a mammogram; None for ultrasound."""
    return breast_mask(picture.pixels) if modality == "MG" else None


def picture_warnings(picture: Picture, modality: str) -> list[str]:
    """Return what to say of the picture itself, but for its side (`side_warning`), whatever model looks at it.

    Parameters
    ----------
    picture : Picture
    modality : str
        MG or US, as it is analysed.
    """
    rows, cols = picture.pixels.shape
    warnings = list(picture.warnings)
    if max(rows, cols) > LONGEST_ASPECT * min(rows, cols):
        warnings.append(f"unusual shape: {rows} x {cols} pixels")
    if modality == "US":
        share = float(overlay_mask(picture.pixels, picture.colour).mean())
        if share >= OVERLAY_SHARE:
            warnings.append(f"up to {100 * share:.1f} % of the image may be burnt-in overlay (text, calipers)")
        if len(picture.regions) > 1:
            warnings.append(f"the file names {len(picture.regions)} regions of tissue; the largest was analysed")
    shown = _shown(picture)
    if shown.size < SMALL_REGION_SHARE * picture.pixels.size:
        share, size = 100 * shown.size / picture.pixels.size, f"{shown.shape[0]} x {shown.shape[1]} pixels"
        warnings.append(f"only the region of tissue that the file names was analysed: {size}, {share:.2g} % of the picture")
    return warnings


def side_warning(picture: Picture, breast: NDArray[np.bool_] | None) -> str | None:
    """Say where what the file says of orientation or laterality does not fit the side at which the tissue lies; None where it does.

    Parameters
    ----------
    picture : Picture
    breast : (H, W) ndarray of bool or None
        The breast of a mammogram; None for ultrasound.
    """
    side = None if breast is None else chest_wall_side(breast)
    oriented = ORIENTED_SIDE.get((picture.patient_orientation or " ")[0])
    if side is None:
        return None
    if oriented is not None and oriented != side:
        return f"the chest wall lies {side} in the picture, but Patient Orientation (0020,0020) says {oriented}; trust neither"
    usual = USUAL_SIDE.get(picture.laterality or "")
    if oriented is None and picture.image_type == "presentation" and usual is not None and usual != side:
        return (
            f"laterality is {picture.laterality}, but the chest wall lies {side} in the picture, where it usually lies {usual}: "
            "the picture is mirrored or the laterality wrong"
        )
    return None


def model_warnings(picture: Picture, facts: Mapping[str, Any], unlike: tuple[float, float] | None = None) -> list[str]:
    """Return what to say of a model looking at this picture: what it has not seen, and its own standing warnings.

    Parameters
    ----------
    picture : Picture
    facts : mapping
        The model's metadata.
    unlike : (float, float), optional
        As `image.Looked` has it.
    """
    warnings = []
    seen, given = facts["seen"], facts["input"]
    rows, cols = _shown(picture).shape
    if "film" in seen and picture.image_type in DIGITAL_TYPES:
        warnings.append(f"the model {facts['id']} has seen {seen} only; this is a digital mammogram ({picture.image_type})")
    if rows < SMALL_SHARE * given["rows"] or cols < SMALL_SHARE * given["cols"]:
        warnings.append(f"tiny: {rows} x {cols} pixels, where the model {facts['id']} sees {given['rows']} x {given['cols']}")
    if unlike is not None and 1 < unlike[0] <= MUCH_UNLIKE:
        warnings.append(f"unusual: fewer than one in a hundred of the pictures that the model {facts['id']} knows are as unlike the others")
    if unlike is not None and facts["modality"] == "MG" and unlike[0] > UPSIDE_DOWN * unlike[1]:
        warnings.append(f"perhaps upside down: turned over, the picture is more like what the model {facts['id']} knows")
    return [*warnings, *facts["warnings"]]
