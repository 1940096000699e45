"""What is in view at which time, and what keys do."""

import itertools

import pytest
from viewer.scenes import walk

from marl_ppo.errors import ConfigError
from marl_ppo.viewer.playback import END_PAUSE_S, RATES, Playback


def x(playback: Playback) -> float:
    return playback.picture().scene.primitives[0].x


def test_motion_between_steps_is_smooth() -> None:
    """At 2 steps per second, 0.1 per step: after 0.25 s half a step, after 0.75 s one and a half."""
    playback = Playback(walk(5), rate=2.0)
    playback.tick(0.25)
    early = x(playback)
    playback.tick(0.5)

    assert early == pytest.approx(0.05)
    assert x(playback) == pytest.approx(0.15)


@pytest.mark.parametrize("ticks", [1, 7, 240])
def test_the_speed_does_not_depend_on_the_frames_per_second(ticks: int) -> None:
    """1.7 s at 8 steps per second is 13.6 steps of 0.1, however many frames it is cut into."""
    playback = Playback(walk(100), rate=8.0)
    for _ in range(ticks):
        playback.tick(1.7 / ticks)

    assert x(playback) == pytest.approx(1.36)


def test_an_episodes_end_is_held_and_nothing_slides_to_the_next_start() -> None:
    """The last moment, x = 0.1, stays for the pause; then the next episode starts at 0."""
    playback = Playback(walk(2, episodes=2), rate=10.0)
    playback.tick(0.1)
    seen = []
    for _ in range(3):
        playback.tick(END_PAUSE_S * 0.3)
        seen.append(x(playback))
    playback.tick(END_PAUSE_S * 0.11)

    assert seen == pytest.approx([0.1, 0.1, 0.1])
    assert x(playback) == pytest.approx(0.0, abs=0.02)
    assert playback.picture().hud[0] == "episode: 1"


def test_the_end_of_the_feed_stays_in_view() -> None:
    playback = Playback(walk(3))
    playback.tick(100.0)

    assert playback.over
    assert x(playback) == pytest.approx(0.2)


def test_space_holds_the_picture_and_lets_it_go() -> None:
    playback = Playback(walk(9), rate=10.0)
    playback.press("space")
    playback.tick(0.3)
    held = x(playback)
    playback.press("space")
    playback.tick(0.3)

    assert held == 0.0
    assert x(playback) == pytest.approx(0.3)


def test_right_goes_one_step_and_holds() -> None:
    playback = Playback(walk(9), rate=10.0)
    playback.tick(0.05)
    playback.press("right")
    playback.tick(5.0)

    assert playback.paused
    assert x(playback) == pytest.approx(0.1)


def test_plus_and_minus_change_the_speed_within_limits() -> None:
    playback = Playback(walk(2), rate=8.0)
    playback.press("+")
    faster = playback.rate
    for _ in RATES:
        playback.press("-")
    slowest = playback.rate
    for _ in RATES:
        playback.press("=")

    assert (faster, slowest, playback.rate) == (12.0, RATES[0], RATES[-1])


def test_r_goes_to_the_next_episode() -> None:
    playback = Playback(walk(50, episodes=3))
    playback.press("r")

    assert playback.picture().hud == ("episode: 1", "step: 0")


def test_r_in_the_last_episode_shows_its_end() -> None:
    playback = Playback(walk(50))
    playback.press("r")

    assert playback.over
    assert playback.picture().hud[1] == "step: 49"


@pytest.mark.parametrize("key", ["q", "escape"])
def test_q_and_escape_quit_and_other_keys_do_not(key: str) -> None:
    playback = Playback(walk(2))
    playback.press("x")
    before = playback.quit
    playback.press(key)

    assert (before, playback.quit) == (False, True)


def test_a_live_match_is_asked_for_one_step_ahead_and_no_more() -> None:
    """A feed that plays a match spends time per step, and a person who watches must not wait for the whole match."""
    feed = walk(100)
    Playback(itertools.chain(feed))

    assert next(feed).hud[1] == "step: 2"


def test_nothing_to_watch_is_said() -> None:
    with pytest.raises(ConfigError, match="the feed has no moment"):
        Playback(iter(()))


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_a_rate_that_goes_nowhere_is_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match=f"rate must be above 0 world steps per second, got {rate}"):
        Playback(walk(2), rate=rate)
