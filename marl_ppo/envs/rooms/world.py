"""The shell of all worlds of rooms: owns the arrays, calls the kernels. `worlds.py` makes them, README.md has the rules."""

from collections.abc import Sequence

import numpy as np
from numba import njit

from marl_ppo.envs.controls import Steering
from marl_ppo.envs.rooms import generate, observe, reward
from marl_ppo.envs.rooms.board import CAPTURE, Board, Kit, Rules, empty_board
from marl_ppo.envs.rooms.controls import steering
from marl_ppo.envs.rooms.rules import advance, outside
from marl_ppo.envs.rooms.scene import draw
from marl_ppo.envs.rooms.task import Task
from marl_ppo.envs.scene import Scene
from marl_ppo.envs.world import Array, World


class Rooms(World):
    """N copies of a task."""

    def __init__(self, task: Task, num_envs: int) -> None:
        super().__init__(task.spec(), num_envs)
        self.task = task
        self.rules, self.kit = task.rules(), task.kit()
        self.board = empty_board(num_envs, task.num_cells, task.num_agents, len(task.things), task.num_targets, task.num_sides)
        self._template = task.template()
        self._ended = np.zeros(num_envs, bool)  # what is written to outputs is never read back
        self._no_state = np.zeros((num_envs, 0), np.float32)
        self._everywhere = np.ones(num_envs, bool)

    def scene(self, copy: int) -> Scene:
        return draw(self.task, self.spec.agents, self.kit, Board(*(array[copy] for array in self.board)))

    def controls(self, agent: str) -> Steering:
        return steering(self.task.side[self.spec.agents.index(agent)])

    def _reset(self, where: Array) -> None:
        task = self.task
        generate.start(where, self.seeds, task.style, task.half, self._template, task.plan, self.board, self.kit, self.rules)
        self._ended[where] = False
        self._observe(where)
        out = self.outputs
        for array in (out.rewards[0], out.outcomes, *out.metrics.values()):
            array[where] = 0.0
        for flag in (out.terminations[0], out.truncations[0], out.ended, out.faulted):
            flag[where] = False
        out.alive[0][where] = out.acting[0][where] = True

    def _step(self, actions: Sequence[Array]) -> None:
        wrong = outside(actions[0])
        if wrong >= 0:
            copy, agent = divmod(wrong, self.task.num_agents)
            raise self._refusal(self.spec.groups[0], copy, agent, actions[0][copy, agent])
        out, board = self.outputs, self.board
        scores = (out.rewards[0], out.outcomes, *out.metrics.values())
        flags = (out.terminations[0], out.truncations[0], out.alive[0], out.acting[0], out.ended, out.faulted)
        _play(board, actions[0], self.kit, self.rules, self._ended, scores, flags)
        self._observe(self._everywhere)

    def place_in_scene(self, agent: str, x: float, y: float) -> tuple[float, float]:
        if self.task.side[self.spec.agents.index(agent)]:
            x = -x  # it sees the map mirrored
        return (x + 1) / 2 * self.task.width, (y + 1) / 2 * self.task.height

    def _observe(self, where: Array) -> None:
        out, state = self.outputs, self.outputs.state if self.needs_state else self._no_state
        observe.tell(where, self.board, self.kit, self.rules, self._ended, out.obs[0]["vector"], state)

    def _arrays(self) -> dict[str, Array]:
        return {**self.board._asdict(), "ended": self._ended}


@njit(cache=True, nogil=True)
def _play(
    board: Board, actions: Array, kit: Kit, rules: Rules, over: Array, scores: tuple[Array, ...], flags: tuple[Array, ...]
) -> None:
    """A step and all that is told of it but what is seen: in one call, which costs as much as a hundred steps of an agent.

    The time limit is part of the task, which tells the time left: it terminates and does not truncate.
    """
    advance(board, actions, kit, rules, over)
    rewards, outcomes, first, second, third, fourth = scores
    reward.pay(board, kit, rewards)
    if rules.goal == CAPTURE:
        reward.tell_flags(board, outcomes, first, second, third, fourth)
    else:
        reward.tell_progress(board, kit, rules, outcomes, first, second, third, fourth)
    terminations, truncations, alive, acting, ended, faulted = flags
    for n in range(over.shape[0]):
        ended[n], faulted[n] = over[n], False
        for a in range(alive.shape[1]):
            terminations[n, a] = over[n]
            truncations[n, a] = False
            alive[n, a] = acting[n, a] = not over[n]
