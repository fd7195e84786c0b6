"""What a phantom says of itself."""

from __future__ import annotations

import numpy as np
import pytest

from breastcad.phantom.record import Phantom, PhantomLesion


def lesion(pathology: str, *, empty: bool = False) -> PhantomLesion:
    mask = np.zeros((6, 9), bool)
    mask[2:4, 5:8] = not empty
    return PhantomLesion("mass", pathology, mask, "oval", "circumscribed")


@pytest.mark.parametrize(
    ("pathologies", "label"), [([], "normal"), (["benign"], "benign"), (["malignant", "benign"], "malignant"), (["benign"] * 2, "benign")]
)
def test_the_label_is_the_worst_pathology(pathologies: list[str], label: str) -> None:
    assert Phantom(np.zeros((6, 9), np.float32), [lesion(word) for word in pathologies]).label == label


def test_boxes_masks_and_kinds_stand_in_the_order_of_the_lesions() -> None:
    made = Phantom(np.zeros((6, 9), np.float32), [lesion("benign")])
    assert made.boxes == [(2, 5, 4, 8)]
    assert made.kinds == ["mass"]
    assert made.masks[0].sum() == 6


def test_a_lesion_without_a_pixel_has_no_box() -> None:
    with pytest.raises(ValueError, match="at least one pixel"):
        _ = lesion("benign", empty=True).box
