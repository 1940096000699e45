"""What soccer promises beyond the contract: fair kickoffs, the half turn that swaps sides, kicks, goals, rewards, metrics."""

import math
from typing import Any

import numpy as np
import pytest

from marl_ppo.envs import make_world
from marl_ppo.envs.scene import Disc, Line
from marl_ppo.envs.soccer import rules
from marl_ppo.envs.soccer.observe import BALL, BALL_VELOCITY, IDLE, IN_REACH, OTHERS, PLACE, SCORE, TIME, TO_GOAL
from marl_ppo.envs.soccer.world import Soccer
from marl_ppo.errors import ConfigError, WorldError
from marl_ppo.training.config_file import preset

STAY, AHEAD, KICK = 0, 1, 9
REACH = rules.PLAYER_RADIUS + rules.BALL_RADIUS + rules.KICK_REACH
AWAY = (-1.0, 0.5), (-1.0, -0.5), (1.0, 0.5), (1.0, -0.5)
"""places for the four players of two teams from which none is near the middle"""


def seeds(count: int, first: int = 0) -> np.ndarray:
    return np.arange(first, first + count, dtype=np.uint64)


def soccer(num_envs: int = 1, *, shaping: float = 0.0, **config: Any) -> Soccer:
    """Kicked off."""
    world = make_world("soccer", num_envs=num_envs, **config)
    assert isinstance(world, Soccer)
    world.reset(seeds(num_envs), params={"shaping": shaping})
    return world


def laid_out(
    ball: tuple[float, float], *players: tuple[float, float], flies: tuple[float, float] = (0.0, 0.0), **config: Any
) -> Soccer:
    """One copy, with everything at rest where it is said but for the ball."""
    world = soccer(**config)
    world.pitch.position[0] = players or AWAY
    world.pitch.velocity[0] = 0.0
    world.pitch.ball[0], world.pitch.ball_velocity[0] = ball, flies
    return world


def step(world: Soccer, *actions: int) -> None:
    """One action per player; all stay if none is given."""
    world.step([np.array([actions or [STAY] * world.pitch.position.shape[1]])])


def swapped(array: np.ndarray) -> np.ndarray:
    """[N, P, ...] with the sides swapped."""
    return np.concatenate(np.split(array, 2, axis=1)[::-1], axis=1)


def half_turn(world: Soccer, turned: Soccer) -> None:
    """Bring `turned` into the state of `world` after half a turn."""
    here, there = world.pitch, turned.pitch
    for name in ("position", "velocity"):
        getattr(there, name)[:] = -swapped(getattr(here, name))
    there.ball[:], there.ball_velocity[:] = -here.ball, -here.ball_velocity
    there.kicked[:], there.goals[:], there.tick[:] = swapped(here.kicked), here.goals[:, ::-1], here.tick
    turned._promise[:] = -world._promise
    there.scored[:], there.since_goal[:], there.idle[:] = -here.scored, here.since_goal, here.idle


def wander(world: Soccer, steps: int) -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 18, (steps, world.num_envs, world.pitch.position.shape[1])))


# The half turn


@pytest.mark.parametrize("team_size", [1, 2, 5])
def test_a_state_turned_by_half_shows_each_side_bit_for_bit_what_the_other_saw(team_size: int) -> None:
    """So one policy plays both sides: in its own frame every player shoots at the goal on the right."""
    world = soccer(50, team_size=team_size)
    turned = soccer(50, team_size=team_size)
    for actions in wander(world, 40):
        world.step([actions])
    half_turn(world, turned)
    turned._observe(np.ones(50, bool))

    seen, seen_turned = world.outputs.obs[0]["vector"], turned.outputs.obs[0]["vector"]
    assert swapped(seen_turned).tobytes() == seen.tobytes()


