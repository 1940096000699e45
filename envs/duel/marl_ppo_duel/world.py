"""The duel as a World: owns the arrays, calls the kernels. README.md has the rules."""

from collections.abc import Sequence

import numpy as np
from gymnasium import spaces

from marl_ppo.envs import Group, Metric, Param, World, WorldSpec
from marl_ppo.envs.controls import Steering
from marl_ppo.envs.scene import Scene
from marl_ppo.envs.world import Array
from marl_ppo.errors import ConfigError
from marl_ppo_duel import observe, rules
from marl_ppo_duel.controls import steering
from marl_ppo_duel.scene import AGENTS, draw

SMALLEST, LARGEST = 7, 15


class Duel(World):
    """N duels on boards of `size` times `size` cells, of `max_steps` steps at most."""

    def __init__(self, *, num_envs: int = 1, size: int = 9, max_steps: int = 100) -> None:
        if size % 2 == 0 or not SMALLEST <= size <= LARGEST:
            raise ConfigError(f"size must be odd and from {SMALLEST} to {LARGEST}, got {size}")
        if not 1 <= max_steps < 2**31:
            raise ConfigError(f"max_steps must be at least 1 and below 2**31, got {max_steps}")
        group = Group(
            name="players",
            agents=AGENTS,
            team=(0, 1),
            obs={"vector": spaces.Box(-1.0, 1.0, (observe.OBS_SIZE,), np.float32)},
            action=spaces.Discrete(rules.NUM_ACTIONS),
            masked=True,
        )
        spec = WorldSpec(
            id="duel",
            version=1,
            groups=(group,),
            teams=("blue", "orange"),
            max_steps=max_steps,
            state_size=observe.state_size(size),
            zero_sum=True,
            metrics={
                "hits": Metric(
                    description="lives taken, by both sides together", low=0.0, high=2.0 * rules.LIVES - 1.0, event="hit"
                ),
                "accuracy": Metric(description="share of the shots that took a life", low=0.0, high=1.0),
                "caught": Metric(description="share of the shots that a guard caught", low=0.0, high=1.0),
                "draw": Metric(
                    description="1 if nobody leads, in lives or on the throne, else 0",
                    low=0.0,
                    high=1.0,
                    higher_is_better=False,
                ),
            },
            params={
                "shaping": Param(
                    description="reward while one side alone has the other in its sights, taken back when that is over",
                    default=0.0,
                    low=0.0,
                    high=1.0,
                )
            },
            capabilities=frozenset({"snapshot", "resimulate", "scene", "state", "outcomes"}),
            config={"size": size, "max_steps": max_steps},
        )
        super().__init__(spec, num_envs)
        self.board = rules.empty_board(num_envs, size)
        self._max_steps = max_steps
        self._ended = np.zeros(num_envs, bool)  # what is written to outputs is never read back
        self._everywhere = np.ones(num_envs, bool)

    def scene(self, copy: int) -> Scene:
        return draw(rules.Board(*(array[copy] for array in self.board)))

    def controls(self, agent: str) -> Steering:
        return steering(self.spec.agents.index(agent))

    def _reset(self, where: Array) -> None:
        rules.set_up(where, self.seeds, self.board)
        self._ended[where] = False
        self._observe(where)
        out = self.outputs
        for array in (out.rewards[0], out.outcomes, *out.metrics.values()):
            array[where] = 0.0
        for flag in (out.terminations[0], out.truncations[0], out.ended, out.faulted):
            flag[where] = False
        out.alive[0][where] = out.acting[0][where] = True

    def _step(self, actions: Sequence[Array]) -> None:
        self._refuse_outside(actions, [True])
        out = self.outputs
        rules.advance(self.board, actions[0], self.params[:, 0], self._max_steps, out.rewards[0], self._ended)
        self._observe(self._everywhere)
        observe.tell_scores(self.board, out.outcomes, *(out.metrics[name] for name in ("hits", "accuracy", "caught", "draw")))
        # The step limit is part of the game, which tells the time left: it terminates and does not truncate.
        out.terminations[0][:] = self._ended[:, None]
        out.alive[0][:] = out.acting[0][:] = ~self._ended[:, None]
        out.truncations[0][:] = False
        out.ended[:] = self._ended
        out.faulted[:] = False

    def _observe(self, where: Array) -> None:
        out = self.outputs
        mask = out.action_mask[0]
        assert mask is not None  # the group is masked
        observe.observe(where, self.board, self._max_steps, self._ended, out.obs[0]["vector"], mask)
        observe.tell_state(where, self.board, self._max_steps, out.state)

    def _arrays(self) -> dict[str, Array]:
        return {**self.board._asdict(), "ended": self._ended}
