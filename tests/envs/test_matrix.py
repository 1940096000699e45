"""Matrix games: the kernel pays what the tables say, the tree says the same, and neither tells a move too early."""

import itertools
from typing import Any

import numpy as np
import pytest

from marl_ppo.agents.scripted import scripted_policy
from marl_ppo.envs import make_world
from marl_ppo.envs.matrix.tree import MatrixNode
from marl_ppo.envs.tree import root_of, worlds_with_tree
from marl_ppo.errors import ConfigError, UnknownNameError, WorldError
from marl_ppo.evaluation.evaluate import evaluate
from marl_ppo.evaluation.exact import expected_payoffs, information_sets, nash_conv
from marl_ppo.play.seating import Player

GAMES = ("rps", "weighted_rps", "climbing", "penalty", "levers")


def constant(world_id: str, *mix: float, rounds: int = 1) -> dict[Any, tuple[float, ...]]:
    """Both players draw each of their moves from `mix`."""
    return dict.fromkeys(information_sets(root_of(world_id, rounds=rounds)), mix)


@pytest.mark.parametrize("rounds", [1, 2])
@pytest.mark.parametrize("world_id", GAMES)
def test_kernel_and_tree_agree_along_every_history(world_id: str, rounds: int) -> None:
    """One copy for each way to play: what both see before each round, and what they have been paid at the end."""
    root = root_of(world_id, rounds=rounds)
    assert isinstance(root, MatrixNode)
    choices = range(len(root.game.moves))
    histories = np.array(list(itertools.product(choices, repeat=2 * rounds)))
    world = make_world(world_id, num_envs=len(histories), rounds=rounds)
    world.reset(np.zeros(len(histories), np.uint64))
    paid = np.zeros((len(histories), 2))
    for turn in range(0, 2 * rounds, 2):
        for player in range(2):
            # player_1's node lies one move deeper, of which its obs must not tell.
            nodes = [MatrixNode(root.game, rounds, tuple(moves[: turn + player])) for moves in histories]
            assert nodes[0].player == player
            np.testing.assert_array_equal(world.outputs.obs[0]["vector"][:, player], [node.obs for node in nodes])
        world.step([histories[:, turn : turn + 2]])
        paid += world.outputs.rewards[0]
    ends = [MatrixNode(root.game, rounds, tuple(moves)).payoffs for moves in histories]

    np.testing.assert_array_equal(paid, np.array(ends))
    np.testing.assert_array_equal(world.outputs.outcomes, np.array(ends)[:, : len(world.spec.teams)])
    assert world.outputs.ended.all()


@pytest.mark.parametrize("world_id", GAMES)
def test_player_1_has_one_information_set_whatever_player_0_has_moved(world_id: str) -> None:
    assert list(information_sets(root_of(world_id))) == [(0, ()), (1, ())]


def test_in_later_rounds_both_know_the_rounds_that_are_over() -> None:
    """Each player: 1 information set in the first round and 3 * 3 in the second, and another obs in each."""
    found = information_sets(root_of("rps", rounds=2))
    shown = {(node.player, *node.obs.tolist()) for node in found.values()}

    assert len(found) == len(shown) == 20


def test_only_climbing_tells_its_players_which_seat_they_have() -> None:
    """It is the only game that looks different from the two seats."""
    obs = {world_id: make_world(world_id).reset(np.zeros(1, np.uint64)).obs[0]["vector"][0].tolist() for world_id in GAMES}

    assert obs.pop("climbing") == [[1.0, 0.0], [0.0, 1.0]]
    assert all(seen == [[1.0], [1.0]] for seen in obs.values())


@pytest.mark.parametrize(
    ("mix", "wanted"), [((1 / 3, 1 / 3, 1 / 3), 0.0), ((0.5, 0.25, 0.25), 0.5), ((0.4, 0.3, 0.3), 0.2), ((1, 0, 0), 2.0)]
)
def test_nash_conv_of_rock_paper_scissors(mix: tuple[float, ...], wanted: float) -> None:
    """Against (.5, .25, .25) paper wins .25, on either side."""
    assert nash_conv(root_of("rps"), constant("rps", *mix)) == pytest.approx(wanted)


def test_weighted_rock_paper_scissors_is_at_rest_where_paper_is_played_half_the_time() -> None:
    assert nash_conv(root_of("weighted_rps"), constant("weighted_rps", 0.25, 0.5, 0.25)) == pytest.approx(0.0)
    assert nash_conv(root_of("weighted_rps"), constant("weighted_rps", 1 / 3, 1 / 3, 1 / 3)) == pytest.approx(2 / 3)


