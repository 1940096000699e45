"""Managers and workers as one policy: when a subgoal is chosen, what the worker is told, and that nothing else is kept."""

import inspect
from dataclasses import replace
from typing import Any

import pytest
import torch
from gymnasium import spaces
from torch import Tensor

from marl_ppo.agents.hierarchy import MATES, SUBGOAL, HierarchicalActor, manager_group, mates_of, worker_group
from marl_ppo.agents.places import Places
from marl_ppo.agents.policy import Decision, Team
from marl_ppo.agents.subgoals import PROGRESS
from marl_ppo.agents.things import Things
from marl_ppo.envs.world import Group, Thing, Whereabouts
from marl_ppo.errors import ConfigError

GRID = Whereabouts(own=1, cells=(5, 5), things={"key": Thing(place=3, known=5), "rock": Thing(place=6)})
GROUP = Group(
    name="players",
    agents=("a",),
    team=(0,),
    obs={"first": spaces.Box(-1.0, 1.0, (2,)), "vector": spaces.Box(-2.0, 2.0, (8,))},
    action=spaces.Discrete(3),
    whereabouts=GRID,
)


def seen(x: float, y: float, key: tuple[float, float] | None = None, rock: tuple[float, float] = (0.0, 0.0)) -> Tensor:
    """Flat obs of an agent at a place, told the ways to a key, if there is one, and to a rock."""
    way = (0.0, 0.0, 0.0) if key is None else (*key, 1.0)
    return torch.tensor([[9.0, 9.0, 7.0, x, y, *way, *rock]])


def test_a_place_is_a_cell_and_is_reached_inside_it() -> None:
    places = Places(GROUP)
    corner, centre = torch.tensor([0]), torch.tensor([12])

    assert places.place(corner, seen(0, 0)).tolist() == [[pytest.approx(-0.8), pytest.approx(-0.8)]]
    assert places.place(centre, seen(0, 0)).abs().max() < 1e-6
    assert places.legal(seen(0, 0)).tolist() == [[True] * 25]
    assert bool(places.reached(centre, seen(0.1, -0.1)))
    assert not bool(places.reached(centre, seen(0.4, 0.0)))
    torch.testing.assert_close(places.shown(centre, seen(0.4, -0.4)), torch.tensor([[0.0, 0.0, -0.4, 0.4]]))


def test_every_place_is_in_its_own_cell() -> None:
    """Of 5 x 3 cells; what lies outside is in the nearest one."""
    places = Places(replace(GROUP, whereabouts=replace(GRID, cells=(5, 3))))
    cells = torch.arange(15)
    middles = places.place(cells, seen(0, 0).expand(15, -1))
    outside = torch.tensor([[[-1.3, 0.0]], [[1.0, 1.0]]])

    assert torch.equal(places.on_the_way(middles[:, None], middles), cells)
    assert places.on_the_way(outside, outside).tolist() == [5, 14]


def test_a_place_pays_for_every_cell_nearer_and_for_being_there() -> None:
    places, centre = Places(GROUP), torch.tensor([12])

    assert float(places.reward(centre, seen(0.8, 0.0), seen(0.4, 0.0))) == pytest.approx(PROGRESS)
    assert float(places.reward(centre, seen(0.4, 0.0), seen(0.8, 0.0))) == pytest.approx(-PROGRESS)
    assert float(places.reward(centre, seen(0.4, 0.0), seen(0.0, 0.0))) == pytest.approx(1 + PROGRESS)


def test_a_thing_is_reached_at_its_place_or_where_it_was_taken() -> None:
    things, key = Things(GROUP), torch.tensor([0])

    assert things.legal(seen(0, 0, key=(0.4, 0.0))).tolist() == [[True, True]]
    assert things.legal(seen(0, 0)).tolist() == [[False, True]]
    assert not bool(things.reached(key, seen(0, 0, key=(0.4, 0.0))))
    assert bool(things.reached(key, seen(0, 0, key=(0.1, 0.0))))
    assert bool(things.reached(key, seen(0, 0)))
    assert float(things.reward(key, seen(0, 0, key=(0.4, 0.0)), seen(0.4, 0.0))) == pytest.approx(1.0)
    # Somebody else took it, far away.
    assert float(things.reward(key, seen(0, 0, key=(1.6, 0.0)), seen(0.4, 0.0))) == 0.0
    assert bool(things.place(key, seen(0, 0)).isnan().all())


def test_subgoals_need_a_world_that_tells_places() -> None:
    with pytest.raises(ConfigError, match="declares no whereabouts"):
        Places(replace(GROUP, whereabouts=None))
    with pytest.raises(ConfigError, match="leaf 'subgoal' already"):
        worker_group(worker_group(GROUP, Places(GROUP)), Places(GROUP))