@pytest.mark.parametrize("action", ["discrete", "continuous"])
def test_a_match_turned_by_half_goes_on_turned_by_half(action: str) -> None:
    """To the last bit, until the next kickoff: each has chances of its own."""
    world, turned = soccer(200, action=action, shaping=1.0), soccer(200, action=action, shaping=1.0)
    world.pitch.position[:] *= 0.4  # or hardly anybody would get to the ball by chance
    half_turn(world, turned)
    rng = np.random.default_rng(0)
    for actions in wander(world, 50):
        given = actions if action == "discrete" else rng.uniform(-1, 1, (200, 4, 3)).astype(np.float32)
        world.step([given])
        turned.step([swapped(given)])
        on = world.pitch.kickoffs == 1

        np.testing.assert_array_equal(turned.pitch.position[on], -swapped(world.pitch.position)[on])
        np.testing.assert_array_equal(turned.pitch.ball[on], -world.pitch.ball[on])
        np.testing.assert_allclose(turned.outputs.rewards[0][on], -world.outputs.rewards[0][on], atol=1e-6)
    assert on.any()
    assert (world.pitch.owner[on] != rules.NOBODY).any()


# Kickoffs


@pytest.mark.parametrize("team_size", [1, 2, 3, 4, 5])
def test_kickoffs_are_random_and_as_good_for_either_side(team_size: int) -> None:
    """Orange stands where blue does after half a turn, and the ball rolls off to either side as often: |mean| < 4 / sqrt(N)."""
    world = soccer(2000, team_size=team_size)
    position, ball = world.pitch.position, world.pitch.ball_velocity

    assert world.outputs.obs[0]["vector"].shape == (2000, 2 * team_size, 19 + 4 * (2 * team_size - 1))
    assert len(np.unique(position[:, 0, 0])) == 2000
    np.testing.assert_array_equal(position, -swapped(position))
    assert (world.pitch.ball == 0.0).all()
    assert (abs(ball.mean(axis=0)) < 4 / math.sqrt(2000) * np.array([rules.DROP_SPEED_X, rules.DROP_SPEED_Y])).all()


def test_players_of_a_kickoff_stand_apart_and_on_the_pitch() -> None:
    """Nobody overlaps anybody or reaches the ball, whatever chance does."""
    world = soccer(2000, team_size=5)
    position = world.pitch.position
    gaps = np.linalg.norm(position[:, :, None] - position[:, None], axis=-1) + 9 * np.eye(10)

    assert gaps.min() > 2 * rules.PLAYER_RADIUS
    assert np.linalg.norm(position, axis=-1).min() > REACH
    assert (abs(position).max(axis=(0, 1)) < np.array(world.size) - rules.PLAYER_RADIUS).all()


def test_the_next_kickoff_of_a_match_is_another_one() -> None:
    world = laid_out((1.9, 0.0), flies=(3.0, 0.0))
    before = soccer().pitch.position.copy()
    step(world)

    assert world.pitch.goals.tolist() == [[1, 0]]
    assert world.pitch.ball.tolist() == [[0.0, 0.0]]
    assert (world.pitch.position != before).all()


def test_a_ball_that_nobody_touches_for_three_seconds_is_kicked_off_again() -> None:
    """Players see how long it has been; a touch starts it anew; what the position promised is lost."""
    world = laid_out((1.5, 1.0), (-1.0, 0.5), (-1.0, -0.5), (1.0, -0.5), (1.0, -1.0), shaping=1.0)
    step(world)
    promised = world._promise[0]
    for tick in range(2, rules.IDLE_TICKS):
        step(world)

        assert world.outputs.obs[0]["vector"][0, :, IDLE].tolist() == pytest.approx([tick / rules.IDLE_TICKS] * 4)
    world.pitch.position[0, 0] = 1.25, 1.0
    step(world, KICK, STAY, STAY, STAY)
    assert world.outputs.obs[0]["vector"][0, 0, IDLE] == 0.0

    world = laid_out((1.5, 1.0), (-1.0, 0.5), (-1.0, -0.5), (1.0, -0.5), (1.0, -1.0), shaping=1.0)
    for _ in range(rules.IDLE_TICKS):
        step(world)
    assert world.pitch.ball.tolist() == [[0.0, 0.0]]
    assert world.pitch.goals.sum() == 0
    step(world)
    assert world.outputs.rewards[0][0, 0] == pytest.approx(world._promise[0] - promised, abs=1e-6)


