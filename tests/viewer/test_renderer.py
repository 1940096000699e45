"""What a drawn picture shows, pixel by pixel where it matters."""

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pygame
import pytest
from viewer.scenes import BOUNDS, disc_at, scene

from marl_ppo.envs import make_world, registered_worlds
from marl_ppo.envs.scene import Box, Disc, Line, Picture, Primitive, Scene, Sprite, Text
from marl_ppo.errors import ConfigError
from marl_ppo.viewer.layout import View, arrange
from marl_ppo.viewer.palette import BOARD, GRID, SCENERY, TEAMS, mixed, team_colour
from marl_ppo.viewer.renderer import Renderer

SIZE = (200, 200)


def pixel(picture: Scene, x: float, y: float) -> tuple[int, ...]:
    """The colour at world (x, y) of a picture without a panel."""
    view = View.fit(picture, arrange(SIZE, 0).board)
    column, row = view.point(x, y)
    frame = Renderer(SIZE).frame(picture)
    return tuple(int(value) for value in frame[view.rect[1] + int(row), view.rect[0] + int(column)])


def test_a_frame_is_rows_of_rgb_bytes() -> None:
    frame = Renderer((120, 80)).frame(scene())

    assert (frame.shape, frame.dtype) == ((80, 120, 3), np.uint8)


@pytest.mark.parametrize("team", [0, 1, 6])
def test_a_body_has_the_colour_of_its_team(team: int) -> None:
    assert pixel(scene(disc_at(0.0, team=team)), 0.0, 0.0) == TEAMS[team]


def test_scenery_has_no_teams_colour() -> None:
    assert pixel(scene(disc_at(0.0, team=-1)), 0.0, 0.0) == SCENERY
    assert SCENERY not in TEAMS


def test_y_points_up_and_x_to_the_right() -> None:
    """A disc at (0.5, 0.5) is in the upper right quarter, so nothing of it is at the mirrored places."""
    picture = scene(disc_at(0.5, 0.5))

    assert pixel(picture, 0.5, 0.5) == TEAMS[0]
    frame = Renderer(SIZE).frame(picture)
    rows, columns = np.nonzero((frame == TEAMS[0]).all(axis=2))
    assert rows.max() < SIZE[1] / 2 < columns.min()


@pytest.mark.parametrize(
    "primitive",
    [
        Box(key="body", x=0.4, y=-0.4, width=0.3, height=0.3, team=2),
        Line(key="body", x=0.0, y=-0.4, x2=0.8, y2=-0.4, width=0.2, team=2),
        Sprite(key="body", x=0.4, y=-0.4, width=0.4, height=0.4, name="arrow", team=2),
        Sprite(key="body", x=0.4, y=-0.4, width=0.4, height=0.4, name="arrow", heading_rad=2.0, team=2),
    ],
    ids=["box", "line", "arrow", "turned arrow"],
)
def test_every_shape_is_drawn_where_it_is(primitive: Primitive) -> None:
    assert pixel(scene(primitive), 0.4, -0.4) == TEAMS[2]


def test_an_arrow_points_where_it_heads() -> None:
    """A quarter turn to the left: the tip, 0.5 of the width ahead of the centre, is above it."""
    north = scene(Sprite(key="a", x=0.0, y=0.0, width=1.0, height=1.0, name="arrow", heading_rad=math.pi / 2, team=0))

    assert pixel(north, 0.0, 0.4) == TEAMS[0]
    assert pixel(north, 0.4, 0.0) != TEAMS[0]


def test_a_picture_that_nobody_knows_is_a_box_with_its_name() -> None:
    named = scene(Sprite(key="s", x=0.0, y=0.0, width=1.0, height=1.0, name="teapot", team=0))
    other = scene(Sprite(key="s", x=0.0, y=0.0, width=1.0, height=1.0, name="kettle", team=0))

    assert pixel(named, 0.0, 0.4) == TEAMS[0]
    assert (Renderer(SIZE).frame(named) != Renderer(SIZE).frame(other)).any()


