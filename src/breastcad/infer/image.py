"""One picture and one model to a result: probabilities, findings in source pixels, the heat map and the outlines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from breastcad.core.geometry import Box
from breastcad.core.records import Decision, Finding, Picture, Possible
from breastcad.evaluate.marks import MAP_FLOOR, MapMark, component_mask, marks_from_map
from breastcad.infer.model import Model, Outputs
from breastcad.infer.probability import ImageNumbers, LesionMaps, decision, image_numbers, lesion_maps, mark_probability, possible
from breastcad.preprocess.inputs import ModelInput, box_to_source, map_to_source

HEAT_MAP_LONG_SIDE_PX = 1024
HEAT_MAP_OF = "malignant"
OUTLINE_LEVEL = 0.5
FINDING_KIND = "mass"
Shape = tuple[int, int]


@dataclass(slots=True)
class Looked:
    """What a model says of a picture. ``masks`` is one (H, W) bool a finding, or None where the model does not outline.

    ``unlike`` is how far the picture, and the picture upside down, lies from what the model saw in training, the median over its folds:
    above 1 as far as one in a hundred of such pictures; None of a model that does not say.
    """

    numbers: ImageNumbers
    decision: Decision | None
    findings: list[Finding]
    heat_map: NDArray[np.float32]
    masks: list[NDArray[np.bool_]] | None
    possible: Possible | None = None
    unlike: tuple[float, float] | None = None


def look(picture: Picture, model: Model, image_id: str) -> Looked:
    """Pass a picture through a model and read its outputs.

    Parameters
    ----------
    picture : Picture
    model : Model
    image_id : str
        The findings are named after it: ``<image_id>-1`` is the best.
    """
    seen, outputs = model.run(picture.pixels, shown_part(picture))
    facts, shape = model.facts, (picture.pixels.shape[0], picture.pixels.shape[1])
    numbers = image_numbers(outputs, facts["temperature"], facts["classes"], facts["shift"])
    maps = lesion_maps(outputs, facts["temperature"])
    level = float(facts["mark_level"])
    marks = _scored_marks(maps, outputs, facts)
    parts = [component_mask(maps.lesion, mark, level=level) for _, mark in marks]
    findings = [
        _finding(f"{image_id}-{number}", mark, score, part, maps, seen, shape)
        for number, ((score, mark), part) in enumerate(zip(marks, parts, strict=True), start=1)
    ]
    return Looked(
        numbers=numbers,
        decision=decision(facts["operating_points"], numbers.probability),
        findings=findings,
        heat_map=_heat_map(maps, seen, shape),
        masks=_outlines(parts, maps.lesion, seen, shape) if facts["outline"] else None,
        possible=possible(facts["sets"], numbers.probability),
        unlike=None if outputs.unlike is None else (float(np.median(outputs.unlike[:, 0])), float(np.median(outputs.unlike[:, 1]))),
    )


def shown_part(picture: Picture) -> Box | None:
    """Return the part of a picture that models look at: the largest tissue region that an ultrasound file names; None for all of it."""
    return picture.regions[0] if picture.regions else None


def _scored_marks(maps: LesionMaps, outputs: Outputs, facts: Mapping[str, Any]) -> list[tuple[float, MapMark]]:
    """Return the marks and their calibrated scores, best first, none below the model's floor."""
    found = marks_from_map(maps.lesion, floor=MAP_FLOOR, level=float(facts["mark_level"]), max_marks=facts["max_marks"])
    scored = [(mark_probability(outputs, facts["marks"], mark.peak), mark) for mark in found]
    return sorted((one for one in scored if one[0] >= float(facts["score_floor"])), key=lambda one: -one[0])


def _finding(name: str, mark: MapMark, score: float, part: NDArray[np.bool_], maps: LesionMaps, seen: ModelInput, shape: Shape) -> Finding:
    """Turn a mark into a finding; its malignancy is the mark's score times the mean malignancy within its component."""
    row0, col0, row1, col1 = box_to_source(mark.box, (maps.lesion.shape[0], maps.lesion.shape[1]), seen)
    box = [max(0, math.floor(row0)), max(0, math.floor(col0)), min(shape[0], math.ceil(row1)), min(shape[1], math.ceil(col1))]
    malignant = score * float(maps.given[part].mean())
    return Finding(name, FINDING_KIND, box, {"lesion": score, "malignant": malignant})


def _outlines(parts: list[NDArray[np.bool_]], lesion: NDArray[np.float32], seen: ModelInput, shape: Shape) -> list[NDArray[np.bool_]]:
    """Return each finding's outline: where the lesion's probability, laid over the picture, exceeds one half about its component."""
    if not parts:
        return []
    exceeds = map_to_source(lesion, seen, shape) > OUTLINE_LEVEL
    # Laid over the picture, the map is a ramp between two pixels: a component's share of it ends where the next pixel's begins.
    return [exceeds & (map_to_source(part.astype(np.float32), seen, shape) > 0) for part in parts]


def _heat_map(maps: LesionMaps, seen: ModelInput, shape: Shape) -> NDArray[np.float32]:
    """Return the map of P(lesion and malignant), laid over the whole picture, at most 1024 pixels a side."""
    factor = min(1.0, HEAT_MAP_LONG_SIDE_PX / max(shape))
    small = max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))
    row0, col0, row1, col1 = (edge * side / whole for edge, side, whole in zip(seen.box, small * 2, shape * 2, strict=True))
    box = float(int(row0)), float(int(col0)), float(max(int(row0) + 1, round(row1))), float(max(int(col0) + 1, round(col1)))
    return map_to_source(maps.malignant, ModelInput(seen.array, box, seen.pipeline), small)
