"""Maps of rooms: what text means and which mistakes are named, what chance lays out, and which maps are kept apart."""

from typing import Any

import numpy as np
import pytest

from marl_ppo.envs import make_world
from marl_ppo.envs.rooms.board import DOOR, LOCKED, TARGET, WALL
from marl_ppo.envs.rooms.generate import fingerprint
from marl_ppo.envs.rooms.world import Rooms
from marl_ppo.envs.rooms.worlds import FOUR_ROOMS
from marl_ppo.errors import ConfigError

COPIES = 500


def started(world_id: str, copies: int = COPIES, **config: Any) -> Rooms:
    world = make_world(world_id, num_envs=copies, **config)
    assert isinstance(world, Rooms)
    world.reset(np.arange(copies, dtype=np.uint64))
    return world


# Text


@pytest.mark.parametrize(
    ("world_id", "text", "said"),
    [
        ("four_rooms", "#####\n#@*.#\n####", "line 3, column 5: every line must have 5 characters as the first has, got 4"),
        ("four_rooms", "#####\n#@*..\n#####", "line 2, column 5: the outer edge of a map must be wall, '#', got '.'"),
        ("four_rooms", "#####\n#@*?#\n#####", "line 2, column 4: '\\?' means nothing here"),
        ("four_rooms", "#####\n#@*p#\n#####", "line 2, column 4: 'p' means nothing here"),
        ("four_rooms", "#####\n#@..#\n#####", "must have a '\\*', and this one has none"),
        ("four_rooms", "#####\n#@**#\n#####", "line 2, column 4: a map of this world must have one '\\*', this is another"),
        ("four_rooms", "#####\n#.*.#\n#####", "from 1 to 6 starts of agents, and this one has none"),
        ("four_rooms", "#########\n#@@@@@@@#\n#......*#\n#########", "line 2, column 8: a map must have at most 6 starts"),
        ("key_doors", "#####\n#@A*#\n#####", "line 2, column 3: nothing opens 'A': there is no 'a' on the map"),
        ("key_doors", "#####\n#@1*#\n#####", "line 2, column 3: a door for agent 1, but agents are numbered from 0 to 0"),
        ("key_doors", "##\n##", "from 3 to 64 lines and columns, got 2 lines of 2"),
    ],
)
def test_a_mistake_in_a_map_is_named_with_its_place(world_id: str, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make_world(world_id, map=text)


def test_a_map_of_text_is_the_same_in_every_episode() -> None:
    world = started("key_doors", map="######\n#@aA*#\n######")

    assert (world.board.cells == world.board.cells[0]).all()
    assert world.spec.groups[0].whereabouts is not None
    assert list(world.spec.groups[0].whereabouts.things) == ["target", "key_a", "door_a"]
    with pytest.raises(ConfigError, match="there is one map only, so maps must be 'all', got 'train'"):
        make_world("key_doors", map="######\n#@aA*#\n######", maps="train")


@pytest.mark.parametrize(
    ("world_id", "config", "said"),
    [
        ("four_rooms", {"agents": 7}, "agents must be from 1 to 6, got 7"),
        ("four_rooms", {"view": 4}, "view must be an odd number from 3 to 9, got 4"),
        ("four_rooms", {"maps": "test"}, "maps must be 'all', 'train' or 'eval', got 'test'"),
        ("four_rooms", {"known": "none"}, "known must be 'all' or 'seen', got 'none'"),
        ("four_rooms", {"corners": True, "agents": 2}, "from corner to corner goes one agent, got agents=2"),
        ("key_doors", {"doors": 4}, "doors must be from 1 to 3, got 4"),
        ("key_doors", {"rows": 1, "columns": 1}, "from 2 to 60 rooms, got 1 \\* 1"),
        ("expedition", {"room": 3, "targets": 4, "doors": 5}, "less than the 9 cells of a room, got 4 \\+ 5"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(world_id: str, config: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make_world(world_id, **config)


# The four rooms of the literature


def test_from_corner_to_corner_is_as_published() -> None:
    """104 cells, 20 steps, and of a walk of four equally likely moves the hitting time and the chances of arriving in time."""
    world = make_world("four_rooms", corners=True, max_steps=1000, num_envs=104 * 4)
    assert isinstance(world, Rooms)
    world.reset(np.zeros(104 * 4, np.uint64))
    free = np.flatnonzero(world.board.cells[0] != WALL)
    start, target = int(world.board.agent[0, 0]), int(world.board.thing[0, 0])
    world.board.agent[:, 0] = np.repeat(free, 4)
    world.step([np.tile(np.arange(1, 5), 104)[:, None]])
    reached = np.searchsorted(free, world.board.agent[:, 0])
    moves = np.zeros((104, 104))
    np.add.at(moves, (np.repeat(np.arange(104), 4), reached), 0.25)

    goal, first = np.searchsorted(free, target), np.searchsorted(free, start)
    rest = np.arange(104) != goal
    hitting = np.zeros(104)
    hitting[rest] = np.linalg.solve(np.eye(103) - moves[np.ix_(rest, rest)], np.ones(103))
    moves[goal] = np.eye(104)[goal]
    chances = [np.linalg.matrix_power(moves, steps)[first, goal] for steps in (19, 20, 50, 100, 200, 500)]

    assert len(free) == 104
    assert hitting[first] == pytest.approx(1148.3, abs=0.05)
    assert chances[0] == 0 < chances[1]
    assert chances[2:] == pytest.approx([0.00021, 0.0066, 0.054, 0.280], rel=0.02)


def test_start_and_target_are_drawn_in_rooms_that_are_diagonally_opposite() -> None:
    world = started("four_rooms", agents=3)
    rooms = np.take_along_axis(world.board.room, np.concatenate([world.board.agent, world.board.thing], axis=1), axis=1)

    assert (rooms[:, :3] == rooms[:, :1]).all()
    assert (rooms[:, 0] + rooms[:, 3] == 5).all()
    assert len(np.unique(rooms[:, 0])) == 4
    assert len(np.unique(world.board.thing)) > 90


# What chance lays out


def solvable(world: Rooms, n: int) -> bool:
    """Whether a walker gets to every target: from the start on, with keys in reach opening doors until nothing changes."""
    board, kit, stride = world.board, world.kit, world.task.stride
    bag, reached = 0, {int(cell) for cell in board.agent[n]}
    grown = True
    while grown:
        grown, waiting = False, list(reached)
        while waiting:
            cell = waiting.pop()
            for k in np.flatnonzero(board.thing[n] == cell):
                bag |= 1 << int(k)
            for c in (cell - stride, cell + stride, cell - 1, cell + 1):
                door = np.flatnonzero((board.thing[n] == c) & (kit.kind == LOCKED))
                shut = board.cells[n, c] == WALL or (board.cells[n, c] == DOOR and not bag & kit.key_of[door[0]])
                if c not in reached and not shut:
                    reached.add(c)
                    waiting.append(c)
                    grown = True
    return all(int(cell) in reached for k, cell in enumerate(board.thing[n]) if kit.kind[k] == TARGET)


@pytest.mark.parametrize(
    ("world_id", "config"),
    [
        ("key_doors", {}),
        ("key_doors", {"rows": 1, "columns": 4, "doors": 3, "room": 3}),
        ("key_doors", {"rows": 4, "columns": 4, "doors": 6, "room": 3}),
        ("expedition", {}),
        ("expedition", {"doors": 6, "targets": 6}),
    ],
)
def test_every_map_can_be_solved(world_id: str, config: dict[str, Any]) -> None:
    world = started(world_id, 200, **config)

    assert all(solvable(world, n) for n in range(200))


def test_no_door_of_key_doors_can_be_done_without() -> None:
    """Each of them, walled up, cuts the target off."""
    world = started("key_doors", 100)
    for n in range(100):
        for door in np.flatnonzero(world.kit.kind == LOCKED):
            cell = world.board.thing[n, door]
            world.board.cells[n, cell] = WALL
            assert not solvable(world, n)
            world.board.cells[n, cell] = DOOR


@pytest.mark.parametrize("world_id", ["four_rooms", "key_doors", "expedition"])
def test_things_lie_apart_and_on_floor(world_id: str) -> None:
    world = started(world_id)
    cells = np.sort(world.board.thing, axis=1)

    assert (np.diff(cells, axis=1) > 0).all()
    assert (np.take_along_axis(world.board.cells, world.board.thing, axis=1) != WALL).all()


# Maps for training and maps to evaluate on


@pytest.mark.parametrize("world_id", ["four_rooms", "key_doors", "expedition"])
def test_no_map_is_both_to_train_and_to_evaluate_on(world_id: str) -> None:
    """Which it is follows from the map itself, so this holds for every seed; of all maps, about a half are of either kind."""
    marks = {}
    for maps in ("train", "eval", "all"):
        world = started(world_id, maps=maps)
        marks[maps] = np.array([int(fingerprint(world.board, n)) for n in range(COPIES)], np.uint64)

    assert not set(marks["train"].tolist()) & set(marks["eval"].tolist())
    assert (marks["all"] % np.uint64(2)).mean() == pytest.approx(0.5, abs=0.1)


def test_equal_maps_have_equal_fingerprints_whatever_seed_they_come_from() -> None:
    """Of the 2500 pairs of cells of four rooms some come up twice among so many seeds."""
    world = started("four_rooms", 5000)
    of_map: dict[tuple[int, int], set[int]] = {}
    for n in range(5000):
        pair = (int(world.board.agent[n, 0]), int(world.board.thing[n, 0]))
        of_map.setdefault(pair, set()).add(int(fingerprint(world.board, n)))

    assert len(of_map) < 4000
    assert all(len(marks) == 1 for marks in of_map.values())


def test_the_map_of_four_rooms_is_the_text() -> None:
    world = started("four_rooms", 1, corners=True)
    lines = FOUR_ROOMS.split()
    shown = world.board.cells[0].reshape(-1, world.task.stride)[1:-1, 1:-1] == WALL

    assert (shown == np.array([[mark == "#" for mark in line] for line in lines])).all()
