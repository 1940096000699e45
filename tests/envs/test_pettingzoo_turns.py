"""Who is on turn, who is over, and when: in the parallel form and in the one where agents choose one by one."""

from typing import Any

import pytest
from gymnasium.utils.env_checker import data_equivalence
from nim import Nim
from views import every_world, legal_action

from marl_ppo.envs.pettingzoo import aec_env, parallel_env
from marl_ppo.envs.pettingzoo.aec import WorldAECEnv
from marl_ppo.envs.pettingzoo.view import WorldParallelEnv


def test_actions_out_of_turn_are_ignored() -> None:
    """Whatever player_1 sends while player_0 is on turn, and whether it sends anything, the game is the same."""
    alone, both = WorldParallelEnv(Nim(1)), WorldParallelEnv(Nim(1))
    told = [alone.reset(seed=4), both.reset(seed=4)]

    assert alone.acting == ["player_0"]
    told = [alone.step({"player_0": 2}), both.step({"player_0": 2, "player_1": 1})]
    assert data_equivalence(*told, exact=True)
    assert alone.acting == ["player_1"]


def test_who_waits_has_a_mask_of_ones() -> None:
    """Two stones are left: who is on turn may take one or two of them, and for who waits nothing is forbidden."""
    env = WorldParallelEnv(Nim(1))
    obs, _ = env.reset(seed=0)
    while env.state() > 2:
        obs, *_ = env.step({env.acting[0]: 0})
    (on_turn,) = env.acting
    (waiting,) = set(env.agents) - {on_turn}

    assert obs[on_turn]["action_mask"].tolist() == [1, 1, 0]
    assert obs[waiting]["action_mask"].tolist() == [1, 1, 1]


def test_aec_selects_whoever_is_on_turn() -> None:
    env = WorldAECEnv(WorldParallelEnv(Nim(1)))
    env.reset(seed=0)
    selected = []
    for agent in env.agent_iter():
        *_, termination, truncation, _ = env.last(observe=False)
        if termination or truncation:
            env.step(None)
        else:
            selected.append(agent)
            env.step(0)

    assert selected == [("player_0", "player_1")[t % 2] for t in range(len(selected))]
    assert len(selected) >= 5


def test_aec_selects_agents_that_act_together_in_their_order() -> None:
    env = aec_env("two_kinds")
    env.reset(seed=0)
    selected = []
    for agent in env.agent_iter(8):
        selected.append(agent)
        env.step(0)

    assert selected == ["scout", "worker_0", "worker_1", "worker_2"] * 2


@every_world
def test_both_forms_play_the_same_episode(world_id: str, config: dict[str, Any]) -> None:
    """Equal seeds and actions keyed by the agent's decision must earn every agent the same sum of rewards."""
    parallel, aec = parallel_env(world_id, **config), aec_env(world_id, **config)
    earned = {form: dict.fromkeys(parallel.possible_agents, 0.0) for form in ("parallel", "aec")}
    decisions = {form: dict.fromkeys(parallel.possible_agents, 0) for form in ("parallel", "aec")}

    _, infos = parallel.reset(seed=5)
    while parallel.agents:
        actions = {}
        for agent in parallel.acting:
            actions[agent] = legal_action(parallel, agent, infos[agent], key=decisions["parallel"][agent])
            decisions["parallel"][agent] += 1
        _, rewards, _, _, infos = parallel.step(actions)
        for agent, reward in rewards.items():
            earned["parallel"][agent] += reward

    aec.reset(seed=5)
    for agent in aec.agent_iter():
        _, reward, termination, truncation, info = aec.last()
        earned["aec"][agent] += reward
        if termination or truncation:
            aec.step(None)
            continue
        aec.step(legal_action(aec, agent, info, key=decisions["aec"][agent]))
        decisions["aec"][agent] += 1

    assert decisions["aec"] == decisions["parallel"]
    assert earned["aec"] == pytest.approx(earned["parallel"])


def test_an_agent_that_is_over_leaves_while_the_others_play_on() -> None:
    """Over many episodes of `staggered`, agents leave one by one and never return."""
    env = parallel_env("staggered")
    sizes = set()
    for seed in range(10):
        env.reset(seed=seed)
        while env.agents:
            before = list(env.agents)
            _, rewards, terminations, truncations, _ = env.step(dict.fromkeys(before, 0))
            left = [agent for agent in before if terminations[agent] or truncations[agent]]
            sizes.add(len(env.agents))

            assert list(rewards) == before
            assert env.agents == [agent for agent in before if agent not in left]

    assert sizes == {0, 1, 2, 3}


def test_where_the_team_goes_on_earning_the_dead_stay_until_the_end() -> None:
    """on_death="team": a dead seat's stream, and so its place in `agents`, lasts until the copy ends."""
    env = parallel_env("staggered", on_death="team")
    someone_only_waited = False
    for seed in range(10):
        env.reset(seed=seed)
        while env.agents:
            assert env.agents == env.possible_agents
            someone_only_waited |= len(env.acting) < 3
            env.step(dict.fromkeys(env.acting, 0))

    assert someone_only_waited


def test_the_last_infos_tell_metrics_and_the_outcome_of_the_agents_team() -> None:
    env = WorldParallelEnv(Nim(1))
    _, infos = env.reset(seed=0)
    turns = 0
    while env.agents:
        assert all("metrics" not in info and "outcome" not in info for info in infos.values())
        _, rewards, _, _, infos = env.step(dict.fromkeys(env.acting, 0))
        turns += 1

    for agent in env.possible_agents:
        assert infos[agent]["metrics"] == {"turns": turns}
        assert infos[agent]["outcome"] == rewards[agent]
