"""The command line: lists, exit codes, errors as one line. What each command does is tested beside its own module."""

from __future__ import annotations

import errno
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from breastcad import __version__
from breastcad.commands import COMMANDS, load_command, main
from breastcad.core.errors import AnswerNo, InputError, ReadError


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs breastcad in this process: arguments -> exit code, stdout, stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        printed = capsys.readouterr()
        return int(stop.value.code or 0), printed.out, printed.err

    return call


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException | None], None]:
    """Return a function that adds a command ``stand-in`` which raises what it is given."""

    def add(error: BaseException | None) -> None:
        def command(name: str = "x") -> None:
            """Do what a command does.

            Parameters
            ----------
            name : str
                Of no use.
            """
            if error is not None:
                raise error

        module = types.ModuleType("breastcad.commands.stand_in")
        module.command = command  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(COMMANDS, "stand-in", ("stand_in", "A stand-in."))

    return add


def options_of(command: object) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}  # type: ignore[attr-defined]


def test_help_lists_every_command_with_its_line(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    told = " ".join(out.split())
    for name, (_, line) in COMMANDS.items():
        assert f"{name} {line}" in told


def test_no_arguments_show_the_help_and_are_no_success(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run()
    assert (code, out) == (2, "")
    assert err.startswith("Usage: breastcad")


def test_version(run: Callable[..., tuple[int, str, str]]) -> None:
    assert run("--version") == (0, f"breastcad {__version__}\n", "")


def test_a_command_that_ends_well_exits_with_0(run: Callable[..., tuple[int, str, str]], stand_in: Callable[..., None]) -> None:
    stand_in(None)
    assert run("stand-in") == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["analyse"], "breastcad: No such command 'analyse'. Did you mean 'analyze'?; see: breastcad --help"),
        (["--bogus"], "breastcad: No such option: --bogus; see: breastcad --help"),
        (["models", "show"], "breastcad models show: Missing argument 'MODEL'; see: breastcad models show --help"),
        (["stand-in", "one"], "breastcad stand-in: Got unexpected extra argument(s) (one); see: breastcad stand-in --help"),
    ],
)
def test_a_call_that_does_not_parse_is_one_line_and_2(
    arguments: list[str], told: str, run: Callable[..., tuple[int, str, str]], stand_in: Callable[..., None]
) -> None:
    stand_in(None)
    assert run(*arguments) == (2, "", told + "\n")


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["analyze", "a.png", "--out", "a", "--out", "b"], "--out"),
        (["import", "busi", "x", "--out", "a", "--out=a"], "--out"),
        (["split", "c", "--out", "a", "--folds", "3", "--seed", "1", "--folds", "3"], "--folds"),
        (["phantom", "busi", "--quirks", "--out", "a", "--no-quirks"], "--quirks / --no-quirks"),
        (["phantom", "busi", "--out", "a", "--overwrite", "--overwrite"], "--overwrite"),
        (["train", "c", "--split", "s", "--out", "a", "--setting", "rows=64", "--out", "b"], "--out"),
        (["models", "show", "us-lesion", "--debug", "--debug"], "--debug"),
    ],
)
def test_an_option_given_twice_is_refused(
    arguments: list[str], option: str, run: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # what is not refused writes here
    name = " ".join(["breastcad", *arguments[: 1 + (arguments[0] == "models")]])
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == f"{name}: Option {option} is given more than once; give it once; see: {name} --help"


def test_an_option_that_takes_several_values_may_be_given_again(tmp_path: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    missing = str(tmp_path / "none")
    code, _, err = run("split", missing, "--kind", "across", "--train-set", "a", "--train-set", "b", "--out", str(tmp_path / "out"))
    assert code == 2
    assert "is no collection" in err
    assert "more than once" not in err


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (InputError("no image in 'x'; name another folder"), 2, "breastcad: no image in 'x'; name another folder\n"),
        (ReadError("folder/scan.png", "is cut off"), 2, "breastcad: scan.png: is cut off\n"),
        (AnswerNo("split leaks: 3 patients"), 1, "breastcad: split leaks: 3 patients\n"),
        (PermissionError(13, "Permission denied", "out/x.csv"), 2, "breastcad: out/x.csv: Permission denied\n"),
        (OSError("no such device"), 2, "breastcad: no such device\n"),
        (OSError(errno.ENOSPC, "?", "x"), 2, "breastcad: the disk is full, so that not all could be written; make room and call again\n"),
        (KeyboardInterrupt(), 130, "breastcad: interrupted\n"),
        (typer.TyperException("no such thing"), 2, "breastcad: no such thing\n"),
        (typer.Abort(), 2, "breastcad: stopped\n"),
        (typer.BadParameter("must be even"), 2, "breastcad stand-in: Invalid value: must be even; see: breastcad stand-in --help\n"),
        (
            ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn"),
            2,
            "breastcad: this command (it uses torch) needs packages that are not installed; "
            "install them with: pip install 'breastcad[train]'\n",
        ),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_an_exit_code(
    error: BaseException, code: int, told: str, run: Callable[..., tuple[int, str, str]], stand_in: Callable[..., None]
) -> None:
    stand_in(error)
    assert run("stand-in") == (code, "", told)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("words of 'label': 'be\x1b[31mnign'", "words of 'label': 'be\\x1b[31mnign'"),
        ("a\nbreastcad: b", "a\\nbreastcad: b"),
        ("a\r\t\x07\x9b", "a\\r\\t\\x07\\x9b"),
        ("a\u202eb\u2028\ud800", "a\\u202eb\\u2028\\ud800"),
        ("Größe 肿块 a\u00a0b", "Größe 肿块 a\u00a0b"),
    ],
)
def test_what_could_steer_the_terminal_is_written_out(
    text: str, shown: str, run: Callable[..., tuple[int, str, str]], stand_in: Callable[..., None]
) -> None:
    stand_in(InputError(text))
    assert run("stand-in") == (2, "", f"breastcad: {shown}\n")
    code, _, err = run("stand-in", "--name", "x", f"{text}")
    assert (code, err.splitlines()[1:]) == (2, [])
    assert "\x1b" not in err


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("a bug"), ModuleNotFoundError("No module named 'ours'", name="ours"), AssertionError("a bug")]
)
def test_a_bug_shows_its_traceback_and_is_not_taken_for_the_answer_no(
    error: BaseException, run: Callable[..., tuple[int, str, str]], stand_in: Callable[..., None]
) -> None:
    stand_in(error)
    code, _, err = run("stand-in")
    assert code == 2
    assert "Traceback" in err
    assert str(error) in err


@pytest.mark.parametrize("arguments", [("stand-in", "--debug"), ("--debug", "stand-in")])
def test_debug_adds_the_traceback(
    arguments: tuple[str, ...], run: Callable[..., tuple[int, str, str]], stand_in: Callable[..., None]
) -> None:
    stand_in(InputError("no"))
    code, _, err = run(*arguments)
    assert code == 2
    assert "Traceback" in err
    assert err.endswith("breastcad: no\n")


def test_help_of_a_command_leaves_out_the_sections_of_its_docstring(
    run: Callable[..., tuple[int, str, str]], stand_in: Callable[..., None]
) -> None:
    stand_in(None)
    _, out, _ = run("stand-in", "--help")
    assert "Do what a command does." in out
    assert "Of no use" not in out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_debug_and_those_that_write_take_overwrite(name: str) -> None:
    command = load_command(name)
    for each in getattr(command, "commands", {"": command}).values():
        options = options_of(each)
        assert "--debug" in options
        if "--out" in options and name not in ("train", "reproduce", "download"):  # these go on with what they find instead
            assert "--overwrite" in options


def test_an_unknown_command_cannot_be_loaded() -> None:
    with pytest.raises(KeyError, match="nothing"):
        load_command("nothing")
