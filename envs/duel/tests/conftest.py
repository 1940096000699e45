"""Lets the tests run in place, without an installation, and says what the entry points of pyproject.toml say."""

import sys
from pathlib import Path

import pytest

from marl_ppo.agents.scripted import register_script, scripted_worlds
from marl_ppo.envs import register_world, registered_worlds

sys.path.insert(0, str(Path(__file__).parents[1]))


@pytest.fixture(autouse=True, scope="session")
def registered() -> None:
    """For where nothing has read the entry points."""
    if "duel" not in [world.id for world in registered_worlds()]:
        register_world("duel", "marl_ppo_duel.world:Duel", description="two duelists on a grid")
    if "duel" not in scripted_worlds():
        register_script("duel", "players", "marl_ppo_duel.script:Duelist")
