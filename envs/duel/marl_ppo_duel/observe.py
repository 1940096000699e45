"""What is told of a board: obs in each side's own frame, so that one policy plays both; masks; the critic's state; scores.

Positions and offsets are in the own frame: x to the right, y away from where the side started.
"""

from numba import njit

from marl_ppo.envs.world import Array
from marl_ppo_duel.rules import (
    AMMO,
    CAUGHT,
    DEPOT_WAIT,
    FIRE,
    FIRE_WAIT,
    FIRED,
    GUARD,
    GUARD_WAIT,
    LANDED,
    LIVES,
    MARGIN,
    RANGE,
    Board,
    score,
)

VIEW = 2 * MARGIN + 1
"""width and height of the square of cells around a duelist that it sees the walls of"""

PLACE, OFFSET, FACING, OTHER_FACING, LINE, CLOSENESS, OWN, OTHER, DEPOTS, TIME, REIGN, WALLS = (
    0,
    2,
    4,
    8,
    12,
    16,
    17,
    21,
    25,
    31,
    32,
    33,
)
"""where each part of obs begins"""
OBS_SIZE = WALLS + VIEW * VIEW
DUELIST_STATE, DEPOT_STATE = 10, 3
"""numbers in the state for each duelist and for each depot"""


def state_size(size: int) -> int:
    """Length of the state of a board of `size`."""
    return 2 * DUELIST_STATE + 2 * DEPOT_STATE + 2 + size * size


@njit(cache=True, nogil=True)
def observe(where: Array, board: Board, max_steps: int, ended: Array, obs: Array, action_mask: Array) -> None:
    """Write obs [N, 2, OBS_SIZE] and masks [N, 2, K] of the copies `where`; zeros and all True where they have ended."""
    last = board.wall.shape[1] - 2 * MARGIN - 1
    span = 1.0 / last
    for n in range(where.shape[0]):
        if not where[n]:
            continue
        for side in range(2):
            seen, mask, other = obs[n, side], action_mask[n, side], 1 - side
            mask[:] = True
            if ended[n]:
                seen[:] = 0.0
                continue
            mask[FIRE] = board.ammo[n, side] > 0 and board.fire_wait[n, side] == 0
            mask[GUARD] = board.guard_wait[n, side] == 0

            sign = 1 - 2 * side  # a half turn negates offsets
            x, y = board.cell[n, side, 0], board.cell[n, side, 1]
            dx, dy = board.cell[n, other, 0] - x, board.cell[n, other, 1] - y
            seen[PLACE] = (x if side == 0 else last - x) * span
            seen[PLACE + 1] = (y if side == 0 else last - y) * span
            seen[OFFSET], seen[OFFSET + 1] = sign * dx * span, sign * dy * span
            seen[FACING:CLOSENESS] = 0.0
            seen[FACING + (board.facing[n, side] + 2 * side) % 4] = 1.0
            seen[OTHER_FACING + (board.facing[n, other] + 2 * side) % 4] = 1.0
            seen[CLOSENESS] = 0.0
            if board.line[n] >= 0:
                # Turned once as orange's direction is blue's opposite, and once more into orange's frame.
                seen[LINE + board.line[n]] = 1.0
                seen[CLOSENESS] = (RANGE + 1 - abs(dx) - abs(dy)) / RANGE
            _tell_body(board, n, side, seen[OWN:])
            _tell_body(board, n, other, seen[OTHER:])
            for i in range(2):
                depot = side if i == 0 else other
                part = seen[DEPOTS + DEPOT_STATE * i :]
                part[0] = sign * (board.depot[n, depot, 0] - x) * span
                part[1] = sign * (board.depot[n, depot, 1] - y) * span
                part[2] = board.depot_wait[n, depot] / DEPOT_WAIT
            seen[TIME] = (max_steps - board.tick[n]) / max_steps
            seen[REIGN] = (board.reign[n, side] - board.reign[n, other]) / max_steps
            # Rows from the near one to the far one, each from the left. A slice tells the compiler that no index is negative.
            view, walls = board.wall[n, y : y + VIEW, x : x + VIEW], seen[WALLS:]
            for i in range(VIEW):
                for j in range(VIEW):
                    walls[VIEW * i + j] = view[i, j] if side == 0 else view[VIEW - 1 - i, VIEW - 1 - j]


@njit(cache=True, nogil=True)
def tell_state(where: Array, board: Board, max_steps: int, state: Array) -> None:
    """Write the state [N, S]: both duelists, both depots, time, the lead on the throne, the board; all as blue sees it."""
    size = board.wall.shape[1] - 2 * MARGIN
    span = 1.0 / (size - 1)
    for n in range(where.shape[0]):
        if not where[n]:
            continue
        row = state[n]
        for side in range(2):
            part = row[DUELIST_STATE * side :]
            part[0], part[1] = board.cell[n, side, 0] * span, board.cell[n, side, 1] * span
            part[2:6] = 0.0
            part[2 + board.facing[n, side]] = 1.0
            _tell_body(board, n, side, part[6:])
        for d in range(2):
            part = row[2 * DUELIST_STATE + DEPOT_STATE * d :]
            part[0], part[1] = board.depot[n, d, 0] * span, board.depot[n, d, 1] * span
            part[2] = board.depot_wait[n, d] / DEPOT_WAIT
        place = 2 * DUELIST_STATE + 2 * DEPOT_STATE
        row[place] = (max_steps - board.tick[n]) / max_steps
        row[place + 1] = (board.reign[n, 0] - board.reign[n, 1]) / max_steps
        inside, walls = board.wall[n, MARGIN : MARGIN + size, MARGIN : MARGIN + size], row[place + 2 :]
        for y in range(size):
            for x in range(size):
                walls[size * y + x] = inside[y, x]


@njit(cache=True, nogil=True)
def tell_scores(board: Board, outcomes: Array, hits: Array, accuracy: Array, caught: Array, draw: Array) -> None:
    """Write every copy's outcomes [N, 2] and metrics [N] so far."""
    for n in range(hits.shape[0]):
        fired = board.tally[n, 0, FIRED] + board.tally[n, 1, FIRED]
        landed = board.tally[n, 0, LANDED] + board.tally[n, 1, LANDED]
        lead = score(board.lives, board.reign, n)
        hits[n] = landed
        accuracy[n] = landed / max(fired, 1)
        caught[n] = (board.tally[n, 0, CAUGHT] + board.tally[n, 1, CAUGHT]) / max(fired, 1)
        draw[n] = lead == 0.0
        outcomes[n, 0], outcomes[n, 1] = lead, -lead


@njit(cache=True, nogil=True)
def _tell_body(board: Board, n: int, side: int, part: Array) -> None:
    """Lives, rounds, and how long neither weapon nor guard can be used, as shares of the most there can be."""
    part[0] = board.lives[n, side] / LIVES
    part[1] = board.ammo[n, side] / AMMO
    part[2] = board.fire_wait[n, side] / FIRE_WAIT
    part[3] = board.guard_wait[n, side] / GUARD_WAIT
