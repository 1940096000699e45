"""What a manager may ask of a worker, and when that is done. All of it is read from what the worker sees.

chosen   what the manager decided: an action of the space's `action`
shown    what the worker is told of it, `size` numbers that may change with its obs, such as the way that is left
reached  the worker is there: its manager decides anew

Obs are flat rows [B, d], before and after a step. Rows of seats that are no more alive after it are zeros.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from gymnasium import spaces
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from marl_ppo.agents.place_reader import PlaceReader
from marl_ppo.envs.world import ActionSpace, Group
from marl_ppo.errors import ConfigError
from marl_ppo.ppo.intrinsic import progress

PROGRESS = 0.1
"""what a worker is paid for a cell's width nearer to its subgoal; reaching it pays 1"""


class SubgoalSpace(Protocol):
    """A kind of subgoals of one group, made by `callable(group)`.

    Rows never influence one another, and obs are left as they are. Rows may be asked about whose obs are of two episodes; what
    `reached` and `reward` tell of those is not looked at.

    Frozen players whose spaces are equal (==) are played together with the space of one of them, so what answers
    differently must not be equal.
    """

    action: ActionSpace
    """what the manager chooses from, as an action"""
    masked: bool
    """whether some may be impossible"""
    size: int
    """numbers that the worker is shown"""

    def legal(self, obs: Float[Tensor, "B d"]) -> Bool[Tensor, "B K"]:
        """Which may be chosen; only asked for where `masked`."""

    def shown(self, chosen: Tensor, obs: Float[Tensor, "B d"]) -> Float[Tensor, "B size"]:
        """What the worker is told, within [-2, 2]."""

    def reached(self, chosen: Tensor, obs: Float[Tensor, "B d"]) -> Bool[Tensor, " B"]:
        """Whether nothing is left to do, as far as obs tell."""

    def reward(self, chosen: Tensor, before: Float[Tensor, "B d"], after: Float[Tensor, "B d"]) -> Float[Tensor, " B"]:
        """What a worker that pursues it is paid for one step: about 1 for reaching it."""

    def place(self, chosen: Tensor, obs: Float[Tensor, "B d"]) -> Float[Tensor, "B 2"]:
        """Where it is, in the units of `Whereabouts`, to be drawn; NaN where it is nowhere."""


@runtime_checkable
class Located(Protocol):
    """Subgoals that lie somewhere, so that who knows the way can name one."""

    def on_the_way(self, way: Float[Tensor, "B W 2"], obs: Float[Tensor, "B d"]) -> Tensor:
        """The one to pursue next of a way, which is W places in the units of `Whereabouts`."""


@runtime_checkable
class Named(Protocol):
    """Subgoals of one of some that can be told in words, to those who watch."""

    names: Sequence[str]
    """of each that may be chosen, by its number"""


