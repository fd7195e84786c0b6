"""The text and the picture of the leak shown."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from breastcad.core.records import NOTICE, FindingRow
from breastcad.datasets.leak_demo import Copies, LeakShown, Parted
from breastcad.evaluate.intervals import ClusterInterval
from breastcad.report.leak_demo import leak_picture, leak_text


def interval(value: float, low: float, high: float) -> ClusterInterval:
    return ClusterInterval(value, low, high, 0.95, 7, 2000, 0, value, 0.0)


def shown(auc: tuple[float, float, float] = (0.52, 0.41, 0.63)) -> LeakShown:
    by_copy = Parted(interval(0.99, 0.98, 0.995), interval(0.999, 0.998, 1), ["split leaks: 7 groups"], [0.99])
    by_group = Parted(interval(0.501, 0.42, 0.585), interval(*auc), [], [0.501])
    return LeakShown(by_copy, by_group, interval(0.489, 0.41, 0.572), 0.6)


def copies(unread: list[str] | None = None) -> Copies:
    labels = ["benign"] * 6 + ["malignant"] * 4
    findings = [FindingRow("s", f"f{number}", f"i{number // 2}", pathology=label) for number, label in enumerate(labels)]
    return Copies(np.zeros((360, 4), np.float32), findings, ["g"] * 10, unread or [])


def test_the_text_gives_both_figures_their_intervals_and_what_they_show() -> None:
    text = leak_text("made-up films", shown(), copies(["s x: is empty (0 bytes)"]), 11)
    assert text.startswith("# The leak shown: made-up films\n\n10 findings (6 benign, 4 malignant) of 5 images and 7 patient groups, ")
    assert "turned 36 times: 360 copies" in text
    assert "seed 11" in text
    assert "| by copy | yes | 99.0 | 98.0 to 99.5 | 0.999 | 0.998 to 1.000 |\n" in text
    assert "| by patient group | no | 50.1 | 42.0 to 58.5 | 0.520 | 0.410 to 0.630 |\n" in text
    assert "larger class would be right for 60.0 %. The leak alone is worth 48.9 points of accuracy (41.0 to 57.2)." in text
    assert "\n> split leaks: 7 groups\n" in text
    assert "and cannot be told from guessing (AUC 0.52, 0.41 to 0.63)." in text
    assert "Left out: s x: is empty (0 bytes).\n" in text
    assert text.endswith(NOTICE + "\n")


@pytest.mark.parametrize(("auc", "guessing"), [((0.5, 0.5, 0.6), True), ((0.7, 0.51, 0.8), False), ((0.3, 0.2, 0.49), False)])
def test_what_differs_from_guessing_is_not_called_guessing(auc: tuple[float, float, float], guessing: bool) -> None:
    text = leak_text("t", shown(auc), copies(), 0)
    assert ("cannot be told from guessing" in text) == guessing
    assert ("this is what it has learned of the disease" in text) != guessing
    assert "Left out" not in text


def test_the_picture_is_a_png_on_light_ground_the_same_each_time() -> None:
    picture = leak_picture("t", shown())
    assert picture == leak_picture("t", shown())
    with Image.open(io.BytesIO(picture)) as opened:
        assert opened.size[0] > 900
        assert opened.convert("L").getpixel((2, 2)) == 255
        colours = {colour for _, colour in opened.convert("RGB").getcolors(2**20)}
    assert {(0xC0, 0x50, 0x00), (0x00, 0x72, 0xB2)} <= colours
