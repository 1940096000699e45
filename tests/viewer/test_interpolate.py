"""Scenes between two world steps."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from viewer.scenes import disc_at, scene

from marl_ppo.envs.scene import Box, Disc, Line, Scene, Sprite, Text
from marl_ppo.viewer.interpolate import between


def only(picture: Scene) -> Disc:
    (primitive,) = picture.primitives
    assert isinstance(primitive, Disc)
    return primitive


def test_half_way_is_in_the_middle() -> None:
    """From (0, 0) to (0.4, -0.2): at one half (0.2, -0.1)."""
    middle = only(between(scene(disc_at(0.0)), scene(disc_at(0.4, -0.2)), 0.5))

    assert (middle.x, middle.y) == pytest.approx((0.2, -0.1))


@given(st.floats(-2.0, 0.0))
def test_the_start_is_the_first_scene_itself(fraction: float) -> None:
    before, after = scene(disc_at(0.0)), scene(disc_at(1.0))

    assert between(before, after, fraction) is before
    assert between(before, after, 1.0 - fraction) is after


@pytest.mark.parametrize(
    ("before", "after", "field", "middle"),
    [
        (Box(key="b", x=0, y=0, width=1, height=2), Box(key="b", x=0, y=0, width=2, height=4), "height", 3.0),
        (Line(key="l", x=0, y=0, x2=1, y2=1), Line(key="l", x=0, y=0, x2=1, y2=3), "y2", 2.0),
        (Text(key="t", x=0, y=0, text=""), Text(key="t", x=1, y=0, text=""), "x", 0.5),
    ],
)
def test_every_kind_of_shape_moves(before: Box, after: Box, field: str, middle: float) -> None:
    (moved,) = between(scene(before), scene(after), 0.5).primitives

    assert getattr(moved, field) == middle


def test_headings_turn_the_short_way_round() -> None:
    """From 170 to -170 degrees it is 20 degrees over 180, not 340 over 0: half-way is 180."""
    west = Sprite(key="s", x=0, y=0, name="arrow", width=1, height=1, heading_rad=math.radians(170))

    (turned,) = between(scene(west), scene(replace(west, heading_rad=math.radians(-170))), 0.5).primitives

    assert isinstance(turned, Sprite)
    assert math.degrees(turned.heading_rad) == pytest.approx(180)


def test_what_appears_fades_in_and_what_leaves_fades_out() -> None:
    """A quarter of the way: what comes has a quarter of its alpha, 0.8; what goes three quarters."""
    leaving, coming = disc_at(0.0, key="old", alpha=0.8), disc_at(0.5, key="new", alpha=0.8)

    gone, come = between(scene(leaving), scene(coming), 0.25).primitives

    assert (gone.key, gone.alpha) == ("old", pytest.approx(0.6))
    assert (come.key, come.alpha) == ("new", pytest.approx(0.2))


def test_words_that_appear_or_leave_change_half_way() -> None:
    word = Text(key="t", x=0, y=0, text="hello")

    assert [len(between(scene(word), scene(), f).primitives) for f in (0.4, 0.6)] == [1, 0]
    assert [len(between(scene(), scene(word), f).primitives) for f in (0.4, 0.6)] == [0, 1]


def test_a_key_that_changes_its_kind_is_another_thing() -> None:
    """A disc that becomes a box under the same key does not slide: it is exchanged."""
    both = between(scene(disc_at(0.0, key="k")), scene(Box(key="k", x=9, y=0, width=1, height=1)), 0.5).primitives

    assert [(type(shape), shape.x) for shape in both] == [(Disc, 0.0), (Box, 9)]


def test_teams_and_captions_change_half_way() -> None:
    before, after = scene(disc_at(0.0, team=0), caption="a"), scene(disc_at(1.0, team=1), caption="b")

    early, late = between(before, after, 0.4), between(before, after, 0.6)

    assert (only(early).team, early.caption) == (0, "a")
    assert (only(late).team, late.caption) == (1, "b")


def test_the_camera_moves_too() -> None:
    before, after = Scene(bounds=(-1, -1, 1, 1)), Scene(bounds=(-2, -2, 2, 2))

    assert between(before, after, 0.5).bounds == (-1.5, -1.5, 1.5, 1.5)


def test_the_order_of_drawing_is_that_of_the_later_scene() -> None:
    before = scene(disc_at(0.0, key="a"), disc_at(0.0, key="b"))
    after = scene(disc_at(1.0, key="b"), disc_at(1.0, key="a"))

    assert [shape.key for shape in between(before, after, 0.5).primitives] == ["b", "a"]


def test_what_leaves_stays_above_what_it_was_drawn_upon() -> None:
    """A tail on the grass must not sink under the grass while it fades."""
    grass, tail, ball = (disc_at(0.0, key=key) for key in ("grass", "tail", "ball"))

    drawn = between(scene(grass, tail, ball), scene(grass, ball), 0.5).primitives

    assert [primitive.key for primitive in drawn] == ["grass", "tail", "ball"]


def test_what_an_agent_sees_moves_too_for_the_one_that_is_asked_for() -> None:
    before, after = (scene(sight={"a": (disc_at(x, key="eye"),), "b": ()}) for x in (0.0, 0.4))

    seen = between(before, after, 0.5, sight_of="a").sight

    assert list(seen) == ["a"]
    assert seen["a"][0].x == pytest.approx(0.2)
    assert between(before, after, 0.5).sight == {}
