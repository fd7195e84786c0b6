"""The settings of a training of a classifier: of windows, lesions or whole images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple, Self

from breastcad.augment.policies import POLICIES
from breastcad.core.errors import InputError
from breastcad.core.records import LABELS
from breastcad.evaluate.aggregation import RULES
from breastcad.train.settings import NORMALISATIONS, PRECISIONS, NetworkSettings, kept_value

KINDS_OF_FINDINGS = ("mass", "calcification", "asymmetry", "distortion", "other")


class Stage(NamedTuple):
    """A stage of a training: what learns (head, top or all), for how many epochs, at which rate; None: the settings' weight decay."""

    part: str
    epochs: int
    rate: float
    decay: float | None = None


@dataclass(frozen=True, slots=True)
class ClassifierSettings(NetworkSettings):
    """Everything that decides what a training of a classifier gives, besides data, windows and split.

    What is trained: ``network`` (`models.classifiers`) with ``channels`` of input (1: grey; 3: grey repeated), its ``head`` with hidden
    layers of ``hidden`` and ``dropout``, and ``attention`` on its last map. ``weights`` is imagenet, none, or a file.

    What it tells apart: ``classes``, with commas between them; each is a label (normal, benign, malignant, lesion), one of a kind
    of finding ("malignant mass"), or several of these with + between them ("normal+benign"). Samples of other labels are left out.

    How: the ``optimiser`` with ``momentum`` (of Adam: beta 1) and ``beta2``; the ``schedule`` of its rate after ``warm_up``; ``stages``,
    where given, in place of ``rate`` and ``epochs``: "head:3:1e-3 top:10:1e-4 all:37:1e-5"; a fourth value of a stage is its own
    ``weight_decay``: "head:30:1e-4:1e-3". The loss is ``loss``, with ``focal_gamma`` for focal,
    ``label_smoothing``, and classes weighted by ``class_weight``. ``balance`` draws each class as often as the
    others. ``mixup`` is the alpha of mixing, 0 for none. ``samples_an_epoch`` draws so many samples an epoch, again and again where there
    are fewer; 0 draws each once.

    Copies: each window has ``copies``, itself among them, drawn once by ``copies_policy`` before the training; where the split parts
    images, copies only train. ``policy`` draws anew each epoch.

    The best epoch is chosen by ``choose_by`` on validation; by last each is better than the one before. Windows are put together to images,
    breasts and patients by ``aggregation``.
    """

    task: ClassVar[str] = "classifier"
    words: ClassVar[Mapping[str, Sequence[str]]] = {
        "modality": ("US", "MG"),
        "normalisation": NORMALISATIONS,
        "policy": ("none", *POLICIES),
        "precision": PRECISIONS,
        "copies_policy": ("none", *POLICIES),
        "head": ("pool", "pool-hidden", "flatten-hidden"),
        "loss": ("cross-entropy", "focal"),
        "class_weight": ("none", "balanced"),
        "balance": ("none", "sampler"),
        "optimiser": ("adam", "adamw", "sgd", "adadelta", "rmsprop"),
        "schedule": ("constant", "cosine", "step", "exponential"),
        "choose_by": ("auc", "loss", "accuracy", "last"),
        "aggregation": tuple(RULES),
    }
    at_least_one: ClassVar[Sequence[str]] = (*NetworkSettings.at_least_one, "channels", "copies", "hidden", "step_epochs")
    shares: ClassVar[Sequence[str]] = (*NetworkSettings.shares, "dropout", "momentum", "beta2", "label_smoothing", "rate_factor")
    above_zero: ClassVar[Sequence[str]] = ("rate", "rate_factor")

    network: str = "efficientnet-lite0"
    channels: int = 1
    head: str = "pool"
    hidden: int = 256
    dropout: float = 0.2
    attention: bool = False
    classes: str = "benign, malignant"
    loss: str = "cross-entropy"
    focal_gamma: float = 2.0
    label_smoothing: float = 0.0
    class_weight: str = "none"
    balance: str = "none"
    mixup: float = 0.0
    optimiser: str = "adamw"
    momentum: float = 0.9
    beta2: float = 0.999
    schedule: str = "cosine"
    step_epochs: int = 10
    rate_factor: float = 0.1
    stages: str = ""
    samples_an_epoch: int = 0
    copies: int = 1
    copies_policy: str = "none"
    choose_by: str = "auc"
    aggregation: str = "max"

    def check(self) -> Self:
        """As `NetworkSettings.check`; classes and stages must be readable, channels be 1 or 3, copies have a policy."""
        super(ClassifierSettings, self).check()  # slots make a new class: the bare form would look in the old one
        if self.channels not in (1, 3):
            raise InputError(f"setting 'channels' must be 1 or 3, got {self.channels}")
        if self.copies > 1 and self.copies_policy == "none":
            raise InputError(
                f"setting 'copies' is {self.copies}, so 'copies_policy' must say how copies are drawn; see docs/augmentation.md"
            )
        for name in ("dropout", "momentum", "beta2"):
            if getattr(self, name) == 1:
                raise InputError(f"setting '{name}' must be below 1, got 1.0")
        self.class_names()
        self.training_stages()
        return self

    def class_names(self) -> list[tuple[str, ...]]:
        """Return what each class holds: labels, or labels and kinds of finding ("malignant mass").

        Examples
        --------
        >>> ClassifierSettings(classes="normal+benign, malignant").class_names()
        [('normal', 'benign'), ('malignant',)]
        """
        found = [tuple(name.strip() for name in one.split("+")) for one in self.classes.split(",")]
        for name in (name for one in found for name in one):
            label, _, kind = name.partition(" ")
            if label not in LABELS or label == "unknown" or (kind and kind not in KINDS_OF_FINDINGS):
                labels = ", ".join(one for one in LABELS if one != "unknown")
                raise InputError(
                    f"setting 'classes' names '{name}'; a class is one of {labels}, a kind ({', '.join(KINDS_OF_FINDINGS)}) after a"
                    " space if need be, or several with + between them"
                )
        names = [name for one in found for name in one]
        if len(found) < 2 or len(set(names)) < len(names):
            raise InputError(
                f"setting 'classes' must name two classes at least, each label once, with commas between, got '{self.classes}'"
            )
        return found

    def training_stages(self) -> list[Stage]:
        """Return the stages; one of all that learns where none are given.

        Examples
        --------
        >>> ClassifierSettings(stages="head:3:1e-3 all:7:1e-5:1e-2").training_stages()
        [Stage(part='head', epochs=3, rate=0.001, decay=None), Stage(part='all', epochs=7, rate=1e-05, decay=0.01)]
        """
        if not self.stages:
            return [Stage("all", self.epochs, self.rate)]
        try:
            found = [_stage(*one.split(":")) for one in self.stages.split()]
        except (TypeError, ValueError):
            found = []
        if not found or not all(_is_possible(one) for one in found):
            raise InputError(
                f"setting 'stages' must be like 'head:3:1e-3 top:10:1e-4 all:37:1e-5', perhaps with a weight decay each "
                f"('head:30:1e-4:1e-3'), got '{self.stages}'"
            )
        return found

    def kept(self) -> Self:
        """Return the settings as a run folder keeps them: of a file of weights its name, not its place on one machine."""
        return replace(self, weights=kept_value("weights", self.weights))


def _stage(part: str, epochs: str, rate: str, decay: str | None = None) -> Stage:
    return Stage(part, int(epochs), float(rate), None if decay is None else float(decay))


def _is_possible(stage: Stage) -> bool:
    return stage.part in ("head", "top", "all") and stage.epochs > 0 and 0 < stage.rate < math.inf and 0 <= (stage.decay or 0.0) < math.inf
