"""What each agent sees, and what the centralised critic may see. The orders are mpe2's; README.md has them as tables.

All functions write the rows of the copies `where`; `obs` has one float32 array [N, A of the group, D] per group, and
`state` is float32 [N, S].
"""

from numba import njit

from marl_ppo.envs.particle.rules import Bodies
from marl_ppo.envs.world import Array

# How mpe2 paints landmark i: channel i bright, the other two dark. A target is shown to a speaker as this colour.
SPEAKER_BRIGHT, SPEAKER_DARK = 0.65, 0.15
REFERENCE_BRIGHT, REFERENCE_DARK = 0.75, 0.25
NUM_COLOURS = 3


@njit(cache=True, nogil=True)
def observe_spread(where: Array, bodies: Bodies, obs: tuple[Array, ...], state: Array) -> None:
    """Own velocity and position, landmarks, the others, and what they say: always nothing, as nobody can speak."""
    position, velocity = bodies.position, bodies.velocity
    (out,) = obs
    num_agents = velocity.shape[1]
    for n in range(position.shape[0]):
        if not where[n]:
            continue
        for a in range(num_agents):
            k = _put(out, n, a, 0, velocity[n, a, 0], velocity[n, a, 1])
            k = _put(out, n, a, k, position[n, a, 0], position[n, a, 1])
            k = _put_landmarks(out, n, a, k, position, num_agents, a)
            k = _put_others(out, n, a, k, position, num_agents, a)
            out[n, a, k:] = 0.0
        _write_state(n, bodies, state)


@njit(cache=True, nogil=True)
def observe_speaker_listener(where: Array, bodies: Bodies, obs: tuple[Array, ...], state: Array) -> None:
    """The speaker sees the target's colour; the listener its own velocity, the landmarks and the message."""
    position, velocity, message, goal = bodies
    speaker, listener = obs
    for n in range(position.shape[0]):
        if not where[n]:
            continue
        _put_colour(speaker, n, 0, 0, goal[n, 0], SPEAKER_BRIGHT, SPEAKER_DARK)
        k = _put(listener, n, 0, 0, velocity[n, 1, 0], velocity[n, 1, 1])
        k = _put_landmarks(listener, n, 0, k, position, 2, 1)
        _put_message(listener, n, 0, k, message, 0)
        _write_state(n, bodies, state)


@njit(cache=True, nogil=True)
def observe_reference(where: Array, bodies: Bodies, obs: tuple[Array, ...], state: Array) -> None:
    """Own velocity, the landmarks, the colour of the other agent's target, and the other's message."""
    position, velocity, message, goal = bodies
    (out,) = obs
    for n in range(position.shape[0]):
        if not where[n]:
            continue
        for a in range(2):
            k = _put(out, n, a, 0, velocity[n, a, 0], velocity[n, a, 1])
            k = _put_landmarks(out, n, a, k, position, 2, a)
            k = _put_colour(out, n, a, k, goal[n, a], REFERENCE_BRIGHT, REFERENCE_DARK)
            _put_message(out, n, a, k, message, 1 - a)
        _write_state(n, bodies, state)


@njit(cache=True, nogil=True)
def observe_tag(where: Array, bodies: Bodies, obs: tuple[Array, ...], state: Array) -> None:
    """Own velocity and position, obstacles, all others, and the velocity of every prey but oneself."""
    position, velocity = bodies.position, bodies.velocity
    chasers, preys = obs
    num_chasers, num_agents = chasers.shape[1], velocity.shape[1]
    for n in range(position.shape[0]):
        if not where[n]:
            continue
        for a in range(num_agents):
            out, row = (chasers, a) if a < num_chasers else (preys, a - num_chasers)
            k = _put(out, n, row, 0, velocity[n, a, 0], velocity[n, a, 1])
            k = _put(out, n, row, k, position[n, a, 0], position[n, a, 1])
            k = _put_landmarks(out, n, row, k, position, num_agents, a)
            k = _put_others(out, n, row, k, position, num_agents, a)
            for b in range(num_chasers, num_agents):
                if b != a:
                    k = _put(out, n, row, k, velocity[n, b, 0], velocity[n, b, 1])
        _write_state(n, bodies, state)


@njit(cache=True, nogil=True)
def observe_adversary(where: Array, bodies: Bodies, obs: tuple[Array, ...], state: Array) -> None:
    """Landmarks and all others; the agents see before these where the target is, and the adversary does not."""
    position, velocity, goal = bodies.position, bodies.velocity, bodies.goal
    adversary, agents = obs
    num_agents = velocity.shape[1]
    for n in range(position.shape[0]):
        if not where[n]:
            continue
        k = _put_landmarks(adversary, n, 0, 0, position, num_agents, 0)
        _put_others(adversary, n, 0, k, position, num_agents, 0)
        for a in range(1, num_agents):
            target = num_agents + goal[n, 0]
            dx, dy = position[n, target, 0] - position[n, a, 0], position[n, target, 1] - position[n, a, 1]
            k = _put(agents, n, a - 1, 0, dx, dy)
            k = _put_landmarks(agents, n, a - 1, k, position, num_agents, a)
            _put_others(agents, n, a - 1, k, position, num_agents, a)
        _write_state(n, bodies, state)


def state_size(num_agents: int, num_landmarks: int, num_words: int, num_goals: int) -> int:
    """S: positions of all bodies, velocities and messages of the agents, one choice of landmark per goal."""
    return 2 * (num_agents + num_landmarks) + (2 + num_words) * num_agents + num_landmarks * num_goals


@njit(cache=True, nogil=True, inline="always")
def _write_state(n: int, bodies: Bodies, state: Array) -> None:
    position, velocity, message, goal = bodies
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


# Each writes from column k of out[n, a] on and returns the first column after what it wrote.


@njit(cache=True, nogil=True, inline="always")
def _put(out: Array, n: int, a: int, k: int, x: float, y: float) -> int:
    out[n, a, k] = x
    out[n, a, k + 1] = y
    return k + 2


@njit(cache=True, nogil=True, inline="always")
def _put_landmarks(out: Array, n: int, a: int, k: int, position: Array, num_agents: int, viewer: int) -> int:
    # Read once: the compiler cannot know that writing obs leaves positions as they are.
    x, y = position[n, viewer, 0], position[n, viewer, 1]
    for e in range(num_agents, position.shape[1]):
        k = _put(out, n, a, k, position[n, e, 0] - x, position[n, e, 1] - y)
    return k


@njit(cache=True, nogil=True, inline="always")
def _put_others(out: Array, n: int, a: int, k: int, position: Array, num_agents: int, viewer: int) -> int:
    x, y = position[n, viewer, 0], position[n, viewer, 1]
    for b in range(num_agents):
        if b != viewer:
            k = _put(out, n, a, k, position[n, b, 0] - x, position[n, b, 1] - y)
    return k


@njit(cache=True, nogil=True, inline="always")
def _put_colour(out: Array, n: int, a: int, k: int, landmark: int, bright: float, dark: float) -> int:
    for channel in range(NUM_COLOURS):
        out[n, a, k + channel] = bright if channel == landmark else dark
    return k + NUM_COLOURS


@njit(cache=True, nogil=True, inline="always")
def _put_message(out: Array, n: int, a: int, k: int, message: Array, speaker: int) -> int:
    for c in range(message.shape[2]):
        out[n, a, k + c] = message[n, speaker, c]
    return k + message.shape[2]
