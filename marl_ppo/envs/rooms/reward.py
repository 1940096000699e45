"""Training rewards, task metrics and outcomes, which follow from the board after a step."""

import numpy as np
from numba import njit

from marl_ppo.envs.rooms.board import (
    DELIVER,
    GATHER,
    GONE,
    HOME_0,
    HOME_1,
    OPENED,
    ROOMS,
    TAGS_0,
    TAGS_1,
    Board,
    Kit,
    Rules,
)
from marl_ppo.envs.world import Array


@njit(cache=True, nogil=True)
def pay(board: Board, kit: Kit, rewards: Array) -> None:
    """Write the rewards [N, A]: 1 to all of a team for each success in this step, and -1 for each of the other team's."""
    for n in range(rewards.shape[0]):
        lead = board.happened[n, 0] - board.happened[n, 1]
        for a in range(rewards.shape[1]):
            rewards[n, a] = lead if kit.side[a] == 0 else -lead


@njit(cache=True, nogil=True)
def tell_progress(
    board: Board,
    kit: Kit,
    rules: Rules,
    outcomes: Array,
    success: Array,
    rooms_reached: Array,
    doors_opened: Array,
    distance_left: Array,
) -> None:
    """Write the metrics [N] so far of a world with one team, and its outcomes [N, 1]: whether it has succeeded.

    Distance is that through open doors: of the agent or parcel farthest from the target, or from each target left to its
    nearest agent.
    """
    for n in range(success.shape[0]):
        success[n] = outcomes[n, 0] = board.tally[n, HOME_0]
        rooms_reached[n] = board.tally[n, ROOMS]
        doors_opened[n] = board.tally[n, OPENED]
        left = np.int64(0)
        if rules.goal == GATHER:
            for a in range(board.agent.shape[1]):
                left = max(left, board.steps[n, 0, board.agent[n, a]])
        elif rules.goal == DELIVER:
            left = board.steps[n, 0, board.thing[n, kit.kind.shape[0] - 1]]  # the parcel is the last thing
        else:
            for g in range(board.steps.shape[1]):
                if board.status[n, g] != GONE:
                    nearest = np.int64(board.steps[n, g, board.agent[n, 0]])
                    for a in range(1, board.agent.shape[1]):
                        nearest = min(nearest, np.int64(board.steps[n, g, board.agent[n, a]]))
                    left += nearest
        distance_left[n] = left


@njit(cache=True, nogil=True)
def tell_flags(
    board: Board, outcomes: Array, flags_blue: Array, flags_orange: Array, tags_blue: Array, tags_orange: Array
) -> None:
    """Write the metrics [N] so far of a world with two teams, and its outcomes [N, 2]: by how many flags each leads."""
    for n in range(outcomes.shape[0]):
        blue, orange = board.tally[n, HOME_0], board.tally[n, HOME_1]
        flags_blue[n], flags_orange[n] = blue, orange
        tags_blue[n], tags_orange[n] = board.tally[n, TAGS_0], board.tally[n, TAGS_1]
        outcomes[n, 0], outcomes[n, 1] = blue - orange, orange - blue
