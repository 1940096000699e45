"""Training rewards, task metrics and outcomes. The latter two never depend on params.

A goal pays its side 1 and costs the other 1, each player of it. Shaping pays for what the promise of a position has gained
since the step before, and the other side pays for it: so between two kickoffs it depends on the first and last positions
alone (Ng, Harada and Russell 1999, "Policy invariance under reward transformations"), and going in circles earns nothing.
A goal does not take it back: with full shaping it is worth nearly twice as much. A kickoff because of an idle ball does.
"""

import numpy as np
from numba import njit

from marl_ppo.envs.soccer.rules import OWNED_BLUE, OWNED_ORANGE, PASSES, Pitch, Size
from marl_ppo.envs.world import Array

BALL_WEIGHT = 1.0
"""promise of the ball: its nearness to the goal to shoot at, less that to one's own"""
NEAR = 0.8
"""m from the middle of a goal at which nearness, 1 in the middle, is a half: in corners, where balls get stuck, it is little"""
CHASE_WEIGHT = 0.1
"""promise of the players: what one's nearest is nearer to the ball than the other's, in half lengths"""


@njit(cache=True, nogil=True)
def pay(pitch: Pitch, size: Size, shaping: Array, promise: Array, rewards: Array) -> None:
    """Write the rewards [N, P] of a tick, and the promise [N] of the position it led to, before any new kickoff."""
    num_players = rewards.shape[1]
    for n in range(rewards.shape[0]):
        now = _promise(pitch.position, pitch.ball, size, n)
        gain = pitch.scored[n] + shaping[n] * (now - promise[n])
        promise[n] = now
        for a in range(num_players):
            rewards[n, a] = gain if 2 * a < num_players else -gain


@njit(cache=True, nogil=True)
def look_again(where: Array, pitch: Pitch, size: Size, promise: Array) -> None:
    """The promise of the copies `where`, which have lined up for a kickoff."""
    for n in range(where.shape[0]):
        if where[n]:
            promise[n] = _promise(pitch.position, pitch.ball, size, n)


@njit(cache=True, nogil=True)
def tell_scores(
    pitch: Pitch, outcomes: Array, goals_blue: Array, goals_orange: Array, possession: Array, passes: Array
) -> None:
    """Write every copy's metrics [N] so far, and its outcomes [N, 2]: by how many goals each side leads."""
    for n in range(outcomes.shape[0]):
        owned = pitch.tally[n, OWNED_BLUE] + pitch.tally[n, OWNED_ORANGE]
        blue, orange = pitch.goals[n, 0], pitch.goals[n, 1]
        goals_blue[n], goals_orange[n] = blue, orange
        outcomes[n, 0], outcomes[n, 1] = blue - orange, orange - blue
        possession[n] = pitch.tally[n, OWNED_BLUE] / owned if owned > 0 else 0.5
        passes[n] = pitch.tally[n, PASSES]


@njit(cache=True, nogil=True)
def _promise(position: Array, ball: Array, size: Size, n: int) -> float:
    """Of a position, for blue; orange's is as much below 0."""
    x, y = ball[n, 0], ball[n, 1]
    num_players = position.shape[1]
    behind, ahead = x + size.half_length, size.half_length - x
    lead = NEAR / (NEAR + np.sqrt(ahead * ahead + y * y)) - NEAR / (NEAR + np.sqrt(behind * behind + y * y))
    nearest_blue = nearest_orange = np.inf
    for a in range(num_players):
        dx, dy = position[n, a, 0] - x, position[n, a, 1] - y
        squared = dx * dx + dy * dy
        if 2 * a < num_players:
            nearest_blue = min(nearest_blue, squared)
        else:
            nearest_orange = min(nearest_orange, squared)
    race = (np.sqrt(nearest_orange) - np.sqrt(nearest_blue)) / size.half_length
    return float(BALL_WEIGHT * lead + CHASE_WEIGHT * race)
