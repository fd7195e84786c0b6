"""The exported model against the trained networks, on every image of collections: largest difference of outputs, and speed of both.

    python benchmarks/model_files.py RUN COLLECTION...

Prints Markdown. Needs the run's checkpoints and the extra [train].
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import yaml

from breastcad.core.files import read_collection, read_split
from breastcad.models.export import SideBySide
from breastcad.train.lesion_run import trained_networks
from breastcad.train.run_folder import Run
from breastcad.train.samples import load_samples
from breastcad.train.tasks import from_dict

TIMED_IMAGES = 30


def quiet(*_: object) -> None:
    """Report nothing."""


def main(arguments: list[str]) -> None:
    """Compare a run's model.onnx with its networks."""
    if len(arguments) < 2:
        print("model_files: give a run folder and its collections to compare its model.onnx with its networks")
        return
    folder = Path(arguments[0])
    settings = from_dict(yaml.safe_load((folder / "settings.yaml").read_text()))
    run = Run(folder, settings, read_split(folder), torch.device("cpu"), quiet)
    networks = SideBySide([one for members, _ in trained_networks(run)[: settings.model_folds] for one in members]).eval()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
    collections = [read_collection(path) for path in arguments[1:]]
    groups = {(row.set, row.image_id): "" for c in collections for row in c.images if row.present}
    samples, problems = load_samples(collections, groups, settings.pipeline, settings.rows, settings.cols)
    apart: dict[str, list[float]] = {"map logits": [], "image logits": [], "map probability": [], "image probability": []}
    seconds = {"torch": 0.0, "onnxruntime": 0.0}
    with torch.inference_mode():
        for number, sample in enumerate(samples):
            image = (sample.image.astype(np.float32) / 255)[None, None]
            started = time.perf_counter()
            wanted = [output.numpy() for output in networks(torch.from_numpy(image))]
            middle = time.perf_counter()
            given = session.run(None, {"image": image})
            ended = time.perf_counter()
            if 2 <= number < 2 + TIMED_IMAGES:
                seconds["torch"] += (middle - started) / TIMED_IMAGES
                seconds["onnxruntime"] += (ended - middle) / TIMED_IMAGES
            for name, one, other in zip(("map", "image"), wanted, given, strict=True):
                apart[f"{name} logits"].append(float(np.abs(one - other).max()))
                apart[f"{name} probability"].append(float(np.abs(1 / (1 + np.exp(-one)) - 1 / (1 + np.exp(-other))).max()))
    print(f"{settings.model_id}: {len(samples)} images ({len(problems)} not read), {torch.get_num_threads()} threads\n")
    print("| largest difference in | median image | 99 % of images | worst image | images above 0.02 |\n|---|---|---|---|---|")
    for name, values in apart.items():
        middle, most = np.percentile(values, [50, 99])
        print(f"| {name} | {middle:.5f} | {most:.5f} | {max(values):.5f} | {sum(value > 0.02 for value in values)} |")
    print(f"\n| one image, all {len(networks.networks)} networks | ms |\n|---|---|")
    for name, value in seconds.items():
        print(f"| {name} | {1000 * value:.1f} |")


if __name__ == "__main__":
    main(sys.argv[1:])
