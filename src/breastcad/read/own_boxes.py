"""Which columns of a user's table are a box: those of one spelling that say a corner and its opposite, or a corner and a size."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from breastcad.read.own_rows import plain
from breastcad.read.tables import number_of

BOX = ("row0", "col0", "row1", "col1", "height", "width")
"""Our columns of a box; it is whole with a corner, and of each direction the end or the size."""
_ENDS = {
    ("row0", "col0"): ("row1", "col1"),
    ("ymin", "xmin"): ("ymax", "xmax"),
    ("y_min", "x_min"): ("y_max", "x_max"),
    ("top", "left"): ("bottom", "right"),
    ("y0", "x0"): ("y1", "x1"),
    ("y1", "x1"): ("y2", "x2"),
}
_PREFIXES = ("", "bbox_", "box_")
_SIDES = (("h", "w"), ("height", "width"))
_IN_ONE = {"bbox", "box", "bounding_box"}
_CENTRES = {"x_center", "y_center", "center_x", "center_y", "x_centre", "y_centre", "centre_x", "centre_y", "cx", "cy"}


def _spellings() -> Iterator[dict[str, str]]:
    """Give the spellings of a box, our column to theirs, those that leave no doubt first."""
    for prefix in _PREFIXES:
        for start, end in _ENDS.items():
            yield dict(zip(BOX[:4], (prefix + name for name in (*start, *end)), strict=True))
    for prefix in _PREFIXES:
        for start in (*_ENDS, ("y", "x")):
            for before in dict.fromkeys((prefix, *_PREFIXES[1:])):
                for side in _SIDES:
                    names = *(prefix + name for name in start), *(before + name for name in side)
                    yield dict(zip((*BOX[:2], *BOX[4:]), names, strict=True))


_SPELLINGS = tuple(_spellings())
_ALIKE = {name for spelling in _SPELLINGS for name in spelling.values()} - {"height", "width"} | _IN_ONE | _CENTRES


def with_box(
    rows: Sequence[Mapping[str, str]], columns: Mapping[str, str], asked: Mapping[str, str], others: Collection[str]
) -> tuple[dict[str, str], set[str], str | None]:
    """Add the columns of a box to a table's columns of findings, or say why those that look like one are none.

    Parameters
    ----------
    rows : sequence of mapping
        The table.
    columns : mapping
        Our columns of findings to the table's, so far (`own_rows.columns_of`).
    asked : mapping
        What the map says of findings: a box that it names whole is the box.
    others : collection of str
        Columns of the table that the map takes for something else.

    Returns
    -------
    columns : dict
        As given, with a whole box or with none.
    box : set of str
        The table's columns that are the box, or look like one: they are nothing else, such as the image's size.
    why : str or None
        Which columns look like a box and are not read, and what to do.
    """
    named = {name: columns[name] for name in BOX if name in columns and name in asked}
    if _is_whole(named):
        return dict(columns), set(named.values()), None
    taken = {theirs.lower() for theirs in (*others, *asked.values())}
    free = {plain(name): name for name in reversed(list(rows[0])) if name.lower() not in taken}
    alike = [name for name in rows[0] if free.get(plain(name)) == name and plain(name) in _ALIKE] + list(named.values())
    box = {name: columns[name] for name in BOX if name in columns}
    box = box if _is_whole(box) else _spelt(free, named, alike)
    rest = {name: theirs for name, theirs in columns.items() if name not in BOX}
    if box and (named or not _are_shares(rows, box.values())):
        return rest | box, set(box.values()), None
    looks = alike + [free[name] for name in ("height", "width") if name in free] if alike else []
    if not box and len(looks) < 2 and not named and _IN_ONE.isdisjoint(map(plain, looks)):
        return rest, set(), None
    found = [name for name in rows[0] if name in (box.values() or looks)]
    said = "numbers between 0 and 1, as shares of the image are, so no box is read; write pixels"
    if not box:
        said = "not one whole box, so none is read; name row0, col0 and height, width (or row1, col1) under 'findings:' in a file for --map"
    return rest, set(found), f"{', '.join(name[:60] for name in found[:12])}: {said}"


def _is_whole(box: Collection[str]) -> bool:
    return {"row0", "col0"} <= set(box) and ("row1" in box or "height" in box) and ("col1" in box or "width" in box)


def _spelt(free: Mapping[str, str], named: Mapping[str, str], alike: Collection[str]) -> dict[str, str]:
    """Return the columns of the first spelling that is there whole; of a corner and a size only where no other column looks like a box."""
    for spelling in _SPELLINGS:
        box = {ours: named.get(ours) or free.get(theirs, "") for ours, theirs in spelling.items()}
        if all(box.values()) and named.keys() <= box.keys() and ("row1" in box or set(alike) <= set(box.values())):
            return box
    return {}


def _are_shares(rows: Sequence[Mapping[str, str]], names: Collection[str]) -> bool:
    numbers = [number_of(row[name].replace(",", ".")) for row in rows for name in names]
    found = [number for number in numbers if number is not None]
    return any(number % 1 for number in found) and all(0 <= number <= 1 for number in found)
