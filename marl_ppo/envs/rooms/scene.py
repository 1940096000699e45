"""A copy as drawing primitives, a cell being a unit: walls in the colour of scenery, what belongs together in one colour."""

from collections.abc import Sequence

import numpy as np

from marl_ppo.envs.rooms.board import (
    BARRIER,
    BASE,
    FLAG,
    GONE,
    KEY,
    LOCKED,
    ON,
    PARCEL,
    PLATE,
    PRIVATE,
    TARGET,
    WALL,
    Board,
    Kit,
)
from marl_ppo.envs.rooms.task import Task
from marl_ppo.envs.scene import Box, Disc, Line, Primitive, Scene, Text
from marl_ppo.envs.world import Array

BLUE, GREEN, PURPLE, YELLOW = 0, 2, 3, 4
COLOURS = (YELLOW, PURPLE, 5, GREEN, 1, 6)
"""of keys and doors, plates and gates, by mark; a target is green, and so is the fourth letter"""
FLASH = "done!"


def draw(task: Task, names: Sequence[str], kit: Kit, board: Board) -> Scene:
    """The scene of one copy, of agents with these names: every array of `board` without its first axis."""
    width, height, rim, stride = task.width, task.height, task.plan.rim, task.stride

    def at(cell: int) -> tuple[float, float]:
        row, column = divmod(int(cell), stride)
        return column - rim + 0.5, height - (row - rim) - 0.5

    primitives = _halves(width, height) if task.num_sides == 2 else []
    primitives += _walls(board.cells.reshape(-1, stride)[rim - 1 : rim + height + 1, rim - 1 : rim + width + 1], height)
    for k in np.argsort(kit.kind, kind="stable").tolist():
        primitives += _thing(k, int(kit.kind[k]), int(kit.mark[k]), int(board.status[k]), *at(board.thing[k]))
    sight = {}
    crowd: dict[int, int] = {}
    for a, cell in enumerate(board.agent.tolist()):
        x, y = at(cell)
        shift = 0.14 * crowd.get(cell, 0)  # who shares a cell stands a little beside the first
        crowd[cell] = crowd.get(cell, 0) + 1
        side, number = int(kit.side[a]), sum(kit.side[:a] == kit.side[a])
        colour = side if task.num_sides == 2 else _agent_colour(a)
        primitives.append(
            Disc(key=names[a], x=x + shift, y=y + shift, radius=0.36, team=colour, label=str(number) if len(names) > 1 else "")
        )
        primitives += _bag(names[a], int(board.bag[a]), kit, x + shift, y + shift)
        reach = 2.0 * rim + 1.0
        sight[names[a]] = (Box(key=f"sight_{names[a]}", x=x, y=y, width=reach, height=reach, team=colour, alpha=0.12),)
    return Scene(
        bounds=(-1.0, -1.0, width + 1.0, height + 1.0),
        primitives=tuple(primitives),
        caption=_caption(task, board),
        sight=sight,
    )


def _agent_colour(agent: int) -> int:
    """Of agents that are one team, each has its own, for its doors to be known by."""
    return (BLUE, 1, PURPLE, YELLOW, 5, GREEN)[agent]


def _walls(cells: Array, height: int) -> list[Primitive]:
    """Stretches of wall along rows as one box each, what is left along columns; `cells` have the outer wall around them."""
    found: list[Primitive] = []
    left = cells == WALL
    for r, row in enumerate(left):
        for first, last in _stretches(row):
            if last - first > 1:
                left[r, first:last] = False
                x, y = (first + last) / 2 - 1.0, height - r + 0.5
                found.append(Box(key=f"wall_{r}_{first}", x=x, y=y, width=last - first, height=1.0, alpha=0.55))
    for c, column in enumerate(left.T):
        for first, last in _stretches(column):
            x, y = c - 0.5, height + 1.0 - (first + last) / 2
            found.append(Box(key=f"wall_{first}_{c}", x=x, y=y, width=1.0, height=last - first, alpha=0.55))
    return found


