"""Many frozen hierarchies in one forward of managers and one of workers decide what each decides alone."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from gymnasium import spaces
from torch import Tensor

from marl_ppo.agents.actor_critic import Actor
from marl_ppo.agents.hierarchy import HierarchicalActor, manager_group, worker_group
from marl_ppo.agents.networks import NetworkConfig
from marl_ppo.agents.places import Places
from marl_ppo.agents.policy import Policy
from marl_ppo.agents.stacked import Member, StackedActors, StackedHierarchies, stacked
from marl_ppo.agents.subgoals import SubgoalSpace
from marl_ppo.agents.things import Things
from marl_ppo.envs.world import Group, Thing, Whereabouts
from marl_ppo.training.fused.playing import FusedStack, fastest_stack

GROUP = Group(
    name="players",
    agents=("a", "b"),
    team=(0, 0),
    obs={"first": spaces.Box(-1.0, 1.0, (2,)), "vector": spaces.Box(-1.0, 1.0, (8,))},
    action=spaces.Discrete(4),
    masked=True,
    whereabouts=Whereabouts(own=1, cells=(5, 5), things={"key": Thing(place=3, known=5), "rock": Thing(place=6)}),
)
PLAIN, GRU = NetworkConfig(hidden=(16, 16)), NetworkConfig(hidden=(16, 16), memory="gru")
MEMBERS, ROWS, STEPS = 4, 40, 12


def actor(group: Group, config: NetworkConfig, seed: int) -> Actor:
    """One whose choices differ clearly from those of another seed."""
    made = Actor(group, config, torch.Generator().manual_seed(seed))
    made.output.weight.data *= 100
    return made


def hierarchy(
    seed: int,
    *,
    kind: Callable[[Group], SubgoalSpace] = Things,
    group: Group = GROUP,
    steps: int = 4,
    manager: NetworkConfig = PLAIN,
    worker: NetworkConfig = PLAIN,
    watches: bool = False,
    tells: bool = True,
) -> HierarchicalActor:
    """With a subgoal space of its own, as a player that was loaded has it."""
    space = kind(group)
    managing, working = manager_group(group, space), worker_group(group, space)
    levels = actor(managing, manager, seed), actor(working, worker, 100 + seed)
    return HierarchicalActor(*levels, space, steps, watches=watches, tells=tells)


def reading(**changed: object) -> Group:
    """The group, whose places are to be read otherwise."""
    return replace(GROUP, whereabouts=replace(GROUP.whereabouts, **changed))  # type: ignore[type-var, arg-type]


def rows_at(step: int, noise_size: int) -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor, Tensor]:
    """(obs, mask, agent index, start, noise) of a step: all rows start at the first, a few later."""
    generator = torch.Generator().manual_seed(step)
    obs = {"first": torch.rand(ROWS, 2, generator=generator), "vector": 2 * torch.rand(ROWS, 8, generator=generator) - 1}
    mask = torch.rand(ROWS, 4, generator=generator) > 0.3
    mask[:, 0] = True
    start = torch.rand(ROWS, generator=generator) > (0.8 if step else -1.0)
    index, noise = torch.arange(ROWS) % 2, torch.rand(ROWS, noise_size, generator=generator)
    return obs, mask, index, start, noise


def act(policy: Policy, step: int, memory: Tensor, rows: Tensor, greedy: bool) -> tuple[Tensor, Tensor, Tensor]:
    obs, mask, index, start, noise = rows_at(step, policy.noise_size)
    leaves = {leaf: array[rows] for leaf, array in obs.items()}
    return policy.act(leaves, mask[rows], index[rows], start[rows], memory[rows], noise[rows], greedy)


@pytest.mark.parametrize("greedy", [False, True], ids=["sampled", "greedy"])
@pytest.mark.parametrize("make", [StackedActors, fastest_stack])
@pytest.mark.parametrize(("manager", "worker"), [(PLAIN, PLAIN), (GRU, GRU), (GRU, PLAIN)], ids=["plain", "gru", "mixed"])
@pytest.mark.parametrize("kind", [Things, Places])
@torch.no_grad()
def test_hierarchies_decide_together_what_each_decides_alone(kind, manager, worker, make, greedy) -> None:  # type: ignore[no-untyped-def]
    """Step after step, each with the memory of the one before; of the rows some are due, one member's or several's.

    Member 1 plays no row, member 3 most of them. Things are masked subgoals.
    """
    alone = [hierarchy(seed, kind=kind, manager=manager, worker=worker) for seed in range(MEMBERS)]
    members = torch.tensor([0] * 6 + [2] + [3] * (ROWS - 7))[torch.randperm(ROWS, generator=torch.Generator().manual_seed(1))]
    (stack,) = {member.stack for member in stacked(alone, make)}  # type: ignore[attr-defined]
    memory, due = torch.ones(ROWS, stack.memory_size), []
    for step in range(STEPS):
        together = act(stack.of(members), step, memory, torch.arange(ROWS), greedy)
        for number in members.unique().tolist():
            mine = torch.nonzero(members == number).flatten()
            for found, expected in zip(together, act(alone[number], step, memory, mine, greedy), strict=True):
                torch.testing.assert_close(found[mine], expected, atol=1e-5, rtol=1e-5)
        memory = together[2]
        due.append(int(alone[0].options.read(memory).is_new.sum()))

    assert isinstance(stack, StackedHierarchies)
    assert due[0] == ROWS
    assert all(0 < rows < ROWS for rows in due[1:])
    assert len(alone[0].options.read(memory).chosen.unique()) > 1


def test_only_hierarchies_that_mean_the_same_by_a_subgoal_share_a_stack() -> None:
    """Networks have the same shapes, but for the last two: what tells apart is on which terms levels go together."""
    alike = [hierarchy(0), hierarchy(1)]
    others = [
        hierarchy(2, steps=5),
        hierarchy(2, watches=True),
        hierarchy(2, tells=False),
        hierarchy(2, group=reading(own=0)),
        hierarchy(2, kind=Places, group=reading(cells=(1, 2))),
        hierarchy(2, worker=GRU),
        hierarchy(2, manager=GRU),
    ]
    members = stacked([*alike, *others])

    assert members[0].stack is members[1].stack  # type: ignore[attr-defined]
    assert [member.number for member in members] == [0, 1, *[0] * len(others)]  # type: ignore[attr-defined]
    assert len({member.stack for member in members}) == 1 + len(others)  # type: ignore[attr-defined]


@torch.no_grad()
def test_a_stack_keeps_the_terms_of_its_members() -> None:
    alone = hierarchy(0, steps=7, watches=True, tells=False)
    (member,) = stacked([alone])
    together = member.stack.of(torch.zeros(ROWS, dtype=torch.int64))  # type: ignore[attr-defined]

    assert together.terms == alone.terms
    for step in range(3):
        found, expected = (
            act(one, step, torch.ones(ROWS, one.memory_size), torch.arange(ROWS), False) for one in (member, alone)
        )
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_a_space_that_does_not_say_what_it_equals_shares_a_stack_with_itself_alone() -> None:
    """Such as one of a plugin, which may know more than its group."""

    class Unsaid:
        def __init__(self) -> None:
            self.__dict__ |= vars(Things(GROUP))

    shared = Unsaid()
    made = [hierarchy(seed) for seed in range(3)]
    for one, space in zip(made, (shared, Unsaid(), shared), strict=True):
        one.space = space  # type: ignore[assignment]
    members = stacked(made)

    assert members[0].stack is members[2].stack  # type: ignore[attr-defined]
    assert members[1].stack is not members[0].stack  # type: ignore[attr-defined]


def test_levels_are_stacked_by_what_stacks_flat_players_of_their_kind() -> None:
    (member,) = stacked([hierarchy(0, manager=GRU)], fastest_stack)

    assert isinstance(member, Member)
    assert isinstance(member.stack, StackedHierarchies)
    assert isinstance(member.stack.managers, StackedActors)
    assert isinstance(member.stack.workers, FusedStack)


def test_what_cannot_be_stacked_stays_as_it_is() -> None:
    """A hierarchy has to be of networks at both levels."""

    class Script:
        noise_size = memory_size = 0

    script, whole = Script(), hierarchy(0)
    half = HierarchicalActor(whole.manager, script, whole.space, 4)  # type: ignore[arg-type]
    found = stacked([script, half, whole])  # type: ignore[list-item]

    assert found[:2] == [script, half]
    assert isinstance(found[2], Member)
