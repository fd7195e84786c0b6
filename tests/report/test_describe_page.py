"""The page that describes collections, and its sheet of samples: what is shown, what is folded, what a hostile set cannot do."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.core.seeding import generator
from breastcad.datasets.describe import HELD_BACK, Count, Description, describe
from breastcad.datasets.describe_sides import PartedFold
from breastcad.datasets.describe_tags import TagExploration, TagFound
from breastcad.report.describe_page import SHOWN_VALUES, _card, _cards, _sides, describe_page
from breastcad.report.sample_sheet import LONG_SIDE_PX, MOST_FAULTS, SampleSheet, outline_of, sample_sheet


def collection_of(root: Path, images: list[ImageRow], findings: list[FindingRow] | None = None, **facts: object) -> Collection:
    return Collection(str(root), images, findings or [], facts={"set": "s", **facts})


def image(name: str, label: str = "benign", **said: object) -> ImageRow:
    return ImageRow("s", name, path=f"{name}.png", label=label, **said)  # type: ignore[arg-type]


# ---- the page ----


def test_the_page_opens_alone_and_says_what_it_is() -> None:
    facts = {"title": "The Set", "licence": "research only", "cite": "A. Author, 2020", "problems": ["two women have one name"]}
    page = describe_page([describe(collection_of(Path(), [image("a"), image("b", "malignant")], **facts))])
    for words in ("Research use only. Not a diagnosis.", "The Set", "research only", "A. Author, 2020", "two women have one name"):
        assert words in page
    assert page.count("<script") == 1  # which sorts tables: test_sorting
    assert not re.search(r"(?:src|href)=\"(?!#|data:)|url\(|@import|https?://", page)
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    assert "width=device-width" in page


def test_words_of_a_set_are_text_and_no_markup() -> None:
    evil = "<img src=x onerror=alert(1)>"
    rows = [image("a", view=evil, manufacturer=f'"{evil}'), image("b", view="CC", extra={evil: "1"})]
    findings = [FindingRow("s", "1", "a", shape=evil), FindingRow("s", "2", "b", shape="OVAL")]
    tags = TagExploration(
        2, 2, 2, {"benign": 2}, [TagFound("KVP", 2, 2, None, None)], [Count("s", "KVP", evil, "benign", 2)], unread=[evil]
    )
    one = describe(collection_of(Path(), rows, findings, title=evil, licence=evil, cite=evil, problems=[evil], layout=evil), evil)
    page = describe_page([one], {evil: tags}, {evil: SampleSheet(unread=[evil])})
    assert evil not in page
    assert page.count("&lt;img src=x") > 8


def test_a_long_list_of_values_is_folded_and_nothing_is_lost() -> None:
    counts = [Count("s", "view", f"v{n}", "benign", 100 - n) for n in range(SHOWN_VALUES + 3)] + [Count("s", "view", "", "normal", 500)]
    (card,) = _cards(counts)
    assert [bar.value for bar in card.bars] == [*(f"v{n}" for n in range(SHOWN_VALUES)), ""]
    assert (card.other_values, card.other_n, card.longest) == (3, 88 + 87 + 86, 500)
    many = _cards([Count("s", "size, rows x columns", str(n), "benign", 1) for n in range(100)])[0]
    assert (len(many.bars), many.other_values, many.other_n) == (5, 95, 95)


def test_values_that_have_an_order_keep_it_and_others_go_by_number() -> None:
    ordered = [Count("s", "BI-RADS", value, "benign", n) for value, n in (("10", 1), ("4b", 9), ("4a", 2), ("0", 5))]
    assert [bar.value for bar in _cards(ordered)[0].bars] == ["0", "4a", "4b", "10"]
    by_number = [Count("s", "view", value, "benign", n) for value, n in (("CC", 1), ("MLO", 9), ("LM", 2))]
    assert [bar.value for bar in _cards(by_number)[0].bars] == ["MLO", "LM", "CC"]
    assert _card("view", _cards(by_number)[0].bars).longest == 9


def test_what_is_the_same_for_all_takes_one_line() -> None:
    page = describe_page([describe(collection_of(Path(), [image("a", view="CC"), image("b", "malignant", view="CC")]))])
    assert re.search(r"The same for all</dt><dd>.*view CC", page)
    assert "<h4>view</h4>" not in page


def test_the_share_of_malignant_is_of_those_with_a_label() -> None:
    counts = [Count("s", "view", "CC", label, n) for label, n in (("malignant", 1), ("benign", 3), ("unknown", 6))]
    (bar,) = _cards(counts)[0].bars
    assert (bar.n, bar.malignant) == (10, 0.25)


def test_a_tag_that_stands_out_comes_with_its_values() -> None:
    counts = [Count("s", "Grid", "NONE", "malignant", 3), Count("s", "Grid", "NONE", "benign", 1), Count("s", "Grid", "", "normal", 4)]
    found = TagExploration(9, 9, 8, {"malignant": 3, "benign": 1, "normal": 4}, [TagFound("Grid", 4, 1, 0.8, 0.5)], counts, others=7)
    page = describe_page([describe(collection_of(Path(), [image("a")]))], {"s": found})
    assert "<b>Grid</b>" in page
    assert "100 % of malignant, 20 % of the others" in page
    assert "0 % of malignant, 80 % of the others" in page
    assert "1 of the files that were opened is not DICOM" in page
    assert "7 further elements" in page


def test_what_is_held_back_is_said_where_the_tag_is() -> None:
    counts = [Count("s", "Grid", HELD_BACK, "malignant", 3), Count("s", "Grid", "NONE", "benign", 4)]
    found = TagExploration(7, 7, 7, {"malignant": 3, "benign": 4}, [TagFound("Grid", 7, 4, 0.8, 0.9, held_back=3)], counts)
    page = describe_page([describe(collection_of(Path(), [image("a")]))], {"s": found})
    assert "4 values, 3 held back" in page
    assert "fewer than 3 patients" in page


# ---- side by side ----


def _described(name: str, views: str, **said: object) -> Description:
    rows = [image(f"{name}{n}", view=view, **said) for n, view in enumerate(views.split())]
    return describe(collection_of(Path(), rows), name)


def test_collections_stand_side_by_side_with_what_parts_them() -> None:
    one, other = _described("one", "CC CC CC MLO", density="B"), _described("other", "CC MLO")
    sides = _sides([one, other])
    (view,) = (side for side in sides.cards if side.card.title == "view")
    assert [(value, [cell and cell.percent for cell in cells], apart) for value, cells, apart in view.lines] == [
        ("CC", [75, 50], 25),
        ("MLO", [25, 50], 25),
    ]
    assert ("density", "one") in sides.alone
    page = describe_page([one, other])
    assert page.count("Side by side</h2>") == 1
    assert "▲&nbsp;25.0" in page
    assert "Side by side" not in describe_page([one])


def test_a_fold_is_shown_with_its_parts_and_what_is_in_none() -> None:
    parts = [_described("train", "CC CC"), _described("test", "CC MLO")]
    page = describe_page([_described("s", "CC")], parted=PartedFold(2, parts, ["images in no part: 7"]))
    for words in ("Parts of fold 2", "images in no part: 7", "view CC (100.0 % of train, 50.0 % of test)"):
        assert words in page


# ---- the sheet ----


def _decoded(address: str) -> NDArray[np.uint8]:
    content = base64.b64decode(address.removeprefix("data:image/jpeg;base64,"))
    return np.asarray(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)


def _written(folder: Path, name: str, shape: tuple[int, int] = (800, 400), grey: int = 90) -> None:
    cv2.imwrite(str(folder / f"{name}.png"), np.full(shape, grey, np.uint8))


def test_a_sheet_shows_so_many_of_each_label_of_different_women(tmp_path: Path) -> None:
    rows = [image(f"{label}{n}", label, patient_id=f"p{n // 2}") for label in ("benign", "malignant") for n in range(6)]
    for row in rows:
        _written(tmp_path, row.image_id, (40, 20))
    sheet = sample_sheet(collection_of(tmp_path, rows), 3, generator(0))
    patient = {row.image_id: row.patient_id for row in rows}
    assert list(sheet.by_label) == ["benign", "malignant"]
    assert all(len({patient[shown.name] for shown in found}) == 3 for found in sheet.by_label.values())
    assert sheet == sample_sheet(collection_of(tmp_path, rows), 3, generator(0))
    assert sheet != sample_sheet(collection_of(tmp_path, rows), 3, generator(1))
    assert len(sample_sheet(collection_of(tmp_path, rows), 9, generator(0)).by_label["benign"]) == 6


def test_a_finding_is_outlined_where_it_is(tmp_path: Path) -> None:
    """800 x 400 pixels are shown as 320 x 160, at two fifths: rows 200 to 400 are 80 to 160, columns 100 to 300 are 40 to 120."""
    _written(tmp_path, "a")
    box = FindingRow("s", "1", "a", geometry="box", row0=200, col0=100, row1=400, col1=300)
    sheet = sample_sheet(
        collection_of(tmp_path, [image("a", laterality="L", view="CC", birads="4")], [box, FindingRow("s", "2", "a")]), 1, generator(0)
    )
    (shown,) = sheet.by_label["benign"]
    assert (shown.outlined, shown.findings, shown.words) == (1, 2, "LCC, 2 masses, BI-RADS 4")
    pixels = _decoded(shown.address)
    assert pixels.shape == (LONG_SIDE_PX, LONG_SIDE_PX // 2)
    bright = np.argwhere(pixels > 180)
    assert bright.min(axis=0) == pytest.approx((80, 40), abs=1)
    assert bright.max(axis=0) == pytest.approx((159, 119), abs=1)


@pytest.mark.parametrize(
    ("said", "box"),
    [
        ({"geometry": "ellipse", "row0": 100, "col0": 40, "row1": 200, "col1": 80}, (50, 20, 99, 39)),
        ({"geometry": "polygon", "points": "100,40 100,80 200,80 200,40"}, (50, 20, 99, 39)),
        ({"geometry": "point", "points": "100,40", "row0": 100, "col0": 40, "row1": 100, "col1": 40}, (44, 14, 56, 26)),
        ({"geometry": "polyline", "points": "100,40 200,80"}, (50, 20, 100, 40)),
        ({"geometry": "box", "row0": 100, "col0": 40, "row1": 101, "col1": 41}, (44, 14, 56, 26)),  # smaller than what can be seen: a ring
    ],
)
def test_every_geometry_has_an_outline(tmp_path: Path, said: dict[str, object], box: tuple[int, ...]) -> None:
    """A picture of 400 x 200 pixels, shown at half its size."""
    contours = outline_of(FindingRow("s", "1", "a", **said), (400, 200), (200, 100), tmp_path)  # type: ignore[arg-type]
    points = np.concatenate(contours)[:, 0, ::-1]
    assert (*points.min(axis=0), *points.max(axis=0)) == pytest.approx(box, abs=1)


@pytest.mark.parametrize(
    "said",
    [
        {"geometry": "none"},
        {"geometry": "circle", "row0": 9, "col0": 9, "row1": 9, "col1": 9},
        {"geometry": "polygon"},
        {"geometry": "box"},
    ],
)
def test_a_finding_without_a_place_has_no_outline(tmp_path: Path, said: dict[str, object]) -> None:
    assert outline_of(FindingRow("s", "1", "a", **said), (400, 200), (200, 100), tmp_path) == []  # type: ignore[arg-type]


def test_a_picture_or_mask_that_cannot_be_read_is_told_and_another_is_drawn(tmp_path: Path) -> None:
    rows = [image(str(n)) for n in range(4)]
    _written(tmp_path, "3")
    (tmp_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    finding = FindingRow("s", "f", "3", geometry="mask", mask_path="gone.png", row0=0, col0=0, row1=9, col1=9)
    sheet = sample_sheet(collection_of(tmp_path, rows, [finding]), 1, generator(3))
    (shown,) = sheet.by_label["benign"]
    assert (shown.name, shown.outlined) == ("3", 0)
    assert "gone.png: does not exist" in sheet.unread
    assert any(
        sentence.startswith(("0: ", "1: ", "2: ")) for sentence in sheet.unread
    )  # not by its file, which may be called after a patient
    gone = [image(f"gone{n}") for n in range(500)]
    assert len(sample_sheet(collection_of(tmp_path, gone), 2, generator(0)).unread) == 2 + MOST_FAULTS


def test_a_path_that_leads_out_of_the_set_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    _written(tmp_path, "secret")
    sheet = sample_sheet(collection_of(tmp_path / "set", [image("../secret")]), 1, generator(0))
    assert sheet.by_label == {}
    assert "outside the set's folder" in sheet.unread[0]


def test_a_picture_that_was_squeezed_is_said_to_be(tmp_path: Path) -> None:
    _written(tmp_path, "a")
    sheet = sample_sheet(collection_of(tmp_path, [image("a", view="CC", aspect="lost")]), 1, generator(0))
    assert sheet.by_label["benign"][0].words == "CC, squeezed: its proportions are lost"


def test_a_uid_as_a_name_is_not_shown(tmp_path: Path) -> None:
    _written(tmp_path, "1.2.826.0.1.3680043.9")
    sheet = sample_sheet(collection_of(tmp_path, [image("1.2.826.0.1.3680043.9")]), 1, generator(0))
    assert sheet.by_label["benign"][0].name == "#"
