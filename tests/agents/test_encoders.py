"""Encoders: which one a leaf's space asks for, what each is sensitive to, and what it must not care about."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor, nn

from marl_ppo.agents.actor_critic import ActorCritic
from marl_ppo.agents.encoders import Encoder, EntityEncoder, ImageEncoder, TokenEncoder
from marl_ppo.agents.networks import NetworkConfig
from marl_ppo.agents.observations import flat_obs, joint_obs
from marl_ppo.envs.world import Group, ObsLeaf, WorldSpec

LARGEST = float(np.finfo(np.float32).max)


def box(shape: tuple[int, ...], low: float = -1.0, high: float = 1.0, dtype: Any = np.float32) -> spaces.Box:
    return spaces.Box(low, high, shape, dtype)


def picture(*shape: int) -> spaces.Box:
    return box(shape, 0, 255, np.uint8)


def encoder(obs: Mapping[str, ObsLeaf] | ObsLeaf, seed: int = 0, **network: Any) -> Encoder:
    leaves = obs if isinstance(obs, Mapping) else {"leaf": obs}
    return Encoder(leaves, NetworkConfig(**network), torch.Generator().manual_seed(seed))


def normal(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def kind(made: Encoder) -> str:
    """What became of an encoder's only leaf."""
    (leaf,) = made.leaves
    if made.is_identity:
        return "as it is"
    if made.has_statistics:
        return "standardised"
    learned = {ImageEncoder: "image", EntityEncoder: "entities", TokenEncoder: "tokens"}
    return learned[type(leaf)] if made.is_learned else "scaled"


KINDS: dict[str, tuple[ObsLeaf, str, int]] = {
    "a vector": (box((7,)), "as it is", 7),
    "a vector of small numbers": (box((7,), -10, 10), "as it is", 7),
    "bits": (box((7,), 0, 1, np.uint8), "as it is", 7),
    "a number": (box(()), "as it is", 1),
    "a vector without bounds": (box((7,), -math.inf, math.inf), "standardised", 7),
    "a vector with a bound on one side": (box((7,), 0, math.inf), "standardised", 7),
    "a vector as wide as float32": (box((7,), -LARGEST, LARGEST), "standardised", 7),
    "memory of a console": (picture(128), "scaled", 128),
    "coordinates": (box((2,), 0, 500), "scaled", 2),
    "a screen": (picture(84, 84, 3), "image", 256),
    "a grey screen": (picture(84, 84), "image", 256),
    "four frames, channels first": (picture(4, 84, 84), "image", 256),
    "connect four": (box((6, 7, 2), 0, 1, np.uint8), "image", 128),
    "chess": (box((8, 8, 111), 0, 1, np.uint8), "image", 128),
    "a map of floats": (box((13, 13, 5)), "image", 128),
    "knights, archers and zombies": (box((27, 5)), "entities", 64),
    "tokens": (spaces.MultiDiscrete([9] * 12), "tokens", 64),
    "four axes": (box((2, 2, 2, 2)), "as it is", 16),
    "four axes without bounds": (box((2, 2, 2, 2), -math.inf, math.inf), "standardised", 16),
}


def sample(space: ObsLeaf, rows: int) -> Tensor:
    """`rows` values of a space as a world would show them: [rows, *leaf]."""
    if isinstance(space, spaces.MultiDiscrete):
        return torch.from_numpy(np.random.default_rng(0).integers(0, space.nvec, (rows, len(space.nvec))))
    low, high = (max(float(space.low.min()), -9.0), min(float(space.high.max()), 255.0))
    values = np.random.default_rng(0).uniform(low, high, (rows, *space.shape))
    return torch.from_numpy(values.astype(space.dtype))


@pytest.mark.parametrize(("space", "wanted", "size"), KINDS.values(), ids=KINDS.keys())
def test_the_space_of_a_leaf_tells_its_encoder(space: ObsLeaf, wanted: str, size: int) -> None:
    """And rows of any number of axes become as many rows of features, float32."""
    made = encoder(space)
    flat = flat_obs({"leaf": sample(space, 6)})

    assert kind(made) == wanted
    assert made.size == size
    assert made(flat).shape == (6, size)
    assert made(flat.view(3, 2, -1)).shape == (3, 2, size)
    assert made(flat).dtype == torch.float32
    torch.testing.assert_close(made(flat.view(3, 2, -1)).flatten(0, 1), made(flat))


@pytest.mark.parametrize("space", [space for space, _, _ in KINDS.values()], ids=KINDS.keys())
def test_of_no_rows_come_no_rows(space: ObsLeaf) -> None:
    """As at a step at which nobody is on turn."""
    made = encoder(space)

    assert made(flat_obs({"leaf": sample(space, 6)})[:0]).shape == (0, made.size)


