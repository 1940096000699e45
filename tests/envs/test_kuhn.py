"""Kuhn poker: the kernel keeps the rules, the tree says the same, and its exact values are the published ones."""

from collections.abc import Iterator

import numpy as np
import pytest

from marl_ppo.envs import make_world
from marl_ppo.envs.kuhn.tree import CARDS, ROOT, KuhnNode
from marl_ppo.envs.kuhn.world import Kuhn
from marl_ppo.errors import WorldError
from marl_ppo.evaluation.exact import expected_payoffs, information_sets, nash_conv

TABLES = 64
"""enough tables for every one of the six deals"""


def dealt_world() -> tuple[Kuhn, list[str]]:
    """A fresh world and the cards at each table as the tree names them, read from the two players' obs."""
    world = make_world("kuhn", num_envs=TABLES)
    assert isinstance(world, Kuhn)
    obs = world.reset(np.arange(TABLES, dtype=np.uint64)).obs[0]["vector"]
    return world, ["".join(CARDS[card] for card in cards) for cards in obs[:, :, :3].argmax(axis=2)]


def histories() -> Iterator[str]:
    """The five ways a hand can go."""
    open_ones = [KuhnNode("JQ")]
    while open_ones:
        node = open_ones.pop()
        if node.payoffs is not None:
            yield node.history
        else:
            open_ones.extend(node.children.values())


def strategy_of(bet: dict[str, float]) -> dict[str, tuple[float, float]]:
    """Probabilities of pass and bet from the probability to bet, where one letter ("J") stands for a whole history."""
    return {str(key): (1.0 - bet[str(key)], bet[str(key)]) for key in information_sets(ROOT)}


def equilibrium(alpha: float) -> dict[str, float]:
    """Kuhn's equilibrium family, alpha in [0, 1/3]: probabilities to bet or call."""
    opening = {"J": alpha, "Q": 0.0, "K": 3.0 * alpha}
    facing_a_bet_after_checking = {"Jpb": 0.0, "Qpb": alpha + 1.0 / 3.0, "Kpb": 1.0}
    after_a_check = {"Jp": 1.0 / 3.0, "Qp": 0.0, "Kp": 1.0}
    facing_a_bet = {"Jb": 0.0, "Qb": 1.0 / 3.0, "Kb": 1.0}
    return opening | facing_a_bet_after_checking | after_a_check | facing_a_bet


def always(probability: float) -> dict[str, float]:
    return dict.fromkeys(map(str, information_sets(ROOT)), probability)


def test_all_six_deals_come_up_equally_often() -> None:
    """3000 tables, 500 expected of each deal with a standard deviation of 20; the seeds are fixed."""
    world = make_world("kuhn", num_envs=3000)
    obs = world.reset(np.arange(3000, dtype=np.uint64)).obs[0]["vector"]
    deals, counts = np.unique(obs[:, :, :3].argmax(axis=2), axis=0, return_counts=True)

    assert len(deals) == 6
    assert counts.min() > 420
    assert counts.max() < 580


@pytest.mark.parametrize("history", sorted(histories()))
def test_kernel_and_tree_agree_along_every_history(history: str) -> None:
    """At each move: who acts and what that player sees; at the end: both pay-offs, for every deal."""
    world, cards = dealt_world()
    assert set(cards) == {child.cards for _, child in ROOT.chance}
    for i, move in enumerate(history):
        nodes = [KuhnNode(deal, history[:i]) for deal in cards]
        player = nodes[0].player
        out = world.outputs

        assert out.acting[0].tolist() == [[player == 0, player == 1]] * TABLES
        np.testing.assert_array_equal(out.obs[0]["vector"][:, player], np.stack([node.obs for node in nodes]))
        assert not out.ended.any()
        world.step([np.full((TABLES, 2), "pb".index(move))])

    payoffs = [KuhnNode(deal, history).payoffs for deal in cards]
    np.testing.assert_array_equal(world.outputs.rewards[0], np.array(payoffs, np.float32))
    np.testing.assert_array_equal(world.outputs.outcomes, np.array(payoffs))
    assert world.outputs.ended.all()
    assert world.outputs.terminations[0].all()


