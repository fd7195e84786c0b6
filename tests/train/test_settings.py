"""LesionSettings: recipes, their change by name, and what is refused."""

from __future__ import annotations

import pytest
import yaml

from breastcad.core.errors import InputError
from breastcad.train.lesion_settings import LesionSettings
from breastcad.train.settings import to_text, with_values
from breastcad.train.tasks import RECIPES, from_dict, recipe


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_survives_being_written(name: str) -> None:
    assert from_dict(yaml.safe_load(to_text(recipe(name)))) == recipe(name)
    assert recipe(name).model_id == name


def test_text_of_the_command_line_becomes_numbers() -> None:
    changed = with_values(LesionSettings(), [("rows", "64"), ("rate", "1e-2"), ("augmentation.scale", "[0.5, 2]"), ("outline", "false")])
    assert (changed.rows, changed.rate, changed.augmentation.scale, changed.outline) == (64, 0.01, (0.5, 2.0), False)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("rowz", "3", "unknown setting 'rowz'; near names: \\['rows'"),
        ("augmentation.noize", "3", "unknown setting 'augmentation.noize'"),
        ("rows.more", "3", "unknown setting 'rows.more'"),
        ("rows", "100", "setting 'rows' must be a multiple of 32 for the network unet-efficientnet-lite0, got 100"),
        ("batch", "0", "setting 'batch' must be at least 1, got 0"),
        ("patience", "0", "setting 'patience' must be at least 1, got 0"),
        ("modality", "us", "setting 'modality' must be one of US, MG, got 'us'"),
        ("weights", "ImageNet", "setting 'weights' must be one of imagenet, none, got 'ImageNet'"),
        ("policy", "b", "setting 'policy' must be one of none, b-table-1, b-training, a, c, d, e3, broad, got 'b'"),
        ("mark_level", "0", "setting 'mark_level' must be above 0, got 0.0"),
        ("score_floor", "1.5", "setting 'score_floor' must be a number from 0 to 1, got '1.5'"),
        ("model_id", "a\tb", r"setting 'model_id' must be printable text of 1 to 200 characters, got 'a\\tb'"),
        ("rate", "nan", "setting 'rate' must be finite, got nan"),
        ("batch", "*", r"setting 'batch' must be int, e\.g\. \d+, got '\*'"),
        ("augmentation.scale", "[0.5, 2", "setting 'augmentation.scale' must be tuple"),
        ("augmentation.scale", "[low, 2]", "setting 'augmentation.scale' must be tuple"),
        ("average_decay", "1.5", "setting 'average_decay' is a share and must be at most 1, got 1.5"),
        ("augmentation.gamma", "[0, 1]", "setting 'augmentation.gamma' must be above 0, got 0.0, 1.0"),
        ("augmentation.scale", "[2, 1]", "setting 'augmentation.scale' must be a range, its lower end first, got 2.0, 1.0"),
        ("rows", "many", "setting 'rows' must be int"),
        ("augmentation.scale", "[1]", "setting 'augmentation.scale' must be tuple"),
    ],
)
def test_what_is_no_setting_is_refused(name: str, value: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        with_values(LesionSettings(), [(name, value)])


def test_unknown_recipe_names_the_near_one() -> None:
    with pytest.raises(InputError, match="unknown recipe 'us-lesions'; did you mean 'us-lesion'"):
        recipe("us-lesions")
