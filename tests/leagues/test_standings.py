"""Where a league stands, of stores written by hand, so that every number can be worked out."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from marl_ppo.errors import ConfigError
from marl_ppo.leagues.counts import Count
from marl_ppo.leagues.standings import Standings, members_by_level, read_standings
from marl_ppo.leagues.store import CountRow, EventRow, MatchRow, PlayerRow, RatingRow, Source, Store

Results = dict[tuple[str, str], Sequence[float]]
"""(first, second) → the first one's scores"""


def player(name: str, kind: str = "frozen", learner: str = "", turn: int = 0) -> PlayerRow:
    return PlayerRow(
        name=name,
        kind=kind,  # type: ignore[arg-type]
        learner=learner,
        role="main" if learner else "",
        teams=("players",),
        turn=turn,
        steps=100 * turn,
        trigger="timeout",
        hash="",
    )


def match(first: str, second: str, scores: Sequence[float], side: str = "blue") -> MatchRow:
    s = np.array(scores)
    return MatchRow(
        source="ladder",
        first=first,
        second=second,
        side=side,
        games=len(s),
        wins=int((s == 1).sum()),
        draws=int((s == 0.5).sum()),
        total=float(s.sum()),
        squares=float(s @ s),
    )


def stored(
    folder: Path,
    players: Sequence[PlayerRow],
    results: Results,
    *,
    ratings: Sequence[RatingRow] = (),
    counts: Sequence[CountRow] = (),
    events: Sequence[EventRow] = (),
    teams: int = 2,
) -> Store:
    """A league after its first turn."""
    folder.mkdir(parents=True)
    store = Store.create(folder, {"world": "duel", "teams": teams, "recipe": {"trusted_games": 30}})
    store.commit_turn(
        7,
        {"steps": {"main": 500, "other": 250}, "title": {"champion": "main-1"}},
        players=players,
        matches=[match(first, second, scores) for (first, second), scores in results.items()],
        ratings=ratings,
        counts=counts,
        events=events,
        seconds=2.5,
        ended="",
    )
    return store


def standings(folder: Path, players: Sequence[PlayerRow], results: Results, **others: object) -> Standings:
    with stored(folder / "league", players, results, **others) as store:  # type: ignore[arg-type]
        return read_standings(store)


def rated(name: str, mu: float, sigma: float, games: int = 40) -> RatingRow:
    return RatingRow(player=name, mu=mu, sigma=sigma, elo=1200.0, games=games)


def won(share: float, games: int = 100) -> list[float]:
    return [1.0] * round(share * games) + [0.0] * round((1 - share) * games)


def test_rows_are_sorted_by_what_players_have_shown_for_sure(tmp_path: Path) -> None:
    """mu - 3 sigma: 30 - 15 = 15 stands behind 25 - 3 = 22."""
    found = standings(
        tmp_path,
        [player("wild"), player("sound")],
        {("wild", "sound"): won(0.5)},
        ratings=[rated("wild", 30, 5), rated("sound", 25, 1)],
    )

    assert [row.player.name for row in found.rows] == ["sound", "wild"]
    assert [row.rating.conservative for row in found.rows] == [22.0, 15.0]


def test_learners_have_no_row_since_they_are_other_players_after_every_update(tmp_path: Path) -> None:
    found = standings(tmp_path, [player("main", "learner", "main"), player("main-0", learner="main")], {})

    assert [row.player.name for row in found.rows] == ["main-0"]


def test_the_head_tells_of_the_league_as_a_whole(tmp_path: Path) -> None:
    events = [EventRow(kind="promoted", player="main-1", text="is champion"), EventRow(kind="joined", player="main-1", text="")]
    found = standings(tmp_path, [player("main-0"), player("main-1")], {}, events=events)

    assert (found.world, found.turn, found.steps, found.seconds) == ("duel", 7, 750, 2.5)
    assert (found.champion, found.promotions) == ("main-1", 1)


def test_win_rates_are_means_over_players_not_over_games(tmp_path: Path) -> None:
    """a wins 90 of 100 against b and 1 of 2 against c: (0.9 + 0.5) / 2. Half-widths of 0.90 and 0.50 in quadrature, halved."""
    found = standings(tmp_path, [player("a"), player("b"), player("c")], {("a", "b"): won(0.9), ("a", "c"): won(0.5, 2)})
    row = next(row for row in found.rows if row.player.name == "a")
    (b, c) = (np.diff(found.payoffs.interval(0, other))[0] / 2 for other in (1, 2))

    assert row.win_rate == pytest.approx(0.7)
    assert row.win_rate_interval == pytest.approx((0.7 - math.hypot(b, c) / 2, min(0.7 + math.hypot(b, c) / 2, 1.0)))


