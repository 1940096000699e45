"""What each agent sees, and what the centralised critic may see. The orders are mpe2's; README.md has them as tables.

All functions write the rows of the copies `where` and take the arrays named in `rules.py`, with `message` float64
[N, A, C], the last thing each agent said; `obs` has one float32 array [N, A of the group, D] per group.
"""

from numba import njit


@njit(cache=True, nogil=True)
def observe_spread(where, position, velocity, message, goal, obs, state) -> None:
    """Own velocity and position, landmarks, the others, and what they say: always nothing, as nobody can speak."""
    (out,) = obs
    num_agents, num_bodies = velocity.shape[1], position.shape[1]
    for n in range(position.shape[0]):
        if not where[n]:
            continue
        for a in range(num_agents):
            k = _put(out, n, a, 0, velocity[n, a, 0], velocity[n, a, 1])
            k = _put(out, n, a, k, position[n, a, 0], position[n, a, 1])
            for e in range(num_agents, num_bodies):
                k = _put_relative(out, n, a, k, position, e, a)
            for b in range(num_agents):
                if b != a:
                    k = _put_relative(out, n, a, k, position, b, a)
            out[n, a, k:] = 0.0
        _write_state(n, position, velocity, message, goal, state)


@njit(cache=True, nogil=True, inline="always")
def _put(out, n, a, k, x, y) -> int:
    out[n, a, k] = x
    out[n, a, k + 1] = y
    return k + 2


@njit(cache=True, nogil=True, inline="always")
def _put_relative(out, n, a, k, position, body, viewer) -> int:
    out[n, a, k] = position[n, body, 0] - position[n, viewer, 0]
    out[n, a, k + 1] = position[n, body, 1] - position[n, viewer, 1]
    return k + 2


def state_size(num_agents: int, num_landmarks: int, num_words: int, num_goals: int) -> int:
    """S: positions of all bodies, velocities and messages of the agents, one choice of landmark per goal."""
    return 2 * (num_agents + num_landmarks) + (2 + num_words) * num_agents + num_landmarks * num_goals


@njit(cache=True, nogil=True, inline="always")
def _write_state(n, position, velocity, message, goal, state) -> None:
    k = 0
    for e in range(position.shape[1]):
        state[n, k] = position[n, e, 0]
        state[n, k + 1] = position[n, e, 1]
        k += 2
    for a in range(velocity.shape[1]):
        state[n, k] = velocity[n, a, 0]
        state[n, k + 1] = velocity[n, a, 1]
        k += 2
    for a in range(message.shape[1]):
        for c in range(message.shape[2]):
            state[n, k] = message[n, a, c]
            k += 1
    for g in range(goal.shape[1]):
        for landmark in range(position.shape[1] - velocity.shape[1]):
            state[n, k] = 1.0 if landmark == goal[n, g] else 0.0
            k += 1
