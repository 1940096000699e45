"""What a manager may ask of a worker, and when that is done. All of it is read from what the worker sees.

chosen   what the manager decided: an action of the space's `action`
shown    what the worker is told of it, `size` numbers that may change with its obs, such as the way that is left
reached  the worker is there: its manager decides anew

Obs are flat rows [B, d], before and after a step. Rows of seats that are no more alive after it are zeros.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from gymnasium import spaces
from jaxtyping import Bool, Float
from torch import Tensor

from marl_ppo.envs.world import ActionSpace, Group
from marl_ppo.errors import ConfigError

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
