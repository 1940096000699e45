"""The duel: the contract, the rules on small positions, symmetry, what each side sees, the script's level."""

import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from marl_ppo_duel import observe, rules
from marl_ppo_duel.rules import AMMO, BACK, FIRE, FORWARD, GUARD, LEFT, LIVES, MARGIN, NOBODY, RIGHT, STAY, Board
from marl_ppo_duel.world import Duel

from marl_ppo.envs import make_world
from marl_ppo.envs.conformance import Check, checks_for, episode_hash
from marl_ppo.envs.controls import Keys
from marl_ppo.envs.scene import Disc, Line, Sprite
from marl_ppo.envs.world import Array, Outputs
from marl_ppo.errors import ConfigError
from marl_ppo.evaluation.evaluate import evaluate
from marl_ppo.evaluation.statistics import wilson_interval
from marl_ppo.training.config_file import preset
from marl_ppo.training.players import find_player

SIZE = 9
BLUE, ORANGE = 0, 1
UP, EAST, DOWN, WEST = range(4)


def position(
    blue: tuple[int, int],
    orange: tuple[int, int],
    facing: tuple[int, int] = (UP, DOWN),
    pillars: tuple[tuple[int, int], ...] = (),
) -> Board:
    """One copy, set up by hand."""
    board = rules.empty_board(1, SIZE)
    board.cell[0] = blue, orange
    board.facing[0] = facing
    for x, y in pillars:
        board.wall[0, MARGIN + y, MARGIN + x] = True
    rules.look(board)
    return board


def play(board: Board, *moves: tuple[int, int], shaping: float = 0.0, max_steps: int = 100) -> tuple[float, float, bool]:
    """Steps with (blue's, orange's) actions in their own frames; the last step's rewards, and whether it ended the duel."""
    rewards, ended = np.zeros((1, 2), np.float32), np.zeros(1, bool)
    for move in moves:
        rules.advance(board, np.array([move]), np.array([shaping]), max_steps, rewards, ended)
    return float(rewards[0, BLUE]), float(rewards[0, ORANGE]), bool(ended[0])


def cells(board: Board) -> list[tuple[int, int]]:
    return [tuple(cell) for cell in board.cell[0].tolist()]


@pytest.mark.parametrize("size", [7, 9, 15])
@pytest.mark.parametrize("check", checks_for(Duel().spec), ids=lambda check: check.__name__)
def test_the_world_keeps_the_contract(check: Check, size: int) -> None:
    check(lambda num_envs: Duel(num_envs=num_envs, size=size))


def test_kernels_tell_the_same_uncompiled() -> None:
    """Plain Python follows the same rules of arithmetic, so a difference is a bug that the compiler hides or makes."""
    program = (
        "from marl_ppo.envs.conformance import episode_hash\n"
        "from marl_ppo_duel.world import Duel\n"
        "print(episode_hash(lambda num_envs: Duel(num_envs=num_envs)))"
    )
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    uncompiled = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], env=environment, capture_output=True, text=True, check=True
    )

    assert uncompiled.stdout.strip() == episode_hash(lambda num_envs: Duel(num_envs=num_envs))


@pytest.mark.parametrize("size", [5, 8, 17])
def test_a_board_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ConfigError, match=f"size must be odd and from 7 to 15, got {size}"):
        make_world("duel", size=size)


def test_a_duelist_walks_and_looks_where_it_goes_in_its_own_frame() -> None:
    """Forward is up for blue and down for orange; right is east for blue and west for orange."""
    board = position((1, 1), (7, 7))
    play(board, (FORWARD, FORWARD), (RIGHT, RIGHT))

    assert cells(board) == [(2, 2), (6, 6)]
    assert board.facing[0].tolist() == [EAST, WEST]


def test_walls_and_the_edge_stop_a_step_but_not_the_turn() -> None:
    board = position((0, 0), (7, 7), pillars=((7, 6),))
    play(board, (LEFT, FORWARD))

    assert cells(board) == [(0, 0), (7, 7)]
    assert board.facing[0].tolist() == [WEST, DOWN]


@pytest.mark.parametrize(
    ("orange", "moves"),
    [((4, 6), (FORWARD, FORWARD)), ((4, 5), (FORWARD, FORWARD)), ((4, 5), (FORWARD, STAY))],
    ids=["both want one cell", "they would swap", "the other stays there"],
)
def test_nobody_walks_into_the_other(orange: tuple[int, int], moves: tuple[int, int]) -> None:
    board = position((4, 4), orange)
    play(board, moves)

    assert cells(board) == [(4, 4), orange]


def test_a_duelist_may_step_to_where_the_other_just_left() -> None:
    board = position((4, 4), (4, 5))
    play(board, (FORWARD, BACK))

    assert cells(board) == [(4, 5), (4, 6)]


