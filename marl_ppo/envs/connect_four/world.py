"""Connect Four: two players drop discs by turns into 7 columns of 6 cells; four of one's own in a line win.

column  0 to 6, from the left; the action
row     0 to 5, from the bottom
mover   who is on turn: player_0 begins
"""

from collections.abc import Sequence

import numpy as np
from gymnasium import spaces
from numba import njit

from marl_ppo.envs.connect_four.scene import draw_board
from marl_ppo.envs.controls import Choice, Choosing
from marl_ppo.envs.scene import Scene
from marl_ppo.envs.world import Array, Group, Metric, World, WorldSpec

ROWS, COLUMNS, LINE = 6, 7, 4
CELLS = ROWS * COLUMNS
EMPTY, NOBODY = -1, -1


class ConnectFour(World):
    """N boards; both players terminate when somebody has won or the board is full.

    obs    [own discs | the other's discs], each by row from the bottom and column from the left: alike from both sides
    state  [discs of player_0 | discs of player_1]
    """

    def __init__(self, num_envs: int) -> None:
        group = Group(
            name="players",
            agents=("player_0", "player_1"),
            team=(0, 1),
            obs={"vector": spaces.Box(0.0, 1.0, (2 * CELLS,), np.float32)},
            action=spaces.Discrete(COLUMNS),
            masked=True,
        )
        spec = WorldSpec(
            id="connect_four",
            version=1,
            groups=(group,),
            teams=("player_0", "player_1"),
            max_steps=CELLS,
            state_size=2 * CELLS,
            zero_sum=True,
            on_death="ends",
            metrics={
                "moves": Metric(description="discs dropped by both", low=0.0, high=float(CELLS)),
                "draw": Metric(
                    description="1 if the board is full and nobody has won", low=0.0, high=1.0, higher_is_better=False
                ),
                "first_wins": Metric(description="1 if player_0, who begins, has won", low=0.0, high=1.0),
            },
            capabilities=frozenset({"snapshot", "resimulate", "scene", "state", "outcomes"}),
        )
        super().__init__(spec, num_envs)
        self._board = np.full((num_envs, ROWS, COLUMNS), EMPTY, np.int64)  # whose disc
        self._height = np.zeros((num_envs, COLUMNS), np.int64)  # discs in the column
        self._moves = np.zeros(num_envs, np.int64)
        self._winner = np.full(num_envs, NOBODY, np.int64)

    def _reset(self, where: Array) -> None:
        self._board[where] = EMPTY
        self._height[where] = self._moves[where] = 0
        self._winner[where] = NOBODY
        self._write(where)

    def _step(self, actions: Sequence[Array]) -> None:
        mover = self._moves % 2
        acting = mover[:, None] == np.arange(2)
        self._refuse_outside(actions, [acting])
        self._refuse_illegal(actions, [(self._height < ROWS)[:, None] | ~acting[:, :, None]])
        drop(self._board, self._height, self._moves, self._winner, actions[0][np.arange(self.num_envs), mover])
        self._write(np.ones(self.num_envs, bool))

    def _write(self, where: Array) -> None:
        out = self.outputs
        mask = out.action_mask[0]
        assert mask is not None  # the group is masked
        out.truncations[0][where] = False
        out.faulted[where] = False
        tell(
            self._board,
            self._height,
            self._moves,
            self._winner,
            where,
            out.obs[0]["vector"],
            mask,
            out.state,
            out.rewards[0],
            out.alive[0],
            out.acting[0],
            out.terminations[0],
            out.outcomes,
            out.metrics["moves"],
            out.metrics["draw"],
            out.metrics["first_wins"],
            out.ended,
        )

    def scene(self, copy: int) -> Scene:
        return draw_board(self._board[copy].tolist(), int(self._winner[copy]), int(self._moves[copy]) % 2)

    def controls(self, agent: str) -> Choosing:
        def column_at(x: float, y: float) -> int | None:
            return int(x) if 0.0 <= x < COLUMNS and 0.0 <= y <= ROWS else None

        return Choosing(
            choices=tuple(Choice(key=str(c + 1), name=f"column {c + 1}", action=c) for c in range(COLUMNS)),
            legend=((f"1 … {COLUMNS}", "drop there"), ("← → enter", "drop"), ("click", "drop")),
            at=column_at,
            place=lambda column: (column + 0.5, ROWS - 0.1),
        )

    def _arrays(self) -> dict[str, Array]:
        return {"board": self._board, "height": self._height, "moves": self._moves, "winner": self._winner}


@njit(cache=True, nogil=True)
def discs_along(board: Array, row: int, column: int, up: int, right: int) -> int:
    """How many discs of the cell's owner follow on it in one direction."""
    owner, count = board[row, column], 0
    row, column = row + up, column + right
    while 0 <= row < ROWS and 0 <= column < COLUMNS and board[row, column] == owner:
        count += 1
        row, column = row + up, column + right
    return count


@njit(cache=True, nogil=True)
def wins(board: Array, row: int, column: int) -> bool:
    """Whether the disc in a cell is part of a line of four."""
    for up, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        if discs_along(board, row, column, up, right) + discs_along(board, row, column, -up, -right) >= LINE - 1:
            return True
    return False


@njit(cache=True, nogil=True)
def drop(board: Array, height: Array, moves: Array, winner: Array, columns: Array) -> None:
    """One disc on every board."""
    for n in range(columns.shape[0]):
        column, mover = columns[n], moves[n] % 2
        row = height[n, column]
        board[n, row, column] = mover
        height[n, column] += 1
        moves[n] += 1
        if wins(board[n], row, column):
            winner[n] = mover


@njit(cache=True, nogil=True)
def tell(
    board: Array,
    height: Array,
    moves: Array,
    winner: Array,
    where: Array,
    obs: Array,
    action_mask: Array,
    state: Array,
    rewards: Array,
    alive: Array,
    acting: Array,
    terminations: Array,
    outcomes: Array,
    metric_moves: Array,
    draw: Array,
    first_wins: Array,
    ended: Array,
) -> None:
    """Everything that follows from the board, written to the rows `where`."""
    for n in range(where.shape[0]):
        if not where[n]:
            continue
        won = winner[n] != NOBODY
        full = moves[n] == CELLS
        over = won or full
        metric_moves[n] = moves[n]
        draw[n] = full and not won
        first_wins[n] = winner[n] == 0
        ended[n] = over
        state[n] = 0.0
        obs[n] = 0.0
        for row in range(ROWS):
            for column in range(COLUMNS):
                owner, cell = board[n, row, column], row * COLUMNS + column
                if owner != EMPTY:
                    state[n, owner * CELLS + cell] = 1.0
                    if not over:
                        obs[n, owner, cell] = 1.0
                        obs[n, 1 - owner, CELLS + cell] = 1.0
        for p in range(2):
            gain = (1.0 if winner[n] == p else -1.0) if won else 0.0
            rewards[n, p] = gain
            outcomes[n, p] = gain
            alive[n, p] = not over
            acting[n, p] = not over and moves[n] % 2 == p
            terminations[n, p] = over
            for column in range(COLUMNS):
                action_mask[n, p, column] = not acting[n, p] or height[n, column] < ROWS
