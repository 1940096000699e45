"""The one loop that steps worlds with policies: training, evaluation and matches all drive a `Play`.

part      one policy in one group: the unit of a batched `act`
seating   per group, which policy plays each seat: int [N, A], an index into the policies
decision  a moment at which a policy acts; a seat that waits or is dead makes none

A step is `decide()`, `advance()`, `reset_ended()`; `step()` does the three. Between them the caller may look at what
was decided, and at the true last arrays of the copies that ended.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from marl_ppo.agents.policy import Decision, Obs, Policy
from marl_ppo.envs.seeds import fill_action_noise
from marl_ppo.envs.world import Array, Outputs, World
from marl_ppo.errors import ConfigError

SeedSource = Callable[[Array, Array], Array]
"""(copies, episodes) → uint64 seeds, elementwise: which episode a copy plays next"""


class Observer(Protocol):
    """Watches a play. Arrays are valid only during the call."""

    def on_reset(self, where: Array, outputs: Outputs) -> None:
        """Episodes have just started in the copies `where`."""

    def on_step(self, outputs: Outputs) -> None:
        """Every copy was stepped; `outputs` are the true last arrays."""

    def on_end(self, where: Array, outputs: Outputs) -> None:
        """The copies `where` are over; metrics and outcomes are final."""


class Decided(NamedTuple):
    """What one part decided at one step."""

    part: "Part"
    rows: Tensor | None
    """int64 [B], flat n*A + a of the seats that acted; None means all N*A, in order"""
    is_start: Tensor
    """bool [B]"""
    memory_in: Tensor
    """float32 [B, M]: memory before the decision"""
    decision: Decision


@dataclass(slots=True)
class Part:
    """One policy's seats in one group, with their memory."""

    policy: Policy
    greedy: bool
    group: int
    first_seat: int
    mask: Array
    """bool [N, A]: the seats"""
    agent_index: Tensor
    """int64 [N * A]"""
    memory: Tensor
    """float32 [N * A, M]"""
    noise: Array
    """float32 [N, A, H]"""
    whole: bool
    """whether the part holds every seat of its group"""
    bounds: tuple[Tensor, Tensor] | None
    """(low, high) [D] that continuous actions are clipped to"""


