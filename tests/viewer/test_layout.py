"""Where the parts of a picture go, for any size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from viewer.scenes import scene

from marl_ppo.envs.scene import Scene
from marl_ppo.viewer.layout import Rect, View, arrange, grid_step

sizes = st.tuples(st.integers(200, 2000), st.integers(200, 2000))


def overlap(a: Rect, b: Rect) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


@given(sizes, st.integers(0, 8))
def test_board_caption_and_cells_share_the_picture_without_overlap(size: tuple[int, int], cells: int) -> None:
    layout = arrange(size, cells)
    parts = [layout.board, layout.caption, *layout.cells]

    assert len(layout.cells) == cells
    for i, part in enumerate(parts):
        assert part[0] >= 0
        assert part[0] + part[2] <= size[0]
        assert not any(overlap(part, other) for other in parts[:i])


def test_the_panel_stands_beside_a_wide_board_and_under_a_high_one() -> None:
    wide, high = arrange((720, 480), 3), arrange((480, 720), 3)

    assert all(cell[0] >= wide.board[0] + wide.board[2] for cell in wide.cells)
    assert all(cell[1] >= high.board[1] + high.board[3] for cell in high.cells)


@pytest.mark.parametrize(("aspect", "beside"), [(0.5, True), (1.0, True), (3.0, False)])
def test_the_panel_goes_where_it_leaves_the_board_larger(aspect: float, beside: bool) -> None:
    """A long pitch in a window of 16 to 9 has its panel below, a square board beside it."""
    layout = arrange((1280, 720), 8, aspect=aspect)

    assert layout.side_panel == beside
    assert all(cell[1] + cell[3] <= 720 for cell in layout.cells)


def test_a_column_leaves_what_is_to_be_spared_by_setting_lines_closer() -> None:
    """Twelve lines of 20 pixels in 560: 34 apart they leave 152; to spare 200 they are set 30 apart."""
    plain, closer = (arrange((1000, 600), 12, text_px=20, spare=spare) for spare in (0, 200))

    assert (plain.cells[0][3], plain.free[3]) == (34, 152)
    assert (closer.cells[0][3], closer.free[3]) == (30, 200)


def test_a_place_of_the_picture_and_of_the_world_are_told_from_one_another() -> None:
    view = View.fit(scene(), (30, 40, 100, 100))
    column, row = view.point(0.3, -0.7)

    assert view.place(30 + column, 40 + row) == pytest.approx((0.3, -0.7))


@given(sizes, st.floats(0.1, 100.0), st.floats(0.1, 100.0))
def test_a_scene_is_fitted_undistorted_and_whole(size: tuple[int, int], wide: float, high: float) -> None:
    """Its corners land on the corners of `rect`, within a pixel of rounding, and `rect` is inside the board."""
    board = arrange(size, 0).board
    view = View.fit(Scene(bounds=(-1.0, -2.0, wide - 1.0, high - 2.0)), board)

    assert view.point(wide - 1.0, -2.0) == pytest.approx((view.rect[2], view.rect[3]), abs=1.01)
    assert view.rect[2] <= board[2]
    assert view.rect[3] <= board[3]


def test_world_points_become_pixels_with_y_turned_over() -> None:
    """Bounds of 2 by 2 on 100 pixels: 50 pixels per unit, the corner (-1, 1) first."""
    view = View.fit(scene(), (0, 0, 100, 100))

    assert view.point(-1.0, 1.0) == (0.0, 0.0)
    assert view.point(0.5, 0.0) == (75.0, 50.0)


@pytest.mark.parametrize(("span", "step"), [(2.4, 0.2), (8.0, 1.0), (10.0, 2.0), (26.0, 5.0), (0.05, 0.01)])
def test_the_grid_has_round_distances(span: float, step: float) -> None:
    assert grid_step(span) == pytest.approx(step)
