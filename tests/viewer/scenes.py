"""Small scenes that the viewer's tests draw."""

from collections.abc import Iterator

from marl_ppo.envs.scene import Disc, Primitive, Scene
from marl_ppo.viewer.feed import Moment

BOUNDS = (-1.0, -1.0, 1.0, 1.0)


def scene(*primitives: Primitive, caption: str = "") -> Scene:
    return Scene(bounds=BOUNDS, primitives=primitives, caption=caption)


def disc_at(x: float, y: float = 0.0, *, key: str = "agent", team: int = 0, alpha: float = 1.0) -> Disc:
    return Disc(key=key, x=x, y=y, radius=0.2, team=team, alpha=alpha)


def walk(steps: int, *, episodes: int = 1) -> Iterator[Moment]:
    """Episodes in which a disc walks from x = 0 by 0.1 per step; `steps` moments each."""
    for episode in range(episodes):
        for step in range(steps):
            yield Moment(scene(disc_at(step / 10)), (f"episode: {episode}", f"step: {step}"), is_first=step == 0)
