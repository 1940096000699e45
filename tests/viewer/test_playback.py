"""Which moment of which match is in view at which time."""

import itertools

import pytest
from viewer.scenes import Walk

from marl_ppo.errors import ConfigError
from marl_ppo.replays.replay import Event
from marl_ppo.viewer.feed import Moment
from marl_ppo.viewer.playback import END_PAUSE_S, MOST_KEPT, Playback


def x(playback: Playback) -> float:
    primitive = playback.view().scene.primitives[0]
    return primitive.x


def test_motion_between_steps_is_smooth() -> None:
    """At 2 steps per second, 0.1 per step: after 0.25 s half a step, after 0.75 s one and a half."""
    playback = Playback([Walk(5, rate=2.0)])
    playback.tick(0.25)
    early = x(playback)
    playback.tick(0.5)

    assert early == pytest.approx(0.05)
    assert x(playback) == pytest.approx(0.15)


@pytest.mark.parametrize("ticks", [1, 7, 240])
def test_the_speed_does_not_depend_on_the_frames_per_second(ticks: int) -> None:
    """1.7 s at twice 8 steps per second is 27.2 steps of 0.1, however many frames it is cut into."""
    playback = Playback([Walk(100, rate=8.0)])
    for _ in range(ticks):
        playback.tick(1.7 / ticks, 2.0)

    assert x(playback) == pytest.approx(2.72)


def test_the_hud_is_that_of_the_moment_before() -> None:
    playback = Playback([Walk(5)])
    playback.seek(2.7)

    assert playback.view().moment.hud == ("step: 2",)


def test_a_matchs_end_is_held_and_nothing_slides_to_the_next_start() -> None:
    """The last moment, x = 0.1, stays for the pause; then the next match starts at 0."""
    playback = Playback([Walk(1), Walk(1, title="second")])
    playback.tick(0.1)
    seen = []
    for _ in range(3):
        playback.tick(END_PAUSE_S * 0.3)
        seen.append(x(playback))
    playback.tick(END_PAUSE_S * 0.11)

    assert seen == pytest.approx([0.1, 0.1, 0.1])
    assert x(playback) == 0.0
    assert playback.match.title == "second"


def test_nothing_slides_to_a_moment_that_begins_anew() -> None:
    """A timeline of two episodes, of which the second begins at moment 3."""

    class Twice(Walk):
        def moment(self, step: int) -> Moment:
            return super().moment(step)._replace(is_first=step in (0, 3))

    playback = Playback([Twice(5)])
    playback.seek(2.9)

    assert x(playback) == pytest.approx(0.2)


def test_the_end_of_the_last_match_stays_in_view() -> None:
    playback = Playback([Walk(2)])
    for _ in range(5):
        playback.tick(100.0)

    assert playback.over
    assert x(playback) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("place", "steps", "then"), [(2.0, 1, 3.0), (2.5, 1, 3.0), (2.5, -1, 2.0), (2.0, -1, 1.0), (2.5, -10, 0.0), (2.5, 10, 9.0)]
)
def test_steps_go_to_whole_moments(place: float, steps: int, then: float) -> None:
    """Of nine steps: from between two moments to the nearer one in that direction, and never out of the match."""
    playback = Playback([Walk(9)])
    playback.seek(place)
    playback.go(steps)

    assert playback.position == then


def test_a_live_match_is_played_one_step_ahead_and_no_more() -> None:
    """To play a step takes time, and a person who watches must not wait for the whole match."""
    match = Walk(100, plays_on=True)
    playback = Playback([match])
    playback.seek(3.5)
    playback.view()

    assert match.last == 5


def test_a_live_match_can_be_gone_back_in_and_its_end_is_found() -> None:
    playback = Playback([Walk(6, plays_on=True)])
    playback.tick(0.45)
    playback.seek(1.0)
    back = x(playback)
    playback.tick(10.0)

    assert back == pytest.approx(0.1)
    assert playback.over
    assert playback.position == 6.0


def test_events_are_jumped_to_one_by_one() -> None:
    """Of events at 3, 3 and 7: forward from 0 to 3, 7 and no further; back from 7.5 to 3 and no further."""
    events = [Event(3, "goal", "goal for red", 0), Event(3, "goal", "once more", 0), Event(7, "end", "the end")]
    playback = Playback([Walk(9, events=events)])
    places = []
    for direction in (1, 1, 1):
        playback.to_event(direction)
        places.append(playback.position)
    playback.seek(7.5)
    for direction in (-1, -1):
        playback.to_event(direction)
        places.append(playback.position)

    assert places == [3.0, 7.0, 7.0, 3.0, 3.0]


def test_matches_are_asked_for_one_by_one_and_can_be_gone_back_to() -> None:
    made = []

    def matches():  # type: ignore[no-untyped-def]
        for number in itertools.count():
            made.append(number)
            yield Walk(3, title=str(number))

    playback = Playback(matches())
    first = list(made)
    playback.next_match()
    playback.next_match()
    playback.previous_match()

    assert (first, made, playback.match.title) == ([0], [0, 1, 2], "1")


def test_the_last_match_has_none_after_it() -> None:
    playback = Playback([Walk(9)])
    playback.seek(4.0)

    assert not playback.next_match()
    assert playback.position == 4.0


def test_of_endless_matches_only_some_are_kept() -> None:
    playback = Playback(Walk(1, title=str(number)) for number in itertools.count())
    for _ in range(3 * MOST_KEPT):
        playback.next_match()
    for _ in range(2 * MOST_KEPT):
        playback.previous_match()

    assert playback.match.title == str(2 * MOST_KEPT + 1)


def test_nothing_to_watch_is_said() -> None:
    with pytest.raises(ConfigError, match="there is nothing to watch: no match was given"):
        Playback(iter(()))


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_goes_nowhere_is_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match=f"rate must be above 0 world steps per second, got {rate}"):
        Playback([Walk(2, rate=rate)])
