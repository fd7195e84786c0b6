"""Figures of a reader study: by hand, both ways round, clustered by patient, and a published study from its table to its p."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from breastcad.evaluate import readers
from breastcad.evaluate.delong import delong_interval
from breastcad.evaluate.intervals import wilson_interval
from breastcad.evaluate.reader_study import Study, read_study
from breastcad.evaluate.readers import RATES, Compared, against_truth, between_readers, compare_conditions


@pytest.fixture(autouse=True)
def fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "REPEATS", 300)


def study(called, truth, *, patients=None, ranks=None, conditions=("",)) -> Study:
    """Return a study of called (T, R, N); ranks, where there are any, as they are given."""
    said = np.array(called, np.int8)
    names = np.array([f"p{number}" for number in range(said.shape[2])] if patients is None else patients)
    scale = () if ranks is None else tuple(np.unique(np.array(ranks)[np.isfinite(ranks)]).tolist())
    return Study(
        conditions,
        tuple("ABCDE"[: said.shape[1]]),
        tuple(map(str, range(said.shape[2]))),
        names,
        len(set(names)) < names.size,
        np.array(truth, np.int8),
        said,
        None if ranks is None else np.array(ranks, np.float64),
        scale if len(scale) > 2 else (),
        tuple(f"{value:g}" for value in scale) if len(scale) > 2 else (),
        (),
    )


TRUTH = [1] * 5 + [0] * 7 + [-1]
CALLED = [1, 1, 1, 1, 0, 1, 1, 0, 0, 0, 0, -1, 1]


def test_both_ways_round_by_hand() -> None:
    """Malignant: 4 of 5 found; benign: 4 of 6 (one not read); called malignant 6, right 4; called benign 5, right 4. One truth unknown."""
    (found,) = against_truth(study([[CALLED]], TRUTH))
    assert (found.n, found.counts) == (11, (4, 2, 1, 4))
    values = {name: (one.value, one.n) for name, one in found.malignant_positive.items() if one}
    assert values == {
        "sensitivity": (4 / 5, 5),
        "specificity": (4 / 6, 6),
        "ppv": (4 / 6, 6),
        "npv": (4 / 5, 5),
        "accuracy": (8 / 11, 11),
    }
    turned = {name: (one.value, one.n) for name, one in found.benign_positive.items() if one}
    swap = dict(zip(RATES, ("specificity", "sensitivity", "npv", "ppv", "accuracy"), strict=True))
    assert turned == {name: values[swap[name]] for name in RATES}
    assert found.area is None
    one = found.malignant_positive["accuracy"]
    assert one is not None
    assert (one.low, one.high) == wilson_interval(8, 11)


def test_a_class_that_is_not_there_has_no_share() -> None:
    (found,) = against_truth(study([[[1, 1, 1]]], [1, 1, 1]))
    assert found.malignant_positive["specificity"] is None
    assert found.malignant_positive["npv"] is None
    assert found.benign_positive["sensitivity"] is None
    assert against_truth(study([[[1, 1, 1]]], [-1, -1, -1])) == []


def test_cases_of_one_patient_widen_the_interval() -> None:
    """Every case four times under its patient: shares as before, intervals as wide as those of each case once, or so."""
    called, truth = CALLED[:5] + CALLED[5:11], TRUTH[:11]
    (alone,) = against_truth(study([[called]], truth))
    (four,) = against_truth(study([[np.repeat(called, 4)]], np.repeat(truth, 4), patients=np.repeat(np.arange(11), 4).astype(str)))
    (apart,) = against_truth(study([[np.repeat(called, 4)]], np.repeat(truth, 4)))
    for name in RATES:
        one, many, taken_apart = (found.malignant_positive[name] for found in (alone, four, apart))
        assert one is not None
        assert many is not None
        assert taken_apart is not None
        assert many.value == pytest.approx(one.value)
        assert many.high - many.low > 1.4 * (taken_apart.high - taken_apart.low)
    all_right = study([[np.repeat([1, 0], 4)]], np.repeat([1, 0], 4), patients=np.repeat(["a", "b"], 4))
    whole = against_truth(all_right)[0].malignant_positive["accuracy"]
    assert whole is not None
    assert (whole.low, whole.high) == wilson_interval(2, 2)  # two patients, not eight cases


def test_the_interval_over_patients_is_that_of_a_ratio() -> None:
    """60 patients of one case and of nine by turns, each patient's cases alike: its error is the linearised one of a ratio of sums.

    Wilson's with patients as trials would be too narrow, since half of the patients hold nine tenths of the cases.
    """
    sizes, right = np.tile([1, 9], 30), np.tile([1, 1, 1, 0], 15)
    called, patients = np.repeat(right, sizes), np.repeat(np.arange(60).astype(str), sizes)
    (found,) = against_truth(study([[called]], np.ones(300, dtype=int), patients=patients))
    one = found.malignant_positive["sensitivity"]
    assert one is not None
    error = np.sqrt(((right * sizes - one.value * sizes) ** 2).sum()) / sizes.sum()
    assert (one.high - one.low) / (2 * 1.96) == pytest.approx(error, rel=0.12)
    low, high = wilson_interval(one.value * 60, 60)
    assert high - low < 0.85 * (one.high - one.low)


def test_areas_are_delong_s_or_over_patients() -> None:
    draw = np.random.default_rng(2)
    truth = np.arange(40) < 15
    ranks = np.round(truth + draw.normal(size=40), 1)
    (found,) = against_truth(study([[np.full(40, -1)]], truth, ranks=[[ranks]]))
    assert found.area is not None
    assert (found.area.value, found.area.low, found.area.high) == delong_interval(truth, ranks)
    assert (found.n, found.counts) == (40, (0, 0, 0, 0))
    (over,) = against_truth(study([[np.full(40, -1)]], truth, ranks=[[ranks]], patients=[f"p{number // 2}" for number in range(40)]))
    assert over.area is not None
    assert over.area.value == pytest.approx(found.area.value)
    assert over.area.low != found.area.low
    alone = study(
        [[np.full(40, -1)]], truth, ranks=[[ranks]], patients=["p" if sick else f"p{number}" for number, sick in enumerate(truth)]
    )
    assert against_truth(alone) == []  # all malignant cases are of one patient


@pytest.mark.parametrize("several", [False, True])
def test_an_area_of_cases_that_are_all_placed_alike_has_no_interval(several: bool) -> None:
    """Twelve cases: all rightly placed, all wrongly, all tied; the fourth reader ties one pair of 36, and has an area of 71 / 72."""
    truth = np.repeat([0, 1], 6)
    right = np.arange(12.0)
    ranks = [[right, -right, np.full(12, 3.0), np.where(right == 6, 5, right)]]
    given = study([[np.full(12, -1)] * 4], truth, ranks=ranks, patients=[f"p{number // 2}" for number in range(12)] if several else None)
    areas = [one.area for one in against_truth(given)]
    assert [(one.value, one.low, one.high) for one in areas[:3] if one] == [(1, None, None), (0, None, None), (0.5, None, None)]
    assert areas[3] is not None
    assert areas[3].low is not None
    assert areas[3].low < 71 / 72 == pytest.approx(areas[3].value)


def test_agreement_on_decisions_and_steps() -> None:
    """The thesis' ultrasound column, reader against reader: kappa .426, agreed .705, moderate."""
    first, second = np.repeat([0, 0, 1, 1], [27, 5, 18, 28]), np.repeat([0, 1, 0, 1], [27, 5, 18, 28])
    pairs, together = between_readers(study([[first, second]], [-1] * 78))
    (found,) = pairs
    assert (found.of, found.n, found.categories, found.table) == ("decisions", 78, ("malignant", "benign"), ((28, 18), (5, 27)))
    assert found.kappas["none"].analytic.value == pytest.approx(0.426, abs=5e-4)
    assert found.kappas["none"].band == "moderate"
    assert found.kappas["none"].low < 0.426 < found.kappas["none"].high
    assert found.agreed.value == pytest.approx(0.705, abs=5e-4)
    assert (found.pabak.low, found.pabak.high) == pytest.approx((2 * found.agreed.low - 1, 2 * found.agreed.high - 1))
    assert found.bias_index == pytest.approx((18 - 5) / 78)
    assert together == []


