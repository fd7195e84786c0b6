"""Shortcuts: a planted one is found and named, none is found where there is none, and groups are kept together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from breastcad.core.records import ImageRow, Picture
from breastcad.core.seeding import generator
from breastcad.datasets.shortcuts import FACTS, LEFT_IN, TAKEN_OUT, facts_of, shortcut
from breastcad.evaluate.intervals import UndefinedFigure


def _facts(count: int, seed: int = 0) -> list[dict[str, float | str]]:
    draw = np.random.default_rng(seed)
    return [{name: "png" if name in ("file_kind", "manufacturer") else float(draw.random()) for name in FACTS} for _ in range(count)]


def test_facts_of_a_picture_by_hand(tmp_path: Path) -> None:
    pixels = np.full((40, 80), 0.5, np.float32)
    pixels[:10] = 0
    pixels[:, 60:] = 0
    pixels[20, 10:40] = 1
    path = tmp_path / "a.PNG"
    path.write_bytes(b"12345")
    facts = facts_of(ImageRow("s", "a", manufacturer="GE"), path, Picture(pixels, bit_depth=12))
    assert set(facts) == set(FACTS) == {*LEFT_IN, *TAKEN_OUT}
    assert facts["aspect"] == 0.5
    assert facts["border_share"] == pytest.approx(1 - 30 * 60 / 3200)
    assert facts["black_share"] == pytest.approx(1 - 30 * 60 / 3200)
    assert facts["white_share"] == facts["overlay_share"] == pytest.approx(30 / 3200)
    assert (facts["rows"], facts["cols"], facts["bit_depth"], facts["file_kind"], facts["file_bytes"]) == (40, 80, 12, ".png", 5)
    assert (facts["colour"], facts["manufacturer"], facts["brightest"]) == (0.0, "GE", 0.5)


def test_a_planted_shortcut_is_found_and_named() -> None:
    facts, labels = _facts(200), [place % 2 == 0 for place in range(200)]
    for row, label in zip(facts, labels, strict=True):
        row["manufacturer"] = "A" if label else "B"
    found = shortcut(facts, labels, [str(place) for place in range(200)], generator(1, "t"), names=TAKEN_OUT)
    assert found.area.value > 0.97
    assert found.ranked[0][0] == "manufacturer"
    assert found.images == 200


def test_where_nothing_tells_the_label_none_is_claimed() -> None:
    labels = [bool(value) for value in np.random.default_rng(5).integers(0, 2, 200)]
    found = shortcut(_facts(200), labels, [str(place) for place in range(200)], generator(1, "t"), names=LEFT_IN)
    assert found.area.low < 0.5  # pooled over folds, chance comes out a little below one half
    assert found.area.value < 0.6
    assert max(loss for _, loss in found.ranked) < 0.1


@pytest.mark.slow
def test_copies_of_a_group_never_judge_each_other() -> None:
    facts = [dict(row) for row in _facts(30, 7) for _ in range(8)]  # eight copies of each: a leak would tell everything
    labels = [bool(value) for value in np.repeat(np.random.default_rng(2).integers(0, 2, 30), 8)]
    together = shortcut(facts, labels, [str(place // 8) for place in range(240)], generator(1, "t"))
    apart = shortcut(facts, labels, [str(place) for place in range(240)], generator(1, "t"))
    assert apart.area.value > 0.95
    assert together.area.value < 0.8


def test_too_few_groups_of_a_class_are_refused() -> None:
    with pytest.raises(UndefinedFigure, match="a class has fewer than 5 groups of images"):
        shortcut(_facts(40), [place < 4 for place in range(40)], [str(place) for place in range(40)], generator(1, "t"))
