"""Maps for two teams: a random half, and its mirror image."""

import numpy as np
from numba import njit

from marl_ppo.envs.rooms.board import FLOOR, WALL, Board, Kit
from marl_ppo.envs.rooms.chance import below
from marl_ppo.envs.rooms.layout import Plan
from marl_ppo.envs.seeds import uniform
from marl_ppo.envs.world import Array

PILLARS, BARS = 0.75, 0.6
"""how often a pillar stands where one may, and how often it is two cells long"""


@njit(cache=True, nogil=True)
def lay_arena(board: Board, kit: Kit, plan: Plan, n: int, key: np.uint64, used: np.uint64, queue: Array) -> np.uint64:
    """Draw halves until one has all its floor connected; `plan.rows` and `plan.columns` are those of the whole, inside the rim.

    Pillars stand on every second cell of every second row. Bases are in the middle of a side of the map, and agents start
    around theirs. Returns `used`.
    """
    rows, columns, stride, rim = plan.rows, plan.columns, plan.stride, plan.rim
    middle = columns // 2
    base = (rim + rows // 2) * stride + rim + 1
    while True:
        for c in range(board.cells.shape[1]):
            board.cells[n, c] = WALL
            board.room[n, c] = 0
        for r in range(rows):
            for c in range(columns):
                board.cells[n, (rim + r) * stride + rim + c] = FLOOR
        for r in range(1, rows - 1, 2):
            for c in range(3, middle + 1, 2):
                stands = uniform(key, used) < PILLARS
                is_bar = uniform(key, used + np.uint64(1)) < BARS
                way = below(key, used + np.uint64(2), 4)
                used += np.uint64(3)
                if stands:
                    _build(board, plan, n, r, c)
                    if is_bar:
                        down, right = (way == 1) - (way == 0), (way == 3) - (way == 2)
                        if c + right <= middle and c + right > 2:
                            _build(board, plan, n, r + down, c + right)
        if _is_connected(board, plan, n, base, queue):
            break
    mirrored = base - 1 + columns - 2
    for k in range(kit.kind.shape[0]):
        board.thing[n, k] = mirrored if kit.mark[k] else base
    team_size = board.agent.shape[1] // 2
    for a in range(team_size):
        # Above and below the base in turns, at random distance from the side.
        row = rows // 2 + (a + 1) // 2 * (1 - 2 * (a & 1))
        column = below(key, used, 3)
        used += np.uint64(1)
        board.agent[n, a] = (rim + row) * stride + rim + column
        board.agent[n, team_size + a] = (rim + row) * stride + rim + columns - 1 - column
    return used


@njit(cache=True, nogil=True)
def _build(board: Board, plan: Plan, n: int, row: int, column: int) -> None:
    """A wall, and its mirror image."""
    first = (plan.rim + row) * plan.stride + plan.rim
    board.cells[n, first + column] = WALL
    board.cells[n, first + plan.columns - 1 - column] = WALL


@njit(cache=True, nogil=True)
def _is_connected(board: Board, plan: Plan, n: int, first: int, queue: Array) -> bool:
    """Whether one can walk from `first` to every cell of the floor. Rooms are 0 for all, so they mark what was met."""
    floor = 0
    for c in range(board.cells.shape[1]):
        floor += board.cells[n, c] == FLOOR
    queue[0] = first
    board.room[n, first] = 1
    head, tail = 0, 1
    while head < tail:
        cell = queue[head]
        head += 1
        for way in (-plan.stride, plan.stride, -1, 1):
            c = cell + way
            if board.cells[n, c] == FLOOR and board.room[n, c] == 0:
                board.room[n, c] = 1
                queue[tail] = c
                tail += 1
    return tail == floor
