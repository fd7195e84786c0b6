"""Views combined: by hand, laws, labels of the whole, what is fitted on what, and what is said of what is left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.errors import InputError
from breastcad.core.records import ImageRow, PredictionRow
from breastcad.evaluate.aggregation import RULES
from breastcad.evaluate.clustered import clustered_test
from breastcad.evaluate.scopes import MALIGNANT_OR_BENIGN
from breastcad.evaluate.views import Exam, combined, evaluated_views, exams_of, features, learned_rules
from breastcad.evaluate.views_table import views_text

PROBABILITIES = st.floats(0.01, 0.99)
FILMS = st.lists(st.tuples(st.sampled_from(["CC", "MLO", "ML", None]), PROBABILITIES), min_size=1, max_size=5)
SIDES = st.fixed_dictionaries({"L": FILMS}, optional={"R": FILMS})


def exam(sides, *, level="patient", name="p", label="benign", part="test", fold=0, group=None) -> Exam:
    return Exam(level, "s", name, group or name, (0, fold), part, label, sides)


def film(woman: str, side: str, view: str, malignant: float, label: str, *, part: str = "test", outer: int = 0) -> PredictionRow:
    name = f"{woman}-{side}-{view}"
    return PredictionRow("s", name, woman, woman, 0, outer, 0, part, "image", label, {}, {"benign": 1 - malignant, "malignant": malignant})


def listed(rows: list[PredictionRow]) -> list[ImageRow]:
    """Return the rows of images.csv that say of each film whose, which side and which view it is."""
    found = {}
    for row in rows:
        woman, side, view = row.id.split("-")
        found[row.id] = ImageRow("s", row.id, patient_id=woman, laterality=side, view=view[:3].rstrip("2"), label=row.label)
    return list(found.values())


def made_up_rows(women: int = 40, folds: int = 2) -> list[PredictionRow]:
    """Return films of women in two folds, CC and MLO of one breast each, every fifth with a CC of the other, too."""
    draw, rows = np.random.default_rng(3), []
    for number in range(women):
        label = ("benign", "malignant")[number % 2]
        for outer in range(folds):
            part = ("test", "validation")[(number // 2 + outer) % 2]
            for side, view in [("L", "CC"), ("L", "MLO"), *([("R", "CC")] if number % 5 == 0 else [])]:
                ill = label if side == "L" else "benign"
                malignant = 1 / (1 + np.exp(-draw.normal(1.0 if ill == "malignant" else -1.0, 1.5)))
                rows.append(film(f"w{number}", side, view, float(malignant), ill, part=part, outer=outer))
    return rows


# ---- the rules ----


def test_two_steps_by_hand() -> None:
    """Left .2 and .6: mean .4; right .1. The woman: noisy-or 1 - .6 x .9 = .46, max .4; by noisy-or first 1 - .8 x .4 = .68."""
    sides = {"L": [("CC", 0.2), ("MLO", 0.6)], "R": [("CC", 0.1)]}
    assert combined(exam(sides), "mean", "noisy-or") == pytest.approx(0.46)
    assert combined(exam(sides), "mean", "max") == pytest.approx(0.4)
    assert combined(exam(sides), "noisy-or", "max") == pytest.approx(0.68)


def test_what_the_learned_rule_sees_by_hand() -> None:
    """Odds 1, 3 and 1/3: logits 0, 1.0986, -1.0986; left mean .5493, right -1.0986: 1.6479 apart; a second, equal CC is no view more."""
    sides = {"L": [("CC", 0.5), ("MLO", 0.75), ("CC", 0.5)], "R": [("CC", 0.25)]}
    assert features(sides) == pytest.approx([0, np.log(3), -np.log(3), 3, 1.5 * np.log(3)])


@given(SIDES, st.randoms(use_true_random=False), st.sampled_from(sorted(RULES)), st.sampled_from(sorted(RULES)))
def test_the_order_of_views_and_sides_does_not_matter(sides, random, breast_rule, woman_rule) -> None:
    mixed = {side: random.sample(sides[side], len(sides[side])) for side in reversed(list(sides))}
    assert combined(exam(mixed), breast_rule, woman_rule) == pytest.approx(combined(exam(sides), breast_rule, woman_rule))
    assert features(mixed) == pytest.approx(features(sides))


@given(SIDES, st.sampled_from(sorted(RULES)), st.sampled_from(sorted(RULES)))
def test_every_view_repeated_changes_nothing(sides, breast_rule, woman_rule) -> None:
    known = {side: [(view or "FB", probability) for view, probability in films] for side, films in sides.items()}
    twice = {side: films * 2 for side, films in known.items()}
    assert combined(exam(twice), breast_rule, woman_rule) == pytest.approx(combined(exam(known), breast_rule, woman_rule))


@given(PROBABILITIES, st.sampled_from(sorted(RULES)), st.sampled_from(sorted(RULES)))
def test_one_view_is_itself(probability, breast_rule, woman_rule) -> None:
    assert combined(exam({"L": [("CC", probability)]}), breast_rule, woman_rule) == pytest.approx(probability)


# ---- what the learned rule is fitted on ----


def test_the_learned_rule_never_sees_a_test_row() -> None:
    rows = made_up_rows()
    spoiled = [replace(row, label="benign", probability={"benign": 0.5, "malignant": 0.5}) if row.part == "test" else row for row in rows]
    fitted = []
    for own in (rows, spoiled):
        exams = [one for one in exams_of(own, listed(rows), MALIGNANT_OR_BENIGN, []) if one.level == "breast"]
        fitted.append({fold: rule[-1].coef_.tolist() for fold, rule in learned_rules(exams, MALIGNANT_OR_BENIGN, []).items()})
    assert fitted[0] == fitted[1]
    assert set(fitted[0]) == {(0, 0), (0, 1)}


def test_groups_that_a_leaking_split_also_tests_are_not_fitted_on() -> None:
    """Benign a and b, malignant c and d validate; that d is tested too leaves it out: as if d were not there."""
    said = {"a": (0.1, "benign"), "b": (0.2, "benign"), "c": (0.6, "malignant"), "d": (0.9, "malignant")}
    own = [exam({"L": [("CC", score)]}, name=name, label=label, part="validation") for name, (score, label) in said.items()]
    leaking = [*own, exam({"R": [("CC", 0.3)]}, name="d2", group="d")]
    weights = [learned_rules(exams, MALIGNANT_OR_BENIGN, [])[0, 0][-1].coef_ for exams in (leaking, own[:3], own)]
    assert np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_a_fold_whose_validation_lacks_a_class_has_no_learned_rule_and_it_is_said() -> None:
    left_out: list[str] = []
    assert learned_rules([exam({"L": [("CC", 0.1)]}, part="validation")], MALIGNANT_OR_BENIGN, left_out) == {}
    assert left_out == ["malignant against benign: no learned rule of fold 0, whose validation part lacks a class"]


# ---- labels, sides, what is left out ----


def test_a_label_is_the_worst_over_all_images_of_the_whole_also_those_the_run_has_not() -> None:
    rows = [film("w", "L", "CC", 0.3, "benign"), film("w", "R", "CC", 0.3, "benign")]
    elsewhere = ImageRow("s", "w-R-MLO", patient_id="w", laterality="R", view="MLO", label="malignant", present=0)
    exams = exams_of(rows, [*listed(rows), elsewhere], MALIGNANT_OR_BENIGN, [])
    assert {one.id: one.label for one in exams} == {"w/L": "benign", "w/R": "malignant", "w": "malignant"}


def test_without_collections_a_row_s_own_breast_is_taken_and_the_worst_label_of_the_run() -> None:
    rows = [replace(film("w", "L", "CC", 0.3, "benign"), breast="w/L"), replace(film("w", "L", "MLO", 0.5, "malignant"), breast="w/L")]
    (breast, woman) = exams_of(rows, [], MALIGNANT_OR_BENIGN, [])
    assert (breast.label, woman.label) == ("malignant", "malignant")
    assert breast.sides == {"L": [(None, 0.3), (None, 0.5)]}


def test_films_of_no_known_breast_are_counted_and_said() -> None:
    left_out: list[str] = []
    assert exams_of([film("w", "L", "CC", 0.3, "benign")], [], MALIGNANT_OR_BENIGN, left_out) == []
    assert left_out == ["malignant against benign: 1 images whose woman or side nothing says, or that have no such probability"]
    with pytest.raises(InputError, match=r"nothing can be combined: .* give the collections of the run's images after RUN"):
        evaluated_views([film("w", "L", "CC", 0.3, "benign")])


# ---- the figures ----


@pytest.fixture(scope="module")
def rows() -> list[PredictionRow]:
    return made_up_rows()


def test_a_gain_is_that_of_the_clustered_test_on_breasts_with_both_views(rows) -> None:
    found = evaluated_views(rows, listed(rows))
    gain = next(one for one in found.gains if (one.rule, one.alone) == ("mean", "MLO alone"))
    tested = sorted((row for row in rows if row.part == "test" and "-L-" in row.id), key=lambda row: (row.patient or "", row.id))
    cc, mlo = ([row.probability["malignant"] for row in tested if row.id.endswith(view)] for view in ("-CC", "-MLO"))
    labels = [row.label == "malignant" for row in tested if row.id.endswith("-CC")]
    wanted = clustered_test(labels, np.mean([cc, mlo], axis=0), mlo, [row.patient or "" for row in tested if row.id.endswith("-CC")])
    assert (gain.joined_auc, gain.alone_auc, gain.p) == pytest.approx((wanted.first, wanted.second, wanted.p))
    assert (gain.n, gain.positives, gain.groups) == (40, 20, 40)
    assert gain.low < gain.difference < gain.high


def test_every_rule_has_its_figure_at_every_level(rows) -> None:
    found = evaluated_views(rows, listed(rows))
    counts = {level: sum(one.level == level for one in found.figures) for level in ("image", "breast", "patient")}
    assert counts == {"image": 1, "breast": 5, "patient": 4 * 4 + 4 + 1}
    of_breasts = {(one.n, one.positives) for one in found.figures if one.level == "breast"}
    assert of_breasts == {(48, 20)}, "eight women have a right breast, too"
    assert next(one for one in found.figures if one.level == "image").n == 88
    text = views_text("made-up data", found, ["shortened training"])
    assert "**Shortened training.**" in text
    assert "| learned | CC alone | s | 40 | 20 | 40 |" in text
    assert "Women of s, n 40, positive 20" in text


def test_figures_that_are_undefined_are_left_out_with_a_word() -> None:
    """Of one woman with both labels no resample of women says how far the figure varies; of another set the figures stand."""
    lone = [film("x", side, view, 0.5, label) for side, label in (("L", "malignant"), ("R", "benign")) for view in ("CC", "MLO")]
    lone = [replace(row, set="t") for row in lone]
    rows = [*made_up_rows(20), *lone]
    named = [replace(row, set="t") if row.image_id.startswith("x") else row for row in listed(rows)]
    found = evaluated_views(rows, named)
    assert {one.set for one in (*found.figures, *found.gains)} == {"s", "all"}
    assert "auc malignant against benign, mean, level breast of t: too few for a figure with an interval" in found.left_out
    assert any(said.startswith("malignant against benign, gain of mean over CC alone, t: ") for said in found.left_out)


def test_without_known_views_nothing_is_said_of_a_gain(rows) -> None:
    found = evaluated_views([replace(row, breast="/".join(row.id.split("-")[:2])) for row in rows])
    assert found.gains == []
    assert found.figures