class Notes:
    """A policy that plays what it is told to, and notes what it is shown."""

    noise_size, memory_size = 1, 1

    def __init__(self, *plays: int) -> None:
        self.plays, self.shown, self.rows, self.leaves = list(plays), [], [], []

    def act(self, obs: Any, mask: Any, index: Any, is_start: Any, memory: Tensor, noise: Tensor, greedy: bool) -> Decision:
        self.shown.append(obs.get(SUBGOAL))
        self.leaves.append(set(obs))
        self.rows.append(len(memory))
        action = self.plays.pop(0) if self.plays else 0
        actions = torch.full((len(memory),), action)
        return Decision(actions, torch.full((len(memory),), -float(action)), memory.masked_fill(is_start[:, None], 0) + 1)


def leaves(flat: Tensor) -> dict[str, Tensor]:
    return {"first": flat[:, :2], "vector": flat[:, 2:]}


def test_the_manager_decides_at_the_start_when_time_is_up_and_when_the_subgoal_is_reached() -> None:
    manager, worker = Notes(12, 24, 6), Notes()
    actor = HierarchicalActor(manager, worker, Places(GROUP), subgoal_steps=3)
    memory = torch.zeros(1, actor.memory_size)
    places = [(0.8, 0.8), (0.8, 0.4), (0.4, 0.4), (0.4, 0.0), (0.8, 0.8), (0.4, 0.4)]
    chosen, new, phases = [], [], []
    for step, (x, y) in enumerate(places):
        start = torch.tensor([step == 0])
        decision = actor.act(
            leaves(seen(x, y)), None, torch.zeros(1, dtype=torch.int64), start, memory, torch.zeros(1, 2), False
        )
        memory = decision.memory
        option = actor.options.read(memory)
        chosen.append(int(option.chosen))
        new.append(bool(option.is_new))
        phases.append(round(float(worker.shown[-1][0, -1]), 4))

    # The first one's time is up after three decisions, the second one, cell 24, is reached a step later.
    assert chosen == [12, 12, 12, 24, 6, 6]
    assert new == [True, False, False, True, True, False]
    assert phases == [0.0, 0.3333, 0.6667, 0.0, 0.0, 0.3333]
    assert len(manager.rows) == 3


def test_a_worker_that_is_there_already_holds_its_place() -> None:
    """For three decisions, of at most five; who arrives later is done where it arrives."""
    actor = HierarchicalActor(Notes(), Notes(), Places(GROUP), subgoal_steps=5, least_steps=3)
    ages, there, away = torch.arange(1.0, 7.0), torch.ones(6, dtype=torch.bool), torch.zeros(6, dtype=torch.bool)

    assert actor.is_over(ages, there).tolist() == [False, False, True, True, True, True]
    assert actor.is_over(ages, away).tolist() == [False, False, False, False, True, True]


def test_what_is_made_anew_of_its_terms_is_the_same() -> None:
    """Stacks and joined players are: a setting that the terms left out would silently be its default there."""
    settings = set(inspect.signature(HierarchicalActor).parameters) - {"manager", "worker"}
    told = {"subgoal_steps": 5, "least_steps": 3, "watches": True, "tells": False, "mates": ((-1,),)}
    actor = HierarchicalActor(Notes(), Notes(), Places(GROUP), **told)

    assert actor.terms == {"space": Places(GROUP), **told}
    assert actor.terms.keys() == settings
    assert HierarchicalActor(Notes(), Notes(), **actor.terms).terms == actor.terms


def test_memories_of_the_levels_are_apart_and_the_manager_s_moves_only_when_it_decides() -> None:
    actor = HierarchicalActor(Notes(12, 24), Notes(), Places(GROUP), subgoal_steps=2)
    memory = torch.full((1, actor.memory_size), 7.0)
    told = []
    for step in range(4):
        obs = leaves(seen(0.8, -0.8))
        start = torch.tensor([step == 0])
        memory = actor.act(obs, None, torch.zeros(1, dtype=torch.int64), start, memory, torch.zeros(1, 2), False).memory
        told.append(tuple(float(part) for part in actor.memories(memory)))

    assert told == [(1, 1), (1, 2), (2, 3), (2, 4)]


def test_only_the_rows_that_are_due_reach_the_manager() -> None:
    manager = Notes(12, 3)
    actor = HierarchicalActor(manager, Notes(), Places(GROUP), subgoal_steps=9)
    obs = torch.cat([seen(0.8, 0.8), seen(0.8, 0.8), seen(0.8, 0.8)])
    index, noise = torch.zeros(3, dtype=torch.int64), torch.zeros(3, 2)
    start = torch.ones(3, dtype=torch.bool)
    memory = actor.act(leaves(obs), None, index, start, torch.zeros(3, actor.memory_size), noise, False).memory
    again = torch.tensor([False, True, False])
    memory = actor.act(leaves(obs), None, index, again, memory, noise, False).memory

    assert manager.rows == [3, 1]
    assert actor.options.read(memory).chosen.tolist() == [12, 3, 12]
    assert actor.options.read(memory).logprob.tolist() == [-12.0, -3.0, -12.0]