# Bodies


def test_a_player_who_pushes_for_long_runs_at_its_speed() -> None:
    """From v = 0.85 v + 0.15 · 1.2, twice per tick."""
    world = laid_out((0.0, 1.0), (-1.8, 0.0), (-1.8, -0.8), (1.8, 0.8), (1.8, -0.8))
    for _ in range(15):
        step(world, AHEAD, STAY, STAY, STAY)

    assert world.pitch.velocity[0, 0].tolist() == pytest.approx([rules.PLAYER_SPEED * (1 - 0.85**30), 0.0])


def test_the_ball_stays_on_the_pitch_players_within_the_run_off_and_nothing_gets_too_fast() -> None:
    world = soccer(100, team_size=3, goals_to_win=100)
    for actions in wander(world, 200):
        world.step([actions])

        assert (abs(world.pitch.position) <= np.array(world.size) + rules.RUN_OFF - rules.PLAYER_RADIUS + 1e-12).all()
        assert (abs(world.pitch.ball) <= np.array(world.size)).all()
        assert np.linalg.norm(world.pitch.ball_velocity, axis=1).max() < 1.5 * rules.BALL_TOP_SPEED


def test_a_player_gets_behind_a_ball_in_the_corner() -> None:
    """Walls stop the ball alone: from the run-off blue's first player pushes it out."""
    world = laid_out((-1.92, -1.2), (-2.14, -1.2), (0.0, 1.0), (1.8, 0.8), (1.8, -0.8))
    for _ in range(10):
        step(world, AHEAD, STAY, STAY, STAY)

    assert world.pitch.ball[0, 0] > -1.5


def test_a_player_pushes_the_ball_before_it() -> None:
    world = laid_out((0.0, 0.0), (-0.3, 0.0), (-1.8, -0.8), (1.8, 0.8), (1.8, -0.8))
    for _ in range(10):
        step(world, AHEAD, STAY, STAY, STAY)

    assert world.pitch.ball[0, 0] > world.pitch.position[0, 0, 0] + 0.2 > 0.3
    assert world.pitch.ball[0, 1] == 0.0


# Kicks


@pytest.mark.parametrize(
    ("action", "way"),
    [(KICK, (1.0, 0.0)), (KICK + 1, (1.0, 0.0)), (KICK + 3, (math.sqrt(0.5), math.sqrt(0.5)))],
    ids=["standing", "ahead", "to the left"],
)
def test_a_kick_goes_half_way_between_where_the_ball_is_and_where_its_kicker_pushes(
    action: int, way: tuple[float, float]
) -> None:
    """Blue's first player has the ball straight before it. The ball then rolls two half ticks."""
    world = laid_out((0.0, 0.0), (-0.3, 0.0), *AWAY[1:])
    step(world, action, STAY, STAY, STAY)
    speed = rules.KICK_SPEED * rules.BALL_KEEPS**2

    assert world.pitch.ball_velocity[0].tolist() == pytest.approx([speed * part for part in way], abs=1e-9)
    assert world.pitch.kicked.tolist() == [[True, False, False, False]]


def test_a_ball_out_of_reach_cannot_be_kicked_and_players_see_whether_it_is() -> None:
    for distance, near in ((REACH - 0.01, 1.0), (REACH + 0.01, 0.0)):
        world = laid_out((0.0, 0.0), (-distance, 0.0), *AWAY[1:])
        world._observe(np.ones(1, bool))

        assert world.outputs.obs[0]["vector"][0, 0, IN_REACH] == near
        step(world, KICK, STAY, STAY, STAY)
        assert world.pitch.kicked[0, 0] == bool(near)


