"""What `datasets.leak_demo` found, as a text and as a picture of bars: light ground, colours that colour-blind readers tell apart."""

from __future__ import annotations

import io

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from breastcad.core.records import NOTICE
from breastcad.datasets.leak_demo import BY_COPY, BY_GROUP, CLASSES, COPIES, FOLDS, REPEATS, SIDE_PX, TREES, Copies, LeakShown
from breastcad.evaluate.intervals import ClusterInterval

_BARS = ((BY_COPY, "#C05000"), (BY_GROUP, "#0072B2"))  # Okabe and Ito's, the orange darker so that white text on it can be read
_GREY = "#555555"


def leak_text(title: str, shown: LeakShown, copies: Copies, seed: int) -> str:
    """Return Markdown: what was done, both figures with their intervals, what they show.

    Parameters
    ----------
    title : str
        Names the data; says so where they are made up.
    shown : LeakShown
    copies : Copies
        That it was shown on.
    seed : int

    Returns
    -------
    str
        Ends with a line break.
    """
    parts = [
        f"# The leak shown: {title}",
        _what_was_done(shown, copies, seed),
        _table(shown),
        f"Always saying the larger class would be right for {100 * shown.larger_class:.1f} %. The leak alone is worth"
        f" {100 * shown.difference.value:.1f} points of accuracy ({_range(shown.difference)}). Intervals: 95 %, over"
        f" {shown.difference.repeats:,} resamples of patient groups.",
        "## What it shows",
        f"Nothing differs between the rows but what was kept together. Parted {BY_COPY}, a picture is tested whose own copies, turned by a"
        " little more or less, were trained on: the forest knows the lesion again, and need not know the disease. `breastcad split`"
        " refuses such a split:",
        "\n".join(f"> {sentence}" for sentence in shown.by_copy.leaks),
        f"Parted {BY_GROUP}, the same forest is shown lesions of patients that it has never seen, and {_honest(shown)}. Only that figure"
        " says what another patient may expect. Part first, by patient; turn, mirror and enlarge afterwards, in the training part alone.",
        *(["Left out: " + "; ".join(copies.unread) + "."] if copies.unread else []),
        NOTICE,
    ]
    return "\n\n".join(parts) + "\n"


def _what_was_done(shown: LeakShown, copies: Copies, seed: int) -> str:
    n = {label: sum(finding.pathology == label for finding in copies.findings) for label in CLASSES}
    images = len({(finding.set, finding.image_id) for finding in copies.findings})
    said = ", ".join(f"{count} {label}" for label, count in n.items())
    return (
        f"{len(copies.findings)} findings ({said}) of {images} images and {shown.difference.clusters} patient groups, each cut out and"
        f" turned {COPIES} times: {len(copies.findings) * COPIES:,} copies. One classifier ({TREES} extremely randomised trees on"
        f" {SIDE_PX} x {SIDE_PX} pixels) says benign or malignant. {FOLDS} folds, {REPEATS} repeats, seed {seed}; each copy is tested by a"
        " forest that was not trained on it."
    )


def _honest(shown: LeakShown) -> str:
    """Return what is left without the leak."""
    auc = shown.by_group.auc
    said = f"(AUC {auc.value:.2f}, {auc.low:.2f} to {auc.high:.2f})"
    return f"cannot be told from guessing {said}" if auc.low <= 0.5 <= auc.high else f"this is what it has learned of the disease {said}"


def _table(shown: LeakShown) -> str:
    lines = ["| parted | leaks | accuracy, % | interval | AUC | interval |", "|---|---|---:|---|---:|---|"]
    for way, parted in ((BY_COPY, shown.by_copy), (BY_GROUP, shown.by_group)):
        auc = parted.auc
        lines.append(
            f"| {way} | {'yes' if parted.leaks else 'no'} | {100 * parted.accuracy.value:.1f} | {_range(parted.accuracy)}"
            f" | {auc.value:.3f} | {auc.low:.3f} to {auc.high:.3f} |"
        )
    return "\n".join(lines)


def _range(found: ClusterInterval) -> str:
    return f"{100 * found.low:.1f} to {100 * found.high:.1f}"


def leak_picture(title: str, shown: LeakShown) -> bytes:
    """Return a PNG: accuracy and AUC of both ways of parting as bars with their intervals, and what guessing reaches.

    Parameters
    ----------
    title : str
        Names the data; says so where they are made up.
    shown : LeakShown
    """
    canvas = Canvas(figsize=(9.2, 3.4), facecolor="white")
    panels = canvas.subplots(1, 2)
    found = {BY_COPY: shown.by_copy, BY_GROUP: shown.by_group}
    _bars(panels[0], {way: one.accuracy for way, one in found.items()}, shown.larger_class, "always the larger class", 100)
    _bars(panels[1], {way: one.auc for way, one in found.items()}, 0.5, "guessing", 1)
    panels[0].set_xlabel("accuracy, % of the copies")
    panels[1].set_xlabel("area under the ROC curve")
    canvas.suptitle(f"The same classifier on the same copies, parted in two ways\n{title}", fontsize=11)
    canvas.text(0.5, 0.03, "lines: 95 % interval over patient groups", color=_GREY, ha="center", fontsize=9)
    canvas.subplots_adjust(top=0.8, bottom=0.27, left=0.1, right=0.98, wspace=0.3)
    stream = io.BytesIO()
    canvas.savefig(stream, format="png", dpi=110, metadata={"Software": "breastcad"})
    return stream.getvalue()


def _bars(panel: Axes, found: dict[str, ClusterInterval], guess: float, guessing: str, scale: float) -> None:
    for place, (way, colour) in enumerate(_BARS):
        one = found[way]
        panel.barh(place, scale * one.value, 0.6, color=colour)
        panel.plot([scale * one.low, scale * one.high], [place, place], color="black", linewidth=1.6, marker="|", markersize=9)
        text = f"{100 * one.value:.1f} %" if scale > 1 else f"{one.value:.3f}"
        panel.text(0.03 * scale, place, text, color="white", va="center", fontsize=11, fontweight="bold")
    panel.plot([scale * guess] * 2, [-0.5, 1.5], color=_GREY, linestyle="--", linewidth=1.2)
    panel.text(scale * guess, -0.53, guessing, color=_GREY, ha="center", va="bottom", fontsize=9)
    panel.set(xlim=(0, 1.02 * scale), ylim=(1.5, -0.7))
    panel.set_yticks([0, 1], ["by copy\n(leaks)", "by patient\ngroup"])
    panel.spines[["top", "right"]].set_visible(False)
