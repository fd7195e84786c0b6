"""Windows in two parts are found, by hand-made tables; what only touches does not overlap."""

from __future__ import annotations

from breastcad.core.records import PatchRow, SplitRow
from breastcad.datasets.audit_windows import window_parts

LEFT, RIGHT, NEXT = (0.0, 0.0), (0.0, 10.0), (0.0, 5.0)


def window(image: str, corner: tuple[float, float], group: str | None = None) -> PatchRow:
    return PatchRow(f"s/{image}/{corner[1]:.0f}", "image", "s", image, None, *corner, height=10, width=10, group=group)


def found(windows: list[PatchRow], parts: dict[str, str], **known: object) -> dict[str, tuple[str, tuple[str, ...], int | None]]:
    rows = [SplitRow("s", name, name, part=part) for name, part in parts.items()]
    return {check.name: (check.verdict, check.items, check.of) for check in window_parts(windows, rows, **known)}  # type: ignore[arg-type]


def test_windows_dealt_out_one_by_one_leak_by_image_and_where_they_overlap() -> None:
    windows = [window("a", LEFT), window("a", NEXT), window("a", RIGHT), window("b", LEFT)]
    said = found(windows, {"s/a/0": "train", "s/a/5": "train", "s/a/10": "test", "s/b/0": "test"})
    assert said["windows of one image in two parts"] == ("leak", ("s a",), 2)
    assert said["overlapping windows in two parts"] == ("leak", ("s/a/5", "s/a/10"), 4)
    assert said["windows of one group in two parts"] == ("leak", ("s/a",), 2)


def test_windows_that_touch_do_not_overlap() -> None:
    said = found([window("a", LEFT), window("a", RIGHT)], {"s/a/0": "train", "s/a/10": "test"})
    assert said["windows of one image in two parts"][0] == "leak"
    assert said["overlapping windows in two parts"] == ("fine", (), 2)


def test_windows_that_follow_their_images_leak_by_group_and_by_copy_only() -> None:
    windows = [window("a", LEFT, "g"), window("b", LEFT, "g"), window("c", LEFT, "h")]
    parts = {"a": "train", "b": "test", "c": "test"}
    said = found(windows, parts, same=[(("s", "a"), ("s", "c")), (("s", "b"), ("s", "c")), (("s", "a"), ("s", "not cut"))])
    assert said["windows of one image in two parts"][0] == said["overlapping windows in two parts"][0] == "fine"
    assert said["windows of one group in two parts"] == ("leak", ("g",), 2)
    assert said["windows of copies in two parts"] == ("leak", ("s a = s c",), 2)
    anew = found(windows, parts, groups={("s", "a"): "x", ("s", "b"): "y", ("s", "c"): "y"})
    assert anew["windows of one group in two parts"] == ("fine", (), 2)


def test_windows_without_a_part_count_for_nothing_and_folds_are_apart() -> None:
    windows = [window("a", LEFT), window("a", NEXT)]
    assert found(windows, {"s/a/0": "train"})["windows of one image in two parts"] == ("fine", (), 1)
    rows = [SplitRow("s", f"s/a/{place}", "g", outer=outer, part="test") for outer in (0, 1) for place in (0, 5)]
    rows[3].part = "train"
    verdicts = [(check.said.partition(":")[0], check.count) for check in window_parts(windows, rows) if "overlapping" in check.name]
    assert verdicts == [("fold 0", 0), ("fold 1", 2)]


def test_many_windows_are_looked_at_in_blocks() -> None:
    windows = [window("a", (0.0, float(place))) for place in range(1500)]
    parts = {one.sample_id: "test" if place == 1499 else "train" for place, one in enumerate(windows)}
    assert found(windows, parts)["overlapping windows in two parts"][1] == tuple(f"s/a/{place}" for place in range(1490, 1500))
