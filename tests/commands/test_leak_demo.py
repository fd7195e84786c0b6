"""``breastcad leak-demo``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from breastcad.commands import leak_demo as command
from breastcad.core.files import write_collection
from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.core.seeding import generator
from breastcad.datasets import leak_demo
from breastcad.read.sets import READERS

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leak_demo, "TREES", 15)
    monkeypatch.setattr(leak_demo, "REPEATS", 1)
    monkeypatch.setattr(command, "MADE_UP_FILMS", 30)


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """Return a collection of 24 textures of 12 patients, every second patient's malignant, and of one without a finding."""
    (tmp_path / "pictures").mkdir()
    images, findings = [], []
    for number in range(25):
        noise = cv2.GaussianBlur(generator(number, "leak").random((160, 192)), (0, 0), 4)
        cv2.imwrite(str(tmp_path / "pictures" / f"{number}.png"), (255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8))
        label = ("benign", "malignant")[number // 2 % 2] if number < 24 else "normal"
        images.append(ImageRow("tiny", f"{number}", path=f"{number}.png", patient_id=f"p{number // 2}", modality="MG", label=label))
        if number < 24:
            row = FindingRow("tiny", f"{number}-1", f"{number}", pathology=label, geometry="box", row0=70, col0=80, row1=90, col1=110)
            findings.append(row)
    write_collection(tmp_path / "collection", Collection(str(tmp_path / "pictures"), images, findings, facts={"set": "tiny"}))
    return tmp_path / "collection"


@pytest.mark.usefixtures("few")
def test_a_collection_shows_the_leak(collection: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "pictures" / "3.png").write_bytes(b"")
    code, told, _ = run("leak-demo", str(collection), "--out", str(tmp_path / "out"), "--seed", "2")
    assert code == 0
    text = (tmp_path / "out" / "leak-demo.md").read_text()
    assert text in told
    assert text.startswith("# The leak shown: tiny\n\n23 findings (12 benign, 11 malignant) of 23 images and 12 patient groups")
    assert "Left out: tiny 3: 3.png: is empty (0 bytes)." in text
    facts = json.loads((tmp_path / "out" / "leak-demo.json").read_text())
    assert (facts["format"], facts["made_up"], facts["seed"]) == ("breastcad-leak-demo/1", False, 2)
    assert (facts["findings"], facts["malignant"], facts["groups"]) == (23, 11, 12)
    assert facts["by_copy"]["accuracy"]["value"] > 0.9 > facts["by_group"]["accuracy"]["value"]
    assert facts["by_group"]["leaks"] == []
    assert (tmp_path / "out" / "leak-demo.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("few")
def test_without_a_collection_made_up_films_show_it_and_say_so(tmp_path: Path, run: Run) -> None:
    code, told, _ = run("leak-demo", "--out", str(tmp_path / "out"))
    assert code == 0
    assert told.startswith("# The leak shown: made-up films, benign and malignant by lot\n")
    facts = json.loads((tmp_path / "out" / "leak-demo.json").read_text())
    assert facts["made_up"]
    assert abs(2 * facts["malignant"] - facts["findings"]) <= 1
    assert facts["by_copy"]["auc"]["value"] > 0.95
    assert facts["by_group"]["auc"]["low"] < 0.5 < facts["by_group"]["auc"]["high"]


def test_a_collection_without_findings_is_refused(tmp_path: Path, run: Run) -> None:
    write_collection(tmp_path / "none", Collection(str(tmp_path), [ImageRow("s", "a", path="a.png")]))
    code, _, said = run("leak-demo", str(tmp_path / "none"), "--out", str(tmp_path / "out"))
    assert code == 2
    assert said == (
        "breastcad: a leak is shown on findings that have a place, of 5 patients a class; "
        "this collection has benign ones of 0 and malignant ones of 0\n"
    )
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    assert run("leak-demo", "--out", str(tmp_path / "full"))[0] == 2


@pytest.mark.slow
@pytest.mark.realdata
def test_on_mini_mias_only_the_leak_tells_benign_from_malignant(real_data: Path, tmp_path: Path, run: Run) -> None:
    write_collection(tmp_path / "collection", READERS["mini-mias"].read(real_data / "mini-mias"))
    assert run("leak-demo", str(tmp_path / "collection"), "--out", str(tmp_path / "out"))[0] == 0
    facts = json.loads((tmp_path / "out" / "leak-demo.json").read_text())
    assert facts["by_copy"]["accuracy"]["low"] > 0.97
    assert facts["by_group"]["auc"]["low"] < 0.5 < facts["by_group"]["auc"]["high"]
    assert facts["difference"]["low"] > 0.3
