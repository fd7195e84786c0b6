"""metrics.json and the table of figures."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from breastcad.core.errors import ReadError
from breastcad.evaluate.figures import Figure, Options, figures_table, read_asked, read_metrics, write_metrics

DICE = Figure("dice", "busi", "test", "image", 0.1 + 0.2, 0.25, 0.4, 30, None, 20, "mean Dice")
AUC = Figure("auc", "all", "test", "image", 0.7, 2 / 3, 0.9, 30, 12, 20, "area")


def test_what_is_written_is_read_again_to_the_last_digit(tmp_path) -> None:
    write_metrics(tmp_path / "metrics.json", "a run", [DICE, AUC])
    assert read_metrics(tmp_path / "metrics.json") == ("a run", [DICE, AUC])


def test_the_table_has_three_decimals_and_an_empty_cell_where_there_are_no_positives() -> None:
    lines = figures_table([DICE, AUC]).splitlines()
    assert lines[2:4] == [
        "| dice | busi | 0.300 | 0.250 to 0.400 | 30 | | 20 |",
        "| auc | all | 0.700 | 0.667 to 0.900 | 30 | 12 | 20 |",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "is not a metrics.json of version 1"),
        ({"figures": [{"name": "dice"}]}, "is not a whole metrics.json .KeyError: 'set'.; make it again"),
        ({"figures": [asdict(DICE) | {"low": "much"}]}, "is not a whole metrics.json .ValueError"),
        ({"figures": [asdict(DICE) | {"low": 1e999}]}, "'low' of 'dice' must be a finite number, got inf"),
        ({"figures": [asdict(DICE) | {"n": "405"}]}, "'n' of 'dice' must be a whole number, got '405'"),
        ({"figures": [asdict(DICE) | {"set": ["busi"]}]}, "'set' must be printable text"),
        ({"figures": 3}, "is not a whole metrics.json .TypeError"),
        ({"figures": [asdict(DICE), asdict(DICE)]}, "holds the figure 'dice' of 'busi' twice"),
    ],
)
def test_files_that_are_none_are_refused(tmp_path, change, message) -> None:
    content = {"format": "breastcad-metrics/1", "title": "t", "figures": [asdict(DICE)]} | change
    (tmp_path / "metrics.json").write_text(json.dumps(content))
    with pytest.raises(ReadError, match=message):
        read_metrics(tmp_path / "metrics.json")


def test_a_number_that_is_not_finite_is_never_written(tmp_path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_metrics(tmp_path / "metrics.json", "t", [Figure(**(asdict(DICE) | {"value": float("nan")}))])


def test_what_was_asked_is_kept_and_read_again(tmp_path) -> None:
    path, options = tmp_path / "metrics.json", Options("patient", "mean", (0.966,), 0.005)
    write_metrics(path, "t", [DICE], options=options, remarks=["split leaks"], left_out=[])
    assert read_asked(path) == (options, ["split leaks"])
    assert "left_out" not in json.loads(path.read_text())
    write_metrics(path, "t", [DICE])
    assert read_asked(path) == (None, [])


@pytest.mark.parametrize("damage", [{"options": {"level": None}}, {"options": 3}, {"remarks": 3}])
def test_options_that_are_damaged_are_refused(tmp_path, damage) -> None:
    content = {"format": "breastcad-metrics/1", "title": "t", "figures": []} | damage
    (tmp_path / "metrics.json").write_text(json.dumps(content))
    with pytest.raises(ReadError, match=r"has options or remarks that cannot be read .*; make it again"):
        read_asked(tmp_path / "metrics.json")


def test_a_table_says_first_what_its_figures_must_not_be_quoted_without_and_of_what_level_they_are() -> None:
    lines = figures_table([replace(DICE, level="breast")], ["split leaks: 3 groups are in both", "shortened training"]).splitlines()
    assert lines[:3] == [
        "**Split leaks: 3 groups are in both; shortened training.**",
        "",
        "| figure | set | level | value | interval | n | positive | groups |",
    ]
    assert lines[4] == "| dice | busi | breast | 0.300 | 0.250 to 0.400 | 30 | | 20 |"
    assert "samples of the level" in lines[-1]
