"""Named ways to draw augmentations, each from its publication. No pixel is read here: the image's size is all that is known of it.

What a publication leaves open is said in ``remarks``; every amount of ours is a setting.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from breastcad.augment.operations import Operation, Value, operation
from breastcad.core.errors import InputError

Shape = tuple[int, int]
Settings = Mapping[str, Value]
Draw = Callable[[Settings, Shape, int, np.random.Generator], tuple[Operation, ...]]
Ranges = Mapping[str, tuple[float, float]]

# Table 1 of publication B: its eight methods, each at each of its parameters.
TABLE_1: dict[str, tuple[tuple[str, dict[str, Value]], ...]] = {
    "sharpen": tuple(("sharpen", {"lightness": value}) for value in (0.5, 1.0, 1.5, 2.0)),
    "emboss": tuple(("emboss", {"strength": value}) for value in (0.5, 1.0, 1.5, 2.0)),
    "Gaussian blur": tuple(("blur", {"sigma_px": value}) for value in (0.25, 0.5, 1.0, 2.0)),
    "rotation": tuple(("rotation", {"degrees": value}) for value in (45.0, 90.0, 135.0, 180.0)),
    "edge detection": tuple(("edges", {"alpha": value}) for value in (0.25, 0.5, 0.75, 1.0)),
    "skew": tuple(("skew", {"side": value}) for value in ("forward", "backward", "left", "right")),
    "flip": tuple(("flip", {"side": value}) for value in ("top", "bottom", "left", "right")),
    "shear": tuple(("shear", {"axis": value, "degrees": 10.0}) for value in ("x", "y")),
}
YES_OR_NO = ("yes", "no")
FRAMES = ("whole", "kept")
_CHOICES = {"original": YES_OR_NO, "frame": FRAMES}
_RANGES: Ranges = {
    "alpha": (0, 1), "share": (0, 0.9), "degrees": (0, 180), "least_side": (0.05, 1), "noise": (0, 1), "shift": (0, 1), "factor": (0.1, 10),
    "scale": (1, 10), "sigma_px": (0, 100), "shift_px": (0, 100_000), "elastic_px": (0, 1000), "gamma": (1, 10), "contrast": (0, 0.9),
    "brightness": (0, 0.9), "erased": (0, 0.9),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Policy:
    """A named way to draw: ``copies`` an image by default, ``settings`` with their defaults, ``remarks`` on what is open.

    ``draw`` takes the settings, the image's (rows, columns), the number of the copy from 0, and a generator.
    """

    name: str
    source: str
    says: str
    copies: int
    settings: Settings
    remarks: str
    draw: Draw


def table_1(*, alpha: float = 0.5, share: float = 0.2, frame: str = "whole") -> dict[str, list[Operation]]:
    """Return publication B's eight methods, each with an operation a parameter: 30 in all.

    Parameters
    ----------
    alpha : float
        Share of the effect of sharpen and emboss, in [0, 1]; Table 1 names none.
    share : float
        By which a skewed image's receding edge is shorter; Table 1 names none.
    frame : str
        Of rotations: ``whole`` (all of the image stays in it) or ``kept``.

    Examples
    --------
    >>> sum(len(variants) for variants in table_1().values())
    30
    """
    more: dict[str, dict[str, Value]] = {
        "sharpen": {"alpha": alpha},
        "emboss": {"alpha": alpha},
        "skew": {"share": share},
        "rotation": {"frame": frame},
    }
    return {method: [operation(name, **values, **more.get(name, {})) for name, values in variants] for method, variants in TABLE_1.items()}


def draw_operations(
    policy: Policy, shape: Shape, copy: int, generator: np.random.Generator, settings: Settings | None = None
) -> tuple[Operation, ...]:
    """Draw one copy's operations.

    Parameters
    ----------
    policy : Policy
    shape : (int, int)
        Rows and columns of the image.
    copy : int
        Number of the copy, from 0: a policy with several methods takes them in turn. On line, draw it too.
    generator : numpy.random.Generator
    settings : mapping, optional
        As `with_settings` returns them; by default the policy's own.

    Returns
    -------
    tuple of Operation
    """
    return policy.draw(policy.settings if settings is None else settings, shape, copy, generator)


def policy_named(name: str) -> Policy:
    """Return a policy; InputError if there is none of that name.

    Examples
    --------
    >>> policy_named("b-table-1").copies
    8
    """
    if name not in POLICIES:
        near = difflib.get_close_matches(name, POLICIES, n=1, cutoff=0.5)
        raise InputError(f"unknown policy '{name}';{f' near name: {near[0]!r}.' if near else ''} All: {', '.join(POLICIES)}")
    return POLICIES[name]


def with_settings(policy: Policy, pairs: Sequence[str]) -> dict[str, Value]:
    """Return a policy's settings with some changed by ``KEY=VALUE`` texts.

    Raises
    ------
    InputError
        If a text has no ``=``, the key is none of the policy's, or the value has not its kind or range.

    Examples
    --------
    >>> with_settings(policy_named("b-training"), ["degrees=30"])
    {'degrees': 30.0}
    """
    settings, given = dict(policy.settings), set[str]()
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if name in given:
            raise InputError(f"setting '{name}' is given twice: give it once")
        given.add(name)
        if not equals:
            raise InputError(f"--setting takes KEY=VALUE, got '{pair}'")
        if name not in settings:
            near = difflib.get_close_matches(name, settings, n=1)
            raise InputError(
                f"unknown setting '{name}' of {policy.name};{f' near name: {near[0]!r}.' if near else ''} All: {', '.join(settings)}"
            )
        settings[name] = _value(name, text)
    return settings


def _value(name: str, text: str) -> Value:
    if name in _CHOICES:
        if text not in _CHOICES[name]:
            raise InputError(f"setting '{name}' must be {' or '.join(_CHOICES[name])}, got '{text}'")
        return text
    low, high = _RANGES[name]
    try:
        value = float(text)
    except ValueError as error:
        raise InputError(f"setting '{name}' must be a number, got '{text}'") from error
    if not low <= value <= high:
        raise InputError(f"setting '{name}' must be in [{low:g}, {high:g}], got '{text}'")
    return value


# ---- what is drawn ----


def _number(settings: Settings, name: str) -> float:
    return float(settings[name])


def _seed(generator: np.random.Generator) -> int:
    return int(generator.integers(2**31))


def _chosen(generator: np.random.Generator, some: Sequence[Any]) -> Any:
    return some[int(generator.integers(len(some)))]


def _turned(settings: Settings, generator: np.random.Generator) -> Operation:
    degrees = _number(settings, "degrees")
    return operation("rotation", degrees=float(generator.uniform(-degrees, degrees)))


def _flips(generator: np.random.Generator) -> list[Operation]:
    return [operation("flip", side=side) for side in ("left", "top") if generator.random() < 0.5]


def _shifted(settings: Settings, shape: Shape, generator: np.random.Generator) -> Operation:
    down, right = generator.uniform(-1, 1, 2) * _number(settings, "shift") * np.array(shape)
    return operation("translation", down_px=float(down), right_px=float(right))


def _scaled(settings: Settings, generator: np.random.Generator) -> Operation:
    reach = math.log(_number(settings, "scale"))
    return operation("scaling", factor=float(np.exp(generator.uniform(-reach, reach))))


def _cropped(settings: Settings, shape: Shape, generator: np.random.Generator) -> Operation:
    """Draw a window of the image's proportions; it is enlarged to the image's size."""
    share = generator.uniform(_number(settings, "least_side"), 1)
    rows, cols = (max(1, round(share * side)) for side in shape)
    row, col = (int(generator.integers(side - part + 1)) for side, part in zip(shape, (rows, cols), strict=True))
    return operation("crop", row0=row, col0=col, row1=row + rows, col1=col + cols)


def _b_table_1(settings: Settings, shape: Shape, copy: int, generator: np.random.Generator) -> tuple[Operation, ...]:
    """Draw one variant of the copy's method; with the original, the first of each eight copies is the image itself."""
    methods = list(table_1(alpha=_number(settings, "alpha"), share=_number(settings, "share"), frame=str(settings["frame"])).values())
    if settings["original"] == "yes":
        if copy % len(methods) == 0:
            return ()
        return (_chosen(generator, _chosen(generator, methods)),)
    return (_chosen(generator, methods[copy % len(methods)]),)


