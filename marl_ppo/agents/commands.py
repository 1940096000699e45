"""Commands: a verb and the thing it is about, in a closed language in which every sentence can be checked on obs.

offset   from a thing to the agent, in cells: x right, y up
verb     how many cells an offset leaves to go; below half a cell it is fulfilled
command  number `verb * T + thing` of V * T: one choice, so a mask tells of each pair by itself

The worker is shown two tokens, each as a one-hot, of which its first layer makes the sum of their embeddings, and the way to
the thing, as `thing` shows it. That way stands in obs already, but to find it there by the name is to choose one of several
inputs by another, and takes long to learn. Pairs that were never said are understood either way: docs/hierarchy.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from gymnasium import spaces
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn.functional import one_hot, relu

from marl_ppo.agents.place_reader import PlaceReader
from marl_ppo.agents.subgoals import PROGRESS
from marl_ppo.envs.world import ActionSpace, Group

NEAR, AWAY = 2, 5
"""columns or lines, whichever are more, to be within for `near`, and apart for `leave`"""

Verb = Callable[[Float[Tensor, "*B 2"]], Float[Tensor, "*B"]]


def reach(offset: Float[Tensor, "*B 2"]) -> Float[Tensor, "*B"]:
    """Be at it, or take it."""
    return torch.linalg.vector_norm(offset, dim=-1)


def near(offset: Float[Tensor, "*B 2"]) -> Float[Tensor, "*B"]:
    """Be close to it, not at it."""
    apart = offset.abs().amax(-1)
    return torch.where(apart < 1, 1 - apart, relu(apart - NEAR))


def leave(offset: Float[Tensor, "*B 2"]) -> Float[Tensor, "*B"]:
    """Be away from it."""
    return relu(AWAY - offset.abs().amax(-1))


def left(offset: Float[Tensor, "*B 2"]) -> Float[Tensor, "*B"]:
    """Be left of it: anywhere in its line or the one above or below."""
    return _on_side(-offset[..., 0], offset[..., 1])


def right(offset: Float[Tensor, "*B 2"]) -> Float[Tensor, "*B"]:
    """Be right of it."""
    return _on_side(offset[..., 0], offset[..., 1])


def above(offset: Float[Tensor, "*B 2"]) -> Float[Tensor, "*B"]:
    """Be above it: anywhere in its column or a neighbouring one."""
    return _on_side(offset[..., 1], offset[..., 0])


def below(offset: Float[Tensor, "*B 2"]) -> Float[Tensor, "*B"]:
    """Be below it."""
    return _on_side(-offset[..., 1], offset[..., 0])


VERBS: Mapping[str, Verb] = {verb.__name__: verb for verb in (reach, near, leave, left, right, above, below)}
"""in the order of their numbers; `reach` is the first"""


@dataclass
class Commands:
    """Satisfies `SubgoalSpace`: paid for every cell that is less to go, and for having done it.

    Only `reach` may end with the thing being taken; whoever takes what another command is about cannot fulfil it any more.
    """

    group: Group
    masked = True

    def __post_init__(self) -> None:
        self._read = PlaceReader.of(self.group, "command", of_things=True)
        self.names = tuple(f"{verb} {thing}" for verb in VERBS for thing in self._read.things)
        """of every command, in words"""
        self.action: ActionSpace = spaces.Discrete(len(self.names))
        self.size = len(VERBS) + len(self._read.things) + 2
        sides = torch.tensor([[-1.0, 0.0], [1.0, 0.0], [0.0, -1.0], [0.0, 1.0]])
        self._spots = torch.cat([torch.zeros(1, 2), sides, 2 * self._read.cells * sides])
        """offsets to try: at a thing, next to it, and across the whole world, [9, 2]"""

    def legal(self, obs: Float[Tensor, "B d"]) -> Bool[Tensor, "B K"]:
        """What can be done and is not: the thing is known, and some place at it or straight to a side of it, within the
        world, would do. All of them where there is none."""
        ways, known = self._read.ways(obs)
        offset = -self._read.cells * ways
        thing = self._read.cells * self._read.own(obs)[:, None] - offset
        edge = torch.maximum(self._read.cells - 0.5, thing.abs())[:, :, None]
        spots = (thing[:, :, None] + self._spots).clamp(-edge, edge) - thing[:, :, None]
        possible = [(verb(spots) < 0.5).any(-1) & (verb(offset) >= 0.5) & known for verb in VERBS.values()]
        legal = torch.stack(possible, 1).flatten(1)
        return legal | ~legal.any(-1, keepdim=True)

    def shown(self, chosen: Int64[Tensor, " B"], obs: Float[Tensor, "B d"]) -> Float[Tensor, "B size"]:
        """The verb, the thing, and the way to it."""
        verb, thing = self._words(chosen)
        way, _ = self._read.way(thing, obs)
        return torch.cat([one_hot(verb, len(VERBS)).to(obs), one_hot(thing, len(self._read.things)).to(obs), way], -1)

    def reached(self, chosen: Int64[Tensor, " B"], obs: Float[Tensor, "B d"]) -> Bool[Tensor, " B"]:
        """Done, or the thing is not there any more."""
        to_go, known = self._to_go(chosen, obs)
        return ~known | (to_go < 0.5)

    def reward(
        self, chosen: Int64[Tensor, " B"], before: Float[Tensor, "B d"], after: Float[Tensor, "B d"]
    ) -> Float[Tensor, " B"]:
        """See `SubgoalSpace`. What is taken from a neighbouring cell was reached."""
        (to_go, known), (left_to_go, still_known) = self._to_go(chosen, before), self._to_go(chosen, after)
        taken = (self._words(chosen)[0] == 0) & ~still_known & (to_go < 1.5)
        done = taken | (still_known & (left_to_go < 0.5))
        return torch.where(known, PROGRESS * torch.where(still_known, to_go - left_to_go, 0.0) + done.float(), 0.0)

    def place(self, chosen: Int64[Tensor, " B"], obs: Float[Tensor, "B d"]) -> Float[Tensor, "B 2"]:
        """Where the thing is."""
        way, known = self._read.way(self._words(chosen)[1], obs)
        return torch.where(known.unsqueeze(-1), self._read.own(obs) + way, torch.nan)

    def on_the_way(self, way: Float[Tensor, "B W 2"], obs: Float[Tensor, "B d"]) -> Int64[Tensor, " B"]:
        """`reach` of what `PlaceReader.thing_on` tells."""
        return self._read.thing_on(way, obs)

    def _words(self, chosen: Int64[Tensor, " B"]) -> tuple[Int64[Tensor, " B"], Int64[Tensor, " B"]]:
        """Numbers of (the verb, the thing)."""
        things = len(self._read.things)
        return torch.div(chosen, things, rounding_mode="floor"), chosen % things

    def _to_go(self, chosen: Int64[Tensor, " B"], obs: Float[Tensor, "B d"]) -> tuple[Float[Tensor, " B"], Bool[Tensor, " B"]]:
        """Cells that are left, and whether the thing is known to be there."""
        verb, thing = self._words(chosen)
        way, known = self._read.way(thing, obs)
        left_by = torch.stack([measure(-self._read.cells * way) for measure in VERBS.values()])
        return left_by[verb, torch.arange(len(verb))], known


def _on_side(ahead: Float[Tensor, "*B"], aside: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """To be a cell or more ahead, and at most one aside."""
    return torch.hypot(relu(1 - ahead), relu(aside.abs() - 1))
