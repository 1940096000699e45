"""Training rewards, task metrics and outcomes. The rewards are mpe2's; metrics and outcomes never depend on params.

All functions run once per step and take the arrays named in `rules.py`, and

radius      float64 [E]
params      float64 [N, P], in the order of the world's `spec.params`
tally       float64 [N, T], what the metrics have counted since the reset: carried from step to step
rewards     one float32 array [N, A of the group] per group
metrics     one float64 array [N] per metric, in the order of `spec.metrics`
outcomes    float64 [N, teams], as if the episode ended now

With `classic` the scale is that of the older environments: all agents of a cooperative world get the sum of what each
would get, and `local_ratio`, the weight of an agent's own part against the common part, has no meaning.
"""

import numpy as np
from numba import njit

REACH = 0.1
"""an agent this near a landmark has reached it; mpe2 calls it the capture radius"""


@njit(cache=True, nogil=True)
def reward_spread(position, goal, radius, params, local_ratio, classic, tally, rewards, metrics, outcomes) -> None:
    """Common: minus the distances from the landmarks to their nearest agents. Own: minus the agents one touches.

    The older environments count an agent's touching itself as well, at every step.
    """
    (reward,) = rewards
    coverage, distance, collisions = metrics
    num_agents = reward.shape[1]
    num_landmarks = position.shape[1] - num_agents
    for n in range(position.shape[0]):
        penalty = params[n, 1]
        total, covered = 0.0, 0
        for e in range(num_agents, position.shape[1]):
            nearest = np.inf
            for a in range(num_agents):
                nearest = min(nearest, _squared_distance(position, n, a, e))
            nearest = np.sqrt(nearest)
            total += nearest
            covered += nearest < REACH

        touches = 0
        for a in range(num_agents):
            mine = 0
            for b in range(num_agents):
                # Squares are compared where the original compares distances: the two differ by rounding at most.
                if b != a and _squared_distance(position, n, a, b) < (radius[a] + radius[b]) ** 2:
                    mine += 1
            touches += mine
            reward[n, a] = -total * (1.0 - local_ratio) - penalty * mine * local_ratio
        if classic:
            for a in range(num_agents):
                reward[n, a] = -total * num_agents - penalty * (touches + num_agents)

        tally[n, 0] += touches // 2
        coverage[n] = covered / num_landmarks
        distance[n] = total / num_landmarks
        collisions[n] = tally[n, 0]
        outcomes[n, 0] = covered / num_landmarks


@njit(cache=True, nogil=True, inline="always")
def _squared_distance(position, n, a, b) -> float:
    dx = position[n, a, 0] - position[n, b, 0]
    dy = position[n, a, 1] - position[n, b, 1]
    return dx * dx + dy * dy
