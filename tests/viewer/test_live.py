"""A match being played now, as a feed: one moment per world step, episode after episode."""

from itertools import islice
from typing import Any

import pytest

from marl_ppo.agents.scripted import scripted_policy
from marl_ppo.envs import make_world
from marl_ppo.envs.seeds import stream
from marl_ppo.envs.world import Array
from marl_ppo.play.play import Play
from marl_ppo.play.seating import Player, seat_players
from marl_ppo.viewer.feed import Moment
from marl_ppo.viewer.live import live_feed


def scripted_play(world_id: str, **config: Any) -> Play:
    world = make_world(world_id, **config)
    policies = {a: policy for g in world.spec.groups for policy in [scripted_policy(world_id, g, world.spec)] for a in g.agents}
    script = Player(name="scripted", policies=policies)
    seating = seat_players(world.spec, 1, [script] * len(world.spec.teams))

    def seeds(copies: Array, episodes: Array) -> Array:
        return stream(0, "match", copies, episodes)

    return Play(world, seating.policies, seating.seats, seeds)


def hud(moment: Moment) -> dict[str, float | str]:
    """Metrics have no value before the first step."""
    return {name: value if value == "–" else float(value) for name, value in (line.split(": ") for line in moment.hud)}


def test_an_episode_is_its_start_and_a_moment_per_step_then_the_next_one_starts() -> None:
    """Of five steps: a first moment, five more, and the first one of the next episode."""
    moments = list(islice(live_feed(scripted_play("two_kinds")), 13))

    assert [moment.is_first for moment in moments] == [n % 6 == 0 for n in range(13)]
    assert [hud(moment)["step"] for moment in moments] == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0]


def test_the_last_moment_of_an_episode_shows_its_true_end() -> None:
    """Not the world after its reset: the script of `two_kinds` is right at all five steps, for a return of 5 each."""
    moments = list(islice(live_feed(scripted_play("two_kinds")), 7))

    assert hud(moments[5]) == {"step": 5, "return crew": 5, "success": 1}
    assert hud(moments[6]) == {"step": 0, "return crew": 0, "success": "–"}
    assert moments[5].scene != moments[6].scene


def test_every_team_has_a_return_that_is_the_mean_over_its_agents() -> None:
    """In tag a catch pays each chaser, and costs the prey, 10: opposite but for what the prey pays at the walls."""
    play = scripted_play("tag")
    earned = {"chasers": 0.0, "prey": 0.0}
    for moment in islice(live_feed(play), 26):
        if not moment.is_first:
            chasers, prey = (rewards[0].mean() for rewards in play.world.outputs.rewards)
            earned["chasers"] += float(chasers)
            earned["prey"] += float(prey)

    assert {name: hud(moment)[f"return {name}"] for name in earned} == pytest.approx(earned, abs=0.006)
    assert earned["chasers"] > 0 > earned["prey"]


def test_what_is_shown_is_what_is_played_and_watching_changes_nothing() -> None:
    """Twin: the same play, stepped by hand over two episodes of 25 steps."""
    play = scripted_play("spread")
    play.start()
    scenes = [play.world.scene(0)]
    while len(scenes) < 60:
        play.decide()
        ended = play.advance().ended[0]
        scenes.append(play.world.scene(0))
        if ended:
            play.reset_ended()
            scenes.append(play.world.scene(0))

    assert [moment.scene for moment in islice(live_feed(scripted_play("spread")), len(scenes))] == scenes
