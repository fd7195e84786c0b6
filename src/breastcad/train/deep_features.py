"""Features that a network makes, for traditional CAD: its pooled last map, of ImageNet's weights, a file's, or a training's own.

A network that was trained on images must not make the features by which others of these are told apart: refused here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_json, read_split, read_yaml
from breastcad.models.classifier_network import ClassifierNetwork, build_classifier
from breastcad.train.classical_settings import ClassicalSettings
from breastcad.train.classifier_settings import ClassifierSettings
from breastcad.train.classifier_task import make_network
from breastcad.train.loop import best_network
from breastcad.train.search import SEARCHED
from breastcad.train.settings import with_values
from breastcad.train.tasks import from_dict

Deep = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""A network's pooled last map: (N, rows, cols) windows in [0, 1] to (N, C)."""
AT_ONCE = 16


def network_features(settings: ClassicalSettings, images: Iterable[tuple[str, str]]) -> Deep:
    """Return a function that gives the pooled last map of the settings' network.

    Parameters
    ----------
    settings : ClassicalSettings
        ``weights`` imagenet, none, or a file go to ``network``; a fold's folder of a run of classifiers brings its own network.
    images : iterable of (str, str)
        Set and image id of all that are to be measured.

    Raises
    ------
    InputError
        As `models.classifier_network.build_classifier` does; or if the folder holds no trained fold of a classifier, or one that the
        run's split does not know, its windows have another size, or it has learnt from one of the images.
    """
    if Path(settings.weights).is_dir():
        network = _trained(Path(settings.weights), settings, set(images))
    else:
        network = build_classifier(settings.network, 2, rows=settings.rows, cols=settings.cols, weights=settings.weights).eval()

    def made(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        given = torch.from_numpy(np.ascontiguousarray(windows[:, None]))
        with torch.inference_mode():
            parts = [network.deep_features(part) for part in given.split(AT_ONCE)]
        return np.asarray(torch.cat(parts).float().numpy(), np.float32)

    return made


def _trained(given: Path, settings: ClassicalSettings, images: set[tuple[str, str]]) -> ClassifierNetwork:
    """Return the network that a run trained in one fold, if the fold has not learnt from any of the images."""
    folder = given.resolve()  # under another name (a link, ".") the split would have no rows of it, and nothing would count as learnt
    run = folder.parent.parent
    if not (folder / "best.safetensors").is_file() or not (run / "settings.yaml").is_file():
        raise ReadError(folder, "is no trained fold of a run; name one as RUN/checkpoints/repeat0-fold0")
    its = fold_settings(folder, run)
    if (its.rows, its.cols) != (settings.rows, settings.cols):
        raise InputError(f"the run's windows are {its.rows} x {its.cols}; set rows={its.rows} and cols={its.cols}")
    learnt = _learnt(folder, run) & images
    if learnt:
        raise InputError(
            f"the network of weights={folder.name} has learnt from {len(learnt)} of the images (first: '{min(learnt)[1]}'), so its "
            "features know their answers; take one that was trained on another set"
        )
    try:
        return best_network(lambda: make_network(its), folder, torch.device("cpu"))
    except RuntimeError as error:  # torch's, of weights that are not those of the network
        raise ReadError(folder, "holds the weights of another network than its run's settings name; train the fold again") from error


def fold_settings(folder: Path, run: Path) -> ClassifierSettings:
    """Return what a fold's network was built of: the run's settings, and what a search chose for the fold."""
    its = from_dict(read_yaml(run / "settings.yaml"))
    if not isinstance(its, ClassifierSettings):
        raise ReadError(folder, "is of no run of a classifier network")
    path = folder / SEARCHED
    return with_values(its, list(read_json(path).items())) if path.is_file() else its


def _learnt(folder: Path, run: Path) -> set[tuple[str, str]]:
    """Return set and id of the images that a fold was trained or chosen on."""
    rows = [row for row in read_split(run) if folder.name == f"repeat{row.repeat}-fold{row.outer}"]
    if not rows:
        raise ReadError(folder, "is no fold of its run's split, so that what it has learnt from is not known; name a fold as its run does")
    return {(row.set, _image_of(row.set, row.id)) for row in rows if row.part != "test"}


def _image_of(of_set: str, name: str) -> str:
    """Return the image of a split's row: of a window's id (SET/IMAGE/PLACE), the one that it lies on."""
    parts = name.removeprefix(f"{of_set}/").rsplit("/", 1)
    return parts[0] if name.startswith(f"{of_set}/") and len(parts) == 2 else name
