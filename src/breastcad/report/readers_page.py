"""A reader study in words and tables: the same sections on the terminal (Markdown) and as a page.

What is counted and how is in `evaluate.readers`; here is how it is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from breastcad.evaluate.agreement import WEIGHTS
from breastcad.evaluate.mrmc import Difference, Estimate, MrmcAnalysis
from breastcad.evaluate.reader_study import BENIGN, MALIGNANT, Study
from breastcad.evaluate.readers import RATES, AllReaders, Area, Compared, KappaFound, PairAgreement, Rated, ReaderFigures
from breastcad.report.sections import Section

NOTHING = "–"
NOT_SAID = (
    f"Where {NOTHING} stands for an interval or p, nothing varies in these ratings that it could be made of (as with an area of 1.000):"
    " how sure the figure is cannot be said from these cases."
)


def sections(
    study: Study,
    figures: Sequence[ReaderFigures],
    pairs: Sequence[PairAgreement],
    together: Sequence[AllReaders],
    compared: Compared | str,
) -> list[Section]:
    """Return what there is to say of a study, in the order of reading.

    Parameters
    ----------
    study, figures, pairs, together, compared
        As `reader_study.read_study` and the functions of `evaluate.readers` return them.

    Returns
    -------
    list of Section
    """
    found = [_what_was_read(study)]
    if any(one.counts != (0, 0, 0, 0) for one in figures):
        found += [_against_truth(study, figures, positive) for positive in ("malignant", "benign")]
    if any(one.area for one in figures):
        found.append(_areas(study, figures))
    if pairs:
        found += _agreement(study, pairs, together)
    found += [Section("Conditions and readers compared", (compared + ".",))] if isinstance(compared, str) else _compared(study, compared)
    return found


def _several_conditions(study: Study) -> bool:
    return study.conditions != ("",)


def _name(study: Study, condition: str, reader: str) -> tuple[str, ...]:
    """Return the first cells of a row: the condition too, where conditions have names."""
    return (reader, condition or NOTHING) if _several_conditions(study) else (reader,)


def _heads(study: Study, *heads: str) -> tuple[str, ...]:
    return ("reader", "condition", *heads) if _several_conditions(study) else ("reader", *heads)


def _told(found: Rated | Area | None) -> str:
    return NOTHING if found is None else f"{found.value:.3f} ({_interval(found.low, found.high)})"


def _interval(low: float | None, high: float | None, sign: str = "") -> str:
    return NOTHING if low is None or high is None else f"{low:{sign}.3f} to {high:{sign}.3f}"


def _not_said(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return what must stand below rows (or sentences) in which a figure has no interval."""
    return [NOT_SAID] if any(f"({NOTHING})" in cell for row in rows for cell in row) else []


def _p(p: float | None) -> str:
    if p is None:
        return NOTHING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _what_was_read(study: Study) -> Section:
    malignant, benign = int((study.truth == MALIGNANT).sum()), int((study.truth == BENIGN).sum())
    conditions = f", conditions: {', '.join(study.conditions)}" if _several_conditions(study) else ""
    words = [
        f"{len(study.cases)} cases of {len(set(study.patients))} patients, {len(study.readers)} readers"
        f" ({', '.join(study.readers)}){conditions}. Truth: {malignant} malignant, {benign} benign or normal"
        + (f", {len(study.cases) - malignant - benign} not known." if malignant + benign < len(study.cases) else "."),
        *(remark[0].upper() + remark[1:] + "." for remark in study.remarks),
    ]
    return Section("What was read", tuple(words))


