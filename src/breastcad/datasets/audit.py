"""What fools a model's maker, found in tables: patients on both sides of a split, one view listed twice, findings that contradict.

Pixels are looked at in `duplicates` (scenes) and `shortcuts` (facts that tell the label). Everything here is a function of rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection as Container
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from breastcad.core.records import SEVERITY, Collection, FindingRow, ImageRow, SplitRow

Key = tuple[str, str]
Couple = tuple[Key, Key]
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


def published_parts(images: Iterable[ImageRow], scenes: Sequence[Couple] = ()) -> list[Check]:
    """Look for patients and views that the parts which the sets' authors published have on both sides, set by set.

    Images count whether they are present or not: tables alone can be audited.

    Parameters
    ----------
    images : iterable of ImageRow
    scenes : sequence of pairs of (set, image_id)
        Pairs that show one scene, where pictures were looked at: they may not be in two parts either.

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
        if scenes:
            parts = {(image.set, image.image_id): str(image.part) for image in found}
            checks.append(_parted_pairs("scenes on both sides", parts, scenes, f"{name}, the published parts: pairs of one scene"))
    return checks


def split_parts(
    rows: Iterable[SplitRow],
    images: Iterable[ImageRow],
    groups: Mapping[Key, str] | None = None,
    copies: Sequence[Couple] = (),
) -> list[Check]:
    """Look for patients, views, groups and copies on both sides of a split's folds.

    Parameters
    ----------
    rows : iterable of SplitRow
    images : iterable of ImageRow
    groups : mapping, optional
        Groups found anew, by (set, image_id); by default those that the split names.
    copies : sequence of pairs of (set, image_id)
        Images of which one is a copy of the other, whatever their groups.

    Returns
    -------
    list of Check
        Of each fold; an inner fold is held against what its outer fold tests.
    """
    images = list(images)
    of_key = {(image.set, image.image_id): image for image in images}
    folds: dict[tuple[int, int, int], list[SplitRow]] = defaultdict(list)
    tests: dict[tuple[int, int], dict[tuple[str, str], SplitRow]] = defaultdict(dict)
    for row in rows:
        folds[row.repeat, row.outer, row.inner].append(row)
        if row.part == "test":
            tests[row.repeat, row.outer][row.set, row.id] = row
    checks: list[Check] = []
    for fold, own in sorted(folds.items()):
        found = [row for row in own if row.part != "test"] + list(tests[fold[:2]].values())
        known = [of_key[row.set, row.id] for row in found if (row.set, row.id) in of_key]
        where = fold_name(fold)
        for name in sorted({row.set for row in found}):
            parts = {row.id: row.part for row in found if row.set == name}
            checks += _parted(name, parts, [image for image in known if image.set == name], where)
        checks += [*_parted_groups(found, groups, where), *_parted_families(found, images, where)]
        if groups is not None:
            said = f"{where}: pairs of a copy (turned, cut, mirrored, at another scale) and what it was made from"
            checks.append(_parted_pairs("copies on both sides", {(row.set, row.id): row.part for row in found}, copies, said))
    return checks


def not_here(rows: Iterable[SplitRow], known: Container[Key]) -> Check:
    """Look for rows of a split whose image, or window, is not among those that are looked at, by (set, id)."""
    listed = sorted({(row.set, row.id) for row in rows})
    names = tuple(f"{name} {found}" for name, found in listed if (name, found) not in known)
    said = "images of the split that are not in these collections: what they share with others is not seen"
    return Check("images not here", WARNING if names else FINE, said, len(names), len(listed), names)


def fold_name(fold: tuple[int, int, int]) -> str:
    """Return what (repeat, outer, inner) is called.

    Examples
    --------
    >>> fold_name((0, 2, 0)), fold_name((1, 2, 0))
    ('fold 2', 'repeat 1, fold 2, inner 0')
    """
    repeat, outer, inner = fold
    return f"fold {outer}" if (repeat, inner) == (0, 0) else f"repeat {repeat}, fold {outer}, inner {inner}"


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


