"""Masks, places and sides held against pictures made for it: each fault is found, and a plain film has none."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from breastcad.core.records import FindingRow, ImageRow, Picture
from breastcad.datasets.audit import Check
from breastcad.datasets.audit_findings import Held, finding_checks, held_against

ROWS, COLS = 240, 160


def film(side: str = "left") -> Picture:
    """Return a half ellipse of tissue, its flat side at one side of the picture: rows 24 to 216, and 96 columns wide at row 120."""
    down, across = np.mgrid[:ROWS, :COLS]
    inside = ((down - ROWS / 2) / (0.4 * ROWS)) ** 2 + (across / (0.6 * COLS)) ** 2 <= 1
    pixels = np.where(inside, 0.4 + 0.3 * down / ROWS, 0).astype(np.float32)
    return Picture(pixels if side == "left" else np.ascontiguousarray(pixels[:, ::-1]))


def image(image_id: str = "a", laterality: str | None = "L", modality: str = "MG") -> ImageRow:
    return ImageRow("s", image_id, modality=modality, laterality=laterality, rows=ROWS, cols=COLS)


def mask_file(folder: Path, mask: NDArray[np.bool_]) -> str:
    cv2.imwrite(str(folder / "mask.png"), mask.astype(np.uint8) * 255)
    return "mask.png"


def box_mask(row0: int, col0: int, row1: int, col1: int, shape: tuple[int, int] = (ROWS, COLS)) -> NDArray[np.bool_]:
    mask = np.zeros(shape, bool)
    mask[row0:row1, col0:col1] = True
    return mask


def by_name(checks: list[Check]) -> dict[str, tuple[str, int, int | None]]:
    return {check.name: (check.verdict, check.count, check.of) for check in checks}


def checked(tmp_path: Path, finding: FindingRow, modality: str = "MG") -> dict[str, tuple[str, int, int | None]]:
    return by_name(finding_checks([image(modality=modality)], [held_against(image(modality=modality), film(), [finding], tmp_path)]))


FAULTS = [
    (box_mask(100, 20, 140, 60), {}),
    (np.zeros((ROWS, COLS), bool), {"empty masks": ("warning", 1, 1)}),
    (box_mask(50, 10, 70, 30, (ROWS // 2, COLS // 2)), {"masks of another size": ("note", 1, 1)}),
    (box_mask(50, 10, 70, 30, (ROWS // 2, COLS)), {"masks of other proportions": ("warning", 1, 1)}),
    (box_mask(100, 120, 140, 150), {"findings off the breast": ("warning", 1, 1)}),
]


@pytest.mark.parametrize(("mask", "faults"), FAULTS)
def test_a_mask_is_held_against_its_picture(tmp_path: Path, mask: NDArray[np.bool_], faults: dict[str, tuple[str, int, int]]) -> None:
    rows, cols = np.nonzero(mask) if mask.any() else (np.array([0, 9]), np.array([0, 9]))
    box = [float(value) for value in (rows.min(), cols.min(), rows.max() + 1, cols.max() + 1)]
    finding = FindingRow("s", "1", "a", None, "mass", "benign", None, None, None, None, None, None, "mask", *box)
    finding.mask_path = mask_file(tmp_path, mask)
    found = checked(tmp_path, finding)
    assert {name: said for name, said in found.items() if said[0] != "fine"} == faults


def test_a_mask_that_is_gone_is_told_and_stops_nothing(tmp_path: Path) -> None:
    finding = FindingRow("s", "1", "a", geometry="mask", row0=1, col0=1, row1=9, col1=9, mask_path="gone.png")
    held = held_against(image(), film(), [finding], tmp_path)
    (unread,) = [check for check in finding_checks([image()], [held]) if check.name == "masks that cannot be read"]
    assert unread.items == ("s 1: does not exist",)


@pytest.mark.parametrize(
    ("geometry", "box", "off"),
    [
        ("box", (100, 20, 140, 60), False),
        ("box", (100, 130, 140, 170), True),
        ("circle", (100, 120, 120, 140), True),
        # the corners of a box on the skin lie outside, the ellipse does not
        ("ellipse", (110, 10, 130, 90), False),
        ("box", (-30, 100, 20, 150), True),
        ("box", (500, 500, 520, 520), True),
    ],
)
def test_places_without_a_mask_are_judged_too(tmp_path: Path, geometry: str, box: tuple[float, ...], off: bool) -> None:
    row0, col0, row1, col1 = box
    finding = FindingRow("s", "1", "a", geometry=geometry, row0=row0, col0=col0, row1=row1, col1=col1)
    assert (checked(tmp_path, finding)["findings off the breast"][1] == 1) is off


def test_ultrasound_has_no_background_and_a_finding_without_a_place_is_not_judged(tmp_path: Path) -> None:
    finding = FindingRow("s", "1", "a", geometry="box", row0=100, col0=130, row1=140, col1=150)
    assert "findings off the breast" not in checked(tmp_path, finding, "US")
    assert "findings off the breast" not in checked(tmp_path, FindingRow("s", "1", "a"))


def films(sides: str) -> list[Check]:
    """Check films, all of the left breast, whose chest wall lies left (l) or right (r)."""
    images = [image(str(number)) for number in range(len(sides))]
    pictures = {"l": film("left"), "r": film("right")}
    return finding_checks(images, [held_against(one, pictures[side], [], Path()) for one, side in zip(images, sides, strict=True)])


@pytest.mark.parametrize(
    ("sides", "said"),
    [
        ("l" * 20, ("fine", 0, 20)),
        ("l" * 20 + "r", ("warning", 1, 21)),
        ("r" * 20 + "l", ("warning", 1, 21)),
        ("lllr" * 6, ("note", 6, 24)),
    ],
)
def test_a_film_that_hangs_otherwise_than_its_set_contradicts_its_side(sides: str, said: tuple[str, int, int]) -> None:
    assert by_name(films(sides))["sides that pictures contradict"] == said


def test_of_few_films_nothing_follows() -> None:
    assert "sides that pictures contradict" not in by_name(films("llr"))


def test_a_side_in_the_file_is_held_against_the_table() -> None:
    picture = film()
    picture.laterality = "R"
    (check,) = finding_checks([image()], [held_against(image(), picture, [], Path())])
    assert (check.verdict, check.items) == ("warning", ("s a: L in the table, R in the file",))
    assert finding_checks([image(laterality=None)], [Held()]) == []
