"""Small scenes and matches that the viewer's tests draw."""

from collections.abc import Mapping, Sequence

import numpy as np

from marl_ppo.envs.scene import Disc, Primitive, Scene
from marl_ppo.envs.world import Array
from marl_ppo.replays.replay import Event
from marl_ppo.viewer.feed import Moment, Subgoal, Thought

BOUNDS = (-1.0, -1.0, 1.0, 1.0)


def scene(*primitives: Primitive, caption: str = "", sight: Mapping[str, tuple[Primitive, ...]] | None = None) -> Scene:
    return Scene(bounds=BOUNDS, primitives=primitives, caption=caption, sight=sight or {})


def disc_at(x: float, y: float = 0.0, *, key: str = "agent", team: int = 0, alpha: float = 1.0) -> Disc:
    return Disc(key=key, x=x, y=y, radius=0.2, team=team, alpha=alpha)


class Walk:
    """A match in which a disc walks from x = 0 by 0.1 per step, while `other` stands; of so many steps.

    `plays_on` is a live one: it has been played for one moment more than was looked at.
    """

    def __init__(
        self,
        steps: int,
        *,
        rate: float = 10.0,
        title: str = "walk",
        events: Sequence[Event] = (),
        plays_on: bool = False,
        sight: Mapping[str, tuple[Primitive, ...]] | None = None,
        thoughts: bool = False,
    ) -> None:
        self.title, self.rate, self._all, self._steps = title, rate, tuple(events), steps
        self.teams: Sequence[str] = ("red", "blue")
        self.players: Mapping[str, str] = {"agent": "walker", "other": "stander"}
        self.longest: int | None = steps
        self.choices: Mapping[str, Sequence[str]] = {}
        self.last = 0 if plays_on else steps
        self.looked_at: list[int] = []
        self._sight, self._thoughts = sight, thoughts

    @property
    def events(self) -> Sequence[Event]:
        return [event for event in self._all if event.step <= self.last]

    def moment(self, step: int) -> Moment:
        self.looked_at.append(step)
        self.last = max(self.last, min(step + 1, self._steps))
        assert 0 <= step <= self.last
        discs = disc_at(step / 10), disc_at(0.0, 0.6, key="other", team=1)
        return Moment(scene(*discs, sight=self._sight), (f"step: {step}",), step == 0, self._told(step))

    def values(self, agent: str) -> Array:
        steps = np.arange(self.last + 1.0)
        return np.sin(steps) if self._thoughts and agent == "agent" else np.full(len(steps), np.nan)

    def options(self, agent: str) -> Array:
        return np.arange(0, self.last + 1, 5) if self._thoughts and agent == "agent" else np.zeros(0, np.int64)

    def _told(self, step: int) -> dict[str, Thought]:
        if not self._thoughts:
            return {}
        return {
            "agent": Thought(
                probabilities=np.array([0.1, 0.7, 0.2]),
                value=float(np.sin(step)),
                subgoal=Subgoal((0.5, -0.5), "key", step % 5),
            )
        }