@pytest.mark.parametrize(("distance", "reward"), [(1, 1.0), (4, 1.0), (5, 0.0)])
def test_a_shot_takes_a_life_within_four_cells(distance: int, reward: float) -> None:
    board = position((2, 1), (2, 1 + distance))

    assert play(board, (FIRE, STAY)) == (reward, -reward, False)
    assert board.lives[0].tolist() == [LIVES, LIVES - int(reward)]
    assert board.ammo[0].tolist() == [1, 2]
    assert board.flight[0].tolist() == [min(distance, 4), NOBODY]


def test_a_pillar_stops_a_shot() -> None:
    board = position((2, 1), (2, 4), pillars=((2, 3),))

    assert play(board, (FIRE, STAY)) == (0.0, 0.0, False)
    assert board.flight[0, BLUE] == 1


def test_a_shot_is_faster_than_a_sidestep() -> None:
    """Firing comes before walking: who stands in the line of fire can guard or fire back, but not leave in time."""
    assert play(position((2, 1), (2, 4)), (FIRE, LEFT)) == (1.0, -1.0, False)
    assert play(position((2, 1), (1, 4)), (FIRE, LEFT)) == (0.0, 0.0, False)


def test_shots_that_meet_are_gone() -> None:
    board = position((2, 1), (2, 4))

    assert play(board, (FIRE, FIRE)) == (0.0, 0.0, False)
    assert board.lives[0].tolist() == [LIVES, LIVES]
    assert board.ammo[0].tolist() == [1, 1]


def test_a_shot_from_the_side_hits_one_who_fires_elsewhere() -> None:
    assert play(position((2, 1), (2, 4), facing=(UP, WEST)), (FIRE, FIRE)) == (1.0, -1.0, False)


def test_a_guard_catches_the_round() -> None:
    board = position((2, 1), (2, 4))

    assert play(board, (FIRE, GUARD)) == (0.0, 0.0, False)
    assert board.ammo[0].tolist() == [1, AMMO]
    assert board.tally[0].tolist() == [[1, 0, 1], [0, 0, 0]]


def test_a_guard_cannot_be_raised_in_the_three_steps_after() -> None:
    """Wait, then fire: a guard raised too early loses to patience."""
    for steps_between, reward in ((2, 1.0), (3, 0.0)):
        board = position((2, 1), (2, 4))
        play(board, (STAY, GUARD), *[(STAY, STAY)] * steps_between)

        assert play(board, (FIRE, GUARD))[0] == reward


def test_a_weapon_is_not_ready_in_the_two_steps_after_a_shot() -> None:
    for steps_between, lives in ((1, LIVES - 1), (2, LIVES - 2)):
        board = position((2, 1), (2, 4))
        play(board, (FIRE, STAY), *[(STAY, STAY)] * steps_between, (FIRE, STAY))

        assert board.lives[0, ORANGE] == lives


def test_without_ammunition_a_shot_is_a_stay() -> None:
    board = position((2, 1), (2, 4))
    board.ammo[0, BLUE] = 0

    assert play(board, (FIRE, STAY)) == (0.0, 0.0, False)
    assert board.tally[0].sum() == 0


def test_a_depot_fills_who_can_carry_more_and_is_empty_for_fifteen_steps() -> None:
    board = position((1, 4), (7, 7))  # empty_board has depots at (0, 4) and (8, 4)
    play(board, (LEFT, STAY))
    filled = board.ammo[0, BLUE], board.depot_wait[0].tolist()
    board.ammo[0, BLUE] = 0
    play(board, *[(STAY, STAY)] * 15)
    still_empty = board.ammo[0, BLUE]
    play(board, (STAY, STAY))

    assert filled == (AMMO, [15, 0])
    assert (still_empty, board.ammo[0, BLUE]) == (0, AMMO)


def test_who_carries_all_it_can_leaves_a_depot_full() -> None:
    board = position((1, 4), (7, 7))
    board.ammo[0, BLUE] = AMMO
    play(board, (LEFT, STAY))

    assert board.depot_wait[0].tolist() == [0, 0]


def test_the_last_life_ends_the_duel_with_a_bonus() -> None:
    """1 for the life and 1 for the duel."""
    board = position((2, 1), (2, 4))
    board.lives[0, ORANGE] = 1

    assert play(board, (FIRE, STAY)) == (2.0, -2.0, True)


def test_at_the_step_limit_the_lead_wins_and_equality_is_a_draw() -> None:
    board, even = position((0, 0), (8, 8)), position((0, 0), (8, 8))
    board.lives[0, BLUE] = 1

    assert play(board, (STAY, STAY), max_steps=1) == (-1.0, 1.0, True)
    assert play(even, (STAY, STAY), max_steps=1) == (0.0, 0.0, True)


