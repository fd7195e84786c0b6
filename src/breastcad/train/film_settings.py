"""The settings of a training of whole films on a patch classifier (publication D, after Shen et al.)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from breastcad.core.errors import InputError
from breastcad.train.classifier_settings import ClassifierSettings
from breastcad.train.settings import kept_value

FOREST = "forest"
NONE = "none"


@dataclass(frozen=True, slots=True)
class FilmSettings(ClassifierSettings):
    """Everything that decides what a training of whole films gives, besides data and split. What is not said here is a classifier's.

    What it starts from: ``patch_run``, the folder of a run of patch classifiers, each fold from that run's network of the same fold (the
    first of its ``members``); ``start_run``, that of a run of films, every fold from its network of ``start_fold``; with neither the
    backbone from ``weights``, the whole film at once. From a run come ``network`` (may be left empty), ``channels``,
    ``head``, ``hidden``, ``attention``, ``normalisation``, ``patch_rows``, ``patch_cols`` and ``patch_classes``, and from one of films all
    that lies on top, whatever is given for them. A run folder keeps the run's name, and in each fold's start.json a digest of the weights.

    What lies on top (`models.whole_film.Top`): ``heat_map`` is kept, with ``activation``, or dropped; ``top`` is residual or vgg, of
    ``blocks`` with ``width`` and ``width_out``; max-dense with ``pool`` and ``dense``; or forest, which trains no network: a random forest
    of ``trees`` on features of the patch classifier's heat maps (`film_forest`). The stages' parts: head is all that is new, top the
    patch classifier's head and top layers besides. ``checkpointing`` saves memory and costs time.

    ``women``: so many of each fold's training part train, drawn by seed in the shares of its labels; of more are those of fewer. 0: all.
    """

    task: ClassVar[str] = "film"
    words: ClassVar[Mapping[str, Sequence[str]]] = {
        **ClassifierSettings.words,
        "heat_map": ("kept", "dropped"),
        "activation": ("softmax", "relu", "none"),
        "top": ("residual", "vgg", "max-dense", FOREST),
    }
    at_least_one: ClassVar[Sequence[str]] = (
        *ClassifierSettings.at_least_one, "patch_rows", "patch_cols", "blocks", "width", "width_out", "pool", "dense", "trees",
    )  # fmt: skip

    modality: str = "MG"
    rows: int = 1152
    cols: int = 896
    network: str = ""
    patch_run: str = NONE
    start_run: str = NONE
    start_fold: int = 0
    patch_rows: int = 224
    patch_cols: int = 224
    patch_classes: str = "normal, benign mass, malignant mass"
    heat_map: str = "dropped"
    activation: str = "relu"
    top: str = "residual"
    blocks: int = 2
    width: int = 512
    width_out: int = 1024
    pool: int = 5
    dense: int = 64
    trees: int = 500
    checkpointing: bool = False
    women: int = 0

    def check(self) -> Self:
        """As `ClassifierSettings.check`; patches' classes must be readable, and what it starts from and what lies on top fit together."""
        super(FilmSettings, self).check()  # slots make a new class: the bare form would look in the old one
        self.patch_settings()
        if NONE not in (self.patch_run, self.start_run):
            raise InputError("settings 'patch_run' and 'start_run' are both given; a fold starts from one network, so leave one out")
        if self.copies > 1:
            raise InputError("setting 'copies' must be 1 for whole films; draw them anew each epoch with 'policy'")
        if self.top == FOREST and self.patch_run == NONE:
            raise InputError("top=forest learns from the heat maps of trained patch classifiers; give their run with patch_run")
        return self

    def kept(self) -> Self:
        """Return the settings as a run folder keeps them: of a run or a file of weights its name, not its place on one machine."""
        made = super(FilmSettings, self).kept()
        return replace(made, **{name: kept_value(name, getattr(self, name)) for name in ("patch_run", "start_run")})

    def patch_settings(self) -> ClassifierSettings:
        """Return what its patch classifier is built by."""
        try:
            return ClassifierSettings(
                network=self.network or "efficientnet-lite0", channels=self.channels, head=self.head, hidden=self.hidden,
                attention=self.attention, normalisation=self.normalisation, rows=self.patch_rows, cols=self.patch_cols,
                classes=self.patch_classes, weights=self.weights, seed=self.seed,
            ).check()  # fmt: skip
        except InputError as error:
            raise InputError(f"of the patch classifier (patch_classes, patch_rows, patch_cols): {error}") from error
