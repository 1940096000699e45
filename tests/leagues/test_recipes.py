"""Recipes that come with marl_ppo."""

from pathlib import Path
from typing import Any

import pytest

from marl_ppo.errors import ConfigError, FileFormatError, UnknownNameError
from marl_ppo.leagues.folders import find_recipe
from marl_ppo.leagues.league import League
from marl_ppo.leagues.recipe import recipe_from
from marl_ppo.workspace import bundled

RECIPES = sorted((bundled("leagues") or Path()).glob("*.toml"))


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_every_recipe_that_comes_with_marl_ppo_makes_a_league(file: Path, tmp_path: Path) -> None:
    """Its world is here, its settings are known, and its learners can meet somebody."""
    recipe = find_recipe(str(file))
    with League.create(recipe, tmp_path / "league") as league:
        members = {row.name for row in league.store.players() if row.kind != "learner"}
        league._match(1)  # raises where a learner can meet nobody

        assert members >= {f"{learner.name}-0" for learner in recipe.learners}
        assert members >= set(recipe.anchors)


def test_there_are_recipes() -> None:
    assert {"kuhn", "soccer", "spread_partners"} <= {file.stem for file in RECIPES}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learners": [{"name": "random"}]}, "a learner cannot be called 'random': that is somebody already"),
        ({"learners": [{"name": "main"}], "anchors": ["random", "random"]}, "anchors must differ, got random, random"),
    ],
)
def test_names_that_somebody_has_already_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        recipe_from({"world": "kuhn", **settings}, source="the test")


def test_an_anchor_that_does_not_exist_is_named_and_the_leagues_name_stays_free(tmp_path: Path) -> None:
    """`scripted` is left out where a world has none, for recipes without anchors of their own."""
    settings = {"world": "kuhn", "learners": [{"name": "main"}]}
    with pytest.raises(UnknownNameError, match="scripted:esay"):
        League.create(recipe_from({**settings, "anchors": ["scripted:esay"]}, source="the test"), tmp_path / "league")

    assert not (tmp_path / "league").exists()


def test_a_store_that_is_damaged_is_named(tmp_path: Path) -> None:
    with League.create(recipe_from({"world": "kuhn", "learners": [{"name": "main"}]}, source="t"), tmp_path / "league"):
        pass
    (tmp_path / "league" / "league.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(FileFormatError, match=r"league\.sqlite cannot be read: file is not a database"):
        League.resume(tmp_path / "league")