@pytest.mark.parametrize(
    ("normalize_obs", "kinds"),
    [
        ("auto", ["as it is", "scaled", "standardised"]),
        ("always", ["standardised", "standardised", "standardised"]),
        ("never", ["as it is", "as it is", "as it is"]),
    ],
)
def test_vectors_are_standardised_always_or_never_if_the_settings_say_so(normalize_obs: str, kinds: list[str]) -> None:
    """A narrow, a wide and an unbounded one."""
    vectors = [box((3,)), box((3,), 0, 500), box((3,), -math.inf, math.inf)]

    assert [kind(encoder(space, normalize_obs=normalize_obs)) for space in vectors] == kinds


def test_wide_bounds_become_minus_one_and_one() -> None:
    """500 wide from 0, and 40 around 0."""
    made = encoder(spaces.Box(np.array([0, -20], np.float32), np.array([500, 20], np.float32)))

    torch.testing.assert_close(
        made(torch.tensor([[0.0, -20.0], [250.0, 0.0], [500.0, 10.0]])), torch.tensor([[-1, -1], [0, 0], [1, 0.5]])
    )


def first_convolution(made: Encoder) -> nn.Conv2d:
    return next(module for module in made.modules() if isinstance(module, nn.Conv2d))


@pytest.mark.parametrize(
    ("shape", "channels", "kernel"),
    [
        ((84, 84, 3), 3, 8),
        ((3, 84, 84), 3, 8),
        ((1, 36, 50), 1, 8),
        ((84, 84), 1, 8),
        ((36, 36, 3), 3, 8),
        ((35, 84, 3), 3, 3),
        ((6, 7, 2), 2, 3),
        ((8, 8, 111), 111, 3),
        ((3, 3, 2), 2, 3),
        ((1, 1, 3), 3, 3),
    ],
)
def test_a_picture_is_laid_out_and_looked_at_by_its_shape(shape: tuple[int, ...], channels: int, kernel: int) -> None:
    """Channels are last, unless the first axis is too short to be a height; from 36 pixels on it is a screen."""
    convolution = first_convolution(encoder(picture(*shape)))

    assert convolution.in_channels == channels
    assert convolution.kernel_size == (kernel, kernel)


@pytest.mark.parametrize("size", [(40, 44), (9, 6)])
def test_channels_first_and_last_are_the_same_picture(size: tuple[int, int]) -> None:
    last, first = encoder(picture(*size, 3)), encoder(picture(3, *size))
    shown = sample(picture(*size, 3), 4)

    torch.testing.assert_close(first(shown.permute(0, 3, 1, 2).flatten(1)), last(shown.flatten(1)))


BLACK_AND_WHITE = {
    "bytes": (picture(6, 6, 1), 0, 255),
    "float bytes": (box((6, 6, 1), 0, 255), 0, 255),
    "halves": (box((6, 6, 1), -0.5, 0.5), -0.5, 0.5),
    "without bounds": (box((6, 6, 1), -math.inf, math.inf), 0, 1),
    "as wide as float32": (box((6, 6, 1), -LARGEST, LARGEST), 0, 1),
}


@pytest.mark.parametrize(("space", "black", "white"), BLACK_AND_WHITE.values(), ids=BLACK_AND_WHITE.keys())
def test_convolutions_see_0_for_black_and_1_for_white(space: spaces.Box, black: float, white: float) -> None:
    """In whatever units the picture is; where no bounds give units, as it is."""
    made, seen = encoder(space), []
    first_convolution(made).register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    made(torch.tensor([[black] * 36, [white] * 36]).to(torch.from_numpy(space.low).dtype))

    torch.testing.assert_close(seen[0].flatten(1), torch.tensor([[0.0] * 36, [1.0] * 36]))


def entities(*, seed: int = 1) -> Tensor:
    """Four rows of five entities, the last two of them absent, [4, 5, 3]."""
    shown = normal(4, 5, 3, seed=seed)
    shown[:, 3:] = 0.0
    return shown


def test_the_order_of_entities_does_not_matter() -> None:
    made, shown = encoder(box((5, 3))), entities()

    torch.testing.assert_close(made(shown[:, [4, 2, 0, 3, 1]].flatten(1)), made(shown.flatten(1)))
    assert not torch.allclose(made(shown[..., [1, 0, 2]].flatten(1)), made(shown.flatten(1)))


def test_entities_of_zeros_are_as_good_as_not_there() -> None:
    """An encoder of three entities, with the same weights, says the same of the three that are there."""
    five, three = encoder(box((5, 3))), encoder(box((3, 3)))
    shown = entities()

    torch.testing.assert_close(five(shown.flatten(1)), three(shown[:, :3].flatten(1)))


