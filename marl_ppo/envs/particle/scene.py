"""A particle world as drawing primitives: agents are discs in their team's colour, landmarks belong to no team.

Where agents speak, landmarks bear the letters that messages are told by in the caption, and targets name who seeks them.
"""

from math import ceil
from string import ascii_uppercase

import numpy as np

from marl_ppo.envs.particle.scenario import Scenario
from marl_ppo.envs.scene import Disc, Scene
from marl_ppo.envs.world import Array

SMALLEST_VIEW = 1.2
"""half width of the picture while all bodies are near the middle"""
VIEW_STEP = 0.3
"""the picture widens by this much at a time, so that it stands still most of the time"""


def draw(scenario: Scenario, position: Array, message: Array, goal: Array, viewer: str = "") -> Scene:
    """The scene of one copy: `position` [E, 2], `message` [A, C], `goal` [G]; without the targets `viewer` is not told."""
    solid_landmarks = scenario.num_solid > scenario.num_agents
    landmarks = tuple(
        Disc(
            key=f"landmark_{i}",
            x=float(x),
            y=float(y),
            radius=scenario.landmark_radius,
            label=_landmark_label(scenario, i, goal, viewer),
            filled=solid_landmarks,
        )
        for i, (x, y) in enumerate(position[scenario.num_agents :])
    )
    bodies = [(name, role) for role in scenario.roles for name in role.agents]
    agents = tuple(
        Disc(key=name, x=float(x), y=float(y), radius=role.radius, team=role.team, label=name)
        for (name, role), (x, y) in zip(bodies, position[: scenario.num_agents], strict=True)
    )
    largest = max(scenario.landmark_radius, *(role.radius for role in scenario.roles))
    outside = max(0.0, float(np.abs(position).max()) + largest - SMALLEST_VIEW)
    reach = SMALLEST_VIEW + VIEW_STEP * ceil(outside / VIEW_STEP)
    said = [f"{name} says {_word(message[a])}" for a, (name, role) in enumerate(bodies) if role.speaks]
    # What can be stood upon is a ring drawn over who stands there, or a covered landmark would be out of sight.
    primitives = (*landmarks, *agents) if solid_landmarks else (*agents, *landmarks)
    return Scene(bounds=(-reach, -reach, reach, reach), primitives=primitives, caption=", ".join(said))


def _landmark_label(scenario: Scenario, landmark: int, goal: Array, viewer: str) -> str:
    letter = ascii_uppercase[landmark] if scenario.num_words else ""
    told = [g for g in range(len(goal)) if scenario.unaware[g] != viewer]
    seekers = [scenario.seekers[g] for g in told if goal[g] == landmark]
    return " ".join([letter] * bool(letter) + ([f"target of {' and '.join(seekers)}"] if seekers else []))


def _word(message: Array) -> str:
    """The letter of the loudest word; an underscore for silence."""
    return ascii_uppercase[int(message.argmax())] if message.any() else "_"
