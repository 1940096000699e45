"""Cross-play: every pair, in a table whose cells mirror each other, and as a picture."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contest import Contest, highest, naming
from matplotlib.figure import Figure
from matplotlib.image import imread

from marl_ppo.agents.scripted import scripted_policy, uniform_policy
from marl_ppo.envs import make_world
from marl_ppo.envs.world import Array
from marl_ppo.errors import ConfigError
from marl_ppo.evaluation.cross_play import CrossPlay, cross_play
from marl_ppo.evaluation.heat_map import draw_heat_map
from marl_ppo.play.seating import Player

PLAYERS = [naming(0, "A"), naming(1, "B"), naming(2, "C")]


def cyclic(chosen: Array, seeds: Array) -> Array:
    """Rock, paper, scissors: 1 beats 0, 2 beats 1, 0 beats 2."""
    return np.asarray((chosen - chosen[:, ::-1]) % 3 == 1, np.float64)


def test_a_cell_is_the_score_of_the_row_against_the_column() -> None:
    result = cross_play(Contest(rule=cyclic), PLAYERS, episodes=4)

    assert result.shows == "score"
    assert result.mean.tolist() == [[0.5, 0.0, 1.0], [1.0, 0.5, 0.0], [0.0, 1.0, 0.5]]
    assert ((result.low <= result.mean) & (result.mean <= result.high)).all()


def test_cells_that_mirror_each_other_add_up_to_one_and_a_player_is_even_with_itself() -> None:
    world = make_world("kuhn", num_envs=30)
    (group,) = world.spec.groups
    policies = [scripted_policy("kuhn", group, world.spec), uniform_policy(group)]
    players = [Player(name=str(place), policies=dict.fromkeys(group.agents, policy)) for place, policy in enumerate(policies)]
    result = cross_play(world, players, episodes=60)

    assert result.mean[0, 1] != 0.5
    np.testing.assert_array_equal(result.mean + result.mean.T, 1.0)
    np.testing.assert_allclose(result.low + result.high.T, 1.0, atol=1e-12)


def test_self_play_is_left_out_on_request_and_else_called_so() -> None:
    without, with_it = (cross_play(Contest(), PLAYERS, episodes=2, self_play=wanted) for wanted in (False, True))

    assert np.isnan(without.mean).tolist() == np.eye(3, dtype=bool).tolist()
    assert list(without.matches) == [(0, 1), (0, 2), (1, 2)]
    assert with_it.matches[1, 1].players == ("B", "itself")


def test_pairs_that_cannot_meet_are_left_empty() -> None:
    """A and B play the first side only, C the second: C meets both, and nobody itself."""
    players = [naming(0, "A", agents=[0]), naming(1, "B", agents=[0]), naming(2, "C", agents=[1])]
    result = cross_play(Contest(), players, episodes=2)

    np.testing.assert_array_equal(result.mean, [[np.nan, np.nan, 0.0], [np.nan, np.nan, 0.0], [1.0, 1.0, np.nan]])
    assert not any(played.balanced for played in result.matches.values())


def test_in_one_team_a_cell_is_the_return_with_one_agent_by_the_row_and_the_others_by_the_column() -> None:
    """Three agents that each get the number they name: row r among columns c gives (r + 2 c) / 3 per agent."""
    result = cross_play(Contest(agents=3, together=True), PLAYERS, episodes=6)
    wanted = [[(row + 2 * column) / 3 for column in range(3)] for row in range(3)]

    assert result.shows == "return"
    np.testing.assert_allclose(result.mean, wanted)


def test_in_one_team_every_agent_is_the_rows_player_equally_often() -> None:
    """Only the first agent is paid: a guest of 2 among hosts of 0 has it in a third of the episodes, 2/3 per three agents."""

    def first_paid(chosen: Array, seeds: Array) -> Array:
        return chosen * (np.arange(3) == 0)

    result = cross_play(Contest(rule=first_paid, agents=3, together=True), [naming(0), naming(2)], episodes=6)

    np.testing.assert_allclose(result.mean, [[0.0, 4 / 9], [2 / 9, 2 / 3]])


def test_in_one_team_all_cells_are_played_on_the_same_seeds() -> None:
    """What the seed gives is then equal in all of them."""

    def luck(chosen: Array, seeds: Array) -> Array:
        return (seeds % np.uint64(7)).astype(np.float64)[:, None]

    result = cross_play(Contest(rule=luck, agents=3, together=True), PLAYERS, episodes=50)

    np.testing.assert_allclose(result.mean, result.mean[0, 0])


@pytest.mark.parametrize(("together", "agents", "total"), [(False, 2, 6 * 4), (True, 3, 6 * 3 + 3)])
def test_progress_grows_up_to_the_number_of_all_episodes(together: bool, agents: int, total: int) -> None:
    """Of 3: two seeds from both sides in six pairs; or one seed, three lineups in six cells and one in three."""
    told: list[tuple[int, int]] = []
    world = Contest(together=together, agents=agents)
    cross_play(world, PLAYERS, episodes=3, on_progress=lambda done, total: told.append((done, total)))

    assert told == sorted(told)
    assert told[-1] == (total, total)


@pytest.mark.parametrize("together", [False, True])
def test_episodes_left_out_are_counted(together: bool) -> None:
    """Where two agents name 2, even seeds fault; C does so with itself only."""

    def faults(chosen: Array, seeds: Array) -> Array:
        return (chosen == 2).all(axis=1) & (seeds % np.uint64(2) == 0)

    result = cross_play(Contest(faults=faults, together=together), PLAYERS, episodes=40)
    clean = cross_play(Contest(together=together), PLAYERS, episodes=40)

    assert 0 < result.dropped < 40
    assert clean.dropped == 0


@pytest.mark.parametrize(
    ("world", "players", "message"),
    [
        (Contest(), PLAYERS[:1], "cross-play needs two players or more, got 1"),
        (Contest(agents=3), PLAYERS, "cross-play is played in pairs; world 'contest' has 3 teams"),
        (Contest(agents=1), PLAYERS, "world 'contest' has one agent, which nobody can play with or against"),
        (
            Contest(),
            [naming(0, "A", agents=[0]), naming(0, "B", agents=[0])],
            "no two players fill the teams team_0, team_1 of world 'contest': A plays team_0; B plays team_0",
        ),
        (
            Contest(together=True),
            [naming(0, "A", agents=[0]), naming(0, "B", agents=[0])],
            "no two players fill the agents agent_0, agent_1 of world 'contest' together",
        ),
    ],
)
def test_what_cannot_be_cross_played_is_refused(world: Contest, players: list[Player], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        cross_play(world, players, episodes=4)


def drawn(result: CrossPlay, file: Path, figures: list[Figure]) -> tuple[Any, Any, dict[tuple[float, float], str]]:
    """(axes, image, text by (column, row)) of the picture."""
    draw_heat_map(result, file, title="contest: 4 episodes per pair, seed 0")
    axes = figures[-1].axes[0]
    return axes, axes.images[0], {text.get_position(): text.get_text() for text in axes.texts}


def test_the_picture_has_names_numbers_and_colours_that_turn_at_even(tmp_path: Path, figures: list[Figure]) -> None:
    result = cross_play(Contest(rule=cyclic), PLAYERS, episodes=4)
    axes, image, texts = drawn(result, tmp_path / "new" / "match.png", figures)
    picture = imread(tmp_path / "new" / "match.png")
    red, white, blue = (image.to_rgba(score)[:3] for score in (0.0, 0.5, 1.0))

    assert [label.get_text() for label in axes.get_xticklabels()] == ["A", "B", "C"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["A", "B", "C"]
    assert {place: text.split()[0] for place, text in texts.items()} == {
        (column, row): f"{result.mean[row, column]:.2f}" for row, column in itertools.product(range(3), repeat=2)
    }
    assert min(white) > 0.95
    assert red[0] > red[2]
    assert blue[2] > blue[0]
    assert "contest: 4 episodes per pair, seed 0" in axes.get_title()
    assert len(np.unique(picture.reshape(-1, picture.shape[2]), axis=0)) > 100


def test_numbers_are_white_on_dark_cells_and_missing_ones_say_so(tmp_path: Path, figures: list[Figure]) -> None:
    players = [naming(0, "A"), naming(1, "B"), naming(2, "C", agents=[1])]
    axes, _, texts = drawn(cross_play(Contest(rule=highest), players, episodes=4), tmp_path / "match.png", figures)
    colours = {text.get_position(): text.get_color() for text in axes.texts}

    assert texts[2, 2] == "n/a"
    assert (colours[2, 2], colours[0, 0], colours[0, 1]) == ("black", "black", "white")


def test_returns_have_a_scale_of_their_own(tmp_path: Path, figures: list[Figure]) -> None:
    axes, image, _ = drawn(cross_play(Contest(together=True), PLAYERS, episodes=2), tmp_path / "match.png", figures)

    assert (image.norm.vmin, image.norm.vmax) == (0.0, 2.0)
    assert axes.get_ylabel() == "one agent played by"
