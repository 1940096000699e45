"""A whole show as a picture: what is drawn where, and what a click there means."""

import numpy as np
import pygame
import pytest
from viewer.scenes import Walk, disc_at

from marl_ppo.envs.scene import Disc
from marl_ppo.replays.replay import Event
from marl_ppo.viewer.palette import TEAMS, TEXT
from marl_ppo.viewer.renderer import pixels_of
from marl_ppo.viewer.screen import Screen
from marl_ppo.viewer.show import Show

SIZES = [(640, 480), (1280, 720), (300, 500), (64, 64)]


def drawn(show: Show, size: tuple[int, int] = (640, 480), *, controls: bool = True) -> np.ndarray:  # type: ignore[type-arg]
    picture = pygame.Surface(size, 0, 32)
    Screen(show).draw(picture, controls=controls)
    return pixels_of(picture)


def paused(match: Walk, place: float = 0.0, keys: str = "") -> Show:
    show = Show([[match]], ratings={"walker": "27.1 ± 1.2"})
    show.playbacks[0].seek(place)
    for key in ("space", *keys.split()):
        show.press(key)
    return show


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_any_show_can_be_drawn_at_any_size(size: tuple[int, int], count: int) -> None:
    show = Show([[Walk(9, thoughts=True, events=[Event(0, "goal", "goal for red", 0)])] for _ in range(count)])
    for key in ("", "tab", "p", "v", "g", "o", "?", "1", "tab"):
        show.press(key)
        drawn(show, size)


@pytest.mark.parametrize("keys", ["tab", "tab p", "v", "g", "o", "h", "tab p v g o h"])
def test_every_overlay_can_be_seen_and_goes_away_again(keys: str) -> None:
    plain = drawn(paused(Walk(9, thoughts=True), 3.5))
    laid_over = drawn(paused(Walk(9, thoughts=True), 3.5, keys))
    away = drawn(paused(Walk(9, thoughts=True), 3.5, f"{keys} {keys.replace('tab', 'tab tab')}"))

    assert (plain != laid_over).any()
    assert (plain == away).all()


def test_choices_are_called_by_their_names_where_these_are_told() -> None:
    """Names of another number of choices mean nothing, and numbers stay."""
    pictures = []
    for names in ((), ("left", "right"), ("←", "·", "→"), ("west", "stay", "east")):
        match = Walk(9, thoughts=True)
        match.choices = {"agent": names}
        pictures.append(drawn(paused(match, 3.5, "tab p")))
    numbers, wrong, arrows, words = pictures

    assert (numbers == wrong).all()
    assert (numbers != arrows).any()
    assert (words != arrows).any()


def test_equal_shows_give_equal_pixels_whatever_was_drawn_before() -> None:
    show, picture = paused(Walk(30, thoughts=True), 0.0, "tab p v g"), pygame.Surface((640, 480), 0, 32)
    screen = Screen(show)
    for place in (0.0, 0.5, 3.2, 3.2, 9.0, 2.5):
        show.playbacks[0].seek(place)
        screen.draw(picture)

    assert (pixels_of(picture) == drawn(paused(Walk(30, thoughts=True), 2.5, "tab p v g"))).all()


def test_new_subgoals_of_who_is_followed_are_marked_under_its_values() -> None:
    """In its colour, at the lowest line of the curve's field; with `g`, and only for somebody who is followed."""

    def marks(keys: str) -> int:
        picture = drawn(paused(Walk(30, thoughts=True), 3.5, keys))
        coloured = (picture == np.array(TEAMS[0])).all(-1)
        return max(int((row[1:] > row[:-1]).sum()) for row in coloured[330:])

    assert marks("tab v g") >= 6
    assert marks("tab v") < 6
    assert marks("v g") < 6


def test_events_are_marked_on_the_bar_in_the_colour_of_their_team() -> None:
    """At three quarters of the match, from the bar's left to its right end."""
    without, with_event = (drawn(paused(Walk(40, events=events))) for events in ([], [Event(30, "goal", "goal for blue", 1)]))
    columns = np.nonzero((without != with_event).any(axis=(0, 2)))[0]

    assert ((with_event == TEAMS[1]).all(axis=2) & (without != with_event).any(axis=2)).any()
    assert abs(columns.mean() - (13 + 0.75 * (640 - 26))) < 3


