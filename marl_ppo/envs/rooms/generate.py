"""Episodes begin here: a map is laid out from the copy's own stream, or copied from a template; then all is put back.

Which maps are for training and which to evaluate on is a property of the map: `fingerprint` hashes its cells, things
and starts, and an even hash is training's. A map of the wrong kind is thrown away and the stream goes on, so no map is
ever of both.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from marl_ppo.envs.rooms.arena import lay_arena
from marl_ppo.envs.rooms.board import FLOOR, SPOT, WALL, Board, Kit, Rules
from marl_ppo.envs.rooms.chance import below
from marl_ppo.envs.rooms.layout import Plan, lay_rooms
from marl_ppo.envs.rooms.rules import look, press
from marl_ppo.envs.seeds import mix
from marl_ppo.envs.world import Array

FIXED, OPPOSITE, TREE, ARENA = range(4)
"""how a map comes about: the template; the template with agents and target in diagonally opposite rooms; rooms in a grid; two
mirrored halves"""
_SALT = np.uint64(0x9E3779B97F4A7C15)


class Template(NamedTuple):
    """A map that is the same in every episode."""

    cells: Array
    """uint8 [C]"""
    room: Array
    """uint8 [C]"""
    thing: Array
    """int64 [K]"""
    agent: Array
    """int64 [A]"""
    by_room: Array
    """int64 [C], the cells in the order of their rooms' numbers"""
    first: Array
    """int64 [R + 2], where in that order each room begins, and where the last one ends"""


def template_of(cells: Array, room: Array, thing: Array, agent: Array) -> Template:
    """The template of a map: uint8 [C], uint8 [C], int64 [K] and int64 [A], see above."""
    first = np.searchsorted(np.sort(room), np.arange(int(room.max(initial=0)) + 2))
    return Template(cells, room, thing, agent, np.argsort(room, kind="stable"), first)


@njit(cache=True, nogil=True)
def start(
    where: Array, seeds: Array, style: int, half: int, template: Template, plan: Plan, board: Board, kit: Kit, rules: Rules
) -> None:
    """Start an episode in the copies `where`; `half` is 0 for maps to train on, 1 for those to evaluate on, -1 for all."""
    queue = np.empty(board.cells.shape[1], np.int64)
    for n in range(where.shape[0]):
        if not where[n]:
            continue
        used = np.uint64(0)
        while True:
            if style == TREE:
                used = lay_rooms(board, kit, plan, n, seeds[n], used)
            elif style == ARENA:
                used = lay_arena(board, kit, plan, n, seeds[n], used, queue)
            else:
                _copy(board, template, n)
                if style == OPPOSITE:
                    used = _scatter(board, template, n, seeds[n], used)
            if half < 0 or np.int64(fingerprint(board, n) & np.uint64(1)) == half:
                break
        _begin(board, kit, rules, n)
        for g in range(board.steps.shape[1]):  # targets are the first things
            _measure(board, n, g, board.thing[n, g], rules.stride, queue)


@njit(cache=True, nogil=True)
def fingerprint(board: Board, n: int) -> np.uint64:
    """A hash of all that sets one map apart from another: cells, things, starts."""
    bits = np.uint64(0)
    word = np.uint64(0)
    for c in range(board.cells.shape[1]):
        word = (word << np.uint64(8)) | np.uint64(board.cells[n, c])
        if c & 7 == 7:
            bits = mix(bits ^ word) + _SALT
    bits = mix(bits ^ word) + _SALT
    for k in range(board.thing.shape[1]):
        bits = mix(bits ^ np.uint64(board.thing[n, k])) + _SALT
    for a in range(board.agent.shape[1]):
        bits = mix(bits ^ np.uint64(board.agent[n, a])) + _SALT
    return mix(bits)


@njit(cache=True, nogil=True)
def _copy(board: Board, template: Template, n: int) -> None:
    for c in range(template.cells.shape[0]):
        board.cells[n, c] = template.cells[c]
        board.room[n, c] = template.room[c]
    for k in range(template.thing.shape[0]):
        board.thing[n, k] = template.thing[k]
    for a in range(template.agent.shape[0]):
        board.agent[n, a] = template.agent[a]


@njit(cache=True, nogil=True)
def _scatter(board: Board, template: Template, n: int, key: np.uint64, used: np.uint64) -> np.uint64:
    """Agents into one of the four rooms, the target into the one diagonally opposite: rooms are numbered 1 2 above 3 4."""
    room = 1 + below(key, used, 4)
    used += np.uint64(1)
    for a in range(-1, board.agent.shape[1]):
        wanted = 5 - room if a < 0 else room
        first, end = template.first[wanted], template.first[wanted + 1]
        cell = template.by_room[first + below(key, used, end - first)]
        used += np.uint64(1)
        if a < 0:
            board.thing[n, 0] = cell
        else:
            board.agent[n, a] = cell
    return used


@njit(cache=True, nogil=True)
def _begin(board: Board, kit: Kit, rules: Rules, n: int) -> None:
    """Nothing has happened yet."""
    board.tick[n] = board.visited[n] = 0
    board.tally[n] = 0
    board.happened[n] = 0
    board.seen[n] = 0
    board.status[n] = 0
    for k in range(board.thing.shape[1]):
        if board.cells[n, board.thing[n, k]] == FLOOR:
            board.cells[n, board.thing[n, k]] = SPOT
    for a in range(board.agent.shape[1]):
        board.start[n, a] = board.agent[n, a]
        board.bag[n, a] = 0
        room = np.int64(1) << np.int64(board.room[n, board.agent[n, a]])
        if room > 1 and not board.visited[n] & room:
            board.visited[n] |= room
            board.tally[n, 0] += 1
    if rules.has_plates:
        press(board, kit, n, n + 1)
    if rules.hidden:
        look(board, kit, rules, n, n + 1)


@njit(cache=True, nogil=True)
def _measure(board: Board, n: int, g: int, target: int, stride: int, queue: Array) -> None:
    """Steps from every cell to a target through open doors, breadth first."""
    for c in range(board.cells.shape[1]):
        board.steps[n, g, c] = -1
    board.steps[n, g, target] = 0
    queue[0] = target
    head, tail = 0, 1
    while head < tail:
        cell = queue[head]
        head += 1
        for way in (-stride, stride, -1, 1):
            c = cell + way
            if board.steps[n, g, c] < 0 and board.cells[n, c] != WALL:
                board.steps[n, g, c] = board.steps[n, g, cell] + 1
                queue[tail] = c
                tail += 1
