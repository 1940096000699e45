"""A replay as a timeline: its scenes, HUD and thoughts, at any moment."""

from collections.abc import Mapping, Sequence

import numpy as np

from marl_ppo.envs.hud import hud_lines
from marl_ppo.envs.world import Array
from marl_ppo.errors import FileFormatError
from marl_ppo.replays.replay import Event, Replay, Thoughts
from marl_ppo.replays.simulation import Simulation
from marl_ppo.viewer.feed import Moment, Thought, choices_of, subgoal_of

STEPS_PER_SECOND = 8.0
"""at which a world looks natural that does not say"""
_KEPT = 16
"""moments: a viewer looks at the same two for as long as it draws what is between them"""


class ReplayTimeline:
    """A `Timeline` of a replay. It is played once when this is made, so that all that follows is quick.

    Raises FileFormatError where it cannot be played. Not for more than one thread at a time.
    """

    def __init__(self, replay: Replay, *, rate: float = STEPS_PER_SECOND) -> None:
        self.replay, self.rate = replay, rate
        self.title = f"{replay.world}: {' – '.join(replay.sides)}"
        self.teams: Sequence[str] = replay.teams
        self.longest: int | None = replay.steps
        self.players: Mapping[str, str] = replay.players
        self._kept: dict[int, Moment] = {}
        self._simulation = Simulation(replay) if replay.frames is None else None
        self.choices: Mapping[str, Sequence[str]] = {}
        if self._simulation is not None:
            self.choices = choices_of(self._simulation.world)
            self._returns, self._metrics = _played(self._simulation)

    @property
    def last(self) -> int:
        return self.replay.steps

    @property
    def events(self) -> Sequence[Event]:
        return self.replay.events

    def moment(self, step: int) -> Moment:
        if step not in self._kept:
            self._kept[step] = self._seen(step)
            if len(self._kept) > _KEPT:
                del self._kept[next(iter(self._kept))]
        return self._kept[step]

    def values(self, agent: str) -> Array:
        found = np.full(self.replay.steps + 1, np.nan)
        thoughts, a = self._thoughts_of(agent)
        if thoughts.values.size:
            found[: self.replay.steps] = thoughts.values[:, a]
        return found

    def options(self, agent: str) -> Array:
        thoughts, a = self._thoughts_of(agent)
        return np.flatnonzero(thoughts.ages[:, a] == 0) if thoughts.ages.size else np.zeros(0, np.int64)

    def _thoughts_of(self, agent: str) -> tuple[Thoughts, int]:
        """The thoughts of an agent's group, and its place in it; empty ones where none were kept."""
        place = list(self.replay.players).index(agent)
        for actions, thoughts in zip(self.replay.actions, self.replay.thoughts, strict=False):
            if place < actions.shape[1]:
                return thoughts, place
            place -= actions.shape[1]
        return Thoughts(), 0

    def close(self) -> None:
        """End the world it plays in."""
        if self._simulation is not None:
            self._simulation.close()

    def _seen(self, step: int) -> Moment:
        first, thoughts = step == 0, self._thoughts(step)
        simulation = self._simulation
        if self.replay.frames is not None:
            return Moment(self.replay.frames.scene(step), [f"step: {step}"], first, thoughts)
        assert simulation is not None
        simulation.seek(step)
        metrics = {name: float(values[step]) for name, values in self._metrics.items()}
        hud = hud_lines(simulation.world.spec, step, self._returns[step], metrics)
        return Moment(simulation.scene(), hud, first, thoughts)

    def _thoughts(self, step: int) -> dict[str, Thought]:
        if step >= self.replay.steps:
            return {}
        agents = iter(self.replay.players)
        found: dict[str, Thought] = {}
        for g, actions in enumerate(self.replay.actions):
            for a in range(actions.shape[1]):
                agent = next(agents)
                if self.replay.thoughts and (thought := _thought(self.replay.thoughts[g], step, a)) is not None:
                    found[agent] = thought
        return found


def _played(simulation: Simulation) -> tuple[Array, dict[str, Array]]:
    """(returns so far [T + 1, agents], metrics [T + 1])."""
    steps, world = simulation.replay.steps, simulation.world
    if "scene" not in world.spec.capabilities:
        raise FileFormatError(f"world {world.spec.id!r} cannot be drawn, so its replays cannot be watched")
    returns = np.zeros((steps + 1, len(world.spec.agents)))
    metrics = {name: np.zeros(steps + 1) for name in world.spec.metrics}
    for step in range(1, steps + 1):
        simulation.advance()
        returns[step] = returns[step - 1] + np.concatenate([rewards[0] for rewards in world.outputs.rewards])
        for name, values in world.outputs.metrics.items():
            metrics[name][step] = values[0]
    return returns, metrics


def _thought(thoughts: Thoughts, step: int, agent: int) -> Thought | None:
    def of(array: Array) -> Array | None:
        row = array[step, agent] if array.size else None
        return None if row is None or not np.isfinite(row).all() else row

    probabilities, value = of(thoughts.probabilities), of(thoughts.values)
    subgoal = None
    if thoughts.ages.size:
        place = thoughts.subgoals[step, agent] if thoughts.subgoals.size else np.full(2, np.nan)
        told = int(thoughts.told[step, agent]) if thoughts.told.size else -1
        subgoal = subgoal_of(place, thoughts.words[told] if told >= 0 else "", int(thoughts.ages[step, agent]))
    if probabilities is None and value is None and subgoal is None:
        return None
    return Thought(
        probabilities=probabilities,
        value=None if value is None else float(value),
        subgoal=subgoal,
    )
