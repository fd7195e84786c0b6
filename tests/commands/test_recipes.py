"""``breastcad recipes``."""

from __future__ import annotations

from collections.abc import Callable

from breastcad.recipes.recipe import recipe, recipes

Run = Callable[..., tuple[int, str, str]]


def test_the_list_names_every_recipe_and_network_with_its_cost(run: Run) -> None:
    code, said, _ = run("recipes")
    assert code == 0
    lines = said.splitlines()
    assert lines[0].split("  ")[0] == "recipe"
    assert len(lines) == 1 + sum(len(one.networks) for one in recipes().values())
    row = next(line for line in lines if line.startswith("c-vgg") and "vgg19" in line)
    assert "accuracy 0.9253" in row
    assert row.endswith(" hours")


def test_one_is_shown_whole(run: Run) -> None:
    code, said, _ = run("recipes", "b")
    assert code == 0
    assert said.startswith("b: ROIs of 224 x 224")
    assert all(remark in said for remark in recipe("b").remarks)


def test_an_unknown_one_is_refused(run: Run) -> None:
    code, _, told = run("recipes", "e7-us")
    assert code == 2
    assert "unknown recipe 'e7-us'; near keys: " in told
