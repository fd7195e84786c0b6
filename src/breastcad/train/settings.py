"""Settings of any training: what all have, how they are read, changed by name, checked and written. What is trained is in tasks.

A kind of training (`train.tasks`) adds its own settings in a dataclass of its own; names and types of the fields are all that is
needed to read them from YAML or from the command line.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import yaml

from breastcad.core.errors import InputError
from breastcad.preprocess.normalise import KINDS

MOST_SEED = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Settings:
    """What every training has.

    The run is called ``model_id``, its images are of ``modality`` and reach the model as ``rows`` x ``cols``. Each fold trains ``members``
    models, the first from ``seed``, the next from ``seed`` + 1 and so on; the fold's word is the mean of theirs. ``shortened`` says
    that the training was cut short, and goes wherever a figure of it goes. ``threads`` is part of the settings since sums depend on it in
    their last bits; with more than one they are not always the same twice.
    """

    task: ClassVar[str] = ""
    words: ClassVar[Mapping[str, Sequence[str]]] = {"modality": ("US", "MG")}
    """What a setting must be one of."""
    at_least_one: ClassVar[Sequence[str]] = ("rows", "cols", "members", "threads")
    shares: ClassVar[Sequence[str]] = ()
    above_zero: ClassVar[Sequence[str]] = ()

    model_id: str = "model"
    modality: str = "US"
    rows: int = 192
    cols: int = 192
    members: int = 1
    seed: int = 1
    threads: int = 1
    shortened: bool = False

    def check(self) -> Self:
        """Return settings that a training can start with, and end.

        Raises
        ------
        InputError
            If a value is none of its words, or a number out of its range.
        """
        for name, words in self.words.items():
            if getattr(self, name) not in words:
                raise InputError(f"setting '{name}' must be one of {', '.join(words)}, got '{getattr(self, name)}'")
        if self.seed > MOST_SEED:
            raise InputError(f"setting 'seed' must be at most {MOST_SEED}, got {self.seed}")
        for name, numbers in flat(asdict(self)):
            if not isinstance(numbers, str):
                self._check_range(name, numbers if isinstance(numbers, tuple) else (numbers,))
        return self

    def kept(self) -> Self:
        """Return the settings as a run folder keeps them; they name no place of one machine."""
        return self

    def _check_range(self, name: str, numbers: tuple[float, ...]) -> None:
        """Refuse numbers of a setting that no training can use."""
        least, above = int(name in self.at_least_one), name in self.above_zero
        said = ", ".join(map(str, numbers))
        if not all(math.isfinite(number) for number in numbers):
            raise InputError(f"setting '{name}' must be finite, got {said}")
        if any(number < least or (above and number == 0) for number in numbers):
            raise InputError(f"setting '{name}' must be {'above 0' if above else f'at least {least}'}, got {said}")
        if name in self.shares and numbers[0] > 1:
            raise InputError(f"setting '{name}' is a share and must be at most 1, got {said}")
        if list(numbers) != sorted(numbers):
            raise InputError(f"setting '{name}' must be a range, its lower end first, got {said}")


@dataclass(frozen=True, slots=True)
class NetworkSettings(Settings):
    """What every training of a network has, besides.

    ``network`` is trained for ``epochs`` at most, in batches of ``batch``; ``patience`` epochs without a better validation end it.
    ``weights`` says what it starts from. Its rate rises to ``rate`` over the share ``warm_up`` of all steps. ``average_decay`` is that
    of the averaged weights, a step. ``normalisation`` is fixed, or z-score or percentile, whose statistics each fold fits on its training
    images and keeps with its networks. ``policy`` names a way to draw augmentations (`augment.policies`), anew each epoch. ``precision``
    is auto (half on a GPU, single on a processor), single, or bfloat16: a processor with instructions for it trains ResNets twice as fast.
    """

    at_least_one: ClassVar[Sequence[str]] = (*Settings.at_least_one, "batch", "epochs", "patience")
    shares: ClassVar[Sequence[str]] = ("average_decay", "warm_up")

    network: str = ""
    weights: str = "imagenet"
    batch: int = 16
    epochs: int = 12
    patience: int = 5
    rate: float = 1e-3
    weight_decay: float = 0.02
    warm_up: float = 0.08
    average_decay: float = 0.99
    normalisation: str = "fixed"
    policy: str = "none"
    precision: str = "auto"


NORMALISATIONS = ("fixed", *KINDS)
PRECISIONS = ("auto", "single", "bfloat16")


def kept_value(name: str, value: Any) -> Any:
    """Return a setting's value as it is kept: of a file of weights or a run the name, not its place on one machine.

    Examples
    --------
    >>> kept_value("patches.weights", "somewhere/mine.safetensors"), kept_value("patch_run", "none"), kept_value("batch", "8")
    ('mine.safetensors', 'none', '8')
    """
    return Path(value).resolve().name if name.endswith(("weights", "patch_run", "start_run")) else value


def flat(content: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Return (name, value) of plain values, those of a part under ``part.name``."""
    found: list[tuple[str, Any]] = []
    for key, value in content.items():
        found += flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]
    return found


Kind = TypeVar("Kind", bound="Settings")


def with_values(settings: Kind, values: list[tuple[str, Any]]) -> Kind:
    """Return settings with some values replaced; a dotted name reaches into a part, e.g. ``augmentation.noise``.

    Raises
    ------
    InputError
        If a name is not a setting, a value has not its type, or the settings are none that a training can start with.
    """
    for name, value in values:
        settings = _replaced(settings, name, name.split("."), value)
    return settings.check()


def _replaced(part: Any, whole: str, path: list[str], value: Any) -> Any:
    """Return a dataclass with one value of it, or of a part of it, replaced."""
    known = [entry.name for entry in fields(part)]
    if path[0] not in known or (len(path) > 1) != is_dataclass(getattr(part, path[0], None)):
        near = difflib.get_close_matches(path[0], known, n=2)
        raise InputError(f"unknown setting '{whole}';{f' near names: {near}.' if near else ''} All: {', '.join(known)}")
    here = getattr(part, path[0])
    return replace(part, **{path[0]: _replaced(here, whole, path[1:], value) if len(path) > 1 else _converted(whole, value, here)})


def _converted(name: str, value: Any, like: Any) -> Any:
    """Turn a value (perhaps text of the command line) into the type of the present one."""
    if isinstance(value, str) and not isinstance(like, str):
        value = _number(value) if isinstance(like, float) else _from_yaml(value)
    numbers = isinstance(value, list) and all(type(one) in (int, float) for one in value)
    if isinstance(like, tuple) and numbers and len(value) == len(like):
        return tuple(map(float, value))
    if isinstance(like, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(like):
        raise InputError(f"setting '{name}' must be {type(like).__name__}, e.g. {like!r}, got '{value}'")
    return value


def _from_yaml(text: str) -> Any:
    """Return what a text stands for, else the text."""
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return text


def _number(text: str) -> Any:
    """Return the number that a text stands for (YAML takes 1e-3 for a word), else the text."""
    try:
        return float(text)
    except ValueError:
        return text


def to_text(settings: Settings) -> str:
    """Return the settings as YAML, as settings.yaml holds them, the task first.

    Examples
    --------
    >>> to_text(Settings(rows=64)).splitlines()[2:4]
    ['modality: US', 'rows: 64']
    """
    return yaml.safe_dump({"task": settings.task} | _plain(asdict(settings)), sort_keys=False)


def _plain(content: dict[str, Any]) -> dict[str, Any]:
    return {k: _plain(v) if isinstance(v, dict) else list(v) if isinstance(v, tuple) else v for k, v in content.items()}
