"""Each set is tested once by what learned from the others."""

from __future__ import annotations

from collections import Counter

import pytest

from breastcad.core.errors import InputError
from breastcad.core.records import ImageRow
from breastcad.datasets.set_splits import leave_one_set_out
from breastcad.datasets.splits import leaks


def test_a_fold_a_set_and_who_is_in_two_sets_does_not_train_where_tested() -> None:
    """Image 0 of b and of c is one scene: fold 1 (b) may not train on c's, and fold 2 (c) not on b's."""
    images = [ImageRow(name, f"{name}{number}", label=("benign", "malignant")[number % 2]) for name in "cab" for number in range(12)]
    groups = {(image.set, image.image_id): image.image_id for image in images} | {("b", "b0"): "twice", ("c", "c0"): "twice"}
    rows, remarks = leave_one_set_out(images, groups, seed=1, validation_share=0.25)
    assert leaks(rows) == []
    assert Counter((row.outer, row.set) for row in rows if row.part == "test") == {(0, "a"): 12, (1, "b"): 12, (2, "c"): 12}
    assert Counter(row.outer for row in rows) == {0: 36, 1: 35, 2: 35}
    validating = Counter((row.outer, row.set) for row in rows if row.part == "validation")
    assert validating == {(0, "b"): 3, (0, "c"): 3, (1, "a"): 3, (1, "c"): 3, (2, "a"): 3, (2, "b"): 3}
    assert remarks[:2] == ["fold 0 tests a", "fold 1 tests b"]
    assert remarks[2] == "fold 1: group 'twice' lies on both sides: c 'c0' left out of training"


def test_one_set_is_refused() -> None:
    with pytest.raises(InputError, match="leaving one set out needs images of two sets at least, got a; give more collections"):
        leave_one_set_out([ImageRow("a", "1"), ImageRow("b", "2", present=0)], {("a", "1"): "g"}, seed=0)
