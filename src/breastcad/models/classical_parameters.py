"""What traditional CAD's models are built of: names and parameters. Building them, which loads scikit-learn, is in `classical`."""

from __future__ import annotations

from dataclasses import dataclass

SELECTIONS = ("none", "chi-square", "rfe", "pca", "lda", "forest")
CLASSIFIERS = ("svm", "svm-linear", "random-forest", "knn", "mlp", "logistic", "lda", "tree")
WEIGHTED = ("svm", "svm-linear", "random-forest", "logistic", "tree")
"""Classifiers that can weigh classes."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a pipeline is built of; names and meaning are those of `train.classical_settings.ClassicalSettings`."""

    classifier: str
    select: str = "none"
    select_number: int = 30
    penalty: float = 1.0
    gamma: float = 0.0
    neighbours: int = 15
    trees: int = 300
    leaf: int = 2
    hidden: int = 32
    decay: float = 1.0
    class_weight: str = "none"
    seed: int = 1
    threads: int = 1
