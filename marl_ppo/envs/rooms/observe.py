"""What each agent sees, in its own frame; and what the centralised critic may see. README.md has both as tables.

x runs to the right and y up, in half widths and half heights of the map inside its outer wall, from its middle. The second of
two teams sees the map mirrored, left for right, so that one policy plays both.
"""

import numpy as np
from numba import njit

from marl_ppo.envs.rooms.board import CAPTURE, GONE, HOME_0, ON, OWN, Board, Kit, Rules
from marl_ppo.envs.rooms.window import look_along
from marl_ppo.envs.world import Array

PLACE, TIME, SCORE = 0, 2, 3
"""where each part of obs begins; SCORE has two numbers, where flags are captured alone"""
PER_THING = 3

_ONE = np.int64(1)


def bag_at(goal: int) -> int:
    """Where the bag begins."""
    return SCORE + 2 * (goal == CAPTURE)


def things_at(goal: int, pockets: int) -> int:
    """Where the things begin."""
    return bag_at(goal) + pockets


def others_at(goal: int, pockets: int, things: int) -> int:
    """Where the other agents begin."""
    return things_at(goal, pockets) + PER_THING * things


def window_at(goal: int, pockets: int, things: int, agents: int) -> int:
    """Where the window begins."""
    return others_at(goal, pockets, things) + (2 + pockets) * (agents - 1)


def state_size(goal: int, pockets: int, things: int, agents: int) -> int:
    """Length of the state: time, score, agents, things."""
    return bag_at(goal) - 2 + (2 + pockets) * agents + PER_THING * things


@njit(cache=True, nogil=True)
def tell(where: Array, board: Board, kit: Kit, rules: Rules, ended: Array, obs: Array, state: Array) -> None:
    """Write obs, and the state if there is room for one, of the copies `where`."""
    observe(where, board, kit, rules, ended, obs)
    if state.shape[1] > 0:
        tell_state(where, board, kit, rules, state)


@njit(cache=True, nogil=True)
def observe(where: Array, board: Board, kit: Kit, rules: Rules, ended: Array, obs: Array) -> None:
    """Write obs [N, A, O] of the copies `where`; zeros where they have ended."""
    num_agents, num_things, pockets = board.agent.shape[1], board.thing.shape[1], kit.pocket.shape[0]
    cells_seen, width = kit.window.shape[1], 2 * rules.radius + 1
    for n in range(board.agent.shape[0]):
        if not where[n]:
            continue
        if ended[n]:
            obs[n] = 0.0
            continue
        time_left = np.float32((rules.max_steps - board.tick[n]) / rules.max_steps)
        for a in range(num_agents):
            cell, side = board.agent[n, a], kit.side[a]
            x, y = kit.place[side, cell, 0], kit.place[side, cell, 1]
            obs[n, a, PLACE], obs[n, a, PLACE + 1], obs[n, a, TIME] = x, y, time_left
            i = SCORE
            if rules.goal == CAPTURE:
                obs[n, a, i] = board.tally[n, HOME_0 + side] / rules.flags_to_win
                obs[n, a, i + 1] = board.tally[n, HOME_0 + 1 - side] / rules.flags_to_win
                i += 2
            for p in range(pockets):
                obs[n, a, i + p] = (board.bag[n, a] & kit.pocket[p]) != 0
            i += pockets
            seen = board.seen[n, side] if rules.hidden else ~(_ONE * 0)
            for j in range(num_things):
                k = kit.told[side, j]
                if seen >> k & 1 and not (kit.fades[k] and board.status[n, k] == GONE):
                    there = board.thing[n, k]
                    obs[n, a, i], obs[n, a, i + 1] = kit.place[side, there, 0] - x, kit.place[side, there, 1] - y
                    obs[n, a, i + 2] = 1.0
                else:
                    obs[n, a, i] = obs[n, a, i + 1] = obs[n, a, i + 2] = 0.0
                i += PER_THING
            for j in range(num_agents - 1):
                b = kit.others[a, j]
                there = board.agent[n, b]
                obs[n, a, i], obs[n, a, i + 1] = kit.place[side, there, 0] - x, kit.place[side, there, 1] - y
                for p in range(pockets):
                    obs[n, a, i + 2 + p] = (board.bag[n, b] & kit.pocket[p]) != 0
                i += 2 + pockets
            for row in range(0, cells_seen, width):
                first, shut = cell + kit.window[side, row], i + row + cells_seen if rules.channels == 2 else -1
                look_along(board.cells, n, first, 1 - 2 * side, width, OWN + a, obs, a, i + row, shut)


@njit(cache=True, nogil=True)
def tell_state(where: Array, board: Board, kit: Kit, rules: Rules, state: Array) -> None:
    """Write the state [N, S] as side 0 sees it: time left, scores, agents and their bags, things and what became of them."""
    num_agents, num_things, pockets = board.agent.shape[1], board.thing.shape[1], kit.pocket.shape[0]
    for n in range(board.agent.shape[0]):
        if not where[n]:
            continue
        state[n, 0] = (rules.max_steps - board.tick[n]) / rules.max_steps
        i = 1
        if rules.goal == CAPTURE:
            state[n, 1] = board.tally[n, HOME_0] / rules.flags_to_win
            state[n, 2] = board.tally[n, HOME_0 + 1] / rules.flags_to_win
            i = 3
        for a in range(num_agents):
            cell = board.agent[n, a]
            state[n, i], state[n, i + 1] = kit.place[0, cell, 0], kit.place[0, cell, 1]
            for p in range(pockets):
                state[n, i + 2 + p] = 1.0 if board.bag[n, a] & kit.pocket[p] else 0.0
            i += 2 + pockets
        for k in range(num_things):
            cell = board.thing[n, k]
            state[n, i], state[n, i + 1] = kit.place[0, cell, 0], kit.place[0, cell, 1]
            state[n, i + 2] = 1.0 if board.status[n, k] == ON or board.status[n, k] == GONE else 0.0
            i += PER_THING
