"""The probe `waits`, its obs shown in other forms: agents of every kind of encoder can be told the same thing.

The numbers are six quarters, 0 to 4 of them each: a cue, and how long a choice stands. `blank` shows none of it.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from gymnasium import spaces

from marl_ppo.envs.probes.waits import AGENTS, OBS_SIZE, Waits
from marl_ppo.envs.world import Array, ObsLeaf, Outputs

SIDE = 36
"""pixels of a screen's side, the fewest that make one"""


def entities(quarters: Array) -> Array:
    """An entity for each number that is not 0: which one it is, one-hot, and how large."""
    named = np.concatenate([np.broadcast_to(np.eye(OBS_SIZE), (*quarters.shape, OBS_SIZE)), quarters[..., None] / 4], axis=-1)
    return named * (quarters > 0)[..., None]


FORMS: dict[str, tuple[ObsLeaf, Callable[[Array], Array]]] = {
    "bytes": (spaces.Box(0, 252, (OBS_SIZE,), np.uint8), lambda quarters: 63 * quarters),
    "floats": (spaces.Box(0, 252, (OBS_SIZE,), np.float32), lambda quarters: 63 * quarters),
    "far": (spaces.Box(-np.inf, np.inf, (OBS_SIZE,), np.float32), lambda quarters: 1e3 + 2.5 * quarters),
    "picture": (spaces.Box(0, 252, (2, 3, 1), np.uint8), lambda quarters: 63 * quarters.reshape(-1, AGENTS, 2, 3, 1)),
    "floating picture": (
        spaces.Box(0, 252, (2, 3, 1), np.float32),
        lambda quarters: 63 * quarters.reshape(-1, AGENTS, 2, 3, 1),
    ),
    "screen": (
        spaces.Box(0, 252, (SIDE, SIDE), np.uint8),
        lambda quarters: 63 * np.kron(quarters.reshape(-1, AGENTS, 2, 3), np.ones((SIDE // 2, SIDE // 3))),
    ),
    "entities": (spaces.Box(0, 1, (OBS_SIZE, OBS_SIZE + 1), np.float32), entities),
    "tokens": (spaces.MultiDiscrete([5] * OBS_SIZE), lambda quarters: quarters),
}


class Shown(Waits):
    """Waits, with a leaf of obs for each of the `forms`, whose names are put together with a plus."""

    def __init__(self, num_envs: int, forms: str = "bytes", blank: bool = False) -> None:
        super().__init__(num_envs)
        self._forms = {name: FORMS[name] for name in forms.split("+")}
        self._blank = blank
        self._plain = np.zeros((num_envs, AGENTS, OBS_SIZE), np.float32)
        (group,) = self.spec.groups
        shown = replace(group, obs={name: space for name, (space, _) in self._forms.items()})
        self.spec = replace(self.spec, id="shown", groups=(shown,), config={"forms": forms, "blank": blank})
        self.outputs = Outputs.allocate(self.spec, num_envs)

    def _write(self, where: Array, paid: Array) -> None:
        outputs = self.outputs
        self.outputs = replace(outputs, obs=({"vector": self._plain},))
        super()._write(where, paid)
        self.outputs = outputs
        quarters = np.zeros_like(self._plain) if self._blank else 4 * self._plain
        for name, (_, form) in self._forms.items():
            outputs.obs[0][name][where] = form(quarters)[where]
