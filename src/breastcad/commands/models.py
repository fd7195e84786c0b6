"""``breastcad models``: the models that come with breastcad, their cards, and the networks that can be trained."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="List and show the bundled models and the network architectures.",
)


@app.command("list")
def list_models() -> None:
    """List the bundled models and what they were trained on."""
    from breastcad.core.errors import AnswerNo
    from breastcad.models.catalogue import bundled, bundled_path, read_metadata

    names = bundled()
    if not names:
        raise AnswerNo("no model comes with this copy of breastcad")
    for name in names:
        path = bundled_path(name)
        facts = read_metadata(path)
        size = path.stat().st_size / 2**20
        typer.echo(f"{name:12} {facts['version']:8} {facts['modality']:3} {size:5.1f} MiB  trained on {', '.join(facts['trained_on'])}")


@app.command("show")
def show_model(model: Annotated[str, typer.Argument(metavar="MODEL", help="A bundled model's id, or an .onnx file.")]) -> None:
    """Print a model's card, or the facts that its file holds."""
    import json

    from breastcad.evaluate.documents import read_document
    from breastcad.models.catalogue import card_of, find_model, read_metadata

    path = find_model(model)
    facts, card = read_metadata(path), card_of(path)
    typer.echo(read_document(card) if card.is_file() else json.dumps(facts, indent=1))


@app.command("networks")
def list_networks() -> None:
    """List the network architectures: of lesions, and classifiers with where their ImageNet weights come from."""
    from breastcad.models.classifiers import CLASSIFIERS
    from breastcad.models.registry import NETWORKS

    typer.echo("networks of lesions (recipes us-lesion, mg-lesion):")
    for name, network in NETWORKS.items():
        typer.echo(f"  {name:30} {network.about}")
    typer.echo("classifiers (recipe classifier); ImageNet weights from package, hub or none:")
    for name, spec in CLASSIFIERS.items():
        typer.echo(f"  {name:19} {spec.weights_from:8} {spec.side:4} px  {spec.about}")
