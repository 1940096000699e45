"""What a manager may ask of a worker, and when that is done. All of it is read from what the worker sees.

chosen   what the manager decided: an action of the space's `action`
shown    what the worker is told of it, `size` numbers that may change with its obs, such as the way that is left
reached  the worker is there: its manager decides anew

Obs are flat rows [B, d], before and after a step. Rows of seats that are no more alive after it are zeros.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from gymnasium import spaces
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from marl_ppo.envs.world import ActionSpace, Group, Thing, Whereabouts
from marl_ppo.errors import ConfigError
from marl_ppo.ppo.intrinsic import progress

PROGRESS = 0.1
"""what a worker is paid for a cell's width nearer to its subgoal; reaching it pays 1"""


class SubgoalSpace(Protocol):
    """A kind of subgoals of one group, made by `callable(group)`.

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


@dataclass
class Places:
    """A cell of the world (absolute subgoals): paid for coming nearer, and for being there."""

    group: Group
    masked = False
    size = 4

    def __post_init__(self) -> None:
        self._read = _Reader.of(self.group, "place")
        columns, lines = self._read.whereabouts.cells
        self.action: ActionSpace = spaces.Discrete(columns * lines)

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
        columns, lines = self._read.whereabouts.cells
        column, line = chosen % columns, torch.div(chosen, columns, rounding_mode="floor")
        return torch.stack([(2 * column + 1) / columns - 1, (2 * line + 1) / lines - 1], -1).to(obs)

    def on_the_way(self, way: Float[Tensor, "B W 2"], obs: Float[Tensor, "B d"]) -> Int64[Tensor, " B"]:
        """The last place."""
        columns, lines = self._read.whereabouts.cells
        x, y = way[:, -1].unbind(-1)
        column, line = ((x + 1) / 2 * columns).long(), ((y + 1) / 2 * lines).long()
        return line.clamp(0, lines - 1) * columns + column.clamp(0, columns - 1)


@dataclass
class Things:
    """A named thing, such as a key (object goals; Kulkarni et al. 2016, arXiv:1604.06057): paid for reaching it.

    A thing that is taken when it is reached is reached where it is gone after the step that led there.
    """

    group: Group
    masked = True

    def __post_init__(self) -> None:
        self._read = _Reader.of(self.group, "thing")
        if not self._read.things:
            raise ConfigError(f"subgoals 'thing' need things that obs tell of, which group {self.group.name!r} has none of")
        self.action: ActionSpace = spaces.Discrete(len(self._read.things))
        self.size = len(self._read.things) + 2

    def legal(self, obs: Float[Tensor, "B d"]) -> Bool[Tensor, "B K"]:
        """Those that are known to be there; all of them where none is."""
        _, known = self._read.ways(obs)
        return known | ~known.any(-1, keepdim=True)

    def shown(self, chosen: Tensor, obs: Float[Tensor, "B d"]) -> Float[Tensor, "B size"]:
        """Which it is, and the way there."""
        way, _ = self._way(chosen, obs)
        return torch.cat([torch.nn.functional.one_hot(chosen, len(self._read.things)).to(obs), way], -1)

    def reached(self, chosen: Tensor, obs: Float[Tensor, "B d"]) -> Bool[Tensor, " B"]:
        """At it, or it is not there any more."""
        way, known = self._way(chosen, obs)
        return ~known | self._read.is_near(way)

    def reward(self, chosen: Tensor, before: Float[Tensor, "B d"], after: Float[Tensor, "B d"]) -> Float[Tensor, " B"]:
        """See `SubgoalSpace`."""
        scale = self._read.cells
        (way, known), (left, still_known) = self._way(chosen, before), self._way(chosen, after)
        nearer = torch.linalg.vector_norm(scale * way, dim=-1) - torch.linalg.vector_norm(scale * left, dim=-1)
        # Half a cell's width of a cell is 1 here: a neighbouring cell is 2 away.
        taken = ~still_known & (torch.linalg.vector_norm(scale * way, dim=-1) < 1.5)
        there = (still_known & self._read.is_near(left)) | taken
        return torch.where(known, PROGRESS * torch.where(still_known, nearer, 0.0) + there.float(), 0.0)

    def place(self, chosen: Tensor, obs: Float[Tensor, "B d"]) -> Float[Tensor, "B 2"]:
        """Where it is."""
        way, known = self._way(chosen, obs)
        return torch.where(known.unsqueeze(-1), self._read.own(obs) + way, torch.nan)

    def on_the_way(self, way: Float[Tensor, "B W 2"], obs: Float[Tensor, "B d"]) -> Int64[Tensor, " B"]:
        """The first that lies on it; where none does, the nearest to its last place."""
        ways, known = self._read.ways(obs)
        apart = self._read.cells * (self._read.own(obs)[:, None, None] + ways[:, None] - way[:, :, None])
        lies_there = (apart.abs() < 0.5).all(-1) & known[:, None]
        met, first = lies_there.any(-1).max(-1)
        far = torch.linalg.vector_norm(apart[:, -1], dim=-1).masked_fill(~known & known.any(-1, keepdim=True), torch.inf)
        return torch.where(met, lies_there[torch.arange(len(obs)), first].int().argmax(-1), far.argmin(-1))

    def _way(self, chosen: Tensor, obs: Float[Tensor, "B d"]) -> tuple[Float[Tensor, "B 2"], Bool[Tensor, " B"]]:
        ways, known = self._read.ways(obs)
        rows = torch.arange(len(obs))
        return ways[rows, chosen], known[rows, chosen]


class _Reader:
    """Reads places from flat obs."""

    def __init__(self, whereabouts: Whereabouts, offset: int) -> None:
        self.whereabouts = whereabouts
        self.things: Mapping[str, Thing] = whereabouts.things
        self._own = offset + whereabouts.own
        self.cells = torch.tensor(whereabouts.cells, dtype=torch.float32) / 2
        """what makes a cell's width 1"""
        places = [offset + thing.place for thing in self.things.values()]
        self._ways = torch.tensor([[place, place + 1] for place in places], dtype=torch.int64).view(-1, 2)
        known = [thing.known for thing in self.things.values()]
        self._always = torch.tensor([index is None for index in known], dtype=torch.bool)
        self._known = torch.tensor([0 if index is None else offset + index for index in known], dtype=torch.int64)

    @classmethod
    def of(cls, group: Group, kind: str) -> "_Reader":
        """Raises ConfigError where obs tell no places."""
        if group.whereabouts is None:
            raise ConfigError(
                f"subgoals {kind!r} need obs that tell places, and those of group {group.name!r} do not: its world declares no "
                "whereabouts; use subgoals of a plugin, or --policy flat"
            )
        offset = 0
        for leaf, space in group.obs.items():
            if leaf == "vector":
                break
            offset += math.prod(space.shape)
        return cls(group.whereabouts, offset)

    def own(self, obs: Float[Tensor, "B d"]) -> Float[Tensor, "B 2"]:
        """Where the agent is."""
        return obs[:, self._own : self._own + 2].float()

    def ways(self, obs: Float[Tensor, "B d"]) -> tuple[Float[Tensor, "B T 2"], Bool[Tensor, "B T"]]:
        """From the agent to every thing, and whether it is known to be there."""
        return obs[:, self._ways].float(), self._always | (obs[:, self._known] > 0.5)

    def is_near(self, way: Float[Tensor, "*B 2"]) -> Bool[Tensor, "*B"]:
        """Whether a way is shorter than half a cell along both axes."""
        return ((self.cells * way).abs() < 0.5).all(-1)


