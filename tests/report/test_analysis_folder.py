"""The analysis folder: what is written, when, and that it can be read again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from breastcad.core.errors import InputError
from breastcad.core.files import read_analysis
from breastcad.core.records import Skipped
from breastcad.infer.inputs import list_files
from breastcad.report.analysis_folder import write_analysis_folder, write_image
from breastcad.report.html import ReportNotes, render_report


def read(path: Path) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)


def test_the_folder_holds_what_the_record_names(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    run = make_run(make_image(0, masks=True, findings=2), Skipped(0, "notes.txt", "not an image"), make_image(1))
    analysis = write_analysis_folder(tmp_path, run)
    assert read_analysis(tmp_path / "findings.json") == analysis
    first, second = analysis.images
    assert first.overlay == "0000/overlay.png"
    assert first.heatmap is not None
    assert (first.heatmap.file, first.heatmap.of, first.heatmap.range) == ("0000/heatmap.png", "malignant", [0, 1])
    assert [finding.mask for finding in first.findings] == ["0000/finding-1.png", "0000/finding-2.png"]
    assert [finding.mask for finding in second.findings] == [None]
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    pictures = ["heatmap.png", "overlay.png", "source.jpg"]
    expected = [f"000{k}/{name}" for k in (0, 1) for name in pictures] + ["0000/finding-1.png", "0000/finding-2.png"]
    assert files == sorted([*expected, "findings.json", "report.html"])


def test_masks_and_heat_map_are_those_of_the_analysis(tmp_path: Path, make_image: Any) -> None:
    item = make_image(0, masks=True)
    write_image(tmp_path, item)
    np.testing.assert_array_equal(read(tmp_path / "0000/finding-1.png"), item.masks[0] * np.uint8(255))
    heat = read(tmp_path / "0000/heatmap.png")
    assert heat.dtype == np.uint16
    np.testing.assert_allclose(heat / 65535, item.heat_map, atol=1e-5)


def test_an_empty_outline_is_no_file(tmp_path: Path, make_image: Any) -> None:
    item = make_image(0, masks=True, findings=2)
    item.masks[0][:] = False
    write_image(tmp_path, item)
    assert [finding.mask for finding in item.result.findings] == [None, "0000/finding-2.png"]
    assert not (tmp_path / "0000/finding-1.png").exists()


def test_outlines_that_are_not_one_a_finding_are_refused_before_anything_is_written(tmp_path: Path, make_image: Any) -> None:
    item = make_image(0, masks=True, findings=2)
    item.masks.pop()
    with pytest.raises(ValueError, match="got 1 for 2 findings"):
        write_image(tmp_path, item)
    assert list(tmp_path.iterdir()) == []


def test_the_source_is_shown_in_its_colours(tmp_path: Path, make_image: Any) -> None:
    item = make_image(0)
    item.picture.colour = np.zeros((120, 80, 3), np.uint8)
    item.picture.colour[:, :, 0] = 220
    write_image(tmp_path, item)
    blue, green, red = read(tmp_path / "0000/source.jpg")[60, 40]
    assert red > 200
    assert max(blue, green) < 20


def test_findings_json_comes_last_so_that_a_broken_run_has_none(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    run = make_run(make_image(0), make_image(1))

    def broken(images: Any, skipped: Any) -> Any:
        raise RuntimeError("power cut")

    run.assemble = broken
    with pytest.raises(RuntimeError, match="power cut"):
        write_analysis_folder(tmp_path, run)
    assert (tmp_path / "0001/overlay.png").is_file()
    assert not (tmp_path / "findings.json").exists()
    assert not (tmp_path / "report.html").exists()


def test_two_analyses_into_one_folder_are_told(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    def other(_: object) -> None:
        write_analysis_folder(tmp_path, make_run(make_image(0)))

    with pytest.raises(InputError, match="another analysis was written into"):
        write_analysis_folder(tmp_path, make_run(make_image(0)), progress=other)


def test_an_image_that_cannot_be_written_stops_nothing(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    broken = make_image(1, masks=True)
    broken.picture.colour = np.zeros((0, 0, 3), np.uint8)  # its heat map and outline are written, source.jpg cannot be
    analysis = write_analysis_folder(tmp_path, make_run(make_image(0), broken, make_image(2)))
    assert [image.image for image in analysis.images] == ["0000", "0002"]
    assert analysis.skipped == [Skipped(0, "picture 1.png", "its pictures cannot be written (ZeroDivisionError)")]
    assert not (tmp_path / "0001").exists()
    assert read_analysis(tmp_path / "findings.json") == analysis


def test_an_older_analysis_goes_before_the_first_picture_and_nothing_else(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    write_analysis_folder(tmp_path, make_run(*(make_image(number, masks=True) for number in range(4))))
    (tmp_path / "0002" / "notes.txt").write_text("mine")
    (tmp_path / "0007").mkdir()
    (tmp_path / "0007" / "overlay.png").write_bytes(b"not named by findings.json")
    (tmp_path / "0003").rename(tmp_path / "mine")
    (tmp_path / "0003").symlink_to(tmp_path / "mine")
    run = make_run()

    def interrupted() -> Any:
        yield make_image(0)
        raise KeyboardInterrupt

    run.items = interrupted()
    with pytest.raises(KeyboardInterrupt):
        write_analysis_folder(tmp_path, run)
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file() and "0003" not in path.parts)
    pictures = ["heatmap.png", "overlay.png", "source.jpg"]
    expected = [*(f"0000/{name}" for name in pictures), "0002/notes.txt", "0007/overlay.png"]
    assert left == [*expected, *(f"mine/{name}" for name in sorted([*pictures, "finding-1.png"])), "unfinished.txt"]
    # What interrupted work left is not taken for a patient's pictures, and goes with the next analysis.
    assert list_files([tmp_path]) == []
    write_analysis_folder(tmp_path, make_run(make_image(4)))
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file() and "mine" not in path.parts)
    assert left == ["0002/notes.txt", *(f"0004/{name}" for name in pictures), "findings.json", "report.html"]


@pytest.mark.parametrize("image", ["../0001", "made-up", 7])
def test_a_findings_json_that_names_other_folders_removes_nothing_there(
    tmp_path: Path, make_run: Any, make_image: Any, image: object
) -> None:
    write_image(tmp_path, make_image(1))
    (tmp_path / "made-up").mkdir()
    (tmp_path / "made-up" / "overlay.png").write_bytes(b"mine")
    write_analysis_folder(tmp_path / "out", make_run(make_image(0)))
    text = (tmp_path / "out" / "findings.json").read_text()
    (tmp_path / "out" / "findings.json").write_text(text.replace('"image": "0000"', f'"image": {json.dumps(image)}'))
    write_analysis_folder(tmp_path / "out", make_run())
    assert (tmp_path / "0001" / "overlay.png").exists()
    assert (tmp_path / "made-up" / "overlay.png").exists()


def test_one_image_is_held_at_a_time(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    """Each picture is written and let go before the next one is asked for."""
    import weakref

    run = make_run()
    alive: list[int] = []
    seen: list[weakref.ref[np.ndarray]] = []

    def items() -> Any:
        for number in range(4):
            alive.append(sum(ref() is not None for ref in seen))
            item = make_image(number)
            seen.append(weakref.ref(item.picture.pixels))
            yield item
            del item

    run.items = items()
    write_analysis_folder(tmp_path, run)
    assert max(alive) <= 1


def test_the_page_shows_what_the_folder_holds(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    run = make_run(make_image(0, masks=True, shape=(1000, 1300)), make_image(1))
    analysis = write_analysis_folder(tmp_path, run)
    from_files = render_report(analysis, tmp_path, ReportNotes(), run.model_facts())
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == from_files


def test_progress_hears_of_every_file(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    heard: list[object] = []
    items = [make_image(0), Skipped(0, "notes.txt", "not an image")]
    write_analysis_folder(tmp_path, make_run(*items), progress=heard.append)
    assert heard == items


def test_nothing_analysed_is_a_whole_folder_too(tmp_path: Path, make_run: Any) -> None:
    analysis = write_analysis_folder(tmp_path, make_run(Skipped(0, "notes.txt", "not an image")))
    assert analysis.images == []
    assert "not an image" in (tmp_path / "report.html").read_text()
