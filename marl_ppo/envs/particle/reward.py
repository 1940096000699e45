"""Training rewards, task metrics and outcomes. The rewards are mpe2's; metrics and outcomes never depend on params.

All functions run once per step and write

rewards     one float32 array [N, A of the group] per group
metrics     one float64 array [N] per metric, in the order of `spec.metrics`
outcomes    float64 [N, teams], as if the episode ended now

With `classic` the scale is that of the older environments: all agents of a cooperative world get the sum of what each
would get, and `local_ratio`, the weight of an agent's own part against the common part, has no meaning.

Distances are compared as squares where the original compares them as such: the two differ by rounding at most.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from marl_ppo.envs.exact_math import exp
from marl_ppo.envs.particle.rules import Bodies
from marl_ppo.envs.world import Array

REACH = 0.1
"""an agent this near a landmark has reached it; mpe2 calls it the capture radius"""
TOUCH_REWARD = 10.0
"""tag: what chasers win and prey lose per touch"""
FIELD = 0.9
"""tag: the prey pays for leaving the field, from this distance to the middle on, in x and y each"""


class Terms(NamedTuple):
    """What a reward depends on besides the bodies."""

    radius: Array
    """float64 [E]"""
    params: Array
    """float64 [N, P], in the order of the world's `spec.params`; `landmark_spread` is the first"""
    local_ratio: float
    classic: bool
    tally: Array
    """float64 [N, T], what has been counted since the reset: carried from step to step"""


@njit(cache=True, nogil=True)
def reward_spread(
    bodies: Bodies, terms: Terms, rewards: tuple[Array, ...], metrics: tuple[Array, ...], outcomes: Array
) -> None:
    """Common: minus the distances from the landmarks to their nearest agents. Own: minus the agents one touches.

    The older environments count an agent's touching itself as well, at every step.
    """
    position = bodies.position
    radius, params, local_ratio, classic, tally = terms.radius, terms.params, terms.local_ratio, terms.classic, terms.tally
    (reward,) = rewards
    coverage, distance, collisions = metrics
    num_agents = reward.shape[1]
    num_landmarks = position.shape[1] - num_agents
    for n in range(position.shape[0]):
        penalty = params[n, 1]
        total, covered = 0.0, 0
        for e in range(num_agents, position.shape[1]):
            nearest = np.sqrt(_nearest_squared(position, n, e, 0, num_agents))
            total += nearest
            covered += nearest < REACH

        touches = 0
        for a in range(num_agents):
            mine = 0
            for b in range(num_agents):
                mine += b != a and _touch(position, radius, n, a, b)
            touches += mine
            reward[n, a] = -total * (1.0 - local_ratio) - penalty * mine * local_ratio
        if classic:
            for a in range(num_agents):
                reward[n, a] = -total * num_agents - penalty * (touches + num_agents)

        tally[n, 0] += touches // 2
        coverage[n] = covered / num_landmarks
        distance[n] = total / num_landmarks
        collisions[n] = tally[n, 0]
        outcomes[n, 0] = coverage[n]


@njit(cache=True, nogil=True)
def reward_speaker_listener(
    bodies: Bodies, terms: Terms, rewards: tuple[Array, ...], metrics: tuple[Array, ...], outcomes: Array
) -> None:
    """Both: minus the squared distance from the listener (body 1) to the target."""
    position, goal = bodies.position, bodies.goal
    classic = terms.classic
    speaker, listener = rewards
    distance, reached = metrics
    for n in range(position.shape[0]):
        squared = _squared_distance(position, n, 1, 2 + goal[n, 0])
        reward = -2.0 * squared if classic else -squared
        speaker[n, 0] = reward
        listener[n, 0] = reward
        distance[n] = np.sqrt(squared)
        reached[n] = 1.0 if distance[n] < REACH else 0.0
        outcomes[n, 0] = reached[n]


@njit(cache=True, nogil=True)
def reward_reference(
    bodies: Bodies, terms: Terms, rewards: tuple[Array, ...], metrics: tuple[Array, ...], outcomes: Array
) -> None:
    """Own: minus the distance from the *other* agent to the target one knows for it. Common: the mean of both.

    The older environments take squared distances.
    """
    position, goal = bodies.position, bodies.goal
    local_ratio, classic = terms.local_ratio, terms.classic
    (reward,) = rewards
    distance, reached = metrics
    for n in range(position.shape[0]):
        first = _squared_distance(position, n, 1, 2 + goal[n, 0])
        second = _squared_distance(position, n, 0, 2 + goal[n, 1])
        if classic:
            reward[n, 0] = reward[n, 1] = -(first + second)
        first, second = np.sqrt(first), np.sqrt(second)
        mean = 0.5 * (first + second)
        if not classic:
            reward[n, 0] = -(mean * (1.0 - local_ratio) + first * local_ratio)
            reward[n, 1] = -(mean * (1.0 - local_ratio) + second * local_ratio)
        distance[n] = mean
        # Not a sum of truth values, which is one where numpy adds them and two where they are compiled.
        reached[n] = (0.5 if first < REACH else 0.0) + (0.5 if second < REACH else 0.0)
        outcomes[n, 0] = reached[n]


