"""What a world's PettingZoo view shows: the world's own episodes, by seed, in PettingZoo's spaces."""

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import data_equivalence
from nim import Nim
from views import episode, every_world, legal_actions

from marl_ppo.envs import make_world
from marl_ppo.envs.pettingzoo import parallel_env
from marl_ppo.envs.pettingzoo.view import WorldParallelEnv
from marl_ppo.envs.seeds import stream
from marl_ppo.errors import CapabilityError


@every_world
def test_an_episode_is_repeated_to_its_end_by_its_seed(world_id: str, config: dict[str, Any]) -> None:
    """PettingZoo's parallel seed test stops after one step: it asks any() of a dict, hence of its keys."""
    first = episode(parallel_env(world_id, **config), seed=7)
    again = episode(parallel_env(world_id, **config), seed=7)

    assert data_equivalence(first, again, exact=True)


def test_a_reset_without_a_seed_goes_on_to_the_next_episode_of_the_run() -> None:
    """Seeds 3, none, none: episodes 0, 1, 2 of run seed 3; then seed 3 again starts over."""
    env = parallel_env("staggered")
    told = [episode(env, seed) for seed in (3, None, None, 3)]

    assert data_equivalence(told[0], told[3], exact=True)
    assert not any(data_equivalence(told[i], told[k], exact=True) for i, k in ((0, 1), (0, 2), (1, 2)))


def test_envs_that_were_never_seeded_play_different_runs() -> None:
    lengths = [len(episode(parallel_env("staggered"))) for _ in range(20)]

    assert len(set(lengths)) > 1


@every_world
def test_the_view_tells_what_the_world_tells(world_id: str, config: dict[str, Any]) -> None:
    """Twin: the world itself, driven from the documented stream (run seed, "eval", copy 0, episode 0)."""
    env, world = parallel_env(world_id, **config), make_world(world_id, **config)
    obs, infos = env.reset(seed=11)
    out = world.reset(stream(11, "eval", copy=[0]))
    steps = 0
    seats = [(agent, g, a) for g, group in enumerate(world.spec.groups) for a, agent in enumerate(group.agents)]

    while env.agents:
        for agent, g, a in seats:
            if agent in env.agents:
                told = obs[agent]["observation"] if world.spec.groups[g].masked else obs[agent]
                np.testing.assert_array_equal(told, out.obs[g]["vector"][0, a])
        actions = legal_actions(env, infos, key=steps)
        joint = [np.zeros((1, len(group.agents), *group.action_shape), group.action_dtype) for group in world.spec.groups]
        for agent, g, a in seats:
            if agent in actions:
                joint[g][0, a] = actions[agent]
        obs, rewards, terminations, truncations, infos = env.step(actions)
        out = world.step(joint)
        steps += 1
        for agent, g, a in seats:
            if agent in rewards:
                told = (rewards[agent], terminations[agent], truncations[agent])
                assert told == (out.rewards[g][0, a], out.terminations[g][0, a], out.truncations[g][0, a])

    assert out.ended.all()
    assert all(info["metrics"] == {name: v[0] for name, v in out.metrics.items()} for info in infos.values())


def test_options_set_the_params_of_the_episode() -> None:
    env = WorldParallelEnv(Nim(1))
    env.reset(seed=0, options={"params": {"prize": 5.0}})
    while env.agents:
        _, rewards, *_ = env.step(dict.fromkeys(env.agents, 0))

    assert sorted(rewards.values()) == [-5.0, 5.0]


def test_one_vector_leaf_shows_as_a_box() -> None:
    assert isinstance(parallel_env("bandit").observation_space("player"), spaces.Box)


def test_several_leaves_and_a_mask_show_as_dicts() -> None:
    """PettingZoo's convention: what is seen under `observation`, int8 ones for legal actions under `action_mask`."""
    env = WorldParallelEnv(Nim(1))
    obs, infos = env.reset(seed=0)
    space = env.observation_space("player_0")

    assert space.spaces.keys() == {"observation", "action_mask"}
    assert space["observation"].spaces.keys() == {"vector", "stones"}
    assert space.contains(obs["player_0"])
    assert obs["player_0"]["observation"]["stones"].dtype == np.uint8
    np.testing.assert_array_equal(infos["player_0"]["action_mask"], [1, 1, 1])


def test_agents_and_envs_do_not_share_a_space() -> None:
    """A space holds a random generator: sampling for one agent must not move another's."""
    first, second = parallel_env("staggered"), parallel_env("staggered")
    held = [env.action_space(agent) for env in (first, second) for agent in env.possible_agents]

    assert len({id(space) for space in held}) == 6


def test_observations_are_not_overwritten_by_the_next_step() -> None:
    env = parallel_env("staggered")
    before, _ = env.reset(seed=0)
    kept = {agent: obs.copy() for agent, obs in before.items()}
    for _ in range(3):
        env.step(dict.fromkeys(env.agents, 0))

    assert data_equivalence(before, kept, exact=True)


def test_state_is_offered_only_where_the_world_has_it() -> None:
    with_state, without = WorldParallelEnv(Nim(1)), WorldParallelEnv(Nim(1, capabilities=()))
    with_state.reset(seed=0)
    without.reset(seed=0)

    assert with_state.state_space.contains(with_state.state())
    assert not hasattr(without, "state_space")
    with pytest.raises(CapabilityError, match="'nim' does not have"):
        without.state()
