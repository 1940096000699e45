"""Matches: every seed from every side, who won with its interval, and what is said where sides cannot be balanced."""

import numpy as np
import pytest
from contest import Contest, first_wins, highest, naming

from marl_ppo.agents.scripted import scripted_policy, uniform_policy
from marl_ppo.envs import make_world
from marl_ppo.envs.seeds import stream
from marl_ppo.envs.world import Array, World
from marl_ppo.errors import ConfigError, WorldError
from marl_ppo.evaluation.match import match
from marl_ppo.play.seating import Player


def script(world: World) -> Player:
    (group,) = world.spec.groups
    return Player(name="scripted", policies=dict.fromkeys(group.agents, scripted_policy(world.spec.id, group, world.spec)))


def random_player(world: World) -> Player:
    (group,) = world.spec.groups
    return Player(name="random", policies=dict.fromkeys(group.agents, uniform_policy(group)))


def test_where_one_side_always_wins_every_player_has_exactly_half() -> None:
    """Balanced: each of the six plays the lucky side in half of its episodes, however it plays."""
    for number in range(3):
        result = match(Contest(rule=first_wins), [naming(0), naming(number, "other")], episodes=10)

        assert result.balanced
        assert [standing.score for standing in result.standings().values()] == [0.5, 0.5]
        assert result.sides() == {name: {"team_0": 5, "team_1": 5} for name in result.players}


def test_control_seated_on_one_side_only_the_lucky_one_wins_all() -> None:
    """The same world, with a player that knows the first agent only; the result says that it is not balanced."""
    result = match(Contest(rule=first_wins), [naming(0, "one-sided", agents=[0]), naming(1)], episodes=10)

    assert not result.balanced
    assert [standing.score for standing in result.standings().values()] == [1.0, 0.0]
    assert result.sides() == {"one-sided": {"team_0": 10, "team_1": 0}, "names 1": {"team_0": 0, "team_1": 10}}


def test_both_lineups_play_the_same_seeds_which_are_those_of_matches() -> None:
    result = match(Contest(num_envs=3), [naming(0), naming(1)], episodes=40, seed=5)
    odd = stream(5, "match", 0, np.arange(20)) % np.uint64(2)

    assert 0 < odd.sum() < 20
    np.testing.assert_array_equal(result.metrics["parity"], np.stack([odd, odd], axis=1))


def test_the_better_player_wins_from_either_side() -> None:
    """Wilson 1927 for 10 of 10: low = 1 / (1 + z² / 10) = 1 / 1.38415, high = 1."""
    result = match(Contest(), [naming(1, "A"), naming(2, "B")], episodes=10)
    standings = result.standings()

    assert (standings["A"].wins, standings["A"].draws, standings["A"].losses) == (0, 0, 10)
    assert (standings["B"].wins, standings["B"].draws, standings["B"].losses) == (10, 0, 0)
    assert standings["B"].win_interval == pytest.approx((0.72247, 1.0), abs=1e-5)
    assert standings["A"].score_interval == pytest.approx((0.0, 0.27753), abs=1e-5)
    assert result.player_returns()["B"].mean == 2.0


def test_a_draw_is_half_a_win_in_the_score_and_none_in_the_win_rate() -> None:
    """Of 4 draws, by hand with z² = 3.84146: rate 0.5 has 0.5 ± 1.95996 / (2 √(4 + 3.84146)); 0 has 0 … z² / (4 + z²)."""
    standing = match(Contest(), [naming(1), naming(1)], episodes=4).standings()["names 1"]

    assert (standing.wins, standing.draws, standing.losses) == (0, 4, 0)
    assert (standing.win_rate, standing.score) == (0.0, 0.5)
    assert standing.score_interval == pytest.approx((0.15004, 0.84996), abs=1e-5)
    assert standing.win_interval == pytest.approx((0.0, 0.48989), abs=1e-5)


