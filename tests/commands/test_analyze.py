"""The command analyze: exit codes, what it writes and says, the same bytes twice, nothing half-written when it is stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import pytest
from PIL import Image

from breastcad.commands import main, progress
from breastcad.commands.analyze import REASONS_SHOWN, tell
from breastcad.core.records import NOTICE, Analysis, Skipped

MakeModel = Callable[..., Path]
TOP = Path(__file__).resolve().parents[2]


def scan(rows: int = 120, cols: int = 160, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).rayleigh(50, (rows, cols)).clip(0, 255).astype(np.uint8)


def write_images(folder: Path, count: int = 1) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        assert cv2.imwrite(str(folder / f"scan {number}.png"), scan(seed=number))
    return folder


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["analyze", *map(str, arguments)])
    return int(stop.value.code or 0)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_an_analysis_folder_is_written_and_its_files_are_named_in_it(
    tmp_path: Path, tiny_model: MakeModel, capsys: pytest.CaptureFixture[str]
) -> None:
    write_images(tmp_path / "in", 2)
    (tmp_path / "in" / "notes.txt").write_text("x")
    assert run(tmp_path / "in", "--model", tiny_model("US"), "--out", tmp_path / "out") == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "2 analysed, 1 skipped",
        "  1 skipped: not an image",
        str(tmp_path / "out" / "report.html"),
        "Research use only. Not a diagnosis.",
    ]
    assert said.err == ""
    findings = json.loads((tmp_path / "out" / "findings.json").read_text())
    jsonschema.validate(findings, json.loads((TOP / "docs" / "findings.schema.json").read_text()))
    for image in findings["images"]:
        assert (tmp_path / "out" / image["overlay"]).is_file()
        heat_map = cv2.imread(str(tmp_path / "out" / image["heatmap"]["file"]), cv2.IMREAD_UNCHANGED)
        assert heat_map.dtype == np.uint16
        for finding in image["findings"]:
            if finding["mask"] is not None:
                assert cv2.imread(str(tmp_path / "out" / finding["mask"]), cv2.IMREAD_UNCHANGED).shape == (image["rows"], image["cols"])


def test_the_same_call_twice_gives_the_same_bytes(tmp_path: Path, tiny_model: MakeModel) -> None:
    write_images(tmp_path / "in", 2)
    for out in ("one", "two"):
        assert run(tmp_path / "in", "--model", tiny_model("US"), "--out", tmp_path / out) == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_nothing_to_analyse_is_exit_1_with_the_reasons_written(
    tmp_path: Path, tiny_model: MakeModel, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "zero.png").write_bytes(b"")
    (tmp_path / "in" / "notes.txt").write_text("x")
    assert run(tmp_path / "in", "--model", tiny_model("US"), "--out", tmp_path / "out") == 1
    assert "nothing could be analysed" in capsys.readouterr().err
    assert len(json.loads((tmp_path / "out" / "findings.json").read_text())["skipped"]) == 2


def test_an_empty_folder_is_exit_1_and_said_to_be_empty(tmp_path: Path, tiny_model: MakeModel, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    assert run(tmp_path / "in", "--model", tiny_model("US"), "--out", tmp_path / "out") == 1
    assert "there was no file in what was named" in capsys.readouterr().err


def test_calls_that_cannot_be_taken_are_exit_2_and_one_line(
    tmp_path: Path, tiny_model: MakeModel, capsys: pytest.CaptureFixture[str]
) -> None:
    images, full = write_images(tmp_path / "in"), write_images(tmp_path / "full")
    model = tiny_model("US")
    for arguments, words in (
        ((tmp_path / "gone", "--model", model), "no such file or folder"),
        (("", "--model", model), "an empty path was given"),
        ((images, "--model", "none-such"), "unknown model 'none-such'"),
        ((images, "--model", model, "--out", full), "is not empty"),
        ((images, "--model", model, "--modality", "CT"), "CT"),
    ):
        assert run(*arguments, *(() if "--out" in arguments else ("--out", tmp_path / "out"))) == 2
        said = capsys.readouterr().err
        assert words in said
        assert len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()
    assert run(images, "--model", model, "--out", full, "--overwrite") == 0


def test_without_a_terminal_a_line_is_written_now_and_then(
    tmp_path: Path, tiny_model: MakeModel, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    images = write_images(tmp_path / "in", 2)
    Image.fromarray(scan()).save(images / "pages.tif", save_all=True, append_images=[Image.fromarray(scan(seed=7))])
    assert run(images, "--model", tiny_model("US"), "--out", tmp_path / "out") == 0
    lines = [f"analysing: {done} of 3" for done in (1, 1, 2, 3)]  # two pages are one file
    assert capsys.readouterr().err.splitlines() == lines


def test_more_reasons_than_are_shown_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reasons = ["seen twice", *(f"reason {number}" for number in range(REASONS_SHOWN + 1)), "seen twice"]
    skipped = [Skipped(0, f"{number}.png", reason) for number, reason in enumerate(reasons)]
    tell(Analysis("", "", "", NOTICE, [], [], [], skipped), tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"0 analysed, {REASONS_SHOWN + 3} skipped", "  2 skipped: seen twice"]
    assert sum(" skipped: " in line for line in lines) == REASONS_SHOWN
    assert lines[-3] == "  and 2 more reasons, in findings.json"


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("overwrite", [False, True])
def test_stopped_in_the_middle_nothing_half_written_has_a_final_name(tmp_path: Path, tiny_model: MakeModel, overwrite: bool) -> None:
    options = ("--model", tiny_model("US"), "--out", tmp_path / "out")
    if overwrite:  # a whole analysis of another picture, of which no part may pass as one of the new
        assert run(write_images(tmp_path / "older"), *options) == 0
        options = (*options, "--overwrite")
    write_images(tmp_path / "in", 3)
    for number in range(3, 400):  # long enough to be stopped in
        os.link(tmp_path / "in" / "scan 0.png", tmp_path / "in" / f"scan {number}.png")
    call = [sys.executable, "-m", "breastcad", "analyze", tmp_path / "in", *options]

    def heed_interrupts() -> None:  # a test run in the background has them ignored, and its children inherit that
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts) as process:
        while process.poll() is None and not (tmp_path / "out" / "0002" / "overlay.png").exists():
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "breastcad: interrupted\n"
    left = contents(tmp_path / "out")
    assert not any(name.endswith(".part") or "findings.json" in name or "report.html" in name for name in left)
    for name, content in left.items():
        if name.endswith(".png"):
            assert content.endswith(b"IEND\xaeB`\x82")


def test_a_folder_of_interrupted_work_is_refused_as_that(
    tmp_path: Path, tiny_model: MakeModel, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    call = write_images(tmp_path / "in"), "--model", tiny_model("US"), "--out", tmp_path / "out"

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("breastcad.report.analysis_folder.render_report", stop)
        assert run(*call) == 130
    capsys.readouterr()
    assert run(*call) == 2
    said = capsys.readouterr().err
    assert said.startswith(
        f"breastcad: '{tmp_path / 'out'}' holds an analysis that was interrupted, or is being written now (unfinished.txt); "
    )
    assert "if none is, add --overwrite: it is begun anew" in said
    assert run(*call, "--overwrite") == 0
    assert run(*call) == 2
    assert "is not empty" in capsys.readouterr().err


# What one picture's analysis must not load: each of these would show in its time.
NOT_LOADED = (
    *("torch", "scipy", "skimage", "sklearn", "pandas", "matplotlib", "openpyxl", "yaml", "rich", "pydicom", "tifffile", "imagecodecs"),
    *("breastcad.read.dicom", "breastcad.read.deep_pictures", "breastcad.evaluate.metrics", "breastcad.train", "breastcad.datasets"),
)


def test_one_picture_loads_nothing_that_it_does_not_need(tmp_path: Path, tiny_model: MakeModel) -> None:
    write_images(tmp_path / "in")
    code = (
        "import sys\nfrom breastcad.commands import main\ntry:\n main(sys.argv[1:])\nexcept SystemExit as stop:\n"
        f" print(stop.code, [name for name in {NOT_LOADED} if name in sys.modules])"
    )
    call = [sys.executable, "-c", code, "analyze", tmp_path / "in", "--model", tiny_model("US"), "--out", tmp_path / "out"]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"
