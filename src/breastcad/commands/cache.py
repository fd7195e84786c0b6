"""``breastcad cache``: the prepared images that are kept on disk, and how to be rid of them."""

from __future__ import annotations

import typer

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Show or clear the prepared images that `train` and `split` keep on disk, so that each is decoded once (docs/cache.md).",
)


@app.command("info")
def show_cache() -> None:
    """Print where the cache lies, how much it holds of each kind, and its limit."""
    from breastcad.datasets.cache import cache_folder, cache_limit, usage

    folder, limit, kinds = cache_folder(), cache_limit(), usage(cache_folder())
    typer.echo(f"{folder} (BREASTCAD_CACHE names another)")
    for kind, (count, size) in kinds.items():
        typer.echo(f"  {kind:32}{count:>9,} entries{size / 2**20:>12,.1f} MiB")
    count, size = (sum(kind[place] for kind in kinds.values()) for place in (0, 1))
    typer.echo(f"  {'all':32}{count:>9,} entries{size / 2**20:>12,.1f} MiB of {limit / 2**20:,.0f} (BREASTCAD_CACHE_LIMIT, in GiB)")


@app.command("clear")
def clear_cache() -> None:
    """Remove every prepared image; the next training decodes again. Nothing else in the folder is touched."""
    from breastcad.datasets.cache import cache_folder, clear

    count, size = clear(cache_folder())
    typer.echo(f"{cache_folder()}: {count:,} entries removed, {size / 2**20:,.1f} MiB freed")
