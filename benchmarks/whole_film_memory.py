"""Memory and time of training on whole films: one step, with and without gradient checkpointing, each in a process of its own.

``python benchmarks/whole_film_memory.py [--rows 1152 --cols 896] [--batches 1,2] [--networks resnet50,...]`` prints a row a network, batch
and way: peak memory of the process (on a GPU, of torch on it) less what it had before the network was made, and the seconds of a step.
With ``--count`` nothing is computed: what autograd keeps for the gradients is counted. Residual blocks on the last map, first weights,
made-up noise, single precision on a processor. One thread.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import torch

from breastcad.models.classifier_network import build_classifier
from breastcad.models.whole_film import Top, WholeFilmNetwork

NETWORKS = "resnet50,vgg16,efficientnet-lite0"
PARTS = ("head", "all")
GIB = 2**30


def kept(network: str, batch: int, shape: tuple[int, int], part: str, *, checkpointing: bool) -> float:
    """Return what autograd keeps of one pass for its gradients, in GiB, weights left out; with checkpoints each block's inputs."""
    film = _film(network, shape, part, checkpointing=checkpointing).to("meta")
    weights = {weight.untyped_storage()._cdata for weight in [*film.parameters(), *film.buffers()]}
    found: dict[int, torch.Tensor] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage()._cdata not in weights:
            found[tensor.untyped_storage()._cdata] = tensor  # held, so that no other storage comes in its place
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        said = film(torch.zeros(batch, 1, *shape, device="meta"))
    assert said.requires_grad
    return sum(tensor.untyped_storage().nbytes() for tensor in found.values()) / GIB


def _film(network: str, shape: tuple[int, int], part: str, *, checkpointing: bool) -> WholeFilmNetwork:
    patch = build_classifier(network, 5, rows=224, cols=224, channels=3)
    film = WholeFilmNetwork(patch, 2, shape, Top(), checkpointing=checkpointing)
    film.learn_part(part)
    return film


def step(network: str, batch: int, shape: tuple[int, int], part: str, *, checkpointing: bool, device: str) -> dict[str, float]:
    """Take one step of training in this process; return its peak memory in GiB, what was there before, and its seconds."""
    torch.set_num_threads(1)
    before = _peak(device)
    film = _film(network, shape, part, checkpointing=checkpointing).to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(weight for weight in film.parameters() if weight.requires_grad)
    images = torch.rand(batch, 1, *shape, device=device)
    seconds = 0.0
    for _ in range(1 if device == "cpu" else 5):
        started = time.monotonic()
        optimiser.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(film(images), torch.zeros(batch, dtype=torch.long, device=device)).backward()
        optimiser.step()
        if device != "cpu":
            torch.cuda.synchronize()
        seconds = time.monotonic() - started
    return {"before": before, "peak": _peak(device), "seconds": seconds}


def _peak(device: str) -> float:
    """Return the most memory that was taken so far, in GiB."""
    if device != "cpu":
        return torch.cuda.max_memory_allocated() / GIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB  # kilobytes on Linux


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1152)
    parser.add_argument("--cols", type=int, default=896)
    parser.add_argument("--batches", default="1,2")
    parser.add_argument("--networks", default=NETWORKS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--count", action="store_true", help="count what autograd keeps, compute nothing")
    parser.add_argument("--one", help="what one process of its own measures, as JSON")
    given = parser.parse_args()
    shape = given.rows, given.cols
    if given.one:
        network, batch, part, checkpointing = json.loads(given.one)
        print(json.dumps(step(network, batch, shape, part, checkpointing=checkpointing, device=given.device)))
        return
    columns = "kept for gradients, GiB |" if given.count else "peak, GiB | seconds |"
    print(f"one step at {shape[0]} x {shape[1]}, {given.device}\n| network | batch | learns | checkpointing | {columns}")
    print("|---" * (4 + columns.count("|")) + "|")
    for network in given.networks.split(","):
        for batch in map(int, given.batches.split(",")):
            for part, checkpointing in ((PARTS[0], False), (PARTS[1], False), (PARTS[1], True)):
                if given.count:
                    said = kept(network, batch, shape, part, checkpointing=checkpointing)
                    print(f"| {network} | {batch} | {part} | {'yes' if checkpointing else 'no'} | {said:.2f} |", flush=True)
                    continue
                one = json.dumps([network, batch, part, checkpointing])
                own = ["--rows", str(shape[0]), "--cols", str(shape[1]), "--device", given.device, "--one", one]
                done = subprocess.run([sys.executable, __file__, *own], capture_output=True, text=True, check=False)
                cells = ("out of memory", "") if done.returncode else _cells(json.loads(done.stdout.splitlines()[-1]))
                print(f"| {network} | {batch} | {part} | {'yes' if checkpointing else 'no'} | {cells[0]} | {cells[1]} |", flush=True)


def _cells(found: dict[str, float]) -> tuple[str, str]:
    return f"{found['peak'] - found['before']:.2f}", f"{found['seconds']:.2f}"


if __name__ == "__main__":
    main()
