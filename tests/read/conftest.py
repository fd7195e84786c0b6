"""Fixtures for tests of readers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from breastcad.phantom.sets import write_set


@pytest.fixture
def put(tmp_path: Path) -> Any:
    """Return a function that writes bytes to a file and gives its path."""

    def write(content: bytes, name: str = "a.dcm") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a function that gives the folder of a made-up set with quirks, written once; what changes it works on a copy."""
    folders: dict[tuple[str, int], Path] = {}

    def folder(name: str, n: int) -> Path:
        if (name, n) not in folders:
            folders[name, n] = tmp_path_factory.mktemp(name)
            write_set(name, folders[name, n], n=n, seed=4)
        return folders[name, n]

    return folder


@pytest.fixture
def own(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes images a, b (8 x 10) and a table, and gives the folder."""

    def put(table: str, findings: str = "", name: str = "images.csv") -> Path:
        for image in ("a", "b"):
            Image.fromarray(np.zeros((8, 10), np.uint8)).save(tmp_path / f"{image}.png")
        (tmp_path / name).write_text(table, encoding="utf-8")
        if findings:
            (tmp_path / "findings.csv").write_text(findings, encoding="utf-8")
        return tmp_path

    return put
