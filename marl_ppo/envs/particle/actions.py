"""From actions to forces and messages, with mpe2's numbering.

move            0 stay, 1 left, 2 right, 3 down, 4 up
discrete        one number: the move, or what is said, or move + 5 * said for an agent that does both
multi-discrete  the same two numbers apart, (move, said)
continuous      numbers within [0, 1], clipped: how much of each move (left and right cancel out), then the message
"""

import numpy as np
from numba import njit

from marl_ppo.envs.world import Array

NUM_MOVES = 5


@njit(cache=True, nogil=True)
def decode_discrete(
    actions: Array, first: int, moves: bool, speaks: bool, strength: float, force: Array, message: Array
) -> int:
    """Write the forces and messages of the group whose first agent is `first`; `strength` is a full move's force.

    Returns -1, or the seat n * A + a of the first of the actions [N, A] that is outside its space; then nothing is
    written.
    """
    num_words = message.shape[2] if speaks else 1
    num_choices = (NUM_MOVES if moves else 1) * num_words
    for n in range(actions.shape[0]):
        for a in range(actions.shape[1]):
            if not 0 <= actions[n, a] < num_choices:
                return n * actions.shape[1] + a
    for n in range(actions.shape[0]):
        for a in range(actions.shape[1]):
            action, agent = actions[n, a], first + a
            move, said = action, action
            if moves and speaks:
                move, said = action % NUM_MOVES, action // NUM_MOVES
            force[n, agent, 0] = strength * (int(move == 2) - int(move == 1)) if moves else 0.0
            force[n, agent, 1] = strength * (int(move == 4) - int(move == 3)) if moves else 0.0
            if speaks:
                for c in range(num_words):
                    message[n, agent, c] = 1.0 if c == said else 0.0
    return -1


@njit(cache=True, nogil=True)
def decode_continuous(
    actions: Array, first: int, moves: bool, speaks: bool, strength: float, force: Array, message: Array
) -> int:
    """The same for float32 actions [N, A, D]; what is outside [0, 1] is clipped, and only nan is refused."""
    for n in range(actions.shape[0]):
        for a in range(actions.shape[1]):
            for d in range(actions.shape[2]):
                if actions[n, a, d] != actions[n, a, d]:
                    return n * actions.shape[1] + a
    spoken_from = NUM_MOVES if moves else 0
    for n in range(actions.shape[0]):
        for a in range(actions.shape[1]):
            agent = first + a
            force[n, agent, 0] = force[n, agent, 1] = 0.0
            if moves:
                # The differences are taken in float32, as the original takes them.
                force[n, agent, 0] = strength * np.float64(_clip(actions[n, a, 2]) - _clip(actions[n, a, 1]))
                force[n, agent, 1] = strength * np.float64(_clip(actions[n, a, 4]) - _clip(actions[n, a, 3]))
            if speaks:
                for c in range(message.shape[2]):
                    message[n, agent, c] = _clip(actions[n, a, spoken_from + c])
    return -1


def flatten(actions: Array, sizes: Array) -> Array:
    """Multi-discrete actions [N, A, 2] as discrete ones [N, A]; -1 where a part is outside its size."""
    legal = ((actions >= 0) & (actions < sizes)).all(-1)
    return np.where(legal, actions[..., 0] + NUM_MOVES * actions[..., 1], -1)


@njit(cache=True, nogil=True, inline="always")
def _clip(x: np.float32) -> np.float32:
    return min(max(x, np.float32(0.0)), np.float32(1.0))
