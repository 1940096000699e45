"""The one loop that steps worlds with policies: training, evaluation and matches all drive a `Play`.

seating  per group, which policy plays each seat: int64 [N, A], an index into the policies. It changes only where a copy
         starts an episode
part     what acts as one in one group: a policy, or all that are members of one stack; the unit of a batched `act`
decision a moment at which a policy acts; a seat that waits or is dead makes none

A step is `decide()`, `advance()`, `reset_ended()`; `step()` does the three. Between them the caller may look at what
was decided, and at the true last arrays of the copies that ended.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from marl_ppo.agents.observations import flat_obs
from marl_ppo.agents.policy import Decision, MindsMates, Obs, Policy, Team
from marl_ppo.agents.stacked import Member, Stack
from marl_ppo.envs.seeds import fill_action_noise
from marl_ppo.envs.world import Array, Group, Outputs, World
from marl_ppo.errors import ConfigError

SeedSource = Callable[[Array, Array], Array]
"""(copies, episodes) → uint64 seeds, elementwise: which episode a copy plays next"""
SeatingSource = Callable[[Array, Array], Sequence[Array]]
"""(copies, episodes), int64 [C] each → per group int64 [C, A]: who plays the episodes that these copies start"""
ParamSource = Callable[[], Mapping[str, float]]
"""the world's params for the episodes that start now, by name"""


class Observer(Protocol):
    """Watches a play. Arrays are valid only during the call."""

    def on_reset(self, where: Array, outputs: Outputs) -> None:
        """Episodes have just started in the copies `where`."""

    def on_step(self, outputs: Outputs, actions: Sequence[Array]) -> None:
        """Every copy was stepped with `actions`, per group [N, A, ...]; `outputs` are the true last arrays."""

    def on_end(self, where: Array, outputs: Outputs) -> None:
        """The copies `where` are over; metrics and outcomes are final."""


class Decided(NamedTuple):
    """What one part decided at one step."""

    part: "Part"
    rows: Tensor | None
    """int64 [B], flat n*A + a of the seats that acted; None means all N*A, in order"""
    obs: Obs
    """what they saw; valid until the world is stepped"""
    is_start: Tensor
    """bool [B]"""
    memory_in: Tensor
    """float32 [B, M]: memory before the decision"""
    decision: Decision


@dataclass(slots=True)
class Part:
    """What acts as one in a group."""

    policy: Policy | Stack
    unit: int
    """number of that policy in the play"""
    greedy: bool
    group: int
    noise: Array
    """float32 [N, A, H]"""