def test_entities_look_at_one_another() -> None:
    """A second entity changes what is made of the first, not just what is pooled: the two together are no mean of each."""
    made, (one, other) = encoder(box((2, 3))), normal(2, 3)
    nobody = torch.zeros(3)
    together, first, second = (
        made(torch.cat(pair).view(1, -1))[0, :64] for pair in ([one, other], [one, nobody], [other, nobody])
    )

    assert not torch.allclose(together, (first + second) / 2, atol=1e-3)


def test_where_nobody_is_there_features_are_zeros_and_gradients_finite() -> None:
    """Also beside rows in which somebody is."""
    made, shown = encoder(box((5, 3))), entities()
    shown[:2] = 0.0
    found = made(shown.flatten(1))
    found.sum().backward()

    assert not found[:2].any()
    assert found[2:].all(dim=1).all()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in made.parameters())


def test_the_order_of_tokens_and_which_ones_they_are_matters() -> None:
    made, tokens = encoder(spaces.MultiDiscrete([9] * 4)), torch.tensor([[1, 2, 3, 4]])
    shown = made(flat_obs({"leaf": tokens}))

    for other in ([[2, 1, 3, 4]], [[1, 2, 3, 5]]):
        assert not torch.allclose(made(flat_obs({"leaf": torch.tensor(other)})), shown, atol=1e-3)


def test_standardising_is_the_identity_until_something_was_taken_in() -> None:
    """Then mean 0 and deviation 1 in each number of its own; 1000 ± 5 and -2 ± .1 here."""
    made = encoder(box((2,), -math.inf, math.inf))
    shown = torch.tensor([1000.0, -2.0]) + torch.tensor([5.0, 0.1]) * normal(500, 2)
    near = torch.tensor([[0.5, -3.0]])
    before = made(near)
    made.take_in(shown)

    assert torch.equal(before, near)
    torch.testing.assert_close(made(shown).mean(0), torch.zeros(2), rtol=0, atol=1e-2)
    torch.testing.assert_close(made(shown).std(0), torch.ones(2), rtol=0, atol=1e-2)


def test_only_what_is_standardised_takes_something_in() -> None:
    leaves = {"far": box((2,), -math.inf, math.inf), "near": box((3,)), "seen": picture(6, 6, 3)}
    made = encoder(leaves)
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    made.take_in(normal(10, 2 + 3 + 108))
    changed = {name for name, tensor in made.state_dict().items() if not torch.equal(tensor, before[name])}

    assert changed == {f"leaves.0.statistics.{name}" for name in ("count", "mean", "var")}


def test_statistics_on_another_device_take_in_what_lies_with_the_cpu() -> None:
    """As rollouts do. The meta device computes nothing, but refuses to mix tensors as a GPU does."""
    made = encoder(box((2,), -math.inf, math.inf)).to("meta")
    made.take_in(normal(10, 2))

    assert {buffer.device.type for buffer in made.buffers()} == {"meta"}


ALL_KINDS: dict[str, ObsLeaf] = {
    "map": picture(6, 6, 3),
    "body": box((4,), -math.inf, math.inf),
    "others": box((5, 3)),
    "words": spaces.MultiDiscrete([9] * 4),
    "goal": box((2,)),
    "clock": box((), 0, 500),
}


def test_each_leaf_of_a_dictionary_goes_through_its_own_encoder() -> None:
    """The features are those of each leaf alone, side by side; weights come from one generator, leaf after leaf."""
    generator = torch.Generator().manual_seed(0)
    alone = {name: Encoder({name: space}, NetworkConfig(), generator) for name, space in ALL_KINDS.items()}
    together = encoder(ALL_KINDS)
    shown = {name: sample(space, 6) for name, space in ALL_KINDS.items()}

    assert [kind(made) for made in alone.values()] == ["image", "standardised", "entities", "tokens", "as it is", "scaled"]
    wanted = torch.cat([made(flat_obs({name: shown[name]})) for name, made in alone.items()], dim=-1)
    torch.testing.assert_close(together(flat_obs(shown)), wanted)