def test_equal_lives_are_decided_by_the_longer_reign() -> None:
    """A step on the throne pays 0.03 and here the win; lives count first."""
    even, behind = position((4, 3), (8, 8)), position((4, 3), (8, 8))
    behind.lives[0, BLUE] = 1

    assert play(even, (FORWARD, STAY), max_steps=1) == (pytest.approx(1.03), pytest.approx(-1.03), True)
    assert play(behind, (FORWARD, STAY), max_steps=1)[0] == pytest.approx(-0.97)
    assert even.reign[0].tolist() == [1, 0]


def test_shaping_pays_for_aiming_and_takes_it_back() -> None:
    board = position((2, 1), (3, 4), facing=(UP, EAST))
    gained = play(board, (STAY, RIGHT), shaping=0.5)
    lost = play(board, (STAY, LEFT), shaping=0.5)

    assert gained == (0.5, -0.5, False)
    assert lost == (-0.5, 0.5, False)


def random_play(world: Duel, seeds: Array, swap: bool = False, **params: float) -> Iterator[Outputs]:
    """Whole duels with uniform actions, which `swap` gives to the other side each; outputs after the reset and every step."""
    rng = np.random.default_rng(0)
    yield world.reset(seeds, params=params)
    for _ in range(world.spec.max_steps or 0):
        actions = rng.integers(0, 7, (world.num_envs, 2))
        outputs = world.step([actions[:, ::-1].copy() if swap else actions])
        yield outputs
        world.reset(seeds, where=outputs.ended, params=params)


def test_swapping_the_sides_swaps_all_that_comes_of_it() -> None:
    """The boards look alike from either side, so what the one sees and gets is what the other would have."""
    seeds = np.arange(200, dtype=np.uint64)
    plain, swapped = Duel(num_envs=200), Duel(num_envs=200)
    hits = 0.0
    for mine, other in zip(random_play(plain, seeds), random_play(swapped, seeds, swap=True), strict=True):
        for name in ("obs", "action_mask", "rewards"):
            ours, theirs = getattr(mine, name)[0], getattr(other, name)[0]
            ours, theirs = (ours["vector"], theirs["vector"]) if name == "obs" else (ours, theirs)
            np.testing.assert_array_equal(ours, theirs[:, ::-1])
        np.testing.assert_array_equal(mine.outcomes, other.outcomes[:, ::-1])
        hits += float(np.abs(mine.rewards[0]).sum())

    assert hits > 0


def test_shaping_never_changes_the_return_of_an_episode() -> None:
    """Though it does change rewards on the way."""
    returns, paid = [], []
    for shaping in (0.0, 1.0):
        told = [
            (outputs.rewards[0].copy(), outputs.ended.copy())
            for outputs in random_play(Duel(num_envs=200), np.arange(200, dtype=np.uint64), shaping=shaping)
        ]
        rewards, ended = (np.array(part) for part in zip(*told, strict=True))
        in_first_episode = ended.cumsum(axis=0) - ended == 0
        paid.append(rewards)
        returns.append((rewards * in_first_episode[..., None]).sum(axis=0))

    assert (paid[0] != paid[1]).any()
    np.testing.assert_allclose(returns[0], returns[1], atol=1e-6)  # float32 sums


@pytest.mark.parametrize("size", [7, 9, 15])
def test_every_board_looks_alike_from_both_sides_and_has_no_closed_cells(size: int) -> None:
    world = Duel(num_envs=300, size=size)
    world.reset(np.arange(300, dtype=np.uint64))
    inside = world.board.wall[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
    free = ~inside[:, 1:-1, 1:-1]
    touching = [(inside & np.roll(inside, (dy, dx), axis=(1, 2))).any() for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1))]

    np.testing.assert_array_equal(inside, inside[:, ::-1, ::-1])
    np.testing.assert_array_equal(world.board.cell[:, BLUE], size - 1 - world.board.cell[:, ORANGE])
    np.testing.assert_array_equal(world.board.depot[:, 0], size - 1 - world.board.depot[:, 1])
    assert not any(touching)
    assert (free.sum(axis=(1, 2)) < (size - 2) ** 2).all()
    assert not inside[np.arange(300), world.board.depot[:, 0, 1], world.board.depot[:, 0, 0]].any()


def seen(board: Board) -> tuple[Array, Array]:
    """Obs [2, O] and masks [2, K] of one copy."""
    obs, mask = np.zeros((1, 2, observe.OBS_SIZE), np.float32), np.zeros((1, 2, rules.NUM_ACTIONS), bool)
    observe.observe(np.ones(1, bool), board, 100, np.zeros(1, bool), obs, mask)
    return obs[0], mask[0]