def test_the_pointer_on_the_bar_tells_the_step_and_what_happened() -> None:
    show = paused(Walk(40, events=[Event(20, "goal", "goal for blue", 1)]))
    screen, picture = Screen(show), pygame.Surface((640, 480), 0, 32)
    seen = []
    for x in (320, 321, 450):
        screen.draw(picture)
        row = screen._panes[0].bar.rect[1] + 2
        screen.move((x, row))
        screen.draw(picture)
        seen.append((pixels_of(picture)[: row - 8] == TEAMS[1]).all(axis=2).sum())

    assert seen[0] > seen[2], "the event's text has its team's colour"


def test_a_held_bar_is_followed_anywhere_and_the_match_waits() -> None:
    show = Show([[Walk(40)]])
    screen, picture = Screen(show), pygame.Surface((640, 480), 0, 32)
    screen.draw(picture)
    left, top, width, _ = screen._panes[0].bar.rect
    screen.down((left + width // 2, top))
    show.tick(1.0)
    held = show.playbacks[0].position
    screen.move((left + width + 500, 3))
    beyond = show.playbacks[0].position
    screen.move((left, 3))
    screen.up()
    show.tick(0.1)

    assert held == pytest.approx(20.0, abs=0.1)
    assert (beyond, show.playbacks[0].position) == (40.0, pytest.approx(1.0))


@pytest.mark.parametrize(("place", "followed"), [((0.0, 0.6), "other"), ((0.3, 0.05), "agent"), ((-0.8, -0.8), None)])
def test_a_click_on_a_body_follows_it(place: tuple[float, float], followed: str | None) -> None:
    """At moment 3 the walker is at x = 0.3; a click beside everybody follows nobody."""
    show = paused(Walk(9), 3.0, "tab")
    screen = Screen(show)
    screen.draw(pygame.Surface((640, 480), 0, 32))
    view = screen._panes[0].view
    x, y = view.point(*place)
    screen.down((view.rect[0] + round(x), view.rect[1] + round(y)))

    assert show.followed == [followed]


def test_a_click_on_one_of_several_matches_shows_it_alone() -> None:
    show = Show([[Walk(9)] for _ in range(4)])
    screen = Screen(show)
    screen.draw(pygame.Surface((640, 480), 0, 32))
    left, top, width, height = screen._panes[2].view.rect
    screen.down((left + width // 2, top + height // 2))

    assert show.whole == 2
    assert show.followed == [None] * 4


def test_bars_of_several_matches_move_each_its_own() -> None:
    show = Show([[Walk(40)] for _ in range(4)])
    screen = Screen(show)
    screen.draw(pygame.Surface((1280, 720), 0, 32))
    left, top, width, _ = screen._panes[3].bar.rect
    screen.down((left + width // 2, top + 1))

    assert [playback.position for playback in show.playbacks] == pytest.approx([0.0, 0.0, 0.0, 20.0], abs=0.3)
    assert show.whole is None


def test_what_an_agent_sees_is_drawn_for_who_is_followed_only() -> None:
    eye = Disc(key="eye", x=-0.5, y=-0.5, radius=0.3, team=4)
    sight: dict[str, tuple[Disc, ...]] = {"agent": (eye,), "other": ()}
    shown = [drawn(paused(Walk(9, sight=sight), 2.5, keys)) for keys in ("tab o", "tab tab o", "o", "tab")]
    yellow = [(picture == TEAMS[4]).all(axis=2).sum() > 100 for picture in shown]

    assert yellow == [True, False, False, False]


def test_teams_have_those_who_play_them_and_their_ratings_beside_them() -> None:
    renderer_lines = Screen(paused(Walk(9)))
    renderer_lines.draw(pygame.Surface((1280, 720), 0, 32))

    assert renderer_lines._renderers[0].sides == {"red": ["walker", "27.1 ± 1.2"], "blue": ["stander"]}


def test_a_gif_has_no_controls() -> None:
    with_bar, without = (drawn(paused(Walk(9)), controls=controls) for controls in (True, False))

    assert (with_bar[-40:] == TEXT).all(axis=2).any()
    assert not (without[-40:, :200] == TEXT).all(axis=2).any()


def test_a_match_that_goes_on_has_a_bar_as_long_as_it_may_become() -> None:
    show = Show([[Walk(40, plays_on=True)]])
    screen = Screen(show)
    screen.draw(pygame.Surface((640, 480), 0, 32))
    left, _, width, _ = screen._panes[0].bar.rect

    assert screen._panes[0].bar.position_at(left + width - 1) == 40.0
    assert disc_at(0.0).key in show.playbacks[0].match.players
