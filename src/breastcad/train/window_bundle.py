"""The model file at the end of a classifier's run, where its head pools: its networks side by side, how films are seen, and a card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import breastcad
from breastcad.core.errors import InputError
from breastcad.core.files import read_json, write_text
from breastcad.core.records import NOTICE, Collection, PatchRow
from breastcad.models.catalogue import RUN_MODEL, card_of
from breastcad.models.classifier_network import ClassifierNetwork
from breastcad.models.metadata import FORMAT, checked
from breastcad.models.window_export import MapGrid, export_windows, map_grid, pools
from breastcad.train.bundle import NOT_SEEN, SEEN, own_id
from breastcad.train.classifier_settings import ClassifierSettings
from breastcad.train.finished import fold_networks
from breastcad.train.run_folder import Run, folder_of, folds_of
from breastcad.train.trained import trained
from breastcad.train.windows import WHOLE

ALIKE = 1e-3
"""Scales, and sides of films in network pixels, are one where they differ by no more than this share."""


def export_classifier(
    run: Run, collections: Sequence[Collection], patches: Sequence[PatchRow] | None, *, folds: Sequence[int] | None = None
) -> float:
    """Write a finished run's model.onnx and its card; return how far its outputs are from the networks'.

    Of a run with repeats (seeds) the networks of the first are taken.

    Parameters
    ----------
    run : Run
    collections : sequence of Collection
        That it was trained on.
    patches : sequence of PatchRow or None
        Its windows; None where it was trained on whole images.
    folds : sequence of int, optional
        Outer folds to take; all without.

    Raises
    ------
    InputError
        If its head flattens, so that it fits one size of image only, its folds chose networks that differ, or as `metadata.checked` and
        `export_windows` do; nothing is written.
    """
    settings = cast(ClassifierSettings, run.settings)
    taken = [fold for fold in folds_of(run) if fold[0] == folds_of(run)[0][0] and (folds is None or fold[1] in folds)]
    networks = [[cast(ClassifierNetwork, one.cpu()) for one in fold_networks(run.folder, fold, run.device)] for fold in taken]
    chosen = [trained(folder_of(run, fold)).settings for fold in taken]
    if not all(pools(one) for members in networks for one in members):
        raise InputError("no model.onnx: its head flattens the last map, so that it takes images of one size only (set head=pool)")
    grids = {map_grid(members[0]) for members in networks}
    if len(grids) > 1:
        raise InputError("no model.onnx: the search chose networks for its folds whose maps differ, and one file cannot hold them")
    facts = [read_json(folder_of(run, fold) / "fold.json") for fold in taken]
    path, grid = run.folder / RUN_MODEL, grids.pop()
    metadata = checked(path, _metadata(run, facts, chosen, grid, film_rule(settings, collections, patches)))
    largest = export_windows(path, networks, metadata, grid)
    write_text(card_of(path), card(metadata, chosen))
    return largest


def _metadata(
    run: Run, facts: list[dict[str, Any]], chosen: Sequence[ClassifierSettings], grid: MapGrid, film: dict[str, Any]
) -> dict[str, Any]:
    settings = cast(ClassifierSettings, run.settings)
    halo = None if grid.halo is None else {"before": grid.halo[0], "after": grid.halo[1]}
    metadata: dict[str, Any] = {
        "format": FORMAT,
        "kind": "windows",
        "id": own_id(settings.model_id, run.folder),
        "version": breastcad.__version__,
        "modality": settings.modality,
        "classes": ["+".join(one) for one in settings.class_names()],
        "window": {"rows": settings.rows, "cols": settings.cols},
        "film": film,
        "grid": asdict(grid) | {"halo": halo},
        "head": chosen[0].head if len({one.head for one in chosen}) == 1 else "mixed",
        "folds": len(facts),
        "members": settings.members,
        "temperature": [round(fold["calibration"]["temperature"], 6) for fold in facts],
        "trained_on": sorted({name for fold in facts for name in fold["trained_on"]}),
        "seen": f"windows of {SEEN[settings.modality]}" if film["filter"] == "bilinear" else SEEN[settings.modality],
        "not_seen": NOT_SEEN[settings.modality],
        "warnings": [],
        "shortened": settings.shortened,
    }
    if settings.normalisation != "fixed":  # the graph has it; here it can be read
        metadata["normalisation"] = [fold["normalisation"] for fold in facts]
    return metadata


def film_rule(settings: ClassifierSettings, collections: Sequence[Collection], patches: Sequence[PatchRow] | None) -> dict[str, Any]:
    """Return how a film becomes network pixels, as `metadata.WINDOW_FIELDS` has it: as the training's windows were cut from theirs.

    Parameters
    ----------
    settings : ClassifierSettings
    collections : sequence of Collection
    patches : sequence of PatchRow or None

    Returns
    -------
    dict
        ``filter`` (by which pixels are resized) and ``scale``, where all windows have one and its aspect is kept; ``rows`` and ``cols``,
        where films of any size were resized to these; or neither.
    """
    size = settings.rows, settings.cols
    if patches is None or all(row.role == WHOLE for row in patches):
        return {"filter": "area", "rows": size[0], "cols": size[1]}
    shapes = {(image.set, image.image_id): (image.rows or 0, image.cols or 0) for one in collections for image in one.images}
    scales = [(size[0] / row.height, size[1] / row.width) for row in patches]
    films = [
        tuple(side * scale for side, scale in zip(shapes.get((row.set, row.image_id), (0, 0)), own, strict=True))
        for row, own in zip(patches, scales, strict=True)
    ]
    rule: dict[str, Any] = {"filter": "bilinear" if size[0] == size[1] else "area"}
    if _alike([scale for own in scales for scale in own]):
        return rule | {"scale": round(scales[0][0], 9)}
    if _alike([film[0] for film in films]) and _alike([film[1] for film in films]):
        return rule | {"rows": round(films[0][0]), "cols": round(films[0][1])}
    return rule


def _alike(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) <= min(values) * (1 + ALIKE)


def card(metadata: dict[str, Any], chosen: Sequence[ClassifierSettings]) -> str:
    """Return a model's card: what it is, what it saw, how a film is seen, and where its figures are; ``chosen``: each fold's settings."""
    film, grid = metadata["film"], metadata["grid"]
    seen = f"resized to {film['rows']} x {film['cols']}" if "rows" in film else f"by {film.get('scale', 0):g} network pixels a pixel"
    halo = "one pass over a film is refused: each place of its map sees the whole film" if grid["halo"] is None else "yes"
    rows = {
        "version": f"{metadata['version']}, {metadata['folds']} networks (one a fold, the mean of {metadata['members']}) side by side",
        "network": "; ".join(dict.fromkeys(f"`{one.network}`, head {one.head}, first weights {Path(one.weights).name}" for one in chosen)),
        "classes": ", ".join(metadata["classes"]),
        "window": f"{metadata['window']['rows']} x {metadata['window']['cols']} network pixels, every {grid['stride']} on a film",
        "a film is": seen if len(film) > 1 else "of no one scale: the windows were of many sizes (name one with --scale)",
        "dense pass": halo,
        "trained on": ", ".join(metadata["trained_on"]),
        "seen": metadata["seen"],
        "not seen": metadata["not_seen"],
        "shortened": "yes: figures are those of a shortened training" if metadata["shortened"] else "no",
    }
    table = "".join(f"| {name} | {text} |\n" for name, text in rows.items())
    return (
        f"# {metadata['id']}\n\nSays of windows which class they are of; draws heat maps of films. **{NOTICE}**\n"
        f"Its figures: `breastcad evaluate` of its run folder.\n\n| | |\n|---|---|\n{table}"
    )
