"""The benchmark of the loader: its times are told from a clock that is set by hand, and it watches the loop's own batches."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

torch = pytest.importorskip("torch")

from breastcad.train.lesion_settings import LesionSettings  # noqa: E402

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "training_loader.py"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the benchmark as a module."""
    spec = importlib.util.spec_from_file_location("training_loader", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_waiting_is_told_from_working(benchmark: ModuleType) -> None:
    """Each batch takes 1 s to come and 4 s to work on: of four batches two count, which wait 2 of 10 s."""
    clock = [0.0]

    def slow_batches() -> Iterator[int]:
        for number in range(4):
            clock[0] += 1
            yield number

    times = benchmark.Times()
    seen = []
    for batch in benchmark.timed(slow_batches(), times, lambda: clock[0]):
        seen.append(batch)
        clock[0] += 4
    assert seen == [0, 1, 2, 3]
    assert (times.waits, times.steps) == ([1.0] * 4, [4.0] * 4)
    assert times.share == pytest.approx(0.2)


def test_the_loops_own_batches_are_watched(benchmark: ModuleType, settings: LesionSettings) -> None:
    times = benchmark.measure(replace(settings, epochs=1), torch.device("cpu"), steps=3)
    assert len(times.waits) == len(times.steps) == 3
    assert min(times.waits) > 0
    assert 0 < times.share < 1


def test_made_up_samples_are_of_all_labels(benchmark: ModuleType, settings: LesionSettings) -> None:
    samples = [benchmark.made_up(number, settings) for number in range(3)]
    assert [sample.row.label for sample in samples] == ["normal", "benign", "malignant"]
    assert [sample.lesions.any() for sample in samples] == [False, True, True]
