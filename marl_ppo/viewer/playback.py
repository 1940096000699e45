"""A feed played at a speed: which scene to show at which time, and what the keys do. Knows no window and no clock."""

from collections.abc import Iterator
from typing import NamedTuple

from marl_ppo.envs.scene import Scene
from marl_ppo.errors import ConfigError
from marl_ppo.viewer.feed import Feed, Moment
from marl_ppo.viewer.interpolate import between

RATES = (1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 30.0, 60.0, 120.0)
"""steps per second that + and - go through"""
END_PAUSE_S = 0.8
"""how long the last moment of an episode stays in view"""
CONTROLS = ("space: pause", "right: one step", "+ -: speed", "r: next episode", "q: quit")
_MOST_SKIPPED = 100_000


class Picture(NamedTuple):
    """What to draw now."""

    scene: Scene
    hud: tuple[str, ...]


class Playback:
    """Plays `feed` at `rate` world steps per second. Raises ConfigError on an empty feed or a rate not above 0."""

    def __init__(self, feed: Feed, rate: float = 8.0) -> None:
        if not rate > 0.0:
            raise ConfigError(f"rate must be above 0 world steps per second, got {rate}")
        self.rate = rate
        self.paused = False
        self.quit = False
        self._feed: Iterator[Moment] = iter(feed)
        first = next(self._feed, None)
        if first is None:
            raise ConfigError("there is nothing to watch: the feed has no moment; did the match end before it started?")
        self._now: Moment = first
        self._next = next(self._feed, None)
        self._fraction = 0.0

    @property
    def over(self) -> bool:
        """Whether the feed's last moment is in view."""
        return self._next is None

    def picture(self) -> Picture:
        """What to draw: the scene between the last step and the next one."""
        if self._next is None or self._next.is_first:
            return Picture(self._now.scene, tuple(self._now.hud))
        return Picture(between(self._now.scene, self._next.scene, self._fraction), tuple(self._now.hud))

    def tick(self, seconds: float) -> None:
        """Let `seconds` pass."""
        while not self.paused and self._next is not None and seconds > 0.0:
            duration = END_PAUSE_S if self._next.is_first else 1.0 / self.rate
            left = (1.0 - self._fraction) * duration
            if seconds < left:
                self._fraction += seconds / duration
                return
            seconds -= left
            self._step()

    def press(self, key: str) -> None:
        """Obey a key, named as `Window.pressed` names it; unknown keys do nothing."""
        match key.lower():  # whatever Caps Lock says
            case "space":
                self.paused = not self.paused
            case "right":
                self.paused = True
                self._step()
            case "+" | "=":
                self.rate = min((rate for rate in RATES if rate > self.rate), default=self.rate)
            case "-":
                self.rate = max((rate for rate in RATES if rate < self.rate), default=self.rate)
            case "r":
                self._skip_episode()
            case "q" | "escape":
                self.quit = True

    def _step(self) -> None:
        if self._next is not None:
            self._now, self._next, self._fraction = self._next, next(self._feed, None), 0.0

    def _skip_episode(self) -> None:
        for _ in range(_MOST_SKIPPED):  # an endless episode must not hang the window
            if self._next is None:
                return
            self._step()
            if self._now.is_first:
                return
