"""Made-up earlier exams: the last film tells nothing by construction, growth does; all reproducible, all on disk as stated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from breastcad.core.files import read_collection, read_patches
from breastcad.core.seeding import generator
from breastcad.phantom.growing import (
    DOUBLING_DAYS,
    GAP_DAYS,
    LAST_DIAMETER_MM,
    GrowingBreast,
    diameter_before,
    growing_breast,
    growing_breasts,
    write_breasts,
)
from breastcad.read import open_picture


@pytest.fixture(scope="module")
def pair() -> dict[str, GrowingBreast]:
    """Breasts of each label from the same random numbers, over four exams."""
    return {label: growing_breast(generator(5, "pair"), label, dates=4) for label in ("malignant", "benign", "normal")}


def test_a_diameter_by_hand() -> None:
    """Three doublings before: an eighth of the volume, half the diameter; at no time before, itself."""
    assert diameter_before(16.0, 3 * 123.0, 123.0) == pytest.approx(8.0)
    assert diameter_before(16.0, 0, 50.0) == 16.0


def test_the_last_film_is_the_same_whether_the_mass_grew_or_not(pair) -> None:
    assert np.array_equal(pair["malignant"].films[-1], pair["benign"].films[-1])
    assert not np.array_equal(pair["malignant"].films[0], pair["benign"].films[0])
    assert not np.array_equal(pair["normal"].films[-1], pair["benign"].films[-1])


def test_the_malignant_mass_grows_as_its_doubling_time_says_and_the_benign_one_does_not(pair) -> None:
    grown, stable = pair["malignant"], pair["benign"]
    assert grown.doubling_days is not None
    assert DOUBLING_DAYS[0] <= grown.doubling_days <= DOUBLING_DAYS[1]
    last = grown.diameters_mm[-1]
    wanted = [diameter_before(last, grown.days[-1] - day, grown.doubling_days) for day in grown.days]
    wander = np.array(stable.diameters_mm) / last
    assert grown.diameters_mm == pytest.approx(np.array(wanted) * wander)
    assert np.abs(wander - 1).max() < 0.15
    assert LAST_DIAMETER_MM[0] <= last <= LAST_DIAMETER_MM[1]
    assert pair["normal"].diameters_mm == [0.0] * 4
    assert pair["normal"].boxes == [None] * 4


def test_exams_are_in_order_at_irregular_intervals(pair) -> None:
    gaps = np.diff(pair["malignant"].days)
    assert pair["malignant"].days == pair["benign"].days
    assert ((gaps >= GAP_DAYS[0]) & (gaps < GAP_DAYS[1])).all()
    assert len(set(gaps.tolist())) == 3


def test_a_box_holds_the_brightness_that_the_mass_adds(pair) -> None:
    """With and without the mass the film differs inside the box, and hardly outside."""
    row0, col0, row1, col1 = (int(edge) for edge in pair["benign"].boxes[0])
    apart = pair["benign"].films[0] - pair["normal"].films[0]
    inside = apart[row0:row1, col0:col1]
    assert inside.mean() > 0.05
    assert apart.sum() - inside.sum() < 0.35 * apart.sum()


def test_the_same_seed_gives_the_same_women() -> None:
    first, second = (growing_breasts(3, 9) for _ in range(2))
    assert [one.label for one in first] == [one.label for one in second]
    assert all(np.array_equal(one.films, other.films) for one, other in zip(first, second, strict=True))


def test_on_disk_a_breast_is_a_sample_and_its_exams_are_roles(pair, tmp_path: Path) -> None:
    write_breasts(tmp_path, list(pair.values()))
    collection, patches = read_collection(tmp_path), read_patches(tmp_path / "patches.csv")
    assert [(row.sample_id, row.role, row.label) for row in patches[:5]] == [
        *(("g0000", str(k), "malignant") for k in range(4)),
        ("g0001", "0", "benign"),
    ]
    assert [row.days_from_first for row in collection.images[:4]] == pair["malignant"].days
    assert {row.origin for row in collection.images} == {"phantom"}
    shown = open_picture(tmp_path / str(collection.images[3].path)).pixels
    assert shown == pytest.approx(pair["malignant"].films[3], abs=0.51 / 255)


@pytest.mark.parametrize(
    ("label", "dates", "said"), [("lesion", None, "label must be one of malignant"), ("benign", 0, "at least 1, got 0")]
)
def test_what_cannot_be_made_is_refused(label: str, dates: int | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        growing_breast(generator(1), label, dates=dates)
