"""Optimisers, and the course of their rate."""

from __future__ import annotations

import math
from typing import Any

from torch.optim import SGD, Adadelta, Adam, AdamW, Optimizer, RMSprop

from breastcad.train.classifier_settings import ClassifierSettings
from breastcad.train.settings import NetworkSettings

# of the course's height: where a rate ends, so that no step is without effect
LEAST = 0.01


def make_optimiser(settings: ClassifierSettings, groups: list[dict[str, Any]]) -> Optimizer:
    """Return the settings' optimiser. ``weight_decay`` is that of AdamW, in all others an L2 penalty of half of it (B, eq. 6)."""
    common: dict[str, Any] = {"lr": settings.rate, "weight_decay": settings.weight_decay}
    betas = (settings.momentum, settings.beta2)
    if settings.optimiser == "adam":
        return Adam(groups, betas=betas, **common)
    if settings.optimiser == "adamw":
        return AdamW(groups, betas=betas, **common)
    if settings.optimiser == "sgd":
        return SGD(groups, momentum=settings.momentum, **common)
    if settings.optimiser == "rmsprop":
        return RMSprop(groups, momentum=settings.momentum, **common)
    return Adadelta(groups, rho=settings.beta2, eps=1e-7, **common)


def cosine(settings: NetworkSettings, done: float) -> float:
    """Return the share of the highest rate after a share of all steps: a line up over ``warm_up``, then half a cosine down."""
    if done < settings.warm_up:
        return warmed(settings, done)
    return max(LEAST, 0.5 * (1 + math.cos(math.pi * (done - settings.warm_up) / (1 - settings.warm_up))))


def warmed(settings: NetworkSettings, done: float) -> float:
    """Return the share of the highest rate while it rises."""
    return max(LEAST, min(1.0, (done + 1e-3) / (settings.warm_up + 1e-3)))


def rate_share(settings: ClassifierSettings, done: float, epochs: float) -> float:
    """Return the share of the highest rate.

    Parameters
    ----------
    settings : ClassifierSettings
        Names the ``schedule``: constant; cosine; step, times ``rate_factor`` each ``step_epochs``; exponential, the same without steps.
    done : float
        Share of all steps (of the stage), in [0, 1).
    epochs : float
        Epochs done (of the stage), parts of one too.

    Examples
    --------
    >>> plain = ClassifierSettings(warm_up=0.0, step_epochs=10, rate_factor=0.1)
    >>> from dataclasses import replace
    >>> [round(rate_share(replace(plain, schedule=name), 0.5, 15), 4) for name in ("constant", "cosine", "step", "exponential")]
    [1.0, 0.5, 0.1, 0.0316]
    """
    if settings.schedule == "cosine":
        return cosine(settings, done)
    falls = {"constant": 0.0, "step": math.floor(epochs / settings.step_epochs), "exponential": epochs / settings.step_epochs}
    return warmed(settings, done) * settings.rate_factor ** falls[settings.schedule]
