"""What is written beside a scene: the step, each team's return so far, and the task metrics."""

from collections.abc import Mapping

import numpy as np

from marl_ppo.envs.world import Array, Outputs, WorldSpec


class Hud:
    """Follows one copy of a world; its lines are "name: value"."""

    def __init__(self, spec: WorldSpec, copy: int = 0) -> None:
        self._spec = spec
        self._copy = copy
        self.start()

    def start(self) -> None:
        """An episode has just begun."""
        self._steps = 0
        self._returns: Array = np.zeros(len(self._spec.agents))

    def add(self, outputs: Outputs) -> None:
        """The copy was stepped."""
        self._steps += 1
        self._returns += np.concatenate([rewards[self._copy] for rewards in outputs.rewards])

    @property
    def returns(self) -> dict[str, float]:
        """Of each team so far: the mean over its agents."""
        return _team_means(self._spec, self._returns)

    def lines(self, outputs: Outputs) -> list[str]:
        """As `hud_lines` has them."""
        metrics = {name: float(values[self._copy]) for name, values in outputs.metrics.items()}
        return hud_lines(self._spec, self._steps, self._returns, metrics)


def hud_lines(spec: WorldSpec, steps: int, returns: Array, metrics: Mapping[str, float]) -> list[str]:
    """After so many steps and returns [agents]: means over a team's agents; metrics have no value before the first step."""
    means = [f"return {team}: {mean:.2f}" for team, mean in _team_means(spec, returns).items()]
    values = [f"{name}: {value:.2f}" if steps else f"{name}: –" for name, value in metrics.items()]
    return [f"step: {steps}", *means, *values]


def _team_means(spec: WorldSpec, returns: Array) -> dict[str, float]:
    teams = np.concatenate([group.team for group in spec.groups])
    return {team: float(returns[teams == t].mean()) for t, team in enumerate(spec.teams)}
