"""A progress bar for what calls back with how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(text: str) -> Iterator[Callable[..., None]]:
    """Draw a bar on stderr where that is a terminal; what is yielded takes (done, total) and, to change it, a text."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as drawn:
        task = drawn.add_task(text, total=None)

        def update(done: int, total: int | None, said: str = text) -> None:
            drawn.update(task, description=said, completed=done, total=total)

        yield update
