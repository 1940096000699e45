"""The physics of the particle worlds: round bodies on a plane, pushed by their own force and by contact.

Bodies are numbered agents first, landmarks after; landmarks never move. The rules are those of mpe2 1.1.1 (`core.py`),
and with `classic` those of the older multi-agent particle environments, which move a body after its speed has changed.

"""

from typing import NamedTuple

import numpy as np
from numba import njit

from marl_ppo.envs.exact_math import exp, log1p
from marl_ppo.envs.seeds import uniform
from marl_ppo.envs.world import Array

TIME_STEP = 0.1
"""s"""
KEPT_SPEED = 1 - 0.25
"""the part of its velocity that a body keeps over a step"""
CONTACT_FORCE = 100.0
CONTACT_MARGIN = 1e-3
"""softness of a contact: a body pushes a little before it touches"""
CONTACT_RANGE = 40 * CONTACT_MARGIN
"""bodies farther apart do not push: the force would be under 5e-19, which no speed above 0.001 could hold in float64"""


class Bodies(NamedTuple):
    """The state of N copies: E = A + L bodies."""

    position: Array
    """float64 [N, E, 2], x and y"""
    velocity: Array
    """float64 [N, A, 2]"""
    message: Array
    """float64 [N, A, C], the last thing each agent said"""
    goal: Array
    """int64 [N, G], the landmark of each of the scenario's G targets"""


@njit(cache=True, nogil=True)
def scatter(where: Array, seeds: Array, landmark_spread: Array, bodies: Bodies) -> None:
    """Start the copies `where`: bodies at rest at random places, random goals, silence.

    Agents lie within 1 of the origin in x and y, landmarks within the copy's `landmark_spread` [N]. Body e takes the
    numbers 2e and 2e + 1 of the copy's stream, the goals those after.
    """
    position, velocity, message, goal = bodies
    num_bodies, num_agents = position.shape[1], velocity.shape[1]
    for n in range(position.shape[0]):
        if not where[n]:
            continue
        for e in range(num_bodies):
            half_width = 1.0 if e < num_agents else landmark_spread[n]
            for d in range(2):
                position[n, e, d] = half_width * (2.0 * uniform(seeds[n], np.uint64(2 * e + d)) - 1.0)
        velocity[n] = 0.0
        message[n] = 0.0
        for g in range(goal.shape[1]):
            goal[n, g] = int(uniform(seeds[n], np.uint64(2 * num_bodies + g)) * (num_bodies - num_agents))


@njit(cache=True, nogil=True)
def advance(bodies: Bodies, force: Array, radius: Array, max_speed: Array, num_solid: int, classic: bool) -> None:
    """One step of every copy, in place: contacts add to `force`, then every agent moves.

    force       float64 [N, A, 2], what the agents' actions push with
    radius      float64 [E]
    max_speed   float64 [A], inf where there is no limit
    num_solid   how many bodies push each other on contact, counted from the first
    """
    position, velocity = bodies.position, bodies.velocity
    num_agents = velocity.shape[1]
    for n in range(position.shape[0]):
        for a in range(min(num_agents, num_solid)):
            for b in range(a + 1, num_solid):
                dx = position[n, a, 0] - position[n, b, 0]
                dy = position[n, a, 1] - position[n, b, 1]
                squared, touching = dx * dx + dy * dy, radius[a] + radius[b]
                # Two bodies at the very same place have no direction to push in.
                if 0.0 < squared < (touching + CONTACT_RANGE) ** 2:
                    distance = np.sqrt(squared)
                    push = CONTACT_FORCE * penetration(touching - distance) / distance
                    force[n, a, 0] += push * dx
                    force[n, a, 1] += push * dy
                    if b < num_agents:
                        force[n, b, 0] -= push * dx
                        force[n, b, 1] -= push * dy

        for a in range(num_agents):
            vx, vy = velocity[n, a, 0], velocity[n, a, 1]
            if not classic:
                position[n, a, 0] += vx * TIME_STEP
                position[n, a, 1] += vy * TIME_STEP
            vx = vx * KEPT_SPEED + force[n, a, 0] * TIME_STEP
            vy = vy * KEPT_SPEED + force[n, a, 1] * TIME_STEP
            squared = vx * vx + vy * vy
            if squared > max_speed[a] * max_speed[a]:
                speed = np.sqrt(squared)
                vx = vx / speed * max_speed[a]
                vy = vy / speed * max_speed[a]
            if classic:
                position[n, a, 0] += vx * TIME_STEP
                position[n, a, 1] += vy * TIME_STEP
            velocity[n, a, 0], velocity[n, a, 1] = vx, vy


@njit(cache=True, nogil=True)
def penetration(overlap: float) -> float:
    """How deep two bodies are in each other, softened: margin * ln(1 + e ** (overlap / margin))."""
    x = overlap / CONTACT_MARGIN
    if x > 0.0:
        return float(CONTACT_MARGIN * (x + log1p(exp(-x))))
    return float(CONTACT_MARGIN * log1p(exp(x)))
