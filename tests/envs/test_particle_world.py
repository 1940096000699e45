"""What a particle world promises beyond parity: metrics, outcomes, params, the classic scale, actions, pictures."""

from typing import Any

import numpy as np
import pytest

from marl_ppo.envs import make_world
from marl_ppo.envs.particle import rules
from marl_ppo.envs.particle.reward import Terms
from marl_ppo.envs.particle.world import ParticleWorld
from marl_ppo.errors import ConfigError, MarlPPOError, WorldError

WORLDS = ["spread", "speaker_listener", "reference", "tag", "adversary"]


def seeds(count: int, first: int = 0) -> np.ndarray:
    return np.arange(first, first + count, dtype=np.uint64)


def started(world_id: str, *, positions: list[tuple[float, float]] | None = None, **config: Any) -> ParticleWorld:
    """One copy, at rest, with its bodies (agents, then landmarks) at `positions`."""
    world = make_world(world_id, **config)
    assert isinstance(world, ParticleWorld)
    world.reset(seeds(1))
    if positions is not None:
        world.bodies.position[0] = positions
    return world


def stay(world: ParticleWorld) -> list[np.ndarray]:
    return [np.zeros((world.num_envs, len(g.agents), *g.action_shape), g.action_dtype) for g in world.spec.groups]


def wander(world: ParticleWorld, steps: int, rng: np.random.Generator) -> list[list[np.ndarray]]:
    shapes = [(world.num_envs, len(group.agents)) for group in world.spec.groups]
    choices = [int(group.action.n) for group in world.spec.groups]
    return [[rng.integers(0, n, shape) for n, shape in zip(choices, shapes, strict=True)] for _ in range(steps)]


# Rewards and the classic scale


def test_classic_spread_rewards_are_2n_times_the_mean_less_n_per_step() -> None:
    """R_classic = 2N * R - N * T on equal play: each agent gets the sum of all, and touches itself at every step."""
    modern = make_world("spread", num_envs=50, agents=4)
    classic = make_world("spread", num_envs=50, agents=4, dynamics="classic")
    rng = np.random.default_rng(1)
    modern.reset(seeds(50))
    classic.reset(seeds(50))
    modern_return, classic_return = np.zeros(50), np.zeros(50)
    for _ in range(25):  # the integrators differ, so the positions of both are made equal at every step
        modern.bodies.position[:] = classic.bodies.position[:] = rng.uniform(-0.5, 0.5, modern.bodies.position.shape)
        rewards = [rewards_here(world) for world in (modern, classic)]
        modern_return += rewards[0].mean(axis=1)
        classic_return += rewards[1].mean(axis=1)

    np.testing.assert_allclose(classic_return, 2 * 4 * modern_return - 4 * 25, rtol=1e-5)


def rewards_here(world: ParticleWorld) -> np.ndarray:
    """Rewards [N, A] at the positions as they are, without a move."""
    out = world.outputs
    metrics = tuple(out.metrics.values())
    classic = world.spec.config["dynamics"] == "classic"
    tally = np.zeros((world.num_envs, world.scenario.num_tallies))
    terms = Terms(radius=world.scenario.radius, params=world.params, local_ratio=0.5, classic=classic, tally=tally)
    world.scenario.reward(world.bodies, terms, out.rewards, metrics, out.outcomes)
    return np.concatenate([rewards.astype(np.float64) for rewards in out.rewards], axis=1)


def test_classic_speaker_listener_pays_both_what_either_loses() -> None:
    """The listener 0.5 from the target: -0.25 each in mpe2, -0.5 each in the older sum."""
    bodies = [(0.9, 0.9), (0.0, 0.0), (0.5, 0.0), (0.5, 0.0), (0.5, 0.0)]
    modern, classic = (started("speaker_listener", positions=bodies, dynamics=d) for d in ("mpe2", "classic"))

    np.testing.assert_allclose(rewards_here(modern), [[-0.25, -0.25]])
    np.testing.assert_allclose(rewards_here(classic), [[-0.5, -0.5]])