class Actions:
    """An action of the world, which is done until the option is over: action repeat, or frame skip (Mnih et al. 2015).

    What pursues it has nothing to learn: see `Repeating`.
    """

    masked = False

    def __init__(self, group: Group) -> None:
        if group.masked or not isinstance(group.action, spaces.Discrete):
            raise ConfigError(
                f"subgoals 'action' are of discrete actions that are always legal, not {group.action} of {group.name!r}"
            )
        self.action: ActionSpace = group.action
        self.size = int(group.action.n)

    def legal(self, obs: Float[Tensor, "B d"]) -> Bool[Tensor, "B K"]:
        """All of them."""
        return torch.ones(len(obs), self.size, dtype=torch.bool)

    def shown(self, chosen: Tensor, obs: Float[Tensor, "B d"]) -> Float[Tensor, "B K"]:
        """Which it is."""
        return torch.nn.functional.one_hot(chosen, self.size).to(obs)

    def reached(self, chosen: Tensor, obs: Float[Tensor, "B d"]) -> Bool[Tensor, " B"]:
        """Never: it is done until its time is up."""
        return torch.zeros(len(obs), dtype=torch.bool)

    def reward(self, chosen: Tensor, before: Float[Tensor, "B d"], after: Float[Tensor, "B d"]) -> Float[Tensor, " B"]:
        """Nothing: nobody needs to be paid."""
        return torch.zeros(len(before))

    def place(self, chosen: Tensor, obs: Float[Tensor, "B d"]) -> Float[Tensor, "B 2"]:
        """Nowhere."""
        return torch.full((len(obs), 2), torch.nan)


def one_of(chosen: Float[Tensor, "B C"], action: ActionSpace) -> Int64[Tensor, "B"] | Int64[Tensor, "B C"]:
    """A choice that was kept as numbers, as an action again."""
    whole = chosen.round().long()
    return whole[:, 0] if isinstance(action, spaces.Discrete) else whole
