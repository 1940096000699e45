"""The rules of the duel: state arrays in, state arrays out. Integers only, so that an episode is equal on every machine.

side       0 blue, 1 orange; blue starts at the bottom of the board and looks up, orange at the top and looks down
direction  of the board: 0 up, 1 right, 2 down, 3 left
own frame  the board as a side sees it with its start at the bottom: orange's is turned by half a turn
line       the direction from blue to orange in which a shot would reach; orange's is the opposite one
wait       steps until something may be done again; 0 is now
throne     the middle of the board; equal lives are decided by who has been on it longer

One step is: fire and guard, then turn and walk, then reign and fetch ammunition. Both sides do each of these at the same
time, so swapping the sides of a position swaps what comes of it. Of two who fire at each other neither is hit, so at
most one life is lost in a step.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from marl_ppo.envs.seeds import uniform
from marl_ppo.envs.world import Array

STAY, FORWARD, RIGHT, BACK, LEFT, FIRE, GUARD = range(7)
"""actions, in the own frame; the four of walking follow the order of the directions"""
NUM_ACTIONS = 7
LIVES = 3
AMMO = 3
"""rounds a duelist can carry"""
AMMO_AT_START = 2
RANGE = 4
"""cells a shot flies"""
FIRE_WAIT, GUARD_WAIT, DEPOT_WAIT = 2, 3, 15
"""steps that pass without a shot after a shot, without a guard after a guard, without ammunition after some was fetched"""
WIN_BONUS = 1.0
"""reward for winning the duel"""
REIGN_BONUS = 0.03
"""reward for a step on the throne"""
MARGIN = 3
"""rows of wall around the board in `Board.wall`, so that looking over the edge needs no test"""
NOBODY = -1
FIRED, LANDED, CAUGHT = range(3)
"""columns of the tally"""
MISSED, HIT, WAS_CAUGHT, MET = range(4)
"""what came of a shot: nothing was there, a life, a guard, the other's shot"""

_X, _Y = 0, 1
_STEP_X, _STEP_Y = (0, 1, 0, -1), (1, 0, -1, 0)


class Board(NamedTuple):
    """The state of N copies; every number that is counted per side has blue first."""

    wall: Array
    """bool [N, size + 2 MARGIN, size + 2 MARGIN], by y and x, both moved by MARGIN; True outside the board"""
    cell: Array
    """int64 [N, 2, 2], x and y of each side"""
    facing: Array
    """int64 [N, 2], directions"""
    lives: Array
    """int64 [N, 2]"""
    ammo: Array
    """int64 [N, 2]"""
    fire_wait: Array
    """int64 [N, 2]"""
    guard_wait: Array
    """int64 [N, 2]"""
    depot: Array
    """int64 [N, 2, 2], x and y of the two depots; one is where the other is after half a turn of the board"""
    depot_wait: Array
    """int64 [N, 2]"""
    reign: Array
    """int64 [N, 2], steps on the throne"""
    line: Array
    """int64 [N], a direction, or NOBODY"""
    guarding: Array
    """bool [N, 2], in the last step"""
    flight: Array
    """int64 [N, 2], cells that a shot of the last step flew; NOBODY where none was fired"""
    ending: Array
    """int64 [N, 2], what came of that shot; MISSED where none was fired"""
    tally: Array
    """int64 [N, 2, 3]: shots fired, those that landed, those that a guard caught"""
    tick: Array
    """int64 [N], steps taken"""


def empty_board(num_envs: int, size: int) -> Board:
    """N copies of a board without pillars, both sides in the middle of their first rows, facing each other.

    The way to set up a position by hand: change the arrays, `look` where cells or walls have changed, and `advance`.
    """
    wall = np.ones((num_envs, size + 2 * MARGIN, size + 2 * MARGIN), bool)
    wall[:, MARGIN:-MARGIN, MARGIN:-MARGIN] = False
    middle = size // 2

    def per_side(blue: int, orange: int | None = None) -> Array:
        return np.tile(np.array([blue, blue if orange is None else orange], np.int64), (num_envs, 1))

    return Board(
        wall=wall,
        cell=np.stack([per_side(middle), per_side(0, size - 1)], axis=2),
        facing=per_side(0, 2),
        lives=per_side(LIVES),
        ammo=per_side(AMMO_AT_START),
        fire_wait=per_side(0),
        guard_wait=per_side(0),
        depot=np.stack([per_side(0, size - 1), per_side(middle)], axis=2),
        depot_wait=per_side(0),
        reign=per_side(0),
        line=np.full(num_envs, NOBODY, np.int64),
        guarding=np.zeros((num_envs, 2), bool),
        flight=per_side(NOBODY),
        ending=per_side(MISSED),
        tally=np.zeros((num_envs, 2, 3), np.int64),
        tick=np.zeros(num_envs, np.int64),
    )


