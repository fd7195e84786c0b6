"""Fixtures for tests of readers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

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