def test_classic_reference_sums_squared_distances() -> None:
    """agent_0 is 0.3 from every landmark and agent_1 0.4: mpe2 -0.35 with a local part, the older -(0.09 + 0.16)."""
    bodies = [(0.3, 0.0), (0.0, 0.4), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)]
    modern, classic = (started("reference", positions=bodies, dynamics=d) for d in ("mpe2", "classic"))

    np.testing.assert_allclose(rewards_here(modern), [[-0.375, -0.325]], rtol=1e-6)
    np.testing.assert_allclose(rewards_here(classic), [[-0.25, -0.25]], rtol=1e-6)


@pytest.mark.parametrize(("world_id", "param"), [("spread", "collision_penalty"), ("tag", "shaping")])
def test_a_reward_param_moves_rewards_and_nothing_else(world_id: str, param: str) -> None:
    plain, shaped = make_world(world_id, num_envs=8), make_world(world_id, num_envs=8)
    plain.reset(seeds(8))
    shaped.reset(seeds(8), params={param: 0.25})
    plain.bodies.position[:] *= 0.2
    shaped.bodies.position[:] *= 0.2
    differed = False
    for actions in wander(plain, 10, np.random.default_rng(2)):
        one, two = plain.step(actions), shaped.step(actions)
        differed |= bool((one.rewards[0] != two.rewards[0]).any())

    assert differed
    np.testing.assert_array_equal(one.outcomes, two.outcomes)
    np.testing.assert_array_equal(one.state, two.state)
    for name in one.metrics:
        np.testing.assert_array_equal(one.metrics[name], two.metrics[name])


def test_landmark_spread_bounds_where_landmarks_start_and_not_agents() -> None:
    world = make_world("spread", num_envs=200)
    world.reset(seeds(200), params={"landmark_spread": 0.2})

    assert np.abs(world.bodies.position[:, 3:]).max() <= 0.2
    assert np.abs(world.bodies.position[:, :3]).max() > 0.9


# Task metrics and outcomes


def test_spread_measures_coverage_distance_and_collisions() -> None:
    """Two agents touch and one of them is on a landmark; distances 0.05, 0.3 and 0.9 make a mean of 1.25 / 3."""
    bodies = [(0.0, 0.0), (0.0, 0.25), (0.9, 0.9), (0.05, 0.0), (-0.3, 0.0), (0.9, 0.0)]
    world = started("spread", positions=bodies)
    world.bodies.velocity[:] = 0.0
    outputs = world.step(stay(world))

    assert outputs.metrics["coverage"][0] == pytest.approx(1 / 3)
    assert outputs.metrics["mean_landmark_distance"][0] == pytest.approx((0.05 + 0.3 + 0.9) / 3)
    assert outputs.metrics["collisions"][0] == 1
    assert outputs.outcomes[0].tolist() == [pytest.approx(1 / 3)]


def test_collisions_are_counted_over_the_episode_and_forgotten_at_reset() -> None:
    world = started("spread", agents=2, positions=[(0.0, 0.0), (0.29, 0.0), (1.0, 1.0), (1.0, 1.0)])
    for _ in range(2):
        outputs = world.step(stay(world))
        world.bodies.position[0, :2] = [(0.0, 0.0), (0.29, 0.0)]
        world.bodies.velocity[:] = 0.0
    counted = outputs.metrics["collisions"][0]
    outputs = world.reset(seeds(1))

    assert counted == 2
    assert outputs.metrics["collisions"][0] == 0


def test_tag_is_won_by_who_touched_or_kept_more_prey() -> None:
    """One of two prey is touched: one point each, a draw. Points stay when the chaser has gone."""
    world = started("tag", chasers=1, prey=2, obstacles=0, positions=[(0.0, 0.0), (0.1, 0.0), (0.8, 0.8)])
    touched = world.step(stay(world))
    points, catches = touched.outcomes[0].tolist(), touched.metrics["catches"][0]
    world.bodies.position[0] = [(-0.8, 0.0), (0.1, 0.0), (0.8, 0.8)]
    later = world.step(stay(world))

    assert points == [1.0, 1.0]
    assert later.outcomes[0].tolist() == [1.0, 1.0]
    assert catches == later.metrics["catches"][0] == 1
    assert later.metrics["tagged"][0] == 0.5


