"""Commands: what each verb asks for, what may be said, what is paid. A world of 10 x 10 cells with a key and a rock."""

import math
from dataclasses import replace

import pytest
import torch
from gymnasium import spaces
from torch import Tensor

from marl_ppo.agents.commands import AWAY, NEAR, VERBS, Commands
from marl_ppo.agents.subgoals import PROGRESS
from marl_ppo.envs.world import Group, Thing, Whereabouts
from marl_ppo.errors import ConfigError

WORLD = Whereabouts(own=0, cells=(10, 10), things={"key": Thing(place=2, known=4), "rock": Thing(place=5)})
GROUP = Group(
    name="players",
    agents=("a",),
    team=(0,),
    obs={"first": spaces.Box(-1.0, 1.0, (1,)), "vector": spaces.Box(-2.0, 2.0, (7,))},
    action=spaces.Discrete(3),
    whereabouts=WORLD,
)
COMMANDS = Commands(GROUP)
Cell = tuple[int, int]


def seen(agent: Cell, key: Cell | None, rock: Cell = (9, 9)) -> Tensor:
    """Flat obs of an agent on a cell, column and line from the lower left."""
    way = (0.0, 0.0, 0.0) if key is None else (*_way(agent, key), 1.0)
    return torch.tensor([[9.0, (2 * agent[0] + 1) / 10 - 1, (2 * agent[1] + 1) / 10 - 1, *way, *_way(agent, rock)]])


def _way(agent: Cell, thing: Cell) -> tuple[float, float]:
    return (thing[0] - agent[0]) / 5, (thing[1] - agent[1]) / 5


def said(words: str) -> Tensor:
    return torch.tensor([COMMANDS.names.index(words)])


def may_be_said(obs: Tensor) -> set[str]:
    return {name for name, legal in zip(COMMANDS.names, COMMANDS.legal(obs)[0].tolist(), strict=True) if legal}


@pytest.mark.parametrize(
    ("verb", "offset", "to_go"),
    [
        ("reach", (0, 0), 0.0),
        ("reach", (3, -4), 5.0),
        ("near", (NEAR, -1), 0.0),
        ("near", (0, 0), 1.0),
        ("near", (-5, 4), 3.0),
        ("leave", (1, -AWAY), 0.0),
        ("leave", (1, -2), AWAY - 2.0),
        ("left", (-1, 1), 0.0),
        ("left", (-7, 0), 0.0),
        ("left", (0, 0), 1.0),
        ("left", (2, -5), 5.0),
        ("right", (1, -1), 0.0),
        ("right", (-3, 4), 5.0),
        ("above", (-1, 6), 0.0),
        ("above", (5, -2), 5.0),
        ("below", (1, -6), 0.0),
        ("below", (-4, 3), 5.0),
    ],
)
def test_a_verb_is_how_many_cells_are_left_to_go(verb: str, offset: Cell, to_go: float) -> None:
    """From the thing to the agent; to (1, 1) from (5, -2), say, are 4 and 3 cells, hence 5."""
    assert float(VERBS[verb](torch.tensor(offset, dtype=torch.float32))) == pytest.approx(to_go)


def test_every_verb_asks_for_something_else() -> None:
    offsets = torch.cartesian_prod(torch.arange(-9.0, 10), torch.arange(-9.0, 10))
    fulfilled = {verb: tuple((to_go(offsets) < 0.5).tolist()) for verb, to_go in VERBS.items()}

    assert len(set(fulfilled.values())) == len(VERBS)
    assert all(any(held) and not all(held) for held in fulfilled.values())


def test_a_command_is_fulfilled_or_over_where_its_thing_is_gone() -> None:
    assert bool(COMMANDS.reached(said("above key"), seen((3, 7), key=(4, 2))))
    assert not bool(COMMANDS.reached(said("above key"), seen((1, 7), key=(4, 2))))
    assert bool(COMMANDS.reached(said("above key"), seen((1, 7), key=None)))
    assert not bool(COMMANDS.reached(said("near rock"), seen((1, 7), key=None)))


