"""The settings of a training: one dataclass, written to the run's settings.yaml, and the recipes that come with breastcad."""

from __future__ import annotations

import difflib
import math
from dataclasses import asdict, dataclass, field, fields, replace
from importlib import resources
from typing import Any

import yaml

from breastcad.augment.drawing import Strength
from breastcad.augment.policies import POLICIES
from breastcad.core.errors import InputError
from breastcad.models.metadata import FIELDS
from breastcad.models.registry import network_spec
from breastcad.preprocess.inputs import PIPELINES
from breastcad.preprocess.normalise import KINDS


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that decides what a training gives, besides data and split.

    What is trained: ``pipeline`` (`preprocess.inputs.PIPELINES`) makes inputs of ``rows`` x ``cols`` for ``network``
    (`models.registry`). ``normalisation`` is fixed, or z-score or percentile, whose statistics each fold fits on its training images
    and keeps with its networks. ``weights`` is imagenet or none; with imagenet, the stem and ``frozen_stages`` of the encoder do not
    learn, and with ``fixed_statistics`` its batch normalisation keeps the statistics it came with.

    How: AdamW with ``weight_decay``, its rate rising to ``rate`` over the share ``warm_up`` of all steps and falling by half a
    cosine, for the encoder times ``encoder_rate_share``; ``average_decay`` is that of the averaged weights, a step;
    ``patience`` epochs without a better validation end the training.

    The loss: ``*_loss`` are weights of its parts, ``lesion_weight`` that of a lesion's pixels against others, ``normal_weight``
    that of an image that shows no lesion.

    What comes out: with ``abnormal_share`` the probability of an abnormality is calibrated for that share of abnormal images, else
    for the validation images' own. Marks are peaks of the lesion map, cut at ``mark_level`` times the peak, at most ``max_marks``
    an image, none whose probability is below ``score_floor``; ``outline`` says that the lesion map is drawn as an outline. The
    model file holds the networks of the first ``model_folds`` folds, under the name ``model_id``, and says whether the training was
    ``shortened``. Each fold trains ``members`` networks, the first from ``seed``, the next from ``seed`` + 1 and so on; the fold's
    word is the mean of their logits. ``threads`` is part of the settings since sums depend on it in their last bits;
    with more than one they are not always the same twice. ``policy`` names a way to draw augmentations (`augment.policies`) in place of
    ``augmentation``, whose lesions that are replaced and windows without one then are not made.
    """

    model_id: str = "model"
    modality: str = "US"
    pipeline: str = "ultrasound"
    normalisation: str = "fixed"
    network: str = "unet-efficientnet-lite0"
    weights: str = "imagenet"
    rows: int = 192
    cols: int = 192
    batch: int = 16
    epochs: int = 12
    patience: int = 5
    rate: float = 1e-3
    encoder_rate_share: float = 0.5
    weight_decay: float = 0.02
    warm_up: float = 0.08
    frozen_stages: int = 2
    fixed_statistics: bool = True
    average_decay: float = 0.99
    lesion_weight: float = 1.0
    map_loss: float = 1.0
    malignant_map_loss: float = 0.5
    abnormal_loss: float = 0.5
    malignant_loss: float = 1.0
    look_loss: float = 1.0
    normal_weight: float = 1.0
    abnormal_share: float = 0.0
    score_floor: float = 0.05
    mark_level: float = 0.5
    max_marks: int = 5
    model_folds: int = 3
    members: int = 1
    outline: bool = True
    seed: int = 1
    threads: int = 1
    shortened: bool = False
    policy: str = "none"
    augmentation: Strength = field(default_factory=Strength)


RECIPES = ("us-lesion", "mg-lesion")


def recipe(name: str) -> Settings:
    """Return the settings of a recipe.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in RECIPES:
        near = difflib.get_close_matches(name, RECIPES, n=1)
        raise InputError(f"unknown recipe '{name}';{f' did you mean {near[0]!r}?' if near else ''} there are: {', '.join(RECIPES)}")
    text = resources.files("breastcad.train").joinpath("recipes", f"{name}.yaml").read_text(encoding="utf-8")
    return from_dict(yaml.safe_load(text))


def from_dict(content: dict[str, Any]) -> Settings:
    """Build settings from plain values; what is left out keeps its default.

    Raises
    ------
    InputError
        If a name is not a setting.
    """
    return with_values(Settings(), [(key, value) for key, value in _flat(content)])


def _flat(content: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for key, value in content.items():
        flat += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]
    return flat


