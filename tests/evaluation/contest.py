"""A world of one step in which every agent names a number, and who wins follows a rule that the test gives."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces

from marl_ppo.agents.policy import Decision
from marl_ppo.envs.probes.common import write
from marl_ppo.envs.world import Array, Group, Metric, World, WorldSpec
from marl_ppo.play.seating import Player

NUMBERS = 3
Rule = Callable[[Array, Array], Array]
"""(numbers named int [N, A], seeds uint64 [N]) → what each agent gets, broadcast to [N, A]"""


def no_faults(chosen: Array, seeds: Array) -> Array:
    return np.zeros(len(seeds), bool)


def highest(chosen: Array, seeds: Array) -> Array:
    """Each gets what it names, so that the highest number wins."""
    return chosen.astype(np.float64)


def first_wins(chosen: Array, seeds: Array) -> Array:
    """Whatever is named, the first agent wins."""
    return (np.arange(chosen.shape[1]) == 0).astype(np.float64)


class Contest(World):
    """With a team for each agent, or with one for all. `parity` tells whether the seed is odd.

    The rule gives outcomes, and rewards where these have no rule of their own.
    """

    def __init__(
        self,
        num_envs: int = 4,
        rule: Rule = highest,
        *,
        agents: int = 2,
        together: bool = False,
        rewards: Rule | None = None,
        outcomes: bool = True,
        faults: Rule = no_faults,
    ) -> None:
        names = tuple(f"agent_{a}" for a in range(agents))
        group = Group(
            name="agents",
            agents=names,
            team=(0,) * agents if together else tuple(range(agents)),
            obs={"vector": spaces.Box(0.0, 1.0, (1,), np.float32)},
            action=spaces.Discrete(NUMBERS),
        )
        spec = WorldSpec(
            id="contest",
            version=1,
            groups=(group,),
            teams=("everybody",) if together else tuple(f"team_{a}" for a in range(agents)),
            max_steps=1,
            metrics={"parity": Metric(description="1 if the seed is odd", low=0.0, high=1.0)},
            capabilities=frozenset({"outcomes"} if outcomes else set()),
        )
        super().__init__(spec, num_envs)
        self._rule, self._rewards, self._faults = rule, rewards or rule, faults
        self._together, self._outcomes = together, outcomes

    def _reset(self, where: Array) -> None:
        write(self.outputs, where, {"alive.0": True, "acting.0": True})

    def _step(self, actions: Sequence[Array]) -> None:
        given = np.broadcast_to(self._rule(actions[0], self.seeds), actions[0].shape)
        scores = given.mean(axis=1, keepdims=True) if self._together else given
        values: dict[str, Any] = {
            "rewards.0": self._rewards(actions[0], self.seeds),
            "terminations.0": True,
            "ended": True,
            "faulted": self._faults(actions[0], self.seeds),
            "outcomes": scores if self._outcomes else 0.0,
            "metrics.parity": self.seeds % np.uint64(2),
        }
        write(self.outputs, np.ones(self.num_envs, bool), values)


class Names:
    """Always names the same number."""

    memory_size = 0
    noise_size = 0

    def __init__(self, number: int) -> None:
        self.number = number

    def act(
        self, obs: Any, action_mask: Any, agent_index: Any, is_start: Any, memory: Any, noise: Any, greedy: bool
    ) -> Decision:
        count = len(agent_index)
        return Decision(torch.full((count,), self.number), torch.zeros(count), memory)


def naming(number: int, name: str = "", *, agents: Sequence[int] = range(4)) -> Player:
    """A player that names `number`, as the agents it can play."""
    policy = Names(number)
    return Player(name=name or f"names {number}", policies={f"agent_{a}": policy for a in agents})
