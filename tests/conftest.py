"""Fixtures for all tests: where real data lies, if it does, and a fixed profile for hypothesis."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=40)
settings.load_profile("fixed")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real data (BREASTCAD_DATA, else shared/data beside the repository); skip without it."""
    here = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("BREASTCAD_DATA", here))
    if not folder.is_dir():
        pytest.skip("no real data here; set BREASTCAD_DATA to its folder")
    return folder
