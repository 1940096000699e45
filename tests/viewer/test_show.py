"""What keys do to one match, and to several."""

import pytest
from viewer.scenes import Walk

from marl_ppo.errors import ConfigError
from marl_ppo.replays.replay import Event
from marl_ppo.viewer.show import KEYS, MOST_SIDE_BY_SIDE, SPEEDS, Show


def one(steps: int = 50) -> Show:
    return Show([[Walk(steps), Walk(steps, title="second")]])


def test_space_holds_the_picture_and_lets_it_go() -> None:
    show = one()
    show.press("space")
    show.tick(0.3)
    held = show.playbacks[0].position
    show.press("space")
    show.tick(0.3)

    assert held == 0.0
    assert show.playbacks[0].position == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("keys", "position"),
    [
        ("right", 21.0),
        ("left", 19.0),
        ("shift right", 30.0),
        ("shift left", 10.0),
        ("home", 0.0),
        ("end", 50.0),
        ("]", 33.0),
        ("[", 11.0),
    ],
)
def test_keys_that_move_by_hand_hold_the_match_there(keys: str, position: float) -> None:
    """From moment 20, with events at 11 and 33."""
    show = Show([[Walk(50, events=[Event(11, "goal", "a"), Event(33, "goal", "b")])]])
    show.playbacks[0].seek(20.0)
    show.press(keys)
    show.tick(1.0)

    assert show.paused
    assert show.playbacks[0].position == position


def test_plus_and_minus_change_the_speed_within_limits() -> None:
    show = one()
    show.press("+")
    faster = show.speed
    for _ in SPEEDS:
        show.press("-")
    slowest = show.speed
    for _ in SPEEDS:
        show.press("=")

    assert (faster, slowest, show.speed) == (2.0, 0.25, 16.0)


def test_n_and_b_go_from_match_to_match() -> None:
    show = one()
    titles = []
    for key in ("n", "n", "b", "r"):
        show.press(key)
        titles.append(show.playbacks[0].match.title)

    assert titles == ["second", "second", "walk", "second"]


def test_tab_goes_round_all_agents_and_nobody() -> None:
    show = one()
    followed = []
    for key in ("tab", "tab", "tab", "shift tab"):
        show.press(key)
        followed.append(show.followed[0])

    assert followed == ["agent", "other", None, "other"]


@pytest.mark.parametrize(("key", "overlay"), [("p", "probabilities"), ("V", "values"), ("g", "subgoals"), ("o", "sight")])
def test_overlays_come_and_go_by_their_keys(key: str, overlay: str) -> None:
    show = one()
    show.press(key)
    shown = set(show.overlays)
    show.press(key)

    assert (shown, show.overlays) == ({overlay}, set())


def test_escape_first_closes_the_help_and_then_quits() -> None:
    show = one()
    seen = []
    for key in ("?", "escape", "escape"):
        show.press(key)
        seen.append((show.help, show.quit))

    assert seen == [(True, False), (False, False), (False, True)]


def test_unknown_keys_do_nothing() -> None:
    show = one()
    before = described(show)
    for key in ("x", "2", "f5", "é", "²", ""):
        show.press(key)

    assert described(show) == before


def test_matches_side_by_side_go_on_together_each_from_its_own_place() -> None:
    show = Show([[Walk(50)], [Walk(50)]])
    show.playbacks[1].seek(10.0)
    show.tick(0.5)
    places = [playback.position for playback in show.playbacks]
    show.press("2")
    show.tick(0.5)

    assert places == pytest.approx([5.0, 15.0])
    assert [playback.position for playback in show.playbacks] == pytest.approx([5.0, 20.0])
    assert show.whole == 1


def test_m_shows_all_again_and_a_single_match_is_always_whole() -> None:
    several, single = Show([[Walk(5)], [Walk(5)]]), one()
    for show in (several, single):
        show.press("1")
        show.press("m")

    assert (several.whole, single.whole) == (None, 0)


def test_who_is_not_in_the_next_match_is_not_followed_there() -> None:
    second = Walk(5)
    second.players = {"somebody": "else"}
    show = Show([[Walk(5), second]])
    show.press("tab")
    show.press("n")

    assert show.followed == [None]


@pytest.mark.parametrize("count", [0, MOST_SIDE_BY_SIDE + 1])
def test_no_more_matches_than_can_be_seen(count: int) -> None:
    with pytest.raises(ConfigError, match=f"1 to 9 matches can be watched side by side, got {count}"):
        Show([[Walk(2)] for _ in range(count)])


def test_every_key_of_the_list_does_something() -> None:
    """A list of keys that has fallen behind is worse than none."""
    names = {"←": "left", "→": "right", "F1": "f1", "1 … 9": "2", "click": ""}
    listed = [
        names.get(key, key) for keys, _ in KEYS for key in (keys.split(", ") if "…" in keys else keys.replace(",", "").split())
    ]
    for key in filter(None, listed):
        show = Show([[Walk(50, events=[Event(3, "a", "a"), Event(40, "b", "b")]), Walk(9)] for _ in range(2)])
        for playback in show.playbacks:
            playback.next_match() if key == "b" else playback.seek(20.0)
        show.whole = 0 if key in ("m", "tab") else None
        before = described(show)
        show.press(key)

        assert described(show) != before, key


def described(show: Show) -> str:
    playbacks = [(playback.match.title, playback.match.last, playback.position) for playback in show.playbacks]
    return f"{playbacks} {show.paused} {show.speed} {show.overlays} {show.followed} {show.whole} {show.help} {show.quit}"
