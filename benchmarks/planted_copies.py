"""How many planted copies an audit finds, as Markdown: ``python benchmarks/planted_copies.py COLLECTION --n 200 --seed 0 --half second``.

Copies are made in a temporary folder that is removed, entered as other ids, and put into the test part of a split whose training part is
the collection. Half of them are JPEG files. Thresholds may be tuned on copies of the first half of the images only (even places in
images.csv); the second half tells what they are worth.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.files import read_collection
from breastcad.core.records import Collection, ImageRow, SplitRow
from breastcad.core.seeding import generator
from breastcad.datasets.audit import split_parts
from breastcad.datasets.audit_pixels import Key, Scenes, look, scenes
from breastcad.datasets.duplicates import joined
from breastcad.read import open_picture

KINDS = ("identical", "flip", "rotation", "crop", "brightness", "combination")
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Planted:
    """A copy: what was done to it, its file's kind, and what it was made from."""

    kind: str
    suffix: str
    source: Key


def flipped(image: Bytes, random: np.random.Generator) -> Bytes:
    """Mirror across, down, or both."""
    return np.asarray(cv2.flip(image, int(random.integers(-1, 2))), np.uint8)


def turned(image: Bytes, random: np.random.Generator) -> Bytes:
    """Turn by 3 to 15 degrees, either way; the corners become black."""
    height, width = image.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), random.choice([-1, 1]) * random.uniform(3, 15), 1)
    return np.asarray(cv2.warpAffine(image, matrix, (width, height)), np.uint8)


def cropped(image: Bytes, random: np.random.Generator) -> Bytes:
    """Keep 80 to 95 % of each side, anywhere."""
    rows, cols = (round(side * random.uniform(0.8, 0.95)) for side in image.shape)
    row, col = random.integers(0, image.shape[0] - rows + 1), random.integers(0, image.shape[1] - cols + 1)
    return image[row : row + rows, col : col + cols]


def brightened(image: Bytes, random: np.random.Generator) -> Bytes:
    """Bend by a gamma of 0.6 to 1.6 and multiply by 0.7 to 1.3; what leaves the range is cut off."""
    return np.clip(255 * random.uniform(0.7, 1.3) * (image / 255) ** random.uniform(0.6, 1.6), 0, 255).astype(np.uint8)


CHANGES = {"identical": (), "flip": (flipped,), "rotation": (turned,), "crop": (cropped,), "brightness": (brightened,)}
CHANGES["combination"] = (flipped, turned, cropped, brightened)


def plant(collection: Collection, folder: Path, n: int, seed: int, half: str) -> tuple[Collection, dict[Key, Planted]]:
    """Write n copies into a folder; return them as a collection, and what each is."""
    present = [image for image in collection.images if image.present and image.path]
    sources = {"first": present[::2], "second": present[1::2], "both": present}[half]
    random = generator(seed, "planted")
    rows: list[ImageRow] = []
    planted = {}
    for number, place in enumerate(random.choice(len(sources), n, replace=n > len(sources)).tolist()):
        source, kind, suffix = sources[place], KINDS[number % len(KINDS)], (".png", ".jpg")[number // len(KINDS) % 2]
        pixels = open_picture(Path(collection.root) / str(source.path), int(source.frame) if source.frame else None).pixels
        image = (255 * pixels).round().astype(np.uint8)
        for change in CHANGES[kind]:
            image = change(image, random)
        row = replace(source, image_id=f"planted-{number:04}", path=f"{number:04}{suffix}", frame=None, patient_id=None)
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(50, 96))]
        cv2.imwrite(str(folder / str(row.path)), image, quality if suffix == ".jpg" else [])
        rows.append(row)
        planted[row.set, row.image_id] = Planted(kind, suffix, (source.set, source.image_id))
    return Collection(str(folder), rows), planted


def table(found: Scenes, planted: dict[Key, Planted], originals: set[Key]) -> list[str]:
    """Return the rows by kind: planted, found, found without the search for copies; and false pairs."""
    pairs = [*found.near, *found.copies]
    known = [(one, other) for one, other in pairs if one in originals and other in originals]
    family = joined([*originals, *planted], [*known, *((key, copy.source) for key, copy in planted.items())])
    false = [pair for pair in pairs if family[pair[0]] != family[pair[1]]]
    near, either = ({frozenset(pair) for pair in some} for some in (found.near, pairs))
    rows = []
    for kind in (*KINDS, "all"):
        own = {key: copy for key, copy in planted.items() if kind in (copy.kind, "all")}
        hits, before = ({key for key, copy in own.items() if frozenset((key, copy.source)) in some} for some in (either, near))
        jpeg = {key for key, copy in own.items() if copy.suffix == ".jpg"}
        wrong = sum(any(key in own for key in pair) for pair in false)
        rows.append(f"| {kind} | {len(own)} | {len(hits)} | {len(hits & jpeg)} of {len(jpeg)} | {len(before)} | {wrong} |")
    return rows


def main() -> None:
    """Plant, audit, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("collection", type=Path, nargs="?")
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--half", choices=("first", "second", "both"), default="both")
    given = parser.parse_args()
    if given.collection is None:
        print("planted_copies: give a collection to plant copies into")
        return
    collection = read_collection(given.collection)
    originals = {(image.set, image.image_id) for image in collection.images if image.present}
    with tempfile.TemporaryDirectory() as folder:
        copies, planted = plant(collection, Path(folder), given.n, given.seed, given.half)
        start = time.process_time()
        found = scenes(look([collection, copies]))
        seconds = time.process_time() - start
    rows = [SplitRow(*key, "/".join(key), part="test" if key in planted else "train") for key in [*originals, *planted]]
    checks = {check.name: check for check in split_parts(rows, [*collection.images, *copies.images], found.groups, found.copies)}
    print(
        f"{given.collection.name}: {len(originals):,} images, {len(planted)} copies of its {given.half} half planted, seed {given.seed}.\n"
    )
    print("| what was done | planted | found | of JPEG files | found as near-duplicates alone | false pairs |\n|---|---|---|---|---|---|")
    print("\n".join(table(found, planted, originals)))
    parted = [f"{checks[name].count} {name}" for name in ("groups on both sides", "copies on both sides")]
    among = sum(one in originals and other in originals for one, other in found.copies)
    print(f"\nThe split leaks: {', '.join(parted)}. Pairs of copies among the originals themselves: {among}.")
    print(f"{seconds:.0f} s of processor time for {len(rows):,} images, thumbnails and facts included.")


if __name__ == "__main__":
    main()
