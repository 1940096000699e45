"""A particle world as drawing primitives: agents are discs in their team's colour, landmarks belong to no team."""

import numpy as np

from marl_ppo.envs.particle.scenario import Scenario
from marl_ppo.envs.scene import Disc, Scene


def draw(scenario: Scenario, position: np.ndarray, message: np.ndarray, goal: np.ndarray) -> Scene:
    """The scene of one copy: `position` [E, 2], `message` [A, C], `goal` [G]."""
    landmarks = tuple(
        Disc(
            key=f"landmark_{i}",
            x=float(x),
            y=float(y),
            radius=scenario.landmark_radius,
            filled=scenario.num_solid > scenario.num_agents,
        )
        for i, (x, y) in enumerate(position[scenario.num_agents :])
    )
    names = [(name, role) for role in scenario.roles for name in role.agents]
    agents = tuple(
        Disc(key=name, x=float(x), y=float(y), radius=role.radius, team=role.team, label=name)
        for (name, role), (x, y) in zip(names, position, strict=False)
    )
    reach = max(1.2, float(np.abs(position).max()) + 0.2)
    return Scene(bounds=(-reach, -reach, reach, reach), primitives=(*landmarks, *agents))
