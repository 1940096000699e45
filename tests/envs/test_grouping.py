"""Who shares a policy and who wins together, found by themselves or said by patterns."""

from typing import Any

import pytest
from gymnasium import spaces

from marl_ppo.envs import make_world
from marl_ppo.envs.pettingzoo.grouping import groups_of, stem, teams_of
from marl_ppo.errors import ConfigError

SMALL = (spaces.Discrete(2), spaces.Discrete(2))
LARGE = (spaces.Discrete(3), spaces.Discrete(2))
ARMY = ["archer_0", "knight_0", "archer_1", "knight_1"]


def kinds(**spaces_of: Any) -> dict[str, Any]:
    return spaces_of


def army(archer: Any = SMALL, knight: Any = LARGE) -> dict[str, Any]:
    return {agent: archer if agent.startswith("archer") else knight for agent in ARMY}


def test_agents_with_equal_spaces_form_a_group_called_after_what_their_ids_share() -> None:
    assert groups_of(ARMY, army(), None) == {"archer": ["archer_0", "archer_1"], "knight": ["knight_0", "knight_1"]}


def test_a_group_of_unlike_ids_is_called_after_its_first_agent() -> None:
    assert groups_of(ARMY, army(knight=SMALL), None) == {"archer_0": ARMY}


def test_groups_whose_ids_share_the_same_are_called_after_their_first_agents() -> None:
    unequal = {"player_0": SMALL, "player_1": LARGE, "player_2": SMALL}

    assert groups_of(list(unequal), unequal, None) == {"player_0": ["player_0", "player_2"], "player_1": ["player_1"]}


def test_patterns_split_what_has_equal_spaces() -> None:
    found = groups_of(ARMY, army(knight=SMALL), "bows=archer_*,knight_*")

    assert found == {"bows": ["archer_0", "archer_1"], "knight": ["knight_0", "knight_1"]}


def test_a_plus_joins_two_patterns_and_nothing_else_does() -> None:
    wanted = {"first": ["archer_0", "knight_0"], "all": ["archer_1", "knight_1"]}

    assert groups_of(ARMY, army(knight=SMALL), "first=archer_0+knight_0,*") == wanted
    with pytest.raises(ConfigError, match=r"the name 'first' is given twice; join its patterns, as in first=GLOB\+GLOB"):
        groups_of(ARMY, army(knight=SMALL), "first=archer_0,first=knight_0,*")


def test_an_agent_belongs_to_the_first_pattern_it_matches() -> None:
    assert groups_of(ARMY, army(knight=SMALL), "one=archer_0,rest=*")["rest"] == ["knight_0", "archer_1", "knight_1"]


def test_unequal_spaces_cannot_share_a_group() -> None:
    with pytest.raises(ConfigError, match=r"group 'all' must have agents with equal spaces, got archer_0 with .*Discrete\(2\)"):
        groups_of(ARMY, army(), "*")


def test_a_pattern_that_matches_nobody_names_those_that_are_left() -> None:
    with pytest.raises(ConfigError, match=r"groups: the pattern 'mage_\*' matches no agent that is left; there are knight_0"):
        groups_of(ARMY, army(), "archer_*,mage_*")


def test_agents_that_no_pattern_matches_are_named() -> None:
    with pytest.raises(ConfigError, match=r"teams: knight_0, knight_1 match none of the patterns 'archer_\*'; a last .* `\*`"):
        teams_of(ARMY, "archer_*", by_name=True)


def test_teams_go_by_name_where_all_act_at_once_and_are_single_agents_in_turns() -> None:
    assert teams_of(ARMY, None, by_name=True) == {"archer": ["archer_0", "archer_1"], "knight": ["knight_0", "knight_1"]}
    assert teams_of(ARMY, None, by_name=False) == {agent: [agent] for agent in ARMY}


def test_a_team_may_hold_several_groups_and_a_group_several_teams() -> None:
    """Tag: the runner with one of its chasers against the other two."""
    spec = make_world("pettingzoo:mpe2.simple_tag_v3", teams="hunted=agent_0+adversary_0,hunters=*").spec

    assert spec.teams == ("hunted", "hunters")
    assert [(group.name, group.team) for group in spec.groups] == [("adversary", (0, 1, 1)), ("agent", (0,))]
    assert spec.config == {"teams": "hunted=agent_0+adversary_0,hunters=*"}


@pytest.mark.parametrize(("agent", "name"), [("agent_0", "agent"), ("piston12", "piston"), ("a_b_3", "a_b"), ("7", "7")])
def test_an_id_without_its_number(agent: str, name: str) -> None:
    assert stem(agent) == name


def test_no_agent_is_lost_where_names_are_alike() -> None:
    """Two kinds called q_1: one by what its ids have in common, one by the id of its only agent."""
    pairs = {"q_1": ("a", "x"), "q_2": ("b", "x"), "q_1_0": ("c", "x"), "q_1_1": ("c", "x")}
    found = groups_of(list(pairs), pairs, None)

    assert sorted(agent for members in found.values() for agent in members) == sorted(pairs)


def test_a_name_with_a_path_in_it_is_refused() -> None:
    """Groups name the folders of a checkpoint."""
    with pytest.raises(ConfigError, match=r"a name must be letters, digits and any of _ \. -, got '\.\./up'"):
        groups_of(["a"], {"a": ("o", "x")}, "../up=*")
