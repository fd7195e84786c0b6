"""``breastcad checklist``: a run held against CLAIM 2024 and TRIPOD+AI."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder; settings.yaml must be there.")]
Collections = Annotated[
    list[Path] | None, typer.Argument(metavar="[COLLECTION]...", help="What it was trained and tested on: sources, licences, counts.")
]
OutFile = Annotated[Path | None, typer.Option("--out", metavar="FILE.md", help="File to write; without it, the list is printed.")]

OverwriteFile = Annotated[bool, typer.Option("--overwrite", help="Write over FILE.md if it is there.")]


def command(run: RunFolder, collections: Collections = None, out: OutFile = None, overwrite: OverwriteFile = False) -> None:
    """Hold a run against what CLAIM 2024 and TRIPOD+AI ask a report to say.

    Each of the 96 items is answered from the run's own files, or said to be missing, with what to do; what no run can know (ethics
    approval, registration, funding) is the author's to fill. An honest count stands at the end.

    Parameters
    ----------
    run : Path
        The run folder.
    collections : list of Path, optional
        Collections that it was made with.
    out : Path, optional
        The Markdown file.
    overwrite : bool
        Whether `out` may be there already.

    Raises
    ------
    InputError
        If there is no such run, a collection is not one of its sets, or `out` is there already.
    """
    from breastcad.commands.given import given_collections
    from breastcad.commands.saying import say
    from breastcad.core.errors import InputError
    from breastcad.core.files import write_text
    from breastcad.report.checklist import checklist, checklist_text, count_text
    from breastcad.report.run_facts import read_run_facts

    if out is not None and out.exists() and (out.is_dir() or not overwrite):
        raise InputError(f"--out is a file to write, and '{out}' is there already; name another, or add --overwrite to a file")
    facts = read_run_facts(run, given_collections(collections or []))
    items = checklist(facts)
    text = checklist_text(facts, items)
    if out is None:
        for line in text.splitlines():
            say(line)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, text)
    for line in count_text(items).splitlines():
        say(line)
    say(f"Written: {out}")