class Play:
    """N copies of a world and the policies that play them."""

    def __init__(
        self,
        world: World,
        policies: Sequence[Policy],
        seating: Sequence[Array] | SeatingSource,
        seeds: SeedSource,
        *,
        greedy: Sequence[bool] | bool = False,
        observers: Sequence[Observer] = (),
        params: ParamSource = dict,
    ) -> None:
        """`seating` is one that stays, or gives the seats of every episode anew."""
        self.world = world
        self.observers = tuple(observers)
        self._seeds, self._params = seeds, params
        self._draw_seats = seating if callable(seating) else None
        self._copies = np.arange(world.num_envs)
        self.episode = np.zeros(world.num_envs, np.int64)
        """number of the episode each copy plays"""
        self._groups = [_Table.of(g, world) for g in range(len(world.spec.groups))]
        shapes = [table.shape for table in self._groups]
        self.seats = tuple(np.zeros(shape, np.int64) for shape in shapes)
        """int64 [N, A]: the seating of the episode each copy plays"""
        self.decisions = tuple(np.zeros(shape, np.int64) for shape in shapes)
        """decisions each seat has made in its episode"""
        self.starting = tuple(np.ones(shape, bool) for shape in shapes)
        """bool [N, A]: whether a seat's next decision is the first of its stream: of the episode, or since it came back"""
        self.memory = [torch.zeros(seats.size, 0) for seats in self.seats]
        """float32 [N * A, M]: of each seat's policy, in as many columns as the policy has"""
        self.actions: tuple[Array, ...] = tuple(
            np.zeros((world.num_envs, len(g.agents), *g.action_shape), g.action_dtype) for g in world.spec.groups
        )
        self._actions_flat = tuple(torch.from_numpy(actions).flatten(0, 1) for actions in self.actions)
        if not callable(seating):
            _check(world, seating)
        self.cast(policies, greedy, None if callable(seating) else seating)

    def cast(
        self, policies: Sequence[Policy], greedy: Sequence[bool] | bool = False, seats: Sequence[Array] | None = None
    ) -> None:
        """Exchange the policies; `seats` says by the new places who plays the running episodes, where places changed.

        Who plays a seat must stay the same until its episode ends: the memory at the seat is its own.
        """
        self.policies = tuple(policies)
        greedy = [greedy] * len(policies) if isinstance(greedy, bool) else list(greedy)
        self._units: list[tuple[Policy | Stack, bool]] = []
        self._unit_of = np.zeros(len(policies), np.int64)
        self._member_of = torch.zeros(len(policies), dtype=torch.int64)
        self._parts: dict[tuple[int, int], Part] = {}
        places: dict[tuple[int, bool], int] = {}
        for p, policy in enumerate(policies):
            unit = policy.stack if isinstance(policy, Member) else policy
            self._unit_of[p] = places.setdefault((id(unit), greedy[p]), len(places))
            self._member_of[p] = policy.number if isinstance(policy, Member) else 0
            if len(self._units) < len(places):
                self._units.append((unit, greedy[p]))
        width = max((unit.memory_size for unit, _ in self._units), default=0)
        self.memory = [_widened(memory[:, :width], width) for memory in self.memory]
        if seats is not None:
            for own, given in zip(self.seats, seats, strict=True):
                own[...] = given
        self._seated = [self._units_in(g) for g in range(len(self.seats))]

    def start(self) -> None:
        """Begin the first episode in every copy."""
        self._reset(np.ones(self.world.num_envs, bool))

    @torch.no_grad()
    def decide(self) -> list[Decided]:
        """Let every seat whose turn it is choose its action."""
        outputs = self.world.outputs
        decided = []
        for g, acting in enumerate(outputs.acting):
            units, present = self._seated[g] if self._draw_seats is None else self._units_in(g)
            for u in present:
                among = acting if len(present) == 1 else acting & (units == u)
                if among.any():
                    decided.append(self._decide(self._part(g, u), outputs, among))
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
            observer.on_step(outputs, self.actions)
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
        found |= {f"seats.{g}": seats for g, seats in enumerate(self.seats)}
        return found | {f"memory.{g}": memory.numpy() for g, memory in enumerate(self.memory)}

    def played_by(self, policy: Policy, group: int) -> Array:
        """bool [N, A]: the seats of a group that a policy plays now."""
        places = [p for p, other in enumerate(self.policies) if other is policy]
        return np.isin(self.seats[group], places)

    def _reset(self, where: Array) -> None:
        if self._draw_seats is not None:
            copies = np.flatnonzero(where)
            for seats, drawn in zip(self.seats, self._draw_seats(copies, self.episode[copies]), strict=True):
                seats[copies] = drawn
        outputs = self.world.reset(self._seeds(self._copies, self.episode), where, self._params())
        for count, starting in zip(self.decisions, self.starting, strict=True):
            count[where], starting[where] = 0, True
        for observer in self.observers:
            observer.on_reset(where, outputs)

    def _units_in(self, group: int) -> tuple[Array, list[int]]:
        """(which unit plays each seat [N, A], all that do)."""
        units = self._unit_of[self.seats[group]]
        return units, np.unique(units).tolist()

    def _part(self, group: int, unit: int) -> Part:
        if (group, unit) not in self._parts:
            policy, greedy = self._units[unit]
            shape = (*self._groups[group].shape, policy.noise_size)
            self._parts[group, unit] = Part(policy, unit, greedy, group, np.full(shape, 0.5, np.float32))
        return self._parts[group, unit]

    def _decide(self, part: Part, outputs: Outputs, among: Array) -> Decided:
        """`among` bool [N, A]: the part's seats that act."""
        g, table = part.group, self._groups[part.group]
        if part.policy.noise_size:
            fill_action_noise(part.noise, self.world.seeds, self.decisions[g], table.first_seat)
        rows = None if among.all() else torch.from_numpy(np.flatnonzero(among))
        mask = outputs.action_mask[g]
        obs: Obs = {leaf: _take(array, rows) for leaf, array in outputs.obs[g].items()}
        # A copy: it is looked at after the seats have decided.
        is_start = _take(self.starting[g], rows).clone()
        width = part.policy.memory_size
        memory = self.memory[g][:, :width] if rows is None else self.memory[g][rows, :width]
        policy = part.policy
        if isinstance(policy, Stack):
            policy = policy.of(self._member_of[_take(self.seats[g], rows)])
        if isinstance(policy, MindsMates) and policy.minds_mates:
            obs = {**obs, **policy.of_mates(self._team(part, rows))}
        decision = policy.act(
            obs,
            None if mask is None else _take(mask, rows),
            table.agent_index if rows is None else table.agent_index[rows],
            is_start,
            memory,
            _take(part.noise, rows),
            part.greedy,
        )
        actions = decision.actions
        if table.bounds is not None:
            actions = actions.clamp(*table.bounds)
        if rows is None:
            self._actions_flat[g].copy_(actions)
        else:
            self._actions_flat[g][rows] = actions
        if width:
            # A new tensor, since `memory_in` of an earlier step may still be looked at.
            after = _widened(decision.memory, self.memory[g].shape[1])
            self.memory[g] = after if rows is None else self.memory[g].index_copy(0, rows, after)
        return Decided(part, rows, obs, is_start, memory, decision)

    def _team(self, part: Part, rows: Tensor | None) -> Team:
        """What all seats of a group show, to those of its seats who decide and mind their mates."""
        g = part.group
        everybody = flat_obs({leaf: _take(array, None) for leaf, array in self.world.outputs.obs[g].items()})
        others = torch.from_numpy(self._unit_of[self.seats[g]] != part.unit).flatten()
        silent = others | _take(self.starting[g], None)
        deciding = torch.arange(len(everybody)) if rows is None else rows
        return Team(everybody, self.memory[g][:, : part.policy.memory_size], silent, deciding)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """What does not change about a group's seats."""

    shape: tuple[int, int]
    """(N, A)"""
    first_seat: int
    agent_index: Tensor
    """int64 [N * A]"""
    bounds: tuple[Tensor, Tensor] | None
    """(low, high) [D] that continuous actions are clipped to"""

    @classmethod
    def of(cls, g: int, world: World) -> "_Table":
        groups: tuple[Group, ...] = world.spec.groups
        space = groups[g].action
        return cls(
            shape=(world.num_envs, len(groups[g].agents)),
            first_seat=sum(len(group.agents) for group in groups[:g]),
            agent_index=torch.tensor(groups[g].agent_index).repeat(world.num_envs),
            bounds=(torch.from_numpy(space.low), torch.from_numpy(space.high)) if isinstance(space, spaces.Box) else None,
        )


def _take(array: Array, rows: Tensor | None) -> Tensor:
    flat = torch.from_numpy(array).flatten(0, 1)
    return flat if rows is None else flat[rows]


def _widened(memory: Tensor, width: int) -> Tensor:
    """Memory [B, M] in no less than `width` columns."""
    missing = width - memory.shape[1]
    return torch.nn.functional.pad(memory, (0, missing)) if missing > 0 else memory


def _check(world: World, seating: Sequence[Array]) -> None:
    for g, group in enumerate(world.spec.groups):
        if seating[g].shape != (shape := (world.num_envs, len(group.agents))):
            raise ConfigError(f"the seating of group {group.name!r} must be [N, A] = {shape}, got {seating[g].shape}")
