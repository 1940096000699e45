"""Whether a replay is what it says: its match is played again and compared, moment by moment.

exact     every digest is equal, and so are outcome, returns, metrics and events
equal     on another machine some world computed otherwise in the last bits: from each keyframe to the next, numbers come out
          within 1e-9, and what is no fraction is equal
differs   from a step on it is another match
frames    pictures cannot be played again, and nothing can be said
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from marl_ppo.envs.world import Array
from marl_ppo.errors import FileFormatError
from marl_ppo.replays.digests import LEFT_OUT
from marl_ppo.replays.replay import Replay
from marl_ppo.replays.sealing import retrace
from marl_ppo.replays.simulation import Simulation

TOLERANCE = 1e-9
_FOUND = ("outcome", "returns", "metrics", "complete", "events")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of a check."""

    kind: Literal["exact", "equal", "differs", "frames"]
    text: str
    """in words"""
    step: int | None = None
    """the first moment that differs"""

    @property
    def holds(self) -> bool:
        """Whether the match is what the file says."""
        return self.kind in ("exact", "equal")


def verify(replay: Replay, *, num_envs: int = 1) -> Verdict:
    """Play it again in a world of `num_envs` copies. Raises FileFormatError where its world is not here or has changed."""
    if replay.frames is not None:
        return Verdict(kind="frames", text="pictures only: nothing to play again")
    with Simulation(replay, num_envs=num_envs) as simulation:
        try:
            again = retrace(simulation)
        except FileFormatError as error:
            return Verdict(kind="differs", text=f"differs from step {simulation.step}: {error}", step=simulation.step)
        if len(replay.chain) != len(again.chain):
            return Verdict(kind="differs", text="differs from step 0: it has no digests", step=0)
        unequal = np.flatnonzero(replay.chain != again.chain)
        if not len(unequal):
            wrong = [name for name in _FOUND if not _same(getattr(replay, name), getattr(again, name))]
            if wrong:
                text = f"differs from step {replay.steps}: it tells another {wrong[0]} than the match has"
                return Verdict(kind="differs", text=text, step=replay.steps)
            return Verdict(kind="exact", text="exact")
        step = int(unequal[0])
        if replay.keyframes is not None and _near(simulation, replay):
            return Verdict(kind="equal", text=f"equal within {TOLERANCE:g} between keyframes")
        return Verdict(kind="differs", text=f"differs from step {step}", step=step)


def _same(told: object, found: object) -> bool:
    """Equal, where a number that is none equals itself."""
    return repr(told) == repr(found)


def _near(simulation: Simulation, replay: Replay) -> bool:
    """Whether each keyframe leads to the next one. Only what is near our own state is ever restored, so that a stranger's
    keyframe cannot put an index out of bounds into a kernel."""
    assert replay.keyframes is not None
    simulation.restart()
    for place, step in enumerate(replay.keyframes.steps.tolist()):
        while simulation.step < step:
            simulation.advance()
        told = {name: array[place] for name, array in replay.keyframes.arrays.items()}
        mine = simulation.moment()
        if told.keys() != mine.keys() or not all(_close(told[name], own) for name, own in mine.items() if name != LEFT_OUT):
            return False
        simulation.world.restore({name: np.repeat(array[None], simulation.world.num_envs, 0) for name, array in told.items()})
    return True


def _close(told: Array, own: Array) -> bool:
    if told.shape != own.shape or told.dtype != own.dtype:
        return False
    if own.dtype.kind != "f":
        return bool((told == own).all())
    with np.errstate(invalid="ignore", over="ignore"):
        return bool(((told == own) | (np.abs(told - own) <= TOLERANCE * np.maximum(1.0, np.abs(own)))).all())
