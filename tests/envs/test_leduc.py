"""Leduc poker: the tree keeps OpenSpiel's rules, and the kernel those of the tree."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest

from marl_ppo.envs import make_world
from marl_ppo.envs.leduc.tree import LeducNode, root
from marl_ppo.envs.leduc.world import Leduc
from marl_ppo.errors import WorldError
from marl_ppo.evaluation.exact import information_sets

TABLES = 1200
"""enough tables for every one of the 120 ways to deal three of six cards"""


@cache
def all_information_sets() -> dict[Any, Any]:
    return information_sets(root())


def dealt_world() -> tuple[Leduc, list[tuple[int, ...]]]:
    """A fresh world and the three cards at each table."""
    world = make_world("leduc", num_envs=TABLES)
    assert isinstance(world, Leduc)
    world.reset(np.arange(TABLES, dtype=np.uint64))
    return world, [tuple(cards) for cards in world.snapshot()["world.cards"].tolist()]


def lines(node: LeducNode) -> Iterator[list[int]]:
    """All ways to bet a hand to its end, as actions; the cards do not matter."""
    if node.payoffs is not None:
        yield []
    elif node.chance:
        yield from lines(node.chance[0][1])
    else:
        for action, child in node.children.items():
            yield from ([action, *rest] for rest in lines(child))


@cache
def at_table(cards: tuple[int, ...], actions: tuple[int, ...]) -> LeducNode:
    """The node where these cards have come and these moves were made."""
    node = LeducNode(cards[:2])
    for action in actions:
        node = node.children[action]
        if node.chance:
            node = next(child for _, child in node.chance if child.cards == cards)
    return node


def test_all_deals_come_up_equally_often() -> None:
    """12,000 tables, 100 expected of each of 120 deals with a standard deviation of 10; the seeds are fixed."""
    world = make_world("leduc", num_envs=12000)
    world.reset(np.arange(12000, dtype=np.uint64))
    deals, counts = np.unique(world.snapshot()["world.cards"], axis=0, return_counts=True)

    assert len(deals) == 120
    assert 60 < counts.min() < counts.max() < 140


@pytest.mark.parametrize("actions", list(lines(LeducNode((0, 1)))), ids=lambda line: "".join("fcr"[a] for a in line))
def test_kernel_and_tree_agree_along_every_line(actions: list[int]) -> None:
    """At each move: who acts, what that player sees and may do; at the end: both pay-offs; for every deal."""
    world, cards = dealt_world()
    for i, action in enumerate(actions):
        nodes = [at_table(deal, tuple(actions[:i])) for deal in cards]
        player, out = nodes[0].player, world.outputs
        assert out.action_mask[0] is not None
        mask = out.action_mask[0][:, player]

        assert out.acting[0].tolist() == [[player == 0, player == 1]] * TABLES
        np.testing.assert_array_equal(out.obs[0]["vector"][:, player], np.stack([node.obs for node in nodes]))
        assert [np.flatnonzero(row).tolist() for row in mask] == [list(node.children) for node in nodes]
        world.step([np.full((TABLES, 2), action)])

    payoffs = [at_table(deal, tuple(actions)).payoffs for deal in cards]
    np.testing.assert_array_equal(world.outputs.rewards[0], np.array(payoffs, np.float32))
    np.testing.assert_array_equal(world.outputs.outcomes, np.array(payoffs))
    assert world.outputs.ended.all()


def test_each_player_has_468_information_sets_and_another_obs_in_each() -> None:
    players = [node.player for node in all_information_sets().values()]
    shown = {tuple(node.obs.tolist()) for node in all_information_sets().values()}

    assert players.count(0) == players.count(1) == 468
    assert len(shown) == 936


def test_openspiel_deals_bets_and_pays_alike() -> None:
    """Walked together: chance, player on turn, legal actions, pay-offs, and one information state for one of ours."""
    pyspiel = pytest.importorskip("pyspiel", reason="the referee is OpenSpiel")
    twins: dict[Any, str] = {}
    ends = 0

    def walk(node: LeducNode, state: Any) -> None:
        nonlocal ends
        if node.payoffs is not None:
            assert state.is_terminal()
            assert list(node.payoffs) == state.returns()
            ends += 1
        elif node.chance:
            for probability, child in node.chance:
                dealt = state.clone()
                odds = 1.0
                for card in child.cards[len(node.cards) :]:
                    odds *= dict(dealt.chance_outcomes())[card]
                    dealt.apply_action(card)
                assert probability == pytest.approx(odds)
                walk(child, dealt)
        else:
            assert node.player == state.current_player()
            assert list(node.children) == state.legal_actions()
            told = state.information_state_string()
            assert twins.setdefault(node.information_set, told) == told
            for action, child in node.children.items():
                walk(child, state.child(action))

    walk(root(), pyspiel.load_game("leduc_poker").new_initial_state())

    assert ends == 30 * (4 + 5 * 4 * 9)
    assert len(set(twins.values())) == len(twins) == 936


def test_no_obs_tells_the_opponents_card_or_the_next_one() -> None:
    """player_0 sees the same whatever the two other cards are."""
    world, cards = dealt_world()
    seen = {(deal[0], *world.outputs.obs[0]["vector"][i, 0].tolist()) for i, deal in enumerate(cards)}

    assert len(seen) == 6


def test_state_tells_the_public_card_once_it_is_dealt() -> None:
    world, cards = dealt_world()
    before = world.outputs.state[:, 12:18].copy()
    for _ in range(2):
        world.step([np.ones((TABLES, 2), np.int64)])

    assert not before.any()
    assert world.outputs.state[:, 12:18].argmax(axis=1).tolist() == [deal[2] for deal in cards]


def test_a_fold_that_nothing_calls_for_is_refused() -> None:
    world, _ = dealt_world()

    with pytest.raises(WorldError, match=r"player_0 of copy 0 chose 0, which its action_mask forbids; it may choose \[1, 2\]"):
        world.step([np.zeros((TABLES, 2), np.int64)])


def test_metrics_tell_the_pot_and_whether_cards_were_compared() -> None:
    """raise, raise, fold: 3 and 5 chips, nothing shown."""
    world, _ = dealt_world()
    for action in (2, 2, 0):
        world.step([np.full((TABLES, 2), action)])

    assert (world.outputs.metrics["pot"] == 8).all()
    assert not world.outputs.metrics["showdown"].any()


def test_scene_shows_the_public_card_when_it_is_dealt() -> None:
    world, _ = dealt_world()
    before = {primitive.key for primitive in world.scene(0).primitives}
    for _ in range(2):
        world.step([np.ones((TABLES, 2), np.int64)])
    after = {primitive.key for primitive in world.scene(0).primitives}

    assert after - before >= {"card_2"}
    assert "card_2" not in before
