"""An agent of a PettingZoo env that dies early, against the same env in which it never existed: nobody else may notice.

The env's agents do not meet: obs and rewards of each follow from seed, tick, its own number and its own action.
"""

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from pettingzoo import ParallelEnv

from marl_ppo.envs.pettingzoo import from_env
from marl_ppo.training import setup
from marl_ppo.training.batch import Batch
from marl_ppo.training.trainer import Trainer

UPDATES, DEATH = 4, 2
GROUPS = {True: "outer=agent_0+agent_2,middle=agent_1", False: "outer=*"}
"""by whether there is an agent_1: the others are a group of two either way, with the same agent_index"""


class Strangers(ParallelEnv):
    """agent_0 and agent_2, who live until the env ends after 4 to 9 steps, and agent_1, who leaves after DEATH steps."""

    company = 0.0
    """paid to each for every step that agent_1 is there"""

    def __init__(self, with_middle: bool, how: str) -> None:
        self.metadata = {"name": "strangers_v1"}
        self.possible_agents = ["agent_0", "agent_1", "agent_2"] if with_middle else ["agent_0", "agent_2"]
        self.how = how

    def observation_space(self, agent: str) -> spaces.Space:
        return spaces.Box(0.0, 1.0, (3,), np.float32)

    def action_space(self, agent: str) -> spaces.Space:
        return spaces.Discrete(2)

    def numbers(self, agent: str) -> np.ndarray:
        return np.random.Generator(np.random.PCG64([self.seed, self.tick, int(agent[-1])])).random(3)

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        self.seed, self.tick = seed, 0
        self.agents = list(self.possible_agents)
        return {agent: self.numbers(agent) for agent in self.agents}, {agent: {} for agent in self.agents}

    def step(self, actions: dict[str, int]) -> tuple[dict[str, Any], ...]:
        assert set(actions) == set(self.agents)
        company = self.company * ("agent_1" in self.agents)
        rewards = {agent: self.numbers(agent)[0] * actions[agent] + company for agent in self.agents}
        self.tick += 1
        seen = {agent: self.numbers(agent) for agent in self.agents}
        is_over = self.tick == 4 + self.seed % 6
        cut = dict.fromkeys(self.agents, is_over and self.seed % 2 == 0)
        dead = dict.fromkeys(self.agents, is_over and self.seed % 2 == 1)
        if self.tick == DEATH and "agent_1" in self.agents:
            cut["agent_1"], dead["agent_1"] = self.how == "truncated", self.how == "terminated"
            self.agents.remove("agent_1")
        if is_over:
            self.agents = []
        return seen, rewards, dead, cut, {agent: {} for agent in seen}


def taught(small: Any, monkeypatch: pytest.MonkeyPatch, with_middle: bool, how: str, **settings: Any) -> dict[str, list[Batch]]:
    """What each policy is taught by the rollouts of a run."""

    def make_world(world: str, num_envs: int) -> Any:
        return from_env(lambda: Strangers(with_middle, how), num_envs=num_envs, groups=GROUPS[with_middle])

    monkeypatch.setattr(setup, "make_world", make_world)
    with Trainer(small("strangers", critic_input="own", **settings)) as trainer:
        found: dict[str, list[Batch]] = {name: [] for name in trainer.setup.learners}
        for name, learner in trainer.setup.learners.items():

            def noted(batch: Batch, name: str = name, update: Any = learner.update, **more: Any) -> Any:
                found[name].append(batch)
                return update(batch, **more)

            learner.update = noted
        for _ in range(UPDATES):
            trainer.train_once()
    return found


@pytest.mark.parametrize("settings", [{}, {"fused": False}, {"network": {"memory": "gru"}}], ids=["fused", "plain", "memory"])
@pytest.mark.parametrize("how", ["terminated", "truncated", "vanished"])
def test_a_middle_agent_that_dies_changes_nothing_for_the_others(
    small: Any, monkeypatch: pytest.MonkeyPatch, how: str, settings: dict[str, Any]
) -> None:
    """All that agents 0 and 2 are taught in four updates, advantages above all, is the same to the last bit."""
    beside = taught(small, monkeypatch, True, how, **settings)
    alone = taught(small, monkeypatch, False, how, **settings)

    middle = beside["middle"]
    assert all(0 < int(batch.counts.sum()) < 8 * 9 for batch in middle)  # it decided, and was gone for some of the time
    for batch, other in zip(beside["outer"], alone["outer"], strict=True):
        assert batch.counts.tolist() == other.counts.tolist()
        rows, others = batch.valid_rows, other.valid_rows
        for name in ("obs", "actions", "logprob", "values", "advantages", "returns"):
            np.testing.assert_array_equal(getattr(batch, name)[rows], getattr(other, name)[others], err_msg=name)
    assert len(beside["outer"]) == UPDATES


def test_the_comparison_shows_when_the_others_do_notice(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: their rewards are higher by a little while agent 1 is there."""
    monkeypatch.setattr(Strangers, "company", 1e-3)
    beside, alone = (taught(small, monkeypatch, with_middle, "terminated")["outer"][0] for with_middle in (True, False))

    assert np.array_equal(beside.actions, alone.actions)
    assert not np.array_equal(beside.advantages, alone.advantages)