def with_values(settings: Settings, values: list[tuple[str, Any]]) -> Settings:
    """Return settings with some values replaced; a dotted name reaches into a part, e.g. ``augmentation.noise``.

    Raises
    ------
    InputError
        If a name is not a setting, a value has not its type, or a size or count cannot be.
    """
    for name, value in values:
        head, _, rest = name.partition(".")
        known = {entry.name: entry.name for entry in fields(Settings)}
        if head not in known or (rest and head != "augmentation"):
            near = difflib.get_close_matches(head, known, n=2)
            raise InputError(f"unknown setting '{name}';{f' near names: {near}.' if near else ''} All: {', '.join(known)}")
        if rest:
            if rest not in {entry.name for entry in fields(Strength)}:
                raise InputError(f"unknown setting '{name}'; of augmentation there are: {', '.join(e.name for e in fields(Strength))}")
            part = replace(settings.augmentation, **{rest: _converted(name, value, getattr(settings.augmentation, rest))})
            settings = replace(settings, augmentation=part)
        else:
            settings = replace(settings, **{head: _converted(name, value, getattr(settings, head))})
    return _checked(settings)


WORDS = {
    "weights": ("imagenet", "none"),
    "modality": ("US", "MG"),
    "pipeline": tuple(sorted(PIPELINES)),
    "normalisation": ("fixed", *KINDS),
    "policy": ("none", *POLICIES),
}
AT_LEAST_ONE = ("batch", "epochs", "patience", "threads", "model_folds", "members", "max_marks")
SHARES = (
    "average_decay", "warm_up", "mark_level", "augmentation.flip_columns", "augmentation.flip_rows",
    "augmentation.healed", "augmentation.decoy", "augmentation.zoomed", "augmentation.window",
)  # fmt: skip
# Settings that the model file repeats, and under which name: else a training would end without one.
IN_THE_MODEL = {
    "model_id": "id", "score_floor": "score_floor", "mark_level": "mark_level", "max_marks": "max_marks",
    "model_folds": "folds", "members": "members",
}  # fmt: skip
ABOVE_ZERO = ("mark_level", "augmentation.scale", "augmentation.gamma", "augmentation.window_side")


def _checked(settings: Settings) -> Settings:
    """Return settings that a training can start with, and end."""
    stride = network_spec(settings.network).stride
    for name in ("rows", "cols"):
        size = getattr(settings, name)
        if size < stride or size % stride:
            raise InputError(f"setting '{name}' must be a multiple of {stride} for the network {settings.network}, got {size}")
    for name, words in WORDS.items():
        if getattr(settings, name) not in words:
            raise InputError(f"setting '{name}' must be one of {', '.join(words)}, got '{getattr(settings, name)}'")
    if not 0 <= settings.abnormal_share < 1:
        raise InputError(f"setting 'abnormal_share' must lie in [0, 1), got {settings.abnormal_share}")
    for name, numbers in _flat(asdict(settings)):
        if not isinstance(numbers, str):
            _check_range(name, numbers if isinstance(numbers, tuple) else (numbers,))
    for name, of_model in IN_THE_MODEL.items():
        if not FIELDS[of_model].fits(getattr(settings, name)):
            raise InputError(f"setting '{name}' must be {FIELDS[of_model].words}, got {str(getattr(settings, name))[:50]!r}")
    return settings


def _check_range(name: str, numbers: tuple[float, ...]) -> None:
    """Refuse numbers of a setting that no training can use."""
    least, above = int(name in AT_LEAST_ONE), name in ABOVE_ZERO
    said = ", ".join(map(str, numbers))
    if not all(math.isfinite(number) for number in numbers):
        raise InputError(f"setting '{name}' must be finite, got {said}")
    if any(number < least or (above and number == 0) for number in numbers):
        raise InputError(f"setting '{name}' must be {'above 0' if above else f'at least {least}'}, got {said}")
    if name in SHARES and numbers[0] > 1:
        raise InputError(f"setting '{name}' is a share and must be at most 1, got {said}")
    if list(numbers) != sorted(numbers):
        raise InputError(f"setting '{name}' must be a range, its lower end first, got {said}")


def _converted(name: str, value: Any, like: Any) -> Any:
    """Turn a value (perhaps text of the command line) into the type of the present one."""
    if isinstance(value, str) and not isinstance(like, str):
        value = _number(value) if isinstance(like, float) else yaml.safe_load(value)
    if isinstance(like, tuple) and isinstance(value, list) and len(value) == len(like):
        return tuple(float(v) for v in value)
    if isinstance(like, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(like):
        raise InputError(f"setting '{name}' must be {type(like).__name__}, e.g. {like!r}, got '{value}'")
    return value


def _number(text: str) -> Any:
    """Return the number that a text stands for (YAML takes 1e-3 for a word), else the text."""
    try:
        return float(text)
    except ValueError:
        return text


def to_text(settings: Settings) -> str:
    """Return the settings as YAML, as settings.yaml holds them.

    Examples
    --------
    >>> from_dict(yaml.safe_load(to_text(Settings(rows=64)))).rows
    64
    """
    content = asdict(settings)
    content["augmentation"] = {k: list(v) if isinstance(v, tuple) else v for k, v in content["augmentation"].items()}
    return yaml.safe_dump(content, sort_keys=False)
