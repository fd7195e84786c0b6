"""What a command prints: one line, in which nothing from a user's files can steer the terminal."""

from __future__ import annotations

import unicodedata

import typer


def printable(text: str) -> str:
    """Return a text with its control, direction and line signs, and halves of characters, written out.

    Examples
    --------
    >>> print(printable("be\\x1b[31mnign Größe 肿块"))
    be\\x1b[31mnign Größe 肿块
    """
    if text.isprintable():
        return text
    return "".join(
        sign.encode("unicode_escape").decode() if unicodedata.category(sign)[0] == "C" or sign in "\u2028\u2029" else sign for sign in text
    )


def say(text: str, *, err: bool = False) -> None:
    """Print a line, to stderr if `err`: the way for what holds a cell, a name or a path of the user's."""
    typer.echo(printable(text), err=err)