def test_kicks_of_both_sides_at_once_add_up() -> None:
    """Head-on they cancel each other."""
    world = laid_out((0.0, 0.0), (-0.3, 0.0), AWAY[1], (0.3, 0.0), AWAY[3])
    step(world, KICK, STAY, KICK, STAY)

    assert world.pitch.ball.tolist() == [[0.0, 0.0]]
    assert world.pitch.owner.tolist() == [rules.NOBODY]


def test_discrete_and_continuous_actions_say_the_same() -> None:
    """Ahead and left with a kick, for orange too, whose ahead is to the left of the pitch."""
    discrete = laid_out((0.0, 0.0), (-0.3, 0.0), *AWAY[1:])
    continuous = laid_out((0.0, 0.0), (-0.3, 0.0), *AWAY[1:], action="continuous")
    step(discrete, KICK + 2, 2, 2, STAY)
    continuous.step([np.array([[[9.0, 9.0, 1.0], [1.0, 1.0, -1.0], [0.5**0.5] * 2 + [-0.1], [0.0] * 3]], np.float32)])

    np.testing.assert_allclose(discrete.pitch.position, continuous.pitch.position, atol=1e-7)
    np.testing.assert_allclose(discrete.pitch.ball_velocity, continuous.pitch.ball_velocity, atol=1e-6)


def test_half_a_kick_is_half_as_fast() -> None:
    world = laid_out((0.0, 0.0), (-0.3, 0.0), *AWAY[1:], action="continuous")
    world.step([np.array([[[0.0, 0.0, 0.5], *[[0.0] * 3] * 3]], np.float32)])

    assert world.pitch.ball_velocity[0, 0] == pytest.approx(0.5 * rules.KICK_SPEED * rules.BALL_KEEPS**2)


# Goals, rewards, endings


@pytest.mark.parametrize(("way", "paid"), [(1.0, 1.0), (-1.0, -1.0)], ids=["blue", "orange"])
def test_a_goal_pays_its_side_and_costs_the_other(way: float, paid: float) -> None:
    world = laid_out((way * 1.9, 0.1), flies=(way * 3.0, 0.0))
    step(world)
    out = world.outputs

    assert out.rewards[0].tolist() == [[paid, paid, -paid, -paid]]
    assert out.outcomes.tolist() == [[paid, -paid]]
    assert (out.metrics["goals_blue"][0], out.metrics["goals_orange"][0]) == ((1.0, 0.0) if paid > 0 else (0.0, 1.0))
    assert not out.ended[0]


@pytest.mark.parametrize("beside", [-1.0, 1.0])
def test_a_ball_beside_the_goal_comes_back(beside: float) -> None:
    world = laid_out((1.9, beside * (rules.GOAL_HALF_WIDTH + 0.01)), flies=(3.0, 0.0))
    step(world)

    assert world.outputs.rewards[0].tolist() == [[0.0] * 4]
    assert world.pitch.ball_velocity[0, 0] < -1.0


def test_a_match_ends_with_the_last_goal_it_takes() -> None:
    world = laid_out((1.9, 0.0), flies=(3.0, 0.0), goals_to_win=1)
    step(world)
    out = world.outputs

    assert out.ended.tolist() == [True]
    assert out.terminations[0].all()
    assert not out.truncations[0].any()


def test_a_match_without_a_goal_ends_drawn_when_time_is_up() -> None:
    """Time is part of the game, since players see how much is left: it terminates."""
    world = soccer(max_steps=3)
    left = []
    for _ in range(3):
        left.append(float(world.outputs.obs[0]["vector"][0, 0, TIME]))
        step(world)

    assert left == pytest.approx([1.0, 2 / 3, 1 / 3])
    assert world.outputs.terminations[0].all()
    assert world.outputs.outcomes.tolist() == [[0.0, 0.0]]


