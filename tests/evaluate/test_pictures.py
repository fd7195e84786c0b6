"""Pictures of a run: those that it has data for, readable as PNG, the same each time."""

from __future__ import annotations

from PIL import Image

from breastcad.evaluate.pictures import write_pictures
from breastcad.evaluate.run_figures import figures


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