def test_obs_tell_the_position_in_the_own_frame() -> None:
    """Blue at (2, 1) looks east, orange two cells above it looks down at it; a pillar is on blue's left."""
    board = position((2, 1), (2, 3), facing=(EAST, DOWN), pillars=((1, 1),))
    board.lives[0, ORANGE], board.depot_wait[0, 1], board.reign[0] = 1, 15, (4, 1)
    obs, _ = seen(board)
    blue, orange = obs
    walls = blue[observe.WALLS :].reshape(observe.VIEW, observe.VIEW)

    assert blue[:4].tolist() == [2 / 8, 1 / 8, 0.0, 2 / 8]
    assert orange[:4].tolist() == [6 / 8, 5 / 8, 0.0, 2 / 8]
    assert blue[observe.FACING : observe.OWN].tolist() == [0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0.75]
    assert orange[observe.FACING : observe.OWN].tolist() == [1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0.75]
    np.testing.assert_allclose(blue[observe.OWN : observe.DEPOTS], [1, 2 / 3, 0, 0, 1 / 3, 2 / 3, 0, 0], rtol=1e-6)
    assert blue[observe.DEPOTS : observe.TIME].tolist() == [-2 / 8, 3 / 8, 0, 6 / 8, 3 / 8, 1]
    assert blue[[observe.TIME, observe.REIGN]].tolist() == [1, pytest.approx(0.03)]
    assert walls[0].all(), "under the board"
    assert walls[1].all(), "under the board"
    assert walls[3].tolist() == [1, 0, 1, 0, 0, 0, 0], "the edge, a free cell, the pillar, and blue in the middle"


def test_masks_allow_what_can_be_done_now() -> None:
    board = position((2, 1), (2, 4))
    play(board, (FIRE, GUARD))
    _, mask = seen(board)

    assert np.flatnonzero(~mask[BLUE]).tolist() == [FIRE]
    assert np.flatnonzero(~mask[ORANGE]).tolist() == [GUARD]


def test_metrics_and_outcomes_tell_the_score() -> None:
    world = Duel()
    world.reset(np.zeros(1, np.uint64))
    world.board.cell[0] = (0, 0), (0, 2)
    rules.look(world.board)
    outputs = world.step([np.array([[FIRE, STAY]])])

    assert {name: float(value[0]) for name, value in outputs.metrics.items()} == {
        "hits": 1.0,
        "accuracy": 1.0,
        "caught": 0.0,
        "draw": 0.0,
    }
    assert outputs.outcomes.tolist() == [[1.0, -1.0]]


def test_the_scene_shows_who_fired_at_whom() -> None:
    world = Duel()
    world.reset(np.zeros(1, np.uint64))
    world.board.cell[0] = (0, 0), (0, 2)
    rules.look(world.board)
    world.step([np.array([[FIRE, STAY]])])
    shapes = {primitive.key: primitive for primitive in world.scene(0).primitives}
    shot, blue = shapes["shot_blue"], shapes["duelist_0"]

    assert isinstance(shot, Line)
    assert (shot.x, shot.y, shot.x2, shot.y2) == (0.5, 0.5, 0.5, 2.5)
    assert isinstance(blue, Sprite)
    assert blue.heading_rad == pytest.approx(np.pi / 2)
    assert [isinstance(life, Disc) and life.filled for life in (shapes[f"life_orange_{i}"] for i in range(3))] == [
        True,
        True,
        False,
    ]
    assert world.scene(0).caption == "blue's shot hits"


@pytest.mark.parametrize("team", [BLUE, ORANGE])
def test_the_script_beats_random_play_from_both_sides(team: int) -> None:
    """Wins of 500 duels, lower end of the 95 % interval."""
    world = make_world("duel", num_envs=250)
    lineup = [find_player("scripted" if t == team else "random", world.spec) for t in range(2)]
    result = evaluate(world, lineup, episodes=500)
    won = int((result.outcomes[:, team] > 0).sum())

    assert wilson_interval(won, 500)[0] > 0.9


def test_the_preset_is_settings_for_this_world() -> None:
    assert preset("duel").world == "duel"


@pytest.mark.parametrize(("agent", "walk"), [("duelist_0", FORWARD), ("duelist_1", BACK)])
def test_up_walks_up_the_picture_and_what_cannot_be_done_now_is_not(agent: str, walk: int) -> None:
    """A person holds up and space: fires if there is a round, else walks."""
    steering = Duel().controls(agent)
    keys = Keys(held=frozenset({"up", "space"}), pressed=("up", "space"))
    may, may_not = np.ones(rules.NUM_ACTIONS, bool), np.arange(rules.NUM_ACTIONS) != FIRE

    assert (steering.act(keys, may), steering.act(keys, may_not)) == (FIRE, walk)
