"""Tables of ratings: codes, scales that are turned, what is missing, what says two things."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from breastcad.core.errors import InputError
from breastcad.evaluate.reader_study import BENIGN, MALIGNANT, MISSING, parse_code, read_study


def table(folder: Path, text: str, name: str = "ratings.csv") -> Path:
    """Write a table given with blanks between cells; a point stands for an empty cell."""
    path = folder / name
    lines = [",".join("" if cell == "." else cell for cell in line.split()) for line in text.strip().splitlines()]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_codes_words_and_their_spelling() -> None:
    assert parse_code(" 1=Benign, 0=malignant ") == {"1": BENIGN, "0": MALIGNANT}
    assert parse_code("1.0=benign 2=malignant 9=missing") == {"1": BENIGN, "2": MALIGNANT, "9": MISSING}
    bi_rads = parse_code("BI-RADS")
    assert [bi_rads[code] for code in ("0", "3", "4", "4a", "6")] == [MISSING, BENIGN, MALIGNANT, MALIGNANT, MALIGNANT]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("1=benign 0=cancer", "'0=cancer' is no code with one of malignant, benign, normal, missing"),
        ("1 0=malignant", "'1' is no code"),
        ("1=benign 1.0=malignant", "the code '1.0' is given twice"),
        ("1=benign 0=normal", "a code must say which codes are benign and which malignant, got '1=benign 0=normal'"),
        ("", "'' is no code"),
    ],
)
def test_codes_that_say_nothing_are_refused(code, said) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        parse_code(code)


def test_words_conditions_patients_and_what_is_missing(tmp_path: Path) -> None:
    ratings = """
    case patient reader modality rating truth
    1 p1 A film malignant malignant
    2 p1 A film benign benign
    3 p2 A film . normal
    1 p1 B film benign malignant
    2 p1 B film benign benign
    3 p2 B film benign normal
    1 p1 A tomo malignant malignant
    """
    study = read_study(table(tmp_path, ratings))
    assert (study.conditions, study.readers, study.cases) == (("film", "tomo"), ("A", "B"), ("1", "2", "3"))
    assert study.called[0].tolist() == [[1, 0, -1], [0, 0, 0]]
    assert study.called[1].tolist() == [[1, -1, -1], [-1, -1, -1]]
    assert (study.truth.tolist(), study.several, study.ranks) == ([1, 0, 0], True, None)
    assert study.remarks == (
        "reader 'A' has no rating under 'film' of 1 of 3 cases; none was filled in",
        "reader 'A' has no rating under 'tomo' of 2 of 3 cases; none was filled in",
        "reader 'B' has no rating under 'tomo' of 3 of 3 cases; none was filled in",
    )


def test_a_code_whose_higher_number_is_benign_turns_the_scale(tmp_path: Path) -> None:
    """The thesis' codes: 1 benign, 0 malignant. Ranks rise with suspicion, so that 0 is above 1."""
    study = read_study(table(tmp_path, "case reader rating\n1 A 1\n2 A 0\n3 A 0.0"), code="1=benign 0=malignant")
    assert study.called[0, 0].tolist() == [0, 1, 1]
    assert study.ranks is not None
    assert study.ranks[0, 0, 1] == study.ranks[0, 0, 2] > study.ranks[0, 0, 0]
    assert study.scale == ()
    mixed = read_study(table(tmp_path, "case reader rating\n1 A 1\n2 A 2\n3 A 3"), code="1=malignant 2=benign 3=malignant")
    assert mixed.ranks is None


def test_bi_rads_is_ranked_and_0_is_no_assessment(tmp_path: Path) -> None:
    study = read_study(table(tmp_path, "case reader rating\n1 A 0\n2 A 2\n3 A 4A\n4 A 4c\n5 A 5\n6 A 4b"), code="bi-rads")
    assert study.called[0, 0].tolist() == [-1, 0, 1, 1, 1, 1]
    assert study.ranks is not None
    assert np.argsort(study.ranks[0, 0, 1:]).tolist() == [0, 1, 4, 2, 3]
    assert np.isnan(study.ranks[0, 0, 0])
    assert (study.scale, study.steps) == ((2.0, 4.0, 4.25, 4.5, 5.0), ("2", "4A", "4b", "4c", "5"))
    assert study.remarks[0] == "reader 'A' has no rating of 1 of 6 cases (1 given, but as no assessment); none was filled in"
    with pytest.raises(InputError, match="have both '4' and '4A' to '4C', which cannot be ranked"):
        read_study(table(tmp_path, "case reader rating\n1 A 4\n2 A 4A\n3 A 2"), code="bi-rads")


def test_scores_call_nothing_without_a_threshold(tmp_path: Path) -> None:
    path = table(tmp_path, "case reader rating\n1 A 10.5\n2 A 99\n3 A 50")
    assert read_study(path).called[0, 0].tolist() == [-1, -1, -1]
    study = read_study(path, threshold=50)
    assert (study.called[0, 0].tolist(), study.scale) == ([0, 1, 1], (10.5, 50.0, 99.0))
    assert study.remarks == (
        "no truth is given: there is agreement, but nobody can be said to be right",
        "no patients are named: each case counts as a patient of its own",
    )