def test_no_obs_tells_the_opponents_card() -> None:
    """player_0 with a jack sees the same whether player_1 holds the queen or the king."""
    world, cards = dealt_world()
    obs = world.outputs.obs[0]["vector"][:, 0]

    np.testing.assert_array_equal(obs[cards.index("JQ")], obs[cards.index("JK")])


def test_state_tells_both_cards_and_all_moves() -> None:
    world, _ = dealt_world()
    before = len(np.unique(world.outputs.state, axis=0))
    world.step([np.ones((TABLES, 2), np.int64)])
    after_a_bet = world.outputs.state.copy()

    assert before == 6
    assert (after_a_bet[:, 6:] == [0, 1, 0, 0, 0, 0]).all()


def test_the_action_of_the_player_who_waits_is_not_read() -> None:
    """player_0 passes, player_1's simultaneous bet does not count, player_1 passes: a showdown for 1, not for 2."""
    world, _ = dealt_world()
    world.step([np.tile([0, 1], (TABLES, 1))])
    world.step([np.tile([1, 0], (TABLES, 1))])

    assert (np.abs(world.outputs.rewards[0]) == 1).all()
    assert (world.outputs.metrics["bets"] == 0).all()
    assert (world.outputs.metrics["showdown"] == 1).all()


def test_an_action_that_is_no_move_is_refused() -> None:
    world, _ = dealt_world()

    with pytest.raises(WorldError, match=r"player_0 of copy 0 chose 7, not in Discrete\(2\)"):
        world.step([np.full((TABLES, 2), 7)])


def test_tree_has_six_information_sets_per_player() -> None:
    players = [node.player for node in information_sets(ROOT).values()]

    assert sorted(players) == [0] * 6 + [1] * 6


def test_obs_and_information_sets_distinguish_the_same_nodes() -> None:
    """Otherwise a network could not play every strategy, or could play one that nobody can."""
    shown = {tuple(node.obs.tolist()) for node in information_sets(ROOT).values()}

    assert len(shown) == 12


def test_uniform_play_pays_player_0_an_eighth() -> None:
    np.testing.assert_allclose(expected_payoffs(ROOT, strategy_of(always(0.5))), [0.125, -0.125], atol=1e-12)


@pytest.mark.parametrize(
    ("bet", "wanted"), [(0.5, 0.9166667), (0.0, 2.0), (1.0, 0.6666667)], ids=["uniform", "always pass", "always bet"]
)
def test_nash_conv_of_constant_strategies(bet: float, wanted: float) -> None:
    assert nash_conv(ROOT, strategy_of(always(bet))) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 0.1, 1.0 / 3.0])
def test_equilibrium_family_cannot_be_exploited(alpha: float) -> None:
    """NashConv 0, and player_0 loses 1/18 a hand."""
    strategy = strategy_of(equilibrium(alpha))

    assert nash_conv(ROOT, strategy) == pytest.approx(0.0, abs=1e-9)
    assert expected_payoffs(ROOT, strategy)[0] == pytest.approx(-1.0 / 18.0, abs=1e-9)


def test_bluffing_too_often_can_be_exploited_by_an_eighteenth() -> None:
    """The jack bets with 1/2 where alpha = 1/3 is the most that the equilibrium allows."""
    strategy = strategy_of(equilibrium(1.0 / 3.0) | {"J": 0.5})

    assert nash_conv(ROOT, strategy) == pytest.approx(1.0 / 18.0, abs=1e-9)


def test_scene_shows_cards_chips_and_moves() -> None:
    world, cards = dealt_world()
    world.step([np.ones((TABLES, 2), np.int64)])
    scene = world.scene(0)
    keys = [primitive.key for primitive in scene.primitives]

    assert scene.caption == "player_0 bet"
    assert keys.count("chip_0_1") == 1
    assert "chip_1_1" not in keys
    assert [p.label for p in scene.primitives if p.key.startswith("card_")] == list(cards[0])  # type: ignore[union-attr]
