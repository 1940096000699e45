"""Many frozen actors in one forward decide what each decides alone."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from gymnasium import spaces

from marl_ppo.agents.actor_critic import Actor
from marl_ppo.agents.networks import NetworkConfig
from marl_ppo.agents.stacked import BLOCK, MANY, Member, stacked
from marl_ppo.envs.world import Group

ROWS, MANY_ROWS = 3 * BLOCK + 5, 5 * MANY
DISCRETE, BOX = spaces.Discrete(5), spaces.Box(-1, 1, (2,), np.float32)
VECTOR = spaces.Box(-1, 1, (7,), np.float32)
UNBOUNDED = spaces.Box(-np.inf, np.inf, (7,), np.float32)
PICTURE = spaces.Box(0, 255, (12, 12, 3), np.uint8)
KINDS = {
    "mlp": (VECTOR, DISCRETE, NetworkConfig()),
    "relu": (VECTOR, DISCRETE, NetworkConfig(activation="relu", hidden=(32,))),
    "gru": (VECTOR, DISCRETE, NetworkConfig(memory="gru")),
    "normals": (VECTOR, BOX, NetworkConfig()),
    "statistics": (UNBOUNDED, DISCRETE, NetworkConfig()),
    "picture": (PICTURE, DISCRETE, NetworkConfig()),
    "entities": (spaces.Box(-1, 1, (4, 3), np.float32), DISCRETE, NetworkConfig()),
}


def actor(kind: str, seed: int) -> Actor:
    obs, action, config = KINDS[kind]
    group = Group(name="g", agents=("a", "b"), team=(0, 0), obs={"vector": obs}, action=action)
    made = Actor(group, config, torch.Generator().manual_seed(seed))
    generator = torch.Generator().manual_seed(seed)
    for tensor in (*made.parameters(), *(b for name, b in made.named_buffers() if "statistics" in name)):
        # Actors that differ clearly, and decide by what they see.
        tensor.data += 0.3 * torch.rand(tensor.shape, generator=generator, dtype=torch.float32)
    return made


def rows_for(made: Actor, kind: str, rows: int) -> tuple[object, ...]:
    generator = torch.Generator().manual_seed(7)
    space = KINDS[kind][0]
    obs = torch.rand(rows, *space.shape, generator=generator)
    if space.dtype == np.uint8:
        obs = (obs * 255).to(torch.uint8)
    mask = torch.rand(rows, 5, generator=generator) > 0.3
    mask[:, 0] = True
    return (
        {"vector": obs},
        mask,
        torch.randint(0, 2, (rows,), generator=generator),
        torch.rand(rows, generator=generator) > 0.5,
        torch.rand(rows, made.memory_size, generator=generator),
        torch.rand(rows, made.noise_size, generator=generator),
    )


def taken(given: tuple[object, ...], rows: torch.Tensor) -> tuple[object, ...]:
    return tuple({"vector": g["vector"][rows]} if isinstance(g, dict) else g[rows] for g in given)  # type: ignore[index]


@pytest.mark.parametrize("greedy", [False, True], ids=["sampled", "greedy"])
@pytest.mark.parametrize("rows", [ROWS, MANY_ROWS], ids=["blocks", "in turn"])
@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_members_decide_together_what_each_decides_alone(kind: str, rows: int, greedy: bool) -> None:
    """With very unequal numbers of rows each: none, one, a few, most."""
    actors = [actor(kind, seed) for seed in range(5)]
    given = rows_for(actors[0], kind, rows)
    counts = [0, 1, 4, 9, rows - 14]
    members = torch.repeat_interleave(torch.arange(5), torch.tensor(counts))[
        torch.randperm(rows, generator=torch.Generator().manual_seed(1))
    ]
    together = stacked(actors)[0].stack.of(members).act(*given, greedy)

    for number, alone in enumerate(actors):
        mine = torch.nonzero(members == number).flatten()
        if len(mine):
            expected = alone.act(*taken(given, mine), greedy)  # type: ignore[arg-type]
            torch.testing.assert_close(together.actions[mine], expected.actions, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(together.logprob[mine], expected.logprob, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(together.memory[mine], expected.memory, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_a_member_is_a_policy_of_its_own() -> None:
    actors = [actor("gru", seed) for seed in range(3)]
    given = rows_for(actors[0], "gru", 10)

    for alone, member in zip(actors, stacked(actors), strict=True):
        torch.testing.assert_close(member.act(*given, False).logprob, alone.act(*given, False).logprob)


def test_only_equal_architectures_share_a_stack() -> None:
    """An activation is no weight, but makes another architecture all the same."""
    tanh, relu = NetworkConfig(), NetworkConfig(activation="relu")
    group = Group(name="g", agents=("a",), team=(0,), obs={"vector": VECTOR}, action=DISCRETE, masked=False)
    made = [Actor(group, config, torch.Generator().manual_seed(0)) for config in (tanh, relu, tanh)]

    members = stacked(made)

    assert members[0].stack is members[2].stack
    assert members[1].stack is not members[0].stack
    assert [member.number for member in members] == [0, 0, 1]


def test_a_stack_keeps_the_weights_it_was_made_of() -> None:
    made = actor("mlp", 0)
    given = rows_for(made, "mlp", 4)
    (member,) = stacked([made])
    with torch.no_grad():
        before = member.act(*given, False).logprob
        made.output.weight += 1

        assert torch.equal(member.act(*given, False).logprob, before)
        assert isinstance(member, Member)


@torch.no_grad()
def test_threads_may_share_a_stack() -> None:
    """Each has a skeleton of its own for the weights to be put into."""
    actors = [actor("gru", seed) for seed in range(4)]
    stack = stacked(actors)[0].stack
    given = rows_for(actors[0], "gru", ROWS)
    batches = [torch.full((ROWS,), number) for number in range(4)]
    alone = [stack.of(members).act(*given, False).logprob for members in batches]  # type: ignore[arg-type]

    def many_times(members: torch.Tensor) -> list[torch.Tensor]:
        with torch.no_grad():
            return [stack.of(members).act(*given, False).logprob for _ in range(20)]  # type: ignore[arg-type]

    with ThreadPoolExecutor(4) as executor:
        for expected, found in zip(alone, executor.map(many_times, batches), strict=True):
            assert all(torch.equal(logprob, expected) for logprob in found)
