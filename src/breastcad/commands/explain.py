"""``breastcad explain``: where a run's networks look, whether that can be believed, and how well it finds lesions."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from breastcad.commands.given import given_collections
from breastcad.commands.options import Device, DeviceName, Out, Overwrite, Seed
from breastcad.commands.saying import say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

    from breastcad.core.records import Collection, ImageRow
    from breastcad.evaluate.boxes import ScoredBox
    from breastcad.evaluate.figures import Figure
    from breastcad.explain.films import Film
    from breastcad.explain.sanity import Removal
    from breastcad.explain.study import AnyLooker, Asked, Explained, PlacedImage
    from breastcad.train.classifier_settings import ClassifierSettings
    from breastcad.train.images import Named
    from breastcad.train.lesion_settings import LesionSettings

    Sized = Callable[[str, tuple[int, int]], tuple[int, int]]
    Boxes = tuple[float | None, int | None]


class Method(StrEnum):
    """How a map is made."""

    cam = "cam"
    grad_cam = "grad-cam"
    grad_cam_plus = "grad-cam++"
    guided = "guided"
    lesion_map = "lesion-map"


class HeatColours(StrEnum):
    """The colours of overlays."""

    viridis = "viridis"
    red_green_blue = "red-green-blue"


@dataclass(frozen=True, slots=True)
class Way:
    """How a run's networks are asked: what makes a fold's ``looker``, and what is ``fed`` of an image's pixels; ``method`` ``of`` class."""

    looker: Callable[[tuple[int, int]], AnyLooker]
    fed: Callable[[ImageRow, Any], Film]
    method: str
    of: str


@dataclass(slots=True)
class FilmRow:
    """An image that was explained: a row of images.csv. Its heat map's grey levels span ``map_low`` to ``map_high``.

    The heat map lies on the part of the picture from ``map_row0``, ``map_col0`` to ``map_row1``, ``map_col1``, in its pixels.
    ``class_probability`` is what the network says of the whole image, of a classifier not calibrated.
    """

    set: str
    image_id: str
    repeat: int
    outer: int
    label: str
    fed_rows: int
    fed_cols: int
    class_probability: float
    map_low: float
    map_high: float
    map_row0: float
    map_col0: float
    map_row1: float
    map_col1: float
    heat_map: str
    overlay: str


@dataclass(slots=True)
class BoxRow:
    """A box on an image: a row of boxes.csv. ``way`` is the method or a rival; ``row``, ``col`` is its position, by which it hits."""

    way: str
    set: str
    image_id: str
    repeat: int
    outer: int
    row: float
    col: float
    score: float
    row0: float
    col0: float
    row1: float
    col1: float
    lesion_id: str | None = None


