"""Where the pixels of a cropped, resized or flipped array lie on the image that it was made from, and the way back, exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace

from breastcad.core.geometry import Box, Point


@dataclass(frozen=True, slots=True)
class Placement:
    """How positions in an array become positions on its source: ``origin + step * position``, along rows and along columns.

    Positions are those of `core.geometry`: pixel edges are whole numbers, centres at +0.5. A step is source pixels an array pixel, and
    negative along a side that was flipped. The default is the source itself.

    Examples
    --------
    >>> place = Placement().cropped(100, 40).resized((300, 200), (150, 50)).flipped_columns(50)
    >>> place.to_source((0, 0, 75, 25))
    (100.0, 140.0, 250.0, 240.0)
    >>> place.from_source((100.0, 140.0, 250.0, 240.0))
    (0.0, 0.0, 75.0, 25.0)
    """

    row: float = 0.0
    col: float = 0.0
    row_step: float = 1.0
    col_step: float = 1.0

    def cropped(self, row: float, col: float) -> Placement:
        """Return the placement of what is cut from the array, beginning at (row, col) of it."""
        return replace(self, row=self.row + self.row_step * row, col=self.col + self.col_step * col)

    def resized(self, old: tuple[int, int], new: tuple[int, int]) -> Placement:
        """Return the placement of the array resized from (rows, columns) to (rows, columns)."""
        return replace(self, row_step=self.row_step * old[0] / new[0], col_step=self.col_step * old[1] / new[1])

    def flipped_columns(self, cols: int) -> Placement:
        """Return the placement of the array, of so many columns, with left and right changed over."""
        return replace(self, col=self.col + self.col_step * cols, col_step=-self.col_step)

    def flipped_rows(self, rows: int) -> Placement:
        """Return the placement of the array, of so many rows, with top and bottom changed over."""
        return replace(self, row=self.row + self.row_step * rows, row_step=-self.row_step)

    def point_to_source(self, point: Point) -> Point:
        """Return the place on the source of a (row, column) point of the array."""
        return self.row + self.row_step * point[0], self.col + self.col_step * point[1]

    def point_from_source(self, point: Point) -> Point:
        """Return the place in the array of a (row, column) point of the source."""
        return (point[0] - self.row) / self.row_step + 0.0, (point[1] - self.col) / self.col_step + 0.0  # and no -0.0

    def to_source(self, box: Box) -> Box:
        """Return a box of the array as a box of the source."""
        return _ordered(self.point_to_source(box[:2]), self.point_to_source(box[2:]))

    def from_source(self, box: Box) -> Box:
        """Return a box of the source as a box of the array; it may reach over the array's border."""
        return _ordered(self.point_from_source(box[:2]), self.point_from_source(box[2:]))


def _ordered(first: Point, second: Point) -> Box:
    return min(first[0], second[0]), min(first[1], second[1]), max(first[0], second[0]), max(first[1], second[1])
