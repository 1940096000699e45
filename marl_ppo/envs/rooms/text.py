"""Maps as text, one character a cell:

    #        wall; the outer edge of a map must be wall
    .        floor; a blank is floor too
    @        where an agent starts; < and > where one of blue and one of orange does, where flags are captured
    *        the target, or one of several
    a ... f  a key, and A ... F a door that it opens
    u ... w  a plate, and U ... W a gate that is open as long as somebody stands on one of its plates
    0 ... 5  a door for that agent alone; agents are numbered as their starts are read, row by row
    p        the parcel
    ( and )  the base of blue's flag and of orange's

Rooms are the regions of floor that are left when doorways are taken away: doors, gates, and floor between two walls.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from marl_ppo.envs.rooms.board import (
    BARRIER,
    BASE,
    CAPTURE,
    DELIVER,
    DOOR,
    FLAG,
    FLOOR,
    GATE,
    KEY,
    LOCKED,
    OWN,
    PARCEL,
    PLATE,
    PRIVATE,
    TARGET,
    VISIT,
    WALL,
)
from marl_ppo.envs.world import Array
from marl_ppo.errors import ConfigError

KEYS, PLATES, AGENTS = "abcdef", "uvw", "012345"
LARGEST = 64
"""cells along a side of a map"""
MOST_AGENTS = 6
FLOORS = ". "
STARTS = "@<>"
MIRRORED = str.maketrans("<>()", "><)(")


@dataclass(frozen=True, slots=True)
class Thing:
    """What has a name and a place."""

    kind: int
    mark: int = 0


@dataclass(frozen=True, slots=True)
class TextMap:
    """A map that was read, inside a rim of wall."""

    cells: Array
    """uint8 [H, W]"""
    room: Array
    """uint8 [H, W]"""
    things: tuple[Thing, ...]
    thing: Array
    """int64 [K], cells"""
    agent: Array
    """int64 [A], cells; blue's before orange's"""


def read_map(text: str, goal: int, rim: int) -> TextMap:
    """Read a map; raises ConfigError that names line and column of what is wrong, counted from 1. `rim` is the wall around it,
    its own outer wall included."""
    lines = [line.rstrip("\r") for line in text.strip("\r\n").split("\n")]
    height, width = len(lines), len(lines[0])
    if not (3 <= height <= LARGEST and 3 <= width <= LARGEST):
        raise ConfigError(f"a map must have from 3 to {LARGEST} lines and columns, got {height} lines of {width}")
    for r, line in enumerate(lines):
        if len(line) != width:
            raise _wrong(r, min(len(line), width), f"every line must have {width} characters as the first has, got {len(line)}")
        for c, mark in enumerate(line):
            _check_character(r, c, mark, goal)
            if (r in (0, height - 1) or c in (0, width - 1)) and mark != "#":
                raise _wrong(r, c, f"the outer edge of a map must be wall, '#', got {mark!r}")
    found = [(r, c, mark) for r, line in enumerate(lines) for c, mark in enumerate(line) if mark != "#" and mark not in FLOORS]
    _check_counts(found, goal)
    if goal == CAPTURE:
        _check_mirror(lines)

    margin = rim - 1
    cells = np.full((height + 2 * margin, width + 2 * margin), WALL, np.uint8)
    for r, line in enumerate(lines):
        for c, mark in enumerate(line):
            cells[r + margin, c + margin] = _code(mark)
    stride = cells.shape[1]
    placed = [(thing, (r + margin) * stride + c + margin) for r, c, mark in found for thing in _things(mark)]
    placed.sort(key=lambda pair: (pair[0].kind, pair[0].mark))
    starts = sorted((mark, r, c) for r, c, mark in found if mark in STARTS)
    return TextMap(
        cells=cells,
        room=number_rooms(cells),
        things=tuple(thing for thing, _ in placed),
        thing=np.array([cell for _, cell in placed], np.int64),
        agent=np.array([(r + margin) * stride + c + margin for _, r, c in starts], np.int64),
    )


def number_rooms(cells: Array) -> Array:
    """The number of the room each cell [H, W] is in, from 1 in reading order, 0 for walls and doorways."""
    wall = cells == WALL
    beside = np.zeros_like(wall)
    beside[:, 1:-1] |= wall[:, :-2] & wall[:, 2:]
    beside[1:-1] |= wall[:-2] & wall[2:]
    inside = (cells == FLOOR) & ~beside
    room = np.zeros(cells.shape, np.uint8)
    count = 0
    for r, c in np.argwhere(inside):
        if room[r, c] or count == 62:  # as many as fit into a mask of bits; others count as none
            continue
        count += 1
        waiting = [(r, c)]
        while waiting:
            y, x = waiting.pop()
            if inside[y, x] and not room[y, x]:
                room[y, x] = count
                waiting += [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
    return room


def _things(mark: str) -> list[Thing]:
    """What a character stands for; the base of a flag has the flag on it."""
    if mark == "*":
        return [Thing(TARGET)]
    if mark == "p":
        return [Thing(PARCEL)]
    if mark in "()":
        return [Thing(FLAG, "()".index(mark)), Thing(BASE, "()".index(mark))]
    for letters, kind in (
        (KEYS, KEY),
        (KEYS.upper(), LOCKED),
        (PLATES, PLATE),
        (PLATES.upper(), BARRIER),
        (AGENTS, PRIVATE),
    ):
        if mark in letters:
            return [Thing(kind, letters.index(mark))]
    return []


def _code(mark: str) -> int:
    if mark == "#":
        return WALL
    if mark in KEYS.upper():
        return DOOR
    if mark in PLATES.upper():
        return GATE
    return OWN + int(mark) if mark in AGENTS else FLOOR


def _check_character(row: int, column: int, mark: str, goal: int) -> None:
    known = "#" + FLOORS + "*" + KEYS + KEYS.upper() + PLATES + PLATES.upper() + AGENTS
    known += {DELIVER: "p@", CAPTURE: "<>()"}.get(goal, "@")
    if goal == CAPTURE:
        known = "#" + FLOORS + "<>()"
    if mark not in known:
        raise _wrong(row, column, f"{mark!r} means nothing here; a map of this world has {' '.join(known.replace(' ', ''))}")


def _check_counts(found: list[tuple[int, int, str]], goal: int) -> None:
    counts = Counter(mark for _, _, mark in found)
    needed = {"(": 1, ")": 1} if goal == CAPTURE else {"*": 1} | ({"p": 1} if goal == DELIVER else {})
    for mark, count in needed.items():
        if counts[mark] == 0:
            raise ConfigError(f"a map of this world must have a {mark!r}, and this one has none")
        if counts[mark] > count and goal != VISIT:
            row, column = [(r, c) for r, c, m in found if m == mark][count]
            raise _wrong(row, column, f"a map of this world must have one {mark!r}, this is another")
    starts = [(r, c) for r, c, mark in found if mark in STARTS]
    if not starts:
        raise ConfigError(f"a map must have from 1 to {MOST_AGENTS} starts of agents, and this one has none")
    if len(starts) > MOST_AGENTS:
        raise _wrong(*starts[MOST_AGENTS], f"a map must have at most {MOST_AGENTS} starts of agents, this is another")
    if sum(len(_things(mark)) for _, _, mark in found) > 40:
        raise ConfigError("a map must have at most 40 things")
    for row, column, mark in found:
        if mark in AGENTS and int(mark) >= len(starts):
            raise _wrong(row, column, f"a door for agent {mark}, but agents are numbered from 0 to {len(starts) - 1}")
        if mark.isalpha() and mark.isupper() and not counts[mark.lower()]:
            raise _wrong(row, column, f"nothing opens {mark!r}: there is no {mark.lower()!r} on the map")


def _check_mirror(lines: list[str]) -> None:
    for r, line in enumerate(lines):
        for c, mark in enumerate(line):
            image = line[len(line) - 1 - c].translate(MIRRORED)
            if image != mark and {image, mark} - set(FLOORS):
                raise _wrong(r, c, f"a map must be its own mirror image, < for > and ( for ): here {image!r} is wanted")


def _wrong(row: int, column: int, why: str) -> ConfigError:
    return ConfigError(f"map, line {row + 1}, column {column + 1}: {why}")