def _against_truth(study: Study, figures: Sequence[ReaderFigures], positive: str) -> Section:
    other = "benign" if positive == "malignant" else "malignant"
    rows = []
    for one in figures:
        rates = one.malignant_positive if positive == "malignant" else one.benign_positive
        cells = one.counts if positive == "malignant" else (one.counts[3], one.counts[2], one.counts[1], one.counts[0])
        rows.append((*_name(study, one.condition, one.reader), "/".join(map(str, cells)), *(_told(rates[name]) for name in RATES)))
    words = (
        f"Positive: **{positive}**. Sensitivity is the share of {positive} cases that a reader calls {positive}, specificity that of"
        f" {other} ones called {other}."
    )
    how = "bootstrap over patients; Wilson's where all agree or each has one case" if study.several else "Wilson's"
    return Section(
        f"Readers against truth, {positive} is positive",
        (words,),
        _heads(study, "TP/FP/FN/TN", "sensitivity", "specificity", "PPV", "NPV", "accuracy"),
        tuple(rows),
        len(_heads(study)),
        (f"Intervals: 95 %, {how}. PPV and NPV hold for this study's share of malignant cases.",),
    )


def _areas(study: Study, figures: Sequence[ReaderFigures]) -> Section:
    rows = tuple((*_name(study, one.condition, one.reader), str(one.area.n), _told(one.area)) for one in figures if one.area)
    how = "Obuchowski's over patients" if study.several else "DeLong's"
    words = "Area under the empirical ROC curve of the ratings: how often a malignant case is rated above a benign one, ties counting half."
    notes = (f"Intervals: 95 %, {how}.", *_not_said(rows))
    return Section("Area under each reader's curve", (words,), _heads(study, "n", "area"), rows, len(_heads(study)), notes)


def _kappa(found: KappaFound | None, *, over_patients: bool = False) -> str:
    """Return a kappa with its analytic interval, or that over patients, and its word."""
    if found is None:
        return NOTHING
    low, high = (found.low, found.high) if over_patients else (found.analytic.low, found.analytic.high)
    return f"{found.analytic.value:.3f} ({_interval(low, high)}), {found.band}"


def _agreement(study: Study, pairs: Sequence[PairAgreement], together: Sequence[AllReaders]) -> list[Section]:
    """Return agreement on decisions, and on the steps of the scale where it has any."""
    decisions, steps = ([pair for pair in pairs if pair.of == of] for of in ("decisions", "scale"))
    found = []
    if decisions:
        rows = tuple((*_name(study, pair.condition, f"{pair.first}, {pair.second}"), *_of_decisions(pair)) for pair in decisions)
        heads = _heads(study, "n", "agreed", "kappa", "kappa, over patients", "PABAK", "AC1", "prevalence index", "bias index")
        notes = (
            "Agreement says nothing of who is right. Kappa: 95 % interval by Fleiss, Cohen and Everitt's error, which takes cases as"
            " independent; over patients: that of a bootstrap, to be preferred where they have several cases. Where nearly all cases are"
            " of one class, kappa is low whatever the agreement: PABAK and AC1 stand beside it, and how uneven classes (prevalence index)"
            " and readers (bias index) are.",
            *(of_all := [_of_all(study, one) for one in together]),
            *_not_said([*rows, of_all]),
        )
        found.append(Section("Readers against one another", (), heads, rows, len(_heads(study)), notes))
    if steps:
        scale = tuple((*_name(study, pair.condition, f"{pair.first}, {pair.second}"), *_of_scale(pair, study.several)) for pair in steps)
        kappas = ("kappa" if weights == "none" else f"kappa, {weights} weights" for weights in WEIGHTS)
        words = f"On the {len(steps[0].categories)} steps of the scale. Weighted, readers a step apart agree more than those far apart."
        heads = _heads(study, "n", "agreed", *kappas)
        notes = tuple(_not_said(scale))
        found.append(Section("Readers against one another, step by step", (words,), heads, scale, len(_heads(study)), notes))
    return found


def _of_decisions(pair: PairAgreement) -> tuple[str, ...]:
    kappa = pair.kappas.get("none")
    indices = [NOTHING if one is None else f"{one:+.3f}" for one in (pair.prevalence_index, pair.bias_index)]
    resampled = _interval(kappa.low, kappa.high) if kappa else NOTHING
    return str(pair.n), _told(pair.agreed), _kappa(kappa), resampled, _told(pair.pabak), _told(pair.ac1), *indices


