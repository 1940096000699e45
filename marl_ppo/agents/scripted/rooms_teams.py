"""Players of the rooms that take a team: they hold gates for each other, hand a parcel on, or raid and chase.

Who does what follows from the number in the team, so no two wait for each other.

Axes: B walkers, M memory size.
"""

from typing import Any

import numpy as np
from numba import njit
from torch import Tensor

from marl_ppo.agents.scripted.pathfinding import NOWHERE, cell_at, search, walk
from marl_ppo.agents.scripted.rooms import (
    GATE,
    OTHER_FLAG,
    OWN_BASE,
    OWN_DOOR,
    PARCEL,
    PLATE,
    TARGET,
    Rambler,
    Reading,
    look_around,
    nearest_unknown,
)
from marl_ppo.agents.scripted.script import Turn
from marl_ppo.envs.rooms.observe import PLACE
from marl_ppo.envs.world import Array, Group, WorldSpec

WARY = 2
"""steps within which an opponent in its own half is kept away from"""
BOLD = 0.3
"""how often it is not, or two careful teams would stand before each other for ever"""


class Escort(Rambler):
    """Of two agents, the second holds the plate before a gate, the first goes through and holds the one behind for the second.

    The first plate of a letter is the one before the gate. The last number of the memory is the gate they are at.
    """

    def __init__(self, group: Group, spec: WorldSpec) -> None:
        super().__init__(group, spec)
        self.memory_size += 1

    def fill(self, *arrays: Any) -> None:
        _escort(*arrays)


class Courier(Rambler):
    """Waits in its own doorway for the parcel, and takes it to the next doorway, or to the target behind the last one."""

    def fill(self, *arrays: Any) -> None:
        _deliver(*arrays)


class Raider(Rambler):
    """Takes the other side's flag home by ways that avoid opponents; the first of several, or who is alone and nearer, chases
    intruders."""

    noise_size = 1

    def more(self, turn: Turn) -> tuple[Tensor, ...]:
        return (turn.noise[:, 0] < BOLD,)

    def fill(self, *arrays: Any) -> None:
        _raid(*arrays)


@njit(cache=True, nogil=True)
def _escort(obs: Array, memory: Array, index: Array, reading: Reading, actions: Array, ways: Array) -> None:
    """See `Rambler.fill`."""
    num_cells = reading.width * reading.height
    steps, first, queue = np.empty(num_cells, np.int64), np.empty(num_cells, np.int64), np.empty(num_cells, np.int64)
    blocked, thing = np.empty(num_cells, np.bool_), np.empty(reading.kind.shape[0], np.int64)
    for b in range(obs.shape[0]):
        here = look_around(obs[b], memory[b, :num_cells], reading, thing, blocked)
        other = _other(obs[b], reading, 0)
        letter = _letter(reading, int(memory[b, num_cells]))
        before, behind, gate, to = NOWHERE, NOWHERE, NOWHERE, NOWHERE
        for k in range(thing.shape[0]):
            if reading.kind[k] == GATE and thing[k] != NOWHERE:
                blocked[thing[k]] = True
            if reading.kind[k] == TARGET:
                to = thing[k]
            if reading.mark[k] == letter:
                if reading.kind[k] == GATE:
                    gate = thing[k]
                elif reading.kind[k] == PLATE and before == NOWHERE:
                    before = thing[k]
                elif reading.kind[k] == PLATE:
                    behind = thing[k]
        if gate != NOWHERE:
            to = behind
            if index[b] == 0:
                blocked[gate] = False
                if here == behind and other == gate:
                    memory[b, num_cells] += 1.0
            elif here == gate:
                memory[b, num_cells] += 1.0
            elif other == behind:
                blocked[gate] = False
            else:
                to = before
        search(blocked, here, reading.width, steps, first, queue)
        if to == NOWHERE or steps[to] == NOWHERE:
            to = nearest_unknown(memory[b, :num_cells], steps)
        walk(to, here, steps, first, reading.width, actions[b : b + 1], ways[b])


@njit(cache=True, nogil=True)
def _letter(reading: Reading, number: int) -> int:
    """The letter of the gate with this number, -2 behind the last."""
    for k in range(reading.kind.shape[0]):
        if reading.kind[k] == GATE:
            if number == 0:
                return reading.mark[k]
            number -= 1
    return -2


