"""Made-up sets for the tests of this folder, each written once."""

from __future__ import annotations

from pathlib import Path

import pytest

from breastcad.phantom.record import WrittenPicture
from breastcad.phantom.sets import WRITERS, write_set

COUNTS = {
    name: {"dicom": 1, "dicom-us": 3, "oasbud": 3, "bcdr": 3}.get(name, 2 if "of four" in writer.counted else 6)
    for name, writer in WRITERS.items()
}


@pytest.fixture(scope="session")
def made_sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, list[WrittenPicture]]]:
    """Return every set with quirks, `COUNTS` pictures, seed 2: its folder and what the writer says that it wrote."""
    folders = {name: tmp_path_factory.mktemp(name) for name in COUNTS}
    return {name: (folder, write_set(name, folder, n=COUNTS[name], seed=2)) for name, folder in folders.items()}
