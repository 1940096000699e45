"""The rules of walking: one step of every copy. State arrays in, state arrays out.

Agents do not stand in each other's way, and may share a cell. All walk at once, by what was open before the step; then, in
this order, opponents are tagged, things are touched, parcels handed over, and gates follow their plates. Where several agents
step on a thing at once, the one with the lowest number of its team has it.
"""

import numpy as np
from numba import njit

from marl_ppo.envs.rooms.board import (
    BARRIER,
    BASE,
    CAPTURE,
    DELIVER,
    DOOR,
    FLAG,
    FLOOR,
    GATE,
    GATHER,
    GONE,
    HOME_0,
    KEY,
    LOCKED,
    NUM_ACTIONS,
    ON,
    OPEN,
    OPENED,
    OWN,
    PARCEL,
    PLATE,
    ROOMS,
    SHUT,
    TAGS_0,
    TARGET,
    THERE,
    VISIT,
    WALL,
    Board,
    Kit,
    Rules,
)
from marl_ppo.envs.world import Array

NO_GUARD = 2
"""steps from one's own base within which one cannot tag"""

_ONE = np.int64(1)


@njit(cache=True, nogil=True)
def outside(actions: Array) -> int:
    """-1, or the seat n * A + a of the first action [N, A] that is outside its space."""
    for n in range(actions.shape[0]):
        for a in range(actions.shape[1]):
            if not 0 <= actions[n, a] < NUM_ACTIONS:
                return n * actions.shape[1] + a
    return -1


@njit(cache=True, nogil=True)
def advance(board: Board, actions: Array, kit: Kit, rules: Rules, ended: Array) -> None:
    """One step of every copy, in place; `ended` [N] is written."""
    before = board.agent.copy() if rules.goal == DELIVER else board.agent
    _walk(board, actions, kit)
    if rules.goal == CAPTURE:
        _tag(board, kit, rules)
    _touch(board, kit, rules)
    if rules.goal == DELIVER:
        _hand_over(board, kit, rules, before)
    if rules.goal == DELIVER or rules.goal == CAPTURE:
        _carry(board, kit)
    if rules.has_plates:
        press(board, kit, 0, board.agent.shape[0])
    if rules.hidden:
        look(board, kit, rules, 0, board.agent.shape[0])
    _judge(board, kit, rules, ended)


@njit(cache=True, nogil=True)
def _walk(board: Board, actions: Array, kit: Kit) -> None:
    """One step of every agent, if nothing stops it. Doors are still as they were: who opens one is on its way through."""
    for n in range(board.agent.shape[0]):
        for a in range(board.agent.shape[1]):
            here, way = board.agent[n, a], kit.way[kit.side[a], actions[n, a]]
            code = board.cells[n, here + way]
            is_free = (code < WALL) | (code == OWN + a)
            if code == DOOR:
                is_free = _opens(board, kit, n, a, here + way)
            board.agent[n, a] = here + way * is_free  # a factor, since a processor cannot foresee which way a branch would go


@njit(cache=True, nogil=True)
def _opens(board: Board, kit: Kit, n: int, a: int, cell: int) -> bool:
    """Whether an agent has a key of the door at a cell."""
    for k in range(kit.kind.shape[0]):
        if kit.kind[k] == LOCKED and board.thing[n, k] == cell:
            return (board.bag[n, a] & kit.key_of[k]) != 0
    return False


@njit(cache=True, nogil=True)
def _touch(board: Board, kit: Kit, rules: Rules) -> None:
    """What being somewhere does: rooms count, doors open, targets are visited; keys, parcels and flags are taken."""
    for n in range(board.agent.shape[0]):
        board.happened[n, 0] = board.happened[n, 1] = 0
        for a in range(board.agent.shape[1]):
            cell, side = board.agent[n, a], kit.side[a]
            room = _ONE << np.int64(board.room[n, cell])
            if room > 1 and not board.visited[n] & room:
                board.visited[n] |= room
                board.tally[n, ROOMS] += 1
            if board.cells[n, cell] == FLOOR:
                continue
            for k in range(kit.kind.shape[0]):
                if board.thing[n, k] != cell or board.status[n, k] == GONE:
                    continue
                kind = kit.kind[k]
                if kind == KEY:
                    board.status[n, k] = GONE
                    board.bag[n, a] |= _ONE << k
                elif kind == LOCKED:
                    board.status[n, k] = GONE
                    board.cells[n, cell] = OPEN
                    board.tally[n, OPENED] += 1
                elif kind == TARGET and rules.goal == VISIT:
                    board.status[n, k] = GONE
                elif board.status[n, k] == THERE and (kind == PARCEL or (kind == FLAG and kit.mark[k] != side)):
                    board.status[n, k] = ON
                    board.bag[n, a] |= _ONE << k
                elif kind == BASE and kit.mark[k] == side and board.bag[n, a] != 0:
                    _bring_home(board, kit, n, a)
                    board.happened[n, side] += 1
                    board.tally[n, HOME_0 + side] += 1


@njit(cache=True, nogil=True)
def _bring_home(board: Board, kit: Kit, n: int, a: int) -> None:
    """Put the flag that an agent carries back on its base."""
    for k in range(kit.kind.shape[0]):
        if kit.kind[k] == FLAG and board.bag[n, a] >> k & 1:
            board.status[n, k] = THERE
            for base in range(kit.kind.shape[0]):
                if kit.kind[base] == BASE and kit.mark[base] == kit.mark[k]:
                    board.thing[n, k] = board.thing[n, base]
    board.bag[n, a] = 0


