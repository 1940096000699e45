"""Soccer's scripts are of three strengths, and a group has as many scripts as have names."""

import math

import numpy as np
import pytest
import torch

from marl_ppo.agents.scripted import register_script, scripted_policy
from marl_ppo.agents.scripted.soccer import Hard
from marl_ppo.envs import make_world
from marl_ppo.envs.seeds import stream
from marl_ppo.errors import ConfigError, UnknownNameError
from marl_ppo.evaluation.match import Standing, match
from marl_ppo.training.bots import check_bot_name
from marl_ppo.training.players import find_player, is_untrained

EPISODES = 200
LADDER = [
    ("scripted:hard", "scripted:medium", 0.75),
    ("scripted:medium", "scripted:easy", 0.75),
    ("scripted:easy", "random", 0.8),
]


def standing(first: str, second: str, **config: object) -> Standing:
    """How `first` does against `second`."""
    world = make_world("soccer", num_envs=EPISODES // 2, **config)
    players = [find_player(name, world.spec) for name in (first, second)]
    return match(world, players, episodes=EPISODES).standings()[first]


@pytest.mark.parametrize("team_size", [1, 2, 3])
@pytest.mark.parametrize(("better", "worse", "share"), LADDER)
def test_each_strength_wins_most_decisive_matches_against_the_next(
    better: str, worse: str, share: float, team_size: int
) -> None:
    """The same over many more matches, in `README.md` beside the world."""
    result = standing(better, worse, team_size=team_size)

    assert result.wins > share * (result.wins + result.losses)
    assert result.wins + result.losses > EPISODES / 2


def test_with_continuous_actions_the_strongest_plays_at_least_as_well() -> None:
    result = standing("scripted:hard", "scripted:medium", action="continuous")

    assert result.wins > 0.75 * (result.wins + result.losses)


def test_scripts_pass_the_ball_in_larger_teams() -> None:
    """Where players share the work, more than one touches the ball."""
    world = make_world("soccer", num_envs=50, team_size=5)
    hard = find_player("scripted", world.spec)

    assert match(world, [hard, hard], episodes=50).metrics["passes"].mean() > 1.0


@pytest.mark.parametrize("action", ["discrete", "continuous"])
@pytest.mark.parametrize("name", ["easy", "medium", "hard"])
def test_every_script_acts_row_by_row_within_its_action_space(name: str, action: str) -> None:
    """Rows in another order get the same actions in that order: no row depends on its neighbours."""
    world = make_world("soccer", num_envs=8, action=action)
    outputs = world.reset(stream(0, "eval", np.arange(8)))
    group = world.spec.groups[0]
    policy = scripted_policy("soccer", group, world.spec, name)
    rows = 8 * 4
    obs = torch.from_numpy(outputs.obs[0]["vector"]).flatten(0, 1)
    noise = torch.rand(rows, policy.noise_size, generator=torch.Generator().manual_seed(0))
    blank = torch.zeros(rows)

    def act(order: torch.Tensor) -> torch.Tensor:
        memory = blank[:, None][:, :0]
        return policy.act({"vector": obs[order]}, None, blank.long(), blank.bool(), memory, noise[order], False).actions

    forwards, backwards = act(torch.arange(rows)), act(torch.arange(rows).flip(0))

    assert torch.equal(forwards.flip(0), backwards)
    assert all(group.action.contains(row.astype(group.action_dtype)) for row in forwards.numpy())


def test_the_strongest_shoots_past_who_stands_before_the_goal() -> None:
    """In front of an open goal it kicks straight at it."""
    world = make_world("soccer", team_size=1)
    world.reset(np.zeros(1, np.uint64))
    world.pitch.position[0] = (1.0, 0.0), (-1.0, 0.0)
    world.pitch.ball[0] = 1.25, 0.0
    world._observe(np.ones(1, bool))
    script = Hard(world.spec.groups[0], world.spec)
    obs = torch.from_numpy(world.outputs.obs[0]["vector"][0, :1])

    push, value = script.best_kick(script.see(obs))

    assert value.item() > 5.0
    flight = script.see(obs).to_ball + push
    assert abs(math.atan2(flight[0, 1].item(), flight[0, 0].item())) < math.radians(30)


# Names


def test_the_script_without_a_name_is_the_strongest() -> None:
    spec = make_world("soccer").spec

    assert type(scripted_policy("soccer", spec.groups[0], spec)) is Hard
    assert type(scripted_policy("soccer", spec.groups[0], spec, "hard")) is Hard


def test_an_unknown_script_is_refused_with_those_that_there_are() -> None:
    soccer, kuhn = make_world("soccer").spec, make_world("kuhn").spec

    with pytest.raises(
        UnknownNameError, match=r"'scripted:harder'.*`scripted`, `scripted:easy`, `scripted:medium`, `scripted:hard`"
    ):
        find_player("scripted:harder", soccer)
    with pytest.raises(UnknownNameError, match=r"'scripted:easy'.*It has `scripted`\."):
        find_player("scripted:easy", kuhn)
    with pytest.raises(UnknownNameError, match=r"world with scripted players is called 'bees'"):
        scripted_policy("bees", kuhn.groups[0], kuhn, "easy")


def test_a_name_is_given_once() -> None:
    with pytest.raises(ConfigError, match=r"group 'players' of world 'soccer' already has the script '.*:Easy' called 'easy'"):
        register_script("soccer", "players", "elsewhere:Player", name="easy")


def test_nothing_that_was_trained_can_be_called_like_a_script() -> None:
    assert [is_untrained(name) for name in ("random", "scripted", "scripted:easy", "scripted:", "scripts", "easy")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
    with pytest.raises(ConfigError, match="letters, digits"):
        check_bot_name("scripted:easy")