@pytest.mark.parametrize(
    ("adversary", "agent", "outcome"),
    [(0.1, 0.0, [1.0, 0.0]), (0.5, 0.1, [0.0, 1.0]), (0.5, 0.5, [0.0, 0.0])],
    ids=["found", "hidden", "nobody came"],
)
def test_the_adversary_wins_on_the_target_and_else_the_agents_do(adversary: float, agent: float, outcome: list[float]) -> None:
    world = started("adversary", positions=[(adversary, 0.0), (0.0, agent), (0.9, 0.9), (0.0, 0.0), (0.0, 0.0)])

    assert world.step(stay(world)).outcomes[0].tolist() == outcome


def test_reached_says_whether_the_listener_is_at_the_target() -> None:
    world = started("speaker_listener", positions=[(0.9, 0.9), (0.0, 0.0), (0.06, 0.0), (0.06, 0.0), (0.06, 0.0)])
    outputs = world.step(stay(world))

    assert outputs.metrics["reached"][0] == 1.0
    assert outputs.metrics["target_distance"][0] == pytest.approx(0.06)


# Dynamics


def test_bodies_beyond_the_contact_range_would_not_have_felt_each_other() -> None:
    """The force left out is under a ten-thousandth of what a speed of 0.001 can resolve per step."""
    push = rules.CONTACT_FORCE * rules.penetration(-rules.CONTACT_RANGE)

    assert 0.0 < push * rules.TIME_STEP < 0.5 * np.spacing(1e-3)


def test_bodies_at_the_same_place_stay_finite() -> None:
    world = started("spread", agents=2, positions=[(0.0, 0.0)] * 4)

    assert np.isfinite(world.step(stay(world)).obs[0]["vector"]).all()


@pytest.mark.parametrize("world_id", WORLDS)
def test_an_episode_does_not_depend_on_the_copies_beside_it(world_id: str) -> None:
    many, alone = make_world(world_id, num_envs=7), make_world(world_id, num_envs=1)
    many.reset(seeds(7))
    alone.reset(seeds(1, first=4))
    for actions in wander(many, 25, np.random.default_rng(3)):
        crowd, one = many.step(actions), alone.step([group[4:5] for group in actions])

    for name, array in one.arrays().items():
        np.testing.assert_array_equal(crowd.arrays()[name][4:5], array, err_msg=name)


@pytest.mark.parametrize("world_id", WORLDS)
def test_a_copy_is_truncated_for_all_when_time_is_up(world_id: str) -> None:
    world = started(world_id, max_steps=3)
    ended = [bool(world.step(stay(world)).ended[0]) for _ in range(3)]

    assert ended == [False, False, True]
    for g in range(len(world.spec.groups)):
        assert world.outputs.truncations[g].all()
        assert not world.outputs.terminations[g].any()
        assert not world.outputs.acting[g].any()


# Actions


def test_multi_discrete_actions_are_the_flat_ones_in_two_numbers() -> None:
    """Flat = move + 5 * said, mpe2's numbering."""
    flat, pairs = make_world("reference", num_envs=6), make_world("reference", num_envs=6, action="multi_discrete")
    flat.reset(seeds(6))
    pairs.reset(seeds(6))
    rng = np.random.default_rng(4)
    for _ in range(10):
        move, said = rng.integers(0, 5, (6, 2)), rng.integers(0, 10, (6, 2))
        one, two = flat.step([move + 5 * said]), pairs.step([np.stack([move, said], axis=-1)])

    assert str(pairs.spec.groups[0].action) == "MultiDiscrete([ 5 10])"
    np.testing.assert_array_equal(one.obs[0]["vector"], two.obs[0]["vector"])


