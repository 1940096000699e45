"""What walking does in rooms, on maps so small that one sees it."""

from typing import Any

import numpy as np
import pytest

from marl_ppo.envs import make_world
from marl_ppo.envs.rooms.board import DOWN, LEFT, RIGHT, STAY, UP
from marl_ppo.envs.rooms.world import Rooms

WAYS = {".": STAY, "^": UP, "v": DOWN, "<": LEFT, ">": RIGHT}


def on_map(world_id: str, *lines: str, **config: Any) -> Rooms:
    """One copy on the map of these lines."""
    world = make_world(world_id, map="\n".join(lines), **config)
    assert isinstance(world, Rooms)
    world.reset(np.zeros(1, np.uint64))
    return world


def walk(world: Rooms, *ways: str) -> None:
    """A way per agent, a character a step, such as ">>^"."""
    for moves in zip(*ways, strict=True):
        world.step([np.array([[WAYS[move] for move in moves]])])


def places(world: Rooms) -> list[tuple[int, int]]:
    """(row, column) of every agent on the map of text, both from 0."""
    rim, stride = world.task.plan.rim, world.task.stride
    return [(cell // stride - rim + 1, cell % stride - rim + 1) for cell in world.board.agent[0].tolist()]


def metric(world: Rooms, name: str) -> float:
    return float(world.outputs.metrics[name][0])


def rewards(world: Rooms) -> list[float]:
    return world.outputs.rewards[0][0].tolist()


def is_over(world: Rooms) -> bool:
    return bool(world.outputs.ended[0])


# Walking, keys and doors


@pytest.mark.parametrize(("way", "place"), [("^", (1, 2)), ("v", (3, 2)), ("<", (2, 1)), (">", (2, 3)), (".", (2, 2))])
def test_agents_walk_the_way_the_map_is_read(way: str, place: tuple[int, int]) -> None:
    world = on_map("four_rooms", "#####", "#...#", "#.@.#", "#..*#", "#####")
    walk(world, way)

    assert places(world) == [place]


def test_walls_stop_who_walks_into_them() -> None:
    world = on_map("four_rooms", "####", "#@.#", "#.*#", "####")
    walk(world, "^<<^")

    assert places(world) == [(1, 1)]


def test_success_is_all_agents_on_the_target_at_once_and_pays_all_of_them() -> None:
    """Agents do not stand in each other's way, and may share a cell."""
    world = on_map("four_rooms", "######", "#@.*@#", "######")
    walk(world, ".", "<")
    assert (rewards(world), is_over(world)) == ([0, 0], False)
    walk(world, ">", ">")
    walk(world, ">", "<")

    assert (rewards(world), is_over(world), metric(world, "success")) == ([1, 1], True, 1.0)


def test_a_key_opens_the_doors_of_its_letter_alone() -> None:
    """Only who carries it passes; the door then stands open to everybody."""
    world = on_map("key_doors", "##########", "#b@B.A.*a#", "##########")
    walk(world, ">")
    assert places(world) == [(1, 2)]  # no key yet
    walk(world, "<>>>>")

    assert places(world) == [(1, 4)]  # through B, but not through A
    assert metric(world, "doors_opened") == 1


def test_a_door_that_was_opened_stands_open_to_everybody() -> None:
    world = on_map("key_doors", "#########", "#@a@A..*#", "#########")
    walk(world, ">.", ".>")
    assert places(world)[1] == (1, 3)  # the other has the key
    walk(world, ">>>", "..>")

    assert places(world) == [(1, 5), (1, 4)]


@pytest.mark.parametrize("line", ["#a@A@*#", "#*@A@a#"])
def test_who_walks_into_a_door_as_another_opens_it_is_too_early(line: str) -> None:
    """All walk at once, by what was open before the step, so it does not matter who is called first."""
    world = on_map("key_doors", "#######", line, "#######")
    opener = 0 if line[1] == "a" else 1
    fetch, come = ("<>>", "..<") if opener == 0 else ("><<", "..>")
    walk(world, *((fetch, come) if opener == 0 else (come, fetch)))

    assert places(world)[opener] == (1, 3)
    assert places(world)[1 - opener] == ((1, 4) if opener == 0 else (1, 2))


# Time


def test_time_ends_an_episode_for_good_and_pays_nothing() -> None:
    """Agents see the time that is left, so the limit is part of the task: it terminates."""
    world = on_map("four_rooms", "#####", "#@.*#", "#####", max_steps=3)
    walk(world, "...")

    assert is_over(world)
    assert world.outputs.terminations[0].all()
    assert not world.outputs.truncations[0].any()
    assert (rewards(world), metric(world, "success")) == ([0], 0.0)


def test_distance_left_counts_steps_through_doors_that_are_shut() -> None:
    world = on_map("key_doors", "#######", "#a@A.*#", "#######")
    walk(world, ".")
    assert metric(world, "distance_left") == 3
    walk(world, "<")

    assert metric(world, "distance_left") == 4


def test_rooms_are_counted_once_and_doorways_are_none() -> None:
    world = on_map("four_rooms", "#######", "#@.#..#", "#.....#", "#..#.*#", "#######")
    walk(world, "v>>")
    assert metric(world, "rooms_reached") == 1
    walk(world, "><<<")

    assert metric(world, "rooms_reached") == 2


def test_every_target_of_an_expedition_is_visited_once() -> None:
    world = on_map("expedition", "#######", "#*@..*#", "#######")
    walk(world, "<>>>")
    assert not is_over(world)
    walk(world, ">")

    assert (rewards(world), is_over(world)) == ([1], True)