def test_elo_is_the_most_likely_one_whatever_the_order_of_the_games(tmp_path: Path) -> None:
    """Odds of 3 to 1 are 400 log10(3) = 190.8 points, around a mean of 1200; the prior pulls by less than a point."""
    found = standings(tmp_path, [player("a"), player("b")], {("a", "b"): won(0.75, 400)})
    elo = {row.player.name: row.elo for row in found.rows}

    assert elo["a"] - elo["b"] == pytest.approx(190.8, abs=1)
    assert elo["a"] + elo["b"] == pytest.approx(2400)


def test_who_has_not_played_yet_changes_nothing_for_the_others(tmp_path: Path) -> None:
    """A newcomer is no equal of everybody, and what is not known of it is not their doubt."""
    results = {("a", "b"): won(0.75)}
    before = standings(tmp_path / "before", [player("a"), player("b")], results)
    after = standings(tmp_path / "after", [player("a"), player("b"), player("new", "guest")], results)
    rows = {row.player.name: row for row in after.rows}

    assert [rows[row.player.name] for row in before.rows] == list(before.rows)
    assert math.isnan(rows["new"].elo)
    assert math.isnan(rows["new"].win_rate)
    assert rows["new"].nash == 0


def test_rock_paper_and_scissors_are_a_cycle_that_ratings_do_not_show(tmp_path: Path) -> None:
    names = ["rock", "paper", "scissors"]
    results = {("paper", "rock"): won(0.9), ("scissors", "paper"): won(0.9), ("rock", "scissors"): won(0.9)}
    found = standings(tmp_path, [player(name) for name in names], results)

    assert found.cyclic_share == pytest.approx(1)
    assert found.cycles == ("rock beats scissors beats paper beats rock, 0.90 or more each",)
    assert [row.nash for row in found.rows] == pytest.approx([1 / 3] * 3, abs=1e-3)


def test_a_cycle_that_luck_explains_is_none(tmp_path: Path) -> None:
    """6 of 10: Wilson's interval begins at 0.31."""
    results = {("paper", "rock"): won(0.6, 10), ("scissors", "paper"): won(0.6, 10), ("rock", "scissors"): won(0.6, 10)}

    assert standings(tmp_path, [player(name) for name in ("rock", "paper", "scissors")], results).cycles == ()


def test_forgetting_is_told_with_what_of_it_is_sure(tmp_path: Path) -> None:
    """main-1 beats main-0 in 90 %, main-2 in 40 %: 0.5 is lost. Nothing against main-1, which main-2 equals. Mean 0.25.

    Sure is what lies between the lower end of 90/100, 0.826, and the upper end of 40/100, 0.498.
    """
    own = [player(f"main-{n}", learner="main", turn=n) for n in range(3)]
    results = {("main-1", "main-0"): won(0.9), ("main-2", "main-0"): won(0.4), ("main-2", "main-1"): won(0.5)}
    found = standings(tmp_path, own, results).forgetting["main"]

    assert found.mean == pytest.approx(0.25)
    assert found.sure == pytest.approx(0.826 - 0.498, abs=0.001)
    assert found.against == "main-0"


def test_a_past_player_that_the_newest_never_met_says_nothing_of_forgetting(tmp_path: Path) -> None:
    own = [player(f"main-{n}", learner="main", turn=n) for n in range(3)]
    results: Results = {("main-1", "main-0"): won(0.9), ("main-2", "main-0"): won(0.4)}
    found = standings(tmp_path, own, results).forgetting["main"]

    assert (found.mean, found.against) == (pytest.approx(0.5), "main-0")
    assert standings(tmp_path / "none", own, {("main-1", "main-0"): won(0.9)}).forgetting == {}


def test_few_games_make_no_sure_forgetting(tmp_path: Path) -> None:
    own = [player(f"main-{n}", learner="main", turn=n) for n in range(3)]
    results = {("main-1", "main-0"): won(0.75, 8), ("main-2", "main-0"): won(0.5, 8)}
    found = standings(tmp_path, own, results).forgetting["main"]

    assert (found.mean, found.sure, found.against) == (pytest.approx(0.25), 0.0, "")


def test_what_learners_score_lately_is_told_with_whom_they_lose_to(tmp_path: Path) -> None:
    """0.8 and 0.3 in enough games; the 0.1 in 5 games counts for the mean only."""
    counts = [
        CountRow(learner="main", player=name, count=Count(rate * 10, 10.0, games))
        for name, rate, games in (("a", 0.8, 30), ("b", 0.3, 30), ("c", 0.1, 5))
    ]
    found = standings(tmp_path, [player("a")], {}, counts=counts).lately["main"]

    assert (found.win_rate, found.players, found.worst, found.against) == (pytest.approx(0.4), 3, pytest.approx(0.3), "b")