def test_weights_belong_to_scales_and_missing_cases_are_left_out() -> None:
    ranks = [[[1, 2, 3, 4, np.nan, 1], [1, 2, 4, 4, 3, 2], [2, 2, 4, 4, 3, 1]]]
    decided = np.where(np.isfinite(ranks), np.nan_to_num(np.array(ranks)) >= 3, -1)
    pairs, together = between_readers(study(decided, [1, 1, 1, 0, 0, 0], ranks=ranks))
    assert [(pair.first + pair.second, pair.of, pair.n) for pair in pairs] == [
        *(
            ("AB", "decisions", 5),
            ("AB", "scale", 5),
            ("AC", "decisions", 5),
            ("AC", "scale", 5),
            ("BC", "decisions", 6),
            ("BC", "scale", 6),
        )
    ]
    assert set(pairs[1].kappas) == {"none", "linear", "quadratic"}
    assert (pairs[1].categories, pairs[1].prevalence_index) == (("1", "2", "3", "4"), None)
    assert [(one.readers, one.kappa.n) for one in together] == [(3, 5)]


def test_steps_are_named_as_they_were_written(tmp_path: Path) -> None:
    """From the least suspect on: of a code whose lower numbers are malignant the highest comes first."""
    path = tmp_path / "ratings.csv"
    for codes, told in (("12345", ("5", "4", "3", "2", "1")), (("2", "4a", "4B", "5.0"), ("2", "4a", "4B", "5.0"))):
        rows = [f"{case},{reader},{rating}" for reader in "AB" for case, rating in enumerate(codes)]
        path.write_text("\n".join(["case,reader,rating", *rows]) + "\n")
        turned = "1=malignant 2=malignant 3=benign 4=benign 5=benign"
        pairs, _ = between_readers(read_study(path, code=turned if told[0] == "5" else "bi-rads"))
        assert [(pair.of, pair.categories) for pair in pairs] == [("decisions", ("malignant", "benign")), ("scale", told)]


