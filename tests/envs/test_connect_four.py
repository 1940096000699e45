"""Connect Four: the kernel keeps OpenSpiel's rules, both sides see the board alike, and the script knows what to do."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from marl_ppo.agents.scripted import scripted_policy
from marl_ppo.envs import make_world
from marl_ppo.envs.connect_four.world import ConnectFour
from marl_ppo.envs.world import Array
from marl_ppo.errors import WorldError
from marl_ppo.evaluation.match import match
from marl_ppo.training.players import find_player


def after(moves: Sequence[int], num_envs: int = 1) -> ConnectFour:
    """A world in which these columns were played, player_0 first."""
    world = make_world("connect_four", num_envs=num_envs)
    assert isinstance(world, ConnectFour)
    world.reset(np.zeros(num_envs, np.uint64))
    for column in moves:
        world.step([np.full((num_envs, 2), column)])
    return world


def drawn(state: Array) -> str:
    """The board of a state as OpenSpiel draws it, from the top row down."""
    first, second = state.reshape(2, 6, 7)
    marks = np.where(first > 0, "x", np.where(second > 0, "o", "."))
    return "\n".join("".join(row) for row in marks[::-1])


def test_openspiel_plays_alike() -> None:
    """300 random games side by side: board, who is on turn, legal moves, endings and pay-offs."""
    pyspiel = pytest.importorskip("pyspiel", reason="the referee is OpenSpiel")
    game, games = pyspiel.load_game("connect_four"), 300
    rng = np.random.default_rng(0)
    world = make_world("connect_four", num_envs=games)
    out = world.reset(np.zeros(games, np.uint64))
    states = [game.new_initial_state() for _ in range(games)]
    waiting = np.ones(games, bool)
    results = []
    while waiting.any():
        assert out.action_mask[0] is not None
        actions = out.action_mask[0].argmax(axis=2)  # those that are done play on, unwatched
        for n in np.flatnonzero(waiting):
            player = states[n].current_player()
            legal = states[n].legal_actions()
            assert out.acting[0][n].tolist() == [player == 0, player == 1]
            assert np.flatnonzero(out.action_mask[0][n, player]).tolist() == legal
            actions[n, player] = rng.choice(legal)
            states[n].apply_action(int(actions[n, player]))
        out = world.step([actions])
        for n in np.flatnonzero(waiting):
            assert drawn(out.state[n]) == str(states[n]).strip()
            assert bool(out.ended[n]) == states[n].is_terminal()
            if out.ended[n]:
                assert out.rewards[0][n].tolist() == out.outcomes[n].tolist() == states[n].returns()
                results.append(tuple(states[n].returns()))
        waiting &= ~out.ended
        out = world.reset(np.zeros(games, np.uint64), where=out.ended)

    assert {(1.0, -1.0), (-1.0, 1.0)} <= set(results)


@pytest.mark.parametrize(
    ("name", "moves"),
    [
        ("row", [0, 0, 1, 1, 2, 2, 3]),
        ("row at the right edge", [3, 3, 4, 4, 5, 5, 6]),
        ("column", [6, 0, 6, 0, 6, 0, 6]),
        ("rising", [0, 1, 1, 2, 2, 3, 2, 3, 3, 6, 3]),
        ("falling", [6, 5, 5, 4, 4, 3, 4, 3, 3, 0, 3]),
        ("gap filled last", [0, 0, 1, 1, 3, 3, 2]),
    ],
)
def test_four_in_a_line_win_and_three_do_not(name: str, moves: list[int]) -> None:
    before, now = after(moves[:-1]), after(moves)

    assert not before.outputs.ended[0]
    assert now.outputs.outcomes[0].tolist() == [1.0, -1.0]
    assert now.outputs.terminations[0].all()
    assert {name: value[0] for name, value in now.outputs.metrics.items()} == {"moves": len(moves), "draw": 0, "first_wins": 1}


def test_a_full_board_without_a_line_is_a_draw() -> None:
    """Columns filled so that discs alternate in pairs; nobody ever has four."""
    moves = [c for pair in ((0, 1), (2, 3), (4, 5)) for c in (*pair * 3, *pair[::-1] * 3)] + [6] * 6
    world = after(moves)

    assert world.outputs.ended[0]
    assert world.outputs.outcomes[0].tolist() == [0.0, 0.0]
    assert world.outputs.metrics["draw"][0] == 1


def test_a_line_in_the_last_cell_wins_and_is_no_draw() -> None:
    """The last disc is player_1's: 41 moves without a line, then one on top."""
    rng = np.random.default_rng(1)
    while True:
        world, moves = after([]), []
        while not world.outputs.ended[0]:
            assert world.outputs.action_mask[0] is not None
            legal = np.flatnonzero(world.outputs.action_mask[0][0, len(moves) % 2])
            moves.append(int(rng.choice(legal)))
            world.step([np.full((1, 2), moves[-1])])
        if len(moves) == 42 and world.outputs.outcomes[0].any():
            break

    assert world.outputs.outcomes[0].tolist() == [-1.0, 1.0]
    assert world.outputs.metrics["draw"][0] == 0


