"""A film's heat map in one pass against window by window: time, memory and agreement, as Markdown.

    python benchmarks/dense.py [NETWORK...] [--share 0.05] [--memory 3072]

The film is made up: 4096 x 3328 pixels, 11,956 windows of 224 at stride 32, of which a random share is looked at alone and the time scaled.
Weights are random (EfficientNet-Lite0's are ImageNet's), with statistics of batch normalisation from made-up films, so that outputs vary
(`dense_networks.py` writes them). Each way runs in a process of its own, without torch; beside the pass stands a bare one of onnxruntime
over as many pixels: a tile without its seams (by processor time, which other work on the machine changes less). Needs the extra [train].
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
FILM_FILE = "film.npy"  # made in another process: making it would count in the peak of memory


def made_up(shape: tuple[int, int], *path: object) -> NDArray[np.float32]:
    """Return a film of tissue-like noise with a black border on the right."""
    noise = power_law(generator(0, "dense", *path), *shape, beta=3, coarsest_px=500)
    film = np.clip(0.5 + np.float32(0.18) * noise, 0, 1)
    film[:, shape[1] * 3 // 4 :] = 0
    return film


def peak_mib() -> float:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one_way(path: Path, how: str, share: float, memory: float, out: Path) -> None:
    """Time one way, in this process, and write what it says."""
    model, film = WindowModel(path), np.load(path.with_name(FILM_FILE))
    windows = dense.lattice(FILM, model.window, model.stride)
    total = windows.rows * windows.cols
    chosen = np.sort(generator(0, "dense", "sample").permutation(total)[: round(share * total)])
    model.image_logits(film[None, None, :WINDOW, :WINDOW])
    facts: dict[str, float] = {}
    start, used = time.perf_counter(), time.process_time()
    if how == "dense":
        said = dense.window_logits(model, film, memory_mib=memory).reshape(-1, total)[:, chosen]
        facts |= {"seconds": time.perf_counter() - start, "cores": time.process_time() - used, "peak": peak_mib()}
        image = np.ascontiguousarray(film[None, None, :BARE, :BARE])
        model.outputs(image, {"window_logits": (1, 1, 3, None, None)}, image.size)
        used = time.process_time()
        model.outputs(image, {"window_logits": (1, 1, 3, None, None)}, image.size)
        facts["bare"] = (time.process_time() - used) * FILM[0] * FILM[1] / BARE**2
    else:
        corners = [(int(one) // windows.cols * model.stride, int(one) % windows.cols * model.stride) for one in chosen]
        parts = [corners[first : first + dense.BATCH] for first in range(0, len(corners), dense.BATCH)]
        looked = [model.image_logits(np.stack([film[r : r + WINDOW, c : c + WINDOW] for r, c in part])[:, None]) for part in parts]
        said = np.concatenate(looked)[:, 0].T
        seconds, cores = ((now - then) * total / len(chosen) for now, then in ((time.perf_counter(), start), (time.process_time(), used)))
        facts |= {"seconds": seconds, "cores": cores, "peak": peak_mib()}
    np.savez(out, said=said, facts=np.array(json.dumps(facts)))


def compare(name: str, share: float, memory: float) -> str:
    """Return a network's row of the table."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        writer = Path(__file__).with_name("dense_networks.py")
        subprocess.run([sys.executable, str(writer), "--write", name, str(folder / "model.onnx")], check=True)
        np.save(folder / FILM_FILE, made_up(FILM, "film"))
        for how in ("dense", "windows"):
            words = ["--way", how, str(folder / "model.onnx"), str(folder / f"{how}.npz"), "--share", str(share), "--memory", str(memory)]
            subprocess.run([sys.executable, __file__, *words], check=True)
        found = {how: np.load(folder / f"{how}.npz") for how in ("dense", "windows")}
    facts = {how: json.loads(str(one["facts"])) for how, one in found.items()}
    a, b = found["dense"]["said"], found["windows"]["said"]
    both, ranks = np.abs(a - b), [spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    d, w = facts["dense"], facts["windows"]
    cells = [
        name, f"{d['seconds']:.0f}", f"{w['seconds']:.0f}", f"{w['seconds'] / d['seconds']:.0f}", f"{w['cores'] / d['cores']:.0f}",
        f"{d['cores'] / d['bare']:.2f}", f"{d['peak']:.0f}", f"{w['peak']:.0f}", f"{both.max():.2f}", f"{both.mean():.3f}",
        f"{b.std(axis=1).mean():.2f}", f"{np.mean(ranks):.3f}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table, or do one part of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NETWORK", help=f"of {', '.join(NETWORKS)}; all without")
    parser.add_argument("--share", type=float, default=0.05, help="of the windows, looked at alone")
    parser.add_argument("--memory", type=float, default=dense.MEMORY_MIB, help="MiB that the pass may use")
    parser.add_argument("--way", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        one_way(Path(given.way[1]), given.way[0], given.share, given.memory, Path(given.way[2]))
    else:
        machine = f"{platform.machine()}, {os.cpu_count()} cores; onnxruntime {onnxruntime.__version__}"
        shares = f"{given.share:.0%} of its windows looked at alone, the time scaled; the pass may use {given.memory:.0f} MiB"
        print(f"{machine}; a made-up film of {FILM[0]} x {FILM[1]}, {shares}\n")
        print(
            "| network | one pass, s | window by window, s | ratio | of processor time | pass by a bare pass | peak, MiB | by window | ",
            end="",
        )
        print("largest difference of logits | mean | their spread | rank correlation |\n|" + "---|" * 12)
        for name in given.names or NETWORKS:
            print(compare(name, given.share, given.memory), flush=True)


if __name__ == "__main__":
    main()
