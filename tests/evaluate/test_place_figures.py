"""Figures of where: hits, free-response and checks of a way of placing beside another, small enough to count."""

from __future__ import annotations

import numpy as np
import pytest

from breastcad.core.records import MarkRow
from breastcad.evaluate.boxes import hit_rule
from breastcad.evaluate.place_figures import PlacedImage, place_figures, place_table, sanity_figures
from breastcad.evaluate.place_pictures import froc_picture, sanity_picture

WAYS = ("cam", "centre", "random", "brightest")


def image(number: int, label: str, cam: list[tuple[float, bool]], centre: bool, **measured: float) -> PlacedImage:
    """An image with one lesion, unless it is normal; its marks by cam as (score, hit), one by each rival, of which the centre's may hit."""
    name = f"i{number}"
    marks = {"cam": [MarkRow("a", name, 0, 0, 1, 1, score, "f" if hit else None) for score, hit in cam]}
    marks |= {way: [MarkRow("a", name, 0, 0, 5, 5, 0.5, "f" if centre and way == "centre" else None)] for way in WAYS[1:]}
    own = {measure.replace("_", " "): dict.fromkeys(WAYS, 0.25) | {"cam": value} for measure, value in measured.items()}
    lesions = () if label == "normal" else ("f",)
    alike = {"head": (0.5, -0.25), "all": (0.25, 0.0)} if measured else {}
    return PlacedImage("a", name, f"g{number}", (0, 0), label, lesions, marks, own, alike)


IMAGES = [
    image(0, "malignant", [(0.9, True), (0.2, False)], True, pointing_hit=1.0, energy_inside=0.75),
    image(1, "malignant", [(0.8, False), (0.7, True)], False, pointing_hit=0.0, energy_inside=0.25),
    image(2, "benign", [(0.6, True)], False, pointing_hit=1.0, energy_inside=0.5),
    image(3, "normal", [(0.75, False)], False),
]
# A lesion that has no place: nothing can be said of its marks.
NOWHERE = PlacedImage("a", "i4", "g4", (0, 0), "benign", (), {way: [MarkRow("a", "i4", 0, 0, 1, 1, 0.99)] for way in WAYS})


def by_name(figures) -> dict[str, float]:
    return {figure.name: round(figure.value, 9) for figure in figures}


def test_hits_and_free_response_counted_by_hand() -> None:
    """Best marks of cam: hit (.9), false (.8), hit (.6): 2 of 3; of malignant images 1 of 2; the centre hits 1 of 3.

    By falling score: .9 hit, .8 false, .75 false, .7 hit, .6 hit, .2 false, over 4 images: 1 of 3 at no false mark and at one false
    mark (.25), all 3 from two (.5). The fifth image has a lesion without a place and takes no part.
    """
    found = place_figures([*IMAGES, NOWHERE], WAYS, rule=hit_rule(), of="malignant")
    values = by_name(found)
    assert values["images hit by the best mark, cam"] == pytest.approx(2 / 3)
    assert values["lesions hit by the best mark, cam"] == pytest.approx(2 / 3)
    assert values["images hit by the best mark, malignant images, cam"] == 0.5
    assert values["images hit by the best mark, centre"] == pytest.approx(1 / 3)
    assert values["images hit by the best mark, cam less centre"] == pytest.approx(1 / 3)
    said = [values[f"lesions found at {rate} false marks an image, cam"] for rate in ("0.25", "0.5", "1", "2", "4")]
    assert said == [pytest.approx(1 / 3), 1, 1, 1, 1]
    # The centre's marks tie at .5: one hit and three false of four images, all at once, so nothing before .75.
    assert [values[f"lesions found at {rate} false marks an image, centre"] for rate in ("0.25", "0.5", "1")] == [
        0,
        0,
        pytest.approx(1 / 3),
    ]
    counts = {(figure.n, figure.positives) for figure in found if "found at" in figure.name}
    assert counts == {(4, 3)}
    assert all(hit_rule() in figure.how for figure in found if " less " not in figure.name)


def test_checks_are_means_over_the_images_that_have_them() -> None:
    values = by_name(sanity_figures([*IMAGES, NOWHERE], WAYS))
    assert values["pointing hit, cam"] == pytest.approx(2 / 3)
    assert values["energy inside, cam"] == 0.5
    assert values["energy inside, cam less random"] == 0.25
    assert values["structural similarity, head drawn anew"] == 0.5
    assert values["rank correlation, head drawn anew"] == -0.25
    assert not any("area" in name for name in values)
    assert sanity_figures([NOWHERE], WAYS) == []


def test_the_table_has_a_row_a_measure_a_column_a_way_and_the_difference_below() -> None:
    figures = place_figures(IMAGES, WAYS, rule=hit_rule(), of="malignant") + sanity_figures(IMAGES, WAYS)
    lines = place_table(figures, WAYS).splitlines()
    assert lines[0] == "| measure | cam | centre | random | brightest | n |"
    at = next(k for k, line in enumerate(lines) if line.startswith("| images hit by the best mark |"))
    assert lines[at].startswith("| images hit by the best mark | 0.667 [")
    assert lines[at].endswith(" | 3 |")
    assert lines[at + 1].startswith("| ... cam less this | | 0.333 [")
    assert any(line.startswith("| rank correlation, head | -0.250 [") for line in lines)
    assert lines[-1].endswith("n: images.")
    assert "drawn anew" not in place_table(place_figures(IMAGES, WAYS, rule=hit_rule(), of="malignant"), WAYS)


def test_pictures_are_drawn_with_and_without_curves(tmp_path) -> None:
    figures = place_figures(IMAGES, WAYS, rule=hit_rule(), of="malignant") + sanity_figures(IMAGES, WAYS)
    froc_picture(tmp_path / "froc.png", "made-up", IMAGES, WAYS, figures)
    curves = {way: (np.linspace(1, 0, 11), np.linspace(0, 1, 11)) for way in WAYS}
    sanity_picture(tmp_path / "all.png", "made-up", WAYS, figures, curves)
    sanity_picture(tmp_path / "few.png", "made-up", WAYS, figures, {})
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes["all.png"] > sizes["few.png"] > 10_000
    assert sizes["froc.png"] > 10_000


@pytest.mark.parametrize("images", [[NOWHERE], [NOWHERE, IMAGES[3]]])
def test_without_a_placed_lesion_there_is_no_figure_and_no_crash(images: list[PlacedImage]) -> None:
    assert place_figures(images, WAYS, rule=hit_rule(), of="malignant") == []
