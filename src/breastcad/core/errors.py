"""What can go wrong in a way that a user can mend. Everything else is a bug and shows its traceback."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

_UID = re.compile(r"\d+(\.\d+){5,}")


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
    private : sequence of str, optional
        Strings of the file's content (patient ID, name, UIDs) that must not be shown. A name that holds one, or a
        DICOM UID, is shown as ``#``.
    """

    def __init__(self, path: str | PurePath, reason: str, private: Sequence[str] = ()) -> None:
        name = PurePath(path).name or str(path)  # '.' and '/' have none
        hidden = _UID.search(name) or any(part.lower() in name.lower() for part in private)
        super().__init__(f"{'#' if hidden else name}: {reason}")
        self.path = str(path)
        self.reason = reason
        self.private = list(private)

    def __reduce__(self) -> tuple[type[ReadError], tuple[str, str, list[str]]]:
        """Pickle by its own arguments, so that it passes from a worker process whole."""
        return type(self), (self.path, self.reason, self.private)


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
