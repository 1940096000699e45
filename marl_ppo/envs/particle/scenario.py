"""What sets one particle world apart from another, as data: its roles, landmarks, kernels and what it measures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal

import numpy as np
from gymnasium import spaces

from marl_ppo.envs.particle.actions import NUM_MOVES
from marl_ppo.envs.particle.observe import state_size
from marl_ppo.envs.world import ActionSpace, Group, Metric, Param, Thing, Whereabouts, WorldSpec
from marl_ppo.errors import ConfigError

ActionKind = Literal["discrete", "multi_discrete", "continuous"]
Dynamics = Literal["mpe2", "classic"]
CELLS = 8
"""places that a subgoal may name along each axis, of which one is a quarter wide"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A group of agents alike: what they are called, see and can do."""

    group: str
    agents: tuple[str, ...]
    obs_size: int
    radius: float
    team: int = 0
    moves: bool = True
    speaks: bool = False
    strength: float = 5.0
    """force of one full move"""
    max_speed: float = inf
    places: Mapping[str, int] = field(default_factory=dict)
    """where obs tell the way to a landmark, by its name, of roles whose obs begin with their own velocity and position"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One particle world. Agents are numbered role after role, bodies are the agents, then the landmarks."""

    id: str
    roles: tuple[Role, ...]
    num_landmarks: int
    landmark_radius: float
    observe: Callable[..., None]
    """a kernel of observe.py"""
    reward: Callable[..., None]
    """a kernel of reward.py"""
    metrics: Mapping[str, Metric]
    num_tallies: int = 0
    """numbers that the reward kernel carries from step to step"""
    teams: tuple[str, ...] = ("agents",)
    landmark_spread: float = 1.0
    """default half width of the square that landmarks start in"""
    params: Mapping[str, Param] = field(default_factory=dict)
    """further params, after `landmark_spread`"""
    num_solid: int = 0
    """how many bodies push each other on contact, counted from the first"""
    num_words: int = 0
    """size of a message"""
    seekers: tuple[str, ...] = ()
    """who has to reach each of the targets, landmarks that are drawn at reset"""
    unaware: tuple[str, ...] = ()
    """who is not told each of the targets"""

    @property
    def num_goals(self) -> int:
        return len(self.seekers)

    @property
    def num_agents(self) -> int:
        return sum(len(role.agents) for role in self.roles)

    @property
    def radius(self) -> np.ndarray:
        """float64 [E]."""
        agents = [role.radius for role in self.roles for _ in role.agents]
        return np.array(agents + [self.landmark_radius] * self.num_landmarks)

    @property
    def max_speed(self) -> np.ndarray:
        """float64 [A]."""
        return np.array([role.max_speed for role in self.roles for _ in role.agents])

    def world_spec(self, *, action: ActionKind, max_steps: int, config: Mapping[str, Any]) -> WorldSpec:
        """The spec of this scenario played with one kind of actions."""
        spread = Param(
            description="half width of the square in which landmarks start",
            default=self.landmark_spread,
            low=0.1,
            high=2.0,
        )
        return WorldSpec(
            id=self.id,
            version=1,
            groups=tuple(
                Group(
                    name=role.group,
                    agents=role.agents,
                    team=(role.team,) * len(role.agents),
                    obs={"vector": spaces.Box(-np.inf, np.inf, (role.obs_size,), np.float32)},
                    action=self._action_space(role, action),
                    whereabouts=_whereabouts(role),
                )
                for role in self.roles
            ),
            teams=self.teams,
            max_steps=max_steps,
            state_size=state_size(self.num_agents, self.num_landmarks, self.num_words, self.num_goals),
            metrics=self.metrics,
            params={"landmark_spread": spread, **self.params},
            capabilities=frozenset({"snapshot", "resimulate", "scene", "state", "outcomes"}),
            config=config,
        )

    def _action_space(self, role: Role, action: ActionKind) -> ActionSpace:
        choices = [NUM_MOVES] * role.moves + [self.num_words] * role.speaks
        if action == "discrete":
            return spaces.Discrete(int(np.prod(choices)))
        if action == "continuous":
            return spaces.Box(0.0, 1.0, (sum(choices),), np.float32)
        if action == "multi_discrete" and len(choices) > 1:
            return spaces.MultiDiscrete(choices)
        kinds = "'discrete' or 'continuous'"
        if action == "multi_discrete":
            raise ConfigError(f"agents of world {self.id!r} do not both move and speak; choose {kinds} actions")
        raise ConfigError(f"action must be {kinds}, or 'multi_discrete' where agents move and speak; got {action!r}")


def _whereabouts(role: Role) -> Whereabouts | None:
    if not role.places:
        return None
    return Whereabouts(own=2, cells=(CELLS, CELLS), things={name: Thing(place=at) for name, at in role.places.items()})