@njit(cache=True, nogil=True)
def _deliver(obs: Array, memory: Array, index: Array, reading: Reading, actions: Array, ways: Array) -> None:
    """See `Rambler.fill`."""
    num_cells = reading.width * reading.height
    steps, first, queue = np.empty(num_cells, np.int64), np.empty(num_cells, np.int64), np.empty(num_cells, np.int64)
    blocked, thing = np.empty(num_cells, np.bool_), np.empty(reading.kind.shape[0], np.int64)
    for b in range(obs.shape[0]):
        here = look_around(obs[b], memory[b], reading, thing, blocked)
        carries, is_last, to = obs[b, reading.bag] > 0.5, index[b] == reading.num_others, NOWHERE
        for k in range(thing.shape[0]):
            if reading.kind[k] == OWN_DOOR:
                if thing[k] != NOWHERE and reading.mark[k] != index[b]:
                    blocked[thing[k]] = True
                if reading.mark[k] == index[b] + carries:
                    to = thing[k]
            elif (reading.kind[k] == TARGET and carries and is_last) or (
                reading.kind[k] == PARCEL and not carries and index[b] == 0
            ):
                to = thing[k]
        if index[b] == 0 and not carries:
            for k in range(thing.shape[0]):
                if reading.kind[k] == PARCEL:
                    to = here if _is_carried(obs[b], reading) else thing[k]
        search(blocked, here, reading.width, steps, first, queue)
        if to != NOWHERE and carries and not is_last:
            to = _next_to(to, steps, reading.width)
        if to == NOWHERE or steps[to] == NOWHERE:
            to = nearest_unknown(memory[b], steps)
        walk(to, here, steps, first, reading.width, actions[b : b + 1], ways[b])


@njit(cache=True, nogil=True)
def _is_carried(seen: Array, reading: Reading) -> bool:
    """Whether one of the others has something in its bag."""
    carried = False
    for o in range(reading.num_others):
        carried |= seen[reading.others + o * (2 + reading.pockets) + 2] > 0.5
    return carried


@njit(cache=True, nogil=True)
def _next_to(cell: int, steps: Array, width: int) -> int:
    """Of the four cells around one, the nearest."""
    best, to = steps.shape[0] + 1, NOWHERE
    for c in (cell - width, cell + width, cell - 1, cell + 1):
        if 0 <= c < steps.shape[0] and NOWHERE < steps[c] < best:
            best, to = steps[c], c
    return to


@njit(cache=True, nogil=True)
def _raid(obs: Array, memory: Array, index: Array, reading: Reading, actions: Array, ways: Array, bold: Array) -> None:
    """See `Rambler.fill`; `bold` [B] are not wary in this step."""
    num_cells, width = reading.width * reading.height, reading.width
    steps, first, queue = np.empty(num_cells, np.int64), np.empty(num_cells, np.int64), np.empty(num_cells, np.int64)
    blocked, thing = np.empty(num_cells, np.bool_), np.empty(reading.kind.shape[0], np.int64)
    wary = np.empty(num_cells, np.bool_)
    mates = (reading.num_others - 1) // 2
    for b in range(obs.shape[0]):
        here = look_around(obs[b], memory[b], reading, thing, blocked)
        carries, to, base = obs[b, reading.bag] > 0.5, NOWHERE, NOWHERE
        for k in range(thing.shape[0]):
            if reading.kind[k] == OWN_BASE:
                base = thing[k]
                to = base if carries else to
            elif reading.kind[k] == OTHER_FLAG and not carries:
                to = thing[k]
        search(blocked, here, width, steps, first, queue)
        wary[:] = blocked
        chased, gap = NOWHERE, num_cells
        for o in range(mates, reading.num_others):
            opponent = _other(obs[b], reading, o)
            if 2 * (opponent % width) < width - 1:  # in one's own half
                if NOWHERE < steps[opponent] < gap:
                    chased, gap = opponent, steps[opponent]
            else:
                for c in range(num_cells):
                    apart = abs(c % width - opponent % width) + abs(c // width - opponent // width)
                    if apart <= WARY and 2 * (c % width) > width - 1 and c != to:
                        wary[c] = True
        alone = mates == 0 and (gap <= 4 or _is_carried(obs[b], reading))
        if chased != NOWHERE and not carries and (alone or (mates > 0 and index[b] == 0)):
            to = chased
        wary[here] = False
        search(wary, here, width, steps, first, queue)
        if bold[b] or (to != NOWHERE and steps[to] == NOWHERE):
            search(blocked, here, width, steps, first, queue)
        if to == NOWHERE or steps[to] == NOWHERE:
            to = nearest_unknown(memory[b], steps)
        walk(to, here, steps, first, reading.width, actions[b : b + 1], ways[b])


@njit(cache=True, nogil=True)
def _other(seen: Array, reading: Reading, number: int) -> int:
    """The cell of another agent."""
    at = reading.others + number * (2 + reading.pockets)
    return cell_at(seen[PLACE] + seen[at], seen[PLACE + 1] + seen[at + 1], reading.width, reading.height)