@runtime_checkable
class Learned(Protocol):
    """Subgoals that pay by what was learned of them, from rollout to rollout. Those who play need none of that."""

    def learn(self, chosen: Tensor, after: Float[Tensor, "B d"]) -> None:
        """These were pursued in a rollout, by steps that led to these obs."""

    def state(self) -> dict[str, Tensor]:
        """All that was learned."""

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a `state()`."""


@dataclass
class Places:
    """A cell of the world (absolute subgoals): paid for coming nearer, and for being there."""

    group: Group
    masked = False
    size = 4

    def __post_init__(self) -> None:
        self._read = PlaceReader.of(self.group, "place")
        columns, lines = self._read.whereabouts.cells
        self.action: ActionSpace = spaces.Discrete(columns * lines)
        middles = ((2 * torch.arange(count) + 1) / count - 1 for count in (lines, columns))
        self._places = torch.stack(torch.meshgrid(*middles, indexing="ij")[::-1], -1).view(-1, 2)
        """of every cell, line by line from below"""

    def legal(self, obs: Float[Tensor, "B d"]) -> Bool[Tensor, "B K"]:
        """All of them."""
        return torch.ones(len(obs), math.prod(self._read.whereabouts.cells), dtype=torch.bool)

    def shown(self, chosen: Tensor, obs: Float[Tensor, "B d"]) -> Float[Tensor, "B 4"]:
        """Where it is, and the way there."""
        place = self.place(chosen, obs)
        return torch.cat([place, place - self._read.own(obs)], -1)

    def reached(self, chosen: Tensor, obs: Float[Tensor, "B d"]) -> Bool[Tensor, " B"]:
        """In the cell."""
        return self._read.is_near(self.place(chosen, obs) - self._read.own(obs))

    def reward(self, chosen: Tensor, before: Float[Tensor, "B d"], after: Float[Tensor, "B d"]) -> Float[Tensor, " B"]:
        """See `SubgoalSpace`."""
        place, scale = self.place(chosen, before), self._read.cells
        nearer = progress(scale * self._read.own(before), scale * self._read.own(after), scale * place)
        return PROGRESS * nearer + self.reached(chosen, after).float()

    def place(self, chosen: Tensor, obs: Float[Tensor, "B d"]) -> Float[Tensor, "B 2"]:
        """The middle of the cell."""
        return self._places[chosen]

    def on_the_way(self, way: Float[Tensor, "B W 2"], obs: Float[Tensor, "B d"]) -> Int64[Tensor, " B"]:
        """The last place."""
        return self._read.cell_of(way[:, -1])


@dataclass
class Things:
    """A named thing, such as a key (object goals; Kulkarni et al. 2016, arXiv:1604.06057): paid for reaching it.

    A thing that is taken when it is reached is reached where it is gone after the step that led there.
    """

    group: Group
    masked = True

    def __post_init__(self) -> None:
        self._read = PlaceReader.of(self.group, "thing", of_things=True)
        self.names = tuple(self._read.things)
        self.action: ActionSpace = spaces.Discrete(len(self.names))
        self.size = len(self.names) + 2
        self._tokens = torch.eye(len(self.names))

    def legal(self, obs: Float[Tensor, "B d"]) -> Bool[Tensor, "B K"]:
        """Those that are known to be there; all of them where none is."""
        _, known = self._read.ways(obs)
        return known | ~known.any(-1, keepdim=True)

    def shown(self, chosen: Tensor, obs: Float[Tensor, "B d"]) -> Float[Tensor, "B size"]:
        """Which it is, and the way there."""
        way, _ = self._read.way(chosen, obs)
        return torch.cat([self._tokens[chosen], way], -1)

    def reached(self, chosen: Tensor, obs: Float[Tensor, "B d"]) -> Bool[Tensor, " B"]:
        """At it, or it is not there any more."""
        way, known = self._read.way(chosen, obs)
        return ~known | self._read.is_near(way)

    def reward(self, chosen: Tensor, before: Float[Tensor, "B d"], after: Float[Tensor, "B d"]) -> Float[Tensor, " B"]:
        """See `SubgoalSpace`."""
        (way, known), (left, still_known) = self._read.way(chosen, before), self._read.way(chosen, after)
        far = self._read.length(way)
        nearer = far - self._read.length(left)
        taken = ~still_known & (far < 1.5)
        there = (still_known & self._read.is_near(left)) | taken
        return torch.where(known, PROGRESS * torch.where(still_known, nearer, 0.0) + there.float(), 0.0)

    def place(self, chosen: Tensor, obs: Float[Tensor, "B d"]) -> Float[Tensor, "B 2"]:
        """Where it is."""
        way, known = self._read.way(chosen, obs)
        return torch.where(known.unsqueeze(-1), self._read.own(obs) + way, torch.nan)

    def on_the_way(self, way: Float[Tensor, "B W 2"], obs: Float[Tensor, "B d"]) -> Int64[Tensor, " B"]:
        """See `PlaceReader.thing_on`."""
        return self._read.thing_on(way, obs)


class Endless:
    """What all subgoals share that are pursued until time is up: one of some, that lies nowhere."""

    masked = False

    def __init__(self, action: spaces.Discrete, kind: str) -> None:
        self.action: ActionSpace = action
        self.size = int(action.n)
        self.names = tuple(f"{kind} {number}" for number in range(self.size))
        self._tokens = torch.eye(self.size)

    def legal(self, obs: Float[Tensor, "B d"]) -> Bool[Tensor, "B K"]:
        """All of them."""
        return torch.ones(len(obs), self.size, dtype=torch.bool)

    def shown(self, chosen: Tensor, obs: Float[Tensor, "B d"]) -> Float[Tensor, "B K"]:
        """Which it is."""
        return self._tokens[chosen]

    def reached(self, chosen: Tensor, obs: Float[Tensor, "B d"]) -> Bool[Tensor, " B"]:
        """Never."""
        return torch.zeros(len(obs), dtype=torch.bool)

    def place(self, chosen: Tensor, obs: Float[Tensor, "B d"]) -> Float[Tensor, "B 2"]:
        """Nowhere."""
        return torch.full((len(obs), 2), torch.nan)


class Actions(Endless):
    """An action of the world, which is done until the option is over: action repeat, or frame skip (Mnih et al. 2015).

    What pursues it has nothing to learn: see `Repeating`.
    """

    def __init__(self, group: Group) -> None:
        if group.masked or not isinstance(group.action, spaces.Discrete):
            raise ConfigError(
                f"subgoals 'action' are of discrete actions that are always legal, not {group.action} of {group.name!r}"
            )
        super().__init__(group.action, "action")

    def reward(self, chosen: Tensor, before: Float[Tensor, "B d"], after: Float[Tensor, "B d"]) -> Float[Tensor, " B"]:
        """Nothing: nobody needs to be paid."""
        return torch.zeros(len(before))
