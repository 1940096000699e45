"""Soccer as a World: owns the arrays, calls the kernels. README.md has the rules."""

from collections.abc import Sequence

import numpy as np
from gymnasium import spaces

from marl_ppo.envs.controls import Steering
from marl_ppo.envs.scene import Scene
from marl_ppo.envs.soccer import observe, reward, rules
from marl_ppo.envs.soccer.actions import NUM_ACTIONS, ActionKind, decode_continuous, decode_discrete
from marl_ppo.envs.soccer.controls import steering
from marl_ppo.envs.soccer.scene import draw
from marl_ppo.envs.world import Array, Group, Metric, Param, World, WorldSpec
from marl_ppo.errors import ConfigError

LARGEST_TEAM = len(rules.FORMATION)
METRICS = ("goals_blue", "goals_orange", "possession", "passes")


class Soccer(World):
    """N matches of `team_size` a side, until one has scored `goals_to_win` or `max_steps` ticks of 0.1 s are over."""

    def __init__(
        self,
        *,
        num_envs: int = 1,
        team_size: int = 2,
        action: ActionKind = "discrete",
        max_steps: int = 300,
        goals_to_win: int = 2,
    ) -> None:
        if not 1 <= team_size <= LARGEST_TEAM:
            raise ConfigError(f"team_size must be from 1 to {LARGEST_TEAM}, got {team_size}")
        if action not in ("discrete", "continuous"):
            raise ConfigError(f"action must be 'discrete' or 'continuous', got {action!r}")
        if not 1 <= max_steps < 2**31:
            raise ConfigError(f"max_steps must be at least 1 and below 2**31, got {max_steps}")
        if not 1 <= goals_to_win <= 100:
            raise ConfigError(f"goals_to_win must be from 1 to 100, got {goals_to_win}")
        group = Group(
            name="players",
            agents=tuple(f"{team}_{i}" for team in ("blue", "orange") for i in range(team_size)),
            team=(0,) * team_size + (1,) * team_size,
            obs={"vector": spaces.Box(-np.inf, np.inf, (observe.obs_size(team_size),), np.float32)},
            action=spaces.Discrete(NUM_ACTIONS) if action == "discrete" else spaces.Box(-1.0, 1.0, (3,), np.float32),
        )
        most = float(goals_to_win)
        spec = WorldSpec(
            id="soccer",
            version=2,
            groups=(group,),
            teams=("blue", "orange"),
            max_steps=max_steps,
            state_size=observe.state_size(team_size),
            zero_sum=True,
            metrics={
                "goals_blue": Metric(description="scored by blue", low=0.0, high=most, event="goal", event_team=0),
                "goals_orange": Metric(
                    description="scored by orange", low=0.0, high=most, higher_is_better=False, event="goal", event_team=1
                ),
                "possession": Metric(
                    description="share of the time with the ball last touched by blue, of that in which one side had it",
                    low=0.0,
                    high=1.0,
                ),
                "passes": Metric(
                    description=f"times the ball got from a player to a mate at least {rules.PASS_LENGTH} m away, both teams",
                    low=0.0,
                    high=float(max_steps),
                ),
            },
            params={
                "shaping": Param(
                    description="reward for what the position has gained: the ball nearer to the goal, a player to the ball",
                    default=1.0,
                    low=0.0,
                    high=10.0,
                ),
            },
            capabilities=frozenset({"snapshot", "resimulate", "scene", "state", "outcomes"}),
            config={"team_size": team_size, "action": action, "max_steps": max_steps, "goals_to_win": goals_to_win},
        )
        super().__init__(spec, num_envs)
        num_players = 2 * team_size
        self.size = rules.size_for(team_size)
        self.pitch = rules.empty_pitch(num_envs, num_players)
        self._promise = np.zeros(num_envs)
        self._ended = np.zeros(num_envs, bool)  # what is written to outputs is never read back
        self._max_steps, self._goals_to_win = max_steps, goals_to_win
        self._decode = decode_discrete if action == "discrete" else decode_continuous
        self._push = np.zeros((num_envs, num_players, 2))
        self._kick = np.zeros((num_envs, num_players))
        self._everywhere = np.ones(num_envs, bool)

    def scene(self, copy: int) -> Scene:
        return draw(rules.Pitch(*(array[copy] for array in self.pitch)), self.size, self._max_steps)

    def controls(self, agent: str) -> Steering:
        group = self.spec.groups[0]
        return steering(group.team[group.agents.index(agent)], discrete=self.spec.config["action"] == "discrete")

    def _reset(self, where: Array) -> None:
        rules.start(where, self.seeds, self.size, self.pitch)
        reward.look_again(where, self.pitch, self.size, self._promise)
        self._ended[where] = False
        self._observe(where)
        out = self.outputs
        for array in (out.rewards[0], out.outcomes, *out.metrics.values()):
            array[where] = 0.0
        for flag in (out.terminations[0], out.truncations[0], out.ended, out.faulted):
            flag[where] = False
        out.alive[0][where] = out.acting[0][where] = True

    def _step(self, actions: Sequence[Array]) -> None:
        group = self.spec.groups[0]
        wrong = self._decode(actions[0], self._push, self._kick)
        if wrong >= 0:
            copy, agent = divmod(wrong, len(group.agents))
            raise self._refusal(group, copy, agent, actions[0][copy, agent])
        out, pitch, size = self.outputs, self.pitch, self.size
        rules.advance(pitch, self._push, self._kick, size, self._max_steps, self._goals_to_win, self._ended)
        reward.pay(pitch, size, self.params[:, 0], self._promise, out.rewards[0])
        reward.tell_scores(pitch, out.outcomes, *(out.metrics[name] for name in METRICS))
        rules.kick_off_again(self._ended, self.seeds, size, pitch)
        reward.look_again(pitch.scored != 0, pitch, size, self._promise)
        self._observe(self._everywhere)
        # The time limit is part of the game, which tells the time left: it terminates and does not truncate.
        out.terminations[0][:] = self._ended[:, None]
        out.alive[0][:] = out.acting[0][:] = ~self._ended[:, None]
        out.truncations[0][:] = False
        out.ended[:] = self._ended
        out.faulted[:] = False

    def _observe(self, where: Array) -> None:
        rules_of_time = self._max_steps, self._goals_to_win
        observe.observe(where, self.pitch, self.size, *rules_of_time, self._ended, self.outputs.obs[0]["vector"])
        observe.tell_state(where, self.pitch, self.size, *rules_of_time, self.outputs.state)

    def _arrays(self) -> dict[str, Array]:
        return {**self.pitch._asdict(), "promise": self._promise, "ended": self._ended}
