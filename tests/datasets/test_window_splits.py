"""Windows and copies parted at random: each tested once, balanced, and the leak is seen."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.errors import InputError
from breastcad.core.records import PatchRow
from breastcad.datasets.splits import leaks
from breastcad.datasets.window_splits import window_kfold


def window(number: int, label: str = "benign", group: str | None = "g") -> PatchRow:
    return PatchRow(f"one/i{number}/0-{number}-8x8", "image", "one", f"i{number}", None, 0, number, 8, 8, label=label, group=group)


@given(st.lists(st.sampled_from(("normal", "benign", "malignant")), min_size=5, max_size=30), st.integers(1, 4), st.integers(2, 5))
def test_every_window_and_copy_is_tested_once_and_parts_have_their_shares(labels: list[str], copies: int, folds: int) -> None:
    windows = [window(number, label, f"g{number % 3}") for number, label in enumerate(labels)]
    rows = window_kfold(windows, copies, folds=folds, seed=3, validation_share=0.25)
    samples = [f"{one.sample_id}#{copy}" if copy else one.sample_id for one in windows for copy in range(copies)]
    assert Counter(row.id for row in rows if row.part == "test") == dict.fromkeys(samples, 1)
    for outer in range(folds):
        own = [row for row in rows if row.outer == outer]
        assert [row.id for row in own] == samples
        tested = sum(row.part == "test" for row in own)
        assert abs(tested - len(samples) / folds) < 2
        assert abs(sum(row.part == "validation" for row in own) - 0.25 * (len(samples) - tested)) < 2
    group_of = {one.sample_id: one.group for one in windows}
    assert all(row.group == group_of[row.id.partition("#")[0]] for row in rows)


def test_copies_of_a_window_lie_in_several_parts_and_that_is_seen_as_a_leak() -> None:
    rows = window_kfold([window(number, group=f"g{number}") for number in range(20)], 8, folds=5, seed=1, validation_share=0.25)
    said = leaks(rows)
    assert any("groups are in both 'train' and 'test'" in sentence for sentence in said)
    alone = window_kfold([window(number, group=f"g{number}") for number in range(20)], 1, folds=5, seed=1, validation_share=0.25)
    assert leaks(alone) == []


def test_labels_are_balanced_over_the_folds() -> None:
    windows = [window(number, "malignant" if number < 10 else "benign") for number in range(50)]
    rows = window_kfold(windows, 1, folds=5, seed=0, validation_share=0)
    malignant = {one.sample_id for one in windows[:10]}
    assert [sum(row.id in malignant for row in rows if row.part == "test" and row.outer == fold) for fold in range(5)] == [2] * 5


def test_unknown_windows_get_no_row() -> None:
    rows = window_kfold([window(0), window(1, "unknown", None), window(2)], 1, folds=2, seed=0, validation_share=0)
    assert {row.id for row in rows} == {window(0).sample_id, window(2).sample_id}


def test_what_cannot_be_parted_is_refused() -> None:
    with pytest.raises(InputError, match="window 'one/i1/0-1-8x8' has no group; cut the windows with breastcad patches --split FOLDER"):
        window_kfold([window(1, group=None)], 1, folds=2, seed=0, validation_share=0)
    with pytest.raises(InputError, match="folds must be at least 2, got 1"):
        window_kfold([window(1)], 1, folds=1, seed=0, validation_share=0)
    with pytest.raises(InputError, match="3 folds need as many windows and copies with a label, got 2"):
        window_kfold([window(1)], 2, folds=3, seed=0, validation_share=0)
    with pytest.raises(ValueError, match=r"copies must be at least 1 \(the window itself\), got 0"):
        window_kfold([window(1)], 0, folds=2, seed=0, validation_share=0)
    with pytest.raises(ValueError, match=r"validation_share must be in \[0, 1\), got 1"):
        window_kfold([window(1)], 2, folds=2, seed=0, validation_share=1)