@pytest.mark.parametrize(("world_id", "mean"), [("climbing", -31 / 9), ("penalty", -178 / 9), ("levers", 0.5)])
def test_both_are_paid_alike_in_the_games_of_one_team(world_id: str, mean: float) -> None:
    """What moves drawn evenly are paid: the mean of the table."""
    choices = 2 if world_id == "levers" else 3

    payoffs = expected_payoffs(root_of(world_id), constant(world_id, *[1 / choices] * choices))

    assert payoffs.tolist() == pytest.approx([mean, mean])


def test_settings_change_the_table() -> None:
    mild, many = root_of("penalty", k=-1.0), root_of("levers", levers=5)

    assert mild.children[0].children[0].payoffs == (-1.0, -1.0)
    assert len(many.children) == make_world("levers", levers=5).spec.groups[0].action.n == 5


def test_metrics_tell_shares_of_moves_and_of_rounds() -> None:
    """Rock against paper, then rock against rock: of four moves three are rocks, and one of two rounds is decided."""
    world = make_world("rps", rounds=2)
    world.reset(np.zeros(1, np.uint64))
    for moves in ([0, 1], [0, 0]):
        world.step([np.array([moves])])

    assert {name: float(value[0]) for name, value in world.outputs.metrics.items()} == {
        "decided": 0.5,
        "rock": 0.75,
        "paper": 0.25,
        "scissors": 0.0,
    }


def test_metrics_of_a_team_are_its_payoff_and_how_often_it_was_the_best() -> None:
    """11 and then -30: -9.5 on average, the best one in one of two rounds."""
    world = make_world("climbing", rounds=2)
    world.reset(np.zeros(1, np.uint64))
    for moves in ([0, 0], [0, 1]):
        world.step([np.array([moves])])

    assert {name: float(value[0]) for name, value in world.outputs.metrics.items()} == {"payoff": -9.5, "best": 0.5}


@pytest.mark.parametrize(("world_id", "best"), [("climbing", 11.0), ("penalty", 10.0), ("levers", 1.0)])
def test_scripts_make_a_best_pair(world_id: str, best: float) -> None:
    world = make_world(world_id, num_envs=16)
    (group,) = world.spec.groups
    script = Player(name="script", policies=dict.fromkeys(group.agents, scripted_policy(world_id, group, world.spec)))

    assert evaluate(world, [script], episodes=16).summaries()["return/players"].mean == best


@pytest.mark.parametrize(
    ("world_id", "settings", "message"),
    [
        ("rps", {"rounds": 0}, r"rounds must be within \[1, 100\], got 0"),
        ("penalty", {"k": 5.0}, r"k must be within \[-1000000, 0\], got 5.0"),
        ("levers", {"levers": 1}, r"levers must be within \[2, 10\], got 1"),
    ],
)
def test_settings_without_sense_are_refused(world_id: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_world(world_id, **settings)


def test_a_move_that_the_table_does_not_have_is_refused() -> None:
    world = make_world("rps")
    world.reset(np.zeros(1, np.uint64))

    with pytest.raises(WorldError, match=r"player_1 of copy 0 chose 3, not in Discrete\(3\)"):
        world.step([np.array([[0, 3]])])


def test_the_tree_of_a_world_is_found_by_its_name() -> None:
    assert set(GAMES) | {"kuhn"} <= set(worlds_with_tree())
    assert root_of("kuhn").chance


def test_a_world_without_a_tree_is_told_which_ones_have_one() -> None:
    with pytest.raises(ConfigError, match=r"world 'spread' has no game tree; these have one: kuhn, leduc, rps, weighted_rps"):
        root_of("spread")
    with pytest.raises(UnknownNameError, match=r"'kun'. Did you mean 'kuhn'\?"):
        root_of("kun")


def test_scene_fills_the_cell_that_was_played() -> None:
    world = make_world("climbing")
    world.reset(np.zeros(1, np.uint64))
    world.step([np.array([[1, 2]])])
    scene = world.scene(0)
    filled = [box.key for box in scene.primitives if box.key.startswith("cell") and box.filled]  # type: ignore[union-attr]

    assert filled == ["cell_1_2"]
    assert scene.caption == "round 1 of 1, both have +6"