def test_shaping_pays_what_the_position_has_gained_and_no_more() -> None:
    """Over any way from one position to another it is their difference, so going in circles earns nothing."""
    world = soccer(100, shaping=2.0)
    first, paid = world._promise.copy(), np.zeros(100)
    running = np.ones(100, bool)
    for actions in wander(world, 30):
        world.step([actions])
        running &= world.pitch.scored == 0
        paid += world.outputs.rewards[0][:, 0]

    np.testing.assert_allclose(paid[running], 2.0 * (world._promise - first)[running], atol=1e-5)
    assert abs(paid[running]).max() > 0.1


def test_shaping_likes_the_ball_near_the_goal_and_a_player_near_the_ball() -> None:
    """What is good for one side costs the other."""
    behind = (-0.3, 0.0), (-1.8, -0.8), (1.8, 0.8), (1.8, -0.8)
    near, far = laid_out((0.0, 0.0), *behind, shaping=1.0), laid_out((0.0, 0.0), *AWAY, shaping=1.0)
    for world in (near, far):
        step(world)
        world.pitch.ball_velocity[0] = 3.0, 0.0
        before = world._promise[0]
        step(world)

        assert world.outputs.rewards[0][0, 0] == pytest.approx(world._promise[0] - before)
        assert world.outputs.rewards[0].sum() == 0.0
        assert world.outputs.rewards[0][0, 0] > 0.0
    assert near._promise[0] > far._promise[0]


def test_without_shaping_only_goals_pay() -> None:
    world = soccer(100, shaping=0.0)
    for actions in wander(world, 100):
        world.step([actions])

        np.testing.assert_array_equal(world.outputs.rewards[0][:, 0], world.pitch.scored)


# Metrics


def test_a_ball_that_rolls_from_mate_to_mate_is_a_pass() -> None:
    """On half the way it is none, and neither is one that an opponent gets."""
    for places, passes in (
        (((-0.6, 0.0), (0.8, 0.0), (1.8, 0.8), (1.8, -0.8)), 1.0),
        (((-0.6, 0.0), (-0.1, 0.0), (1.8, 0.8), (1.8, -0.8)), 0.0),
        (((-0.6, 0.0), (-1.8, 0.8), (0.8, 0.0), (1.8, -0.8)), 0.0),
    ):
        world = laid_out((-0.35, 0.0), *places)
        step(world, KICK, STAY, STAY, STAY)
        for _ in range(10):
            step(world)

        assert world.outputs.metrics["passes"].tolist() == [passes]


def test_possession_is_the_share_of_the_time_with_the_ball_touched_last() -> None:
    """Blue kicks at once, and the ball gets to orange after some ticks; before anybody has it, it is half."""
    world = laid_out((-0.35, 0.0), (-0.6, 0.0), (-1.8, 0.8), (0.6, 0.0), (1.8, -0.8))
    assert soccer().outputs.metrics["possession"].tolist() == [0.0]
    owners = []
    step(world, KICK, STAY, STAY, STAY)
    owners.append(world.pitch.owner[0])
    for _ in range(9):
        step(world)
        owners.append(world.pitch.owner[0])

    assert {0, 2} == set(owners)
    assert world.outputs.metrics["possession"][0] == pytest.approx(owners.count(0) / 10)


# What players see


