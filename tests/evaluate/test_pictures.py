"""Pictures of a run: those that it has data for, readable as PNG, the same each time."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from breastcad.core.errors import ReadError
from breastcad.evaluate.figures import Options
from breastcad.evaluate.learning_curves import learning_curves
from breastcad.evaluate.pictures import Curve, roc_panel, roc_panels, write_pictures
from breastcad.evaluate.run_figures import evaluated, figures


def test_a_whole_run_has_three_pictures_on_light_ground(whole_run, tmp_path) -> None:
    written = write_pictures(whole_run, tmp_path, "made up, three folds", figures(whole_run))
    assert [path.name for path in written] == ["roc.png", "reliability.png", "froc.png"]
    for path in written:
        with Image.open(path) as picture:
            assert min(picture.size) > 500
            assert picture.convert("L").getpixel((2, 2)) == 255


def test_pictures_are_the_same_each_time(whole_run, tmp_path) -> None:
    found = figures(whole_run)
    (tmp_path / "again").mkdir()
    first = write_pictures(whole_run, tmp_path, "t", found)
    again = write_pictures(whole_run, tmp_path / "again", "t", found)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_a_run_with_one_class_and_no_marks_has_no_picture(tmp_path, tables) -> None:
    tables.write_run(tmp_path, [tables.prediction(name, dice=0.1 * k) for k, name in enumerate("abc")])
    assert write_pictures(tmp_path, tmp_path, "t", figures(tmp_path)) == []


@pytest.mark.parametrize(("level", "suffix"), [("image", ""), pytest.param(None, "-patient", marks=pytest.mark.slow)])
def test_a_classifier_has_its_counts_drawn_and_the_level_in_the_name_where_there_are_several(
    tmp_path, tables, monkeypatch, level, suffix
) -> None:
    monkeypatch.setattr("breastcad.evaluate.scopes.REPEATS", 2)
    run, options = tables.made_up_classifier(tmp_path), Options(level=level)
    found = evaluated(run, options)
    written = write_pictures(run, tmp_path, "made up", found.figures, options=options, confusions=found.confusions)
    assert len(written) == (3 if level else 12)
    assert {path.name for path in written} >= {f"{name}{suffix}.png" for name in ("roc", "reliability", "confusion")}


def test_several_runs_share_one_axis_and_a_name_has_one_line(tmp_path) -> None:
    draw = np.random.default_rng(2)
    labels = draw.random(50) < 0.5
    curves = [Curve(name, labels, labels + draw.normal(size=50)) for name in ("one", "other")]
    roc_panel(tmp_path / "one.png", "two runs", curves)
    roc_panels(tmp_path / "two.png", "two runs", [("a", curves), ("b", curves[1:])])
    with Image.open(tmp_path / "one.png") as one, Image.open(tmp_path / "two.png") as two:
        assert two.width > 1.5 * one.width
        assert not {(213, 94, 0), (0, 114, 178)} - {colour for _, colour in one.convert("RGB").getcolors(10**6)}
    with pytest.raises(ValueError, match="there are no curves to draw"):
        roc_panel(tmp_path / "none.png", "none", [])
    with pytest.raises(ValueError, match="must hold both classes"):
        roc_panel(tmp_path / "none.png", "none", [Curve("one", [1, 1], [1, 2])])
    assert not (tmp_path / "none.png").exists()


LOG = """fold,member,epoch,part,loss,score,accuracy,f1,seconds
0,0,0,train,1.0,,0.5,0.4,3
0,0,0,validation,1.2,0.6,0.5,0.3,
0,0,1,train,0.9,,0.6,0.5,3
0,0,1,train,0.8,,0.6,0.5,3
0,0,1,validation,1.0,0.7,0.6,0.4,
1,0,0,train,1.1,,0.5,0.4,3
1,0,0,validation,1.3,0.5,0.5,0.4,
"""


def test_learning_curves_have_a_panel_a_quantity(tmp_path) -> None:
    assert learning_curves(tmp_path, tmp_path, "t") == []
    (tmp_path / "log.csv").write_text(LOG)
    (written,) = learning_curves(tmp_path, tmp_path, "t")
    with Image.open(written) as picture:
        assert min(picture.size) > 1500  # four panels, three a row
        assert picture.convert("L").getpixel((2, 2)) == 255


def test_an_epoch_that_was_run_twice_counts_as_it_was_last(tmp_path) -> None:
    from breastcad.evaluate.learning_curves import _told

    (tmp_path / "log.csv").write_text(LOG)
    assert _told(tmp_path / "log.csv")["loss", "train"] == [{1: 1.0, 2: 0.8}, {1: 1.1}]


@pytest.mark.parametrize(("old", "new"), [("0,0,0,train,1.0", "0,0,0,train,much"), ("epoch", "step")])
def test_a_log_that_cannot_be_read_is_named(tmp_path, old, new) -> None:
    (tmp_path / "log.csv").write_text(LOG.replace(old, new))
    with pytest.raises(ReadError, match=r"log\.csv: line 2 cannot be read"):
        learning_curves(tmp_path, tmp_path, "t")
