"""The settings of a training of a lesion network: where is a lesion, is it malignant, is the image abnormal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

from breastcad.augment.drawing import Strength
from breastcad.augment.policies import POLICIES
from breastcad.core.errors import InputError
from breastcad.models.metadata import FIELDS
from breastcad.models.registry import network_spec
from breastcad.preprocess.inputs import PIPELINES
from breastcad.train.settings import NORMALISATIONS, PRECISIONS, NetworkSettings

# Settings that the model file repeats, and under which name: else a training would end without one.
IN_THE_MODEL = {
    "model_id": "id", "score_floor": "score_floor", "mark_level": "mark_level", "max_marks": "max_marks",
    "model_folds": "folds", "members": "members",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LesionSettings(NetworkSettings):
    """Everything that decides what a training of a lesion network gives, besides data and split.

    What is trained: ``pipeline`` (`preprocess.inputs.PIPELINES`) makes inputs of ``rows`` x ``cols`` for ``network``
    (`models.registry`). ``weights`` is imagenet or none; with imagenet, the stem and ``frozen_stages`` of the encoder do not
    learn, and with ``fixed_statistics`` its batch normalisation keeps the statistics it came with.

    How: AdamW with ``weight_decay``, its rate falling by half a cosine after ``warm_up``, for the encoder times
    ``encoder_rate_share``.

    The loss: ``*_loss`` are weights of its parts, ``lesion_weight`` that of a lesion's pixels against others, ``normal_weight``
    that of an image that shows no lesion.

    What comes out: with ``abnormal_share`` the probability of an abnormality is calibrated for that share of abnormal images, else
    for the validation images' own. Marks are peaks of the lesion map, cut at ``mark_level`` times the peak, at most ``max_marks``
    an image, none whose probability is below ``score_floor``; ``outline`` says that the lesion map is drawn as an outline. The
    model file holds the networks of the first ``model_folds`` folds, under the name ``model_id``. With ``policy`` in place of
    ``augmentation``, its lesions that are replaced and windows without one are not made.
    """

    task: ClassVar[str] = "lesion"
    words: ClassVar[Mapping[str, Sequence[str]]] = {
        "weights": ("imagenet", "none"),
        "modality": ("US", "MG"),
        "pipeline": tuple(sorted(PIPELINES)),
        "normalisation": NORMALISATIONS,
        "policy": ("none", *POLICIES),
        "precision": PRECISIONS,
    }
    at_least_one: ClassVar[Sequence[str]] = (*NetworkSettings.at_least_one, "model_folds", "max_marks")
    shares: ClassVar[Sequence[str]] = (
        *NetworkSettings.shares, "mark_level", "augmentation.flip_columns", "augmentation.flip_rows",
        "augmentation.healed", "augmentation.decoy", "augmentation.zoomed", "augmentation.window",
    )  # fmt: skip
    above_zero: ClassVar[Sequence[str]] = ("mark_level", "augmentation.scale", "augmentation.gamma", "augmentation.window_side")

    network: str = "unet-efficientnet-lite0"
    pipeline: str = "ultrasound"
    encoder_rate_share: float = 0.5
    frozen_stages: int = 2
    fixed_statistics: bool = True
    lesion_weight: float = 1.0
    map_loss: float = 1.0
    malignant_map_loss: float = 0.5
    abnormal_loss: float = 0.5
    malignant_loss: float = 1.0
    look_loss: float = 1.0
    describe_loss: float = 4.0
    normal_weight: float = 1.0
    abnormal_share: float = 0.0
    score_floor: float = 0.05
    mark_level: float = 0.5
    max_marks: int = 5
    model_folds: int = 3
    outline: bool = True
    augmentation: Strength = field(default_factory=Strength)

    def check(self) -> Self:
        """As `Settings.check`; sides must fit the network, and what goes into the model file must fit there."""
        stride = network_spec(self.network).stride
        for name in ("rows", "cols"):
            size = getattr(self, name)
            if size < stride or size % stride:
                raise InputError(f"setting '{name}' must be a multiple of {stride} for the network {self.network}, got {size}")
        if not 0 <= self.abnormal_share < 1:
            raise InputError(f"setting 'abnormal_share' must lie in [0, 1), got {self.abnormal_share}")
        super(LesionSettings, self).check()  # slots make a new class: the bare form would look in the old one
        for name, of_model in IN_THE_MODEL.items():
            if not FIELDS[of_model].fits(getattr(self, name)):
                raise InputError(f"setting '{name}' must be {FIELDS[of_model].words}, got {str(getattr(self, name))[:50]!r}")
        return self