@njit(cache=True, nogil=True)
def _tag(board: Board, kit: Kit, rules: Rules) -> None:
    """Who is within a step of an opponent, in that one's half, goes back to its start, and a flag it carried to its base.

    An opponent too near to its own base tags nobody: who stood on it could never be passed.
    """
    num_agents = board.agent.shape[1]
    bases = _thing_of(kit, BASE)
    for n in range(board.agent.shape[0]):
        tagged = _ONE * 0
        for a in range(num_agents):
            half = kit.half[board.agent[n, a]]
            if half < 0 or half == kit.side[a]:
                continue
            for b in range(num_agents):
                near = kit.side[b] == half and _apart(board.agent[n, a], board.agent[n, b], rules.stride) <= 1
                if near and _apart(board.agent[n, b], board.thing[n, bases + half], rules.stride) > NO_GUARD:
                    tagged |= _ONE << a
        if tagged != 0:
            for a in range(num_agents):
                if tagged >> a & 1:
                    board.tally[n, TAGS_0 + 1 - kit.side[a]] += 1
                    board.agent[n, a] = board.start[n, a]
                    _bring_home(board, kit, n, a)


@njit(cache=True, nogil=True, inline="always")
def _apart(cell: int, other: int, stride: int) -> int:
    """Steps between two cells without walls."""
    return abs(cell // stride - other // stride) + abs(cell % stride - other % stride)


@njit(cache=True, nogil=True)
def _hand_over(board: Board, kit: Kit, rules: Rules, before: Array) -> None:
    """Who carries the parcel gives it to the first agent that it meets: that it is within a step of, and was not before."""
    num_agents = board.agent.shape[1]
    parcel = _thing_of(kit, PARCEL)
    for n in range(board.agent.shape[0]):
        receiver = -1
        for a in range(num_agents):
            if receiver < 0 and board.bag[n, a] >> parcel & 1:
                for b in range(num_agents):
                    near = _apart(board.agent[n, a], board.agent[n, b], rules.stride) <= 1
                    if b != a and near and receiver < 0 and _apart(before[n, a], before[n, b], rules.stride) > 1:
                        receiver = b
                        board.bag[n, a] &= ~(_ONE << parcel)
        if receiver >= 0:
            board.bag[n, receiver] |= _ONE << parcel


@njit(cache=True, nogil=True)
def _carry(board: Board, kit: Kit) -> None:
    """What is carried is where its carrier is."""
    for k in range(kit.kind.shape[0]):
        if kit.kind[k] == PARCEL or kit.kind[k] == FLAG:
            for n in range(board.agent.shape[0]):
                if board.status[n, k] == ON:
                    for a in range(board.agent.shape[1]):
                        if board.bag[n, a] >> k & 1:
                            board.thing[n, k] = board.agent[n, a]


@njit(cache=True, nogil=True)
def _thing_of(kit: Kit, kind: int) -> int:
    """The first thing of a kind."""
    for k in range(kit.kind.shape[0]):
        if kit.kind[k] == kind:
            return k
    return -1


@njit(cache=True, nogil=True)
def press(board: Board, kit: Kit, first: int, end: int) -> None:
    """Plates are pressed by who stands on them, and a gate is open as long as one of its plates is. Of copies before `end`."""
    for n in range(first, end):
        pressed = _ONE * 0
        for k in range(kit.kind.shape[0]):
            if kit.kind[k] == PLATE:
                board.status[n, k] = THERE
                for a in range(board.agent.shape[1]):
                    if board.agent[n, a] == board.thing[n, k]:
                        board.status[n, k] = ON
                        pressed |= _ONE << k
        for k in range(kit.kind.shape[0]):
            if kit.kind[k] == BARRIER:
                is_open = (pressed & kit.key_of[k]) != 0
                if is_open and board.status[n, k] == THERE:
                    board.tally[n, OPENED] += 1
                if is_open:
                    board.status[n, k] = ON
                elif board.status[n, k] == ON:
                    board.status[n, k] = SHUT
                board.cells[n, board.thing[n, k]] = OPEN if is_open else GATE


@njit(cache=True, nogil=True)
def look(board: Board, kit: Kit, rules: Rules, first: int, end: int) -> None:
    """Remember, for each side, the things that are in a window of one of its agents. Of copies before `end`."""
    for n in range(first, end):
        for a in range(board.agent.shape[1]):
            row, column = divmod(board.agent[n, a], rules.stride)
            for k in range(kit.kind.shape[0]):
                if not board.seen[n, kit.side[a]] >> k & 1:
                    there, across = divmod(board.thing[n, k], rules.stride)
                    if abs(there - row) <= rules.radius and abs(across - column) <= rules.radius:
                        board.seen[n, kit.side[a]] |= _ONE << k


@njit(cache=True, nogil=True)
def _judge(board: Board, kit: Kit, rules: Rules, ended: Array) -> None:
    """Whether the step brought success, flags being counted already; whether that, or the time, ends the episode."""
    parcel = _thing_of(kit, PARCEL)
    for n in range(board.agent.shape[0]):
        done = rules.goal != CAPTURE
        target = board.thing[n, 0]  # of all goals but VISIT the one target, which is the first thing
        if rules.goal == GATHER:
            for a in range(board.agent.shape[1]):
                done &= board.agent[n, a] == target
        elif rules.goal == DELIVER:
            done = board.status[n, parcel] == ON and board.thing[n, parcel] == target
        elif rules.goal == VISIT:
            for g in range(board.steps.shape[1]):  # targets come first
                done &= board.status[n, g] == GONE
        if done:
            board.happened[n, 0] = 1
            board.tally[n, HOME_0] = 1
        board.tick[n] += 1
        ended[n] = (
            board.tick[n] >= rules.max_steps
            or board.tally[n, HOME_0] >= rules.flags_to_win
            or board.tally[n, HOME_0 + 1] >= rules.flags_to_win
        )
