"""What agents of rooms do to each other: hold gates, hand over, tag and capture; and that two sides are mirror images."""

import numpy as np
import pytest
from test_rooms_rules import is_over, metric, on_map, places, rewards, walk

from marl_ppo.envs import make_world
from marl_ppo.envs.rooms.board import BARRIER, FLAG, PRIVATE
from marl_ppo.envs.rooms.generate import fingerprint
from marl_ppo.envs.rooms.world import Rooms
from marl_ppo.errors import ConfigError

# Plates and gates

GATED = ("#########", "#@u@U.u*#", "#########")


def test_a_gate_is_open_as_long_as_somebody_stands_on_one_of_its_plates() -> None:
    """It closes when the plate is left; by then whoever walked with the leaver is inside."""
    world = on_map("plates", *GATED)
    walk(world, ".", ">")
    assert places(world)[1] == (1, 3)  # shut
    walk(world, ">.", ".>")
    assert places(world)[1] == (1, 4)
    walk(world, "<.", "<>")
    assert places(world)[1] == (1, 3)  # out of the gate that has shut, and it lets nobody in

    assert metric(world, "doors_opened") == 1


def test_whoever_stands_in_a_gate_as_it_shuts_may_walk_out_to_either_side() -> None:
    for way, column in (("<", 3), (">", 5)):
        world = on_map("plates", *GATED)
        walk(world, ">.<.", f".>.{way}")

        assert places(world)[1] == (1, column)


def test_two_let_each_other_through_and_succeed_together() -> None:
    world = on_map("plates", *GATED)
    walk(world, ">......", "..>>>..")
    assert places(world) == [(1, 2), (1, 6)]
    walk(world, ">>>>>", "....>")

    assert (rewards(world), is_over(world)) == ([1, 1], True)


# Relays


def test_a_door_lets_its_own_agent_through_alone() -> None:
    world = on_map("relay", "########", "#p@0@1*#", "########")
    walk(world, ">>", "<>")
    assert places(world) == [(1, 4), (1, 5)]
    walk(world, ">", ".")

    assert places(world) == [(1, 4), (1, 5)]


def test_a_parcel_is_handed_over_when_its_carrier_meets_another_agent_and_not_handed_back_while_they_stay() -> None:
    world = on_map("relay", "##########", "#p@0..1@*#", "##########")
    walk(world, "<>>>.", "....<")
    assert world.board.bag[0].tolist() == [1 << 3, 0]
    walk(world, ">", ".")
    assert world.board.bag[0].tolist() == [0, 1 << 3]
    walk(world, "..", "..")
    assert world.board.bag[0].tolist() == [0, 1 << 3]
    walk(world, ".", ">")
    walk(world, ".", ">")

    assert (rewards(world), is_over(world)) == ([1, 1], True)


def test_the_parcel_is_told_where_its_carrier_is() -> None:
    world = on_map("relay", "##########", "#p@0..1@*#", "##########")
    walk(world, "<>>", "...")

    assert world.board.thing[0, -1] == world.board.agent[0, 0]
    assert metric(world, "distance_left") == 5


# Capturing flags

ARENA = ("#############", "#.<.......>.#", "#(.........)#", "#...........#", "#############")
"""11 cells wide, so that the sixth column is nobody's half"""


def put(world: Rooms, agent: int, row: int, column: int) -> None:
    """An agent onto a cell of the map of text."""
    rim = world.task.plan.rim - 1
    world.board.agent[0, agent] = (row + rim) * world.task.stride + column + rim


def test_a_flag_is_taken_by_touch_and_counts_on_ones_own_base() -> None:
    world = on_map("capture_flag", *ARENA, flags_to_win=1)
    put(world, 0, 2, 10)
    put(world, 1, 3, 8)
    walk(world, ">", ".")
    assert world.board.bag[0, 0] == 1 << 1
    put(world, 0, 2, 2)
    walk(world, "<", ".")

    assert (rewards(world), is_over(world)) == ([1, -1], True)
    assert world.outputs.outcomes[0].tolist() == [1, -1]
    assert (metric(world, "flags_blue"), metric(world, "flags_orange")) == (1, 0)


def test_an_intruder_within_a_step_of_an_opponent_goes_back_to_its_start_and_the_flag_to_its_base() -> None:
    world = on_map("capture_flag", *ARENA)
    put(world, 0, 2, 10)
    put(world, 1, 3, 3)
    walk(world, ">", ".")
    assert world.board.bag[0, 0] == 1 << 1
    put(world, 0, 2, 8)
    put(world, 1, 2, 7)
    walk(world, ".", ".")

    assert places(world) == [(1, 2), (2, 7)]
    assert world.board.bag[0, 0] == 0
    assert world.board.thing[0, 1] == world.board.thing[0, 3]
    assert (metric(world, "tags_orange"), metric(world, "tags_blue")) == (1, 0)


