"""The five particle worlds as data. Names and numbers are mpe2's."""

from math import inf

from marl_ppo.envs.particle import observe, reward
from marl_ppo.envs.particle.scenario import Role, Scenario
from marl_ppo.envs.world import Metric, Param
from marl_ppo.settings import require_within

LARGEST = 256
"""bodies of a kind: pairs of them are looked at in every step"""


def spread(agents: int) -> Scenario:
    """As many landmarks as agents; agents are solid, landmarks are not."""
    require_within(1, LARGEST, agents=agents)
    return Scenario(
        id="spread",
        roles=(
            Role(
                group="agents",
                agents=_names("agent", agents),
                obs_size=6 * agents,
                radius=0.15,
                places={f"landmark_{i}": 4 + 2 * i for i in range(agents)},
            ),
        ),
        num_landmarks=agents,
        landmark_radius=0.05,
        num_solid=agents,
        observe=observe.observe_spread,
        reward=reward.reward_spread,
        num_tallies=1,
        metrics={
            "coverage": _share("share of landmarks with an agent within 0.1, now"),
            "mean_landmark_distance": _distance("mean distance from a landmark to the nearest agent, now"),
            "collisions": Metric(
                description="pairs of agents that touched, summed over steps",
                low=0.0,
                high=inf,
                higher_is_better=False,
                event="collision",
            ),
        },
        params={
            "collision_penalty": Param(
                description="reward lost per agent touched; mpe2 has 1", default=1.0, low=0.0, high=10.0
            ),
        },
    )


def speaker_listener() -> Scenario:
    """One of three landmarks is the target; the speaker, who cannot move, tells the listener, who cannot speak."""
    return Scenario(
        id="speaker_listener",
        roles=(
            Role(group="speaker", agents=("speaker_0",), obs_size=3, radius=0.075, moves=False, speaks=True),
            Role(group="listener", agents=("listener_0",), obs_size=11, radius=0.075),
        ),
        num_landmarks=3,
        landmark_radius=0.04,
        num_words=3,
        seekers=("listener_0",),
        unaware=("listener_0",),
        observe=observe.observe_speaker_listener,
        reward=reward.reward_speaker_listener,
        metrics={
            "target_distance": _distance("distance from the listener to the target, now"),
            "reached": _share("whether the listener is within 0.1 of the target, now"),
        },
    )


def reference() -> Scenario:
    """Each of two agents knows which of three landmarks the other has to reach; both move and speak."""
    return Scenario(
        id="reference",
        roles=(Role(group="agents", agents=_names("agent", 2), obs_size=21, radius=0.05, speaks=True),),
        num_landmarks=3,
        landmark_radius=0.05,
        num_words=10,
        seekers=("agent_1", "agent_0"),
        unaware=("agent_1", "agent_0"),
        observe=observe.observe_reference,
        reward=reward.reward_reference,
        metrics={
            "target_distance": _distance("mean distance from an agent to its target, now"),
            "reached": _share("share of agents within 0.1 of their targets, now"),
        },
    )


def tag(chasers: int, prey: int, obstacles: int) -> Scenario:
    """Chasers are many and slow, prey few and fast; everything is solid, obstacles too."""
    require_within(1, LARGEST, chasers=chasers, prey=prey)
    require_within(0, LARGEST, obstacles=obstacles)
    num_agents = chasers + prey
    seen = 4 + 2 * obstacles + 2 * (num_agents - 1)
    return Scenario(
        id="tag",
        roles=(
            Role(
                group="chasers",
                agents=_names("adversary", chasers),
                obs_size=seen + 2 * prey,
                radius=0.075,
                strength=3.0,
                max_speed=1.0,
            ),
            Role(
                group="prey",
                agents=_names("agent", prey),
                obs_size=seen + 2 * (prey - 1),
                radius=0.05,
                team=1,
                strength=4.0,
                max_speed=1.3,
            ),
        ),
        teams=("chasers", "prey"),
        num_landmarks=obstacles,
        landmark_radius=0.2,
        landmark_spread=0.9,
        num_solid=num_agents + obstacles,
        observe=observe.observe_tag,
        reward=reward.reward_tag,
        num_tallies=1 + prey,
        metrics={
            "catches": Metric(
                description="touches of a chaser and a prey, summed over steps", low=0.0, high=inf, event="catch", event_team=0
            ),
            "tagged": _share("share of prey touched at least once"),
            "chaser_distance": _distance("mean distance from a prey to the nearest chaser, now"),
        },
        params={
            "shaping": Param(
                description="weight of distances in the rewards; mpe2 has 0.1, switched off",
                default=0.0,
                low=0.0,
                high=1.0,
            ),
        },
    )


def adversary(agents: int) -> Scenario:
    """As many landmarks as agents, one of them the target; the adversary does not know which. Nothing is solid."""
    require_within(1, LARGEST, agents=agents)
    others = 2 * agents + 2 * agents
    return Scenario(
        id="adversary",
        roles=(
            Role(group="adversary", agents=("adversary_0",), obs_size=others, radius=0.15),
            Role(group="agents", agents=_names("agent", agents), obs_size=2 + others, radius=0.15, team=1),
        ),
        teams=("adversary", "agents"),
        num_landmarks=agents,
        landmark_radius=0.08,
        seekers=("all",),
        unaware=("adversary_0",),
        observe=observe.observe_adversary,
        reward=reward.reward_adversary,
        metrics={
            "target_distance": _distance("distance from the target to the nearest agent, now"),
            "adversary_distance": Metric(description="distance from the target to the adversary, now", low=0.0, high=inf),
        },
    )


def _names(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}_{i}" for i in range(count))


def _share(description: str) -> Metric:
    return Metric(description=description, low=0.0, high=1.0)


def _distance(description: str) -> Metric:
    return Metric(description=description, low=0.0, high=inf, higher_is_better=False)
