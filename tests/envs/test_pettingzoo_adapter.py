"""PettingZoo envs played as worlds: mpe2 against mpe2 driven by hand, then an env whose agents leave in every way."""

from collections.abc import Mapping
from typing import Any

import mpe2.simple_spread_v3
import mpe2.simple_tag_v3
import numpy as np
import pytest
from gymnasium import spaces
from pettingzoo import ParallelEnv

from marl_ppo.envs import World, make_world
from marl_ppo.envs.pettingzoo import from_env, parallel_env
from marl_ppo.envs.seeds import stream
from marl_ppo.errors import CapabilityError, ConfigError, WorldError

SPREAD, TAG = "pettingzoo:mpe2.simple_spread_v3", "pettingzoo:mpe2.simple_tag_v3"


class Leavers(ParallelEnv):
    """Agents leave at the steps of a timetable: step → {agent: how}; every reward is the agent's own action."""

    def __init__(
        self,
        timetable: Mapping[int, Mapping[str, str]] | None = None,
        action: spaces.Space | None = None,
        obs: spaces.Space | None = None,
    ) -> None:
        self.metadata = {"name": "leavers_v7"}
        self.possible_agents = ["a_0", "a_1", "b_0"]
        self.timetable = timetable or {}
        self.action = action or spaces.Discrete(4)
        self.obs = obs or spaces.Box(-100.0, 100.0, (2,), np.float64)
        self.received: list[dict[str, Any]] = []
        self.seeds: list[int | None] = []
        self.closed = False

    def observation_space(self, agent: str) -> spaces.Space:
        return self.obs

    def action_space(self, agent: str) -> spaces.Space:
        return self.action

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        self.seeds.append(seed)
        self.tick = 0
        self.agents = list(self.possible_agents)
        return self.seen(self.agents), {agent: {} for agent in self.agents}

    def step(self, actions: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        self.received.append(actions)
        self.tick += 1
        played, leaving = list(self.agents), self.timetable.get(self.tick, {})
        self.agents = [agent for agent in played if leaving.get(agent, "flagged but kept") == "flagged but kept"]
        return (
            self.seen(played),
            {agent: float(np.sum(actions[agent])) for agent in played},
            {agent: leaving.get(agent) in ("terminated", "both", "flagged but kept") for agent in played},
            {agent: leaving.get(agent) in ("truncated", "both") for agent in played},
            {agent: {} for agent in played},
        )

    def seen(self, agents: list[str]) -> dict[str, Any]:
        return {agent: np.array([self.tick, 1 + self.possible_agents.index(agent)], np.float64) for agent in agents}

    def close(self) -> None:
        self.closed = True


def keys(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.uint64)


def leavers(timetable: Mapping[int, Mapping[str, str]]) -> World:
    """One copy, reset; all three agents are in one group, in the order of possible_agents."""
    world = from_env(lambda: Leavers(timetable), num_envs=1)
    world.reset(keys(0))
    return world


def envs_of(world: World) -> list[Any]:
    """The envs behind a world, each reset once when the world was made to see what it tells."""
    return [driver._env for driver in world._drivers]


def actions(*choices: int) -> list[np.ndarray]:
    return [np.array([choices], np.int64)]


# --- mpe2 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("continuous", [False, True], ids=["discrete", "continuous"])
@pytest.mark.parametrize("module", [mpe2.simple_spread_v3, mpe2.simple_tag_v3], ids=["spread", "tag"])
def test_copies_equal_envs_driven_by_hand(module: Any, continuous: bool) -> None:
    """Three copies over two episodes, each of another seed, against three envs of one's own: equal to the bit."""

    def make() -> ParallelEnv:
        return module.parallel_env(max_cycles=6, continuous_actions=continuous)

    world, envs = from_env(make, num_envs=3), [make() for _ in range(3)]
    rng = np.random.default_rng(0)

    for episode in range(2):
        seeds = keys(5 + episode, 2**31 + 9, 2**63 + 1)
        out = world.reset(seeds)
        told = [env.reset(seed=int(seed) % 2**31)[0] for env, seed in zip(envs, seeds, strict=True)]
        assert_same(world, envs, told)
        for _ in range(6):
            joint = [random_actions(group.action, (3, len(group.agents)), rng) for group in world.spec.groups]
            out = world.step(joint)
            told = []
            for n, env in enumerate(envs):
                action = {
                    agent: joint[g][n, a] if continuous else int(joint[g][n, a])
                    for g, group in enumerate(world.spec.groups)
                    for a, agent in enumerate(group.agents)
                }
                obs, rewards, terminations, truncations, _ = env.step(action)
                told.append(obs)
                for name, dicts in (("rewards", rewards), ("terminations", terminations), ("truncations", truncations)):
                    for g, group in enumerate(world.spec.groups):
                        wanted = np.array([dicts[agent] for agent in group.agents], getattr(out, name)[g].dtype)
                        np.testing.assert_array_equal(getattr(out, name)[g][n], wanted)
            assert_same(world, envs, told)

        assert out.ended.all()


def assert_same(world: World, envs: list[ParallelEnv], told: list[dict[str, np.ndarray]]) -> None:
    for n, env in enumerate(envs):
        np.testing.assert_array_equal(world.outputs.state[n], env.state())
        for g, group in enumerate(world.spec.groups):
            for a, agent in enumerate(group.agents):
                np.testing.assert_array_equal(world.outputs.obs[g]["vector"][n, a], told[n][agent])


def random_actions(space: spaces.Space, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    if isinstance(space, spaces.Discrete):
        return rng.integers(space.n, size=shape)
    return rng.random((*shape, *space.shape), np.float32)


def test_agents_with_equal_spaces_form_a_group_and_a_team() -> None:
    """Tag: three chasers see 16 numbers, one runner 14."""
    spec = make_world(TAG).spec
    chasers, runner = spec.groups

    assert (chasers.name, chasers.agents, chasers.team) == (
        "adversary",
        ("adversary_0", "adversary_1", "adversary_2"),
        (0, 0, 0),
    )
    assert (runner.name, runner.agents, runner.team) == ("agent", ("agent_0",), (1,))
    assert spec.teams == ("adversary", "agent")
    assert chasers.agent_index == (0, 1, 2)
    assert chasers.obs["vector"].shape == (16,)


def test_an_episode_depends_on_its_seed_alone() -> None:
    """Copy 2 of three and a copy on its own, from the same seed, after unequal histories."""
    many, one = make_world(SPREAD, num_envs=3), make_world(SPREAD)
    many.reset(keys(1, 2, 3))
    many.step([np.zeros((3, 3), np.int64)])
    many.reset(keys(0, 0, 42), where=np.array([False, False, True]))
    one.reset(keys(42))
    for action in (1, 3, 2):
        many.step([np.full((3, 3), action)])
        one.step([np.full((1, 3), action)])

    np.testing.assert_array_equal(many.outputs.obs[0]["vector"][2], one.outputs.obs[0]["vector"][0])


def test_a_partial_reset_leaves_the_other_copies_alone() -> None:
    world = make_world(SPREAD, num_envs=2)
    world.reset(keys(1, 2))
    before = {name: array.copy() for name, array in world.outputs.arrays().items()}
    world.reset(keys(8, 9), where=np.array([False, True]))

    for name, array in world.outputs.arrays().items():
        np.testing.assert_array_equal(array[0], before[name][0], err_msg=name)
    assert (world.outputs.obs[0]["vector"][1] != before["obs.0.vector"][1]).any()


def test_there_and_back_again_is_the_world_itself() -> None:
    """A world seen as a ParallelEnv and adapted again, deaths and cuts included, tells what the world tells."""
    back, world = from_env(lambda: parallel_env("staggered"), num_envs=1), make_world("staggered")
    deaths = cuts = 0
    for seed in range(20):
        there, out = back.reset(keys(seed)), world.reset(stream(seed, "eval", copy=[0]))
        while not out.ended[0]:
            there, out = back.step(actions(0, 1, 2)), world.step(actions(0, 1, 2))
            deaths += int(out.terminations[0].sum())
            cuts += int(out.truncations[0].sum())
            for name, array in there.arrays().items():
                if name != "outcomes":  # PettingZoo has none
                    np.testing.assert_array_equal(array, out.arrays()[name], err_msg=name)

    assert deaths > 10
    assert cuts > 10


# --- endings ----------------------------------------------------------------------------------------------------------


def test_an_agent_that_terminates_is_gone_and_the_others_play_on_in_their_columns() -> None:
    world = leavers({1: {"a_1": "terminated"}})
    out = world.step(actions(1, 2, 3))

    assert out.terminations[0].tolist() == [[False, True, False]]
    assert out.alive[0].tolist() == out.acting[0].tolist() == [[True, False, True]]
    assert out.rewards[0].tolist() == [[1.0, 2.0, 3.0]]
    assert out.obs[0]["vector"].tolist() == [[[1, 1], [0, 0], [1, 3]]]
    assert not out.ended[0]

    out = world.step(actions(1, 2, 3))
    assert out.terminations[0].tolist() == [[False, False, False]]
    assert out.rewards[0].tolist() == [[1.0, 0.0, 3.0]]
    assert envs_of(world)[0].received[-1] == {"a_0": 1, "b_0": 3}


def test_an_agent_that_is_cut_off_keeps_its_last_observation_for_the_bootstrap() -> None:
    world = leavers({1: {"a_1": "truncated"}})
    out = world.step(actions(0, 0, 0))

    assert out.truncations[0].tolist() == [[False, True, False]]
    assert out.alive[0].tolist() == [[True, True, True]]
    assert out.acting[0].tolist() == [[True, False, True]]
    assert out.obs[0]["vector"][0, 1].tolist() == [1, 2]

    out = world.step(actions(0, 0, 0))
    assert out.alive[0].tolist() == [[True, False, True]]
    assert out.obs[0]["vector"][0, 1].tolist() == [0, 0]
    assert not out.truncations[0].any()


@pytest.mark.parametrize("how", ["both", "vanished", "flagged but kept"])
def test_every_other_way_to_leave_is_one_termination(how: str) -> None:
    """Both flags at once, no flag at all, or flagged while still listed in `agents`: over, and nothing to bootstrap."""
    world = leavers({1: {"a_1": how}})
    out = world.step(actions(0, 0, 0))

    assert out.terminations[0].tolist() == [[False, True, False]]
    assert not out.truncations[0].any()
    assert out.alive[0].tolist() == [[True, False, True]]


def test_a_copy_ends_when_its_last_agent_leaves_and_not_before() -> None:
    world = leavers({1: {"a_0": "terminated", "b_0": "terminated"}, 3: {"a_1": "truncated"}})
    ended = [bool(world.step(actions(0, 0, 0)).ended[0]) for _ in range(3)]

    assert ended == [False, False, True]
    with pytest.raises(WorldError, match="copy 0 has ended"):
        world.step(actions(0, 0, 0))
    out = world.reset(keys(1))
    assert out.acting[0].all()
    assert not any(array.any() for array in (out.ended, out.truncations[0], out.rewards[0]))


def test_an_agent_that_sits_an_episode_out_is_absent_from_its_start_and_has_not_ended() -> None:
    class TakingTurns(Leavers):
        def reset(self, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
            super().reset(seed)
            self.agents = self.possible_agents[: seed + 1]
            return self.seen(self.agents), {agent: {} for agent in self.agents}

    world = from_env(TakingTurns, num_envs=1)
    world.reset(keys(2))
    out = world.reset(keys(0))

    assert out.alive[0].tolist() == out.acting[0].tolist() == [[True, False, False]]
    assert not out.terminations[0].any()


def test_seeds_are_brought_into_the_range_that_envs_take() -> None:
    """2**31 + 5 and 5 name the same episode: most envs take no seed of 2**31 or more."""
    world = from_env(Leavers, num_envs=2)
    world.reset(keys(2**31 + 5, 2**64 - 1))

    assert [env.seeds[-1] for env in envs_of(world)] == [5, 2**31 - 1]


def test_closing_the_world_closes_its_envs() -> None:
    world = from_env(Leavers, num_envs=2)
    world.close()

    assert [env.closed for env in envs_of(world)] == [True, True]


# --- spaces -----------------------------------------------------------------------------------------------------------


def received(action: spaces.Space, sent: np.ndarray) -> Any:
    """What agent a_0 gets when the world is stepped with `sent` for everyone."""
    world = from_env(lambda: Leavers(action=action), num_envs=1)
    world.reset(keys(0))
    world.step([np.broadcast_to(sent, (1, 3, *sent.shape)).copy()])
    return envs_of(world)[0].received[0]["a_0"]


def test_choices_are_numbered_from_zero_whatever_the_env_starts_at() -> None:
    discrete = received(spaces.Discrete(3, start=5), np.array(2))

    assert discrete == 7
    assert type(discrete) is int
    np.testing.assert_array_equal(received(spaces.MultiDiscrete([3, 4], start=[1, 10]), np.array([0, 3])), [1, 13])


def test_continuous_actions_are_clipped_to_the_box_and_have_its_dtype() -> None:
    box = spaces.Box(np.array([-1.0, 0.0]), np.array([1.0, 2.0]), dtype=np.float64)
    action = received(box, np.array([-7.0, 0.25], np.float32))

    np.testing.assert_array_equal(action, [-1.0, 0.25])
    assert box.contains(action)


def test_float64_observations_become_float32() -> None:
    world = from_env(Leavers, num_envs=1)

    assert world.spec.groups[0].obs["vector"].dtype == np.float32
    assert world.reset(keys(0)).obs[0]["vector"].dtype == np.float32


def test_a_group_of_unlike_names_is_called_after_its_first_agent() -> None:
    assert from_env(Leavers, num_envs=1).spec.groups[0].name == "a_0"


def test_an_env_without_state_is_a_world_without_it() -> None:
    world = from_env(Leavers, num_envs=1)
    world.reset(keys(0))

    assert world.spec.capabilities == set()
    assert world.outputs.state.shape == (1, 0)
    with pytest.raises(CapabilityError, match=r"snapshot\(\) needs the capability"):
        world.snapshot()


# --- what is refused --------------------------------------------------------------------------------------------------


def test_an_env_without_fixed_agents_is_refused() -> None:
    env = Leavers()
    del env.possible_agents

    with pytest.raises(ConfigError, match="'leavers_v7' must have fixed possible_agents"):
        from_env(lambda: env, num_envs=1)


def test_no_copies_are_refused() -> None:
    with pytest.raises(ConfigError, match="num_envs must be at least 1, got 0"):
        from_env(Leavers, num_envs=0)


def test_an_env_that_cannot_begin_from_a_seed_begins_from_another_one() -> None:
    class Picky(Leavers):
        def reset(self, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
            if seed == 57:
                raise RuntimeError("no level 57")
            return super().reset(seed)

    world = from_env(Picky, num_envs=1)
    world.reset(keys(57))

    assert envs_of(world)[0].seeds == [57 + 7919]
    assert world.last_fault.startswith("copy 0 broke at a reset (RuntimeError: no level 57")


def test_what_an_env_pays_the_dead_does_not_count() -> None:
    class Generous(Leavers):
        def step(self, actions: dict[str, Any]) -> tuple[dict[str, Any], ...]:
            told = super().step(actions)
            return (told[0], dict.fromkeys(self.possible_agents, 1.0), *told[2:])

    world = from_env(lambda: Generous({1: {"a_1": "terminated"}}), num_envs=1)
    world.reset(keys(0))
    paid = [world.step(actions(0, 0, 0)).rewards[0].tolist() for _ in range(2)]

    assert paid == [[[1, 1, 1]], [[1, 0, 1]]]