def test_what_is_not_filled_is_an_outline() -> None:
    ring = scene(Box(key="b", x=0.0, y=0.0, width=1.0, height=1.0, team=0, filled=False))

    assert pixel(ring, 0.1, 0.1) in (BOARD, GRID)
    assert TEAMS[0] in {pixel(ring, -0.5 + inside, 0.1) for inside in (0.0, 0.01, 0.02)}


def test_alpha_mixes_a_body_with_what_is_under_it() -> None:
    """Half of team 1's colour over a disc of team 0; rounding costs at most two."""
    below, above = disc_at(0.0, key="below"), disc_at(0.0, key="above", team=1, alpha=0.5)

    seen = pixel(scene(below, above), 0.05, 0.05)

    assert seen == pytest.approx(mixed(TEAMS[0], TEAMS[1], 0.5), abs=2)


def test_later_shapes_cover_earlier_ones() -> None:
    assert pixel(scene(disc_at(0.0, key="a", team=0), disc_at(0.0, key="b", team=1)), 0.0, 0.0) == TEAMS[1]


def test_edges_are_smooth() -> None:
    """A hard edge has two colours, body and board; a smooth one has dozens of mixtures."""
    frame = Renderer(SIZE).frame(scene(disc_at(0.0)))

    assert len(np.unique(frame.reshape(-1, 3), axis=0)) > 20


def test_drawing_twice_gives_equal_bytes_whatever_was_drawn_between() -> None:
    renderer = Renderer((240, 160), teams=("red", "blue"), title="twice")
    picture = scene(disc_at(0.1), Text(key="t", x=0.0, y=0.5, text="hello"), caption="said")
    first = renderer.frame(picture, ("step: 1",)).tobytes()
    renderer.frame(Scene(bounds=(0.0, 0.0, 9.0, 5.0), primitives=(disc_at(3.0),)), ("step: 2", "more: 3"))

    assert renderer.frame(picture, ("step: 1",)).tobytes() == first


def test_labels_stay_on_the_board_and_are_legible() -> None:
    """Words that do not fit on a body go under it in light letters, moved inside at the board's edge."""
    body = Box(key="b", x=0.95, y=0.0, width=0.05, height=0.1, team=0, label="a long name")
    plain = Box(key="b", x=0.95, y=0.0, width=0.05, height=0.1, team=0)
    changed = (Renderer(SIZE).frame(scene(body)) != Renderer(SIZE).frame(scene(plain))).any(axis=2)
    view = View.fit(scene(), arrange(SIZE, 0).board)
    columns = np.nonzero(changed)[1]

    assert len(columns) > 0
    assert columns.max() < view.rect[0] + view.rect[2]
    assert columns.min() < view.rect[0] + 0.8 * view.rect[2]


@pytest.mark.parametrize(("team", "side"), [(0, 1), (-1, -1)])
def test_names_stand_under_players_and_above_scenery(team: int, side: int) -> None:
    """A player that stands on a landmark hides neither name. Rows grow downwards, the disc is in the middle row."""
    small = Disc(key="d", x=0.0, y=0.0, radius=0.02, team=team)
    changed = Renderer(SIZE).frame(scene(replace(small, label="name"))) != Renderer(SIZE).frame(scene(small))
    _, middle = View.fit(scene(), arrange(SIZE, 0).board).point(0.0, 0.0)
    rows = np.nonzero(changed.any(axis=2))[0] - arrange(SIZE, 0).board[1] - middle

    assert len(rows) > 0
    assert (rows * side > 0).all()


def test_the_panel_names_teams_in_their_colours() -> None:
    frame = Renderer((300, 200), teams=("red", "blue")).frame(scene())
    panel = frame[:, arrange((300, 200), 2).cells[0][0] :].reshape(-1, 3)

    for team in (0, 1):
        assert (panel == team_colour(team)).all(axis=1).any()