def test_levels_are_the_players_nearest_to_20_50_and_80_per_cent(tmp_path: Path) -> None:
    """Mean win rates: a (0.9 + 0.9 + 0.8) / 3 = 0.87, b 0.57, c 0.40, d 0.17. 0.20 and 0.80 are those of anchors, no bots."""
    results = {("a", "b"): won(0.9), ("a", "c"): won(0.9), ("a", "d"): won(0.8)}
    results |= {("b", "c"): won(0.7), ("b", "d"): won(0.9), ("c", "d"): won(0.8)}
    results |= {("random", "scripted"): won(0.2)}
    ratings = [rated(name, 25, 1, games=300) for name in (*"abcd", "random", "scripted")]
    anchors = [player("random", "anchor"), player("scripted", "anchor")]
    found = standings(tmp_path, [*map(player, "abcd"), *anchors], results, ratings=ratings)
    picked = members_by_level(found, (0.2, 0.5, 0.8))

    assert {level: row.player.name for level, row in picked.items()} == {0.2: "d", 0.5: "b", 0.8: "a"}


def test_levels_need_players_with_enough_games(tmp_path: Path) -> None:
    ratings = [rated("a", 25, 1), rated("b", 25, 1), rated("c", 25, 1, games=29)]
    found = standings(tmp_path, [player("a"), player("b"), player("c")], {}, ratings=ratings)

    with pytest.raises(ConfigError, match="3 levels need as many players with 30 games or more, and the league has 2"):
        members_by_level(found, (0.2, 0.5, 0.8))


def test_the_top_player_is_the_best_that_was_trained(tmp_path: Path) -> None:
    ratings = [rated("scripted", 40, 1), rated("main-0", 30, 1)]

    assert standings(tmp_path, [player("scripted", "anchor"), player("main-0")], {}, ratings=ratings).top == "main-0"


def test_partners_are_sorted_by_how_they_do_with_others(tmp_path: Path) -> None:
    """Returns. a with itself 10, with b 4 and c 2: gap 10 - 3. b with itself 5, with a 4 and c 6: gap 0."""
    returns: Results = {
        ("a", "a"): [9.0, 11.0],
        ("a", "b"): [4.0, 4.0],
        ("a", "c"): [2.0, 2.0],
        ("b", "b"): [5.0, 5.0],
        ("b", "c"): [6.0, 6.0],
    }
    found = standings(tmp_path, [player("a"), player("b"), player("c"), player("new")], returns, teams=1)
    rows = {row.player.name: row for row in found.partners}

    assert [row.player.name for row in found.partners] == ["b", "c", "a", "new"]
    assert (rows["a"].self_play, rows["a"].cross_play, rows["a"].gap) == (10.0, 3.0, 7.0)
    assert (rows["b"].self_play, rows["b"].cross_play, rows["b"].gap) == (5.0, 5.0, 0.0)
    assert math.isnan(rows["c"].self_play)
    assert math.isnan(rows["c"].gap)
    # Games 9 and 11 have a standard error of 1; partners 4 and 2, too.
    assert rows["a"].self_play_interval == pytest.approx((10 - 1.96, 10 + 1.96))
    assert rows["a"].cross_play_interval == pytest.approx((3 - 1.96, 3 + 1.96))
    assert rows["a"].gap_interval == pytest.approx((7 - 1.96 * 2**0.5, 7 + 1.96 * 2**0.5))


def test_standings_are_of_one_moment_while_the_league_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn is saved between two of the questions, and seen by none of them; whoever asks again sees all of it."""
    with stored(tmp_path / "league", [player("main-0")], {}) as writing, Store.open(tmp_path / "league") as store:
        matches = store.matches

        def meanwhile(source: Source | None = None) -> list[MatchRow]:
            if writing.turn() == 7:
                writing.commit_turn(8, writing.state(), players=[player("main-1")], seconds=1.0, ended="")
            return matches(source)

        monkeypatch.setattr(store, "matches", meanwhile)
        first, second = read_standings(store), read_standings(store)

    assert (first.turn, len(first.rows), first.seconds) == (7, 1, 2.5)
    assert (second.turn, len(second.rows), second.seconds) == (8, 2, 3.5)


def test_a_league_that_has_only_just_begun_says_so(tmp_path: Path) -> None:
    (tmp_path / "league").mkdir()
    with (
        Store.create(tmp_path / "league", {"world": "duel", "teams": 2}) as store,
        pytest.raises(ConfigError, match="league has only just begun; ask again in a moment"),
    ):
        read_standings(store)
