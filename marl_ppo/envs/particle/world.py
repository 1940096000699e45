"""The particle worlds: one shell that owns the arrays and calls the kernels, and a constructor per scenario."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numba import njit

from marl_ppo.envs.controls import Steering
from marl_ppo.envs.particle import rules, scenarios
from marl_ppo.envs.particle.actions import decode_continuous, decode_discrete, flatten
from marl_ppo.envs.particle.controls import steering
from marl_ppo.envs.particle.reward import Terms
from marl_ppo.envs.particle.scenario import ActionKind, Dynamics, Scenario
from marl_ppo.envs.particle.scene import draw
from marl_ppo.envs.scene import Scene
from marl_ppo.envs.world import Array, World
from marl_ppo.errors import ConfigError


def spread(
    *,
    num_envs: int = 1,
    agents: int = 3,
    action: ActionKind = "discrete",
    dynamics: Dynamics = "mpe2",
    local_ratio: float = 0.5,
    max_steps: int = 25,
) -> "ParticleWorld":
    """simple_spread_v3: `agents` agents cover as many landmarks without bumping into each other."""
    config = {"agents": agents, "local_ratio": local_ratio}
    return ParticleWorld(
        scenarios.spread(agents), num_envs, config=config, action=action, dynamics=dynamics, max_steps=max_steps
    )


def speaker_listener(
    *, num_envs: int = 1, action: ActionKind = "discrete", dynamics: Dynamics = "mpe2", max_steps: int = 25
) -> "ParticleWorld":
    """simple_speaker_listener_v4: one knows the target, the other can move."""
    return ParticleWorld(
        scenarios.speaker_listener(), num_envs, config={}, action=action, dynamics=dynamics, max_steps=max_steps
    )


def reference(
    *,
    num_envs: int = 1,
    action: ActionKind = "discrete",
    dynamics: Dynamics = "mpe2",
    local_ratio: float = 0.5,
    max_steps: int = 25,
) -> "ParticleWorld":
    """simple_reference_v3: two agents tell each other where to go."""
    config = {"local_ratio": local_ratio}
    return ParticleWorld(scenarios.reference(), num_envs, config=config, action=action, dynamics=dynamics, max_steps=max_steps)


def tag(
    *,
    num_envs: int = 1,
    chasers: int = 3,
    prey: int = 1,
    obstacles: int = 2,
    action: ActionKind = "discrete",
    dynamics: Dynamics = "mpe2",
    max_steps: int = 25,
) -> "ParticleWorld":
    """simple_tag_v3: slow `chasers` hunt fast `prey` among `obstacles`."""
    config = {"chasers": chasers, "prey": prey, "obstacles": obstacles}
    scenario = scenarios.tag(chasers, prey, obstacles)
    return ParticleWorld(scenario, num_envs, config=config, action=action, dynamics=dynamics, max_steps=max_steps)


def adversary(
    *,
    num_envs: int = 1,
    agents: int = 2,
    action: ActionKind = "discrete",
    dynamics: Dynamics = "mpe2",
    max_steps: int = 25,
) -> "ParticleWorld":
    """simple_adversary_v3: `agents` agents hide their target from an adversary who watches them."""
    config = {"agents": agents}
    return ParticleWorld(
        scenarios.adversary(agents), num_envs, config=config, action=action, dynamics=dynamics, max_steps=max_steps
    )


class ParticleWorld(World):
    """N copies of a scenario."""

    def __init__(
        self,
        scenario: Scenario,
        num_envs: int,
        *,
        action: ActionKind,
        dynamics: Dynamics,
        max_steps: int,
        config: dict[str, Any],
    ) -> None:
        if dynamics not in ("mpe2", "classic"):
            raise ConfigError(f"dynamics must be 'mpe2' or 'classic', got {dynamics!r}")
        if not 1 <= max_steps < 2**31:
            raise ConfigError(f"max_steps must be at least 1 and below 2**31, got {max_steps}")
        self._local_ratio = float(config.get("local_ratio", 1.0))
        if not 0.0 <= self._local_ratio <= 1.0:
            raise ConfigError(f"local_ratio must be within [0, 1], got {self._local_ratio}")
        if dynamics == "classic" and config.get("local_ratio", 0.5) != 0.5:
            raise ConfigError(f"dynamics='classic' has no local_ratio; leave it at 0.5, got {self._local_ratio}")
        config = {**config, "action": action, "dynamics": dynamics, "max_steps": max_steps}
        super().__init__(scenario.world_spec(action=action, max_steps=max_steps, config=config), num_envs)

        self.scenario = scenario
        self._classic = dynamics == "classic"
        self._max_steps = max_steps
        self._radius = scenario.radius
        self._max_speed = scenario.max_speed
        num_bodies = scenario.num_agents + scenario.num_landmarks
        self.bodies = rules.Bodies(
            position=np.zeros((num_envs, num_bodies, 2)),
            velocity=np.zeros((num_envs, scenario.num_agents, 2)),
            message=np.zeros((num_envs, scenario.num_agents, scenario.num_words)),
            goal=np.zeros((num_envs, scenario.num_goals), np.int64),
        )
        self.tick = np.zeros(num_envs, np.int64)
        self._tally = np.zeros((num_envs, scenario.num_tallies))
        self._force = np.zeros_like(self.bodies.velocity)
        self._said = np.zeros_like(self.bodies.message)
        self._all_copies = np.ones(num_envs, bool)

    def scene(self, copy: int) -> Scene:
        return self.scene_for(copy, "")

    def scene_for(self, copy: int, agent: str) -> Scene:
        """Without the targets that the agent is not told."""
        bodies = self.bodies
        return draw(self.scenario, bodies.position[copy], bodies.message[copy], bodies.goal[copy], agent)

    def controls(self, agent: str) -> Steering:
        role, group = next(pair for pair in zip(self.scenario.roles, self.spec.groups, strict=True) if agent in pair[0].agents)
        return steering(group.action, moves=role.moves, num_words=self.scenario.num_words if role.speaks else 0)

    def _reset(self, where: Array) -> None:
        landmark_spread = self.params[:, 0]
        rules.scatter(where, self.seeds, landmark_spread, self.bodies)
        self.tick[where] = 0
        self._tally[where] = 0.0
        self._observe(where)
        out = self.outputs
        for array in (*out.rewards, *out.metrics.values(), *out.terminations, *out.truncations):
            array[where] = 0
        for array in (*out.alive, *out.acting):
            array[where] = True
        out.outcomes[where] = 0.0
        out.ended[where] = out.faulted[where] = False

    def _step(self, actions: Sequence[Array]) -> None:
        self._decode(actions)
        rules.advance(self.bodies, self._force, self._radius, self._max_speed, self.scenario.num_solid, self._classic)
        self._observe(self._all_copies)
        out = self.outputs
        terms = Terms(self._radius, self.params, self._local_ratio, self._classic, self._tally)
        self.scenario.reward(self.bodies, terms, out.rewards, tuple(out.metrics.values()), out.outcomes)
        _count_step(self.tick, self._max_steps, out.ended, out.faulted)
        for g in range(len(self.spec.groups)):
            _mark_seats(out.ended, out.terminations[g], out.truncations[g], out.alive[g], out.acting[g])

    def _decode(self, group_actions: Sequence[Array]) -> None:
        """Actions to forces and messages; where one is refused, no state has changed yet."""
        first = 0
        for group, role, array in zip(self.spec.groups, self.scenario.roles, group_actions, strict=True):
            decode = decode_discrete
            flat = array
            if isinstance(group.action, spaces.Box):
                decode = decode_continuous
            elif isinstance(group.action, spaces.MultiDiscrete):
                flat = flatten(array, group.action.nvec)
            wrong = decode(flat, first, role.moves, role.speaks, role.strength, self._force, self._said)
            if wrong >= 0:
                copy, agent = divmod(wrong, len(group.agents))
                raise self._refusal(group, copy, agent, array[copy, agent])
            first += len(group.agents)
        self.bodies.message[:] = self._said

    def _observe(self, where: Array) -> None:
        obs = tuple(leaves["vector"] for leaves in self.outputs.obs)
        self.scenario.observe(where, self.bodies, obs, self.outputs.state)

    def _arrays(self) -> dict[str, Array]:
        return {**self.bodies._asdict(), "tick": self.tick, "tally": self._tally}


@njit(cache=True, nogil=True)
def _count_step(tick: Array, max_steps: int, ended: Array, faulted: Array) -> None:
    for n in range(tick.shape[0]):
        tick[n] += 1
        ended[n] = tick[n] >= max_steps
        faulted[n] = False


@njit(cache=True, nogil=True)
def _mark_seats(ended: Array, terminations: Array, truncations: Array, alive: Array, acting: Array) -> None:
    """Nobody dies in these worlds: a copy ends for all its agents when time is up."""
    for n in range(ended.shape[0]):
        for a in range(alive.shape[1]):
            terminations[n, a] = False
            truncations[n, a] = ended[n]
            alive[n, a] = True
            acting[n, a] = not ended[n]
