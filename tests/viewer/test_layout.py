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
