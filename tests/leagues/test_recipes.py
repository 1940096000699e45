"""Recipes that come with marl_ppo."""

from pathlib import Path

import pytest

from marl_ppo.leagues.league import League
from marl_ppo.leagues.recipe import load_recipe
from marl_ppo.workspace import bundled

RECIPES = sorted((bundled("leagues") or Path()).glob("*.toml"))


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_every_recipe_that_comes_with_marl_ppo_makes_a_league(file: Path, tmp_path: Path) -> None:
    """Its world is here, its settings are known, and its learners can meet somebody."""
    recipe = load_recipe(file)
    with League.create(recipe, tmp_path / "league") as league:
        members = {row.name for row in league.store.players() if row.kind != "learner"}
        league._match(1)  # raises where a learner can meet nobody

        assert members >= {f"{learner.name}-0" for learner in recipe.learners}
        assert members >= set(recipe.anchors)


def test_there_are_recipes() -> None:
    assert {"kuhn", "soccer", "spread_partners"} <= {file.stem for file in RECIPES}
