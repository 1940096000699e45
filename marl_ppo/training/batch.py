"""A rollout's closed decisions, ready to learn from, and how an epoch splits them into minibatches.

flat index  of a decision: `row * S + seat` (training/rollout.py)
unit        a copy at a step, whose shared critic input serves all its agents: `row * N + n`; behind those, one unit for
            each carried decision
item        what an epoch shuffles and never splits: a unit, a decision, or a chunk of a seat's decisions

Minibatches are near-equal splits of the items; nothing is dropped and nothing need divide.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from marl_ppo.ppo.advantages import generalized_advantage, valid_slots
from marl_ppo.ppo.decisions import ClosedDecisions
from marl_ppo.training.rollout import Experience, StepStore

AdvantageEstimator = Callable[..., tuple[Tensor, Tensor]]
"""called as `marl_ppo.ppo.advantages.generalized_advantage` is"""


class Minibatch(NamedTuple):
    """Decisions to take one gradient step on."""

    rows: Tensor
    """int64 [B] flat indices, or [L, C] for C chunks of L decisions"""
    valid: Tensor | None
    """bool [L, C]: False is padding; None where all are decisions"""
    units: Tensor | None
    """int64 [U]: where the critic runs once per copy"""
    positions: Tensor | None
    """int64 [B]: each decision's place in `units`; None where every unit has all its agents, in order"""

    @property
    def size(self) -> int:
        """Decisions in it."""
        return self.rows.numel() if self.valid is None else int(self.valid.sum())

    def to(self, device: torch.device) -> "Minibatch":
        """The same on `device`."""
        return Minibatch(*(None if field is None else field.to(device) for field in self))  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Fields by flat index; only the rows of closed decisions mean anything."""

    num_envs: int
    num_agents: int
    obs: Tensor
    """[F, d]"""
    shared: Tensor | None
    """[units, size]: the shared critic input"""
    agent_index: Tensor
    """int64 [S]: of each seat"""
    action_mask: Tensor | None
    """bool [F, K]"""
    actions: Tensor
    logprob: Tensor
    values: Tensor
    is_start: Tensor
    actor_memory: Tensor
    critic_memory: Tensor
    advantages: Tensor
    returns: Tensor
    rows: Tensor
    """int64 [D, S]: each seat's closed decisions in order, in the first `counts` slots"""
    counts: Tensor
    """int64 [S]"""
    dense: bool
    """whether every seat decided at every step and nothing was carried"""

    def to(self, device: torch.device) -> "Batch":
        """The same on `device`."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        moved: dict[str, Any] = {name: value.to(device) for name, value in own.items() if isinstance(value, Tensor)}
        return replace(self, **moved)

    @property
    def num_seats(self) -> int:
        """S"""
        return self.num_envs * self.num_agents

    def unit_of(self, rows: Tensor) -> Tensor:
        """The unit of each decision: carried ones have one each, behind those of all rows."""
        return torch.where(rows < self.num_seats, rows + len(self.returns) // self.num_agents, rows // self.num_agents)

    @cached_property
    def is_decision(self) -> Tensor:
        """bool [F]: which flat indices hold one."""
        found = torch.zeros(len(self.returns), dtype=torch.bool)
        found[self.valid_rows] = True
        return found

    @cached_property
    def valid_rows(self) -> Tensor:
        """int64 [B]: the flat indices of all decisions."""
        return self.rows[valid_slots(self.counts, len(self.rows))]


def make_batch(
    store: StepStore,
    experience: Experience,
    closed: ClosedDecisions,
    shared: str | None,
    *,
    gamma: float,
    gae_lambda: float,
    estimator: AdvantageEstimator = generalized_advantage,
) -> Batch:
    """Advantages and returns for the closed decisions, laid beside what was recorded."""
    experience.lay_out(store)
    num_envs, num_agents = experience.num_envs, experience.num_agents
    seats = num_envs * num_agents
    counts = torch.from_numpy(closed.counts).flatten()
    rows, rewards, durations, values, next_values, terminations, truncations = (
        torch.from_numpy(field).flatten(1) for field in closed[1:]
    )
    dense = bool((counts == store.num_steps).all()) and not experience.open.open.any()
    advantages, returns = estimator(
        rewards,
        None if dense else durations,
        values,
        next_values,
        terminations,
        truncations,
        gamma=gamma,
        gae_lambda=gae_lambda,
        counts=None if dense else counts,
    )
    shared_inputs = None
    if shared is not None:
        shared_inputs = store.shared_at(shared, slice(0, -num_envs))
        if experience.open.open.any():
            shared_inputs = torch.cat([shared_inputs, experience.open_shared])
    mask = store.action_mask[experience.group]
    return Batch(
        num_envs=num_envs,
        num_agents=num_agents,
        obs=store.seats_obs(experience.group),
        agent_index=torch.tensor(store.spec.groups[experience.group].agent_index).repeat(num_envs),
        shared=shared_inputs,
        action_mask=None if mask is None else mask.flatten(0, 2),
        advantages=_by_flat_index(advantages, rows, counts, seats, store.num_steps, dense),
        returns=_by_flat_index(returns, rows, counts, seats, store.num_steps, dense),
        rows=rows,
        counts=counts,
        dense=dense,
        **experience.decision_fields(),
    )


def copy_steps(batch: Batch, shuffle: torch.Generator, num_minibatches: int) -> Iterator[Minibatch]:
    """Shuffle units: for a critic that runs once per copy."""
    agents, first = batch.num_agents, batch.num_envs
    columns = torch.arange(agents)
    if batch.dense:
        steps = batch.rows.shape[0] * batch.num_envs
        for part in torch.randperm(steps, generator=shuffle).tensor_split(num_minibatches):
            units = part + first
            yield Minibatch((units.unsqueeze(1) * agents + columns).flatten(), None, units, None)
        return
    is_valid = batch.is_decision.clone()
    carried = torch.nonzero(is_valid[: first * agents]).flatten()
    behind = len(is_valid) // agents  # the units of carried decisions follow those of all rows
    is_valid[: first * agents] = False
    items = torch.cat([torch.nonzero(is_valid.view(-1, agents).any(1)).flatten(), carried + behind])
    for part in items[torch.randperm(len(items), generator=shuffle)].tensor_split(num_minibatches):
        single = part >= behind
        candidates = torch.where(single, 0, part).unsqueeze(1) * agents + columns
        chosen = is_valid[candidates] & ~single.unsqueeze(1)
        alone = torch.nonzero(single).flatten()
        yield Minibatch(
            torch.cat([candidates[chosen], part[alone] - behind]),
            None,
            part,
            torch.cat([torch.nonzero(chosen)[:, 0], alone]),
        )


def decisions(batch: Batch, shuffle: torch.Generator, num_minibatches: int) -> Iterator[Minibatch]:
    """Shuffle single decisions: for a critic that runs once per seat, and no memory."""
    rows = batch.valid_rows
    for part in torch.randperm(len(rows), generator=shuffle).tensor_split(num_minibatches):
        yield Minibatch(rows[part], None, None, None)


def chunks(batch: Batch, shuffle: torch.Generator, num_minibatches: int, length: int) -> Iterator[Minibatch]:
    """Shuffle chunks of `length` successive decisions of a seat: for policies with memory."""
    slots = -(-len(batch.rows) // length)
    padded = torch.nn.functional.pad(batch.rows, (0, 0, 0, slots * length - len(batch.rows)))
    valid = valid_slots(batch.counts, slots * length)
    # [L, slots * S]: one column a chunk
    padded = padded.view(slots, length, -1).transpose(0, 1).flatten(1)
    valid = valid.view(slots, length, -1).transpose(0, 1).flatten(1)
    padded = torch.where(valid, padded, padded[0])  # padding stands for a decision that there is
    filled = torch.nonzero(valid[0]).flatten()
    for part in filled[torch.randperm(len(filled), generator=shuffle)].tensor_split(num_minibatches):
        yield Minibatch(padded[:, part], valid[:, part], None, None)


def halves(minibatch: Minibatch, parts: int) -> list[Minibatch]:
    """The minibatch in near-equal parts, for as many threads; empty ones are left out."""
    if parts == 1:
        return [minibatch]
    if minibatch.valid is not None:
        pairs = zip(minibatch.rows.tensor_split(parts, 1), minibatch.valid.tensor_split(parts, 1), strict=True)
        return [Minibatch(rows, valid, None, None) for rows, valid in pairs if rows.numel()]
    if minibatch.units is None:
        return [Minibatch(rows, None, None, None) for rows in minibatch.rows.tensor_split(parts) if len(rows)]
    if minibatch.positions is not None:
        bounds = [len(units) for units in minibatch.units.tensor_split(parts)]
        place = torch.bucketize(minibatch.positions, torch.tensor(bounds).cumsum(0), right=True)
        return [
            Minibatch(minibatch.rows[mine], None, units, minibatch.positions[mine] - sum(bounds[:part]))
            for part, units in enumerate(minibatch.units.tensor_split(parts))
            if (mine := place == part).any()
        ]
    agents = len(minibatch.rows) // len(minibatch.units)
    return [
        Minibatch(rows.flatten(), None, units, None)
        for units, rows in zip(
            minibatch.units.tensor_split(parts), minibatch.rows.view(-1, agents).tensor_split(parts), strict=True
        )
        if len(units)
    ]


def _by_flat_index(values: Tensor, rows: Tensor, counts: Tensor, seats: int, steps: int, dense: bool) -> Tensor:
    if dense:
        return torch.cat([torch.zeros(1, seats), values]).flatten()
    flat = torch.zeros((steps + 1) * seats)
    valid = valid_slots(counts, len(rows))
    flat[rows[valid]] = values[valid]
    return flat
