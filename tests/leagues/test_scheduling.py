"""Which members meet next, and on which parts."""

import numpy as np

from marl_ppo.envs import make_world
from marl_ppo.leagues.ladder import Fixture, parts_of, play_fixtures
from marl_ppo.leagues.payoffs import Payoffs
from marl_ppo.leagues.scheduling import GAMES, choose_fixtures
from marl_ppo.leagues.store import MatchRow
from marl_ppo.training.players import find_player


def after(*rounds: tuple[str, str, int], together: bool = False) -> Payoffs:
    """Payoffs of three players after some games."""
    rows = [MatchRow.of("ladder", first, second, "all", np.full(games, 0.5)) for first, second, games in rounds]
    return Payoffs.of(["a", "b", "c"], rows, together=together)


def test_pairs_that_met_least_meet_next_and_of_equals_those_of_the_newest_player() -> None:
    fixtures = choose_fixtures(after(("b", "c", 8)), lambda i, j: True, 2 * GAMES, together=False)

    assert [(one.first, one.second, one.offset) for one in fixtures] == [("a", "c", 0), ("a", "b", 0)]


def test_a_pair_goes_on_where_its_parts_were_left() -> None:
    (fixture,) = choose_fixtures(after(("a", "a", 99), ("a", "b", 8)), lambda i, j: (i, j) == (0, 1), GAMES, together=True)

    assert (fixture.first, fixture.second, fixture.offset) == ("a", "b", 8)


def test_over_some_turns_every_split_of_a_team_is_played_equally_often() -> None:
    """Eight games a turn and six splits: without going on, the first two would come up twice as often."""
    world = make_world("spread", num_envs=8)
    players = {name: find_player(name, world.spec) for name in ("scripted", "random")}
    played = [
        play_fixtures(world, [Fixture("scripted", "random", GAMES, turn * GAMES)], players, seed=0, number=turn)[0].parts
        for turn in range(3)
    ]

    assert np.bincount(np.concatenate(played)).tolist() == [4] * len(parts_of(world.spec))
