"""A model on a site's own exams, in words and tables for who reads the exams, and the two pictures that go with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from breastcad.evaluate.calibration import reliability
from breastcad.evaluate.drawing import GREY, MARKERS, line, new_panels, save
from breastcad.evaluate.figures import Figure
from breastcad.evaluate.operating_points import TRAVEL_NOTE, shown
from breastcad.evaluate.pictures import Curve, roc_panel
from breastcad.evaluate.site import THRESHOLD, Limits, SiteReport
from breastcad.evaluate.site_labels import SiteLabels, Unit
from breastcad.report.certainty_page import NOTHING, cell
from breastcad.report.sections import Section

SHOWN_AT_MOST = 50
LEAST_A_BIN = 10
"""Exams a bin of the reliability picture has at least: of one exam it is 0 or 1."""
PLURALS = {"image": "images (files)", "breast": "breasts", "exam": "exams"}
AS_SHOWN = {
    "sensitivity": "sensitivity: of 100 cancers so many are called",
    "specificity": "specificity: of 100 others so many are let go",
    "precision": "PPV: of 100 called so many are cancers, with as many cancers as here",
    "npv": "NPV: of 100 let go so many are no cancers, with as many cancers as here",
    "called": "share called",
}


def validation_sections(found: SiteReport, labels: SiteLabels, limits: Limits) -> list[Section]:
    """Return what was found, the answer first.

    Parameters
    ----------
    found : SiteReport
    labels : SiteLabels
    limits : Limits
        What was asked for.
    """
    parts = [_answer(found, limits), _compared(found, labels), _standing(found), _own_point(found)]
    parts += [_released(found)] if found.decision else []
    parts += [_recalibrations(found), _proposed(found)] if found.proposed else []
    unused = [*labels.bad[:SHOWN_AT_MOST], *([f"and {len(labels.bad) - SHOWN_AT_MOST} more"] if len(labels.bad) > SHOWN_AT_MOST else [])]
    if unused or found.left_out:
        parts.append(Section("Not used, not made", tuple(f"{one[:1].upper()}{one[1:]}." for one in [*unused, *found.left_out])))
    return parts


def _answer(found: SiteReport, limits: Limits) -> Section:
    rule = (
        f"The rule: {limits.positives} women with a malignant exam and {limits.negatives} with another, since with fewer the calibration of"
        " a model cannot be judged (Collins et al., Stat. Med. 35 (2016) 214-226); and sensitivity and specificity known to plus or minus"
        f" {limits.half_width:g}."
    )
    if found.reasons:
        said = f"**Not certified: {found.verdict}.** The figures below are what these exams show, no more."
        return Section("The answer", (said, *(f"- {reason}." for reason in found.reasons), rule))
    return Section(
        "The answer",
        (
            "**The exams are enough to go by.** The figures below hold, within their intervals, for exams like these, read as these were.",
            rule,
            "That they are enough does not say that the model is good enough: that is for you to judge.",
        ),
    )


def _compared(found: SiteReport, labels: SiteLabels) -> Section:
    counts = ", ".join(f"{count} {label}" for label, count in found.labels.items())
    levels = " and ".join(dict.fromkeys(PLURALS[unit.level] for unit in labels.units))
    words = [f"{found.n} {levels} of {found.women[0]} women: {counts}. Looked for: malignant; benign and normal together are the others."]
    words.append(
        f"Share of cancers here: {100 * found.positives / found.n:.1f} %. In screening it is under 1 %: PPV and NPV are another's there."
    )
    if found.abstained[0]:
        words.append(
            f"From {found.abstained[0]} the model abstained, {found.abstained[1]} of them malignant. The operating point calls none"
            " of them: a cancer among them lowers the sensitivity and is listed below; specificity, PPV, NPV and the share called are"
            " of the others. In all else they count with the probability that it gave all the same"
            + (f", but for {found.unsaid[0]} that it gave none." if found.unsaid[0] else ".")
        )
    return Section("What was compared", (*words, *labels.remarks))


STANDING = {
    "auc": "AUC: of a cancer and another exam, how often the cancer is rated higher",
    "brier": "Brier score (0 is best)",
    "calibration error": "calibration error (0 is best)",
    "slope": "calibration slope (1 is right; below it the probabilities are too extreme)",
    "intercept": "calibration in the large (0 is right; above it they are too low)",
    "seen to expected": "cancers seen to cancers expected (1 is right)",
}


def _standing(found: SiteReport) -> Section:
    figures = found.figures.get("as it is", {})
    rows = tuple((words, cell(figures.get(name))) for name, words in STANDING.items())
    return Section("How it ranks, and whether its probabilities hold", (), ("figure", "here"), rows, 1, (INTERVAL,))


INTERVAL = "In brackets: 95 % interval, over women."


def _own_point(found: SiteReport) -> Section:
    if found.decision is None:
        return Section("The model's own operating point", ("The model has none, so it calls nothing.",))
    one, figures = found.decision, found.figures.get("own operating point", {})
    words = f"{one.name}: called where P(malignant) is at least {shown(one.threshold)}."
    if found.level != "image":
        made = f" It was made for images: {found.level}s join views, for which no card promises anything, and it is not certified here."
        rows = tuple((words, cell(figures.get(name))) for name, words in AS_SHOWN.items())
        return Section("The model's own operating point", (words + made,), ("figure", "here"), rows, 1, (INTERVAL, TRAVEL_NOTE))
    card = {"sensitivity": f"{one.sensitivity:.3f}", "specificity": f"{one.specificity:.3f}"}
    beside = tuple((words, cell(figures.get(name)), card.get(name, NOTHING)) for name, words in AS_SHOWN.items())
    said = (f"{words} Its card promises what the last column says.",)
    return Section("The model's own operating point", said, ("figure", "here", "card"), beside, 1, (INTERVAL, TRAVEL_NOTE))


def _released(found: SiteReport) -> Section:
    if not found.released:
        return Section("Let go, though malignant", ("None of these exams.",))
    shown = ", ".join(found.released[:SHOWN_AT_MOST])
    more = f", and {len(found.released) - SHOWN_AT_MOST} more (validation.json)" if len(found.released) > SHOWN_AT_MOST else ""
    words = f"{len(found.released)} of {found.positives}: {shown}{more}. Look at each in the analysis: these are its names, no patient's."
    return Section("Let go, though malignant", (words,))


def _recalibrations(found: SiteReport) -> Section:
    columns = [name for name in STANDING if name != "auc"]
    parts = ("as it is", *found.recalibrations)
    rows = tuple((part, *(cell(found.figures.get(part, {}).get(name)) for name in columns)) for part in parts)
    words = (
        "What would make the probabilities hold here: one temperature, or a line (Platt). Each woman is measured with what the others"
        " gave. With few exams it makes them worse: then leave them as they are."
    )
    return Section("Recalibration proposed", (words,), ("probability", *columns), rows, 1, (INTERVAL,))


def _proposed(found: SiteReport) -> Section:
    numbers = tuple(
        (
            one.name,
            shown(one.value) if one.name.startswith(THRESHOLD) else f"{one.value:.4g}",
            NOTHING if one.low is None else f"{one.low:.3g} to {one.high:.3g}",
        )
        for one in found.proposed
    )
    figures = found.figures.get("proposed operating point", {})
    measured = "; ".join(f"{name} {cell(figures.get(name))}" for name in ("sensitivity", "specificity"))
    words = f"At a threshold chosen on the other women: {measured}."
    notes = ("Interval: 95 %, over women, of what would be fitted anew. Nothing is taken over by itself; the model file stays as it is.",)
    return Section("Numbers proposed for this site", (words,), ("number", "fitted on all", "interval"), numbers, 1, notes)


def validation_pictures(units: Sequence[Unit], found: SiteReport, out: Path, title: str) -> dict[str, Path]:
    """Draw roc.png and reliability.png, where both classes are there.

    Returns
    -------
    dict
        The files by what they show.
    """
    figures = found.figures.get("as it is", {})
    if "auc" not in figures:
        return {}
    known = [(unit.label == "malignant", unit.malignant) for unit in units if unit.malignant is not None]
    truth, stated = [ill for ill, _ in known], np.array([value for _, value in known])
    area: Figure = figures["auc"]
    roc_panel(out / "roc.png", title, [Curve("P(malignant)", truth, stated, (area.low, area.high))])
    canvas, (panel,) = new_panels(1)
    panel.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
    bins = reliability(truth, stated, bins=max(2, min(10, len(known) // LEAST_A_BIN)))
    panel.plot([one.probability for one in bins], [one.frequency for one in bins], marker=MARKERS[0], markersize=5, **line(0))
    panel.set(xlabel="stated probability of malignant", ylabel=f"share malignant, {len(bins)} bins of equal size")
    panel.set(title=f"n = {area.n}, {area.positives} malignant, {area.clusters} women", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    save(canvas, out / "reliability.png", title)
    return {"ROC curve": out / "roc.png", "Stated probability against what was seen": out / "reliability.png"}
