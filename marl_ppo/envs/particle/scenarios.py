"""The five particle worlds as data. Names and numbers are mpe2's."""

from math import inf

from marl_ppo.envs.particle import observe, reward
from marl_ppo.envs.particle.scenario import Role, Scenario
from marl_ppo.envs.world import Metric, Param
from marl_ppo.errors import ConfigError


def spread(agents: int) -> Scenario:
    """As many landmarks as agents; agents are solid, landmarks are not."""
    if agents < 1:
        raise ConfigError(f"agents must be at least 1, got {agents}")
    return Scenario(
        id="spread",
        roles=(Role(group="agents", agents=_names("agent", agents), obs_size=6 * agents, radius=0.15),),
        num_landmarks=agents,
        landmark_radius=0.05,
        num_solid=agents,
        observe=observe.observe_spread,
        reward=reward.reward_spread,
        num_tallies=1,
        metrics={
            "coverage": Metric(description="share of landmarks with an agent within 0.1, now", low=0.0, high=1.0),
            "mean_landmark_distance": Metric(
                description="mean distance from a landmark to the nearest agent, now",
                low=0.0,
                high=inf,
                higher_is_better=False,
            ),
            "collisions": Metric(
                description="pairs of agents that touched, summed over steps", low=0.0, high=inf, higher_is_better=False
            ),
        },
        params={
            "collision_penalty": Param(
                description="reward lost per agent touched; mpe2 has 1", default=1.0, low=0.0, high=10.0
            ),
        },
    )


def _names(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}_{i}" for i in range(count))
