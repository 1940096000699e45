"""What keys mean in each world: pure functions, so nobody has to press one."""

import numpy as np
import pytest
from gymnasium import spaces

from marl_ppo.envs import make_world, registered_worlds
from marl_ppo.envs.controls import Choosing, Keys, Steering, default_controls
from marl_ppo.envs.scene import Box, Disc
from marl_ppo.envs.soccer.actions import MOVE_X, MOVE_Y, NUM_MOVES


def steering(world: str, agent: str, **settings: object) -> Steering:
    controls = make_world(world, **settings).controls(agent)
    assert isinstance(controls, Steering)
    return controls


def choosing(world: str, agent: str = "player_0") -> Choosing:
    controls = make_world(world).controls(agent)
    assert isinstance(controls, Choosing)
    return controls


def named(controls: Steering, *held: str) -> str:
    """What is called that which these keys do."""
    action = controls.act(keys(*held), None)
    assert isinstance(action, int)
    return controls.names[action]


def keys(*held: str, before: tuple[str, ...] = ()) -> Keys:
    return Keys(held=frozenset(held), pressed=(*before, *held))


@pytest.mark.parametrize(
    ("held", "push"),
    [
        (("right",), (1, 0)),
        (("d", "w"), (1, 1)),
        (("left", "up"), (-1, 1)),
        (("left", "s"), (-1, -1)),
        (("left", "right"), (0, 0)),
        ((), (0, 0)),
    ],
)
@pytest.mark.parametrize(("agent", "sign"), [("blue_0", 1), ("orange_1", -1)])
def test_soccer_runs_where_arrows_point_in_the_picture(
    held: tuple[str, ...], push: tuple[int, int], agent: str, sign: int
) -> None:
    """Orange's own frame is the picture turned by half a turn."""
    move = steering("soccer", agent).act(keys(*held), None)
    continuous = steering("soccer", agent, action="continuous").act(keys(*held), None)

    assert isinstance(move, int)
    assert (np.sign(MOVE_X[move]), np.sign(MOVE_Y[move])) == (sign * push[0], sign * push[1])
    assert continuous == (sign * push[0], sign * push[1], 0)


def test_soccer_kicks_while_it_runs() -> None:
    assert steering("soccer", "blue_0").act(keys("right", "space"), None) == 1 + NUM_MOVES
    assert steering("soccer", "blue_0", action="continuous").act(keys("space"), None) == (0, 0, 1)


def test_particles_go_the_way_that_was_pressed_last() -> None:
    """They have five moves and no diagonals: stay, left, right, down, up."""
    prey = steering("tag", "agent_0")

    assert prey.act(keys("left", "up"), None) == 4
    assert prey.act(keys("up", "left"), None) == 1
    assert prey.act(Keys(held=frozenset({"up"}), pressed=("up", "left")), None) == 4
    assert steering("tag", "agent_0", action="continuous").act(keys("left", "up"), None) == (0, 1, 0, 0, 1)


@pytest.mark.parametrize(("agent", "actions"), [("blue_0", [0, 1, 2, 3, 4]), ("orange_1", [0, 1, 2, 4, 3])])
def test_rooms_walk_where_arrows_point_in_the_picture(agent: str, actions: list[int]) -> None:
    """Orange's own frame is the picture mirrored."""
    walker = steering("capture_flag", agent)

    assert [walker.act(keys(*held), None) for held in ((), ("up",), ("down",), ("left",), ("d",))] == actions


def test_a_word_is_said_until_another_one_is() -> None:
    speaker = steering("speaker_listener", "speaker_0")
    both = steering("reference", "agent_0")
    apart = steering("reference", "agent_0", action="multi_discrete")

    assert [speaker.act(one, None) for one in (keys(), keys("c"), keys(before=("c",)))] == [0, 2, 2]
    assert both.act(keys("right", before=("3",)), None) == 2 + 5 * 2
    assert apart.act(keys("right", before=("0",)), None) == (2, 9)


@pytest.mark.parametrize(
    ("world", "agent"),
    [
        ("soccer", "blue_0"),
        ("soccer", "orange_1"),
        ("duel", "duelist_0"),
        ("duel", "duelist_1"),
        ("tag", "agent_0"),
        ("capture_flag", "blue_0"),
        ("capture_flag", "orange_1"),
    ],
)
def test_a_move_is_called_by_where_it_goes_in_the_picture(world: str, agent: str) -> None:
    """So that whoever watches sees the same arrows for both teams."""
    controls = steering(world, agent)
    arrows = {(): "·", ("left",): "←", ("d",): "→", ("up",): "↑", ("s",): "↓"}
    diagonal = {("left", "up"): "↖", ("right", "up"): "↗", ("left", "down"): "↙", ("right", "down"): "↘"}
    found = [(named(controls, *held), arrow) for held, arrow in arrows.items()]
    if world == "soccer":
        found += [(named(controls, *held), arrow) for held, arrow in diagonal.items()]

    assert all(name == arrow for name, arrow in found)


def test_what_is_done_beside_moving_is_named_too() -> None:
    soccer, duel = steering("soccer", "orange_0"), steering("duel", "duelist_1")
    both, apart = (steering("reference", "agent_0", action=action) for action in ("discrete", "multi_discrete"))

    assert named(soccer, "up", "space") == "↑ kick"
    assert named(duel, "shift") == "guard"
    assert named(both, "3", "right") == "→ C"
    assert apart.names == (*"·←→↓↑", *"ABCDEFGHIJ")
    assert steering("speaker_listener", "speaker_0").names == tuple("ABC")
    assert choosing("leduc").names == ("fold", "check or call", "raise")


