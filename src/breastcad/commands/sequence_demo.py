"""``breastcad sequence-demo``: what earlier exams add, shown on made-up data."""

from __future__ import annotations

from typing import Annotated

import typer

from breastcad.commands.options import Out, Overwrite, Seed


def command(
    out: Out,
    women: Annotated[int, typer.Option("--women", min=40, help="Made-up women, of one breast each.")] = 440,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Networks of each kind.")] = 3,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="How long each network is trained.")] = 20,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Train networks over a breast's exams, and the same network on the last film alone, on the same made-up women.

    A malignant mass grows from exam to exam, a benign one does not, and the last film alone cannot tell them apart. Writes
    sequence-demo.md and sequence-demo.json, and made-up/, the women as a collection with patches.csv. Some minutes of one processor.
    The data are made up: it says nothing of real women.
    """
    from dataclasses import asdict

    from breastcad.commands.progress import bar
    from breastcad.core.files import output_folder, write_json, write_text
    from breastcad.phantom.growing import growing_breasts, write_breasts
    from breastcad.train.sequence_demo import sequences_text, show_sequences

    folder = output_folder(out, overwrite=overwrite)
    with bar("making up women") as update:
        breasts = growing_breasts(women, seed, progress=update)
    write_breasts(folder / "made-up", breasts)
    with bar("training") as update:
        shown = show_sequences(breasts, lambda text, done, total: update(done, total, text), seed=seed, seeds=seeds, epochs=epochs)
    text = sequences_text(shown, seed)
    write_text(folder / "sequence-demo.md", text)
    write_json(folder / "sequence-demo.json", {"format": "breastcad-sequence-demo/1", "made_up": True, "seed": seed, **asdict(shown)})
    typer.echo(text)
    typer.echo(f"Written: {folder}")
