"""Train the network that finds burnt-in overlays: ``python benchmarks/overlay_network.py FOLDER --seed 0 --steps 11000``.

Made-up marks (`breastcad.phantom.burnt_in_marks`) are drawn into random pieces of clean pictures: the choosing half of the clean
pictures that benchmarks/overlays.py lists, and made-up ultrasound. Real marks are never shown. FOLDER gets the checkpoint, from which
a second call goes on, and burnt_in.onnx, the file that breastcad.preprocess carries. Without FOLDER nothing is done.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from overlays import clean_pictures
from torch import Tensor, nn
from torch.nn import functional

from breastcad.core.seeding import generator
from breastcad.models.export import halved
from breastcad.phantom.burnt_in_marks import MARK_KINDS, burn_in
from breastcad.phantom.ultrasound import ultrasound
from breastcad.preprocess.burnt_in import network_input

SIDE, BATCH, LEARNING_RATE = 144, 8, 4e-3
WIDTHS = 16, 32, 48
PHANTOMS = 24
CHANCES = {"caliper": 0.26, "track": 0.16, "text": 0.22, "arrow": 0.16, "body mark": 0.12, "furniture": 0.08}
"""How often each kind is drawn."""
TISSUE_WEIGHT, WEIGHTS = 1.0, {"caliper": 5.0, "track": 10.0, "text": 4.0, "arrow": 5.0, "body mark": 2.5, "furniture": 4.0}
"""What a pixel counts in the loss: most are tissue, and a word has a hundred times the pixels of a cross."""


def block(given: int, width: int, stride: int = 1) -> nn.Sequential:
    """Return two convolutions with batch normalisation, the first with a stride."""
    layers: list[nn.Module] = []
    for inner, step in ((given, stride), (width, 1)):
        layers += [nn.Conv2d(inner, width, 3, step, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class OverlayNetwork(nn.Module):
    """A U-Net of three levels on blocks of 2 x 2 pixels: (N, 2, H, W) to (N, 1 + kinds, H, W) logits, H and W multiples of 16."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third = WIDTHS
        self.fold, self.unfold = nn.PixelUnshuffle(2), nn.PixelShuffle(2)
        self.down1, self.down2, self.down3 = block(8, first), block(first, second, 2), block(second, third, 2)
        self.bottom = block(third, third, 2)
        self.up3, self.up2, self.up1 = block(2 * third, third), block(third + second, second), block(second + first, first)
        self.head = nn.Conv2d(first, 4 * (1 + len(MARK_KINDS)), 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits."""
        one = self.down1(self.fold(image))
        two = self.down2(one)
        three = self.down3(two)
        up = self.up3(torch.cat([functional.interpolate(self.bottom(three), scale_factor=2.0), three], 1))
        up = self.up2(torch.cat([functional.interpolate(up, scale_factor=2.0), two], 1))
        up = self.up1(torch.cat([functional.interpolate(up, scale_factor=2.0), one], 1))
        return self.unfold(self.head(up))


def piece(random: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Return a square piece of a picture at a random scale, turned over, its greys bent, with a few soft bright specks."""
    factor = random.uniform(0.6, 1.7)
    side = min(round(SIDE / factor), *picture.shape)
    row, col = (int(random.integers(0, length - side + 1)) for length in picture.shape)
    part = cv2.resize(
        picture[row : row + side, col : col + side], (SIDE, SIDE), interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    )
    part = part[:: int(random.choice([-1, 1])), :: int(random.choice([-1, 1]))]
    part = np.clip(part * random.uniform(0.7, 1.9), 0, 1) ** random.uniform(0.6, 1.5)
    if random.random() < 0.3:
        part = part + random.normal(0, random.uniform(0.01, 0.06), part.shape) * (0.3 + part)
    if random.random() < 0.3:
        specks = np.zeros((SIDE, SIDE), np.float32)
        for place in random.integers(0, SIDE, (int(random.integers(1, 9)), 2)).tolist():
            specks[place[0], place[1]] = random.uniform(4, 12)
        part = part + cv2.GaussianBlur(specks, (0, 0), random.uniform(0.8, 1.8)) * random.uniform(0.3, 0.9)
    if random.random() < 0.15:
        part = part * beside_a_line(random)
    return np.clip(part, 0, 1).astype(np.float32)


def beside_a_line(random: np.random.Generator) -> np.ndarray:
    """Return 1 on one side of a slanted line and 0 on the other: the border of the fan that a curved probe shows."""
    rows, cols = np.mgrid[:SIDE, :SIDE] / SIDE - random.uniform(0.15, 0.85, 2)[:, None, None]
    angle = random.uniform(0, 2 * np.pi)
    return (rows * np.sin(angle) + cols * np.cos(angle) + random.uniform(-0.3, 0.3) * rows**2 > 0).astype(np.float32)


def sample(random: np.random.Generator, pictures: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return one input and its target: 0 where nothing is drawn, else 1 + the kind's place."""
    count = int(random.choice([0, 1, 2, 3, 4], p=[0.15, 0.3, 0.3, 0.15, 0.1]))
    kinds = random.choice(MARK_KINDS, count, p=[CHANCES[kind] for kind in MARK_KINDS]).tolist()
    made = burn_in(random, piece(random, pictures[int(random.integers(len(pictures)))]), kinds)
    target = np.zeros((SIDE, SIDE), np.int64)
    for mark in made.marks:
        target[mark.mask] = 1 + MARK_KINDS.index(mark.kind)
    return network_input(made.pixels, made.colour), target


def rate(step: int, steps: int) -> float:
    """Return the learning rate of a step: it rises for the first tenth and falls as a cosine to nothing."""
    return LEARNING_RATE * min(1.0, 10 * (step + 1) / steps) * (1 + math.cos(math.pi * step / steps)) / 2


def train(folder: Path, steps: int, minutes: float, seed: int) -> OverlayNetwork:
    """Train until so many steps are done in all, or the minutes of this call are over; go on from the folder's checkpoint."""
    network = OverlayNetwork()
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=1e-4)
    kept, step = folder / "checkpoint.pt", 0
    if kept.is_file():
        state = torch.load(kept, weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    pictures = [picture.pixels for picture in clean_pictures("choosing")]
    pictures += [ultrasound(generator(seed, "background", number), 360, 440).pixels for number in range(PHANTOMS)] * 2
    weight = torch.tensor([TISSUE_WEIGHT, *(WEIGHTS[kind] for kind in MARK_KINDS)])
    end, losses = time.monotonic() + 60 * minutes, []
    network.train()
    while step < steps and time.monotonic() < end:
        optimizer.param_groups[0]["lr"] = rate(step, steps)
        random = generator(seed, "step", step)
        inputs, targets = zip(*(sample(random, pictures) for _ in range(BATCH)), strict=True)
        logits = network(torch.from_numpy(np.stack(inputs)))
        loss = functional.cross_entropy(logits, torch.from_numpy(np.stack(targets)), weight)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        step += 1
        if step % 100 == 0:
            print(f"step {step}: loss {np.mean(losses[-100:]):.4f}", flush=True)
            torch.save({"network": network.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, kept)
    torch.save({"network": network.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, kept)
    return network


def export(network: OverlayNetwork, path: Path) -> None:
    """Write the network with a softmax behind it as ONNX, weights in half precision, for pictures of any size, one at a time."""
    network.eval()
    whole = nn.Sequential(network, nn.Softmax(1))
    axes = {"image": {2: "rows", 3: "cols"}, "shares": {2: "rows", 3: "cols"}}
    example = torch.zeros(1, 2, 64, 96)
    torch.onnx.export(whole, (example,), str(path), input_names=["image"], output_names=["shares"], dynamic_axes=axes, dynamo=False)
    onnx.save(halved(onnx.load(path)), path)


def main() -> None:
    """Train and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=11000)
    parser.add_argument("--minutes", type=float, default=600)
    given = parser.parse_args()
    if given.folder is None:
        print("overlay_network: give a folder to train into")
        return
    given.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    export(train(given.folder, given.steps, given.minutes, given.seed), given.folder / "burnt_in.onnx")


if __name__ == "__main__":
    main()
