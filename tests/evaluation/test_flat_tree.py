"""Exact values on flattened trees: the published ones, and the same as by walking the tree."""

import itertools
import time
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from marl_ppo.agents.actor_critic import Actor
from marl_ppo.agents.networks import NetworkConfig
from marl_ppo.agents.scripted import scripted_policy, uniform_policy
from marl_ppo.envs import make_world
from marl_ppo.envs.tree import root_of
from marl_ppo.envs.world import Array
from marl_ppo.errors import ConfigError
from marl_ppo.evaluation import exact
from marl_ppo.evaluation.flat_tree import FlatTree, flatten
from marl_ppo.evaluation.game_values import (
    average_strategy,
    best_response,
    expected_payoffs,
    nash_conv,
    payoff_matrix,
    seat_payoffs,
)
from marl_ppo.evaluation.strategy_of import strategy_of

GAMES: tuple[tuple[str, dict[str, Any]], ...] = (("kuhn", {}), ("rps", {"rounds": 2}), ("climbing", {}), ("penalty", {}))


@cache
def flat(world_id: str, **settings: Any) -> FlatTree:
    return flatten(root_of(world_id, **settings))


def drawn(tree: FlatTree, seed: int) -> Array:
    """Some strategy, of which about one legal action in four is never chosen."""
    rng = np.random.default_rng(seed)
    weights = tree.legal * rng.exponential(size=tree.legal.shape) * (rng.random(tree.legal.shape) < 0.75)
    weights += 1e-12 * tree.legal
    return weights / weights.sum(axis=1, keepdims=True)


def by_name(tree: FlatTree, strategy: Array) -> dict[Hashable, Array]:
    return dict(zip(tree.information_sets, strategy, strict=True))


def script(world_id: str) -> Array:
    spec = make_world(world_id).spec
    return strategy_of(flat(world_id), scripted_policy(world_id, spec.groups[0], spec), spec.groups[0])


@pytest.mark.parametrize(("world_id", "value", "conv"), [("kuhn", 0.125, 0.9166667), ("leduc", -0.078125, 4.7472222)])
def test_uniform_play_has_the_published_values(world_id: str, value: float, conv: float) -> None:
    tree = flat(world_id)

    assert expected_payoffs(tree, tree.uniform()).tolist() == pytest.approx([value, -value], abs=1e-9)
    assert nash_conv(tree, tree.uniform()) == pytest.approx(conv, abs=1e-7)


def test_openspiel_gives_leduc_the_same_values() -> None:
    """Of a strategy that is neither uniform nor sure, information set by information set."""
    pyspiel = pytest.importorskip("pyspiel", reason="the referee is OpenSpiel")
    game = pyspiel.load_game("leduc_poker")
    tree = flat("leduc")
    strategy = by_name(tree, drawn(tree, seed=1))
    table: dict[str, list[tuple[int, float]]] = {}

    def name(state: Any, node: Any) -> None:
        if node.payoffs is not None:
            return
        for action, child in ((None, child) for _, child in node.chance) if node.chance else node.children.items():
            below = state.clone()
            for card in child.cards[len(node.cards) :] if action is None else [action]:
                below.apply_action(card)
            name(below, child)
        if not node.chance:
            chances = strategy[node.information_set]
            table[state.information_state_string()] = [(a, float(chances[a])) for a in node.children]

    name(game.new_initial_state(), root_of("leduc"))
    policy = pyspiel.TabularPolicy(table)

    assert nash_conv(tree, drawn(tree, seed=1)) == pytest.approx(pyspiel.nash_conv(game, policy), abs=1e-9)
    assert expected_payoffs(tree, drawn(tree, seed=1)) == pytest.approx(
        pyspiel.expected_returns(game.new_initial_state(), policy, -1, True), abs=1e-9
    )


def test_kuhn_is_worth_an_eighteenth_to_player_1() -> None:
    assert nash_conv(flat("kuhn"), script("kuhn")) == pytest.approx(0.0, abs=1e-9)
    assert expected_payoffs(flat("kuhn"), script("kuhn"))[0] == pytest.approx(-1 / 18, abs=1e-9)


