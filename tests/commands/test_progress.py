"""What tells how far long work is."""

from __future__ import annotations

import io

import pytest

from breastcad.commands import progress


def test_without_a_terminal_a_line_is_written_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.bar("looking") as update:
        for done, now[0] in ((1, 10.0), (1500, 61.0), (1600, 70.0), (1700, 130.0)):
            update(done, 2000)
        now[0] = 200.0
        update(3, None, "fold 1")
    assert capsys.readouterr().err == "looking: 1,500 of 2,000\nlooking: 1,700 of 2,000\nfold 1: 3\n"


def test_on_a_terminal_a_bar_is_drawn_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(progress.sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress.bar("looking") as update:
        update(1, 2, "fold 1")
    assert "fold 1" in terminal.getvalue()
    assert "50%" in terminal.getvalue()
