"""Fills a rollout: plays T steps and writes down what the learning policies decided and what their critics thought.

The copies may be split into shards, each a Play of its own stepped by its own thread; what is collected does not depend
on how many there are, but for the rounding of matrix products.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor

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
from marl_ppo.training.rollout import Experience, StepStore

ForwardCritic = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""`Critic.forward`, or a twin of it"""


class Student:
    """A learning policy with its experience: the collector's view of it."""

    def __init__(
        self,
        policy: ActorCritic,
        experience: Experience,
        value_norm: ValueNorm,
        *,
        actor: Policy,
        critic: ForwardCritic,
    ) -> None:
        """`actor` and `critic` play and value: the policy's own, or twins of them."""
        self.policy = policy
        self.actor = actor
        self._critic = critic
        self.experience = experience
        self._value_norm = value_norm
        self.memory = torch.zeros(experience.num_seats, policy.critic.memory_size)
        """float32 [S, M]: the critic's, after each seat's last decision"""
        self._columns = torch.arange(experience.num_agents).repeat(experience.num_envs)

    def values(
        self, store: StepStore, row: int, copies: slice, seats: Tensor | None, is_start: Tensor
    ) -> tuple[Tensor, Tensor]:
        """V at `row` and the critic's memory after it, for global flat `seats` int64 [B]; None: all of `copies`."""
        critic, agents = self.policy.critic, self.experience.num_agents
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


class Collector:
    """Collects rollouts of T steps from the shards' plays into one store."""

    def __init__(
        self,
        plays: Sequence[Play],
        shards: Sequence[slice],
        store: StepStore,
        students: Sequence[Student],
        executor: Executor | None,
    ) -> None:
        self._plays = plays
        self._shards = shards
        self._store = store
        self._students = {id(student.actor): student for student in students}
        self._executor = executor

    def start(self) -> None:
        """Begin the first episodes; their first obs go where a rollout expects the end of the one before."""
        for shard, play in enumerate(self._plays):
            play.world.bind(self._store.outputs[shard][-1])
            play.start()

    def collect(self) -> None:
        """Play T steps in every shard."""
        self._store.begin()
        for student in self._students.values():
            student.experience.decided.zero_()
        shards = range(len(self._plays))
        if self._executor is None or len(shards) == 1:
            for shard in shards:
                self._collect_shard(shard)
        else:
            for future in [self._executor.submit(self._collect_shard, shard) for shard in shards]:
                future.result()
        self._store.require_finite()

    @torch.no_grad()
    def close(self, student: Student, gamma: float) -> tuple[ClosedDecisions, OpenDecisions]:
        """The decisions closed in the rollout, and those left open, which `Experience.carry` moves on."""
        experience, store = student.experience, self._store
        g, last = experience.group, store.num_steps + 1
        mine = np.concatenate([play.played_by(student.actor, g) for play in self._plays])
        next_acting = store.acting[g][last].numpy() & mine
        next_values = torch.zeros(experience.num_seats)
        seats = _all_or(next_acting)
        everyone = slice(0, len(next_acting))
        is_start = np.concatenate([play.starting[g] for play in self._plays])
        if next_acting.any():
            starts = torch.from_numpy(is_start.reshape(-1))
            values, _ = student.values(store, last, everyone, seats, starts if seats is None else starts[seats])
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

    def _collect_shard(self, shard: int) -> None:
        play, copies = self._plays[shard], self._shards[shard]
        outputs = self._store.outputs[shard]
        play.world.bind(outputs[1])
        with torch.no_grad():
            for step in range(self._store.num_steps):
                for decided in play.decide():
                    student = self._students.get(id(decided.part.policy))
                    if student is not None:
                        self._record(student, decided, step, copies)
                play.world.bind(outputs[step + 2])
                reached = play.advance()
                if any(edges.any() for edges in reached.truncations):
                    self._value_truncated(play, step, copies)
                if reached.ended.any():
                    play.world.bind(self._store.fresh[shard][step + 2])
                    play.reset_ended()
                    play.world.bind(outputs[step + 2])

    def _record(self, student: Student, decided: Decided, step: int, copies: slice) -> None:
        experience = student.experience
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
        values, memory = student.values(self._store, 1 + step, copies, seats, decided.is_start)
        experience.actions[at] = decided.decision.actions
        experience.logprob[at] = decided.decision.logprob
        experience.values[at] = values
        if student.policy.actor.memory_size or student.policy.critic.memory_size:
            experience.is_start[at] = decided.is_start
            experience.actor_memory[at] = decided.memory_in
            if student.policy.critic.memory_size:
                experience.critic_memory[at] = student.memory[own]
                student.memory[own] = memory

    def _value_truncated(self, play: Play, step: int, copies: slice) -> None:
        """V(final_obs), before a reset overwrites it, and who sat there."""
        for student in self._students.values():
            experience = student.experience
            truncated = self._store.truncations[experience.group][step + 2, copies].numpy()
            if truncated.any():
                truncated = truncated & play.played_by(student.actor, experience.group)
            if not truncated.any():
                continue
            final = experience.final_values[step, copies]
            seats = _all_or(truncated)
            if seats is not None:
                seats += copies.start * truncated.shape[1]
            # Nothing starts at a final obs: memory goes on from the seat's last decision.
            is_start = torch.zeros(int(truncated.sum()), dtype=torch.bool)
            values, _ = student.values(self._store, step + 2, copies, seats, is_start)
            if not torch.isfinite(values).all():
                raise WorldError(f"world {self._store.spec.id!r} ended an episode with obs that have no finite value")
            if seats is None:
                final.copy_(values.view(final.shape))
            else:
                final.view(-1)[seats - copies.start * truncated.shape[1]] = values


def _all_or(seats: Array) -> Tensor | None:
    """None where every seat is meant, else the flat indices of those that are."""
    return None if seats.all() else torch.from_numpy(np.flatnonzero(seats))