def test_obs_is_in_the_players_own_frame() -> None:
    """Half the length of a pitch of two a side is 2 m."""
    world = laid_out((1.0, 0.5), (0.0, 0.5), (-1.0, 0.0), (0.8, 1.0), (1.0, -1.0), flies=(1.0, 0.0))
    world.pitch.goals[0] = 1, 0
    world._observe(np.ones(1, bool))
    blue, orange = world.outputs.obs[0]["vector"][0, [0, 2]]
    length = math.hypot(1.0, 0.5)

    assert blue[PLACE : PLACE + 2].tolist() == [0.0, 0.25]
    assert blue[BALL : BALL + 2].tolist() == [0.5, 0.0]
    assert blue[BALL_VELOCITY : BALL_VELOCITY + 2].tolist() == [1.0, 0.0]
    assert blue[TO_GOAL : TO_GOAL + 2].tolist() == pytest.approx([1.0 / length, -0.5 / length])
    assert blue[OTHERS : OTHERS + 2].tolist() == [-0.5, -0.25]
    assert blue[SCORE : SCORE + 2].tolist() == [0.5, 0.0]
    assert orange[PLACE : PLACE + 2].tolist() == pytest.approx([-0.4, -0.5])
    assert orange[BALL : BALL + 2].tolist() == pytest.approx([-0.1, 0.25])
    assert orange[BALL_VELOCITY : BALL_VELOCITY + 2].tolist() == [-1.0, 0.0]
    assert orange[SCORE : SCORE + 2].tolist() == [0.0, 0.5]


# Settings


def test_the_preset_anneals_the_shaping() -> None:
    """At the end of the budget little of it is left."""
    first, *_, last = preset("soccer").params["shaping"]

    assert set(preset("soccer").params) <= set(make_world("soccer").spec.params)
    assert 0.0 <= last < first


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"team_size": 0}, "team_size must be from 1 to 5, got 0"),
        ({"team_size": 6}, "team_size must be from 1 to 5, got 6"),
        ({"action": "multi_discrete"}, "action must be 'discrete' or 'continuous'"),
        ({"max_steps": 0}, "max_steps must be at least 1"),
        ({"goals_to_win": 0}, "goals_to_win must be from 1 to 100"),
    ],
)
def test_settings_that_cannot_be_are_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_world("soccer", **config)


def test_an_action_that_is_none_is_refused_by_the_name_of_its_player() -> None:
    for action, actions in (
        ("discrete", np.array([[0, 0, 18, 0]])),
        ("continuous", np.array([[[0.0] * 3, [0.0] * 3, [0.0, np.nan, 0.0], [0.0] * 3]], np.float32)),
    ):
        world = soccer(action=action)

        with pytest.raises(WorldError, match="orange_0"):
            world.step([actions])
        assert world.pitch.tick[0] == 0


# The picture


def test_the_picture_shows_players_in_their_colours_with_numbers_the_ball_and_the_score() -> None:
    world = laid_out((0.0, 0.0), (-0.3, 0.0), *AWAY[1:])
    step(world, KICK + 1, STAY, STAY, STAY)
    scene = world.scene(0)
    drawn = {primitive.key: primitive for primitive in scene.primitives}

    assert len(drawn) == len(scene.primitives)
    assert [drawn[f"{team}_{i}"].team for team in ("blue", "orange") for i in range(2)] == [0, 0, 1, 1]
    assert isinstance(drawn["orange_1"], Disc)
    assert drawn["orange_1"].label == "1"
    assert isinstance(drawn["nose_blue_0"], Line)
    assert drawn["nose_blue_0"].x2 > drawn["nose_blue_0"].x
    assert isinstance(drawn["kick_blue_0"], Disc)
    assert {"ball_1", "goal_blue", "goal_orange"} <= drawn.keys()
    assert [drawn[f"score_{team}"].text for team in ("blue", "orange")] == ["0", "0"]
    assert drawn["time"].text == "29.9 s"
    assert scene.caption == "blue has the ball"


def test_the_picture_tells_of_a_goal_for_a_second() -> None:
    """The ball gets another key, so that it does not fly back into the middle."""
    world = laid_out((1.9, 0.0), flies=(3.0, 0.0))
    step(world)
    scene = world.scene(0)

    assert scene.caption == "goal!"
    assert "ball_2" in {primitive.key for primitive in scene.primitives}
    for _ in range(10):
        step(world)
    assert world.scene(0).caption != "goal!"
