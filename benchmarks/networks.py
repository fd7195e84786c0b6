"""How many weights each classifier has and what a training step costs, as Markdown: ``python benchmarks/networks.py [NAME...]``.

A step is there and back for two images of the network's usual size. Beside each network, in turn with it, the same is timed of
EfficientNet-Lite0 at its own size: the ratio of the medians is printed. Needs the extra [train].
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time

import timm
import torch
from torch import nn

from breastcad.models.classifier_network import ClassifierNetwork, build_classifier
from breastcad.models.classifiers import CLASSIFIERS

RIVAL = "efficientnet-lite0"
TURNS, IMAGES = 3, 2


def count(network: nn.Module) -> int:
    """Return how many weights learn."""
    return sum(weight.numel() for weight in network.parameters())


def as_published(name: str) -> int | None:
    """Return the weights of timm's whole network with 1,000 classes; None of a small network."""
    spec = CLASSIFIERS[name]
    if spec.timm is None:
        return None
    with torch.device("meta"):
        return count(timm.create_model(spec.timm))


def built(name: str) -> ClassifierNetwork:
    """Return a network of its usual size, for two classes."""
    return build_classifier(name, 2, rows=CLASSIFIERS[name].side, cols=CLASSIFIERS[name].side)


def step_seconds(network: ClassifierNetwork) -> float:
    """Return how long there and back take for a few images."""
    images = torch.rand(IMAGES, 1, *network.shape)
    start = time.perf_counter()
    network(images).square().sum().backward()
    return time.perf_counter() - start


def cost(network: ClassifierNetwork, rival: ClassifierNetwork) -> float:
    """Return the ratio of the median times of a step, after one that does not count; the two take turns."""
    times = [(step_seconds(network), step_seconds(rival)) for _ in range(TURNS + 1)][1:]
    mine, theirs = (statistics.median(column) for column in zip(*times, strict=True))
    return mine / theirs


def row(name: str, rival: ClassifierNetwork) -> str:
    """Return a network's line of the table."""
    spec, published = CLASSIFIERS[name], as_published(name)
    network = built(name)
    ratio = "1" if name == RIVAL else f"{cost(network, rival):.2g}"
    return (
        f"| {name} | {spec.source} | {spec.side} | {'' if published is None else f'{published:,}'} | {count(network):,} | "
        f"{spec.weights_from} | {ratio} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="networks; all without")
    names = parser.parse_args().names or list(CLASSIFIERS)
    torch.manual_seed(0)
    rival = built(RIVAL)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads"
    print(f"{machine}; torch {torch.__version__}, timm {timm.__version__}; a step beside {RIVAL}'s\n")
    print("| network | source | input, px | weights, 1,000 classes | weights here, 2 classes | ImageNet weights | step |")
    print("|---|---|---|---|---|---|---|")
    for name in names:
        print(row(name, rival), flush=True)


if __name__ == "__main__":
    main()