@pytest.mark.parametrize("size", [(300, 200), (200, 300), (200, 200)])
def test_every_hud_line_shows(size: tuple[int, int]) -> None:
    renderer = Renderer(size, teams=("red",))
    lines = ["step: 1", "return: -3.25", "coverage: 0.5"]
    frame = renderer.frame(scene(), lines)

    for i in range(len(lines)):
        changed = [*lines[:i], lines[i].replace(": ", ": 7"), *lines[i + 1 :]]
        assert (renderer.frame(scene(), changed) != frame).any()


def test_an_empty_line_is_a_gap_in_a_column_and_nothing_in_a_grid() -> None:
    with_gap, without = (("step: 1", "", "more: 2"), ("step: 1", "more: 2"))
    column, grid = Renderer((300, 200)), Renderer((200, 300))

    assert (column.frame(scene(), with_gap) != column.frame(scene(), without)).any()
    assert (grid.frame(scene(), with_gap) == grid.frame(scene(), without)).all()


def test_the_board_keeps_its_place_when_numbers_change() -> None:
    """A HUD value that grows must not push the picture about."""
    renderer = Renderer((200, 260), teams=("red",))
    short, long = (renderer.frame(scene(disc_at(0.0)), (f"step: {step}",)) for step in (1, 123456789))

    rows = [np.nonzero((frame == TEAMS[0]).all(axis=2))[0] for frame in (short, long)]
    assert rows[0].tolist() == rows[1].tolist()


def test_bodies_that_are_nowhere_are_left_out() -> None:
    """A broken copy may hold any number; the rest of it can still be looked at."""
    lost = [disc_at(x, y, key=f"{x} {y}") for x, y in ((math.nan, 0.0), (math.inf, 0.0), (0.0, 1e300), (1e12, 0.0))]
    named = Box(key="named", x=math.nan, y=0.0, width=1.0, height=1.0, label="nowhere")

    frame = Renderer(SIZE).frame(scene(*lost, named))

    assert frame.tobytes() == Renderer(SIZE).frame(scene()).tobytes()


@pytest.mark.parametrize("bounds", [(0.0, 0.0, 0.0, 1.0), (0.0, 1.0, 1.0, 0.0), (0.0, 0.0, math.nan, 1.0)])
def test_bounds_without_area_are_refused(bounds: tuple[float, float, float, float]) -> None:
    with pytest.raises(ConfigError, match=r"bounds must be \(left, bottom, right, top\) with an area, got"):
        Renderer(SIZE).frame(Scene(bounds=bounds))


def test_a_picture_too_small_to_draw_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"at least 64 pixels each way, got size=\(10, 400\)"):
        Renderer((10, 400))


def test_words_are_drawn_again_after_other_code_shut_pygame_down() -> None:
    """PettingZoo's own environments call pygame.quit() when they close."""
    import pygame

    renderer = Renderer(SIZE)
    words = scene(Text(key="t", x=0.0, y=0.0, text="first"))
    renderer.frame(words)
    pygame.quit()

    renderer.frame(scene(Text(key="t", x=0.0, y=0.0, text="second")))
    assert renderer.frame(words).tobytes() == Renderer(SIZE).frame(words).tobytes()


def test_frames_need_no_display_and_open_none() -> None:
    probe = (
        "import pygame; from marl_ppo.envs.scene import Scene; from marl_ppo.viewer.renderer import Renderer;"
        f"Renderer().frame(Scene(bounds={BOUNDS})); print(pygame.display.get_init(), pygame.mixer.get_init())"
    )
    found = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, env={}).stdout

    assert found.split()[-2:] == ["False", "None"]


def test_pygame_does_not_greet_on_standard_output() -> None:
    probe = "import marl_ppo.viewer.renderer"
    found = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout

    assert found == ""


def test_worlds_load_without_pygame() -> None:
    probe = "import sys, marl_ppo.envs, marl_ppo.envs.particle.world; print('pygame' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout

    assert found.split() == ["False"]