@dataclass(slots=True)
class Found:
    """All that a call found, in the order of the images."""

    placed: list[PlacedImage] = field(default_factory=list)
    films: list[FilmRow] = field(default_factory=list)
    boxes: list[BoxRow] = field(default_factory=list)
    removals: list[dict[str, Removal]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder of networks, of windows or of whole images.")]
Collections = Annotated[list[Path], typer.Argument(metavar="COLLECTION...", help="The collections that the run was trained on.")]
ByMethod = Annotated[
    Method | None,
    typer.Option(
        "--method",
        help="How maps are made; cam (of a classifier, if not given) needs a head that pools and is linear; a lesion network draws its own,"
        " lesion-map.",
    ),
]
Of = Annotated[
    str | None,
    typer.Option(
        "--of",
        metavar="CLASS",
        help="Whose map: malignant, benign, abnormal, 'malignant mass', ...; if not given, malignant, of a lesion network abnormal.",
    ),
]
OneFold = Annotated[int | None, typer.Option("--fold", min=0, help="Only what this outer fold tested on; all trained folds if not given.")]
Images = Annotated[int | None, typer.Option("--images", metavar="N", min=1, help="Of each fold's test images, so many, drawn by --seed.")]
Rows = Annotated[int | None, typer.Option("--rows", min=32, help="Rows at which images are fed; as windows were seen if not given.")]
Cols = Annotated[int | None, typer.Option("--cols", min=32, help="Columns at which images are fed; given with --rows.")]
Level = Annotated[
    float | None,
    typer.Option("--level", min=0.05, max=1.0, help="Share of its peak that a box reaches down to; .5, or a lesion run's, if not given."),
]
Most = Annotated[int | None, typer.Option("--most", min=1, max=50, help="Boxes of an image, at most; 5, or a lesion run's, if not given.")]
Iou = Annotated[
    float | None,
    typer.Option("--iou", min=0.01, max=1.0, help="A box hits by this intersection over union; by its position if not given."),
]
Sanity = Annotated[bool, typer.Option("--sanity", help="Check the maps further: weights drawn anew, deletion and insertion.")]
Colours = Annotated[HeatColours, typer.Option("--colours", help="Of overlays; red-green-blue is publication C's.")]


def command(
    run: RunFolder,
    collections: Collections,
    out: Out,
    method: ByMethod = None,
    of: Of = None,
    fold: OneFold = None,
    images: Images = None,
    rows: Rows = None,
    cols: Cols = None,
    level: Level = None,
    most: Most = None,
    iou: Iou = None,
    sanity: Sanity = False,
    colours: Colours = HeatColours.viridis,
    seed: Seed = 1,
    device: Device = DeviceName.auto,
    overwrite: Overwrite = False,
) -> None:
    """Map where a run's networks see a class, each image by the fold that tested on it, and measure what the maps find.

    Writes heat maps and overlays, boxes.csv, marks.csv and lesions.csv, metrics.json and froc.png with hits and free-response figures
    beside three trivial rivals (a centred blob, random blobs, the brightest blob), sanity.json and sanity.png with where maps point and
    their energy; with --sanity also whether they hang on the network. Whole images are fed to networks of windows at the scale at
    which they saw windows. A lesion network's map is its own, of abnormal, and its boxes' scores are calibrated as its marks' are.
    """
    from breastcad.core.errors import InputError
    from breastcad.core.files import output_folder

    if not run.is_dir():
        raise InputError(f"no such run folder: '{run}'; breastcad train makes one")
    if (rows is None) != (cols is None):
        raise InputError("--rows and --cols are given together")
    read = given_collections(collections)
    from breastcad.commands.train import device_of
    from breastcad.explain.study import Asked

    size = (rows, cols) if rows and cols else None
    settings = _settings(run, method, of, size)
    jobs = _jobs(run, read, fold, images, seed)
    way = _way(run, settings, (method or Method.cam).value, of or "malignant", size, device_of(device), (level, most))
    folder = output_folder(out, overwrite=overwrite)
    asked = Asked(seed, iou, sanity)
    found = _explained(way, jobs, asked, folder, colours.value)
    _write(run, folder, found, read, asked, way.method, way.of)


def _settings(
    run: Path, method: Method | None, of: str | None, size: tuple[int, int] | None
) -> ClassifierSettings | LesionSettings:  # fmt: skip
    """Return a run's settings, of a classifier or a lesion network; refuse what such a network is not asked."""
    from breastcad.core.errors import InputError
    from breastcad.train.lesion_settings import LesionSettings
    from breastcad.train.trained import any_settings, run_settings

    its = any_settings(run)
    if not isinstance(its, LesionSettings):
        settings = run_settings(run)
        if method == Method.lesion_map:
            raise InputError(f"'{run.name}' is no run of lesion networks, which alone draw a map of their own; choose another --method")
        return settings
    if method not in (None, Method.lesion_map) or of not in (None, "abnormal") or size:
        raise InputError(
            f"'{run.name}' is a run of lesion networks, which draw their own map, of abnormal, at their own size; "
            "leave --method, --of, --rows and --cols out"
        )
    return its


def _way(
    run: Path, settings: ClassifierSettings | LesionSettings, method: str, of: str, size: tuple[int, int] | None, device: torch.device,
    boxes: Boxes,
) -> Way:  # fmt: skip
    from breastcad.train.lesion_settings import LesionSettings

    if isinstance(settings, LesionSettings):
        return _lesion_way(run, settings, device, boxes)
    return _classifier_way(run, settings, method, of, size, device, boxes)


def _classifier_way(
    run: Path, settings: ClassifierSettings, method: str, of: str, size: tuple[int, int] | None, device: torch.device, boxes: Boxes
) -> Way:
    from breastcad.explain.films import Looker, fed_film
    from breastcad.explain.study import classes_of
    from breastcad.train.finished import fold_networks

    classes, sized = classes_of(settings.class_names(), of), _sized(run, settings, size)

    def looker(fold: tuple[int, int]) -> Looker:
        networks = fold_networks(run, fold, device)
        window = None if networks[0].any_size else (settings.rows, settings.cols)
        return Looker(networks, classes, method, window, boxes[0] or 0.5, boxes[1] or 5)

    def fed(image: ImageRow, pixels: Any) -> Film:
        return fed_film(pixels, sized(image.set, (pixels.shape[0], pixels.shape[1])), has_breast=image.modality == "MG")

    return Way(looker, fed, method, of)


def _lesion_way(run: Path, settings: LesionSettings, device: torch.device, boxes: Boxes) -> Way:
    from breastcad.core.files import read_json
    from breastcad.evaluate.run_tables import fold_folder
    from breastcad.explain.lesion_looker import LESION_MAP, LesionLooker, prepared_film
    from breastcad.train.finished import lesion_networks

    def looker(fold: tuple[int, int]) -> LesionLooker:
        facts = read_json(fold_folder(run, fold) / "fold.json")
        networks, level, most = (
            lesion_networks(run, settings, fold, device),
            boxes[0] or settings.mark_level,
            boxes[1] or settings.max_marks,
        )
        return LesionLooker(networks, facts["calibration"], "normal" in facts["classes"], level, most, settings.score_floor)

    def fed(_image: ImageRow, pixels: Any) -> Film:
        return prepared_film(pixels, settings.pipeline, (settings.rows, settings.cols))

    return Way(looker, fed, LESION_MAP, "abnormal")


def _jobs(
    run: Path, read: list[Collection], wanted: int | None, most: int | None, seed: int
) -> list[tuple[tuple[int, int], list[tuple[Named, str]]]]:
    """Return, fold by fold, the images that it tested on, with their groups."""
    from breastcad.core.errors import InputError
    from breastcad.core.seeding import generator
    from breastcad.train.finished import images_of_test, trained_folds
    from breastcad.train.images import named_images

    folds = [one for one in trained_folds(run) if wanted in (None, one[1])]
    if not folds:
        raise InputError(f"the run has no trained fold {wanted}; its trained folds: {_words(one[1] for one in trained_folds(run))}")
    jobs = []
    for one in folds:
        groups = images_of_test(run, one)
        named = [(image, groups[image[1].set, image[1].image_id]) for image in named_images(read, set(groups))]
        kept = sorted(generator(seed, "images", *one).permutation(len(named))[:most].tolist())
        jobs.append((one, [named[k] for k in kept]))
    return jobs


def _words(numbers: Any) -> str:
    return ", ".join(map(str, sorted(set(numbers))))


def _sized(run: Path, settings: ClassifierSettings, size: tuple[int, int] | None) -> Sized:
    """Return what says at which size an image of a set and a shape is fed."""
    from breastcad.core.errors import InputError
    from breastcad.explain.films import film_size
    from breastcad.train.finished import seen_scales

    scales = {} if size else seen_scales(run, settings)
    for name, (down, across) in scales.items():
        say(f"{name}: fed at {down:.3g} x {across:.3g} pixels a source pixel (down x across), as windows were seen in training")

    def sized(name: str, shape: tuple[int, int]) -> tuple[int, int]:
        if scales and name not in scales:
            raise InputError(f"the run has no window of '{name}', so that its scale is not known; give --rows and --cols")
        return film_size(shape, scales[name]) if scales else size or (settings.rows, settings.cols)

    return sized


def _explained(
    way: Way, jobs: Sequence[tuple[tuple[int, int], list[tuple[Named, str]]]], asked: Asked, folder: Path, colours: str
) -> Found:  # fmt: skip
    """Look at every image of every fold; what cannot be read or looked at is noted and passed over."""
    from breastcad.commands.progress import bar
    from breastcad.core.errors import InputError, ReadError
    from breastcad.explain.study import explain_image, fold_looker

    found, total = Found(), sum(len(own) for _, own in jobs)
    with bar("looking at images") as update:
        for of_fold, own in jobs:
            fold = fold_looker(way.looker(of_fold), asked)
            for named, group in own:
                update(len(found.films) + len(found.problems), total)
                _, image, findings = named
                try:
                    pixels = _pixels(named)
                    film = way.fed(image, pixels)
                    done = explain_image(fold, film, image, findings, asked, group=group, of_fold=of_fold)
                except InputError as error:
                    why = error.reason if isinstance(error, ReadError) else str(error)
                    found.problems.append(f"{image.set} {image.image_id}: {why}")
                    continue
                _keep(found, done, film, named, pixels, folder, (way.method, way.of, colours))
    return found


def _pixels(named: Named) -> Any:
    from breastcad.read import open_picture

    collection, image, _ = named
    return open_picture(Path(collection.root) / (image.path or ""), None if image.frame is None else int(image.frame)).pixels


def _keep(
    found: Found, done: Explained, film: Film, named: Named, pixels: Any, folder: Path, shown: tuple[str, str, str]
) -> None:  # fmt: skip
    """Write an image's pictures, and take in its rows; ``shown`` are method, class and colours."""
    from breastcad.core.files import write_bytes
    from breastcad.datasets.preprocessed import safe_name
    from breastcad.report.overlay import encode, heat_map_png
    from breastcad.report.place_overlay import place_overlay

    (_, image, findings), placed, values = named, done.placed, done.look.values
    name = f"{len(found.films) + 1:04d}-{safe_name(image.image_id)}"
    low, high = float(values.min()), float(values.max())
    high = high if high > low else low + 1  # a map that is the same everywhere
    words = f"{shown[0]} of {shown[1]}, share of its peak"
    boxes = [one.box for one in done.look.boxes]
    write_bytes(folder / "heat-maps" / f"{name}.png", heat_map_png(values, (low, high)))
    picture = place_overlay(pixels, film.over_picture(values, pixels.shape), boxes, findings, of=words, colours=shown[2])
    write_bytes(folder / "overlays" / f"{name}.jpg", encode(".jpg", picture))
    key = placed.set, placed.id, *placed.fold
    sizes = film.array.shape[0], film.array.shape[1]
    numbers = round(done.look.probability, 6), done.look.base + low, done.look.base + high
    row0, col0, row1, col1 = (round(edge, 2) for edge in film.box())
    files = f"heat-maps/{name}.png", f"overlays/{name}.jpg"
    found.films.append(FilmRow(*key, placed.label, *sizes, *numbers, row0, col0, row1, col1, *files))
    found.boxes += [
        _box_row(way, key, box, mark.lesion_id) for way, own in done.boxes.items() for box, mark in zip(own, placed.marks[way], strict=True)
    ]
    found.placed.append(placed)
    found.removals.append(done.removals)


def _box_row(way: str, key: tuple[str, str, int, int], box: ScoredBox, lesion: str | None) -> BoxRow:
    row0, col0, row1, col1 = (round(edge, 2) for edge in box.box)
    return BoxRow(way, *key, round(box.row, 2), round(box.col, 2), round(box.score, 6), row0, col0, row1, col1, lesion)


def _write(run: Path, folder: Path, found: Found, read: list[Collection], asked: Asked, method: str, of: str) -> None:
    """Write tables, figures and pictures of all images, and print them."""
    from breastcad.core.errors import AnswerNo
    from breastcad.evaluate.boxes import hit_rule
    from breastcad.evaluate.figures import write_metrics
    from breastcad.evaluate.place_figures import place_figures, sanity_figures
    from breastcad.explain.rivals import RIVALS

    if not found.placed:
        raise AnswerNo(f"no image could be looked at: {'; '.join(found.problems[:3]) or 'the folds tested on none'}")
    ways, rule = (method, *RIVALS), hit_rule(asked.iou)
    remarks = _remarks(run, read)
    title = "; ".join([f"{method} of {of}, {run.resolve().name}", *remarks])
    _tables(folder, found, read)
    figures = place_figures(found.placed, ways, rule=rule, of=of)
    write_metrics(folder / "metrics.json", title, figures, remarks=remarks, left_out=found.problems, hit_rule=rule)
    checks = sanity_figures(found.placed, ways)
    write_metrics(folder / "sanity.json", title, checks, remarks=remarks)
    _pictures(folder, found, ways, figures, checks, title)
    _print(found, figures + checks, ways, remarks, rule, of)
    say(f"Written: {folder}")


def _remarks(run: Path, read: list[Collection]) -> list[str]:
    from breastcad.commands.evaluate import remarks_of
    from breastcad.recipes.reproduction import is_made_up

    return list(dict.fromkeys((["MADE-UP DATA, no result"] if any(is_made_up(one) for one in read) else []) + remarks_of(run)))


def _tables(folder: Path, found: Found, read: list[Collection]) -> None:
    from breastcad.core.files import write_lesions, write_marks, write_table
    from breastcad.core.records import LesionRow

    pathology = {(one.set, one.finding_id): one.pathology for collection in read for one in collection.findings}
    write_table(folder / "images.csv", FilmRow, found.films)
    write_table(folder / "boxes.csv", BoxRow, found.boxes)
    write_marks(folder / "marks.csv", [mark for one in found.placed for mark in next(iter(one.marks.values()))])
    lesions = [
        LesionRow(one.set, one.id, *one.fold, name, one.group, pathology[one.set, name]) for one in found.placed for name in one.lesions
    ]
    write_lesions(folder / "lesions.csv", lesions)


def _pictures(folder: Path, found: Found, ways: Sequence[str], figures: list[Figure], checks: list[Figure], title: str) -> None:
    from breastcad.evaluate.place_pictures import froc_picture, sanity_picture
    from breastcad.explain.study import mean_curves

    said = f"{title}\n{len(found.placed)} images of the test part"
    if any(one.lesions for one in found.placed):
        froc_picture(folder / "froc.png", said, found.placed, ways, figures)
    if checks:
        sanity_picture(folder / "sanity.png", said, ways, figures + checks, mean_curves(found.removals))


def _print(found: Found, figures: list[Figure], ways: Sequence[str], remarks: list[str], rule: str, of: str) -> None:
    from breastcad.core.records import NOTICE
    from breastcad.evaluate.figures import title_of
    from breastcad.evaluate.place_figures import place_table

    typer.echo("\n".join(title_of(remarks)) + "\n" + place_table(figures, ways) if remarks else place_table(figures, ways), nl=False)
    normal = sum(one.label == "normal" for one in found.placed)
    say(f"Map: {ways[0]} of {of}. Hit rule: {rule}.")
    say(f"False marks are a share of all {len(found.placed)} images, {normal} of them normal.")
    for problem in found.problems:
        say(f"left out: {problem}")
    say(NOTICE)
