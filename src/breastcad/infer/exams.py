"""Views joined into exams: which images count, by which rule they become breasts and a woman, and what must be said of it.

The rules were measured by ``breastcad views`` (docs/exams.md); they are for CC and MLO views of mammograms. What is not such a view is
left out where the breast has one, and said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from breastcad.core.records import ExamResult, ImageResult, LeftOut
from breastcad.evaluate.aggregation import aggregated, breast_probability

JOINED = ("malignant", "abnormal")
UNKNOWN_SIDE = "unknown"
RULES = {"MG": {"views": "mean-logit", "breasts": "max"}, "US": {"views": "max", "breasts": "max"}}
"""By modality: how a breast's views, and a woman's breasts, are joined. Scans of ultrasound are no two views of the whole breast."""
STANDARD = ("CC", "MLO")
# What shows a part of a breast, or not as CC and MLO show it: such views answer a question about a place that a standard view raised.
_IN_PART = {
    **{"magnification": "a magnification view", "spot compression": "a spot compression view", "tangential": "a tangential view"},
    **{"partial": "a view of a part of the breast", "cleavage": "a cleavage view", "axillary tissue": "a view of the axilla"},
    **{"axillary tail": "a view of the axillary tail", "infra-mammary fold": "a view of the infra-mammary fold"},
    **{"rolled": "a rolled view", "anterior compression": "an anterior compression view"},
}
_SIDES = {"L": "left breast", "R": "right breast"}
_STRIDE = 3


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of an image's place in an exam. Keys are never written.

    ``exam`` is what its images share, ``special`` its special words, ``pixels`` its `fingerprint`. ``patient`` and ``study`` are keys of
    what the file says, where ``exam`` is not made of them. ``side_in_doubt`` says that other tags, or the picture, contradict its side.
    """

    exam: str
    special: frozenset[str]
    pixels: str
    patient: str | None = None
    study: str | None = None
    side_in_doubt: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """An image and its place in an exam."""

    place: Place
    result: ImageResult


@dataclass(slots=True)
class _Said:
    """What joining one exam has to say."""

    left_out: list[LeftOut] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def fingerprint(pixels: NDArray[np.float32]) -> str:
    """Return what is the same for the same picture, whatever file it came from: made of every third pixel of every third row."""
    return blake2b(np.ascontiguousarray(pixels[::_STRIDE, ::_STRIDE]).tobytes() + str(pixels.shape).encode(), digest_size=16).hexdigest()


def join_exams(views: Iterable[View]) -> list[ExamResult]:
    """Join views: for each of malignant and abnormal, a breast's probability by `RULES`, and the woman's of her breasts.

    Images of one exam but of two modalities, of different models, or of different patients are joined as exams of their own. An image that
    the model abstained from, a picture that came before, a view of a part only, and a view other than CC and MLO beside one of these, are
    listed but do not count. Films of one view count once. Images of unknown side are not joined: under ``"unknown"`` stands the highest
    of them.

    Parameters
    ----------
    views : iterable of View

    Returns
    -------
    list of ExamResult
        Exams are numbered from 1 in the order of their first image; breasts stand as L, R, unknown.
    """
    views = list(views)
    patients: dict[str, set[str]] = {}
    for view in views:
        patients.setdefault(view.place.exam, set()).update([view.place.patient] if view.place.patient else [])
    exams: dict[tuple[tuple[str, str | None], str, tuple[str, ...]], list[View]] = {}
    for view in views:
        whose = view.place.patient if len(patients[view.place.exam]) > 1 else None
        exams.setdefault(((view.place.exam, whose), view.result.modality, tuple(view.result.models)), []).append(view)
    joined = [_joined(str(number), modality, own) for number, ((_, modality, _), own) in enumerate(exams.items(), 1)]
    for ((exam, whose), _, _), one, own in zip(exams, joined, exams.values(), strict=True):
        one.warnings += _mixed(len(patients[exam]), whose, own)
        others = [other for (key, _, _), other in zip(exams, joined, strict=True) if key == (exam, whose) and other is not one]
        one.warnings += [
            f"the same exam has {other.modality} images, too: they stand as exam {other.exam}, not joined to this" for other in others
        ]
    return joined


def _mixed(patients: int, whose: str | None, views: Sequence[View]) -> list[str]:
    """Return what to say where the images of one place, as files say, are of several patients or studies."""
    said = []
    if patients > 1:
        own = "each one's are an exam of their own" if whose else "the files of this exam name none: its images may be several women's"
        said.append(f"the folder holds images of {patients} patients; {own}")
    studies = len({view.place.study for view in views if view.place.study})
    return [*said, f"images of {studies} studies lie in one folder; they are joined as one exam"] if studies > 1 else said


def _joined(number: str, modality: str, views: Sequence[View]) -> ExamResult:
    said, rule = _Said(), RULES[modality]
    sides: dict[str, list[View]] = {}
    for view in _counting(views, said):
        sides.setdefault(view.result.laterality or UNKNOWN_SIDE, []).append(view)
    if modality == "MG":
        sides = {side: kept for side, own in sides.items() if (kept := _standard(side, own, said))}
        _say_missing(sides, said)
    breasts = {side: _breast(side, sides[side], rule["views"]) for side in sorted(sides)}
    woman = {name: aggregated(own, rule["breasts"]) for name in JOINED if (own := [one[name] for one in breasts.values() if name in one])}
    images = [view.result.image for view in views]
    order = {image: place for place, image in enumerate(images)}
    said.left_out.sort(key=lambda one: order[one.image])
    if not breasts:
        said.warnings.append("no image of this exam counts: nothing is said of a breast")
    return ExamResult(number, breasts, images, modality, dict(rule), woman, said.left_out, said.warnings)


