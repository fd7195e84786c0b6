"""What can go wrong in a way that a user can mend. Everything else is a bug and shows its traceback."""

from __future__ import annotations

from pathlib import PurePath


class InputError(Exception):
    """Something a user gave cannot be used; the message is one sentence: what, where, what to do."""


class ReadError(InputError):
    """A file cannot be read.

    Parameters
    ----------
    path : str or PurePath
        The file; only its name enters the message, since folders may hold identifiers.
    reason : str
        What is wrong with it, and what to do, without the file's name.
    """

    def __init__(self, path: str | PurePath, reason: str) -> None:
        super().__init__(f"{PurePath(path).name}: {reason}")
        self.path = str(path)
        self.reason = reason


class MissingExtra(InputError):
    """A command needs packages of an extra that is not installed.

    Parameters
    ----------
    what : str
        What was asked for, e.g. ``"training"``.
    extra : str
        The extra of breastcad that has it, e.g. ``"train"``.
    """

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs packages that are not installed; install them with: pip install 'breastcad[{extra}]'")
        self.extra = extra


class AnswerNo(Exception):
    """The work is done and the answer is no (a split leaks, a recheck differs, nothing could be analysed): exit code 1."""
