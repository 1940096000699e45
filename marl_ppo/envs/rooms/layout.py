"""Maps of rooms in a grid. A random tree of doorways joins them, some of which are shut.

The tree is grown depth first from a corner, and `rank` tells in which order rooms were joined. Shut doorways are numbered by
rank, so those before a doorway on its way from the start have lower numbers. `level` of a room is how many of them are to be
opened, in their order, to get into it. Key j lies in a room of level j or below, the plates of gate j are in the rooms on
either side of it, agent j of a relay starts in one of these: so every map can be solved.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from marl_ppo.envs.rooms.board import BARRIER, FLOOR, KEY, LOCKED, OWN, PLATE, PRIVATE, TARGET, WALL, Board, Kit
from marl_ppo.envs.rooms.chance import below
from marl_ppo.envs.world import Array


class Plan(NamedTuple):
    """What to lay out."""

    rows: int
    columns: int
    size: int
    """of a room: so many cells wide and high"""
    shut: int
    """doorways that are shut"""
    code: int
    """of these: DOOR, GATE, or OWN"""
    anywhere: bool
    """whether any doorway may be shut and targets lie in any room; else shut are some on the way to the deepest room, in which
    the target is"""
    stride: int
    rim: int
    """width of the wall around the rooms, which no agent sees across"""


@njit(cache=True, nogil=True)
def lay_rooms(board: Board, kit: Kit, plan: Plan, n: int, key: np.uint64, used: np.uint64) -> np.uint64:
    """Lay out the map of copy n and put things and agents on it; returns `used`."""
    total = plan.rows * plan.columns
    parent, order, depth = np.full(total, -1), np.full(total, -1), np.zeros(total, np.int64)
    doorway, level = np.zeros(total, np.int64), np.zeros(total, np.int64)
    _carve(board, plan, n)
    used = _grow(board, plan, n, key, used, parent, order, depth, doorway)
    deepest = order[0]
    for i in range(1, total):
        if depth[order[i]] > depth[deepest]:
            deepest = order[i]
    candidate = np.zeros(total, np.bool_)
    if plan.anywhere:
        candidate[:] = True
        candidate[order[0]] = False
    else:
        room = deepest
        while room != order[0]:
            candidate[room] = True
            room = parent[room]
    # Each candidate is taken with the chance that makes all choices of `shut` of them as likely.
    left, needed = np.int64(candidate.sum()), plan.shut
    behind = np.full(max(plan.shut, 1), -1)  # the room behind each shut doorway
    for i in range(1, total):
        room = order[i]
        level[room] = level[parent[room]]
        if candidate[room]:
            if below(key, used, left) < needed:
                number = plan.shut - needed
                behind[number] = room
                level[room] = number + 1
                board.cells[n, doorway[room]] = OWN + number if plan.code == OWN else plan.code
                needed -= 1
            used += np.uint64(1)
            left -= 1
    used = _place_things(board, kit, plan, n, key, used, parent, order, level, doorway, behind, deepest)
    for a in range(board.agent.shape[1]):
        room = order[0]
        if plan.code == OWN:
            room = behind[a] if below(key, used, 2) else parent[behind[a]]
            used += np.uint64(1)
        place = below(key, used, plan.size * plan.size)
        board.agent[n, a] = _free_cell(board.thing, plan, n, room, place, board.thing.shape[1])
        used += np.uint64(1)
    return used


@njit(cache=True, nogil=True)
def _carve(board: Board, plan: Plan, n: int) -> None:
    """Rooms with walls between them, and no doorways yet."""
    for c in range(board.cells.shape[1]):
        board.cells[n, c] = WALL
        board.room[n, c] = 0
    for room in range(plan.rows * plan.columns):
        corner = _corner(plan, room)
        for r in range(plan.size):
            for c in range(plan.size):
                board.cells[n, corner + r * plan.stride + c] = FLOOR
                board.room[n, corner + r * plan.stride + c] = room + 1


@njit(cache=True, nogil=True, inline="always")
def _corner(plan: Plan, room: int) -> int:
    """The top left cell of a room."""
    row, column = room // plan.columns, room % plan.columns
    return (plan.rim + row * (plan.size + 1)) * plan.stride + plan.rim + column * (plan.size + 1)


@njit(cache=True, nogil=True)
def _grow(
    board: Board,
    plan: Plan,
    n: int,
    key: np.uint64,
    used: np.uint64,
    parent: Array,
    order: Array,
    depth: Array,
    doorway: Array,
) -> np.uint64:
    """Join all rooms by doorways, as a tree: from the last room on as long as it has a neighbour that is not joined."""
    corner = below(key, used, 4)
    used += np.uint64(1)
    here = (corner >> 1) * (plan.rows - 1) * plan.columns + (corner & 1) * (plan.columns - 1)
    joined = np.zeros(plan.rows * plan.columns, np.bool_)
    joined[here], order[0], count = True, here, 1
    while count < plan.rows * plan.columns:
        free = 0
        for way in range(4):
            free += _beside(plan, here, way, joined) >= 0
        if free == 0:
            here = parent[here]
            continue
        left = below(key, used, free)
        offset = below(key, used + np.uint64(1), plan.size)
        used += np.uint64(2)
        for way in range(4):
            there = _beside(plan, here, way, joined)
            if there >= 0:
                if left == 0:
                    break
                left -= 1
        second = _corner(plan, max(here, there))  # the doorway is above it, or left of it
        gap = second - plan.stride + offset if way < 2 else second - 1 + offset * plan.stride
        board.cells[n, gap] = FLOOR
        parent[there], depth[there], doorway[there] = here, depth[here] + 1, gap
        joined[there], order[count] = True, there
        count += 1
        here = there
    return used


@njit(cache=True, nogil=True)
def _beside(plan: Plan, room: int, way: int, joined: Array) -> int:
    """The room above, below, left or right (`way` 0 to 3) if there is one that is not joined yet, else -1."""
    row, column = room // plan.columns, room % plan.columns
    row += (way == 1) - (way == 0)
    column += (way == 3) - (way == 2)
    if row < 0 or row >= plan.rows or column < 0 or column >= plan.columns:
        return -1
    there = row * plan.columns + column
    return -1 if joined[there] else there


@njit(cache=True, nogil=True)
def _place_things(
    board: Board,
    kit: Kit,
    plan: Plan,
    n: int,
    key: np.uint64,
    used: np.uint64,
    parent: Array,
    order: Array,
    level: Array,
    doorway: Array,
    behind: Array,
    deepest: int,
) -> np.uint64:
    """Doors where they are shut, everything else on a free cell of a room where it is of use."""
    first_plate = -1  # the letter of the plate placed last
    for k in range(kit.kind.shape[0]):
        kind, mark = kit.kind[k], kit.mark[k]
        if kind in (LOCKED, BARRIER, PRIVATE):
            board.thing[n, k] = doorway[behind[mark]]
            continue
        room = order[0]
        if kind == TARGET:
            room = deepest
            if plan.anywhere:
                room = order[1 + below(key, used, order.shape[0] - 1)]
                used += np.uint64(1)
        elif kind == KEY:
            within = 0
            for i in range(order.shape[0]):
                within += level[i] <= mark
            left = below(key, used, within)
            used += np.uint64(1)
            for i in range(order.shape[0]):
                if level[i] <= mark:
                    if left == 0:
                        room = i
                    left -= 1
        elif kind == PLATE:
            room = behind[mark] if first_plate == mark else parent[behind[mark]]
            first_plate = mark
        board.thing[n, k] = _free_cell(board.thing, plan, n, room, below(key, used, plan.size * plan.size), k)
        used += np.uint64(1)
    return used


@njit(cache=True, nogil=True)
def _free_cell(things: Array, plan: Plan, n: int, room: int, place: int, placed: int) -> int:
    """The cell number `place` of a room, or the next one on which none of the first `placed` things lies."""
    corner = _corner(plan, room)
    cells = plan.size * plan.size
    for i in range(cells):
        spot = (place + i) % cells
        cell = corner + spot // plan.size * plan.stride + spot % plan.size
        taken = False
        for k in range(placed):
            taken |= things[n, k] == cell
        if not taken:
            return cell
    return corner