def test_both_sides_see_the_board_alike() -> None:
    """Own discs first: what player_0 sees is what player_1 would see had the discs the other colours."""
    obs = after([3, 3, 2]).outputs.obs[0]["vector"][0]

    assert obs[0].reshape(2, 6, 7)[0, 0].tolist() == [0, 0, 1, 1, 0, 0, 0]
    np.testing.assert_array_equal(obs[0].reshape(2, 42), obs[1].reshape(2, 42)[::-1])


def test_a_full_column_is_illegal_and_refused() -> None:
    world = after([0] * 6)
    assert world.outputs.action_mask[0] is not None

    assert world.outputs.action_mask[0][0].tolist() == [[False, *[True] * 6], [True] * 7]
    with pytest.raises(WorldError, match=r"player_0 of copy 0 chose 0, which its action_mask forbids; it may choose \[1, 2, 3"):
        world.step([np.zeros((1, 2), np.int64)])


def choices(moves: list[int]) -> set[int]:
    """What the script does here, by 50 noises."""
    world = after(moves, num_envs=50)
    (group,) = world.spec.groups
    player, mask = len(moves) % 2, world.outputs.action_mask[0]
    assert mask is not None
    script = scripted_policy("connect_four", group, world.spec)
    noise = torch.rand(50, script.noise_size, generator=torch.Generator().manual_seed(0))
    blank: Any = torch.zeros(50)
    obs = {"vector": torch.from_numpy(world.outputs.obs[0]["vector"][:, player])}
    decision = script.act(
        obs, torch.from_numpy(mask[:, player]), blank.long(), blank.bool(), blank[:, None][:, :0], noise, True
    )
    return set(decision.actions.tolist())


@pytest.mark.parametrize(
    ("what", "moves", "wanted"),
    [
        ("wins rather than block", [0, 6, 0, 6, 0, 6], {0}),
        ("blocks a column", [6, 0, 5, 0, 1, 0], {0}),
        ("blocks a gap in a row", [0, 6, 1, 6, 3], {2}),
        ("makes two threats at once", [2, 2, 3, 3], {1, 4}),
        ("blocks as player_1 too", [3, 0, 3, 0, 3], {3}),
    ],
)
def test_script_looks_two_moves_ahead(what: str, moves: list[int], wanted: set[int]) -> None:
    assert choices(moves) <= wanted


def test_script_gives_no_cell_away_on_top_of_which_the_other_wins() -> None:
    """player_1 has columns 0 to 2 of the second row, and nobody the cell below its fourth, in the middle column."""
    moves = [0, 0, 2, 1, 6, 1, 5, 2]

    assert after([*moves, 3, 3]).outputs.outcomes[0].tolist() == [-1.0, 1.0]
    assert 3 not in choices(moves)


def test_script_hardly_ever_loses_to_random_play() -> None:
    world = make_world("connect_four", num_envs=64)
    result = match(world, [find_player(name, world.spec) for name in ("scripted", "random")], episodes=200)

    assert result.standings()["scripted"].score > 0.97


def test_scene_shows_the_line_that_won() -> None:
    scene = after([0, 1, 1, 2, 2, 3, 2, 3, 3, 6, 3]).scene(0)
    (line,) = [primitive for primitive in scene.primitives if primitive.key == "line"]

    assert scene.caption == "player_0 wins"
    assert (line.x, line.y, line.x2, line.y2) == (0.5, 0.5, 3.5, 3.5)  # type: ignore[union-attr]
