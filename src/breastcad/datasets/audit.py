"""What fools a model's maker, found in tables: patients on both sides of a split, one view listed twice, findings that contradict.

Pixels are looked at in `duplicates` (scenes) and `shortcuts` (facts that tell the label). Everything here is a function of rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection as Container
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from breastcad.core.records import FindingRow, ImageRow, SplitRow

LEAK, WARNING, NOTE, FINE = "leak", "warning", "note", "fine"
VERDICTS = (LEAK, WARNING, NOTE, FINE)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    ``verdict`` is one of `VERDICTS`; ``count`` things of ``of`` looked at have it (None where there is no such number); ``items``
    name them, all of them, as a person finds them again.
    """

    name: str
    verdict: str
    said: str
    count: int
    of: int | None = None
    items: tuple[str, ...] = field(default=())


def published_parts(images: Iterable[ImageRow]) -> list[Check]:
    """Look for patients and views that the parts which the sets' authors published have on both sides, set by set.

    Images count whether they are present or not: tables alone can be audited.

    Returns
    -------
    list of Check
        Of each set with a published test part: patients on both sides; test images of theirs; those of them whose very view (patient,
        side and view) is in training too.
    """
    by_set: dict[str, list[ImageRow]] = defaultdict(list)
    for image in images:
        if image.part:
            by_set[image.set].append(image)
    checks = []
    for name, found in sorted(by_set.items()):
        checks += _parted(name, {image.image_id: str(image.part) for image in found}, found, "the published parts")
    return checks


def split_parts(rows: Iterable[SplitRow], images: Iterable[ImageRow], groups: Mapping[tuple[str, str], str] | None = None) -> list[Check]:
    """Look for patients, views and groups on both sides of a split's folds.

    Parameters
    ----------
    rows : iterable of SplitRow
    images : iterable of ImageRow
    groups : mapping, optional
        Groups found anew, by (set, image_id); by default those that the split names.

    Returns
    -------
    list of Check
        Sums over folds: an image that leaks in two folds counts twice.
    """
    of_key = {(image.set, image.image_id): image for image in images}
    folds: dict[tuple[int, int, int], list[SplitRow]] = defaultdict(list)
    for row in rows:
        folds[row.repeat, row.outer, row.inner].append(row)
    checks: list[Check] = []
    for fold, found in sorted(folds.items()):
        known = [of_key[row.set, row.id] for row in found if (row.set, row.id) in of_key]
        where = f"fold {fold[1]}" if fold[::2] == (0, 0) else f"repeat {fold[0]}, fold {fold[1]}, inner {fold[2]}"
        for name in sorted({row.set for row in found}):
            parts = {row.id: row.part for row in found if row.set == name}
            checks += _parted(name, parts, [image for image in known if image.set == name], where)
        checks += _parted_groups(found, groups, where)
    return checks


def _parted(name: str, part_of: Mapping[str, str], images: Sequence[ImageRow], where: str) -> list[Check]:
    """Look for patients and views in test and in what is not test."""
    tested = [image for image in images if part_of.get(image.image_id) == "test"]
    learned = [image for image in images if part_of.get(image.image_id) in ("train", "validation")]
    if not tested or not learned:
        return []
    women = {image.patient_id for image in tested} - {None}
    both = women & {image.patient_id for image in learned}
    files = [image for image in tested if image.patient_id in both]
    views = {key for image in learned if (key := view_key(image))}
    same = [image.image_id for image in files if view_key(image) in views]
    if not women:
        return [Check("patients on both sides", NOTE, f"{name}, {where}: the set names no patients; look at near-duplicates", 0, None)]
    verdict = LEAK if both else FINE
    return [
        Check(
            "patients on both sides", verdict, f"{name}, {where}: patients of the test part who are in training or validation too",
            len(both), len(women), tuple(sorted(str(patient) for patient in both)),
        ),
        Check(
            "test images of patients on both sides", verdict, f"{name}, {where}: test images of those patients",
            len(files), len(tested), tuple(image.image_id for image in files),
        ),
        Check(
            "test views that are trained on", LEAK if same else FINE,
            f"{name}, {where}: of these, images whose patient, side and view are in training or validation too",
            len(same), len(files), tuple(same),
        ),
    ]  # fmt: skip