def test_fonts_survive_other_code_that_quits_and_starts_pygame_again() -> None:
    """As Gymnasium's envs do when they are closed and opened."""
    renderer = Renderer((200, 150), title="board")
    before = renderer.frame(Scene(bounds=(-1, -1, 1, 1), primitives=()))
    pygame.quit()
    pygame.font.init()
    renderer.pens.letters._texts.clear()

    assert (renderer.frame(Scene(bounds=(-1, -1, 1, 1), primitives=())) == before).all()


@pytest.mark.parametrize("world_id", [world.id for world in registered_worlds()])
def test_no_words_of_a_world_are_cut_at_the_edge_of_its_board(world_id: str) -> None:
    """Half a word's width on either side of the point it stands around; a letter is about half as wide as it is high."""
    world = make_world(world_id)
    world.reset(np.zeros(1, np.uint64))
    left, _, right, _ = world.scene(0).bounds
    for text in (primitive for primitive in world.scene(0).primitives if isinstance(primitive, Text)):
        reach = 0.3 * text.height * len(text.text)

        assert left <= text.x - reach < text.x + reach <= right, text.text


def test_a_long_slanting_line_has_no_seams() -> None:
    """It is drawn in pieces; half transparent, two pieces over one another would show."""
    slanting = Line(key="l", x=-0.9, y=-0.7, x2=0.9, y2=0.8, width=0.04, team=0, alpha=0.5)
    renderer, picture = Renderer((900, 900)), scene(slanting)
    view = View.fit(picture, arrange(renderer.size, 0).board)
    frame, ground = renderer.frame(picture), renderer.frame(scene())
    inside = 0
    for share in np.linspace(0.02, 0.98, 2000):
        column, row = view.point(-0.9 + share * 1.8, -0.7 + share * 1.5)
        place = view.rect[1] + int(row), view.rect[0] + int(column)
        wanted = mixed(tuple(ground[place].tolist()), TEAMS[0], 0.5)
        inside += frame[place].astype(int).tolist() == pytest.approx(wanted, abs=3)

    assert inside == 2000


@pytest.mark.parametrize("alpha", [1.0, 0.5])
def test_a_large_box_is_even_all_over(alpha: float) -> None:
    """Only its corners and edges are drawn, the rest is stretched."""
    box = scene(Box(key="b", x=0.1, y=-0.1, width=1.4, height=1.1, team=1, alpha=alpha))
    renderer = Renderer((900, 700))
    view = View.fit(box, arrange(renderer.size, 0).board)
    (left, top), (right, bottom) = view.point(-0.55, 0.4), view.point(0.75, -0.6)
    part = renderer.frame(box)[
        view.rect[1] + int(top) : view.rect[1] + int(bottom), view.rect[0] + int(left) : view.rect[0] + int(right)
    ]

    found, counts = np.unique(part.reshape(-1, 3), axis=0, return_counts=True)
    assert found[counts.argmax()].tolist() == pytest.approx(mixed(BOARD, TEAMS[1], alpha), abs=2)
    assert len(found) <= (1 if alpha == 1.0 else 2), "the grid under it shines through"


@pytest.mark.parametrize("size", [3.0, 50.0, 1e6])
def test_bodies_larger_than_the_board_cover_it(size: float) -> None:
    for body in (
        Box(key="b", x=0.3, y=0, width=size, height=size, team=0),
        Disc(key="d", x=0, y=0, radius=min(size, 50.0), team=0),
    ):
        assert pixel(scene(body), 0.0, 0.0) == TEAMS[0]


def test_a_picture_of_pixels_is_shown_where_it_is() -> None:
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, 4:] = (250, 10, 60)
    shown = scene(Picture(key="p", x=0.0, y=0.0, width=1.6, height=0.8, pixels=pixels))

    assert pixel(shown, 0.6, 0.0) == (250, 10, 60)
    assert pixel(shown, -0.6, 0.0) == (0, 0, 0)
    assert pixel(shown, 0.6, 0.6) in (BOARD, GRID)
