"""What agents of rooms are told: places, what is known, windows; and where subgoals find it."""

import numpy as np
import pytest
from test_rooms_rules import on_map, places, walk

from marl_ppo.envs.rooms.observe import observe
from marl_ppo.envs.rooms.world import Rooms
from marl_ppo.envs.world import Whereabouts


def seen(world: Rooms, agent: int = 0) -> np.ndarray:
    return world.outputs.obs[0]["vector"][0, agent]


def whereabouts(world: Rooms) -> Whereabouts:
    found = world.spec.groups[0].whereabouts
    assert found is not None
    return found


def told(world: Rooms, name: str, agent: int = 0) -> list[float]:
    """dx and dy of a thing in cells, right and up, and whether it is known."""
    places = whereabouts(world)
    thing, (width, height) = places.things[name], places.cells
    assert thing.known is not None
    dx, dy = seen(world, agent)[thing.place : thing.place + 2]
    return [dx * width / 2, dy * height / 2, float(seen(world, agent)[thing.known])]


def window(world: Rooms, agent: int = 0) -> list[str]:
    """The last two channels as lines: # wall, + shut."""
    view = world.spec.config["view"]
    wall, shut = seen(world, agent)[-2 * view * view :].reshape(2, view, view)
    return [
        "".join("#" if w else "+" if s else "." for w, s in zip(*rows, strict=True)) for rows in zip(wall, shut, strict=True)
    ]


MAP = ("#########", "#@..A.*.#", "#a......#", "#########")
"""7 cells wide and 2 high inside its outer wall"""


def test_own_place_is_the_middle_of_a_cell_inside_the_outer_wall() -> None:
    world = on_map("key_doors", *MAP)

    assert whereabouts(world).cells == (7, 2)
    assert seen(world)[:2] == pytest.approx([-1 + 1 / 7, 0.5])
    walk(world, "v>")
    assert seen(world)[:2] == pytest.approx([-1 + 3 / 7, -0.5])


def test_things_are_told_from_the_agent_on_and_no_more_once_they_are_gone() -> None:
    world = on_map("key_doors", *MAP)
    assert told(world, "target") == pytest.approx([5, 0, 1])
    assert told(world, "key_a") == pytest.approx([0, -1, 1])
    assert told(world, "door_a") == pytest.approx([3, 0, 1])
    walk(world, "v^>>")
    assert told(world, "key_a") == [0, 0, 0]
    assert told(world, "door_a") == pytest.approx([1, 0, 1])
    walk(world, ">")

    assert told(world, "door_a") == [0, 0, 0]


def test_the_bag_tells_of_keys() -> None:
    world = on_map("key_doors", *MAP)
    assert seen(world)[3] == 0
    walk(world, "v")

    assert seen(world)[3] == 1


def test_time_left_goes_down_to_nothing() -> None:
    world = on_map("key_doors", *MAP, max_steps=4)
    assert seen(world)[2] == 1
    walk(world, "...")

    assert seen(world)[2] == 0.25


def test_a_window_shows_walls_and_what_is_shut_as_far_as_it_reaches() -> None:
    world = on_map("key_doors", *MAP)
    walk(world, ">>")

    assert window(world) == ["#####", "#####", "...+.", ".....", "#####"]


def test_with_known_seen_a_thing_is_told_from_when_it_was_in_a_window_of_the_team() -> None:
    """And is remembered from then on."""
    world = on_map("expedition", "############", "#@........*#", "#...@......#", "############", known="seen")
    assert told(world, "target") == [0, 0, 0]
    walk(world, "....", ">>>>")
    assert told(world, "target", 0) == pytest.approx([9, 0, 1])
    assert told(world, "target", 1) == pytest.approx([2, 1, 1])
    walk(world, ".", "<")

    assert told(world, "target", 1) == pytest.approx([3, 1, 1])


def test_other_agents_are_told_with_their_bags() -> None:
    world = on_map("key_doors", "########", "#@a@.A*#", "########")
    walk(world, ".", "<")
    first = whereabouts(world).things["door_a"].place + 3

    assert seen(world, 0)[first : first + 3] == pytest.approx([2 / 6, 0, 1])
    assert seen(world, 1)[first : first + 3] == pytest.approx([-2 / 6, 0, 0])


def test_obs_are_read_back_as_the_cells_they_tell() -> None:
    """The arithmetic that a subgoal uses, for every cell."""
    world = on_map("key_doors", *MAP)
    width, height = whereabouts(world).cells
    for row in range(height):
        for column in range(width):
            world.board.agent[0, 0] = (row + world.task.plan.rim) * world.task.stride + column + world.task.plan.rim
            observe(np.ones(1, bool), world.board, world.kit, world.rules, np.zeros(1, bool), world.outputs.obs[0]["vector"])
            x, y = seen(world)[:2]
            assert (int((x + 1) / 2 * width), int((1 - y) / 2 * height)) == (column, row)
            assert places(world) == [(row + 1, column + 1)]