def test_continuous_actions_are_clipped_to_their_box() -> None:
    wild, tame = (started("spread", action="continuous") for _ in range(2))
    actions = np.random.default_rng(5).uniform(-2, 3, (1, 3, 5)).astype(np.float32)
    wild.step([actions])
    tame.step([np.clip(actions, 0.0, 1.0)])

    np.testing.assert_array_equal(wild.bodies.velocity, tame.bodies.velocity)


@pytest.mark.parametrize(
    ("world_id", "action", "wrong", "message"),
    [
        ("reference", "discrete", 50, "agent_0 of copy 1 chose 50, not in Discrete"),
        ("reference", "discrete", -1, "agent_0 of copy 1 chose -1, not in Discrete"),
        ("reference", "multi_discrete", [1, 10], r"agent_0 of copy 1 chose \[ 1 10\], not in MultiDiscrete"),
        ("speaker_listener", "discrete", 5, "listener_0 of copy 1 chose 5, not in Discrete"),
    ],
)
def test_an_action_outside_its_space_is_refused_and_changes_nothing(
    world_id: str, action: str, wrong: Any, message: str
) -> None:
    world = make_world(world_id, num_envs=2, action=action)
    world.reset(seeds(2))
    before = world.snapshot()
    actions = stay(world)
    actions[-1][1, 0] = wrong
    with pytest.raises(WorldError, match=message):
        world.step(actions)

    assert all((before[name] == array).all() for name, array in world.snapshot().items())


def test_a_continuous_action_that_is_no_number_is_refused() -> None:
    world = started("tag", action="continuous")
    actions = stay(world)
    actions[1][0, 0, 2] = np.nan

    with pytest.raises(WorldError, match=r"agent_0 of copy 0 chose .*nan"):
        world.step(actions)


# Settings


