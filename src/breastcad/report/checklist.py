"""A run held against CLAIM 2024 and TRIPOD+AI: each item answered from the run, or said to be missing, or the author's to fill.

The items, in our own words and with the lists' own numbers, are in checklist_items.yaml; the answers in `checklist_answers`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from breastcad import __version__
from breastcad.core.records import NOTICE
from breastcad.report.checklist_answers import ANSWERS
from breastcad.report.run_facts import RunFacts

LISTS = {"claim": "CLAIM 2024", "tripod": "TRIPOD+AI"}
ANSWERED, IN_PART, MISSING, AUTHOR = "answered", "in part", "missing", "the author's"
STATES = (ANSWERED, IN_PART, MISSING, AUTHOR)


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a list, held against a run: its number, what it asks, its state (of `STATES`), what the run says, what is left to do."""

    list: str
    number: str
    asks: str
    state: str
    said: str
    todo: str


@cache
def _items() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = yaml.safe_load((Path(__file__).parent / "checklist_items.yaml").read_text(encoding="utf-8"))
    return found


def checklist(facts: RunFacts) -> list[Item]:
    """Return every item of both lists, held against a run.

    Parameters
    ----------
    facts : RunFacts

    Returns
    -------
    list of Item
        CLAIM's 44, then TRIPOD+AI's 52, in their order. An item is answered in part where the run says some of what is asked.
    """
    found = []
    for key, title in LISTS.items():
        for one in _items()[key]:
            said = ANSWERS[one["run"]](facts) if "run" in one else None
            if "run" not in one:
                state, todo = AUTHOR, one["todo"]
            elif said is None:
                state, todo = MISSING, one["todo"]
            else:
                state, todo = (IN_PART, one["rest"]) if "rest" in one else (ANSWERED, "")
            found.append(Item(title, str(one["n"]), one["asks"], state, said or "", todo))
    return found


def checklist_text(facts: RunFacts, items: Sequence[Item]) -> str:
    """Return the items as Markdown, and at the end an honest count of them.

    Parameters
    ----------
    facts : RunFacts
    items : sequence of Item
        As `checklist` returns them.
    """
    parts = [
        f"# {facts.name}, held against CLAIM 2024 and TRIPOD+AI",
        f"Made by breastcad {__version__} from the files of the run. Items have the numbers of their lists and our own words; read the"
        " lists themselves (Tejani et al., Radiology: Artificial Intelligence 6, 2024, e240300; Collins et al., BMJ 385, 2024, e078378)."
        " **Answered**: the run says it. **In part**: the run says some of it. **Missing**: the run could say it, and does not."
        " **The author's**: no run can say it. What the run says is what its files hold; whether it is true and enough the author must"
        " judge.",
    ]
    for title in LISTS.values():
        rows = [item for item in items if item.list == title]
        parts += [f"## {title}", "\n".join(["| item | asks | state | from the run | to do |", "|---|---|---|---|---|", *map(_row, rows)])]
    return "\n\n".join([*parts, "## Count", count_text(items), NOTICE]) + "\n"


def count_text(items: Sequence[Item]) -> str:
    """Return how many items are in each state, by list, as a Markdown table.

    Examples
    --------
    >>> print(count_text([Item("CLAIM 2024", "1", "...", "missing", "", "...")]))
    | list | items | answered | in part | missing | the author's |
    |---|---:|---:|---:|---:|---:|
    | CLAIM 2024 | 1 | 0 | 0 | 1 | 0 |
    """
    lines = [f"| list | items | {' | '.join(STATES)} |", f"|---|---:|{'---:|' * len(STATES)}"]
    lists = list(dict.fromkeys(item.list for item in items))
    for title in [*lists, *(["both"] if len(lists) > 1 else [])]:
        states = Counter(item.state for item in items if title in (item.list, "both"))
        lines.append(f"| {title} | {states.total()} | {' | '.join(str(states[state]) for state in STATES)} |")
    return "\n".join(lines)


def _row(item: Item) -> str:
    state = item.state if item.state == ANSWERED else f"**{item.state}**"
    cells = (item.number, item.asks, state, item.said, item.todo)
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