@njit(cache=True, nogil=True)
def set_up(where: Array, seeds: Array, board: Board) -> None:
    """Start the copies `where`: pillars, depots and starting columns are drawn, and look alike from either side."""
    size = board.wall.shape[1] - 2 * MARGIN
    last, middle = size - 1, size // 2
    for n in range(where.shape[0]):
        if not where[n]:
            continue
        seed, wall = seeds[n], board.wall[n]
        wall[MARGIN : MARGIN + size, MARGIN : MARGIN + size] = False
        # Pillars touch neither the edge nor each other, not even at a corner: every free cell can be reached.
        for i in range(2 * size):
            x = 1 + int(uniform(seed, np.uint64(2 * i)) * (size - 2))
            y = 1 + int(uniform(seed, np.uint64(2 * i + 1)) * (size - 2))
            apart = max(abs(last - 2 * x), abs(last - 2 * y))  # from its twin on the other half; 0 on the throne
            if apart > 1 and not _any_wall_near(wall, x, y):
                wall[MARGIN + y, MARGIN + x] = True
                wall[MARGIN + last - y, MARGIN + last - x] = True

        free = 0
        for y in range(middle - 1, middle + 2):
            for x in range(size):
                free += _may_be_depot(wall, x, y, middle)
        chosen = int(uniform(seed, np.uint64(4 * size)) * free)
        for y in range(middle - 1, middle + 2):
            for x in range(size):
                if _may_be_depot(wall, x, y, middle):
                    if chosen == 0:
                        board.depot[n, 0, _X], board.depot[n, 0, _Y] = x, y
                        board.depot[n, 1, _X], board.depot[n, 1, _Y] = last - x, last - y
                    chosen -= 1

        column = int(uniform(seed, np.uint64(4 * size + 1)) * size)
        board.cell[n, 0, _X], board.cell[n, 0, _Y] = column, 0
        board.cell[n, 1, _X], board.cell[n, 1, _Y] = last - column, last
        for side in range(2):
            board.facing[n, side] = 2 * side
        board.lives[n] = LIVES
        board.ammo[n] = AMMO_AT_START
        board.fire_wait[n] = 0
        board.guard_wait[n] = 0
        board.depot_wait[n] = 0
        board.reign[n] = 0
        board.line[n] = NOBODY  # the first rows are farther apart than a shot flies
        board.guarding[n] = False
        board.flight[n] = NOBODY
        board.ending[n] = MISSED
        board.tally[n] = 0
        board.tick[n] = 0


