"""What is being watched and how: matches side by side or one of them alone, the speed, who is followed, what is laid over.

Keys and clicks end here; nothing here draws, and nothing knows where things are on the screen.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from marl_ppo.errors import ConfigError
from marl_ppo.viewer.feed import Timeline
from marl_ppo.viewer.playback import Playback

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""times a match's own rate, which + and - go through"""
MOST_SIDE_BY_SIDE = 9
STRIDE = 10
"""moments that an arrow key goes with shift"""
KEYS: tuple[tuple[str, str], ...] = (
    ("space", "play, pause"),
    ("← →", f"one step, with shift {STRIDE}"),
    ("home end", "first, last moment"),
    ("[ ]", "event before, next event"),
    ("+ -", "faster, slower"),
    ("n b", "next match, match before"),
    ("tab, click", "follow an agent"),
    ("p", "how probable its actions are"),
    ("v", "values over time"),
    ("g", "subgoals"),
    ("o", "what it can see"),
    ("1 … 9, click", "one match of several"),
    ("m", "all matches"),
    ("? h F1", "this list"),
    ("q escape", "quit"),
)
"""for the list of keys"""
Overlay = Literal["probabilities", "values", "subgoals", "sight"]
_OVERLAYS: dict[str, Overlay] = {"p": "probabilities", "v": "values", "g": "subgoals", "o": "sight"}


class Show:
    """Up to nine playbacks with a common pause and speed. Raises ConfigError for more, or none."""

    def __init__(self, sources: Sequence[Iterable[Timeline]], *, ratings: Mapping[str, str] | None = None) -> None:
        """Each source gives match after match; `ratings` are texts such as "27.1 ± 1.2", by a player's name."""
        if not 1 <= len(sources) <= MOST_SIDE_BY_SIDE:
            raise ConfigError(f"1 to {MOST_SIDE_BY_SIDE} matches can be watched side by side, got {len(sources)}")
        self.playbacks = [Playback(source) for source in sources]
        self.ratings = dict(ratings or {})
        self.whole: int | None = 0 if len(sources) == 1 else None
        """number of the playback that has the window alone; None while all are side by side"""
        self.followed: list[str | None] = [None] * len(sources)
        """per playback, an agent"""
        self.overlays: set[Overlay] = set()
        """what is laid over the scene"""
        self.paused = False
        self.speed = 1.0
        self.help = False
        self.quit = False
        self.held: int | None = None
        """number of a playback that somebody holds, so that it does not go on by itself"""

    @property
    def current(self) -> list[int]:
        """Numbers of the playbacks in view."""
        return list(range(len(self.playbacks))) if self.whole is None else [self.whole]

    @property
    def over(self) -> bool:
        """Whether all that is in view has come to its end."""
        return all(self.playbacks[i].over for i in self.current)

    def tick(self, seconds: float) -> None:
        """Let `seconds` pass."""
        if self.paused:
            return
        for i in self.current:
            if i != self.held:
                self.playbacks[i].tick(seconds, self.speed)
                self._forget_absent(i)

    def press(self, key: str) -> None:
        """Obey a key, named as `Window` names it; unknown ones do nothing."""
        lowered = key.lower()  # whatever Caps Lock says
        match lowered:
            case "space":
                self.paused = not self.paused
            case "right" | "left" | "shift right" | "shift left":
                steps = STRIDE if lowered.startswith("shift") else 1
                self._move(lambda playback: playback.go(-steps if lowered.endswith("left") else steps))
            case "home":
                self._move(lambda playback: playback.seek(0.0))
            case "end":
                self._move(lambda playback: playback.seek(float(playback.match.last)))
            case "[" | "]":
                self._move(lambda playback: playback.to_event(1 if lowered == "]" else -1))
            case "+" | "=":
                self.speed = min((speed for speed in SPEEDS if speed > self.speed), default=self.speed)
            case "-" | "_":
                self.speed = max((speed for speed in SPEEDS if speed < self.speed), default=self.speed)
            case "n" | "r" | "b":
                for i in self.current:
                    playback = self.playbacks[i]
                    playback.previous_match() if lowered == "b" else playback.next_match()
                    self._forget_absent(i)
            case "tab" | "shift tab":
                self._follow_next(-1 if lowered.startswith("shift") else 1)
            case "p" | "v" | "g" | "o":
                self.overlays ^= {_OVERLAYS[lowered]}
            case "m":
                self.whole = None if len(self.playbacks) > 1 else 0
            case "?" | "f1" | "h":
                self.help = not self.help
            case "escape" if self.help:
                self.help = False
            case "q" | "escape":
                self.quit = True
            case digit if digit.isdecimal() and 1 <= int(digit) <= len(self.playbacks):
                self.whole = int(digit) - 1

    def follow(self, number: int, agent: str | None) -> None:
        """Follow an agent of a playback, or nobody."""
        self.followed[number] = agent

    def _move(self, move: Callable[[Playback], None]) -> None:
        """Move by hand what is in view, and hold it there."""
        self.paused = True
        for i in self.current:
            move(self.playbacks[i])

    def _follow_next(self, direction: int) -> None:
        for i in self.current:
            agents: list[str | None] = [None, *self.playbacks[i].match.players]
            place = agents.index(self.followed[i]) if self.followed[i] in agents else 0
            self.followed[i] = agents[(place + direction) % len(agents)]

    def _forget_absent(self, number: int) -> None:
        """The next match may have other agents."""
        if self.followed[number] not in self.playbacks[number].match.players:
            self.followed[number] = None
