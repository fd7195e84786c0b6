"""Copies are turned about the lesion; a parting by copy flatters where nothing can be learned, one by patient does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from breastcad.core.errors import InputError
from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.core.seeding import generator
from breastcad.datasets import leak_demo
from breastcad.datasets.leak_demo import COPIES, SIDE_PX, Copies, rotated_copies, show_leak

DISC = np.hypot(*np.mgrid[:SIDE_PX, :SIDE_PX] - (SIDE_PX - 1) / 2) <= SIDE_PX / 2


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leak_demo, "TREES", 15)
    monkeypatch.setattr(leak_demo, "REPEATS", 2)


def _finding(image_id: str, number: int, pathology: str, centre: tuple[float, float] | None = (100.0, 220.0)) -> FindingRow:
    row = FindingRow("s", f"{image_id}-{number}", image_id, pathology=pathology)
    if centre:
        row.geometry = "box"
        row.row0, row.col0, row.row1, row.col1 = centre[0] - 20, centre[1] - 30, centre[0] + 20, centre[1] + 30
    return row


def _collection(folder: Path, pictures: dict[str, NDArray[np.uint8]], findings: list[FindingRow]) -> Collection:
    for name, pixels in pictures.items():
        cv2.imwrite(str(folder / f"{name}.png"), pixels)
    return Collection(str(folder), [ImageRow("s", name, path=f"{name}.png") for name in pictures], findings)


def _square(row: NDArray[np.float32]) -> NDArray[np.float32]:
    square = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    square[DISC] = row
    return square


def test_a_window_lies_round_the_finding_and_turns_about_its_centre(tmp_path: Path) -> None:
    """256 x 384 pixels: the window is 32 x 32, two source pixels to one; four rows and eight columns at its upper right are lit."""
    pixels = np.zeros((256, 384), np.uint8)
    pixels[84 + 4 : 84 + 8, 204 + 16 : 204 + 24] = 255
    copies = rotated_copies(_collection(tmp_path, {"a": pixels}, [_finding("a", 1, "benign")]), {("s", "a"): "g"})
    assert copies.pixels.shape == (COPIES, DISC.sum())
    expected = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    expected[2:4, 8:12] = 1
    np.testing.assert_allclose(_square(copies.pixels[0]), expected * DISC, atol=1e-5)
    for quarters in range(1, 4):
        turned = _square(copies.pixels[quarters * COPIES // 4])
        np.testing.assert_allclose(turned, np.rot90(expected, quarters) * DISC, atol=1e-3)
    assert (copies.groups, [finding.finding_id for finding in copies.findings]) == (["g"], ["a-1"])


def test_what_has_no_place_class_or_group_is_left_out_and_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    pixels = np.full((64, 64), 9, np.uint8)
    findings = [
        _finding("a", 1, "benign"),
        _finding("a", 2, "malignant", None),
        _finding("a", 3, "unknown"),
        _finding("alone", 1, "benign"),
        _finding("gone", 1, "benign"),
        _finding("absent", 1, "benign"),
    ]
    collection = _collection(tmp_path, {"a": pixels, "alone": pixels, "gone": pixels, "absent": pixels}, findings)
    (tmp_path / "gone.png").write_bytes(b"")
    collection.images[3].present = 0
    told = []
    copies = rotated_copies(collection, {("s", name): name for name in ("a", "gone", "absent")}, lambda *far: told.append(far))
    assert [finding.finding_id for finding in copies.findings] == ["a-1"]
    assert copies.unread == ["s gone: is empty (0 bytes)"]
    assert copies.pixels.shape[0] == COPIES
    assert told == [(1, 2), (2, 2)]


def _textures(seed: int, n: int, *, shift: float = 0) -> Copies:
    """Draw n smooth textures in as many groups less two, every second malignant and lighter by a shift, and turn them as the demo does."""
    findings, blocks = [], []
    for number in range(n):
        random = generator(seed, "textures", number)
        pixels = cv2.GaussianBlur(random.random((128, 128)).astype(np.float32), (0, 0), 3)
        pixels = (pixels - pixels.min()) / np.ptp(pixels) + shift * (number % 2)
        findings.append(_finding(f"i{number}", 1, ("benign", "malignant")[number % 2], (64, 64)))
        blocks.append(np.stack([view[DISC] for view in leak_demo._turned(cv2.resize(pixels, (1024, 1024)), replace(findings[-1]))]))
    return Copies(np.concatenate(blocks), findings, [f"g{max(number, 2)}" for number in range(n)])


def test_without_anything_to_learn_only_the_leaking_split_shines() -> None:
    shown = show_leak(_textures(1, 30), 3)
    assert shown.by_copy.accuracy.value > 0.9
    assert shown.by_copy.auc.value > 0.97
    assert shown.by_group.auc.low < 0.5 < shown.by_group.auc.high
    assert shown.by_copy.accuracy.low > shown.by_group.accuracy.high
    assert shown.difference.value == pytest.approx(shown.by_copy.accuracy.value - shown.by_group.accuracy.value)
    assert shown.difference.low > 0
    assert shown.by_copy.leaks[0].startswith("split leaks: 28 groups are in both 'train' and 'test' of one fold")
    assert shown.by_group.leaks == []
    assert shown.by_group.accuracy.clusters == 28
    assert shown.by_group.accuracy.value == pytest.approx(np.mean(shown.by_group.repeats))
    assert shown.larger_class == 0.5


def test_what_can_be_learned_is_learned_without_a_leak() -> None:
    """Malignant textures are lighter throughout: both ways are right, and the interval of 1 has width (Wilson's, 14 groups)."""
    shown = show_leak(_textures(1, 16, shift=2), 3)
    assert shown.by_group.accuracy.value == shown.by_copy.accuracy.value == 1
    assert (round(shown.by_group.accuracy.low, 4), shown.by_group.accuracy.high) == (0.7847, 1.0)
    assert shown.difference.value == 0


def test_one_seed_gives_one_answer() -> None:
    copies, told = _textures(2, 14), []
    first = show_leak(copies, 5, lambda *far: told.append(far))
    assert first == show_leak(copies, 5)
    assert first.by_group.repeats != show_leak(copies, 6).by_group.repeats
    assert told[0] == (1, 20)
    assert told[-1] == (20, 20)


def test_too_few_patients_of_a_class_are_refused() -> None:
    copies = _textures(2, 9)
    with pytest.raises(InputError, match=r"of 5 patients a class; this collection has benign ones of 4 and malignant ones of 4"):
        show_leak(copies, 0)
    with pytest.raises(InputError, match="benign ones of 0 and malignant ones of 0"):
        show_leak(Copies(np.empty((0, 4), np.float32), [], []), 0)
