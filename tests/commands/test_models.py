"""``breastcad models``: what it lists and shows, with a made-up catalogue."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from breastcad.commands import main
from breastcad.models import catalogue
from breastcad.models.classifiers import CLASSIFIERS
from breastcad.models.registry import NETWORKS

FACTS = {"id": "us-made-up", "version": "0.3.0", "modality": "US", "trained_on": ["BUSI", "BUS-BRA"]}


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the bundled models: one of 1.5 MiB, without a card."""
    (tmp_path / "us-made-up.onnx").write_bytes(b"0" * (3 * 2**19))
    monkeypatch.setattr(catalogue, "BUNDLED", tmp_path)
    monkeypatch.setattr(catalogue, "read_metadata", lambda path: FACTS)
    return tmp_path


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["models", *arguments])
    return int(stop.value.code or 0)


@pytest.mark.usefixtures("shelf")
def test_list_says_version_modality_size_and_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("list") == 0
    assert capsys.readouterr().out.split() == ["us-made-up", "0.3.0", "US", "1.5", "MiB", "trained", "on", "BUSI,", "BUS-BRA"]


def test_list_of_nothing_is_the_answer_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(catalogue, "BUNDLED", tmp_path)
    assert call("list") == 1
    assert capsys.readouterr().err == "breastcad: no model comes with this copy of breastcad\n"


def test_show_prints_the_card(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shelf / "us-made-up.md").write_text("# us-made-up\nWeak: n = 3.\n", encoding="utf-8")
    assert call("show", "us-made-up") == 0
    assert capsys.readouterr().out == "# us-made-up\nWeak: n = 3.\n\n"


@pytest.mark.usefixtures("shelf")
def test_show_prints_the_facts_of_a_file_without_a_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("show", "us-made-up") == 0
    assert json.loads(capsys.readouterr().out) == FACTS


def test_a_card_that_is_no_text_is_refused(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shelf / "us-made-up.md").write_bytes(b"# us\xff")
    assert call("show", "us-made-up") == 2
    assert capsys.readouterr().err == "breastcad: us-made-up.md: is no UTF-8 text (byte 4); save it as UTF-8\n"


def test_facts_are_shown_in_letters_that_no_terminal_acts_on(
    shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(catalogue, "read_metadata", lambda path: FACTS | {"note": "\x9b31m\ud800"})
    assert call("show", "us-made-up") == 0
    assert "\\u009b31m\\ud800" in capsys.readouterr().out


@pytest.mark.usefixtures("shelf")
def test_show_of_an_unknown_model_names_those_near(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("show", "us-made") == 2
    assert "us-made-up" in capsys.readouterr().err


def test_networks_lists_each_of_both_kinds_with_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("networks") == 0
    lines = capsys.readouterr().out.splitlines()
    (second,) = (number for number, line in enumerate(lines) if line.startswith("classifiers"))
    for found, named in ((lines[1:second], NETWORKS), (lines[second + 1 :], CLASSIFIERS)):
        assert [line.split()[0] for line in found] == list(named)
        assert all(line.endswith(network.about) for line, network in zip(found, named.values(), strict=True))
    assert "  vgg16               hub       224 px  publication D; no batch normalisation" in lines