@njit(cache=True, nogil=True)
def advance(board: Board, actions: Array, shaping: Array, max_steps: int, rewards: Array, ended: Array) -> None:
    """One step of every copy, in place. An action that is not possible now, such as a shot without a round, is a stay.

    actions  int64 [N, 2]
    shaping  float64 [N], reward for getting the other into one's sights, taken back when it is lost
    rewards  float32 [N, 2], written
    ended    bool [N], written
    """
    wall, cell, facing, lives, ammo, fire_wait, guard_wait, depot, depot_wait = board[:9]
    reign, line, guarding, flight, ending, tally, tick = board[9:]
    middle = (wall.shape[1] - 2 * MARGIN) // 2
    # Helpers take whole arrays and the copy's number: to hand on the board, or rows of it, costs more than all they do.
    for n in range(actions.shape[0]):
        aim_before = _advantage_in_aim(line[n], facing, ammo, fire_wait, n)
        for side in range(2):
            raised = actions[n, side] == GUARD and guard_wait[n, side] == 0
            guarding[n, side] = raised
            guard_wait[n, side] = GUARD_WAIT if raised else max(guard_wait[n, side] - 1, 0)
            fires = actions[n, side] == FIRE and ammo[n, side] > 0 and fire_wait[n, side] == 0
            flight[n, side] = _flight(wall, cell, facing, line[n], n, side) if fires else NOBODY
            fire_wait[n, side] = FIRE_WAIT if fires else max(fire_wait[n, side] - 1, 0)
            ammo[n, side] -= fires
            tally[n, side, FIRED] += fires
            ending[n, side] = MISSED
        landed = 0
        if line[n] != NOBODY:
            for side in range(2):
                ending[n, side] = _ending(facing, flight, guarding, line[n], n, side)
                if ending[n, side] == HIT:
                    lives[n, 1 - side] -= 1
                    tally[n, side, LANDED] += 1
                    landed += 1 - 2 * side
                elif ending[n, side] == WAS_CAUGHT:
                    ammo[n, 1 - side] = min(ammo[n, 1 - side] + 1, AMMO)
                    tally[n, side, CAUGHT] += 1

        _walk(wall, cell, facing, actions, n)
        line[n] = _line(wall, cell, n)
        throned = 0
        for side in range(2):
            if cell[n, side, _X] == middle and cell[n, side, _Y] == middle:
                reign[n, side] += 1
                throned = 1 - 2 * side
        _fetch(cell, depot, depot_wait, ammo, n)
        tick[n] += 1

        over = lives[n, 0] == 0 or lives[n, 1] == 0 or tick[n] >= max_steps
        # The aim starts and ends at nothing, so that shaping never changes the return of an episode.
        aim = 0 if over else _advantage_in_aim(line[n], facing, ammo, fire_wait, n)
        gain = landed + REIGN_BONUS * throned + shaping[n] * (aim - aim_before)
        if over:
            lead = score(lives, reign, n)
            gain += WIN_BONUS * (int(lead > 0.0) - int(lead < 0.0))
        rewards[n, 0], rewards[n, 1] = gain, -gain
        ended[n] = over


@njit(cache=True, nogil=True)
def look(board: Board) -> None:
    """Find `board.line` anew, after cells or walls were changed by hand."""
    for n in range(board.line.shape[0]):
        board.line[n] = _line(board.wall, board.cell, n)


@njit(cache=True, nogil=True)
def score(lives: Array, reign: Array, n: int) -> float:
    """Blue's lead: in lives, or if they are equal, half a life to who has been on the throne longer."""
    if lives[n, 0] != lives[n, 1]:
        return float(lives[n, 0] - lives[n, 1])
    return 0.5 * (int(reign[n, 0] > reign[n, 1]) - int(reign[n, 0] < reign[n, 1]))


@njit(cache=True, nogil=True)
def faces_other(facing: int, line: int, side: int) -> bool:
    """Whether a side that looks in the direction `facing` would hit the other."""
    return bool(line != NOBODY and facing == (line + 2 * side) & 3)


@njit(cache=True, nogil=True)
def _advantage_in_aim(line: int, facing: Array, ammo: Array, fire_wait: Array, n: int) -> int:
    """1 if blue alone would hit if it fired and the other did nothing, -1 if orange alone would."""
    advantage = 0
    if line != NOBODY:
        for side in range(2):
            ready = ammo[n, side] > 0 and fire_wait[n, side] == 0
            advantage += (1 - 2 * side) * (ready and faces_other(facing[n, side], line, side))
    return advantage


@njit(cache=True, nogil=True)
def _any_wall_near(wall: Array, x: int, y: int) -> bool:
    """Whether there is a pillar in the 3 x 3 cells around an inner cell."""
    for i in range(MARGIN + y - 1, MARGIN + y + 2):
        for j in range(MARGIN + x - 1, MARGIN + x + 2):
            if wall[i, j]:
                return True
    return False


@njit(cache=True, nogil=True)
def _may_be_depot(wall: Array, x: int, y: int, middle: int) -> bool:
    """Free, and not the throne."""
    return not wall[MARGIN + y, MARGIN + x] and not (x == middle and y == middle)