def _parted_groups(rows: Sequence[SplitRow], groups: Mapping[Key, str] | None, where: str) -> list[Check]:
    """Look for groups of near-duplicates, or of whatever the split keeps together, in two parts."""
    parts: dict[str, set[str]] = defaultdict(set)
    members: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        group = (groups or {}).get((row.set, row.id), row.group)
        parts[group].add(row.part)
        members[group].append(row.id)
    parted = sorted(group for group, found in parts.items() if len(found) > 1)
    anew = sum((row.set, row.id) in (groups or {}) for row in rows)
    named = "as found anew" if anew == len(rows) else "as the split names them" if not anew else "as found anew, or as the split names them"
    items = tuple(f"{group}: {', '.join(members[group][:4])}{' ...' if len(members[group]) > 4 else ''}" for group in parted)
    return [
        Check("groups on both sides", LEAK if parted else FINE, f"{where}: groups ({named}) in two parts", len(parted), len(parts), items)
    ]


def _parted_families(rows: Sequence[SplitRow], images: Sequence[ImageRow], where: str) -> list[Check]:
    """Look for images that were made from another (`parent_image_id`) and lie in another part than it, or than its other copies."""
    part_of = {(row.set, row.id): row.part for row in rows}
    families: dict[Key, list[Key]] = defaultdict(list)
    for image in images:
        if image.parent_image_id is not None and (image.set, image.image_id) in part_of:
            families[image.set, image.parent_image_id].append((image.set, image.image_id))
    couples = [(parent if parent in part_of else made[0], one) for parent, made in families.items() for one in made]
    said = f"{where}: images that were made from another (augmented), and that one or what else was made from it"
    return [_parted_pairs("augmented copies on both sides", part_of, couples, said)] if families else []


def _parted_pairs(name: str, part_of: Mapping[Key, str], pairs: Sequence[Couple], said: str) -> Check:
    """Look for pairs of images in two parts."""
    known = [(one, other) for one, other in pairs if one in part_of and other in part_of]
    items = tuple(
        f"{' '.join(one)} ({part_of[one]}) = {' '.join(other)} ({part_of[other]})" for one, other in known if part_of[one] != part_of[other]
    )
    return Check(name, LEAK if items else FINE, f"{said}, in two parts", len(items), len(known), items)


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


def contradictions(images: Sequence[ImageRow], findings: Sequence[FindingRow]) -> list[Check]:
    """Look for rows that contradict each other: a label and its findings, a lesion on two sides, a place outside the image.

    Findings of unknown pathology are counted too.
    """
    of_key = {(image.set, image.image_id): image for image in images}
    known = [(row, of_key[row.set, row.image_id]) for row in findings if (row.set, row.image_id) in of_key]
    sides: dict[Key, set[str]] = defaultdict(set)
    for row, image in known:
        if row.lesion_id and image.laterality:
            sides[row.set, row.lesion_id].add(image.laterality)
    worse = [row.finding_id for row, image in known if image.label != "unknown" and SEVERITY[row.pathology] > SEVERITY[image.label]]
    normal = [row.finding_id for row, image in known if image.label == "normal"]
    unknown = [row.finding_id for row, _ in known if row.pathology == "unknown"]
    outside = [row.finding_id for row, image in known if _is_outside(row, image)]
    both = [" ".join(key) for key, found in sides.items() if len(found) > 1]
    return [
        _gap("findings that are worse than their image's label", worse, len(known), WARNING),
        _gap("findings on images that are labelled normal", normal, len(known), WARNING),
        _gap("findings without a pathology", unknown, len(known), NOTE),
        _gap("findings whose middle lies outside their image", outside, len(known), WARNING),
        _gap("lesions on two sides", both, len(sides), WARNING),
    ]


def _is_outside(row: FindingRow, image: ImageRow) -> bool:
    """Say if the middle of a finding's box lies outside its image, where both are known."""
    box = row.row0, row.col0, row.row1, row.col1
    if None in box or not image.rows or not image.cols:
        return False
    row0, col0, row1, col1 = (float(side) for side in box if side is not None)
    return not (0 <= row0 + row1 <= 2 * image.rows and 0 <= col0 + col1 <= 2 * image.cols)


def remarks_of(collections: Iterable[Collection]) -> list[Check]:
    """Return what was said when the sets were imported: masks that were empty or of another size, tables that contradict, ..."""
    said = [f"{one.facts.get('set', '?')}: {problem}" for one in collections for problem in one.facts.get("problems", [])]
    return [_gap("remarks of the import", said, len(said), NOTE)]


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