def _b_training(settings: Settings, shape: Shape, copy: int, generator: np.random.Generator) -> tuple[Operation, ...]:
    flip = [operation("flip", side="left")] if generator.random() < 0.5 else []
    return (*flip, _turned(settings, generator))


def _a(settings: Settings, shape: Shape, copy: int, generator: np.random.Generator) -> tuple[Operation, ...]:
    """Draw one of four."""
    ways: list[Callable[[], Operation]] = [
        lambda: operation("flip", side="top"),
        lambda: operation("flip", side="left"),
        lambda: _cropped(settings, shape, generator),
        lambda: _turned(settings, generator),
    ]
    return (_chosen(generator, ways)(),)


def _c(settings: Settings, shape: Shape, copy: int, generator: np.random.Generator) -> tuple[Operation, ...]:
    noise = operation("gaussian-noise", sigma=float(generator.uniform(0, _number(settings, "noise"))), seed=_seed(generator))
    return (*_flips(generator), _turned(settings, generator), _shifted(settings, shape, generator), noise)


def _d(settings: Settings, shape: Shape, copy: int, generator: np.random.Generator) -> tuple[Operation, ...]:
    return (*_flips(generator), _turned(settings, generator), _scaled(settings, generator))


def _e3(settings: Settings, shape: Shape, copy: int, generator: np.random.Generator) -> tuple[Operation, ...]:
    """Return the copy's method of six."""
    shift, frame = _number(settings, "shift_px"), str(settings["frame"])
    if copy % 6 == 1:
        return (operation("flip", side=_chosen(generator, ("left", "top"))),)
    fixed = {
        0: ("blur", {"sigma_px": _number(settings, "sigma_px")}),
        2: ("translation", {"down_px": shift, "right_px": shift}),
        3: ("rotation", {"degrees": 90.0, "frame": frame}),
        4: ("rotation", {"degrees": 180.0, "frame": frame}),
        5: ("scaling", {"factor": _number(settings, "factor")}),
    }
    name, values = fixed[copy % 6]
    return (operation(name, **values),)  # type: ignore[arg-type]


