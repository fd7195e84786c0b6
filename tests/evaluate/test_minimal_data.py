"""The curve of AUC against women: its table and picture from figures made by hand, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from breastcad.core.errors import InputError
from breastcad.core.files import read_split, write_json, write_split, write_text
from breastcad.core.records import SplitRow
from breastcad.evaluate.figures import Figure, write_metrics
from breastcad.evaluate.minimal_data import draw, main, minimal_data, table


def figure(level: str, value: float, n: int, name: str = "auc malignant against benign", of_set: str = "made") -> Figure:
    return Figure(name, of_set, "test", level, value, value - 0.1, value + 0.1, n, n // 3, 20, "made up")


def made_run(folder: Path, women: list[int], value: float, *, n: int = 60, **more: object) -> Path:
    """Write what is read of a run: settings, folds, figures."""
    settings = {"task": "film", "women": women[0], "rows": 64, "shortened": False, **more}
    write_text(folder / "settings.yaml", json.dumps(settings))
    write_json(folder / "folds.json", [{"women": count} for count in women])
    write_split(folder, [SplitRow("made", f"i{n}", f"g{n}", 0, 0, 0, ("train", "validation", "test")[n % 3]) for n in range(6)], {})
    other = "auc malignant against the rest"
    figures = [figure("image", 0.2, 9, other), figure("image", value, n), figure("patient", value + 0.05, n // 2, other)]
    write_metrics(folder / "metrics.json", "made-up data", [*figures, figure("image", 0.9, 4, of_set="a/b")])
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    return [
        made_run(tmp_path / "all", [31, 32], 0.8, shortened=False),
        made_run(tmp_path / "few", [5, 5], 0.55),
        made_run(tmp_path / "some", [20, 20], 0.7),
    ]


def test_runs_stand_by_how_many_women_they_trained_on(runs: list[Path]) -> None:
    points = minimal_data(runs)
    assert [(point.name, point.women) for point in points] == [("few", 5), ("some", 20), ("all", 31.5)]
    lines = table(points).splitlines()
    assert lines[0] == "| run | women a fold trains on | AUC by film | AUC by woman |"
    assert lines[2] == "| few | 5 | 0.550 [0.450, 0.650], n 60 (20 positive) | 0.600 [0.500, 0.700], n 30 (10 positive) |"
    assert lines[4].startswith("| all | 31.5 | 0.800 ")


def test_the_picture_is_one_and_the_call_writes_both(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(minimal_data(runs), tmp_path / "one.png", "made-up data")
    main([*map(str, runs), "--out", str(tmp_path / "out")])
    assert capsys.readouterr().out == (tmp_path / "out" / "minimal-data.md").read_text()
    assert (tmp_path / "out" / "minimal-data.png").read_bytes() == (tmp_path / "one.png").read_bytes()
    with Image.open(tmp_path / "one.png") as picture:
        assert min(picture.size) > 500


def test_shortened_runs_are_called_so(tmp_path: Path) -> None:
    points = minimal_data([made_run(tmp_path / "a", [5], 0.6, shortened=True)])
    assert "| a, shortened | 5 |" in table(points)


@pytest.mark.parametrize(
    ("women", "n", "more", "sentence"),
    [
        ([9], 60, {"rows": 32}, "'all' and 'x' differ in the setting 'rows'; compare runs that differ in 'women' alone"),
        ([9], 61, {}, "'all' and 'x' were not tested on the same films; compare runs on one split"),
        ([9], 60, {"task": "classifier"}, "is no run of whole films"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    runs: list[Path], tmp_path: Path, women: list[int], n: int, more: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        minimal_data([runs[0], made_run(tmp_path / "x", women, 0.6, n=n, **more)])


@pytest.mark.parametrize("part", ["validation", "test"])
def test_as_many_films_but_others_are_no_one_split(runs: list[Path], part: str) -> None:
    """Of the last run one film of that part changes places with one that it trains on: all counts stay."""
    rows = read_split(runs[2])
    own, other = (next(row for row in rows if row.part == name) for name in (part, "train"))
    swapped = {own.id: "train", other.id: part}
    write_split(runs[2], [replace(row, part=swapped.get(row.id, row.part)) for row in rows], {})
    with pytest.raises(InputError, match=r"'all' and 'some' validate or test on other films \(split.csv\)"):
        minimal_data(runs)


def test_a_setting_that_the_second_run_lacks_is_a_difference(tmp_path: Path) -> None:
    given = [made_run(tmp_path / "a", [5], 0.6, epochs=3), made_run(tmp_path / "b", [9], 0.6)]
    with pytest.raises(InputError, match="'a' and 'b' differ in the setting 'epochs'"):
        minimal_data(given)


def test_a_run_without_figures_is_refused(runs: list[Path], tmp_path: Path) -> None:
    (runs[0] / "metrics.json").unlink()
    with pytest.raises(InputError, match="has no figures; train it to its end, and call breastcad evaluate"):
        minimal_data(runs)
    write_metrics(runs[0] / "metrics.json", "t", [])
    with pytest.raises(InputError, match="has no figure 'auc malignant against benign'"):
        minimal_data(runs)
