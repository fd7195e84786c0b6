"""Settings of classifiers: what is refused, and in which words; what classes and stages mean."""

from __future__ import annotations

import pytest
import yaml

from breastcad.core.errors import InputError
from breastcad.train.classifier_settings import ClassifierSettings
from breastcad.train.lesion_settings import LesionSettings
from breastcad.train.settings import to_text, with_values
from breastcad.train.tasks import from_dict, recipe


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("classes", "benign", "two classes at least"),
        ("classes", "benign, benign", "each label once"),
        ("classes", "good, bad", "names 'good'"),
        ("classes", "benign lump, malignant", "names 'benign lump'"),
        ("stages", "head:3", "like 'head:3:1e-3"),
        ("stages", "tail:3:1e-3", "like 'head:3:1e-3"),
        ("stages", "all:0:1e-3", "like 'head:3:1e-3"),
        ("stages", "all:2:inf", "like 'head:3:1e-3"),
        ("channels", 2, "must be 1 or 3, got 2"),
        ("copies", 8, "'copies_policy' must say how"),
        ("loss", "hinge", "must be one of cross-entropy, focal, got 'hinge'"),
        ("momentum", 1.5, "is a share and must be at most 1"),
        ("momentum", 1.0, "'momentum' must be below 1"),
        ("dropout", 1.0, "'dropout' must be below 1"),
        ("seed", 2**70, "'seed' must be at most 4294967295"),
        ("rate", 0.0, "must be above 0"),
        ("aggregation", "median", "must be one of max, mean, noisy-or"),
        ("augmentation.noise", 1, "unknown setting 'augmentation.noise'"),
    ],
)
def test_what_no_training_can_use_is_refused(name: str, value: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        with_values(ClassifierSettings(), [(name, value)])


def test_settings_come_back_from_their_text_with_their_task() -> None:
    settings = ClassifierSettings(classes="normal+benign, malignant mass", stages="head:1:1e-3 all:2:1e-4", rate=3e-4)
    assert from_dict(yaml.safe_load(to_text(settings))) == settings
    assert isinstance(from_dict({"rows": 96, "cols": 96}), LesionSettings)
    with pytest.raises(InputError, match="'task' must be one of lesion, classifier"):
        from_dict({"task": "sorter"})


def test_the_recipe_of_a_classifier_is_one() -> None:
    found = recipe("classifier")
    assert isinstance(found, ClassifierSettings)
    assert found.class_names() == [("benign",), ("malignant",)]
    assert found.training_stages()[0].epochs == found.epochs