def _broad(settings: Settings, shape: Shape, copy: int, generator: np.random.Generator) -> tuple[Operation, ...]:
    """Draw some of everything: where it lies, how it bends, its tone, one kind of noise, a part erased."""
    drawn = [*_flips(generator)[:1], _turned(settings, generator), _scaled(settings, generator), _shifted(settings, shape, generator)]
    if generator.random() < 0.5:
        smooth = max(2.0, max(shape) / 16)
        amount = float(generator.uniform(0, _number(settings, "elastic_px")))
        drawn.append(operation("elastic", amount_px=amount, smooth_px=smooth, seed=_seed(generator)))
    reach, contrast, brightness = math.log(_number(settings, "gamma")), _number(settings, "contrast"), _number(settings, "brightness")
    drawn.append(operation("gamma", gamma=float(np.exp(generator.uniform(-reach, reach)))))
    factor, lighter = float(1 + generator.uniform(-contrast, contrast)), float(generator.uniform(-brightness, brightness))
    drawn.append(operation("contrast", factor=factor, brightness=lighter))
    noise, kind = float(generator.uniform(0, _number(settings, "noise"))), _chosen(generator, ("gaussian-noise", "speckle-noise"))
    drawn.append(operation(kind, sigma=noise, seed=_seed(generator)))
    erased = _number(settings, "erased")
    if erased > 0 and generator.random() < 0.5:
        rows, cols = (max(1, round(float(generator.uniform(0, erased)) * side)) for side in shape)
        row, col = (int(generator.integers(side - part + 1)) for side, part in zip(shape, (rows, cols), strict=True))
        drawn.append(operation("erasing", row0=row, col0=col, row1=row + rows, col1=col + cols, seed=_seed(generator)))
    return tuple(drawn)


POLICIES: dict[str, Policy] = {
    policy.name: policy
    for policy in (
        Policy(
            "b-table-1", "B, Table 1", "one drawn variant of each of its eight methods: eightfold", 8,
            {"alpha": 0.5, "share": 0.2, "frame": "whole", "original": "no"},
            "eightfold from 30 variants is open: ours one of each method, original=yes the image itself and seven drawn variants; "
            "alpha of sharpen and emboss and the amount of skew are ours; of four flips two give the same picture",
            _b_table_1,
        ),
        Policy(
            "b-training", "B, text", "horizontal reflection and a rotation within 45 degrees, while training", 1,
            {"degrees": 45.0}, "half of all copies are reflected", _b_training,
        ),
        Policy(
            "a", "A, patches A2 to A4", "one of four: vertical flip, horizontal flip, crop, rotation", 1,
            {"least_side": 0.8, "degrees": 30.0}, "no amounts are given: those of crop and rotation are ours", _a,
        ),
        Policy(
            "c", "C, preprocessing", "rotation, flips, translation and noise together", 1,
            {"degrees": 15.0, "shift": 0.1, "noise": 0.03}, "no amounts are given: all are ours; noise is Gaussian", _c,
        ),
        Policy(
            "d", "D", "rotation, scaling and flips together", 1,
            {"degrees": 25.0, "scale": 1.2}, "no amounts are given: all are ours", _d,
        ),
        Policy(
            "e3", "E, chapter 3", "blur 1.5; a flip; translation (20, 20); rotation 90; rotation 180; scaling: sixfold", 6,
            {"sigma_px": 1.5, "shift_px": 20.0, "factor": 1.2, "frame": "whole"},
            "which six make the 4,704 is open: ours takes the flips as one; scaling's factor is ours; the shift is meant for 128 px", _e3,
        ),
        Policy(
            "broad", "breastcad (erasing: E, chapter 2)", "some of everything that Table 1 has not: place, bend, tone, noise, erasing",
            1,
            {"degrees": 15.0, "scale": 1.15, "shift": 0.05, "elastic_px": 3.0, "gamma": 1.5, "contrast": 0.15, "brightness": 0.08,
             "noise": 0.05, "erased": 0.25},
            "none of the publications': for comparison with theirs", _broad,
        ),
    )
}  # fmt: skip