@pytest.mark.parametrize("world_id", [*(world.id for world in registered_worlds()), "duel"])
def test_who_is_steered_is_seen_and_can_be_followed(world_id: str) -> None:
    """A body has its agent's name as key."""
    world = make_world(world_id)
    world.reset(np.array([0], np.uint64))
    steered = {agent for agent in world.spec.agents if isinstance(world.controls(agent), Steering)}

    assert not steered or steered <= {primitive.key for primitive in world.scene(0).primitives}


@pytest.mark.parametrize("world_id", [*(world.id for world in registered_worlds()), "duel"])
def test_every_choice_has_a_name_or_none_has(world_id: str) -> None:
    world = make_world(world_id)
    for group in world.spec.groups:
        for agent in group.agents:
            controls = world.controls(agent)
            names = controls.names if controls else ()
            space = group.action
            count = space.nvec.sum() if isinstance(space, spaces.MultiDiscrete) else getattr(space, "n", 0)

            assert len(names) in (0, count)


def test_every_declared_action_is_one_of_the_space() -> None:
    for world in ("kuhn", "leduc", "connect_four", "rps", "levers"):
        space = make_world(world).spec.groups[0].action
        assert isinstance(space, spaces.Discrete)
        choices = choosing(world).choices

        assert sorted(choice.action for choice in choices) == list(range(int(space.n)))
        assert len({choice.key for choice in choices}) == len(choices)


def test_only_legal_choices_are_on_offer() -> None:
    """In leduc nobody can fold before there is something to fold against."""
    offered = choosing("leduc").describe(np.array([False, True, True]))

    assert offered == [("f", "fold", False), ("c", "check or call", True), ("r", "raise", True)]
    assert [choice.name for choice in choosing("leduc").legal(np.array([False, True, True]))] == ["check or call", "raise"]


def test_a_click_on_a_column_of_connect_four_drops_there() -> None:
    at = choosing("connect_four").at
    assert at is not None

    assert [at(0.1, 3.0), at(6.9, 0.0), at(-0.1, 3.0), at(7.1, 3.0), at(3.0, 6.5)] == [0, 6, None, None, None]


def test_a_few_numbered_actions_get_keys_and_others_none() -> None:
    found = default_controls(spaces.Discrete(12))
    assert found is not None

    assert "".join(choice.key for choice in found.choices) == "0123456789ab"
    assert default_controls(spaces.Discrete(37)) is None
    assert default_controls(spaces.Box(-1.0, 1.0, (2,))) is None


@pytest.mark.parametrize("world", ["kuhn", "leduc"])
def test_the_others_card_lies_face_down_until_a_showdown(world: str) -> None:
    """Both check to the end: legal in kuhn as 0, in leduc as 1. Leduc has two rounds."""
    table, check = make_world(world), 0 if world == "kuhn" else 1
    table.reset(np.array([5], np.uint64))

    def labels(agent: str) -> list[str]:
        cards = {p.key: p.label for p in table.scene_for(0, agent).primitives if isinstance(p, Box)}
        return [cards["card_0"], cards["card_1"]]

    dealt = [p.label for p in table.scene(0).primitives if isinstance(p, Box)]
    assert labels("player_0") == [dealt[0], "?"]
    assert labels("player_1") == ["?", dealt[1]]
    while not table.outputs.ended[0]:
        table.step([np.full((1, 2), check)])

    assert labels("player_0") == labels("player_1") == dealt[:2]


@pytest.mark.parametrize(
    ("world", "moves"),
    [("kuhn", (1, 0)), ("leduc", (2, 0))],
)
def test_who_folds_sees_no_card(world: str, moves: tuple[int, int]) -> None:
    table = make_world(world)
    table.reset(np.array([5], np.uint64))
    for move in moves:
        table.step([np.full((1, 2), move)])
    cards = {p.key: p.label for p in table.scene_for(0, "player_1").primitives if isinstance(p, Box)}

    assert table.outputs.ended[0]
    assert cards["card_0"] == "?"


@pytest.mark.parametrize(
    ("world", "told", "not_told"),
    [
        ("speaker_listener", "speaker_0", "listener_0"),
        ("adversary", "agent_0", "adversary_0"),
    ],
)
def test_who_is_not_told_the_target_does_not_see_it(world: str, told: str, not_told: str) -> None:
    arena = make_world(world)
    arena.reset(np.array([3], np.uint64))

    def targets(agent: str) -> int:
        return sum("target" in p.label for p in arena.scene_for(0, agent).primitives if isinstance(p, Disc))

    assert (targets(told), targets(not_told)) == (1, 0)


def test_agents_of_reference_see_the_others_target_only() -> None:
    arena = make_world("reference")
    arena.reset(np.array([3], np.uint64))
    labels = " ".join(p.label for p in arena.scene_for(0, "agent_0").primitives if isinstance(p, Disc))

    assert "target of agent_1" in labels
    assert "target of agent_0" not in labels


def test_every_agent_of_a_world_with_a_scene_has_keys_or_few_actions() -> None:
    for world in ("soccer", "spread", "tag", "adversary", "reference", "bandit", "waits", "recall"):
        made = make_world(world)
        for group in made.spec.groups:
            assert all(made.controls(agent) or default_controls(group.action) for agent in group.agents), world