def _of_scale(pair: PairAgreement, over_patients: bool) -> tuple[str, ...]:
    return str(pair.n), _told(pair.agreed), *(_kappa(pair.kappas.get(weights), over_patients=over_patients) for weights in WEIGHTS)


def _of_all(study: Study, one: AllReaders) -> str:
    under = f" under {one.condition}" if _several_conditions(study) else ""
    return f"All {one.readers} readers{under} (Fleiss' kappa, {one.kappa.n} cases that all read): {_told(one.kappa)}, {one.band}."


def _compared(study: Study, compared: Compared) -> list[Section]:
    found, several = compared.found, len(study.conditions) > 1
    words = (
        f"Obuchowski and Rockette's analysis of variance, with Hillis' degrees of freedom; figure of merit: the area of the {compared.of};"
        f" {compared.n} cases ({compared.malignant} malignant) that every reader read under every condition;"
        f" covariances: {found.covariance}.",
        *(
            (f"Left out here, since a rating or the truth is missing: {compared.left_out} of {len(study.cases)} cases.",)
            if compared.left_out
            else ()
        ),
    )
    rows = tuple(row for one in found.analyses for row in _analysis_rows(study, one))
    heads = ("random", "what", "area or difference", "error", "df", "95 % interval", "p")
    parts = "; ".join(f"{name} {value:.6f}" for name, value in found.components.items())
    notes = [
        "Random readers and cases: the answer is for readers and cases like these. Fixed: for these very ones.",
        f"Components: {parts}.",
    ]
    lows = [mean.low for one in found.analyses for mean in one.means]
    lows += [one.low for differences in (*(one.differences for one in found.analyses), *found.by_reader) for one in differences]
    notes += [NOT_SAID] if None in lows else []
    shown = [Section("Conditions and readers compared" if several else "All readers together", words, heads, rows, 2, tuple(notes))]
    if several and len(study.readers) > 1:
        each = tuple(
            (
                reader,
                f"{study.conditions[one.first]} - {study.conditions[one.second]}",
                f"{one.value:+.3f}",
                _interval(one.low, one.high, "+"),
                _p(one.p),
            )
            for reader, differences in zip(study.readers, found.by_reader, strict=True)
            for one in differences
        )
        note = "Each from this reader's own variances. Many readers, many p: the test above is the one of the study."
        shown.append(Section("Each reader alone", (), ("reader", "difference", "area", "95 % interval", "p"), each, 2, (note,)))
    return shown


def _analysis_rows(study: Study, one: MrmcAnalysis) -> list[tuple[str, ...]]:
    """Return the rows of one way to generalise: means, differences, the test of all conditions."""

    def df(figure: Estimate | Difference) -> str:
        if figure.low is None:
            return NOTHING
        return "normal" if figure.df is None else f"{figure.df:.2f}"

    rows: list[tuple[str, ...]] = [
        (
            one.random,
            study.conditions[place] or "mean",
            f"{mean.value:.3f}",
            f"{mean.standard_error:.4f}",
            df(mean),
            _interval(mean.low, mean.high),
            NOTHING,
        )
        for place, mean in enumerate(one.means)
    ]
    for difference in one.differences:
        name = f"{study.conditions[difference.first]} - {study.conditions[difference.second]}"
        rows.append(
            (
                one.random,
                name,
                f"{difference.value:+.3f}",
                f"{difference.standard_error:.4f}",
                df(difference),
                _interval(difference.low, difference.high, "+"),
                _p(difference.p),
            )
        )
    if one.statistic is not None:
        value = NOTHING if one.value is None else f"{one.value:.2f}"
        degrees = f"{one.df}" if one.df_error is None else f"{one.df}, {one.df_error:.2f}"
        rows.append((one.random, f"all alike ({one.statistic})", value, NOTHING, degrees, NOTHING, _p(one.p)))
    return rows