def test_only_what_can_be_done_and_is_not_may_be_said() -> None:
    """The agent is right of the key, below the rock, and away from it. Nothing is left of the key, or above or right of the
    rock."""
    of_key = {"reach key", "near key", "leave key", "above key", "below key"}

    assert may_be_said(seen((4, 1), key=(0, 1), rock=(5, 9))) == {*of_key, "reach rock", "near rock", "left rock", "right rock"}
    assert may_be_said(seen((4, 1), key=None, rock=(9, 9))) == {"reach rock", "near rock", "left rock", "below rock"}
    narrow = Commands(replace(GROUP, whereabouts=replace(WORLD, cells=(5, 5))))
    assert not narrow.legal(torch.zeros(1, 8))[0, COMMANDS.names.index("leave rock")]


def test_where_nothing_may_be_said_everything_may() -> None:
    things = {"key": Thing(place=2, known=4)}
    commands = Commands(replace(GROUP, whereabouts=replace(WORLD, things=things)))

    assert commands.legal(seen((0, 0), key=None)).all()


def test_a_worker_is_shown_two_tokens_and_the_way() -> None:
    shown = COMMANDS.shown(said("leave rock"), seen((4, 4), key=None, rock=(9, 3)))[0]

    assert shown.tolist() == pytest.approx([0, 0, 1, 0, 0, 0, 0, 0, 1, 1.0, -0.2])
    assert len(shown) == COMMANDS.size


@pytest.mark.parametrize(
    ("words", "before", "after", "paid"),
    [
        ("reach key", (1, 4), (2, 4), PROGRESS),
        ("reach key", (2, 4), (1, 4), -PROGRESS),
        ("reach key", (3, 4), (4, 4), 1 + PROGRESS),
        ("near key", (1, 4), (2, 4), 1 + PROGRESS),
        ("leave key", (4, 3), (4, 2), PROGRESS),
        ("left key", (6, 4), (5, 4), PROGRESS),
        ("left key", (4, 3), (3, 3), 1 + PROGRESS),
        ("above key", (4, 3), (3, 3), 0.0),
        ("below key", (1, 6), (1, 5), PROGRESS * (math.hypot(2, 3) - math.hypot(2, 2))),
    ],
)
def test_every_cell_less_to_go_is_paid_and_having_done_it(words: str, before: Cell, after: Cell, paid: float) -> None:
    key = (4, 4)

    assert float(COMMANDS.reward(said(words), seen(before, key), seen(after, key))) == pytest.approx(paid, abs=1e-6)


def test_taking_a_thing_is_reaching_it_and_nothing_else() -> None:
    beside, on_it, far = seen((3, 4), key=(4, 4)), seen((4, 4), key=None), seen((0, 4), key=(4, 4))

    assert float(COMMANDS.reward(said("reach key"), beside, on_it)) == 1.0
    assert float(COMMANDS.reward(said("above key"), beside, on_it)) == 0.0
    # Somebody else took it.
    assert float(COMMANDS.reward(said("reach key"), far, seen((1, 4), key=None))) == 0.0
    assert float(COMMANDS.reward(said("reach key"), on_it, on_it)) == 0.0


def test_a_command_is_drawn_at_its_thing() -> None:
    assert COMMANDS.place(said("leave rock"), seen((4, 4), key=None)).tolist() == [pytest.approx([0.9, 0.9])]
    assert COMMANDS.place(said("leave key"), seen((4, 4), key=None)).isnan().all()


def test_who_knows_the_way_says_to_reach_what_lies_there() -> None:
    way = torch.tensor([[[-0.5, 0.5], [0.9, 0.9]]])

    assert COMMANDS.names[int(COMMANDS.on_the_way(way, seen((4, 4), key=(2, 7))))] == "reach key"
    assert COMMANDS.names[int(COMMANDS.on_the_way(way, seen((4, 4), key=None)))] == "reach rock"


def test_commands_need_things() -> None:
    with pytest.raises(ConfigError, match="subgoals 'command' need things that obs tell of"):
        Commands(replace(GROUP, whereabouts=replace(WORLD, things={})))