def _breast(side: str, views: Sequence[View], rule: str) -> dict[str, float]:
    found = {}
    for name in JOINED:
        films = [
            (view.result.view, view.result.probability[name])
            for view in views
            if view.result.probability and name in view.result.probability
        ]
        if films:
            found[name] = breast_probability(films, rule) if side != UNKNOWN_SIDE else max(probability for _, probability in films)
    return found


# ---- which images count ----


def _counting(views: Sequence[View], said: _Said) -> list[View]:
    """Return the views that count as far as each of them tells alone, without pictures that came before."""
    first: dict[str | tuple[str, int | None], View] = {}
    kept = []
    for view in views:
        keys: list[str | tuple[str, int | None]] = [(view.result.sha256, view.result.frame), view.place.pixels]
        before = next((first[key] for key in keys if key in first), None)
        reason = _same_as(before, view) if before else _alone(view)
        if reason is None:
            kept.append(view)
            first |= dict.fromkeys(keys, view)
        else:
            said.left_out.append(LeftOut(view.result.image, reason))
    return kept


def _same_as(before: View, view: View) -> str:
    named = (before.result.laterality, before.result.view) != (view.result.laterality, view.result.view)
    other = ", under another side or view: one of them is wrong" if named else ""
    return f"the same picture as {before.result.image}{other}; it counts once"


def _alone(view: View) -> str | None:
    """Return why a view does not count, whatever else the exam has."""
    if view.result.abstained:
        return "the model abstained from it"
    if view.result.probability is None:
        return "the model gives it no probability"
    part = next((_IN_PART[word] for word in sorted(view.place.special) if word in _IN_PART), None)
    return f"{part}, which does not show the breast as CC and MLO views do" if part and view.result.modality == "MG" else None


def _standard(side: str, views: list[View], said: _Said) -> list[View]:
    """Return the mammograms of one side that count beside each other, and say what is odd about them."""
    name = _SIDES.get(side, "side unknown")
    # Of each projection that counts at least one image stays, so that no two views can be left out in favour of each other.
    plain = any(view.result.view in STANDARD for view in views)
    displaced = {view.result.view for view in views if "implant displaced" in view.place.special and view.result.view}
    kept = []
    for view in views:
        reason = None
        if plain and view.result.view not in (*STANDARD, None):
            reason = f"{_article(view.result.view)} view beside CC or MLO; the rule was measured on CC and MLO alone"
        elif view.result.view in displaced and "implant" in view.place.special and "implant displaced" not in view.place.special:
            reason = f"the implant covers a part of the breast; the implant-displaced {view.result.view} counts"
        if reason is None:
            kept.append(view)
            _say_odd(view, name, said)
        else:
            said.left_out.append(LeftOut(view.result.image, reason))
    _say_of_side(side, name, kept, said)
    return kept


def _article(view: str | None) -> str:
    return f"{'an' if str(view)[0] in 'AFILMSX' else 'a'} {view}"  # as the letters are spoken


# ---- what is said ----


def _say_odd(view: View, name: str, said: _Said) -> None:
    """Say what a reader must know of an image that counts."""
    image, special = view.result.image, view.place.special
    if view.result.laterality and view.place.side_in_doubt:
        said.warnings.append(f"{image} counts for the {name}, but its side is in doubt (its own warnings say why)")
    if "implant displaced" in special:
        said.warnings.append(
            f"{name}: {image} is an implant-displaced view; it counts, though the rule was measured on women without implants"
        )
    elif "implant" in special:
        said.warnings.append(f"{name}: {image} shows a breast with an implant; it counts, though the rule was measured on women without")
    if "male" in special:
        said.warnings.append(f"{name}: the file of {image} says that the patient is a man; the rule was measured on women")


def _say_of_side(side: str, name: str, views: Sequence[View], said: _Said) -> None:
    """Say which views of a side are missing, come twice, or are not known."""
    if side == UNKNOWN_SIDE:
        images = ", ".join(view.result.image for view in views)
        said.warnings.append(
            f"nothing says which breast {images} show{'s' if len(views) == 1 else ''}: not joined; the highest stands alone"
        )
        return
    counts: dict[str | None, int] = {}
    for view in views:
        counts[view.result.view] = counts.get(view.result.view, 0) + 1
    said.warnings += [f"{name}: {count} {view} films, joined to one view first" for view, count in counts.items() if view and count > 1]
    unknown = [view.result.image for view in views if view.result.view is None]
    if unknown:
        said.warnings.append(f"{name}: which view {', '.join(unknown)} shows is not known; each counts as a view of its own")
    missing, seen = [view for view in STANDARD if view not in counts], " and ".join(str(view) for view in counts)
    if views and not unknown and len(missing) == 1:
        said.warnings.append(f"{name}: no {missing[0]} view that counts; it is judged by {seen} alone")
    elif views and not unknown and missing:
        said.warnings.append(f"{name}: neither CC nor MLO; it is judged by {seen}, unlike what the rule was measured on")


def _say_missing(sides: Mapping[str, Sequence[View]], said: _Said) -> None:
    if UNKNOWN_SIDE not in sides and len(sides) == 1:
        (side,) = sides
        said.warnings.append(f"no image of the {_SIDES['R' if side == 'L' else 'L']} counts: the woman is judged by one breast")
