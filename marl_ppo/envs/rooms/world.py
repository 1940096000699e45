"""The shell of all worlds of rooms: owns the arrays, calls the kernels. `worlds.py` makes them, README.md has the rules."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

from marl_ppo.envs.controls import Steering
from marl_ppo.envs.rooms import reward
from marl_ppo.envs.rooms.board import CAPTURE, Board, Kit, Rules, empty_board
from marl_ppo.envs.rooms.controls import steering
from marl_ppo.envs.rooms.generate import Template, start
from marl_ppo.envs.rooms.layout import Plan
from marl_ppo.envs.rooms.observe import tell
from marl_ppo.envs.rooms.rules import advance, outside
from marl_ppo.envs.rooms.scene import draw
from marl_ppo.envs.rooms.task import Task
from marl_ppo.envs.scene import Scene
from marl_ppo.envs.world import Array, World


class _Told(NamedTuple):
    """The arrays of the outputs."""

    obs: Array
    state: Array
    rewards: Array
    outcomes: Array
    first: Array
    """of the metrics, in their order"""
    second: Array
    third: Array
    fourth: Array
    terminations: Array
    truncations: Array
    alive: Array
    acting: Array
    ended: Array
    faulted: Array


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
        maps = (self.task.style, self.task.half, self._template, self.task.plan)
        _begin(where, self.seeds, *maps, self.board, self.kit, self.rules, self._ended, self._told())

    def _step(self, actions: Sequence[Array]) -> None:
        wrong = _play(self.board, actions[0], self.kit, self.rules, self._ended, self._everywhere, self._told())
        if wrong >= 0:
            copy, agent = divmod(wrong, self.task.num_agents)
            raise self._refusal(self.spec.groups[0], copy, agent, actions[0][copy, agent])

    def place_in_scene(self, agent: str, x: float, y: float) -> tuple[float, float]:
        if self.task.side[self.spec.agents.index(agent)]:
            x = -x  # it sees the map mirrored
        return (x + 1) / 2 * self.task.width, (y + 1) / 2 * self.task.height

    def _told(self) -> _Told:
        out, state = self.outputs, self.outputs.state if self.needs_state else self._no_state
        flags = (out.terminations[0], out.truncations[0], out.alive[0], out.acting[0], out.ended, out.faulted)
        first, second, third, fourth = out.metrics.values()
        return _Told(out.obs[0]["vector"], state, out.rewards[0], out.outcomes, first, second, third, fourth, *flags)

    def _arrays(self) -> dict[str, Array]:
        return {**self.board._asdict(), "ended": self._ended}


# A call of compiled code with all of these arrays costs as much as a hundred steps of an agent, so there is but one each time.
@njit(cache=True, nogil=True)
def _play(board: Board, actions: Array, kit: Kit, rules: Rules, over: Array, everywhere: Array, told: _Told) -> int:
    """A step of all copies and all that is told of it; or, and then nothing has changed, what `outside` finds.

    The time limit is part of the task, which tells the time left: it terminates and does not truncate.
    """
    wrong = outside(actions)
    if wrong >= 0:
        return wrong
    advance(board, actions, kit, rules, over)
    reward.pay(board, kit, told.rewards)
    if rules.goal == CAPTURE:
        reward.tell_flags(board, told.outcomes, told.first, told.second, told.third, told.fourth)
    else:
        reward.tell_progress(board, kit, rules, told.outcomes, told.first, told.second, told.third, told.fourth)
    for n in range(over.shape[0]):
        told.ended[n], told.faulted[n] = over[n], False
        for a in range(told.alive.shape[1]):
            told.terminations[n, a] = over[n]
            told.truncations[n, a] = False
            told.alive[n, a] = told.acting[n, a] = not over[n]
    tell(everywhere, board, kit, rules, over, told.obs, told.state)
    return wrong


@njit(cache=True, nogil=True)
def _begin(
    where: Array,
    seeds: Array,
    style: int,
    half: int,
    template: Template,
    plan: Plan,
    board: Board,
    kit: Kit,
    rules: Rules,
    over: Array,
    told: _Told,
) -> None:
    """Episodes of the copies `where`, and all that is told of their beginning."""
    start(where, seeds, style, half, template, plan, board, kit, rules)
    for n in range(where.shape[0]):
        if where[n]:
            over[n] = told.ended[n] = told.faulted[n] = False
            told.first[n] = told.second[n] = told.third[n] = told.fourth[n] = 0
            told.outcomes[n] = 0
            for a in range(told.alive.shape[1]):
                told.rewards[n, a] = 0
                told.terminations[n, a] = told.truncations[n, a] = False
                told.alive[n, a] = told.acting[n, a] = True
    tell(where, board, kit, rules, over, told.obs, told.state)
