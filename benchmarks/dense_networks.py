"""What `dense.py` needs torch for: networks with random weights as model files, and the effect of one pass on a real run's AUC.

    python benchmarks/dense_networks.py --run RUN --collections COLLECTION... --patches FOLDER [--films 60]

The networks of a run's first fold are asked of their own test windows both ways, each at the place nearest to it on the map. The run's
model.onnx is written where there is none (of that fold alone). Needs the extra [train].
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from dense import WINDOW, made_up
from numpy.typing import NDArray
from scipy.stats import spearmanr

from breastcad.core.files import read_collection, read_patches, read_split, read_yaml
from breastcad.core.records import Collection, PatchRow
from breastcad.core.seeding import generator
from breastcad.evaluate.metrics import roc_auc
from breastcad.infer import dense
from breastcad.infer.windows import WindowModel
from breastcad.models.classifier_network import build_classifier
from breastcad.models.window_export import export_windows, map_grid
from breastcad.read import open_picture
from breastcad.train.run_folder import Run
from breastcad.train.tasks import from_dict
from breastcad.train.window_bundle import export_classifier


def write_model(name: str, path: Path) -> None:
    """Write a network of windows, its batch normalisation used to made-up films."""
    torch.manual_seed(0)
    weights = "imagenet" if name == "efficientnet-lite0" else "none"
    network = build_classifier(name, 3, rows=WINDOW, cols=WINDOW, channels=3, weights=weights, dropout=0.0)
    torch.nn.init.normal_(network.head[-1].weight, std=0.03)
    film = made_up((1024, 1024), "statistics")
    cuts = generator(0, "dense", "cuts").integers(0, 1024 - WINDOW, (8, 4, 2))
    with torch.no_grad():
        for batch in cuts if any(isinstance(one, torch.nn.BatchNorm2d) for one in network.modules()) else ():
            network(torch.from_numpy(np.stack([film[r : r + WINDOW, c : c + WINDOW] for r, c in batch])[:, None]))
    network.eval()
    grid = map_grid(network)
    halo = None if grid.halo is None else {"before": grid.halo[0], "after": grid.halo[1]}
    own = {"stride": grid.stride, "rows": grid.rows, "cols": grid.cols, "halo": halo, "bytes_a_pixel": grid.bytes_a_pixel}
    facts = {"format": 1, "kind": "windows", "id": name, "version": "0", "modality": "MG", "classes": ["a", "b", "c"], "grid": own}
    facts |= {"window": {"rows": WINDOW, "cols": WINDOW}, "film": {"filter": "bilinear", "scale": 1.0}, "head": "pool", "folds": 1}
    facts |= {"members": 1, "temperature": [1.0], "trained_on": [], "seen": "none", "not_seen": "all", "warnings": [], "shortened": False}
    export_windows(path, [[network]], facts, grid)


def test_windows(folder: Path, patches: Path) -> dict[tuple[str, str], list[PatchRow]]:
    """Return, film by film, the windows of masses that the first fold of a run tests."""
    split = [row for row in read_split(folder) if row.inner == 0]
    fold = min(row.outer for row in split)
    tested = {(row.set, row.id) for row in split if row.outer == fold and row.part == "test"}
    of_film: dict[tuple[str, str], list[PatchRow]] = {}
    for row in read_patches(patches / "patches.csv"):
        if {(row.set, row.image_id), (row.set, row.sample_id)} & tested and row.label in ("benign", "malignant"):
            of_film.setdefault((row.set, row.image_id), []).append(row)
    return of_film


def model_of(folder: Path, collections: list[Collection], patches: Path) -> WindowModel:
    """Return the model file of a run; where there is none, that of its first fold is written."""
    if not (folder / "model.onnx").is_file():
        settings, split = from_dict(read_yaml(folder / "settings.yaml")), [row for row in read_split(folder) if row.inner == 0]
        run = Run(folder, settings, split, torch.device("cpu"), lambda *_: None)
        export_classifier(run, collections, read_patches(patches / "patches.csv"), folds=[min(row.outer for row in split)])
    return WindowModel(folder / "model.onnx")


def malignancies(model: WindowModel, path: Path, rows: list[PatchRow]) -> dict[str, list[float]]:
    """Return the probability of malignancy of a film's windows, looked at in three ways."""
    pixels = open_picture(path, None).pixels
    film, column = model.film(pixels), dense.answers(model.classes)["malignant"]

    def malignant(logits: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(dense.probabilities(logits, model.facts["temperature"])[column].sum(0))

    def alone(corners: NDArray[np.int64]) -> list[float]:
        cuts = np.stack([film[r : r + model.window[0], c : c + model.window[1]] for r, c in corners])[:, None]
        return malignant(np.moveaxis(model.image_logits(cuts), 0, -1)).tolist()

    one_pass = malignant(dense.window_logits(model, film))
    at = np.array([(row.row, row.col) for row in rows]) * np.divide(film.shape, pixels.shape)
    places = np.minimum(np.rint(at / model.stride).astype(int), np.array(one_pass.shape) - 1)
    cut = np.minimum(np.rint(at).astype(int), np.subtract(film.shape, model.window))
    return {
        "alone, where they were cut": alone(cut),
        "alone, at the nearest place of the map": alone(places * model.stride),
        "in one pass, there": one_pass[places[:, 0], places[:, 1]].tolist(),
    }


def effect_on_auc(folder: Path, given: list[Path], patches: Path, most: int) -> None:
    """Print the AUC of a run's own test windows, looked at alone and read from the map of a pass over their film."""
    collections, of_film = [read_collection(one) for one in given], test_windows(folder, patches)
    model = model_of(folder, collections, patches)
    paths = {(i.set, i.image_id): Path(one.root) / str(i.path) for one in collections for i in one.images if i.present}
    films = sorted(of_film)
    films = [films[one] for one in np.sort(generator(0, "dense", "films").permutation(len(films))[:most])]
    truth = [row.label == "malignant" for film in films for row in of_film[film]]
    said: dict[str, list[float]] = {}
    for film in films:
        for way, values in malignancies(model, paths[film], of_film[film]).items():
            said.setdefault(way, []).extend(values)
    shortened = " (shortened training)" if model.facts["shortened"] else ""
    print(f"{model.facts['id']}{shortened}, first fold: malignant against benign, ", end="")
    print(f"{len(truth)} test windows ({sum(truth)} malignant) of {len(films)} films\n\n| windows looked at | AUC |\n|---|---|")
    for way, values in said.items():
        print(f"| {way} | {roc_auc(truth, values):.3f} |")
    _, alone, one_pass = said.values()
    apart, rank = np.abs(np.subtract(alone, one_pass)), spearmanr(alone, one_pass).statistic
    print(
        f"\nProbabilities at the same places: largest difference {apart.max():.3f}, mean {apart.mean():.3f}, rank correlation {rank:.3f}."
    )


def main() -> None:
    """Write a network, or print the effect on a run's AUC."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="a finished run of a classifier")
    parser.add_argument("--collections", type=Path, nargs="+", help="that it was trained on")
    parser.add_argument("--patches", type=Path, help="its windows")
    parser.add_argument("--films", type=int, default=60, help="of the run's test part, drawn")
    parser.add_argument("--write", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write:
        write_model(given.write[0], Path(given.write[1]))
    elif given.run and given.collections and given.patches:
        effect_on_auc(given.run, given.collections, given.patches, given.films)
    else:
        print("dense_networks: give --run, --collections and --patches to see what one pass does to a run's AUC")


if __name__ == "__main__":
    main()