@pytest.mark.parametrize(
    ("world_id", "config", "message"),
    [
        ("spread", {"agents": 0}, "agents must be from 1 to 256, got 0"),
        ("tag", {"prey": 0}, "prey must be from 1 to 256, got 0"),
        ("spread", {"max_steps": 0}, "max_steps must be at least 1 and below .*, got 0"),
        ("spread", {"dynamics": "mpe3"}, "dynamics must be 'mpe2' or 'classic', got 'mpe3'"),
        ("spread", {"local_ratio": 1.5}, r"local_ratio must be within \[0, 1\], got 1.5"),
        ("spread", {"local_ratio": 0.2, "dynamics": "classic"}, "'classic' has no local_ratio; leave it at 0.5"),
        ("spread", {"action": "multi_discrete"}, "'spread' do not both move and speak; choose 'discrete'"),
        ("spread", {"action": "analog"}, "action must be 'discrete' or 'continuous', .* got 'analog'"),
    ],
)
def test_settings_that_cannot_work_are_refused(world_id: str, config: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_world(world_id, **config)


# Pictures


@pytest.mark.parametrize("world_id", WORLDS)
def test_a_scene_has_every_body_once_under_a_key_that_lasts(world_id: str) -> None:
    world = started(world_id)
    before = [primitive.key for primitive in world.scene(0).primitives]
    world.step(stay(world))
    after = [primitive.key for primitive in world.scene(0).primitives]

    assert before == after
    assert len(set(after)) == world.bodies.position.shape[1]
    assert set(world.spec.agents) < set(after)


def test_a_scene_tells_what_was_said_and_which_landmark_was_meant() -> None:
    world = started("speaker_listener")
    silent = world.scene(0).caption
    world.bodies.goal[0, 0] = 2
    world.step([np.array([[2]]), np.array([[0]])])
    scene = world.scene(0)

    assert silent == "speaker_0 says _"
    assert scene.caption == "speaker_0 says C"
    labels = [primitive.label for primitive in scene.primitives if primitive.key.startswith("landmark")]
    assert labels == ["A", "B", "C target of listener_0"]


def test_a_covered_landmark_is_drawn_over_who_covers_it_and_an_obstacle_under() -> None:
    """A ring would be out of sight below a larger disc; an obstacle is a body like others, and comes first."""
    orders = {}
    for world_id in ("spread", "tag"):
        orders[world_id] = [shape.key.startswith("landmark") for shape in started(world_id).scene(0).primitives]

    assert orders["spread"] == sorted(orders["spread"])
    assert orders["tag"] == sorted(orders["tag"], reverse=True)
    assert True in orders["tag"]


@pytest.mark.parametrize(("x", "reach"), [(0.0, 1.2), (1.04, 1.2), (1.5, 1.8), (1.6, 1.8), (1.7, 2.1)])
def test_the_picture_widens_in_steps_so_that_everybody_is_whole_in_it(x: float, reach: float) -> None:
    """Half width 1.2 + 0.3 k, the least that holds x and the radius 0.15: at 1.5 it takes 1.65, so 1.8."""
    world = started("spread")
    world.bodies.position[0] = 0.0
    world.bodies.position[0, 0, 0] = x

    assert world.scene(0).bounds == pytest.approx((-reach, -reach, reach, reach))


@pytest.mark.parametrize("params", [{"landmark_spread": 9.0}, {"landmark_spraed": 1.0}, {"landmark_spread": [1.0, 1.0, 1.0]}])
def test_a_refused_reset_changes_nothing(params: dict[str, Any]) -> None:
    world = make_world("spread", num_envs=2)
    world.reset(np.array([1, 2], np.uint64), params={"landmark_spread": 2.0})
    before = world.snapshot()
    with pytest.raises(MarlPPOError, match="param"):
        world.reset(np.array([3, 4], np.uint64), params=params)

    after = world.snapshot()
    assert all((before[name] == after[name]).all() for name in before)


def test_a_refused_snapshot_changes_nothing() -> None:
    world, other = make_world("spread", num_envs=2), make_world("spread", num_envs=2)
    world.reset(np.array([1, 2], np.uint64))
    other.reset(np.array([3, 4], np.uint64))
    before = world.snapshot()
    with pytest.raises(WorldError, match=r"restore: outputs.faulted is float64 \[2\] in the snapshot"):
        world.restore(other.snapshot() | {"outputs.faulted": np.zeros(2)})

    after = world.snapshot()
    assert all((before[name] == after[name]).all() for name in before)


def test_the_worlds_own_endings_say_where_to_reset() -> None:
    """`reset(seeds, where=world.outputs.ended)`: the array it reads is one that it writes."""
    world = make_world("spread", num_envs=2, max_steps=1)
    seeds = np.array([1, 2], np.uint64)
    world.reset(seeds)
    world.step([np.zeros((2, 3), np.int64)])
    world.reset(seeds + np.uint64(1), where=world.outputs.ended)

    assert not world.outputs.ended.any()
    assert world.outputs.alive[0].all()
    world.step([np.zeros((2, 3), np.int64)])


@pytest.mark.parametrize("world_id", ["tag", "adversary"])
def test_classic_rewards_of_two_sided_worlds(world_id: str) -> None:
    """At the same places: those of mpe2 but for the adversary, which pays the square of its distance from the target."""
    new, old = (make_world(world_id, num_envs=50, dynamics=dynamics) for dynamics in ("mpe2", "classic"))
    for world in (new, old):
        world.reset(np.arange(50, dtype=np.uint64))
        world.bodies.position[:, -1 if world_id == "adversary" else 3] = world.bodies.position[:, 0]
        out, terms = world.outputs, Terms(world._radius, world.params, world._local_ratio, world._classic, world._tally)
        world.scenario.reward(world.bodies, terms, out.rewards, tuple(out.metrics.values()), out.outcomes)
    first = new.outputs.rewards[0]
    assert first.any()
    expected = first if world_id == "tag" else -np.square(first)

    np.testing.assert_allclose(old.outputs.rewards[0], expected, rtol=1e-5)
    np.testing.assert_allclose(old.outputs.rewards[1], new.outputs.rewards[1], rtol=1e-5)