def _parted_groups(rows: Sequence[SplitRow], groups: Mapping[tuple[str, str], str] | None, where: str) -> list[Check]:
    """Look for groups of near-duplicates, or of whatever the split keeps together, in two parts."""
    parts: dict[str, set[str]] = defaultdict(set)
    members: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        group = (groups or {}).get((row.set, row.id), row.group)
        parts[group].add(row.part)
        members[group].append(row.id)
    parted = sorted(group for group, found in parts.items() if len(found) > 1)
    named = "as found anew" if groups else "as the split names them"
    items = tuple(f"{group}: {', '.join(members[group][:4])}{' ...' if len(members[group]) > 4 else ''}" for group in parted)
    return [
        Check("groups on both sides", LEAK if parted else FINE, f"{where}: groups ({named}) in two parts", len(parted), len(parts), items)
    ]


def view_key(image: ImageRow) -> tuple[str, ...] | None:
    """Return what one mammogram is known by across tables: set, patient, side, view; None where one of them is not said."""
    key = (image.set, image.patient_id, image.laterality, image.view)
    return None if None in key else tuple(str(part) for part in key)


def repeated_views(images: Iterable[ImageRow]) -> list[Check]:
    """Look for mammograms that are listed twice: same patient, side, view and day, another id."""
    listed: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for image in images:
        key = view_key(image)
        if key is not None and image.modality == "MG":
            listed[*key, image.exam_id or "", image.date or ""].append(image.image_id)
    twice = {key: names for key, names in listed.items() if len(names) > 1}
    if not listed:
        return []
    items = tuple(" = ".join(names) for _, names in sorted(twice.items()))
    said = "mammograms that are listed more than once (same patient, exam, side and view): one image in two tables, or two exposures"
    return [Check("views listed twice", WARNING if twice else FINE, said, len(twice), len(listed), items)]


def mixed_findings(images: Iterable[ImageRow], findings: Iterable[FindingRow]) -> list[Check]:
    """Look for images, and views joined across tables, that hold benign and malignant findings both."""
    kinds: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in findings:
        kinds[row.set, row.image_id].add(row.pathology)
    listed = [image for image in images if (image.set, image.image_id) in kinds]
    views: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for image in listed:
        views[view_key(image) or (image.set, image.image_id)] |= kinds[image.set, image.image_id]
    both = {"benign", "malignant"}
    mixed = [image.image_id for image in listed if both <= kinds[image.set, image.image_id]]
    joined = [" ".join(key) for key, found in sorted(views.items()) if both <= found]
    by_image = "images with a benign and a malignant finding: the label is the worst"
    by_view = "the same, of views joined over tables"
    return [
        Check("images with both pathologies", NOTE if mixed else FINE, by_image, len(mixed), len(listed), tuple(mixed)),
        Check("views with both pathologies", NOTE if joined else FINE, by_view, len(joined), len(views), tuple(joined)),
    ]


def gaps(images: Sequence[ImageRow], findings: Iterable[FindingRow]) -> list[Check]:
    """Look for what is missing: files, labels, patients, places of findings on images that are there."""
    present = [image for image in images if image.present]
    there = {(image.set, image.image_id) for image in present}
    placed = [row for row in findings if (row.set, row.image_id) in there]
    return [
        _gap("images that are missing", [i.image_id for i in images if not i.present], len(images), NOTE),
        _gap("images without a label", [i.image_id for i in present if i.label == "unknown"], len(present), WARNING),
        _gap("images without a patient", [i.image_id for i in present if i.patient_id is None], len(present), WARNING),
        _gap("images whose proportions are lost", [i.image_id for i in present if i.aspect == "lost"], len(present), NOTE),
        _gap("findings without a place", [row.finding_id for row in placed if row.geometry == "none"], len(placed), NOTE),
    ]


def _gap(name: str, items: Container[str], of: int, verdict: str) -> Check:
    return Check(name, verdict if items else FINE, name, len(items), of, tuple(items))


def worst(checks: Iterable[Check]) -> str:
    """Return the worst verdict of several.

    Examples
    --------
    >>> worst([Check("a", FINE, "", 0), Check("b", NOTE, "", 1)]), worst([])
    ('note', 'fine')
    """
    return min((check.verdict for check in checks), key=VERDICTS.index, default=FINE)