def _stretches(wall: Array) -> list[tuple[int, int]]:
    """(first, last + 1) of every stretch of True in bool [cells]."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], wall.astype(np.int8), [0]])))
    return [(first, last) for first, last in edges.reshape(-1, 2).tolist()]


def _halves(width: int, height: int) -> list[Primitive]:
    found: list[Primitive] = []
    for side, x in ((0, width / 4 - 0.25), (1, 3 * width / 4 + 0.25)):
        found.append(Box(key=f"half_{side}", x=x, y=height / 2, width=width / 2 - 0.5, height=height, team=side, alpha=0.08))
    return found


def _thing(k: int, kind: int, mark: int, status: int, x: float, y: float) -> list[Primitive]:
    key, colour = f"thing_{k}", COLOURS[mark % len(COLOURS)]
    if kind == TARGET:
        return [
            Box(key=key, x=x, y=y, width=0.9, height=0.9, team=GREEN, alpha=0.15 if status == GONE else 0.35),
            Disc(key=f"{key}_ring", x=x, y=y, radius=0.3, team=GREEN, filled=False, alpha=0.4 if status == GONE else 1.0),
        ]
    if kind == KEY:
        return [] if status == GONE else key_shape(key, x, y, colour, 1.0)
    if kind == LOCKED:
        alpha = 0.2 if status == GONE else 0.9
        lock = [] if status == GONE else [Disc(key=f"{key}_lock", x=x, y=y, radius=0.12)]
        return [Box(key=key, x=x, y=y, width=1.0, height=1.0, team=colour, alpha=alpha), *lock]
    if kind == PLATE:
        return [
            Box(key=key, x=x, y=y, width=0.8, height=0.8, team=colour, alpha=0.7 if status == ON else 0.3),
            Box(key=f"{key}_edge", x=x, y=y, width=0.8, height=0.8, team=colour, filled=False),
        ]
    if kind == BARRIER:
        if status == ON:
            return [Box(key=key, x=x, y=y, width=1.0, height=1.0, team=colour, filled=False)]
        bars = [
            Line(key=f"{key}_{i}", x=x + i / 4, y=y - 0.5, x2=x + i / 4, y2=y + 0.5, team=colour, width=0.1) for i in (-1, 0, 1)
        ]
        return [Box(key=key, x=x, y=y, width=1.0, height=1.0, team=colour, alpha=0.3), *bars]
    if kind == PRIVATE:
        team = _agent_colour(mark)
        return [
            Box(key=key, x=x, y=y, width=1.0, height=1.0, team=team, alpha=0.3),
            Text(key=f"{key}_name", x=x, y=y, text=str(mark), height=0.5, team=team),
        ]
    if kind == PARCEL:
        return [] if status == ON else [Box(key=key, x=x, y=y, width=0.5, height=0.5, team=YELLOW)]
    if kind == FLAG:
        return [] if status == ON else flag_shape(key, x, y, mark)
    assert kind == BASE
    return [Disc(key=key, x=x, y=y, radius=0.45, team=mark, filled=False)]


def key_shape(key: str, x: float, y: float, colour: int, size: float) -> list[Primitive]:
    """A ring with a shaft and a bit."""
    return [
        Disc(key=key, x=x - 0.2 * size, y=y, radius=0.15 * size, team=colour),
        Line(key=f"{key}_shaft", x=x - 0.1 * size, y=y, x2=x + 0.35 * size, y2=y, team=colour, width=0.1 * size),
        Line(key=f"{key}_bit", x=x + 0.3 * size, y=y, x2=x + 0.3 * size, y2=y - 0.2 * size, team=colour, width=0.1 * size),
    ]


def flag_shape(key: str, x: float, y: float, team: int) -> list[Primitive]:
    """A pole with a cloth."""
    return [
        Line(key=key, x=x - 0.15, y=y - 0.35, x2=x - 0.15, y2=y + 0.4, width=0.07),
        Box(key=f"{key}_cloth", x=x + 0.07, y=y + 0.22, width=0.4, height=0.32, team=team),
    ]


def _bag(agent: str, bag: int, kit: Kit, x: float, y: float) -> list[Primitive]:
    """What an agent carries, small, above it."""
    found: list[Primitive] = []
    carried = [k for k in range(len(kit.kind)) if bag >> k & 1]
    for i, k in enumerate(carried):
        key, mark, left = f"bag_{agent}_{k}", int(kit.mark[k]), x + 0.3 * (i - (len(carried) - 1) / 2)
        if kit.kind[k] == KEY:
            found += key_shape(key, left, y + 0.32, COLOURS[mark % len(COLOURS)], 0.6)
        elif kit.kind[k] == PARCEL:
            found.append(Box(key=key, x=left, y=y + 0.28, width=0.35, height=0.35, team=YELLOW))
        else:
            found += flag_shape(key, left, y + 0.3, mark)
    return found


def _caption(task: Task, board: Board) -> str:
    if task.num_sides == 2:
        blue, orange = board.tally[2:4].tolist()
        return f"flags {blue} : {orange}"
    return FLASH if board.tally[2] else f"{task.config['max_steps'] - int(board.tick)} steps left"
