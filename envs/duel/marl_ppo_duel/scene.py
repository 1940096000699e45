"""A duel as drawing primitives: the board in the middle, each side's lives, rounds, reign and guard on its own edge."""

import math

from marl_ppo.envs.scene import Box, Disc, Line, Primitive, Scene, Sprite, Text
from marl_ppo.envs.world import Array
from marl_ppo_duel.rules import AMMO, HIT, LIVES, MARGIN, MET, MISSED, NOBODY, Board

AGENTS = ("duelist_0", "duelist_1")
TEAMS = ("blue", "orange")
STRIP = 1.0
"""height of the strips above and below the board that tell what each side has left"""
SPENT = 0.25
"""alpha of what cannot be used now"""
ENDINGS = ("misses", "hits", "is caught")
FAINT = 0.15
ROUND_COLOUR = 4
"""the team whose colour, a yellow that neither side has, rounds are drawn in"""
_STEP_X, _STEP_Y = (0, 1, 0, -1), (1, 0, -1, 0)


def draw(board: Board) -> Scene:
    """The scene of one copy: every array of `board` without its first axis. Cell (x, y) has its centre at x + 0.5, y + 0.5."""
    size = board.wall.shape[0] - 2 * MARGIN
    primitives: list[Primitive] = [
        Line(key=f"edge_{TEAMS[side]}", x=0.0, y=y, x2=float(size), y2=y, width=0.04)
        for side, y in enumerate((0.0, float(size)))
    ]
    primitives += _cells(size) + _throne(board, size) + _pillars(board.wall, size) + _depots(board)
    for side in range(2):
        primitives += _shot(board, side)
    for side in range(2):
        primitives += _duelist(board, side) + _belongings(board, side, size)
    return Scene(bounds=(0.0, -STRIP, float(size), size + STRIP), primitives=tuple(primitives), caption=_caption(board))


def _cells(size: int) -> list[Primitive]:
    """Faint lines between the cells, to count them by."""
    inner, end = range(1, size), float(size)
    upright = [Line(key=f"column_{i}", x=i, y=0.0, x2=i, y2=end, width=0.02, alpha=FAINT) for i in inner]
    return [*upright, *(Line(key=f"row_{i}", x=0.0, y=i, x2=end, y2=i, width=0.02, alpha=FAINT) for i in inner)]


def _pillars(wall: Array, size: int) -> list[Primitive]:
    return [
        Box(key=f"pillar_{x}_{y}", x=x + 0.5, y=y + 0.5, width=0.92, height=0.92)
        for x in range(size)
        for y in range(size)
        if wall[MARGIN + y, MARGIN + x]
    ]


def _throne(board: Board, size: int) -> list[Primitive]:
    """In the colour of who is on it."""
    on_it = [side for side in range(2) if (board.cell[side] == size // 2).all()]
    team, middle = (on_it or [-1])[0], size / 2
    ground = Box(key="throne_ground", x=middle, y=middle, width=0.92, height=0.92, team=team, alpha=0.3)
    return [ground, Disc(key="throne", x=middle, y=middle, radius=0.34, team=team, filled=False)]


def _depots(board: Board) -> list[Primitive]:
    """Full ones hold three rounds, empty ones count the steps until they are full."""
    found: list[Primitive] = []
    for d in range(2):
        x, y, wait = board.depot[d, 0] + 0.5, board.depot[d, 1] + 0.5, int(board.depot_wait[d])
        found.append(Box(key=f"depot_{d}", x=x, y=y, width=0.84, height=0.84, filled=False, alpha=1.0 if wait == 0 else SPENT))
        if wait:
            found.append(Text(key=f"depot_{d}_wait", x=x, y=y, text=str(wait), height=0.4))
        else:
            found += [
                Box(key=f"depot_{d}_round_{i}", x=x + 0.18 * (i - 1), y=y, width=0.11, height=0.36, team=ROUND_COLOUR)
                for i in range(AMMO)
            ]
    return found


def _shot(board: Board, side: int) -> list[Primitive]:
    """The way of the last step's shot: to the other's middle, half-way there, or to the end of the last free cell."""
    if board.flight[side] == NOBODY:
        return []
    facing, ending = int(board.facing[side]), board.ending[side]  # who fires does not turn
    x, y = board.cell[side, 0] + 0.5, board.cell[side, 1] + 0.5
    reach = board.flight[side] / 2 if ending == MET else board.flight[side] + (0.5 if ending == MISSED else 0.0)
    x2, y2 = x + reach * _STEP_X[facing], y + reach * _STEP_Y[facing]
    way = Line(key=f"shot_{TEAMS[side]}", x=x, y=y, x2=x2, y2=y2, team=side, width=0.12, alpha=0.7)
    if ending != HIT:
        return [way]
    return [way, Disc(key=f"hit_{TEAMS[1 - side]}", x=x2, y=y2, radius=0.6, team=side, alpha=0.5)]


def _duelist(board: Board, side: int) -> list[Primitive]:
    x, y = board.cell[side, 0] + 0.5, board.cell[side, 1] + 0.5
    heading = math.pi / 2 - int(board.facing[side]) * math.pi / 2
    name = TEAMS[side]
    found: list[Primitive] = [
        Sprite(key=AGENTS[side], x=x, y=y, name="arrow", width=0.8, height=0.8, heading_rad=heading, team=side),
    ]
    if board.guarding[side]:
        found.append(Disc(key=f"guard_{name}", x=x, y=y, radius=0.47, team=side, filled=False))
    return found


def _belongings(board: Board, side: int, size: int) -> list[Primitive]:
    """Lives, rounds (dim while reloading), steps on the throne, the guard (dim while it cannot be raised)."""
    name, y = TEAMS[side], -STRIP / 2 if side == 0 else size + STRIP / 2
    middle = size / 2
    found: list[Primitive] = [
        Disc(key=f"life_{name}_{i}", x=0.6 + 0.6 * i, y=y, radius=0.2, team=side, filled=i < board.lives[side])
        for i in range(LIVES)
    ]
    found.append(Text(key=f"reign_{name}", x=size - 1.8, y=y, text=str(board.reign[side]), height=0.45, team=side))
    ready = 1.0 if board.fire_wait[side] == 0 else SPENT
    found += [
        Box(key=f"round_{name}_{i}", x=middle + 0.35 * (i - 1), y=y, width=0.2, height=0.5, team=ROUND_COLOUR, alpha=ready)
        for i in range(int(board.ammo[side]))
    ]
    shield = 1.0 if board.guard_wait[side] == 0 else SPENT
    found.append(Disc(key=f"shield_{name}", x=size - 0.6, y=y, radius=0.28, team=side, filled=False, alpha=shield))
    return found


def _caption(board: Board) -> str:
    """What came of the last step's shots."""
    if board.ending[0] == MET:
        return "the shots meet"
    return ", ".join(
        f"{name}'s shot {ENDINGS[board.ending[side]]}" for side, name in enumerate(TEAMS) if board.flight[side] != NOBODY
    )
