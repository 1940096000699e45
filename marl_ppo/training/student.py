"""A learning policy at play: what it decided goes into its experience, beside what its critic thought of it.

A rollout is written down by the collector, step by step, and read by the learner when it is full.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from marl_ppo.agents.actor_critic import ActorCritic
from marl_ppo.agents.policy import Policy
from marl_ppo.envs.world import Array
from marl_ppo.errors import WorldError
from marl_ppo.play.play import Decided, Play
from marl_ppo.ppo.decisions import ClosedDecisions, OpenDecisions, close_decisions
from marl_ppo.ppo.normalization import ValueNorm
from marl_ppo.training.batch import Batch
from marl_ppo.training.rollout import Experience, StepStore

ForwardCritic = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""`Critic.forward`, or a twin of it"""


class Kept(Protocol):
    """What is learned and belongs in a checkpoint."""

    def state(self) -> dict[str, Tensor]:
        """All that is needed to go on exactly."""

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a `state()`. Raises FileFormatError where it does not fit."""


class Student:
    """A policy that learns, with its experience."""

    besides: Mapping[str, Kept] = {}
    """what else it learns, by name"""

    def __init__(
        self,
        policy: ActorCritic,
        store: StepStore,
        group: int,
        value_norm: ValueNorm,
        *,
        actor: Policy,
        critic: ForwardCritic,
    ) -> None:
        """`actor` and `critic` play and value: the policy's own, or twins of them. `store` has what happens in the rollout."""
        self.policy = policy
        self.store = store
        self.actor = actor
        self.seated: Policy = actor
        """what sits on the seats: the actor, or what it is a part of"""
        self._critic = critic
        self.experience = Experience.allocate(store, policy, group)
        self._value_norm = value_norm
        self.memory = torch.zeros(self.experience.num_seats, policy.critic.memory_size)
        """float32 [S, M]: the critic's, after each seat's last decision"""
        self._columns = torch.arange(self.experience.num_agents).repeat(self.experience.num_envs)

    def begin(self, progress: float) -> None:
        """See `Pupil`."""
        self.experience.decided.zero_()

    def record(self, decided: Decided, step: int, copies: slice) -> None:
        """Write down what was decided at a step in `copies`, whose seats the rows of `decided` count from 0."""
        experience = self.experience
        agents = experience.num_agents
        first = copies.start * agents
        base = (1 + step) * experience.num_seats
        if decided.rows is None:
            seats = None
            at: slice | Tensor = slice(base + first, base + copies.stop * agents)
            experience.decided[step, copies] = True
            own: slice | Tensor = slice(first, copies.stop * agents)
        else:
            seats = own = decided.rows + first
            at = seats + base
            experience.decided[step].view(-1)[seats] = True
        experience.actions[at] = decided.decision.actions
        experience.logprob[at] = decided.decision.logprob
        if self.policy.actor.memory_size or self.policy.critic.memory_size:
            experience.is_start[at] = decided.is_start
            experience.actor_memory[at] = decided.memory_in
        if self.policy.critic.memory_size:
            # Without memory, all are valued at once when the rollout is full.
            experience.values[at], memory = self.values(1 + step, copies, seats, decided.is_start)
            experience.critic_memory[at] = self.memory[own]
            self.memory[own] = memory

    def after_step(self, play: Play, step: int, copies: slice) -> None:
        """V(final_obs) where a seat was truncated by the step, before a reset overwrites both it and who sat there."""
        experience = self.experience
        truncated = self.store.truncations[experience.group][step + 2, copies].numpy()
        if truncated.any():
            truncated = truncated & play.played_by(self.seated, experience.group)
        if not truncated.any():
            return
        final = experience.final_values[step, copies]
        seats = _all_or(truncated)
        if seats is not None:
            seats += copies.start * truncated.shape[1]
        # Nothing starts at a final obs: memory goes on from the seat's last decision.
        is_start = torch.zeros(int(truncated.sum()), dtype=torch.bool)
        values, _ = self.values(step + 2, copies, seats, is_start)
        if not torch.isfinite(values).all():
            raise WorldError(f"world {self.store.spec.id!r} ended an episode with obs that have no finite value")
        if seats is None:
            final.copy_(values.view(final.shape))
        else:
            final.view(-1)[seats - copies.start * truncated.shape[1]] = values

    def end(self, plays: Sequence[Play]) -> None:
        """See `Pupil`."""

    def metrics(self) -> Mapping[str, Tensor | float]:
        """See `Pupil`: nothing that its learner does not know."""
        return {}

    @torch.no_grad()
    def close(self, plays: Sequence[Play], gamma: float) -> tuple[ClosedDecisions, OpenDecisions]:
        """The decisions closed in the rollout, and those left open, which `Experience.carry` moves on."""
        experience, store = self.experience, self.store
        g, last = experience.group, store.num_steps + 1
        if not self.policy.critic.memory_size:
            self._value_decisions()
        next_acting = self.about_to_act(plays)
        next_values = torch.zeros(experience.num_seats)
        seats = _all_or(next_acting)
        everyone = slice(0, len(next_acting))
        is_start = np.concatenate([play.starting[g] for play in plays])
        if next_acting.any():
            starts = torch.from_numpy(is_start.reshape(-1))
            values, _ = self.values(last, everyone, seats, starts if seats is None else starts[seats])
            if seats is None:
                next_values = values
            else:
                next_values[seats] = values
        shape = experience.decided.shape
        return close_decisions(
            experience.open,
            experience.decided.numpy(),
            store.rewards[g][2:].numpy(),
            experience.values[experience.num_seats :].view(shape).numpy(),
            store.terminations[g][2:].numpy(),
            store.truncations[g][2:].numpy(),
            store.faulted[2:].numpy(),
            experience.final_values.numpy(),
            next_acting,
            next_values.view(shape[1:]).numpy(),
            gamma=gamma,
        )

    def weighed(self, batch: Batch) -> Batch:
        """What to learn from, where it is not the advantages as they are."""
        return batch

    def about_to_act(self, plays: Sequence[Play]) -> Array:
        """bool [N, A]: the seats that decide next, on the obs after the last step."""
        g = self.experience.group
        mine = np.concatenate([play.played_by(self.seated, g) for play in plays])
        acting: Array = self.store.acting[g][-1].numpy() & mine
        return acting

    def _value_decisions(self) -> None:
        """V of all that was decided in the rollout, in one forward pass."""
        experience, critic, agents = self.experience, self.policy.critic, self.experience.num_agents
        at = experience.num_seats + torch.nonzero(experience.decided.flatten()).flatten()
        units: slice | Tensor = at // agents
        if not critic.per_seat:
            everyone = slice(experience.num_envs, len(experience.values) // agents)
            units = everyone if len(at) == experience.decided.numel() else torch.unique_consecutive(at // agents)
        shared = None if critic.shared is None else self.store.shared_at(critic.shared, units)
        if critic.per_seat:
            own = self.store.seats_obs(experience.group, at)
            inputs = critic.seat_inputs(shared, own, self._columns[at % experience.num_seats])
            values, _ = self._critic(inputs, experience.is_start[at], self.memory[:0])
            experience.values[at] = self._value_norm.denormalize(values)
        elif shared is not None:
            values, _ = self._critic(shared, experience.is_start.view(-1, agents)[units, 0], self.memory[:0])
            experience.values.view(-1, agents)[units] = self._value_norm.denormalize(values)

    def values(self, row: int, copies: slice, seats: Tensor | None, is_start: Tensor) -> tuple[Tensor, Tensor]:
        """V at `row` and the critic's memory after it, for global flat `seats` int64 [B]; None: all of `copies`."""
        critic, agents, store = self.policy.critic, self.experience.num_agents, self.store
        if not critic.per_seat:
            if seats is None:
                values, memory = self._critic(store.shared(critic.shared or "", row, copies), is_start, self.memory)
                return self._value_norm.denormalize(values.flatten()), memory
            found, position = torch.unique(seats // agents, return_inverse=True)
            values, memory = self._critic(store.shared(critic.shared or "", row, found), is_start, self.memory)
            return self._value_norm.denormalize(values[position, seats % agents]), memory
        if seats is None:
            seats = torch.arange(copies.start * agents, copies.stop * agents)
        shared = None if critic.shared is None else store.shared(critic.shared, row, seats // agents)
        own = store.seats_obs(self.experience.group, row * self.experience.num_seats + seats)
        inputs = critic.seat_inputs(shared, own, self._columns[seats])
        values, memory = self._critic(inputs, is_start, self.memory[seats])
        return self._value_norm.denormalize(values), memory


def _all_or(seats: Array) -> Tensor | None:
    """None where every seat is meant, else the flat indices of those that are."""
    return None if seats.all() else torch.from_numpy(np.flatnonzero(seats))
