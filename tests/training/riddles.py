"""One-step riddles in every form that an observation can have: name the cue, one of three."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

CUES = 3
SPACES: dict[str, spaces.Space] = {
    "picture": spaces.Box(0, 255, (12, 12, 1), np.uint8),
    "tokens": spaces.MultiDiscrete([6] * 8),
    "entities": spaces.Box(-1.0, 1.0, (6, 1 + CUES), np.float32),
    "far numbers": spaces.Box(-np.inf, np.inf, (CUES,), np.float32),
    "parts": spaces.Dict({"entities": spaces.Box(-1.0, 1.0, (6, 1 + CUES), np.float32), "time": spaces.Discrete(2)}),
}


class Riddle(gymnasium.Env):
    """Shows a cue in the given form, or nothing to tell it by if `blank`; a reward of 1 for naming it."""

    def __init__(self, form: str, blank: bool = False) -> None:
        self.form, self.blank = form, blank
        self.observation_space = SPACES[form]
        self.action_space = spaces.Discrete(CUES)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        rng = np.random.default_rng(seed)
        self.cue = int(rng.integers(CUES))
        shown = int(rng.integers(CUES)) if self.blank else self.cue
        return getattr(self, f"_{self.form.replace(' ', '_')}")(shown, rng), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return self.observation_space.sample(), float(action == self.cue), True, False, {}

    def _picture(self, cue: int, rng: np.random.Generator) -> np.ndarray:
        """A bright square of 2 x 2 somewhere in the left, middle or right third, on noise."""
        picture = rng.integers(60, size=(12, 12, 1), dtype=np.uint8)
        row, column = rng.integers(11), 4 * cue + rng.integers(3)
        picture[row : row + 2, column : column + 2] = 255
        return picture

    def _tokens(self, cue: int, rng: np.random.Generator) -> np.ndarray:
        """Token 3 tells it, among others of the same names: its place matters."""
        tokens = rng.integers(CUES, size=8)
        tokens[3] = cue
        return tokens

    def _entities(self, cue: int, rng: np.random.Generator) -> np.ndarray:
        """The one that is marked tells it, at any place; the last ones may be absent."""
        entities = np.zeros((6, 1 + CUES), np.float32)
        count = int(rng.integers(2, 7))
        entities[np.arange(count), 1 + rng.integers(CUES, size=count)] = 1.0
        marked = rng.integers(count)
        entities[marked] = [1.0, *np.eye(CUES)[cue]]
        return entities

    def _parts(self, cue: int, rng: np.random.Generator) -> dict[str, Any]:
        return {"entities": self._entities(cue, rng), "time": int(rng.integers(2))}

    def _far_numbers(self, cue: int, rng: np.random.Generator) -> np.ndarray:
        return 5000.0 + 1000.0 * np.eye(CUES, dtype=np.float32)[cue]