def test_a_policy_that_meets_itself_in_kuhn_is_even_to_the_last_hand_and_the_side_is_not() -> None:
    """player_1 wins 1/18 per hand between players of an equilibrium; over both sides it cancels hand by hand."""
    world = make_world("kuhn", num_envs=500)
    result = match(world, [script(world)] * 2, episodes=20_000)
    first, second = result.players
    sides = [result.team_returns(team)[first] for team in ("player_0", "player_1")]

    assert [standing.score for standing in result.standings().values()] == [0.5, 0.5]
    assert [returns.mean for returns in result.player_returns().values()] == [0.0, 0.0]
    assert result.differences()[first, second].interval == (0.0, 0.0)
    assert sides[0].mean == -sides[1].mean
    assert sides[1].interval.low < 1 / 18 < sides[1].interval.high
    assert sides[1].interval.low > 0


def test_scores_of_two_players_add_up_to_one_and_zero_sum_returns_to_none() -> None:
    world = make_world("kuhn", num_envs=50)
    result = match(world, [script(world), random_player(world)], episodes=200)
    ours, theirs = result.standings().values()

    assert ours.score + theirs.score == 1.0
    assert (ours.wins, ours.losses) == (theirs.losses, theirs.wins)
    assert sum(returns.mean for returns in result.player_returns().values()) == pytest.approx(0.0, abs=1e-12)


def test_the_number_of_copies_changes_nothing() -> None:
    found = []
    for num_envs in (1, 7):
        world = make_world("kuhn", num_envs=num_envs)
        found.append(match(world, [script(world), random_player(world)], episodes=30, seed=2))

    np.testing.assert_array_equal(found[0].returns, found[1].returns)


@pytest.mark.parametrize(("agents", "asked", "played"), [(2, 5, 6), (2, 6, 6), (3, 7, 9)])
def test_episodes_are_rounded_up_to_whole_rounds_of_sides_and_progress_is_told(agents: int, asked: int, played: int) -> None:
    told: list[tuple[int, int]] = []
    players = [naming(0)] * agents
    result = match(Contest(agents=agents), players, episodes=asked, on_progress=lambda done, total: told.append((done, total)))

    assert result.episodes == played
    assert told == sorted(told)
    assert told[-1] == (played, played)


def test_three_teams_play_three_rotations_and_share_the_first_place() -> None:
    """A and B name 2 and share it, C never wins: scores 1/2, 1/2, 0; a shared place is a draw."""
    result = match(Contest(agents=3), [naming(2, "A"), naming(2, "B"), naming(1, "C")], episodes=6)
    standings = result.standings()

    assert sorted(result.lineups) == [(0, 1, 2), (1, 2, 0), (2, 0, 1)]
    assert {name: standing.score for name, standing in standings.items()} == {"A": 0.5, "B": 0.5, "C": 0.0}
    assert (standings["A"].wins, standings["A"].draws, standings["C"].losses) == (0, 6, 6)
    assert result.sides()["C"] == {"team_0": 2, "team_1": 2, "team_2": 2}


def test_where_three_teams_have_a_lucky_one_every_player_has_a_third() -> None:
    result = match(Contest(agents=3, rule=first_wins), [naming(n) for n in range(3)], episodes=9)

    assert [standing.score for standing in result.standings().values()] == [pytest.approx(1 / 3)] * 3


def test_without_outcomes_the_higher_return_wins() -> None:
    result = match(Contest(outcomes=False), [naming(1, "A"), naming(2, "B")], episodes=4)

    assert result.by == "return"
    assert result.standings()["B"].wins == 4


def test_with_outcomes_returns_do_not_decide() -> None:
    """Here the lower number has the higher reward and loses all the same."""
    world = Contest(rewards=lambda chosen, seeds: -chosen)
    result = match(world, [naming(1, "A"), naming(2, "B")], episodes=4)

    assert result.by == "outcome"
    assert result.standings()["B"].wins == 4
    assert result.player_returns()["B"].mean == -2.0


