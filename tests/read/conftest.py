"""A fixture for tests of readers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def put(tmp_path: Path) -> Any:
    """Return a function that writes bytes to a file and gives its path."""

    def write(content: bytes, name: str = "a.dcm") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write