@njit(cache=True, nogil=True)
def _walk(wall: Array, cell: Array, facing: Array, actions: Array, n: int) -> None:
    """Turn, then take the step unless a wall is in the way, or both want one cell, or each the other's."""
    x0, y0 = _wanted(wall, cell, facing, actions[n, 0], n, 0)
    x1, y1 = _wanted(wall, cell, facing, actions[n, 1], n, 1)
    meet = x0 == x1 and y0 == y1
    swap = x0 == cell[n, 1, _X] and y0 == cell[n, 1, _Y] and x1 == cell[n, 0, _X] and y1 == cell[n, 0, _Y]
    if not (meet or swap):
        cell[n, 0, _X], cell[n, 0, _Y] = x0, y0
        cell[n, 1, _X], cell[n, 1, _Y] = x1, y1


@njit(cache=True, nogil=True)
def _wanted(wall: Array, cell: Array, facing: Array, action: int, n: int, side: int) -> tuple[int, int]:
    """The cell a side wants to be in after the step; it turns that way even where a wall keeps it where it is."""
    x, y = cell[n, side, _X], cell[n, side, _Y]
    if action < FORWARD or action > LEFT:
        return x, y
    direction = (action - FORWARD + 2 * side) & 3
    facing[n, side] = direction
    ahead_x, ahead_y = x + _STEP_X[direction], y + _STEP_Y[direction]
    if wall[n, MARGIN + ahead_y, MARGIN + ahead_x]:
        return x, y
    return ahead_x, ahead_y


@njit(cache=True, nogil=True)
def _line(wall: Array, cell: Array, n: int) -> int:
    """The direction from blue to orange if a shot reaches, else NOBODY."""
    dx, dy = cell[n, 1, _X] - cell[n, 0, _X], cell[n, 1, _Y] - cell[n, 0, _Y]
    distance = abs(dx) + abs(dy)
    if (dx != 0 and dy != 0) or distance > RANGE:
        return NOBODY
    direction = (0 if dy > 0 else 2) if dx == 0 else (1 if dx > 0 else 3)
    for i in range(1, distance):
        if wall[n, MARGIN + cell[n, 0, _Y] + i * _STEP_Y[direction], MARGIN + cell[n, 0, _X] + i * _STEP_X[direction]]:
            return NOBODY
    return direction


@njit(cache=True, nogil=True)
def _flight(wall: Array, cell: Array, facing: Array, line: int, n: int, side: int) -> int:
    """How many cells a shot flies: as far as the other, if it is hit, or to the last free cell within its range."""
    direction = facing[n, side]
    if faces_other(direction, line, side):
        return abs(cell[n, 1, _X] - cell[n, 0, _X]) + abs(cell[n, 1, _Y] - cell[n, 0, _Y])
    x, y, flown = MARGIN + cell[n, side, _X], MARGIN + cell[n, side, _Y], 0
    while flown < RANGE and not wall[n, y + _STEP_Y[direction], x + _STEP_X[direction]]:
        x, y = x + _STEP_X[direction], y + _STEP_Y[direction]
        flown += 1
    return flown


@njit(cache=True, nogil=True)
def _ending(facing: Array, flight: Array, guarding: Array, line: int, n: int, side: int) -> int:
    """What comes of a side's shot, if it fires."""
    other = 1 - side
    if flight[n, side] == NOBODY or not faces_other(facing[n, side], line, side):
        return MISSED
    if flight[n, other] != NOBODY and faces_other(facing[n, other], line, other):
        return MET
    return WAS_CAUGHT if guarding[n, other] else HIT


@njit(cache=True, nogil=True)
def _fetch(cell: Array, depot: Array, depot_wait: Array, ammo: Array, n: int) -> None:
    """Who stands on a full depot and can carry more takes all it can carry; an empty depot fills up."""
    for d in range(2):
        if depot_wait[n, d] > 0:
            depot_wait[n, d] -= 1
            continue
        for side in range(2):
            here = cell[n, side, _X] == depot[n, d, _X] and cell[n, side, _Y] == depot[n, d, _Y]
            if here and ammo[n, side] < AMMO:
                ammo[n, side] = AMMO
                depot_wait[n, d] = DEPOT_WAIT
