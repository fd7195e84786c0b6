"""A progress bar for what calls back with how far it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LINE_EVERY_S = 60.0
"""Where there is no terminal to draw on (a log file, say), a line is written so often."""


@contextmanager
def bar(text: str) -> Iterator[Callable[..., None]]:
    """Draw a bar on stderr where that is a terminal, else write a line now and then.

    What is yielded takes (done, total) and, to change it, a text.
    """
    told = time.monotonic()

    def tell(done: int, total: int | None, said: str = text) -> None:
        nonlocal told
        if time.monotonic() - told >= LINE_EVERY_S:
            told = time.monotonic()
            print(f"{said}: {done:,}" + (f" of {total:,}" if total else ""), file=sys.stderr, flush=True)

    if not sys.stderr.isatty():
        yield tell
        return
    from rich.console import Console  # slow to import, so only where it draws
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task(text, total=None)
        yield lambda done, total, said=text: drawn.update(task, description=said, completed=done, total=total)