def test_readers_who_always_say_one_thing_have_no_kappa() -> None:
    ((found,), _) = between_readers(study([[[1, 1, 1], [1, 1, 1]]], [1, 0, 0]))
    assert (found.kappas, found.agreed.value) == ({}, 1.0)
    assert between_readers(study([[[1, -1, -1], [1, 1, 1]]], [1, 0, 0])) == ([], [])


def test_readers_who_always_agree_have_a_kappa_and_no_interval_of_it() -> None:
    called = [[1, 1, 1, 0, 0, 0]] * 3
    pairs, (together,) = between_readers(study([called], [1, 1, 0, 0, 0, 0]))
    kappa = pairs[0].kappas["none"]
    assert (kappa.analytic.value, kappa.analytic.low, kappa.analytic.high, kappa.low, kappa.high) == (1.0, None, None, None, None)
    assert (pairs[0].ac1, together.kappa) == (readers.Rated(1.0, None, None, 6), readers.Rated(1.0, None, None, 6))
    assert pairs[0].pabak.low < pairs[0].pabak.high == 1.0  # Wilson's, of the share that agrees


def test_a_published_study_from_its_table_to_its_p(tmp_path: Path, van_dyke) -> None:
    """Cine against spin echo: F(1, 15.26) = 4.46, p .0517; a missing rating leaves one case out of this analysis, and is told."""
    rows = [
        f"{case},{reader},{condition},{van_dyke.RATINGS[t, r, case]:g},{'malignant' if van_dyke.TRUTH[case] else 'normal'}"
        for t, condition in enumerate(("spin echo", "cine"))
        for r, reader in enumerate("ABCDE")
        for case in range(114)
    ]
    path = tmp_path / "ratings.csv"
    path.write_text("\n".join(["case,reader,condition,rating,truth", *rows]) + "\n")
    found = compare_conditions(read_study(path), method="jackknife")
    assert isinstance(found, Compared)
    assert (found.of, found.n, found.malignant, found.left_out) == ("ratings", 114, 45, 0)
    assert found.found.analyses[0].p == pytest.approx(0.0517, abs=5e-5)
    rows[3] = rows[3].replace(",2,", ",,", 1).replace(",1,", ",,", 1)
    path.write_text("\n".join(["case,reader,condition,rating,truth", *rows]) + "\n")
    fewer_cases = read_study(path)
    assert fewer_cases.remarks[0] == "reader 'A' has no rating under 'spin echo' of 1 of 114 cases; none was filled in"
    without = compare_conditions(fewer_cases)
    assert isinstance(without, Compared)
    assert (without.n, without.left_out, without.found.covariance) == (113, 1, "delong")


def test_decisions_are_compared_by_their_own_area_over_patients_where_they_have_several() -> None:
    draw = np.random.default_rng(4)
    truth = np.arange(60) < 25
    called = (truth + draw.normal(size=(2, 3, 60)) > 0.5).astype(int)
    found = compare_conditions(study(called, truth, conditions=("a", "b")))
    assert isinstance(found, Compared)
    right = called[0, 0] == truth
    assert found.of.startswith("decisions")
    assert found.found.areas[0][0] == pytest.approx((right[truth].mean() + right[~truth].mean()) / 2)
    of_patients = study(called, truth, conditions=("a", "b"), patients=[f"p{number // 2}" for number in range(60)])
    over, jackknifed = compare_conditions(of_patients), compare_conditions(of_patients, method="jackknife")
    assert isinstance(over, Compared)
    assert isinstance(jackknifed, Compared)
    assert (over.found.covariance, jackknifed.found.covariance) == ("delong over patients", "jackknife over patients")
    assert over.found.components["Var"] == pytest.approx(jackknifed.found.components["Var"], rel=0.1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (study([[[1, 0, 1]]], [1, 0, 0]), "one reader under one condition: there is nothing to compare"),
        (study([[[1, 0, -1], [-1, 1, 1]]], [1, -1, 0]), "no case of known truth was read by every reader under every condition"),
        (study([[[1, 0, 1], [1, 0, 1]]], [1, 0, 0]), "cannot be compared: DeLong's variance needs two samples of each class, got 1 and 2"),
    ],
)
def test_why_nothing_can_be_compared(given, said) -> None:
    found = compare_conditions(given)
    assert isinstance(found, str)
    assert said in found
