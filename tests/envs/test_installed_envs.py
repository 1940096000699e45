"""Envs that are installed, as worlds by their ids."""

import json

import pytest

from marl_ppo.envs import make_world
from marl_ppo.errors import ConfigError, UnknownNameError

SPREAD = "pettingzoo:mpe2.simple_spread_v3"


def test_installed_envs_are_worlds_by_name_and_take_their_arguments() -> None:
    world = make_world(SPREAD, num_envs=2, N=4, max_cycles=3)

    assert world.num_envs == 2
    assert world.spec.id == SPREAD
    assert world.spec.version == 3
    assert world.spec.agents == ("agent_0", "agent_1", "agent_2", "agent_3")
    assert json.loads(json.dumps(dict(world.spec.config))) == {"N": 4, "max_cycles": 3}
    assert world.spec.capabilities == {"state"}


@pytest.mark.parametrize("world_id", ["pettingzoo:no_such_package.game_v1", "pettingzoo:json"])
def test_a_name_without_an_env_behind_it_says_what_is_missing(world_id: str) -> None:
    with pytest.raises(UnknownNameError, match=r"must name an? .*module with a `parallel_env` or `env`.* ([nN]o |none)"):
        make_world(world_id)


def test_an_argument_the_env_does_not_take_is_refused_with_its_own_words() -> None:
    with pytest.raises(ConfigError, match=r"cannot be made with {'wheels': 4}: .*unexpected keyword argument 'wheels'"):
        make_world(SPREAD, wheels=4)


@pytest.mark.parametrize("world_id", ["pettingzoo:os:system", "pettingzoo:subprocess:run", "pettingzoo:json:JSONDecoder"])
def test_nothing_is_called_but_what_makes_envs(world_id: str) -> None:
    """An id and its arguments may come from a stranger's file: a bot's config, say."""
    with pytest.raises(ConfigError, match="must name a class of envs, or a function called parallel_env, env, raw_env"):
        make_world(world_id, command="exit 1", args="false")