def test_truth_in_a_table_of_its_own(tmp_path: Path) -> None:
    ratings = table(tmp_path, "case reader rating\n1 A 1\n2 A 0\n3 A 1")
    truth = table(tmp_path, "case truth patient\n1 0 p1\n2 1 p1\n9 1 p9", "truth.csv")
    study = read_study(ratings, truth, code="1=benign 0=malignant", truth_code="0=benign 1=malignant")
    assert study.truth.tolist() == [0, 1, -1]
    assert study.patients.tolist() == ["p1", "p1", "case 3"]
    assert study.remarks == (
        "the truth of 1 of 3 cases is not known; they count in agreement only",
        "1 of 3 cases with a truth were read by nobody, and are left out",
        "1 of 3 cases name no patient; each counts as one of its own",
    )


def test_a_truth_beside_the_table_of_truth_must_agree(tmp_path: Path) -> None:
    ratings = table(tmp_path, "case reader rating truth\n1 A 1 Benign\n2 A 0 malignant\n3 A 1 unknown\n4 A 1 benign")
    truth = table(tmp_path, "case truth\n1 0\n2 1\n3 1", "truth.csv")
    study = read_study(ratings, truth, code="1=benign 0=malignant", truth_code="0=benign 1=malignant")
    assert study.truth.tolist() == [0, 1, 1, -1]
    assert study.remarks[0] == "1 of 3 cases with a truth beside their ratings have none in the table of truth, which alone counts"
    for text, said in (("1 normal\n2 benign", "case '2' truth 'benign'"), ("2 unknown", "case '2' truth 'unknown'")):
        other = table(tmp_path, f"case truth\n{text}", "truth.csv")
        with pytest.raises(InputError, match=f"^truth.csv: says of {said}, but the ratings say 'malignant'; correct one of the two"):
            read_study(ratings, other, code="1=benign 0=malignant")


def test_a_truth_is_one_however_it_is_spelt(tmp_path: Path) -> None:
    ratings = table(tmp_path, "case reader rating truth\n1 A benign Benign\n1 B benign benign\n2 A malignant Malignant")
    assert read_study(ratings).truth.tolist() == [0, 1]


def test_a_contradiction_is_blamed_on_the_table_that_it_is_in(tmp_path: Path) -> None:
    ratings = table(tmp_path, "case reader rating patient\n1 A benign p\n2 A malignant p")
    for text, said in (
        ("case truth\n1 benign\n1 malignant", "says two things of case '1': truth 'benign' and 'malignant'"),
        ("case truth patient\n1 benign p\n1 benign q", "says two things of case '1': patient 'p' and 'q'"),
        ("case truth patient\n1 benign q", "says of case '1' patient 'q', but the ratings say 'p'; correct one of the two"),
    ):
        with pytest.raises(InputError, match=f"^truth.csv: {said}"):
            read_study(ratings, table(tmp_path, text, "truth.csv"))


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("case reader rating", {}, "ratings.csv: has no rows; it needs one a reader and case"),
        ("case reader\n1 A", {}, "all ratings are empty"),
        ("case reader rating\n1 A .", {}, "all ratings are empty"),
        ("case reader rating\n1 A 1\n1 A 0", {}, "has two ratings of reader 'A' for case '1'; keep one, or name another condition"),
        ("case reader rating condition modality\n1 A 1 x .\n2 A 1 . y", {}, "has both 'condition' and 'modality' filled"),
        ("case reader rating patient\n1 A 1 p\n1 B 0 q", {}, "says two things of case '1': patient 'p' and 'q'"),
        ("case reader rating truth\n1 A 1 benign\n1 B 0 malignant", {}, "says two things of case '1': truth 'benign' and 'malignant'"),
        ("case reader rating truth\n1 A 1 cancer", {}, "truth must be benign, malignant, normal or unknown, got 'cancer'"),
        ("case reader rating\n1 A maybe\n2 A 3", {}, "a rating 'maybe' is no number, and not benign or malignant"),
        ("case reader rating\n1 A benign\n2 A 3", {}, "a rating 'benign' is no number, as others are; say what it means with --code"),
        ("case reader rating\n1 A nan\n2 A 1", {}, "a rating 'nan' is no number"),
        ("case reader rating\n1 A 7", {"code": "1=benign 0=malignant"}, "a rating '7' is none of the codes 1, 0; say what it means"),
        (
            "case reader rating\n1 A 7",
            {"code": "bi-rads", "threshold": 3},
            "give --code, for codes, or --threshold, for scores, but not both",
        ),
        ("case reader rating\n1 A 7", {"threshold": float("nan")}, "--threshold must be a finite number, got nan"),
        ("case reader rating\n1 A 7", {"threshold": float("inf")}, "--threshold must be a finite number, got inf"),
        ("case rating\n1 7", {}, "lacks the column 'reader'"),
        ("case reader rating mood\n1 A 7 good", {}, "has a column 'mood' that is not known here; take it out; known are: "),
    ],
)
def test_what_says_nothing_or_two_things_is_refused(tmp_path: Path, text, options, said) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        read_study(table(tmp_path, text), **options)


def test_two_numbers_that_nobody_explains_are_refused(tmp_path: Path) -> None:
    ratings = table(tmp_path, "case reader rating truth\n1 A 0 malignant\n2 A 1 benign")
    with pytest.raises(InputError, match="nothing can be made of ratings 0, 1: say with --code which is malignant"):
        read_study(ratings)
    assert read_study(ratings, threshold=1).called.tolist() == [[[0, 1]]]
