"""Which files a call names, and which of them names alone give away as no images."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

import pytest

from breastcad.core.errors import InputError
from breastcad.infer.inputs import InputFile, known_reason, list_files


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def relatives(files: list[InputFile]) -> list[str]:
    return [file.relative.as_posix() for file in files]


def test_folders_are_walked_in_sorted_order_without_what_is_hidden(tmp_path: Path) -> None:
    touch(tmp_path, "b/2.png", "b/1.png", "a/9.png", ".hidden/1.png", "b/.DS_Store", "c.png")
    assert relatives(list_files([tmp_path])) == ["c.png", "a/9.png", "b/1.png", "b/2.png"]


def test_arguments_are_numbered_and_sources_relative_to_them(tmp_path: Path) -> None:
    touch(tmp_path, "one/1.png", "two/2.png")
    files = list_files([tmp_path / "two" / "2.png", tmp_path / "one"])
    assert [(file.argument, file.relative.as_posix()) for file in files] == [(0, "2.png"), (1, "1.png")]


def test_a_file_named_twice_is_taken_once(tmp_path: Path) -> None:
    touch(tmp_path, "1.png")
    assert len(list_files([tmp_path / "1.png", tmp_path])) == 1


def test_a_hidden_file_named_by_itself_is_taken(tmp_path: Path) -> None:
    touch(tmp_path, ".1.png")
    assert relatives(list_files([tmp_path / ".1.png"])) == [".1.png"]


def test_analysis_folders_are_not_walked_into(tmp_path: Path) -> None:
    touch(tmp_path, "1.png", "analysis/0000/overlay.png", "other/findings.json", "other/2.png")
    (tmp_path / "analysis" / "findings.json").write_text('{\n "schema": "breastcad-findings/1",\n')
    assert relatives(list_files([tmp_path])) == ["1.png", "other/2.png", "other/findings.json"]


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file or folder: '.*gone'"):
        list_files([tmp_path / "gone"])


def test_no_path_is_refused() -> None:
    with pytest.raises(InputError, match="no file or folder to analyse was given"):
        list_files([])


def test_an_empty_path_is_refused_and_is_not_the_current_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"an empty path was given; name a file or a folder, the current one as '\.'"):
        list_files([tmp_path, ""])


def reason_of(tmp_path: Path, name: str) -> str | None:
    touch(tmp_path, name)
    return known_reason(InputFile(0, tmp_path / name, PurePath(name)))


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("benign (4)_mask.png", "BUSI"),
        ("benign (4)_mask_1.png", "BUSI"),
        ("mask_0001-l.png", "BUS-BRA"),
        ("case007_tumor.png", "BrEaST"),
        ("case022_other1.png", "BrEaST"),
        ("A_0002_1.RIGHT_MLO_LI.png", "DDSM tissue"),
        ("case1_GT.bmp", "BUSIS"),
        ("Masks/bus_0001-l.png", "folder of masks"),
        ("Mass-Training_P_00001_LEFT_CC_1/1-1.dcm", "CBIS-DDSM"),
        ("1.000000-ROI mask images-24515/1-1.dcm", "CBIS-DDSM"),
        ("1.000000-cropped images-24515/1-1.dcm", "CBIS-DDSM"),
    ],
)
def test_masks_and_crops_of_known_layouts(tmp_path: Path, name: str, word: str) -> None:
    assert word in str(reason_of(tmp_path, name))


@pytest.mark.parametrize(
    "name",
    ["benign (4).png", "bus_0001-l.png", "case007.png", "A_0002_1.RIGHT_MLO.png", "Mass-Training_P_00001_LEFT_CC/1-1.dcm", "unmasked.png"],
)
def test_images_of_known_layouts_are_opened(tmp_path: Path, name: str) -> None:
    assert reason_of(tmp_path, name) is None


def test_a_folder_of_masks_that_is_the_argument_itself_is_opened(tmp_path: Path) -> None:
    touch(tmp_path, "masks/1.png")
    (file,) = list_files([tmp_path / "masks"])
    assert known_reason(file) is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (file,) = list_files([tmp_path])
    assert known_reason(file) == "not a regular file"


def test_a_linked_folder_is_not_followed_but_said(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    (file,) = list_files([tmp_path / "in"])
    assert str(file.relative) == "loop"
    assert known_reason(file) == "a link to a folder, which is not followed; name the folder itself"


def test_a_link_that_leads_in_a_circle_is_listed_beside_the_others(tmp_path: Path) -> None:
    touch(tmp_path, "b.png")
    (tmp_path / "a.png").symlink_to("a.png")
    files = list_files([tmp_path])
    assert [(str(file.relative), known_reason(file)) for file in files] == [("a.png", "not a regular file"), ("b.png", None)]


def test_a_folder_that_may_not_be_opened_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shut").mkdir()
    real = os.scandir

    def scandir(place: str) -> object:
        if Path(place).name == "shut":
            raise PermissionError(13, "Permission denied", str(place))
        return real(place)

    monkeypatch.setattr(os, "scandir", scandir)
    (file,) = list_files([tmp_path])
    assert str(file.relative) == "shut"
    assert known_reason(file) == "a folder that cannot be opened"
