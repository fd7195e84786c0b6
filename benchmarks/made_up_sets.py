"""Every made-up set with its quirks, read by the reader that `import auto` takes: images, findings, and what is told.

    python benchmarks/made_up_sets.py [--sentences]

Prints the Markdown table of docs/phantom.md; with ``--sentences`` also all that is told, by set.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from breastcad.phantom.sets import WRITERS, write_set
from breastcad.read.sets import read_set

SENTENCES = "--sentences"


def main(arguments: list[str]) -> None:
    """Write and read each set with the defaults of `breastcad phantom`."""
    told = {}
    print("| made-up set | read as | images listed | of these read | findings | with a place | sentences told | s |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for name in WRITERS:
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            write_set(name, Path(folder) / "set")
            collection = read_set("auto", Path(folder) / "set")
            seconds = time.perf_counter() - start
        counts, told[name] = collection.facts["counts"], collection.facts["problems"]
        cells = (str(counts[key]) for key in ("listed", "read", "findings", "findings_with_place"))
        print(f"| `{name}` | {collection.facts['reader']} | {' | '.join(cells)} | {len(told[name])} | {seconds:.1f} |", flush=True)
    for name, sentences in told.items() if SENTENCES in arguments else ():
        print(f"\n{name}\n" + "\n".join(f"- {sentence}" for sentence in sentences))


if __name__ == "__main__":
    main(sys.argv[1:])
