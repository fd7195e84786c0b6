"""Free-response curves of a map and its trivial rivals, and the checks of maps, as PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from breastcad.evaluate.drawing import COLOURS, MARKERS, legend_below, line, new_panels, save
from breastcad.evaluate.figures import Figure
from breastcad.evaluate.froc import froc_curve
from breastcad.evaluate.place_figures import PlacedImage, froc_of

Curves = Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
"""A way -> its mean curves of deletion and insertion."""
MOST_FALSE_MARKS = 4.0
_SHARES = {"pointing hit": "pointing\nhit", "energy inside": "energy\ninside", "images hit by the best mark": "best mark\nhits"}


def froc_picture(path: Path, title: str, images: Sequence[PlacedImage], ways: Sequence[str], figures: Sequence[Figure]) -> None:
    """Draw the free-response curve of each way, to `MOST_FALSE_MARKS` an image or the last mark.

    Raises
    ------
    ValueError
        If there are no lesions.
    """
    known = {figure.name: figure for figure in figures}
    canvas, (panel,) = new_panels(1)
    end = 1.0
    for number, way in enumerate(ways):
        curve = froc_curve(froc_of(images, way))
        figure = known.get(f"lesions found at 1 false marks an image, {way}")
        said = "" if figure is None else f": {figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}] at 1"
        panel.step([0, *curve.nlf], [0, *curve.llf], where="post", linewidth=1.8, label=f"{way}{said}", **line(number))
        if curve.nlf.size:  # where a curve ends at once its end would not be seen
            panel.plot(curve.nlf[-1], curve.llf[-1], marker=MARKERS[number], markersize=6, color=COLOURS[number], clip_on=True)
            end = max(end, float(curve.nlf[-1]))
    panel.set(title=f"{curve.lesions} lesions, {curve.images} images; the marker is a curve's last mark")
    panel.set(xlabel="false marks an image (all images)", ylabel="share of lesions found")
    panel.set(xlim=(0, 1.03 * min(MOST_FALSE_MARKS, end)), ylim=(0, 1.01))
    legend_below(panel)
    save(canvas, path, title)


def sanity_picture(path: Path, title: str, ways: Sequence[str], figures: Sequence[Figure], curves: Curves) -> None:
    """Draw hits and energy of each way, deletion and insertion, and how alike maps stay as weights are drawn anew; what there is of it."""
    known = {figure.name: figure for figure in figures}
    alike = [figure for figure in figures if figure.name.endswith(" drawn anew")]
    canvas, panels = new_panels(1 + 2 * bool(curves) + bool(alike))
    _shares(panels[0], ways, known)
    if curves:
        for panel, which, words in zip(panels[1:3], (0, 1), ("deletion: smaller is better", "insertion: larger is better"), strict=True):
            _curves(panel, words, which, curves, ways, known)
    if alike:
        _randomised(panels[-1], alike)
    save(canvas, path, title)


def _shares(panel: Axes, ways: Sequence[str], known: Mapping[str, Figure]) -> None:
    measures = [measure for measure in _SHARES if f"{measure}, {ways[0]}" in known]
    for number, way in enumerate(ways):
        own = [known[f"{measure}, {way}"] for measure in measures]
        places = [k + 0.16 * (number - (len(ways) - 1) / 2) for k in range(len(measures))]
        ends = np.array([[max(0.0, one.value - one.low), max(0.0, one.high - one.value)] for one in own]).T
        values = [one.value for one in own]
        panel.errorbar(places, values, yerr=ends, fmt=MARKERS[number], markersize=6, capsize=3, color=COLOURS[number], label=way)
    panel.set_xticks(range(len(measures)), [_SHARES[measure] for measure in measures])
    panel.set(title="where the map lies, with 95 % intervals", ylabel="share", xlim=(-0.5, len(measures) - 0.5))
    panel.set_ylim(bottom=-0.03 * panel.get_ylim()[1])  # a marker at 0 is whole
    legend_below(panel)


def _curves(panel: Axes, words: str, which: int, curves: Curves, ways: Sequence[str], known: Mapping[str, Figure]) -> None:
    name = ("deletion area", "insertion area")[which]
    for number, way in enumerate(ways):
        values = curves[way][which]
        figure = known.get(f"{name}, {way}")
        area = "" if figure is None else f": area {figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"
        panel.plot(np.linspace(0, 1, values.size), values, linewidth=1.8, label=f"{way}{area}", **line(number))
    panel.set(title=words, xlabel="share of the breast's pixels, in the map's order", ylabel="mean probability of the class")
    legend_below(panel)


def _randomised(panel: Axes, alike: Sequence[Figure]) -> None:
    names = list(dict.fromkeys(figure.name.partition(", ")[0] for figure in alike))
    for number, name in enumerate(names):
        own = [figure for figure in alike if figure.name.startswith(f"{name}, ")]
        values = np.array([[one.value, one.value - one.low, one.high - one.value] for one in own]).T
        ends = np.maximum(values[1:], 0)
        panel.errorbar(range(len(own)), values[0], yerr=ends, fmt=MARKERS[number], capsize=3, label=name, **line(number))
        words = [one.name.removeprefix(f"{name}, ").removesuffix(" drawn anew") for one in own]
        panel.set_xticks(range(len(own)), [word.replace("last ", "last\n") for word in words], fontsize=9)
    panel.set(title="likeness to the map before weights were drawn anew", ylabel="mean over images", ylim=(-0.4, 1.02))
    legend_below(panel)