@njit(cache=True, nogil=True)
def reward_tag(bodies: Bodies, terms: Terms, rewards: tuple[Array, ...], metrics: tuple[Array, ...], outcomes: Array) -> None:
    """Every touch pays all chasers and costs the prey; the prey also pays for leaving the field.

    With the param `shaping`, chasers lose their distances to the nearest prey, and prey win theirs to all chasers.
    A tally counts all touches, and one for each prey whether it was ever touched: those are the outcome.
    """
    position = bodies.position
    radius, params, tally = terms.radius, terms.params, terms.tally
    chaser_reward, prey_reward = rewards
    catches, tagged, distance = metrics
    num_chasers, num_prey = chaser_reward.shape[1], prey_reward.shape[1]
    num_agents = num_chasers + num_prey
    for n in range(position.shape[0]):
        shaping = params[n, 1]
        touches, gaps, num_tagged = 0, 0.0, 0
        for p in range(num_prey):
            mine, fled = 0, 0.0
            for c in range(num_chasers):
                mine += _touch(position, radius, n, num_chasers + p, c)
                if shaping > 0.0:
                    fled += np.sqrt(_squared_distance(position, n, num_chasers + p, c))
            touches += mine
            gaps += np.sqrt(_nearest_squared(position, n, num_chasers + p, 0, num_chasers))
            left = _leaving(position[n, num_chasers + p, 0]) + _leaving(position[n, num_chasers + p, 1])
            prey_reward[n, p] = shaping * fled - TOUCH_REWARD * mine - left
            if mine > 0:
                tally[n, 1 + p] = 1.0
            num_tagged += tally[n, 1 + p] > 0.0

        behind = 0.0
        if shaping > 0.0:
            for c in range(num_chasers):
                behind += np.sqrt(_nearest_squared(position, n, c, num_chasers, num_agents))
        for c in range(num_chasers):
            chaser_reward[n, c] = TOUCH_REWARD * touches - shaping * behind

        tally[n, 0] += touches
        catches[n] = tally[n, 0]
        tagged[n] = num_tagged / num_prey
        distance[n] = gaps / num_prey
        outcomes[n, 0] = num_tagged
        outcomes[n, 1] = num_prey - num_tagged


@njit(cache=True, nogil=True)
def reward_adversary(
    bodies: Bodies, terms: Terms, rewards: tuple[Array, ...], metrics: tuple[Array, ...], outcomes: Array
) -> None:
    """The adversary (body 0) loses its distance to the target; the agents win that and lose their nearest's distance.

    The older environments square the adversary's own. Outcome: the adversary wins when it ends on the target, which is
    within two of its radii; else the agents do if one of them ends there.
    """
    position, goal = bodies.position, bodies.goal
    radius, classic = terms.radius, terms.classic
    adversary_reward, agent_reward = rewards
    agent_distance, adversary_distance = metrics
    num_agents = 1 + agent_reward.shape[1]
    for n in range(position.shape[0]):
        target = num_agents + goal[n, 0]
        theirs_squared = _squared_distance(position, n, 0, target)
        theirs = np.sqrt(theirs_squared)
        ours = np.sqrt(_nearest_squared(position, n, target, 1, num_agents))
        adversary_reward[n, 0] = -theirs_squared if classic else -theirs
        for a in range(num_agents - 1):
            agent_reward[n, a] = theirs - ours
        agent_distance[n] = ours
        adversary_distance[n] = theirs
        found = theirs < 2.0 * radius[target]
        outcomes[n, 0] = 1.0 if found else 0.0
        outcomes[n, 1] = 1.0 if not found and ours < 2.0 * radius[target] else 0.0


@njit(cache=True, nogil=True, inline="always")
def _squared_distance(position: Array, n: int, a: int, b: int) -> float:
    dx = position[n, a, 0] - position[n, b, 0]
    dy = position[n, a, 1] - position[n, b, 1]
    return float(dx * dx + dy * dy)


@njit(cache=True, nogil=True, inline="always")
def _nearest_squared(position: Array, n: int, body: int, first: int, end: int) -> float:
    """The squared distance from `body` to the nearest of the bodies first, ..., end - 1."""
    nearest = np.inf
    for other in range(first, end):
        nearest = min(nearest, _squared_distance(position, n, body, other))
    return nearest


@njit(cache=True, nogil=True, inline="always")
def _touch(position: Array, radius: Array, n: int, a: int, b: int) -> bool:
    reach = radius[a] + radius[b]
    return bool(_squared_distance(position, n, a, b) < reach * reach)


@njit(cache=True, nogil=True)
def _leaving(coordinate: float) -> float:
    """What the prey pays for one coordinate: nothing inside the field, then up to 1 at 1, then e ** (2x - 2), at most 10."""
    x = abs(coordinate)
    if x < FIELD:
        return 0.0
    if x < 1.0:
        return (x - FIELD) * 10.0
    return min(exp(2.0 * x - 2.0), 10.0)
