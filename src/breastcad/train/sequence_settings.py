"""The settings of a training of a network over earlier exams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from breastcad.train.settings import PRECISIONS, NetworkSettings

JOINERS = ("recurrent", "attention", "last")


@dataclass(frozen=True, slots=True)
class SequenceSettings(NetworkSettings):
    """Everything that decides what a training over earlier exams gives, besides data and split.

    ``network`` says how films are joined (`models.sequence`): recurrent, attention, or last, which sees the present film alone. Each
    earlier film is left out with probability ``left_out`` in training, so that the network also learns what to say with few or none.
    """

    task: ClassVar[str] = "sequence"
    words: ClassVar[Mapping[str, Sequence[str]]] = {
        "network": JOINERS,
        "weights": ("none",),
        "modality": ("MG", "US"),
        "normalisation": ("fixed",),
        "policy": ("none",),
        "precision": PRECISIONS,
    }
    shares: ClassVar[Sequence[str]] = (*NetworkSettings.shares, "left_out")

    network: str = "recurrent"
    weights: str = "none"
    modality: str = "MG"
    rows: int = 96
    cols: int = 64
    batch: int = 32
    epochs: int = 30
    patience: int = 10
    rate: float = 2e-3
    left_out: float = 0.1
