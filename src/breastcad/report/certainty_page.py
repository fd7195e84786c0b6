"""How sure a run may be, in words and tables: what `evaluate.certainty` found, as sections for the terminal and the page."""

from __future__ import annotations

from breastcad.evaluate.certainty import CALIBRATION, CONFORMAL, POINTS, SELECTIVE, Certainty, Line, Tried
from breastcad.evaluate.figures import Figure
from breastcad.evaluate.operating_points import READERS_NOTE, TRAVEL_NOTE
from breastcad.report.sections import Section

NOTHING = "–"
HEADS = {
    CALIBRATION: ("Calibration, before and after", "probability"),
    CONFORMAL: ("Conformal sets", "fitted on"),
    SELECTIVE: ("What is left when the least sure are not decided", "threshold, share decided on validation"),
    POINTS: ("Operating points", "threshold chosen for"),
}
WORDS = {
    CALIBRATION: (
        "Brier: mean squared error. Calibration error: mean distance of stated probability and share seen, ten bins, biased upwards in"
        " small samples. Slope: 1 is right, below it too sure. Intercept: 0 is right, above it too low. Log loss: nats a sample."
    ),
    CONFORMAL: (
        "Both: the model does not tell. The promise is of women like those of validation, on average over such draws: it breaks where"
        " machines, women or the share of cancers differ, says nothing of one woman, and with two classes a set of both is all that doubt"
        " can say. One threshold covers both classes together, and may cover cancers less; a threshold a class"
        " is meant to cover each, and can miss it on test rows: see the column of positives."
    ),
    SELECTIVE: (
        "How sure: distance of the score from the threshold, its bound fixed on validation rows; so the share decided on test rows differs"
        " from the one wished. What is not decided goes to a reader, cancers among it: the figures are of easier cases, not of a better"
        " model. Area: mean share of errors over all coverages; where sureness says nothing, it is the share of errors."
    ),
    POINTS: f"PPV and NPV at the share of positives in these data. {TRAVEL_NOTE}",
}
AS_SHOWN = {"precision": "PPV", "npv": "NPV", "called": "called positive"}
INTERVAL = "Interval: 95 %, over groups (a patient with her near-duplicates); it does not count that thresholds would differ too."


def certainty_sections(found: Certainty, *, brief: bool = False) -> list[Section]:
    """Return what was found, a section a question, set and part.

    Parameters
    ----------
    found : Certainty
    brief : bool
        Of several sets only what is over all.
    """
    parts = [Section("What was fitted and tried", tuple(found.remarks))]
    for tried in found.tried:
        for set_name in tried.sets[-1:] if brief else tried.sets:
            parts += [_section(found, tried, set_name, part) for part in HEADS]
    if found.left_out:
        parts.append(Section("Left out", tuple(f"{sentence[:1].upper()}{sentence[1:]}." for sentence in found.left_out)))
    return parts


def _section(found: Certainty, tried: Tried, set_name: str, part: str) -> Section:
    question = tried.asked.question
    lines = [one for one in found.lines if (one.part, one.question, one.set) == (part, question.name, set_name)]
    title, first = HEADS[part]
    columns = list(dict.fromkeys(column for one in lines for column in one.figures))
    own = tried.part(set_name)
    rows = [tried.rows[i] for i in own]
    counts = f"{len(rows)} rows of level {found.level}, {int(tried.truth[own].sum())} positive, {len({row.group for row in rows})} groups"
    said = f" Nominal coverage {100 * found.coverage:g} %." if part == CONFORMAL else ""
    notes = [INTERVAL]
    if part == POINTS and any(one.name.startswith("specificity") for one in lines):
        notes.append(READERS_NOTE)
    if part == CONFORMAL and (few := _few(lines)):
        notes.append(few)
    return Section(
        f"{title}: {question.name}, {set_name}",
        (f"{counts[:1].upper()}{counts[1:]}.{said} {WORDS[part]}",),
        (first, *(AS_SHOWN.get(column, column) for column in columns)),
        tuple((one.name, *(cell(one.figures.get(column)) for column in columns)) for one in lines),
        1,
        tuple(notes),
    )


def _few(lines: list[Line]) -> str:
    """Say where a fold's validation rows were too few to leave a label out."""
    found = sorted({one.name for one in lines if any(None in (fold["negative"], fold["positive"]) for fold in one.more["thresholds"])})
    if not found:
        return ""
    return f"In a fold or more there were too few validation rows of a class to leave its label out of any set: {'; '.join(found)}."


def cell(figure: Figure | None) -> str:
    """Return a figure with its interval; a dash where there is none, or where all resamples agree."""
    if figure is None:
        return NOTHING
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})" if figure.high > figure.low else f"{figure.value:.3f} ({NOTHING})"