@pytest.mark.parametrize(("world_id", "settings"), GAMES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_arrays_and_walks_agree(world_id: str, settings: dict[str, Any], seed: int) -> None:
    """The plain specification, `marl_ppo.evaluation.exact`, on strategies with actions that are never chosen."""
    root, tree = root_of(world_id, **settings), flat(world_id, **settings)
    strategy = drawn(tree, seed)

    np.testing.assert_allclose(expected_payoffs(tree, strategy), exact.expected_payoffs(root, by_name(tree, strategy)))
    assert nash_conv(tree, strategy) == pytest.approx(exact.nash_conv(root, by_name(tree, strategy)), abs=1e-9)


def test_leduc_is_valued_within_the_blink_of_an_eye() -> None:
    """About a millisecond; the bar leaves room for a loaded machine."""
    tree = flat("leduc")
    started = time.perf_counter()
    nash_conv(tree, tree.uniform())

    assert time.perf_counter() - started < 0.25


def test_a_best_response_gets_what_nash_conv_says() -> None:
    """Each player's gain by playing its answer against the other's unchanged strategy, added up."""
    tree, strategy = flat("leduc"), drawn(flat("leduc"), seed=0)
    answer = best_response(tree, strategy)
    gains = [
        expected_payoffs(tree, np.where((tree.player == p)[:, None], answer, strategy))[p] - expected_payoffs(tree, strategy)[p]
        for p in range(2)
    ]

    assert min(gains) > 0
    assert sum(gains) == pytest.approx(nash_conv(tree, strategy))
    assert (answer.sum(axis=1) == 1).all()
    assert not answer[~tree.legal].any()


@pytest.mark.parametrize(
    ("world_id", "wanted"), [("kuhn", {1: 0.625, 300: 0.0257}), ("leduc", {1: 5.206, 10: 2.348, 30: 1.088})]
)
def test_fictitious_play_comes_down_as_published(world_id: str, wanted: dict[int, float]) -> None:
    """From uniform play, each time the best response to the average so far joins it (Brown 1951)."""
    tree = flat(world_id)
    average, found = tree.uniform(), {}
    for i in range(1, max(wanted) + 1):
        average = average_strategy(tree, [average, best_response(tree, average)], [i, 1])
        found[i] = nash_conv(tree, average)

    assert {i: found[i] for i in wanted} == pytest.approx(wanted, abs=5e-4)


def test_an_average_weighs_by_how_often_each_goes_there() -> None:
    """player_0 with a jack: one strategy always bets, one checks and then calls a bet for sure, one checks and folds.

    With weights 2, 1, 1 it bets half the time; after check and bet only the latter two are there, alike.
    """
    tree = flat("kuhn")
    first, after = tree.information_sets.index("J"), tree.information_sets.index("Jpb")
    strategies = [tree.uniform() for _ in range(3)]
    for strategy, bet, call in zip(strategies, (1.0, 0.0, 0.0), (0.25, 1.0, 0.0), strict=True):
        strategy[first], strategy[after] = (1 - bet, bet), (1 - call, call)
    average = average_strategy(tree, strategies, [2, 1, 1])

    assert average[first].tolist() == [0.5, 0.5]
    assert average[after].tolist() == [0.5, 0.5]
    assert np.mean([strategy[after] for strategy in strategies], axis=0).tolist() != [0.5, 0.5]


def test_where_no_strategy_goes_the_average_plays_evenly() -> None:
    tree = flat("kuhn")
    betting = np.tile([0.0, 1.0], (12, 1))

    assert average_strategy(tree, [betting, betting])[tree.information_sets.index("Jpb")].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(("world_id", "settings"), [*GAMES, ("leduc", {})])
def test_an_average_plays_like_drawing_a_strategy_before_each_game(world_id: str, settings: dict[str, Any]) -> None:
    """Against any opponent it gets the weighted mean of what the strategies get, so best answers to it gain as much."""
    tree = flat(world_id, **settings)
    strategies, weights = [drawn(tree, seed) for seed in range(4)], np.array([0.4, 0.3, 0.2, 0.1])
    average = average_strategy(tree, strategies, weights)
    opponents = [drawn(tree, 7), best_response(tree, average)]
    u_0, u_1 = seat_payoffs(tree, [*strategies, average, *opponents])

    np.testing.assert_allclose(u_0[4, 5:], weights @ u_0[:4, 5:], atol=1e-12)
    np.testing.assert_allclose(u_1[5:, 4], u_1[5:, :4] @ weights, atol=1e-12)
    # NashConv of mixing explicitly: best answers to the mixture, less what the mixture gets against itself.
    mixed = [weights @ u_0[:4, :4] @ weights, weights @ u_1[:4, :4] @ weights]
    answers = u_0[6, :4] @ weights, weights @ u_1[:4, 6]
    assert nash_conv(tree, average) == pytest.approx(sum(answers) - sum(mixed), abs=1e-9)


@pytest.mark.parametrize(("world_id", "settings"), GAMES)
def test_payoffs_are_those_of_every_pair_of_walks(world_id: str, settings: dict[str, Any]) -> None:
    """Brute force: player_0's rows of one strategy and player_1's of another, then the other way round."""
    root, tree = root_of(world_id, **settings), flat(world_id, **settings)
    strategies = [tree.uniform(), drawn(tree, 0), drawn(tree, 1)]
    wanted = np.zeros((3, 3))
    for i, k in itertools.product(range(3), repeat=2):
        for seat, (first, second) in enumerate(((i, k), (k, i))):
            joined = np.where((tree.player == 0)[:, None], strategies[first], strategies[second])
            wanted[i, k] += exact.expected_payoffs(root, by_name(tree, joined))[seat] / 2

    np.testing.assert_allclose(payoff_matrix(tree, strategies), wanted, atol=1e-12)


def test_payoffs_of_rock_paper_and_scissors_are_the_table() -> None:
    tree = flat("rps")
    pure = [np.tile(row, (2, 1)) for row in np.eye(3)]

    assert payoff_matrix(tree, pure).tolist() == [[0, -1, 1], [1, 0, -1], [-1, 1, 0]]


def test_seats_are_averaged_where_the_game_looks_different_from_them() -> None:
    """In climbing, b beside c is paid 6 with b in the rows and 0 with c there: 3."""
    tree = flat("climbing")
    b, c = (np.tile(row, (2, 1)) for row in np.eye(3)[1:])

    assert payoff_matrix(tree, [b, c]).tolist() == [[7.0, 3.0], [3.0, 5.0]]


@pytest.mark.parametrize("memory", ["none", "gru"])
def test_a_network_is_read_as_it_acts(memory: str) -> None:
    """How often it calls or raises at the start of a hand of leduc, and after a call and a raise, in 5,000 noises each."""
    world = make_world("leduc")
    (group,) = world.spec.groups
    actor = Actor(group, NetworkConfig(hidden=(16, 16), memory=memory), torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    with torch.no_grad():
        actor.output.weight.mul_(300.0)  # far from uniform
    tree = flat("leduc")
    strategy = strategy_of(tree, actor, group)
    noise = ((torch.arange(5000) + 0.5) / 5000)[:, None]
    remembered = torch.zeros(5000, actor.memory_size)
    for i, history in enumerate(("", "cr")):
        row = tree.information_sets.index((0, 3, -1, history))
        obs = {"vector": torch.from_numpy(tree.obs[row]).expand(5000, -1)}
        mask = torch.from_numpy(tree.legal[row]).expand(5000, -1)
        start = torch.full((5000,), i == 0)
        actions, _, remembered = actor.act(obs, mask, torch.zeros(5000).long(), start, remembered, noise, False)
        shares = np.bincount(actions.numpy(), minlength=3) / 5000

        np.testing.assert_allclose(strategy[row], shares, atol=1e-3)
        assert strategy[row].max() < 0.999
        assert strategy_of(tree, actor, group, greedy=True)[row].argmax() == strategy[row].argmax()


def test_agents_with_policies_of_their_own_are_read_one_by_one() -> None:
    spec = make_world("penalty").spec
    (group,) = spec.groups
    policies = {"player_0": scripted_policy("penalty", group, spec), "player_1": uniform_policy(group)}

    np.testing.assert_allclose(strategy_of(flat("penalty"), policies, group), [[1, 0, 0], [1 / 3] * 3])


@dataclass(frozen=True)
class Forgetful:
    """One player moves twice, and cannot tell its second move from its first."""

    moves: tuple[int, ...] = ()
    chance = ()
    player = 0
    information_set = "somewhere"
    obs = np.zeros(1, np.float32)

    @property
    def payoffs(self) -> tuple[float, ...] | None:
        return (1.0,) if len(self.moves) == 2 else None

    @property
    def children(self) -> dict[int, "Forgetful"]:
        return {move: Forgetful((*self.moves, move)) for move in range(2)}


def test_a_game_in_which_players_forget_is_refused() -> None:
    with pytest.raises(ConfigError, match="player 0 forgets its own moves at information set 'somewhere'"):
        flatten(Forgetful())


def test_what_is_no_strategy_is_refused_with_where_it_is_not() -> None:
    tree = flat("leduc")
    folding = tree.uniform()
    folding[0] = [1.0, 0.0, 0.0]

    with pytest.raises(
        ConfigError, match=r"got \[1.0, 0.0, 0.0\] at information set \(0, 0, -1, ''\), where \[1, 2\] are legal"
    ):
        nash_conv(tree, folding)
    with pytest.raises(ConfigError, match=r"must be \[936, 3\], got \[12, 2\]"):
        nash_conv(tree, flat("kuhn").uniform())


def test_weights_that_do_not_fit_are_refused() -> None:
    tree = flat("kuhn")

    with pytest.raises(ConfigError, match="2 strategies need as many weights"):
        average_strategy(tree, [tree.uniform()] * 2, [1.0])


def test_a_script_that_cannot_be_read_is_refused() -> None:
    world = make_world("adversary")
    memory = scripted_policy("adversary", world.spec.groups[0], world.spec)

    with pytest.raises(ConfigError, match=r"Adversary tells no probabilities and has memory 2"):
        strategy_of(flat("kuhn"), memory, make_world("kuhn").spec.groups[0])