@pytest.mark.parametrize(("blue", "orange"), [((2, 6), (2, 7)), ((2, 5), (2, 6)), ((2, 5), (2, 5))])
def test_nobody_is_tagged_in_its_own_half_or_between_the_halves(blue: tuple[int, int], orange: tuple[int, int]) -> None:
    """Of two in blue's half it is orange who goes back."""
    world = on_map("capture_flag", *ARENA)
    put(world, 0, *blue)
    put(world, 1, *orange)
    walk(world, ".", ".")

    assert places(world)[0] == blue
    assert places(world)[1] == (orange if orange[1] > 5 else (1, 10))


def test_who_stays_by_its_own_base_tags_nobody() -> None:
    """Or nobody could ever pass."""
    world = on_map("capture_flag", *ARENA)
    put(world, 1, 2, 11)
    put(world, 0, 2, 10)
    walk(world, ">", ".")

    assert world.board.bag[0, 0] == 1 << 1


def test_a_map_of_two_teams_must_be_its_own_mirror_image() -> None:
    with pytest.raises(
        ConfigError, match=r"line 2, column 4: a map must be its own mirror image, < for > and .*'\.' is wanted"
    ):
        make_world("capture_flag", map="#########\n#(<#..>)#\n#########")


# Fairness


def mirrored(world: Rooms, image: Rooms) -> None:
    """Bring `image` into the state of `world` with left for right and blue for orange."""
    here, there, stride = world.board, image.board, world.task.stride

    def flip(cells: np.ndarray) -> np.ndarray:
        return cells // stride * stride + stride - 1 - cells % stride

    def swap(columns: np.ndarray) -> np.ndarray:
        return np.concatenate(np.split(columns, 2, axis=1)[::-1], axis=1)

    there.cells[:] = here.cells.reshape(len(here.cells), -1, stride)[:, :, ::-1].reshape(here.cells.shape)
    there.agent[:], there.start[:] = swap(flip(here.agent)), swap(flip(here.start))
    bag = swap(here.bag)
    there.bag[:] = (bag & 1) << 1 | (bag & 2) >> 1
    order = [1, 0, 3, 2]
    there.thing[:], there.status[:] = flip(here.thing)[:, order], here.status[:, order]
    seen = here.seen[:, ::-1]
    there.seen[:] = sum((seen >> k & 1) << order[k] for k in range(4))
    there.tally[:] = here.tally[:, [0, 1, 3, 2, 5, 4]]
    there.tick[:] = here.tick


MIRROR = np.array([0, 1, 2, 4, 3])


@pytest.mark.parametrize("team_size", [1, 2, 3])
@pytest.mark.parametrize("known", ["all", "seen"])
def test_a_mirrored_match_shows_each_side_bit_for_bit_what_the_other_saw(team_size: int, known: str) -> None:
    """Each side sees the same in its own frame and acts the same, so one policy plays both and neither is better off."""
    config = {"team_size": team_size, "known": known, "num_envs": 200, "width": 9, "height": 5, "max_steps": 10_000}
    world, image = make_world("capture_flag", **config), make_world("capture_flag", **config)
    assert isinstance(world, Rooms)
    assert isinstance(image, Rooms)
    for one in (world, image):
        one.reset(np.arange(200, dtype=np.uint64))
    mirrored(world, image)
    rng = np.random.default_rng(0)
    happened = np.zeros(2)
    for _ in range(60):
        actions = rng.integers(0, 5, (200, 2 * team_size))
        world.step([actions])
        image.step([np.concatenate(np.split(actions, 2, axis=1)[::-1], axis=1)])
        seen, seen_there = world.outputs.obs[0]["vector"], image.outputs.obs[0]["vector"]
        assert np.concatenate(np.split(seen_there, 2, axis=1)[::-1], axis=1).tobytes() == seen.tobytes()
        assert (world.outputs.outcomes == image.outputs.outcomes[:, ::-1]).all()
        happened += world.board.status[:, 1].sum(), world.board.tally[:, 4].sum()
        if world.outputs.ended.any():
            break

    assert (happened > 0).all()


def test_maps_of_capture_flag_are_mirror_images_with_all_floor_connected() -> None:
    world = make_world("capture_flag", num_envs=300)
    assert isinstance(world, Rooms)
    world.reset(np.arange(300, dtype=np.uint64))
    cells = world.board.cells.reshape(300, -1, world.task.stride)

    assert (cells == cells[:, :, ::-1]).all()
    assert len({row.tobytes() for row in cells}) > 200


@pytest.mark.parametrize(("world_id", "kind"), [("plates", BARRIER), ("relay", PRIVATE), ("capture_flag", FLAG)])
def test_no_map_of_teams_is_both_to_train_and_to_evaluate_on(world_id: str, kind: int) -> None:
    found = []
    for maps in ("train", "eval"):
        world = make_world(world_id, num_envs=200, maps=maps)
        assert isinstance(world, Rooms)
        assert kind in world.kit.kind
        world.reset(np.arange(200, dtype=np.uint64))
        found.append({int(fingerprint(world.board, n)) for n in range(200)})

    assert not found[0] & found[1]
