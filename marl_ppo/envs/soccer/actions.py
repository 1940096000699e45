"""From actions to pushes and kicks. Actions are in the player's own frame, pushes in that of blue.

discrete    move + 9 * kick, kick being 0 or 1, and move 0 stay, 1 ahead (to the goal one shoots at), then counter-clockwise
            in eighths of a turn: 2 ahead and left, 3 left, 4 back and left, 5 back, ..., 8 ahead and right
continuous  (x, y, kick) within [-1, 1], clipped: the push, cut to length 1, and how hard to kick, where up to 0 is not at all
"""

from typing import Literal

import numpy as np
from numba import njit

from marl_ppo.envs.world import Array

ActionKind = Literal["discrete", "continuous"]
NUM_MOVES = 9
NUM_ACTIONS = 2 * NUM_MOVES
_D = 0.7071067811865476  # sqrt(1/2)
MOVE_X = (0.0, 1.0, _D, 0.0, -_D, -1.0, -_D, 0.0, _D)
MOVE_Y = (0.0, 0.0, _D, 1.0, _D, 0.0, -_D, -1.0, -_D)


@njit(cache=True, nogil=True)
def decode_discrete(actions: Array, push: Array, kick: Array) -> int:
    """Write push [N, P, 2] and kick [N, P] of the actions [N, P].

    Returns -1, or the seat n * P + a of the first action that is outside its space; then nothing is written.
    """
    num_players = actions.shape[1]
    for n in range(actions.shape[0]):
        for a in range(num_players):
            if not 0 <= actions[n, a] < NUM_ACTIONS:
                return n * num_players + a
    for n in range(actions.shape[0]):
        for a in range(num_players):
            action = actions[n, a]
            kicks = action >= NUM_MOVES
            move = action - NUM_MOVES if kicks else action
            sign = 1.0 if 2 * a < num_players else -1.0
            push[n, a, 0], push[n, a, 1] = sign * MOVE_X[move], sign * MOVE_Y[move]
            kick[n, a] = 1.0 if kicks else 0.0
    return -1


@njit(cache=True, nogil=True)
def decode_continuous(actions: Array, push: Array, kick: Array) -> int:
    """The same for float32 actions [N, P, 3]; what is outside [-1, 1] is clipped, and only nan is refused."""
    num_players = actions.shape[1]
    for n in range(actions.shape[0]):
        for a in range(num_players):
            for d in range(3):
                if actions[n, a, d] != actions[n, a, d]:
                    return n * num_players + a
    for n in range(actions.shape[0]):
        for a in range(num_players):
            x, y = _clip(actions[n, a, 0]), _clip(actions[n, a, 1])
            squared = x * x + y * y
            if squared > 1.0:
                length = np.sqrt(squared)
                x, y = x / length, y / length
            sign = 1.0 if 2 * a < num_players else -1.0
            push[n, a, 0], push[n, a, 1] = sign * x, sign * y
            kick[n, a] = max(_clip(actions[n, a, 2]), 0.0)
    return -1


@njit(cache=True, nogil=True, inline="always")
def _clip(x: np.float32) -> float:
    return min(max(np.float64(x), -1.0), 1.0)
