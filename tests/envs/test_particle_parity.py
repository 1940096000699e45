"""The particle worlds equal mpe2 1.1.1 step by step, from random crowded states, in float32 to 1e-6."""

from types import MethodType, ModuleType
from typing import Any

import numpy as np
import pytest
from mpe2 import (
    simple_adversary_v3,
    simple_reference_v3,
    simple_speaker_listener_v4,
    simple_spread_v3,
    simple_tag_v3,
)

from marl_ppo.envs import make_world
from marl_ppo.envs.particle.world import ParticleWorld

STATES = 200
STEPS = 50
Config = dict[str, Any]
CASES: list[tuple[str, Config, ModuleType, Config]] = [
    # world, its settings, the original, its settings
    ("spread", {"agents": 3}, simple_spread_v3, {"N": 3}),
    ("spread", {"agents": 2}, simple_spread_v3, {"N": 2}),
    ("spread", {"agents": 5, "local_ratio": 0.3}, simple_spread_v3, {"N": 5, "local_ratio": 0.3}),
    ("speaker_listener", {}, simple_speaker_listener_v4, {}),
    ("reference", {"local_ratio": 0.3}, simple_reference_v3, {"local_ratio": 0.3}),
    ("tag", {}, simple_tag_v3, {}),
    (
        "tag",
        {"chasers": 2, "prey": 3, "obstacles": 1},
        simple_tag_v3,
        {"num_adversaries": 2, "num_good": 3, "num_obstacles": 1},
    ),
    ("adversary", {"agents": 2}, simple_adversary_v3, {"N": 2}),
    ("adversary", {"agents": 3}, simple_adversary_v3, {"N": 3}),
    ("adversary", {"agents": 5}, simple_adversary_v3, {"N": 5}),
]


@pytest.mark.parametrize("action", ["discrete", "continuous"])
@pytest.mark.parametrize(("world_id", "config", "module", "settings"), CASES)
def test_every_step_equals_the_original(
    world_id: str, config: Config, module: ModuleType, settings: Config, action: str
) -> None:
    ours = make_world(world_id, num_envs=STATES, action=action, max_steps=STEPS + 1, **config)
    original = module.raw_env(continuous_actions=action == "continuous", max_cycles=STEPS + 1, **settings)

    assert ours.spec.agents == tuple(original.possible_agents)
    assert largest_difference(ours, original) <= 1e-6


@pytest.mark.parametrize(("world_id", "module"), [("spread", simple_spread_v3), ("tag", simple_tag_v3)], ids=["spread", "tag"])
def test_classic_dynamics_move_after_the_speed_has_changed(world_id: str, module: ModuleType) -> None:
    """The same original with its integrator turned round: velocity first, then position with the new velocity."""
    ours = make_world(world_id, num_envs=20, max_steps=STEPS + 1, dynamics="classic")
    original = module.raw_env(max_cycles=STEPS + 1)
    original.world.integrate_state = MethodType(integrate_velocity_first, original.world)

    assert largest_difference(ours, original, rewards=False) <= 1e-6


def largest_difference(ours: ParticleWorld, original: Any, *, rewards: bool = True) -> float:
    """Largest |ours - theirs| / max(1, |theirs|) over all states, steps, agents and numbers."""
    rng = np.random.default_rng(20)
    ours.reset(np.arange(ours.num_envs, dtype=np.uint64))
    scramble(ours, rng)
    actions = [random_actions(ours, rng) for _ in range(STEPS)]
    start = (ours.bodies.position.copy(), ours.bodies.velocity.copy())
    told = []
    for step_actions in actions:
        outputs = ours.step(step_actions)
        told.append(
            (
                {name: obs for name, obs, _ in by_agent(ours, outputs)},
                {name: reward for name, _, reward in by_agent(ours, outputs)},
            )
        )
    worst = 0.0
    for n in range(ours.num_envs):
        original.reset(seed=n)
        put_state(original, start[0][n], start[1][n], ours.bodies.goal[n])
        for step_actions, (obs, reward) in zip(actions, told, strict=True):
            # What the environment does once all agents have acted, without its turn-taking around it.
            original.current_actions = [a for group in step_actions for a in group[n]]
            original._execute_world_step()
            for agent in original.world.agents:
                theirs = original.scenario.observation(agent, original.world).astype(np.float32)
                worst = max(worst, relative(obs[agent.name][n], theirs))
                if rewards:
                    worst = max(worst, relative(reward[agent.name][n], np.float32(original.rewards[agent.name])))
    return worst


def scramble(world: ParticleWorld, rng: np.random.Generator) -> None:
    """Bodies close together and moving: many contacts, which hardly happen from the usual start."""
    world.bodies.position[:] = rng.uniform(-0.5, 0.5, world.bodies.position.shape)
    first = 0
    for role in world.scenario.roles:
        if role.moves:
            agents = slice(first, first + len(role.agents))
            world.bodies.velocity[:, agents] = rng.uniform(-0.5, 0.5, (world.num_envs, len(role.agents), 2))
        first += len(role.agents)


def random_actions(world: ParticleWorld, rng: np.random.Generator) -> list[np.ndarray]:
    actions = []
    for group in world.spec.groups:
        shape = (world.num_envs, len(group.agents), *group.action_shape)
        if group.action_shape:
            actions.append(rng.uniform(0.0, 1.0, shape).astype(np.float32))
        else:
            actions.append(rng.integers(0, group.action.n, shape))
    return actions


def by_agent(world: ParticleWorld, outputs: Any) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """(agent, obs [N, D], reward [N]) as copies, since the world writes into the same arrays at the next step."""
    return [
        (name, outputs.obs[g]["vector"][:, a].copy(), outputs.rewards[g][:, a].copy())
        for g, group in enumerate(world.spec.groups)
        for a, name in enumerate(group.agents)
    ]


def put_state(original: Any, position: np.ndarray, velocity: np.ndarray, goal: np.ndarray) -> None:
    world = original.world
    for body, place in zip(world.entities, position, strict=True):
        body.state.p_pos = place.copy()
    for agent, speed in zip(world.agents, velocity, strict=True):
        agent.state.p_vel = speed.copy()
    targets = [world.landmarks[g] for g in goal]
    for a, agent in enumerate(world.agents):
        if hasattr(agent, "_goal_b"):
            agent.goal_b = targets[a] if a < len(targets) else None
        elif targets:
            agent.goal_a = targets[0]


def relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.max(np.abs(ours - theirs) / np.maximum(1.0, np.abs(theirs))))


def integrate_velocity_first(self: Any, p_force: list[Any]) -> None:
    for body, force in zip(self.entities, p_force, strict=True):
        if not body.movable:
            continue
        velocity = body.state.p_vel * (1 - self.damping) + force * self.dt
        speed = np.hypot(*velocity)
        if body.max_speed is not None and speed > body.max_speed:
            velocity = velocity / speed * body.max_speed
        body.state.p_vel = velocity
        body.state.p_pos = body.state.p_pos + velocity * self.dt