def test_levels_see_the_group_as_it_is_but_for_what_is_theirs() -> None:
    things = Things(GROUP)
    managers, workers = manager_group(GROUP, things), worker_group(GROUP, things)

    assert (managers.obs, managers.action, managers.masked) == (GROUP.obs, spaces.Discrete(2), True)
    assert (workers.action, list(workers.obs)) == (GROUP.action, ["first", "vector", SUBGOAL])
    assert workers.obs[SUBGOAL].shape == (things.size + 1,)


def test_a_team_s_manager_is_shown_what_mates_see_and_were_told() -> None:
    """Of five agents a, c and e are a team; b and d are another, and so have one mate and a gap. The manager need not look at
    a seat whose option goes on."""
    group = replace(GROUP, agents=("a", "b", "c", "d", "e"), team=(0, 1, 0, 1, 0))
    assert mates_of(group) == ((2, 4), (3, -1), (0, 4), (1, -1), (0, 2))
    things = Things(group)
    pair = HierarchicalActor(Notes(), Notes(), things, 4, mates=mates_of(group))
    obs = torch.cat([seen(0.1 * number, 0.0, rock=(0.1 * number, 0.2)) for number in range(10)])
    # Everybody is after the rock, chosen two decisions ago, but for those who start and those whom another policy plays.
    memory = torch.tensor([1.0, 2.0, 0.0, 0.0, 7.0, 7.0]).repeat(10, 1)
    silent = torch.zeros(10, dtype=torch.bool)
    silent[9] = True
    memory[[1, 5], 1] = 4.0

    shown = pair.of_mates(Team(obs, memory, silent, torch.tensor([1, 2, 5])))[MATES]

    told = things.size + 1
    first, unneeded, second = shown.view(3, 2, 10 + told).unbind(0)
    assert not unneeded.any()
    assert not pair.of_mates(Team(obs, memory, silent, torch.tensor([2])))[MATES].any(), "nobody is to be told anything"
    assert torch.equal(first[0, :10], obs[3])
    torch.testing.assert_close(first[0, 10:], torch.tensor([0.0, 1.0, 0.3, 0.2, 0.5]))
    assert not first[1].any()
    assert torch.equal(second[:, :10], obs[[7, 9]])
    assert second[0, 10:].any()
    assert not second[1, 10:].any()
    assert manager_group(group, things, of_team=True).obs[MATES].shape == (shown.shape[1],)
    everybody = Team(obs, memory, silent, torch.arange(10))
    assert torch.equal(pair.of_mates(everybody)[MATES][[1, 5]], shown[[0, 2]])
    watching = HierarchicalActor(Notes(), Notes(), things, 4, mates=mates_of(group), watches=True)
    assert watching.of_mates(everybody)[MATES].any(1).all(), "who watches looks at everybody"


def test_the_worker_and_the_space_see_nothing_of_mates() -> None:
    manager, worker = Notes(), Notes()
    group = replace(GROUP, agents=("a", "b"), team=(0, 0))
    pair = HierarchicalActor(manager, worker, Things(group), 4, mates=mates_of(group))
    obs = {**leaves(seen(0, 0).repeat(2, 1)), MATES: torch.ones(2, 3)}

    pair.act(obs, None, torch.zeros(2).long(), torch.ones(2).bool(), torch.zeros(2, pair.memory_size), torch.zeros(2, 2), False)

    assert manager.leaves == [{"first", "vector", MATES}]
    assert worker.leaves == [{"first", "vector", SUBGOAL}]


def test_what_another_player_left_in_a_seat_s_memory_means_nothing() -> None:
    """Whoever sat there in the last episode; numbers that are no subgoal's are not looked at."""
    for space in (Places(GROUP), Things(GROUP)):
        options = []
        for left in (0.0, 1000.0):
            actor = HierarchicalActor(Notes(1), Notes(), space, 4)
            memory, nobody = torch.full((1, actor.memory_size), left), torch.zeros(1, dtype=torch.int64)
            start = torch.ones(1, dtype=torch.bool)
            decision = actor.act(leaves(seen(0.4, 0.4)), None, nobody, start, memory, torch.zeros(1, 2), False)
            options.append(decision.memory[:, : actor.options.size])

        assert torch.equal(*options)