def test_weights_come_from_the_given_generator_alone() -> None:
    """Equal seeds, equal weights; another seed, other ones; and torch's own generator is left alone."""
    before = torch.get_rng_state()
    first, second, other = (torch.cat([p.flatten() for p in encoder(ALL_KINDS, seed).parameters()]) for seed in (0, 0, 1))

    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_bytes_stay_bytes_where_there_is_nothing_else_and_are_not_copied() -> None:
    shown = torch.randint(0, 256, (6, 4, 4, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    alone, beside = flat_obs({"map": shown}), flat_obs({"map": shown, "body": normal(6, 2)})

    assert alone.dtype == torch.uint8
    assert alone.data_ptr() == shown.data_ptr()
    assert beside.dtype == torch.float32
    torch.testing.assert_close(beside, torch.cat([shown.flatten(1).float(), normal(6, 2)], dim=1))


def test_obs_are_laid_side_by_side_behind_as_many_axes_as_there_are() -> None:
    """Steps, copies, agents: a picture has axes of its own, a number has none."""
    leaves = {"map": normal(2, 3, 4, 5, 5, 1), "clock": normal(2, 3, 4), "body": normal(2, 3, 4, 2)}
    flat = flat_obs(leaves, axes=3)

    assert flat.shape == (2, 3, 4, 25 + 1 + 2)
    assert torch.equal(flat[1, 2, 3], torch.cat([leaf[1, 2, 3].flatten() for leaf in leaves.values()]))
    assert torch.equal(joint_obs(({name: leaf[1] for name, leaf in leaves.items()},)), flat[1].flatten(1))


def world_spec(**groups: tuple[int, Mapping[str, ObsLeaf]]) -> WorldSpec:
    """A team of groups, (agents, obs) each."""
    return WorldSpec(
        id="mixed",
        version=1,
        groups=tuple(
            Group(
                name=name,
                agents=tuple(f"{name}_{a}" for a in range(agents)),
                team=(0,) * agents,
                obs=obs,
                action=spaces.Discrete(3),
            )
            for name, (agents, obs) in groups.items()
        ),
        teams=("all",),
        max_steps=1,
        state_size=4,
        capabilities=frozenset({"state"}),
    )


MIXED = {"scouts": (2, {"map": picture(6, 6, 3)}), "workers": (3, {"body": box((4,), -math.inf, math.inf)})}


def policy(spec: WorldSpec, kind: Any, **network: Any) -> ActorCritic:
    config = NetworkConfig(**{"hidden": (8,), **network})
    return ActorCritic(spec, spec.groups[0], kind, config, torch.Generator().manual_seed(0))


def test_a_critic_of_all_obs_looks_at_every_agent_through_the_encoder_of_its_group() -> None:
    """Two agents with a picture of 128 features each, and three with four numbers."""
    critic = policy(world_spec(**MIXED), "joint").critic
    maps, bodies = sample(picture(6, 6, 3), 14).view(7, 2, -1), normal(7, 3, 4)
    inputs = torch.cat([maps.flatten(1).float(), bodies.flatten(1)], dim=1)
    encoded = critic.encode(inputs)
    of_maps = critic.shared_encoder.groups[0]

    assert encoded.shape == (7, 2 * 128 + 3 * 4)
    torch.testing.assert_close(encoded, torch.cat([of_maps(maps).flatten(1), bodies.flatten(1)], dim=1))


def test_a_critic_of_vectors_sees_them_as_they_are_side_by_side() -> None:
    critic = policy(world_spec(one=(2, {"body": box((3,))}), other=(1, {"body": box((2,))})), "joint").critic
    inputs = normal(7, 8)

    assert critic.encode(inputs) is inputs
    assert not [name for name, _ in critic.named_parameters() if "encoder" in name]


@pytest.mark.parametrize("kind", ["own", "joint", "state", "both"])
@pytest.mark.parametrize("memory", ["none", "gru"])
def test_what_a_critic_is_not_shown_has_no_weights_and_what_it_is_shown_is_told_apart(kind: str, memory: str) -> None:
    """Every weight gets a gradient, and the values of a seat depend on each part of its inputs."""
    critic = policy(world_spec(**MIXED), kind, memory=memory).critic
    shared = {"own": None, "joint": normal(7, 2 * 108 + 12), "state": normal(7, 4), "both": normal(7, 4)}[kind]
    own = sample(picture(6, 6, 3), 7).flatten(1)
    inputs = critic.seat_inputs(shared, own, torch.arange(7) % 2) if critic.per_seat else shared
    values, _ = critic(inputs, torch.zeros(7, dtype=torch.bool), torch.zeros(7, critic.memory_size))
    gradients = torch.autograd.grad(values.sum(), list(critic.parameters()), allow_unused=True)

    assert values.shape == ((7,) if critic.per_seat else (7, 2))
    assert all(gradient is not None for gradient in gradients)


def test_the_zeros_of_the_dead_are_not_taken_in() -> None:
    """They would drag the mean of 10 down."""
    critic = policy(world_spec(workers=(3, {"body": box((2,), -math.inf, math.inf)})), "joint").critic
    shown = 10.0 + normal(50, 3, 2)
    shown[10:, 1] = 0.0
    critic.shared_encoder.take_in(shown.flatten(1))
    statistics = critic.shared_encoder.groups[0].leaves[0].statistics

    assert statistics.count == 50 + 10 + 50
    torch.testing.assert_close(statistics.mean.float(), torch.full((2,), 10.0), rtol=0, atol=0.3)
