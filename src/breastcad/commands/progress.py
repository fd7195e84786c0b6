"""A progress bar for what calls back with (done, total)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(text: str) -> Iterator[Callable[[int, int], None]]:
    """Draw a bar on stderr where that is a terminal; what is yielded takes (done, total)."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as drawn:
        task = drawn.add_task(text, total=None)
        yield lambda done, total: drawn.update(task, completed=done, total=total)
