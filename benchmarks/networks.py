"""How many weights each classifier has, what an image and a training step cost, as Markdown: ``python benchmarks/networks.py [NAME...]``.

An image of the network's usual size costs so many billions of multiplications and additions (counted by torch, each as one operation).
A step is there and back for two such images. Beside each network, in turn with it, the same is timed of EfficientNet-Lite0 at its own
size: the ratio of the medians is printed; ``--counts`` leaves it out. Needs the extra [train].
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
from torch.utils.flop_counter import FlopCounterMode

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


@torch.no_grad()
def billions(network: ClassifierNetwork) -> float:
    """Return the operations that one image costs, in billions; nothing is computed."""
    counter = FlopCounterMode(display=False)
    with counter:
        network.to("meta").eval()(torch.rand(1, 1, *network.shape, device="meta"))
    return counter.get_total_flops() / 1e9


def row(name: str, rival: ClassifierNetwork | None) -> str:
    """Return a network's line of the table; the last cell is empty without a rival."""
    spec, published = CLASSIFIERS[name], as_published(name)
    network = built(name)
    ratio = f"{cost(network, rival):.2g}" if rival else ""
    return (
        f"| {name} | {spec.source} | {spec.side} | {'' if published is None else f'{published:,}'} | {count(network):,} | "
        f"{spec.weights_from} | {billions(network):.2f} | {ratio} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="networks; all without")
    parser.add_argument("--counts", action="store_true", help="count only, time no steps")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    rival = None if arguments.counts else built(RIVAL)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads"
    print(f"{machine}; torch {torch.__version__}, timm {timm.__version__}; a step beside {RIVAL}'s\n")
    print(
        "| network | source | input, px | weights, 1,000 classes | weights here, 2 classes | ImageNet weights | billions an image | step |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name in arguments.names or CLASSIFIERS:
        print(row(name, rival), flush=True)


if __name__ == "__main__":
    main()
