"""People in a league: rated by their games, seen in the standings, and never in the league's way."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from league_process import KUHN

from marl_ppo.envs import make_world
from marl_ppo.errors import ConfigError, UnknownNameError
from marl_ppo.leagues.league import LOCK, League
from marl_ppo.leagues.persons import PersonalLeague, personal_league
from marl_ppo.leagues.ratings import Rating
from marl_ppo.leagues.recipe import recipe_from
from marl_ppo.leagues.standings import Standings, read_standings
from marl_ppo.leagues.store import Store
from marl_ppo.training.run import alone

SPEC = make_world("kuhn").spec


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A league of kuhn after two turns."""
    folder = tmp_path_factory.mktemp("league") / "league"
    with League.create(recipe_from(KUHN, source="the test"), folder) as league:
        league.run(turns=2)
    return folder


@pytest.fixture
def folder(begun: Path, tmp_path: Path) -> Path:
    shutil.copytree(begun, tmp_path / "league")
    return tmp_path / "league"


@pytest.fixture
def ann(folder: Path) -> Iterator[PersonalLeague]:
    with personal_league(folder, "ann") as league:
        yield league


def add(league: PersonalLeague, opponent: str, score: float) -> Rating:
    rating = league.add(opponent, "player_0", score, teams=("player_0",), together=False, text="played")
    assert rating is not None
    return rating


def standings(folder: Path) -> Standings:
    with Store.open(folder) as store:
        return read_standings(store)


def test_a_person_enters_with_the_first_game_and_is_rated_by_each(ann: PersonalLeague, folder: Path) -> None:
    before = ann.rating
    won, lost = add(ann, "random", 1.0), add(ann, "main-0", 0.0)
    (row,) = standings(folder).persons

    assert before == Rating()
    assert lost.mu < won.mu > before.mu
    assert lost.sigma < won.sigma < before.sigma
    assert (row.player.name, row.player.kind, row.rating) == ("ann", "person", lost)
    assert row.win_rate == 0.5
    assert row.elo_interval.low < row.elo < row.elo_interval.high


def test_games_of_people_change_nobody_else(ann: PersonalLeague, folder: Path) -> None:
    before = standings(folder)
    for _ in range(5):
        add(ann, "main-0", 1.0)
    after = standings(folder)

    assert after.rows == before.rows
    assert np.array_equal(after.payoffs.games, before.payoffs.games)
    assert after.top == before.top


def test_a_league_goes_on_as_if_nobody_had_played(begun: Path, folder: Path, tmp_path: Path) -> None:
    """All that a turn writes is the same; what people did is a person's own rows."""
    shutil.copytree(begun, tmp_path / "alone")
    with personal_league(folder, "ann") as league:
        add(league, "random", 1.0)
        add(league, "main-0", 0.5)
    dumps = []
    for place in (folder, tmp_path / "alone"):
        with League.resume(place) as league_again:
            league_again.run(turns=2)
            names = league_again.payoffs().names
            lines = [line for line in league_again.store.dump() if "'ann'" not in line]
        # Players are numbered as they come, and ann came between.
        dumps.append([line for line in lines if not line.startswith('INSERT INTO "players"')])
        assert "ann" not in names

    assert dumps[0] == dumps[1]
    assert [row.player.name for row in standings(folder).persons] == ["ann"]


def test_who_is_about_as_strong_is_met(ann: PersonalLeague) -> None:
    """A beginner is rated 25: among those who play the seat, nobody is nearer to it."""
    met = ann.opponent(None, ["player_1"], SPEC).name
    rows = {row.player: row.mu for row in ann.store.ratings()}
    members = [row.name for row in ann.store.players() if row.kind != "learner"]

    assert abs(rows.get(met, 25.0) - 25.0) == min(abs(rows.get(name, 25.0) - 25.0) for name in members)
    assert ann.opponent("main-0", ["player_1"], SPEC).name == "main-0"
    with pytest.raises(UnknownNameError, match=r"is called 'main-00'\. Did you mean 'main-0'\?"):
        ann.opponent("main-00", ["player_1"], SPEC)


def test_nobody_is_rated_in_a_league_that_runs(folder: Path) -> None:
    (folder / LOCK).touch()
    with (
        alone(folder / LOCK),
        pytest.raises(ConfigError, match=r"no game can be rated in a league that runs: .* is being trained by another process"),
        personal_league(folder, "ann"),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("main", "'main' is in the league already; give another name, with --rated"),
        ("main-77", "'main-77' is how a player of the learner 'main' is called; give another name, with --rated"),
        ("../ann", "a name in a league must be letters, digits"),
        ("random", "a name in a league must be letters, digits"),
    ],
)
def test_a_name_that_means_somebody_else_is_refused(folder: Path, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message), personal_league(folder, name):
        pass


def test_a_person_comes_back_under_the_same_name(folder: Path) -> None:
    for games in (1, 2):
        with personal_league(folder, "ann") as league:
            assert add(league, "random", 1.0).games == games
