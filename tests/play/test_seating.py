"""Who plays which seat: one player per team, on the policies that it has for the team's agents."""

from typing import Any

import numpy as np
import pytest

from marl_ppo.agents.scripted import uniform_policy
from marl_ppo.envs import make_world
from marl_ppo.envs.world import WorldSpec
from marl_ppo.errors import ConfigError
from marl_ppo.play.seating import Player, playable_teams, seat_players


@pytest.fixture
def tag() -> WorldSpec:
    """Three chasers and a prey: two groups, two teams."""
    return make_world("tag").spec


def player(spec: WorldSpec, *agents: str, name: str = "p", greedy: bool = False) -> Player:
    """With a policy for each group, for these agents or for all."""
    policies: dict[str, Any] = {}
    for group in spec.groups:
        policies |= dict.fromkeys(group.agents, uniform_policy(group))
    return Player(name=name, policies={a: p for a, p in policies.items() if not agents or a in agents}, greedy=greedy)


def test_every_copy_has_the_lineup_and_agents_share_their_groups_policy(tag: WorldSpec) -> None:
    one = player(tag)
    seating = seat_players(tag, 5, [one, one])

    assert [seats.tolist() for seats in seating.seats] == [[[0, 0, 0]] * 5, [[1]] * 5]
    assert seating.policies == (one.policies["adversary_0"], one.policies["agent_0"])


def test_teams_of_one_group_are_played_by_their_own_players() -> None:
    """In kuhn both players are one group; seat 0 is the first player's."""
    kuhn = make_world("kuhn").spec
    first, second = player(kuhn, name="first"), player(kuhn, name="second", greedy=True)
    seating = seat_players(kuhn, 2, [first, second])

    np.testing.assert_array_equal(seating.seats[0], [[0, 1], [0, 1]])
    assert seating.policies == (first.policies["player_0"], second.policies["player_1"])
    assert seating.greedy == (False, True)


def test_one_policy_played_in_two_manners_has_two_places() -> None:
    """A greedy and a sampling player may hold the same network."""
    kuhn = make_world("kuhn").spec
    policies = player(kuhn).policies
    seating = seat_players(kuhn, 1, [Player(name=str(g), policies=policies, greedy=g) for g in (True, False)])

    assert seating.seats[0].tolist() == [[0, 1]]
    assert seating.greedy == (True, False)


def test_a_player_plays_the_teams_all_of_whose_agents_it_knows(tag: WorldSpec) -> None:
    assert playable_teams(tag, player(tag)) == ["chasers", "prey"]
    assert playable_teams(tag, player(tag, "adversary_0", "adversary_1", "adversary_2")) == ["chasers"]
    assert playable_teams(tag, player(tag, "adversary_0", "agent_0")) == ["prey"]
    assert playable_teams(tag, player(tag, "adversary_0")) == []


def test_a_player_that_lacks_an_agent_of_its_team_is_refused(tag: WorldSpec) -> None:
    lacking = player(tag, "adversary_0", "agent_0", name="half")

    with pytest.raises(ConfigError, match=r"player 'half' cannot play 'adversary_1' of world 'tag'; it plays \['adversary_0'"):
        seat_players(tag, 1, [lacking, lacking])


def test_a_lineup_has_a_player_per_team(tag: WorldSpec) -> None:
    with pytest.raises(ConfigError, match=r"world 'tag' has the teams \['chasers', 'prey'\]; got 1 players"):
        seat_players(tag, 1, [player(tag)])


def test_a_lineup_may_name_a_player_for_each_agent(tag: WorldSpec) -> None:
    """One chaser of the three is a guest."""
    host, guest = player(tag, name="host"), player(tag, "adversary_1", name="guest", greedy=True)
    seating = seat_players(tag, 2, {**dict.fromkeys(tag.agents, host), "adversary_1": guest})

    assert [seats.tolist() for seats in seating.seats] == [[[0, 1, 0]] * 2, [[2]] * 2]
    assert seating.policies == (host.policies["adversary_0"], guest.policies["adversary_1"], host.policies["agent_0"])
    assert seating.greedy == (False, True, False)


def test_a_lineup_by_agents_names_them_all(tag: WorldSpec) -> None:
    with pytest.raises(ConfigError, match=r"no player for \['adversary_2', 'agent_0'\] of world 'tag'; it has \['adversary_0'"):
        seat_players(tag, 1, dict.fromkeys(["adversary_0", "adversary_1"], player(tag)))
