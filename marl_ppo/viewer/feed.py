"""What a viewer watches: a feed, one moment per world step. Whoever has a match (live, replayed) makes the feed."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from marl_ppo.envs.scene import Scene


class Moment(NamedTuple):
    """One world step, ready to be drawn."""

    scene: Scene
    hud: Sequence[str] = ()
    """lines beside the picture, "name: value" each: step, return, task metrics"""
    is_first: bool = False
    """the first of an episode: nothing moves here from the moment before"""


Feed = Iterable[Moment]
