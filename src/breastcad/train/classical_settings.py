"""The settings of a training of traditional CAD: measured features, a selection of them, and a classifier of scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from breastcad.core.errors import InputError
from breastcad.evaluate.aggregation import RULES
from breastcad.models.classical_parameters import CLASSIFIERS, SELECTIONS, WEIGHTED
from breastcad.patches.features import GROUPS
from breastcad.train.classifier_settings import ClassifierSettings
from breastcad.train.settings import Settings, kept_value

DEEP = "cnn"
"""The group of features that a network makes, in place of formulas."""


@dataclass(frozen=True, slots=True)
class ClassicalSettings(Settings):
    """Everything that decides what a training of traditional CAD gives, besides data, windows and split.

    What is measured: ``features``, groups of `patches.features.GROUPS` or cnn, with commas between them, in the finding's ROI grown on
    all sides by ``context`` times its diameter (within its window). ``glcm_distances`` are in the window's pixels. The group cnn is the
    pooled last map of ``network`` with ``weights`` (imagenet, none, a file, or a fold's folder of a run: `deep_features`) on the window at
    ``rows`` x ``cols``, whatever the ROI.

    What is learnt: ``select`` keeps ``select_number`` features, or makes so many of all (pca; lda: one fewer than classes at most). Then
    ``classifier``: ``penalty`` is the C of svm, svm-linear and logistic, ``gamma`` that of svm (0: one over the features' number and
    variance), ``neighbours`` of knn, ``trees`` of random-forest, ``leaf`` the fewest samples of a leaf of tree and
    random-forest, ``hidden`` the units of mlp and ``decay`` its weight decay. ``class_weight`` weighs classes. With ``search`` inner, the
    main parameters are chosen among a few values instead, by ``inner_folds`` within the training part that keep groups together.

    ``classes`` and ``aggregation`` are as a classifier network's.
    """

    task: ClassVar[str] = "classical"
    words: ClassVar[Mapping[str, Sequence[str]]] = {
        "modality": ("US", "MG"),
        "select": SELECTIONS,
        "classifier": CLASSIFIERS,
        "search": ("none", "inner"),
        "class_weight": ("none", "balanced"),
        "aggregation": tuple(RULES),
    }
    at_least_one: ClassVar[Sequence[str]] = (
        *Settings.at_least_one, "select_number", "neighbours", "trees", "leaf", "hidden", "inner_folds",
    )  # fmt: skip
    above_zero: ClassVar[Sequence[str]] = ("penalty",)

    rows: int = 224
    cols: int = 224
    features: str = "first-order, glcm, wavelet, shape"
    context: float = 0.0
    glcm_distances: str = "1, 3"
    network: str = "efficientnet-lite0"
    weights: str = "imagenet"
    classes: str = "benign, malignant"
    select: str = "none"
    select_number: int = 30
    classifier: str = "svm"
    penalty: float = 1.0
    gamma: float = 0.0
    neighbours: int = 15
    trees: int = 300
    leaf: int = 2
    hidden: int = 32
    decay: float = 1.0
    class_weight: str = "none"
    search: str = "none"
    inner_folds: int = 5
    aggregation: str = "max"

    def kept(self) -> Self:
        """Return the settings as a run folder keeps them: of weights the name of their file or fold, not its place on one machine."""
        return replace(self, weights=kept_value("weights", self.weights))

    def check(self) -> Self:
        """As `Settings.check`; groups, distances and classes must be readable, and the rest must fit together."""
        super(ClassicalSettings, self).check()  # slots make a new class: the bare form would look in the old one
        if self.members != 1:
            raise InputError(f"setting 'members' must be 1 for the task 'classical', got {self.members}")
        if self.class_weight != "none" and self.classifier not in WEIGHTED:
            raise InputError(f"setting 'class_weight' must be none for '{self.classifier}'; it is known to {', '.join(WEIGHTED)}")
        if self.inner_folds < 2:
            raise InputError(f"setting 'inner_folds' must be at least 2, got {self.inner_folds}")
        self.groups()
        self.distances()
        self.class_names()
        return self

    def groups(self) -> list[str]:
        """Return the groups of features.

        Examples
        --------
        >>> ClassicalSettings().groups()
        ['first-order', 'glcm', 'wavelet', 'shape']
        """
        found = [name.strip() for name in self.features.split(",")]
        wrong = next((name for name in found if name not in (*GROUPS, DEEP)), None)
        if wrong is not None or len(set(found)) < len(found):
            known = ", ".join((*GROUPS, DEEP))
            raise InputError(f"setting 'features' must name groups once each, with commas between, of {known}, got '{self.features}'")
        return found

    def distances(self) -> tuple[int, ...]:
        """Return the distances of co-occurrence, in pixels.

        Examples
        --------
        >>> ClassicalSettings().distances()
        (1, 3)
        """
        parts = [part.strip() for part in self.glcm_distances.split(",")]
        if not all(part.isascii() and part.isdigit() and 0 < int(part) < 1000 for part in parts) or len(set(parts)) < len(parts):
            raise InputError(
                f"setting 'glcm_distances' must be whole numbers from 1 to 999 with commas between, e.g. 1, 3, got '{self.glcm_distances}'"
            )
        return tuple(map(int, parts))

    def class_names(self) -> list[tuple[str, ...]]:
        """Return what each class holds, as `ClassifierSettings.class_names` does."""
        return ClassifierSettings(classes=self.classes).class_names()
