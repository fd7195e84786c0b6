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
from scipy.stats import spearmanr

from breastcad.core.files import read_collection, read_patches, read_split, read_yaml
from breastcad.core.records import PatchRow
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


def effect_on_auc(folder: Path, collections: list[Path], patches: Path, most: int) -> None:
    """Print the AUC of a run's own test windows, looked at alone and read from the map of a pass over their film."""
    settings = from_dict(read_yaml(folder / "settings.yaml"))
    given, rows = [read_collection(one) for one in collections], read_patches(patches / "patches.csv")
    split = [row for row in read_split(folder) if row.inner == 0]
    fold = min(row.outer for row in split)
    if not (folder / "model.onnx").is_file():
        export_classifier(Run(folder, settings, split, torch.device("cpu"), lambda *_: None), given, rows, folds=[fold])
    model = WindowModel(folder / "model.onnx")
    tested = {(row.set, row.id) for row in split if row.outer == fold and row.part == "test"}
    paths = {(i.set, i.image_id): Path(one.root) / str(i.path) for one in given for i in one.images if i.present}
    of_film: dict[tuple[str, str], list[PatchRow]] = {}
    for row in rows:
        if {(row.set, row.image_id), (row.set, row.sample_id)} & tested and row.label in ("benign", "malignant"):
            of_film.setdefault((row.set, row.image_id), []).append(row)
    films = sorted(of_film)
    films = [films[one] for one in np.sort(generator(0, "dense", "films").permutation(len(films))[:most])]
    column = dense.answers(model.classes)["malignant"]
    truth: list[bool] = []
    said: dict[str, list[float]] = {"alone": [], "pass": [], "nearest alone": []}
    for film_id in films:
        pixels = open_picture(paths[film_id], None).pixels
        film = model.film(pixels)
        whole, windows = dense.window_logits(model, film), dense.lattice(film.shape, model.window, model.stride)
        corners, places = [], []
        for row in of_film[film_id]:
            top, left = row.row * film.shape[0] / pixels.shape[0], row.col * film.shape[1] / pixels.shape[1]
            place = [min(round(at / model.stride), count - 1) for at, count in ((top, windows.rows), (left, windows.cols))]
            corners.append([min(round(at), side - own) for at, side, own in zip((top, left), film.shape, model.window, strict=True)])
            places.append(place)
            truth.append(row.label == "malignant")
        for name, at in (("alone", corners), ("nearest alone", [[k * model.stride for k in place] for place in places])):
            cuts = np.stack([film[r : r + model.window[0], c : c + model.window[1]] for r, c in at])[:, None]
            logits = np.moveaxis(model.image_logits(cuts), 0, -1)
            said[name] += dense.probabilities(logits, model.facts["temperature"])[column].sum(0).tolist()
        dense_map = dense.probabilities(whole, model.facts["temperature"])[column].sum(0)
        said["pass"] += [float(dense_map[r, c]) for r, c in places]
    rank = spearmanr(said["nearest alone"], said["pass"]).statistic
    print(
        f"{model.facts['id']}{' (shortened training)' if model.facts['shortened'] else ''}, fold {fold}: malignant against benign, ", end=""
    )
    print(f"{len(truth)} test windows ({sum(truth)} malignant) of {len(films)} films\n\n| windows looked at | AUC |\n|---|---|")
    words = {"alone": "alone, where they were cut", "nearest alone": "alone, at the nearest place of the map", "pass": "in one pass, there"}
    for name, text in words.items():
        print(f"| {text} | {roc_auc(truth, said[name]):.3f} |")
    apart = np.abs(np.subtract(said["nearest alone"], said["pass"]))
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
