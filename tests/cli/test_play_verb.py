"""`marl-ppo play`, as far as it goes without a window: who sits where, and what cannot be played."""

from pathlib import Path
from typing import Any

import pytest

from marl_ppo.cli.play_finish import Finisher
from marl_ppo.envs import make_world
from marl_ppo.envs.seeds import stream
from marl_ppo.envs.world import WorldSpec
from marl_ppo.play.play import Play
from marl_ppo.play.seating import by_agent, seat_players
from marl_ppo.training.players import find_player
from marl_ppo.training.stand_ins import stand_in


def spec_of(world: str, **settings: object) -> WorldSpec:
    return make_world(world, **settings).spec


@pytest.mark.parametrize(
    ("world", "settings", "agents", "name"),
    [
        ("soccer", {}, ["orange_0", "orange_1"], "soccer-medium"),
        ("soccer", {"team_size": 3}, ["orange_0"], "scripted"),
        ("tag", {}, ["agent_0"], "tag-prey"),
        ("tag", {}, ["adversary_1"], "tag-chasers"),
        ("kuhn", {}, ["player_1"], "scripted"),
        ("duel", {}, ["duelist_1"], "duel"),
    ],
)
def test_who_is_not_named_is_a_bot_of_the_world_or_a_script(
    world: str, settings: dict[str, Any], agents: list[str], name: str
) -> None:
    """In an empty folder: what comes with marl_ppo is enough to play at once, against the medium one of several levels."""
    assert stand_in(spec_of(world, **settings), agents).name == name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("play", "name one world, such as `marl-ppo play soccer`; got none"),
        ("play soccer tag", "name one world, such as `marl-ppo play soccer`; got ['soccer', 'tag']"),
        ("play socer", "No world is called 'socer'. Did you mean 'soccer'?"),
        ("play soccer --seat orang", "No seat of world 'soccer' is called 'orang'. Did you mean 'orange'?"),
        ("play soccer --at 5", "--at 5 is a moment of a recorded match: name it with --replay FILE"),
        ("play soccer --rate 0", "rate must be positive and finite, got 0.0"),
        ("play soccer --against soccer-harder", "No player is called 'soccer-harder'. Did you mean 'soccer-hard'?"),
        ("play spread --against random", "--against random has nobody to play: agent_0 has no opponents"),
        ("play kuhn --with random", "--with random has nobody to play: player_0 has no mates"),
        ("play tag --against tag-chasers", "cannot play 'agent_0'"),
        ("play kuhn --rated ann", "--rated needs a league: name it with --league"),
        ("play kuhn --league tiny", "--league needs your name in it: --rated NAME"),
        ("play kuhn --rated ann --league tiny", "No league is called 'tiny'."),
        ("play soccer --replay soccer", "a match that is played on keeps its world, settings and seed"),
        ("play --replay soccer --at 9999", "a branch may begin at moments 0 to"),
        ("play pettingzoo:mpe2.simple_spread_v3 render_mode=ansi", "cannot be played by hand: it has no scene"),
        ("play pettingzoo:mpe2.simple_spread_v3 continuous_actions=True", "by hand: the world does not tell what keys mean"),
        ("play pettingzoo:mpe2.simple_spread_v3", "there is no screen to open a window on"),
        ("play soccer", "there is no screen to open a window on, and nobody can play without one"),
    ],
)
def test_what_cannot_be_played_is_said(marl_ppo: Any, folder: Path, arguments: str, message: str) -> None:
    said = marl_ppo(*arguments.split())

    assert said.code == 2
    assert message in said.err
    assert not list(folder.iterdir())


def test_a_match_that_cannot_be_saved_leaves_the_window_open(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is told why, and a rated one has been rated by then."""
    (folder / "replays").touch()
    world = make_world("kuhn", num_envs=1)
    players = by_agent(world.spec, [find_player("random", world.spec)] * 2)
    finisher = Finisher(world, "player_0", players, None, "")
    seating = seat_players(world.spec, 1, players)

    def seeds(copies: Any, episodes: Any) -> Any:
        return stream(0, "match", copies, episodes)

    play = Play(world, seating.policies, seating.seats, seeds, observers=finisher.observers)
    play.start()
    while not world.outputs.ended[0]:
        play.decide()
        play.advance()

    assert finisher(True) == ["not saved: replays: File exists"]
    assert capsys.readouterr().out == "not saved: replays: File exists\n"
