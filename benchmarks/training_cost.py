"""What one image costs in a step of training, in each classifier: the times that `breastcad recipes` estimates hours from.

``python benchmarks/training_cost.py [NETWORK...]`` prints the table SECONDS of src/breastcad/recipes/cost.py: the side of the input and
processor seconds, one thread, batch of four, forward, backward and a step of Adam; the best of three steps. No budget: nothing fails.
"""

from __future__ import annotations

import platform
import sys
import time

import torch
from torch.nn.functional import cross_entropy

from breastcad.models.classifier_network import build_classifier
from breastcad.models.classifiers import CLASSIFIERS, classifier_spec

BATCH, STEPS = 4, 3


def seconds_an_image(name: str) -> float:
    """Return the processor seconds that one image takes in a step, the first step not counted."""
    side = classifier_spec(name).side
    network = build_classifier(name, 2, rows=side, cols=side).to(memory_format=torch.channels_last).train()  # as training does
    optimiser = torch.optim.Adam(network.parameters(), 1e-5)
    images, truth = torch.rand(BATCH, 1, side, side).to(memory_format=torch.channels_last), torch.arange(BATCH) % 2
    times = []
    for _ in range(STEPS + 1):
        begun = time.process_time()
        optimiser.zero_grad()
        cross_entropy(network(images), truth).backward()
        optimiser.step()
        times.append(time.process_time() - begun)
    return min(times[1:]) / BATCH


def main(names: list[str]) -> None:
    """Print a line a network."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"# torch {torch.__version__}, {platform.machine()}, one thread")
    for name in names or list(CLASSIFIERS):
        print(f'    "{name}": ({classifier_spec(name).side}, {seconds_an_image(name):.2g}),', flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
