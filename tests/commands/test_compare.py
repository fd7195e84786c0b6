"""``breastcad compare``: what it refuses; what it prints and draws is in tests/recipes/test_compared.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Run = Callable[..., tuple[int, str, str]]


def test_what_is_no_run_of_a_recipe_and_a_run_named_twice_are_refused(run: Run, tmp_path: Path) -> None:
    code, _, told = run("compare", tmp_path)
    assert code == 2
    assert "is no run of a recipe (it has no recipe.json)" in told
    code, _, told = run("compare", tmp_path, tmp_path / ".." / tmp_path.name)
    assert code == 2
    assert "a run is named twice; name each once" in told
