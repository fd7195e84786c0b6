"""A film's heat map in one pass against window by window: time, memory and agreement, as Markdown.

    python benchmarks/dense.py [NETWORK...] [--share 0.05] [--memory 2048]
    python benchmarks/dense.py --run RUN --collections COLLECTION... --patches FOLDER

The film is made up: 4096 x 3328 pixels, 11,956 windows of 224 at stride 32, of which a random share is looked at alone and the time scaled.
Weights are random (EfficientNet-Lite0's are ImageNet's), with statistics of batch normalisation from made-up films, so that outputs vary. Each
way runs in a process of its own; beside the pass stands a bare one of onnxruntime over as many pixels: a tile without its seams.
With ``--run`` the networks of a real run are asked of their own test windows both ways, each at the place nearest to it on the map, and
its AUC is printed. Needs the extra [train].
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from scipy.stats import spearmanr

from breastcad.core.seeding import generator
from breastcad.infer import dense
from breastcad.infer.windows import WindowModel
from breastcad.phantom.textures import power_law

FILM = (4096, 3328)
WINDOW = 224
NETWORKS = ("efficientnet-lite0", "resnet50", "vgg16")
BARE = 1120


def made_up(shape: tuple[int, int], *path: object) -> NDArray[np.float32]:
    """Return a film of tissue-like noise with a black border on the right."""
    noise = power_law(generator(0, "dense", *path), *shape, beta=3, coarsest_px=500)
    film = np.clip(0.5 + np.float32(0.18) * noise, 0, 1)
    film[:, shape[1] * 3 // 4 :] = 0
    return film


def write_model(name: str, path: Path) -> None:
    """Write a network of windows, its batch normalisation used to made-up films."""
    import torch

    from breastcad.models.classifier_network import build_classifier
    from breastcad.models.window_export import export_windows, map_grid

    torch.manual_seed(0)
    weights = "imagenet" if name == "efficientnet-lite0" else "none"
    network = build_classifier(name, 3, rows=WINDOW, cols=WINDOW, channels=3, weights=weights, dropout=0.0)
    torch.nn.init.normal_(network.head[-1].weight, std=0.1)
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


def peak_mib() -> float:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one_way(path: Path, how: str, share: float, memory: float, out: Path) -> None:
    """Time one way, in this process, and write what it says."""
    model, film = WindowModel(path), made_up(FILM, "film")
    windows = dense.lattice(FILM, model.window, model.stride)
    total = windows.rows * windows.cols
    chosen = np.sort(generator(0, "dense", "sample").permutation(total)[: round(share * total)])
    model.image_logits(film[None, None, :WINDOW, :WINDOW])
    facts: dict[str, float] = {}
    start = time.perf_counter()
    if how == "dense":
        said = dense.window_logits(model, film, memory_mib=memory).reshape(-1, total)[:, chosen]
        facts["seconds"] = time.perf_counter() - start
        facts["peak"] = peak_mib()
        image = np.ascontiguousarray(film[None, None, :BARE, :BARE])
        model.outputs(image, {"window_logits": (1, 1, 3, None, None)}, image.size)
        start = time.perf_counter()
        model.outputs(image, {"window_logits": (1, 1, 3, None, None)}, image.size)
        facts["bare"] = (time.perf_counter() - start) * FILM[0] * FILM[1] / BARE**2
    else:
        corners = [(int(one) // windows.cols * model.stride, int(one) % windows.cols * model.stride) for one in chosen]
        parts = [corners[first : first + dense.BATCH] for first in range(0, len(corners), dense.BATCH)]
        looked = [model.image_logits(np.stack([film[r : r + WINDOW, c : c + WINDOW] for r, c in part])[:, None]) for part in parts]
        said = np.concatenate(looked)[:, 0].T
        facts["seconds"] = (time.perf_counter() - start) * total / len(chosen)
        facts["peak"] = peak_mib()
    np.savez(out, said=said, facts=np.array(json.dumps(facts)))


def compare(name: str, share: float, memory: float) -> str:
    """Return a network's row of the table."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        subprocess.run([sys.executable, __file__, "--write", name, str(folder / "model.onnx")], check=True)
        for how in ("dense", "windows"):
            words = ["--way", how, str(folder / "model.onnx"), str(folder / f"{how}.npz"), "--share", str(share), "--memory", str(memory)]
            subprocess.run([sys.executable, __file__, *words], check=True)
        found = {how: np.load(folder / f"{how}.npz") for how in ("dense", "windows")}
    facts = {how: json.loads(str(one["facts"])) for how, one in found.items()}
    a, b = found["dense"]["said"], found["windows"]["said"]
    both, ranks = np.abs(a - b), [spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    d, w = facts["dense"], facts["windows"]
    return (
        f"| {name} | {d['seconds']:.0f} | {w['seconds']:.0f} | {w['seconds'] / d['seconds']:.0f} | {d['seconds'] / d['bare']:.2f} | "
        f"{d['peak']:.0f} | {w['peak']:.0f} | {both.max():.2f} | {both.mean():.3f} | {b.std(axis=1).mean():.2f} | {np.mean(ranks):.3f} |"
    )


def effect_on_auc(folder: Path, collections: list[Path], patches: Path, most: int) -> None:
    """Print the AUC of a run's own test windows, looked at alone and read from the map of a pass over their film."""
    import torch

    from breastcad.core.files import read_collection, read_patches, read_split, read_yaml
    from breastcad.evaluate.metrics import roc_auc
    from breastcad.read import open_picture
    from breastcad.train.run_folder import Run
    from breastcad.train.tasks import from_dict
    from breastcad.train.window_bundle import export_classifier

    settings = from_dict(read_yaml(folder / "settings.yaml"))
    given, rows = [read_collection(one) for one in collections], read_patches(patches / "patches.csv")
    split = [row for row in read_split(folder) if row.inner == 0]
    fold = min(row.outer for row in split)
    if not (folder / "model.onnx").is_file():
        export_classifier(Run(folder, settings, split, torch.device("cpu"), lambda *_: None), given, rows, folds=[fold])
    model = WindowModel(folder / "model.onnx")
    tested = {(row.set, row.id) for row in split if row.outer == fold and row.part == "test"}
    paths = {(i.set, i.image_id): Path(one.root) / str(i.path) for one in given for i in one.images if i.present}
    of_film: dict[tuple[str, str], list[object]] = {}
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
        whole, windows = dense.window_logits(model, film), dense.lattice(film.shape, model.window, model.stride)  # type: ignore[arg-type]
        corners, places = [], []
        for row in of_film[film_id]:
            top, left = row.row * film.shape[0] / pixels.shape[0], row.col * film.shape[1] / pixels.shape[1]  # type: ignore[attr-defined]
            place = [min(round(at / model.stride), count - 1) for at, count in ((top, windows.rows), (left, windows.cols))]
            corners.append([min(round(at), side - own) for at, side, own in zip((top, left), film.shape, model.window, strict=True)])
            places.append(place)
            truth.append(row.label == "malignant")  # type: ignore[attr-defined]
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
    """Print the table, or do one part of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NETWORK", help=f"of {', '.join(NETWORKS)}; all without")
    parser.add_argument("--share", type=float, default=0.05, help="of the windows, looked at alone")
    parser.add_argument("--memory", type=float, default=dense.MEMORY_MIB, help="MiB that the pass may use")
    parser.add_argument("--run", type=Path, help="a finished run of a classifier, for the effect on AUC")
    parser.add_argument("--collections", type=Path, nargs="+")
    parser.add_argument("--patches", type=Path)
    parser.add_argument("--films", type=int, default=60, help="of the run's test part, drawn")
    parser.add_argument("--write", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--way", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write:
        write_model(given.write[0], Path(given.write[1]))
    elif given.way:
        one_way(Path(given.way[1]), given.way[0], given.share, given.memory, Path(given.way[2]))
    elif given.run:
        effect_on_auc(given.run, given.collections, given.patches, given.films)
    else:
        print(
            f"{platform.machine()}, {os.cpu_count()} cores; onnxruntime {onnxruntime.__version__}; a made-up film of {FILM[0]} x {FILM[1]}, ",
            end="",
        )
        print(f"{given.share:.0%} of its windows looked at alone, the time scaled; the pass may use {given.memory:.0f} MiB\n")
        print("| network | one pass, s | window by window, s | ratio | pass by a bare pass | peak, MiB | by window | ", end="")
        print("largest difference of logits | mean | their spread | rank correlation |\n|" + "---|" * 11)
        for name in given.names or NETWORKS:
            print(compare(name, given.share, given.memory), flush=True)


if __name__ == "__main__":
    main()
