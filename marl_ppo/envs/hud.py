"""What is written beside a scene: the step, each team's return so far, and the task metrics."""

import numpy as np

from marl_ppo.envs.world import Array, Outputs, WorldSpec


class Hud:
    """Follows one copy of a world; its lines are "name: value"."""

    def __init__(self, spec: WorldSpec, copy: int = 0) -> None:
        self._spec = spec
        self._copy = copy
        self._teams = np.concatenate([group.team for group in spec.groups])
        self.start()

    def start(self) -> None:
        """An episode has just begun."""
        self._steps = 0
        self._returns: Array = np.zeros(len(self._teams))

    def add(self, outputs: Outputs) -> None:
        """The copy was stepped."""
        self._steps += 1
        self._returns += np.concatenate([rewards[self._copy] for rewards in outputs.rewards])

    def lines(self, outputs: Outputs) -> list[str]:
        """Returns are means over a team's agents; metrics have no value before the first step."""
        means = [f"return {team}: {self._returns[self._teams == t].mean():.2f}" for t, team in enumerate(self._spec.teams)]
        metrics = {name: f"{values[self._copy]:.2f}" if self._steps else "–" for name, values in outputs.metrics.items()}
        return [f"step: {self._steps}", *means, *(f"{name}: {value}" for name, value in metrics.items())]
