"""What a run folder says of the recipe behind it (recipe.json), and what is said of the data beside every figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_json, write_json
from breastcad.core.records import Collection
from breastcad.recipes.plan import Step
from breastcad.recipes.recipe import Recipe
from breastcad.train.classifier_settings import ClassifierSettings
from breastcad.train.settings import kept_value

FORMAT = "breastcad-recipe/1"
FILE = "recipe.json"
STEPS = "steps.json"
PREPARED = "prepared"  # `train` takes a run folder that holds it


@dataclass(frozen=True, slots=True)
class Reproduction:
    """Which recipe a run is of, and how: network, split, weights, data in words, what was changed; ``made_up`` data count as no run."""

    recipe: str
    network: str
    split: str
    weights: str
    data: str
    sets: list[str]
    shortened: bool
    made_up: bool
    changes: dict[str, str]
    patch_changes: dict[str, str]

    def title(self, recipe: Recipe) -> str:
        """Return what stands over a run's figures and pictures."""
        parted = "windows parted as published" if self.split == "published" else f"split {self.split}"
        parts = [f"{self.recipe} (publication {recipe.publication}): {self.network}, {parted}", self.data]
        parts += ["shortened training"] if self.shortened else []
        return "; ".join((["MADE-UP DATA, no result"] if self.made_up else []) + parts)


def reproduction_of(
    recipe: Recipe,
    collections: Sequence[Collection],
    split: str,
    settings: ClassifierSettings,
    changes: dict[str, str],
    patch_changes: dict[str, str],
) -> Reproduction:
    """Return what recipe.json is to say of a run."""
    sets = sorted({image.set for one in collections for image in one.images if image.present})
    weights = settings.weights if settings.weights in ("imagenet", "none") else "file"  # a path is a machine's
    return Reproduction(
        recipe=recipe.key,
        network=settings.network,
        split=split,
        weights=weights,
        data="; ".join(data_in_words(one) for one in collections),
        sets=sets,
        shortened=settings.shortened,
        made_up=any(is_made_up(one) for one in collections),
        changes={name: weights if name == "weights" else kept_value(name, value) for name, value in changes.items()},
        patch_changes={name: kept_value(name, value) for name, value in patch_changes.items()},
    )


def data_in_words(collection: Collection) -> str:
    """Return what a collection is of, as it stands over figures: the set, how many images, which part and in which size.

    Examples
    --------
    >>> from breastcad.core.records import ImageRow
    >>> facts = {"title": "CBIS-DDSM", "layout": "D (films squeezed to 800 x 800, aspect lost)"}
    >>> data_in_words(Collection("", [ImageRow("cbis-ddsm", "a", part="train")], facts=facts))
    'CBIS-DDSM, 1 image: published films at 800 px, official training part'
    """
    here = [image for image in collection.images if image.present]
    name = str(collection.facts.get("title") or collection.facts.get("set") or "own images")
    said = ["published films at 800 px"] if "800 x 800" in str(collection.facts.get("layout", "")) else []
    parts = {image.part for image in here}
    if len(parts) == 1 and (part := parts.pop()) in ("train", "test"):
        said.append(f"official {'training' if part == 'train' else 'test'} part")
    return f"{name}, {len(here):,} image{'s' * (len(here) != 1)}" + (f": {', '.join(said)}" if said else "")


def is_made_up(collection: Collection) -> bool:
    """Tell whether a collection's images were made by `breastcad phantom`, which says so beside them, or say so themselves."""
    root = Path(collection.root).resolve()
    for folder in (root, *list(root.parents)[:3]):
        readme = folder / "README.txt"
        if readme.is_file() and readme.read_text(encoding="utf-8", errors="replace").startswith("MADE UP."):
            return True
    return any(image.origin in ("phantom", "synthetic") for image in collection.images)


def write_reproduction(folder: Path, made: Reproduction) -> None:
    """Write recipe.json."""
    write_json(folder / FILE, {"format": FORMAT, **asdict(made)})


def read_reproduction(folder: Path) -> Reproduction:
    """Read recipe.json.

    Raises
    ------
    ReadError
        If it is missing, or not of this format.
    """
    content: Any = read_json(folder / FILE)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ReadError(folder / FILE, f"is not a recipe.json of version 1 ('format' must be '{FORMAT}')")
    try:
        return Reproduction(**{name: value for name, value in content.items() if name != "format"})
    except TypeError as error:
        raise ReadError(folder / FILE, f"is not whole ({error}); make it again with: breastcad reproduce") from error


def refuse_another(run: Path, wanted: Reproduction) -> None:
    """Refuse a run folder that holds another reproduction.

    Raises
    ------
    InputError
        Naming what differs.
    """
    if not (run / FILE).is_file():
        return
    held, asked = asdict(read_reproduction(run)), asdict(wanted)
    for name, value in held.items():
        if asked[name] != value:
            raise InputError(f"'{run}' holds a reproduction with {name}={value}, not {asked[name]}; name another folder with --out")


def keep_steps(prepared: Path, steps: Sequence[Step]) -> None:
    """Note by which calls a folder is prepared, and refuse one in which another call made what one of these would make.

    Raises
    ------
    InputError
        Naming what was made otherwise.
    """
    known: dict[str, list[str]] = read_json(prepared / STEPS) if (prepared / STEPS).is_file() else {}
    wanted = {step.makes.relative_to(prepared).parent.as_posix(): (list(step.words), step.makes) for step in steps if step.makes}
    for name, (words, made) in wanted.items():
        if known.get(name, words) != words and made.is_file():
            raise InputError(
                f"'{prepared / name}' was made otherwise ({STEPS} beside it says how); name another folder with --prepared, or remove it"
            )
    write_json(prepared / STEPS, known | {name: words for name, (words, _) in wanted.items()})
