"""The recipes as a list: what `breastcad recipes` prints and what stands in docs/recipes.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from breastcad.recipes.cost import full_hours, told
from breastcad.recipes.recipe import Recipe, Reported, as_printed, recipes

COLUMNS = ("recipe", "of", "network", "data", "reported", "full cost, two cores")
_HEADLINES = ("auc", "accuracy")
_MOST = 2


def listing() -> list[tuple[str, ...]]:
    """Return a row a recipe and network, as `COLUMNS` says."""
    return [_row(one, network) for one in recipes().values() for network in one.networks]


def _row(one: Recipe, network: str) -> tuple[str, ...]:
    data = ", ".join(need.set for need in one.data)
    said = next((headline(own) for own in one.reported if own.network == network), "none printed")
    return one.key, one.publication, network, data, said, told(full_hours(one, network))


def headline(reported: Reported) -> str:
    """Return the figures that a list has room for: accuracies and areas, else the first.

    Examples
    --------
    >>> headline(Reported("x", "test", {"precision": 0.9, "auc": 0.8, "accuracy": 0.7}))
    'auc 0.80, accuracy 0.70'
    """
    return ", ".join(f"{name} {as_printed(reported.figures[name])}" for name in headlines(reported.figures))


def headlines(names: Iterable[str]) -> list[str]:
    """Return the names of figures that stand for the others."""
    known = list(names)
    return ([name for name in known if name.startswith(_HEADLINES)] or known)[:_MOST]


def markdown() -> str:
    """Return the list as a Markdown table."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    lines += ["| " + " | ".join((f"`{key}`", *rest)) + " |" for key, *rest in listing()]
    return "\n".join(lines) + "\n"


def whole(one: Recipe) -> str:
    """Return all that a recipe says, as text."""
    networks = {network: {**one.training, **own} for network, own in one.networks.items()}
    shared = {name: value for name, value in one.training.items() if all(own[name] == value for own in networks.values())}
    lines = [f"{one.key}: {one.title}", f"  publication {one.publication}: {one.source}", "  data:"]
    lines += [f"    {need.set}: {need.what}" for need in one.data]
    lines += [f"  preprocessing: {one.pipeline or 'none before windows are cut'}"]
    lines += [f"  windows: {one.patches['method']} {_pairs(one.patches['settings'])}"]
    lines += [f"    as published: {_pairs(one.published_patches)}"] if one.published_patches else []
    lines += [f"  training: {_pairs(shared)}"]
    lines += [f"    as published: {_pairs(one.published_training)}"] if one.published_training else []
    lines += [f"  whole films, on these: {_pairs(one.films)}"] if one.films else []
    lines += [f"  split: {one.folds_of([], 'patient')} folds, {100 * one.validation_share:.0f} % of the rest validates" + _other_folds(one)]
    lines += ["  networks, and the full cost on two cores:"]
    for network in networks:
        own = {name: value for name, value in networks[network].items() if shared.get(name) != value}
        lines.append(f"    {network}: {told(full_hours(one, network))}" + (f" ({_pairs(own)})" if own else ""))
    lines += [f"    {name}: none of the publication's; held against {other}" for name, other in one.stands_in.items()]
    lines += [f"  --shortened sets: {_pairs({**one.shortened.get('patches', {}), **one.shortened.get('training', {})})}"]
    lines += [f"    of whole films: {_pairs(one.shortened['films'])}"] if "films" in one.shortened else []
    lines += ["  reported:"]
    lines += [f"    {own.network}, {own.of}: {_pairs(own.figures)}" for own in one.reported]
    lines += [f"    {name}: {meaning}" for name, meaning in one.printed.items()]
    lines += ["  remarks:", *(f"    - {remark}" for remark in one.remarks)]
    return "\n".join(lines) + "\n"


def _other_folds(one: Recipe) -> str:
    own = [f"{need.set} {need.folds}" for need in one.data if need.folds and need.folds != one.folds]
    published = [f"as published {one.published_folds}"] if one.published_folds else []
    return f" ({', '.join([*own, *published])})" if own or published else ""


def _pairs(values: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items()) or "nothing"