class Play:
    """N copies of a world and the policies that play them."""

    def __init__(
        self,
        world: World,
        policies: Sequence[Policy],
        seating: Sequence[Array],
        seeds: SeedSource,
        *,
        greedy: Sequence[bool] | bool = False,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.world = world
        self.observers = tuple(observers)
        self._seeds = seeds
        self._copies = np.arange(world.num_envs)
        self.episode = np.zeros(world.num_envs, np.int64)
        """number of the episode each copy plays"""
        self.decisions = tuple(np.zeros((world.num_envs, len(g.agents)), np.int64) for g in world.spec.groups)
        """decisions each seat has made in its episode"""
        self.starting = tuple(np.ones(count.shape, bool) for count in self.decisions)
        """bool [N, A]: whether a seat's next decision is the first of its stream: of the episode, or since it came back"""
        self.actions: tuple[Array, ...] = tuple(
            np.zeros((world.num_envs, len(g.agents), *g.action_shape), g.action_dtype) for g in world.spec.groups
        )
        self._actions_flat = tuple(torch.from_numpy(actions).flatten(0, 1) for actions in self.actions)
        greedy = [greedy] * len(policies) if isinstance(greedy, bool) else list(greedy)
        self.parts = tuple(_parts(world, policies, greedy, seating))

    def start(self) -> None:
        """Begin the first episode in every copy."""
        self._reset(np.ones(self.world.num_envs, bool))

    @torch.no_grad()
    def decide(self) -> list[Decided]:
        """Let every seat whose turn it is choose its action."""
        outputs = self.world.outputs
        decided = [self._decide(part, outputs) for part in self.parts]
        for count, starting, acting in zip(self.decisions, self.starting, outputs.acting, strict=True):
            count += acting
            starting &= ~acting
        return decided

    def advance(self) -> Outputs:
        """Step the world with what was decided; copies that ended keep their last arrays."""
        outputs = self.world.step(self.actions)
        for starting, terminated, truncated in zip(self.starting, outputs.terminations, outputs.truncations, strict=True):
            starting |= terminated | truncated
        for observer in self.observers:
            observer.on_step(outputs)
        if outputs.ended.any():
            for observer in self.observers:
                observer.on_end(outputs.ended, outputs)
        return outputs

    def reset_ended(self) -> None:
        """Start the next episode in the copies that ended."""
        ended = self.world.outputs.ended
        if ended.any():
            self.episode += ended
            self._reset(ended.copy())

    def step(self) -> None:
        """Decide, advance, reset what ended."""
        self.decide()
        self.advance()
        self.reset_ended()

    def arrays(self) -> dict[str, Array]:
        """Everything besides the world that the future of this play depends on, by name; the arrays themselves."""
        found: dict[str, Array] = {"episode": self.episode}
        found |= {f"decisions.{g}": count for g, count in enumerate(self.decisions)}
        found |= {f"starting.{g}": starting for g, starting in enumerate(self.starting)}
        return found | {f"memory.{p}": part.memory.numpy() for p, part in enumerate(self.parts)}

    def _reset(self, where: Array) -> None:
        outputs = self.world.reset(self._seeds(self._copies, self.episode), where)
        for count, starting in zip(self.decisions, self.starting, strict=True):
            count[where], starting[where] = 0, True
        for observer in self.observers:
            observer.on_reset(where, outputs)

    def _decide(self, part: Part, outputs: Outputs) -> Decided:
        g = part.group
        acting = outputs.acting[g]
        if part.policy.noise_size:
            fill_action_noise(part.noise, self.world.seeds, self.decisions[g], part.first_seat)
        rows = None
        if not (part.whole and acting.all()):
            rows = torch.from_numpy(np.flatnonzero(acting & part.mask))

        mask = outputs.action_mask[g]
        obs: Obs = {leaf: _take(array, rows) for leaf, array in outputs.obs[g].items()}
        # A copy: it is looked at after the seats have decided.
        is_start = _take(self.starting[g], rows).clone()
        memory = part.memory if rows is None else part.memory[rows]
        decision = part.policy.act(
            obs,
            None if mask is None else _take(mask, rows),
            part.agent_index if rows is None else part.agent_index[rows],
            is_start,
            memory,
            _take(part.noise, rows),
            part.greedy,
        )
        actions = decision.actions
        if part.bounds is not None:
            actions = actions.clamp(*part.bounds)
        if rows is None:
            self._actions_flat[g].copy_(actions)
            part.memory = decision.memory
        else:
            self._actions_flat[g][rows] = actions
            # A new tensor, since `memory_in` of an earlier step may still be looked at.
            part.memory = part.memory.index_copy(0, rows, decision.memory)
        return Decided(part, rows, is_start, memory, decision)


def _take(array: Array, rows: Tensor | None) -> Tensor:
    flat = torch.from_numpy(array).flatten(0, 1)
    return flat if rows is None else flat[rows]


def _parts(world: World, policies: Sequence[Policy], greedy: Sequence[bool], seating: Sequence[Array]) -> list[Part]:
    parts = []
    first_seat = 0
    for g, group in enumerate(world.spec.groups):
        shape = (world.num_envs, len(group.agents))
        if seating[g].shape != shape:
            raise ConfigError(f"the seating of group {group.name!r} must be [N, A] = {shape}, got {seating[g].shape}")
        for p in np.unique(seating[g]):
            mask = seating[g] == p
            policy = policies[p]
            parts.append(
                Part(
                    policy=policy,
                    greedy=greedy[p],
                    group=g,
                    first_seat=first_seat,
                    mask=mask,
                    agent_index=torch.tensor(group.agent_index).repeat(world.num_envs),
                    memory=torch.zeros(shape[0] * shape[1], policy.memory_size),
                    noise=np.full((*shape, policy.noise_size), 0.5, np.float32),
                    whole=bool(mask.all()),
                    bounds=(torch.from_numpy(group.action.low), torch.from_numpy(group.action.high))
                    if isinstance(group.action, spaces.Box)
                    else None,
                )
            )
        first_seat += len(group.agents)
    return parts