def test_in_a_world_with_one_team_each_plays_alone_on_the_same_seeds() -> None:
    """Everybody gets the number named and 1 more where the seed is odd: luck that cancels in the difference of 2."""

    def lucky(chosen: Array, seeds: Array) -> Array:
        return chosen + (seeds % np.uint64(2)).astype(np.float64)[:, None]

    result = match(Contest(rule=lucky, together=True), [naming(0, "A"), naming(2, "B"), naming(2, "B")], episodes=20)
    differences = result.differences()

    assert result.standings() == {}
    assert result.balanced
    assert result.returns.shape == (20, 3, 1)
    assert differences.keys() == {("A", "B"), ("A", "B#2"), ("B", "B#2")}
    assert (differences["A", "B"].mean, differences["A", "B"].interval) == (-2.0, (-2.0, -2.0))
    assert result.player_returns()["A"].standard_error > 0
    assert list(result.lineup_metrics("parity")) == ["A", "B", "B#2"]


def test_an_episode_that_faults_takes_the_others_on_its_seed_with_it() -> None:
    """The first agent breaks the world where it names 2 on an odd seed, which happens in one of two lineups."""

    def faults(chosen: Array, seeds: Array) -> Array:
        return (chosen[:, 0] == 2) & (seeds % np.uint64(2) == 1)

    result = match(Contest(faults=faults), [naming(1, "A"), naming(2, "B")], episodes=40)
    odd = int((stream(0, "match", 0, np.arange(20)) % np.uint64(2)).sum())

    assert odd > 0
    assert result.dropped == 2 * odd
    assert result.episodes == 40 - 2 * odd
    assert not result.metrics["parity"].any()
    assert result.standings()["B"].wins == result.episodes
    assert result.sides()["A"] == {"team_0": 20 - odd, "team_1": 20 - odd}


def test_where_every_episode_faults_there_is_no_result() -> None:
    with pytest.raises(WorldError, match="world 'contest' faulted in every one of 2 episodes"):
        match(Contest(faults=lambda chosen, seeds: np.ones(len(seeds), bool)), [naming(0), naming(1)], episodes=4)


def test_players_with_one_name_are_told_apart() -> None:
    players = [naming(number, name) for number, name in enumerate(["A", "A#2", "A"])]

    assert match(Contest(agents=3), players, episodes=3).players == ("A", "A#2", "A#3")


def test_metrics_are_told_by_lineup_and_returns_by_team_too() -> None:
    """The first agent gets 10 more than it names; lineups name their players in the order of the teams."""
    result = match(
        Contest(rewards=lambda chosen, seeds: chosen + np.array([10, 0])), [naming(1, "A"), naming(2, "B")], episodes=4
    )
    returns = {team: {name: summary.mean for name, summary in result.team_returns(team).items()} for team in result.spec.teams}

    assert sorted(result.lineup_metrics("parity")) == ["A – B", "B – A"]
    assert returns == {"team_0": {"A": 11.0, "B": 12.0}, "team_1": {"A": 1.0, "B": 2.0}}


@pytest.mark.parametrize(
    ("world", "players", "message"),
    [
        (
            Contest(),
            [naming(0)],
            "has the teams team_0, team_1, so a match takes 2 players, got 1; a player may be named twice",
        ),
        (Contest(agents=3), [naming(0)] * 2, "a match takes 3 players, got 2"),
        (Contest(together=True), [naming(0)], "a match compares two players or more, got 1"),
        (
            Contest(),
            [naming(0, "A", agents=[1]), naming(0, "B", agents=[1])],
            "no lineup fills the teams team_0, team_1 of world 'contest': A plays team_1; B plays team_1",
        ),
        (Contest(together=True), [naming(0), naming(0, "B", agents=[1])], "player 'B' cannot play 'agent_0'"),
    ],
)
def test_what_cannot_be_a_match_is_refused(world: World, players: list[Player], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        match(world, players, episodes=4)


def test_no_episodes_are_refused() -> None:
    with pytest.raises(ConfigError, match="episodes must be at least 1, got 0"):
        match(Contest(rule=highest), [naming(0), naming(1)], episodes=0)
