"""A match being played now, as a timeline, and match after match."""

from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest

from marl_ppo.agents.scripted import scripted_policy
from marl_ppo.envs import make_world
from marl_ppo.envs.seeds import stream
from marl_ppo.envs.world import Array
from marl_ppo.play.play import Play
from marl_ppo.play.seating import Player, by_agent, seat_players
from marl_ppo.training.players import find_player
from marl_ppo.viewer.feed import Moment
from marl_ppo.viewer.live import LiveTimeline, Meeting, live_matches


def meeting(world_id: str, player: Player | None = None, **config: Any) -> Meeting:
    world = make_world(world_id, **config)
    policies = {a: policy for g in world.spec.groups for policy in [scripted_policy(world_id, g, world.spec)] for a in g.agents}
    lineup = by_agent(world.spec, [player or Player(name="scripted", policies=policies)] * len(world.spec.teams))
    seating = seat_players(world.spec, 1, lineup)

    def seeds(copies: Array, episodes: Array) -> Array:
        return stream(0, "match", copies, episodes)

    return Meeting(play=Play(world, seating.policies, seating.seats, seeds), players=lineup)


def moments(match: LiveTimeline) -> list[Moment]:
    """All of a match, looked at one by one."""
    found = [match.moment(0)]
    while len(found) <= match.last:
        found.append(match.moment(len(found)))
    return found


def hud(moment: Moment) -> dict[str, float | str]:
    """Metrics have no value before the first step."""
    return {name: value if value == "–" else float(value) for name, value in (line.split(": ") for line in moment.hud)}


def test_a_match_is_its_start_and_a_moment_per_step_then_the_next_one_starts() -> None:
    """Of five steps: a first moment and five more; and the same for the next match."""
    for match in islice(live_matches(meeting("two_kinds")), 2):
        seen = moments(match)

        assert [moment.is_first for moment in seen] == [True] + 5 * [False]
        assert [hud(moment)["step"] for moment in seen] == [0, 1, 2, 3, 4, 5]


def test_it_is_played_no_further_than_one_moment_beyond_what_was_looked_at() -> None:
    match = LiveTimeline(meeting("spread"))
    before = match.last
    match.moment(3)

    assert (before, match.last, match.longest) == (0, 4, 25)


def test_what_was_seen_is_kept_and_the_same_when_looked_at_again() -> None:
    match = LiveTimeline(meeting("spread"))
    seen = moments(match)

    assert [match.moment(step) for step in reversed(range(26))] == seen[::-1]


def test_the_last_moment_shows_the_true_end() -> None:
    """Not the world after its reset: the script of `two_kinds` is right at all five steps, for a return of 5 each."""
    first, second = (moments(match) for match in islice(live_matches(meeting("two_kinds")), 2))

    assert hud(first[5]) == {"step": 5, "return crew": 5, "success": 1}
    assert hud(second[0]) == {"step": 0, "return crew": 0, "success": "–"}
    assert first[5].scene != second[0].scene


def test_every_team_has_a_return_that_is_the_mean_over_its_agents() -> None:
    """In tag a catch pays each chaser, and costs the prey, 10: opposite but for what the prey pays at the walls."""
    made = meeting("tag")
    match, earned = LiveTimeline(made), {"chasers": 0.0, "prey": 0.0}
    for step in range(25):
        match.moment(step)
        chasers, prey = (rewards[0].mean() for rewards in made.play.world.outputs.rewards)
        earned["chasers"] += float(chasers)
        earned["prey"] += float(prey)

    assert {name: hud(match.moment(25))[f"return {name}"] for name in earned} == pytest.approx(earned, abs=0.006)
    assert earned["chasers"] > 0 > earned["prey"]


def test_what_is_shown_is_what_is_played_and_watching_changes_nothing() -> None:
    """Twin: the same play, stepped by hand over two episodes of 25 steps."""
    play = meeting("spread").play
    play.start()
    scenes = [play.world.scene(0)]
    while len(scenes) < 52:
        play.decide()
        ended = play.advance().ended[0]
        scenes.append(play.world.scene(0))
        if ended:
            play.reset_ended()
            scenes.append(play.world.scene(0))

    watched = [moment.scene for match in islice(live_matches(meeting("spread")), 2) for moment in moments(match)]
    assert watched == scenes[:52]


def test_a_match_that_is_left_goes_no_further_and_the_next_is_another() -> None:
    matches = live_matches(meeting("spread"))
    first = next(matches)
    first.moment(3)
    second = next(matches)
    first.moment(first.last)

    assert (first.last, first.longest, second.last) == (4, 4, 0)
    assert first.moment(0).scene != second.moment(0).scene


def test_its_events_are_those_of_the_world_as_far_as_it_was_played() -> None:
    match = LiveTimeline(meeting("soccer"))
    match.moment(0)
    none_yet = list(match.events)
    seen = moments(match)
    goals = [event for event in match.events if event.kind == "goal"]

    assert none_yet == []
    assert match.events[-1].kind == "end"
    assert match.events[-1].step == len(seen) - 1
    assert len(goals) == sum(hud(seen[-1])[f"goals_{team}"] for team in ("blue", "orange"))


def test_networks_tell_what_they_think_and_scripts_do_not() -> None:
    world = make_world("spread")
    trained = LiveTimeline(meeting("spread", find_player("spread", world.spec)))
    thought = trained.moment(2).thoughts["agent_0"]
    values = trained.values("agent_0")

    assert thought.probabilities is not None
    assert thought.probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    assert thought.value == pytest.approx(values[2])
    assert np.isnan(values).tolist() == [False, False, False, True]  # the moment after has been reached, not thought about
    assert LiveTimeline(meeting("spread")).moment(2).thoughts == {}


def test_a_newer_player_takes_over_when_a_match_is_over() -> None:
    """And its notes stand in the HUD before all else."""
    made, asked = meeting("two_kinds"), []

    def renew() -> Meeting:
        asked.append(len(asked))
        return replace(made, notes=[f"update: {len(asked)}"])

    matches = live_matches(made, renew)
    heads = [next(matches).moment(0).hud[0] for _ in range(3)]

    assert heads == ["step: 0", "update: 1", "update: 2"]
    assert made.play.episode[0] == 2
