"""Many frozen players of one architecture as one: their weights stacked, their rows in one batched forward.

member   one of K policies; each row of a batch is played by one of them

Rows are laid out in blocks that belong to a single member each, so that members may have very different numbers of rows
and little is computed for nobody. Hierarchies are stacked level by level. What a member decides is what it would decide
alone, to the rounding of matrix products.
"""

import copy
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import functional_call

from marl_ppo.agents.actor_critic import Actor
from marl_ppo.agents.hierarchy import HierarchicalActor
from marl_ppo.agents.observations import flat_obs
from marl_ppo.agents.policy import Decision, Obs, Policy

BLOCK = 16
"""rows of a block: few members have less, and a matrix product gains little from more"""
MANY = 48
"""rows that members have on average above which each has its forward in turn: it costs less than blocks"""


class Stack(ABC):
    """K policies of one architecture whose weights never change."""

    noise_size: int
    """see `Policy`"""
    memory_size: int
    """see `Policy`"""

    @abstractmethod
    def of(self, members: Tensor) -> Policy:
        """The policy that plays row b of a batch as member `members[b]` (int64 [B]) does."""


class StackedActors(Stack):
    """The stack that serves every architecture of actors."""

    def __init__(self, actors: Sequence[Actor]) -> None:
        self._head = actors[0].head
        self._template = copy.deepcopy(actors[0])
        # Whoever calls a module with other weights has to have it alone.
        self._own = threading.local()
        states = [dict(actor.named_parameters()) | dict(actor.named_buffers()) for actor in actors]
        self._state = {name: torch.stack([state[name].detach() for state in states]) for name in states[0]}
        self.noise_size = actors[0].noise_size
        self.memory_size = actors[0].memory_size

    def of(self, members: Tensor) -> Policy:
        """See `Stack.of`."""
        return _Rows(self, members)

    def params(
        self, obs: Tensor, agent_index: Tensor, is_start: Tensor, memory: Tensor, members: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Parameters of the action distributions [B, P], and memory [B, M]."""
        given = (obs, agent_index, is_start, memory)
        present, counts = members.unique(return_counts=True)
        if len(members) <= MANY * len(present):
            blocks = _blocks(members)
            weights = {name: tensor[blocks.members] for name, tensor in self._state.items()}
            params, memory = torch.vmap(self._one)(weights, *(tensor[blocks.rows] for tensor in given))
            return params.flatten(0, 1)[blocks.places], memory.flatten(0, 1)[blocks.places]
        order = torch.argsort(members, stable=True)
        answers = [
            self._one({name: tensor[member] for name, tensor in self._state.items()}, *(tensor[rows] for tensor in given))
            for member, rows in zip(present, order.split(counts.tolist()), strict=True)
        ]
        params, memory = (torch.cat(parts)[torch.argsort(order)] for parts in zip(*answers, strict=True))
        return params, memory

    def sample(self, params: Tensor, noise: Tensor, mask: Tensor | None, greedy: bool) -> tuple[Tensor, Tensor]:
        """Actions and their log-probability [B]."""
        actions = self._head.sample(params, noise, mask, greedy)
        return actions, self._head.logprob_entropy(params, actions, mask)[0]

    def _one(
        self, weights: dict[str, Tensor], obs: Tensor, agent_index: Tensor, is_start: Tensor, memory: Tensor
    ) -> tuple[Tensor, Tensor]:
        if not hasattr(self._own, "skeleton"):
            self._own.skeleton = copy.deepcopy(self._template)
        found: tuple[Tensor, Tensor] = functional_call(self._own.skeleton, weights, (obs, agent_index, is_start, memory))
        return found


class StackedHierarchies(Stack):
    """The stack of hierarchies: one of their managers and one of their workers, in the same order."""

    def __init__(self, hierarchies: Sequence[HierarchicalActor], make: Callable[[Sequence[Actor]], Stack]) -> None:
        first = hierarchies[0]
        self.managers = _stack([one.manager for one in hierarchies], make)
        self.workers = _stack([one.worker for one in hierarchies], make)
        self.terms = first.terms
        self.noise_size, self.memory_size = first.noise_size, first.memory_size

    def of(self, members: Tensor) -> Policy:
        """See `Stack.of`."""
        return _HierarchyRows(self, members)


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One of a stack, as a policy of its own; whoever seats several of a stack lets them act together."""

    stack: Stack
    number: int

    @property
    def noise_size(self) -> int:
        """See `Policy`."""
        return self.stack.noise_size

    @property
    def memory_size(self) -> int:
        """See `Policy`."""
        return self.stack.memory_size

    def act(
        self,
        obs: Obs,
        action_mask: Tensor | None,
        agent_index: Tensor,
        is_start: Tensor,
        memory: Tensor,
        noise: Tensor,
        greedy: bool,
    ) -> Decision:
        """See `Policy.act`."""
        everyone = torch.full_like(agent_index, self.number)
        return self.stack.of(everyone).act(obs, action_mask, agent_index, is_start, memory, noise, greedy)


def stacked(policies: Sequence[Policy], make: Callable[[Sequence[Actor]], Stack] = StackedActors) -> list[Policy]:
    """The policies in the order given: those of one architecture in one stack, what cannot be stacked as it is."""
    found = list(policies)
    kinds: list[tuple[object, list[int]]] = []
    for place, policy in enumerate(policies):
        kind = _architecture(policy)
        if kind is None:
            continue
        # Compared, not hashed: subgoal spaces need not be hashable.
        alike = next((places for known, places in kinds if known == kind), None)
        if alike is None:
            kinds.append((kind, [place]))
        else:
            alike.append(place)
    for _, places in kinds:
        stack = _stack([policies[place] for place in places], make)
        for number, place in enumerate(places):
            found[place] = Member(stack, number)
    return found


@dataclass(frozen=True, slots=True)
class _Rows:
    """A stack whose members are told row by row."""

    stack: StackedActors
    members: Tensor

    @property
    def noise_size(self) -> int:
        return self.stack.noise_size

    @property
    def memory_size(self) -> int:
        return self.stack.memory_size

    def act(
        self,
        obs: Obs,
        action_mask: Tensor | None,
        agent_index: Tensor,
        is_start: Tensor,
        memory: Tensor,
        noise: Tensor,
        greedy: bool,
    ) -> Decision:
        params, memory = self.stack.params(flat_obs(obs), agent_index, is_start, memory, self.members)
        return Decision(*self.stack.sample(params, noise, action_mask, greedy), memory)


class _HierarchyRows(HierarchicalActor):
    """A stack of hierarchies whose members are told row by row."""

    def __init__(self, stack: StackedHierarchies, members: Tensor) -> None:
        super().__init__(stack.managers.of(members), stack.workers.of(members), **stack.terms)
        self._managers, self._members = stack.managers, members

    def manager_of(self, rows: Tensor) -> Policy:
        return self._managers.of(self._members[rows])


class _Blocks(NamedTuple):
    """How B rows lie in blocks of one member each."""

    members: Tensor
    """int64 [blocks]: whose a block is"""
    rows: Tensor
    """int64 [blocks, BLOCK]: the row at each place of a block; its own first one where it is not full"""
    places: Tensor
    """int64 [B]: where each row lies among all blocks' places"""


def _blocks(members: Tensor) -> _Blocks:
    order = torch.argsort(members, stable=True)
    present, counts = torch.unique_consecutive(members[order], return_counts=True)
    blocks = -(-counts // BLOCK)
    # What comes before each member: rows in the order, and places in the blocks.
    rows_before, places_before = counts.cumsum(0) - counts, (blocks.cumsum(0) - blocks) * BLOCK
    places_in_order = torch.arange(len(members)) + torch.repeat_interleave(places_before - rows_before, counts)
    places = torch.empty_like(order)
    places[order] = places_in_order
    owner = torch.repeat_interleave(torch.arange(len(present)), blocks)
    rows = order[rows_before[owner]].repeat_interleave(BLOCK)
    rows[places_in_order] = order
    return _Blocks(present[owner], rows.view(-1, BLOCK), places)


def _stack(alike: Sequence[Policy], make: Callable[[Sequence[Actor]], Stack]) -> Stack:
    """Of policies of one architecture."""
    if hierarchies := [one for one in alike if isinstance(one, HierarchicalActor)]:
        return StackedHierarchies(hierarchies, make)
    return make([one for one in alike if isinstance(one, Actor)])


def _architecture(policy: Policy) -> tuple[object, ...] | None:
    """What policies must share to be stacked; None for those that cannot be."""
    if isinstance(policy, HierarchicalActor):
        levels = _architecture(policy.manager), _architecture(policy.worker)
        return None if None in levels else (*levels, policy.terms)
    if not isinstance(policy, Actor):
        return None
    # The text of a module names its parts and their sizes; plain functions such as an activation are parts here, too.
    return (
        str(policy),
        type(policy),
        *((name, tensor.shape, tensor.dtype) for name, tensor in policy.state_dict(keep_vars=True).items()),
    )
