"""Randomness without state: streams that never meet, noise keyed by what it is for, no global generator anywhere."""

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import marl_ppo
from marl_ppo.envs.seeds import PURPOSES, Purpose, draw, fill_action_noise, mix, stream, uniform

SOURCES = sorted(Path(marl_ppo.__file__).parent.rglob("*.py"))
LOCAL_GENERATORS = {"default_rng", "Generator", "SeedSequence", "PCG64", "Philox", "BitGenerator"}
"""names of np.random that hold no global state"""
TORCH_DRAWS = {"bernoulli", "multinomial", "normal", "poisson", "rand", "randint", "randn", "randperm"} | {
    "bernoulli_", "cauchy_", "exponential_", "geometric_", "log_normal_", "normal_", "random_", "uniform_",
    "kaiming_normal_", "kaiming_uniform_", "orthogonal_", "trunc_normal_", "xavier_normal_", "xavier_uniform_",
}  # fmt: skip
"""draws of torch that take from its global generator unless they are given `generator=`"""
TORCH_GLOBAL = {"torch.manual_seed", "torch.seed", "torch.initial_seed", "torch.set_rng_state", "torch.random"} | {
    "torch.rand_like", "torch.randn_like", "torch.randint_like", "torch.dropout", "F.dropout", "nn.Dropout",
}  # fmt: skip
"""what touches torch's global generator in any case"""


def noise(seeds: list[int], decisions: list[list[int]], first_seat: int = 0, numbers: int = 3) -> np.ndarray:
    filled = np.empty((len(seeds), len(decisions[0]), numbers), np.float32)
    fill_action_noise(filled, np.array(seeds, np.uint64), np.array(decisions, np.int64), first_seat)
    return filled


def global_draws(source: str) -> Iterator[str]:
    """Every use of a global generator in Python source, as `line: code`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module]
            if {"random", "numpy.random"} & set(modules):
                yield f"{node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.Attribute):
            text = ast.unparse(node)
            of_numpy = text.startswith(("np.random.", "numpy.random.")) and node.attr not in LOCAL_GENERATORS
            if of_numpy or text in TORCH_GLOBAL:
                yield f"{node.lineno}: {text}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TORCH_DRAWS:
            of_generator = ast.unparse(node.func.value) in {"rng", "generator"}
            if not of_generator and not any(keyword.arg == "generator" for keyword in node.keywords):
                yield f"{node.lineno}: {ast.unparse(node)}"


def test_streams_of_different_purposes_never_meet() -> None:
    """7 purposes x 200 copies x 50 episodes, and two run seeds: no key comes twice."""
    copies, episodes = np.arange(200)[:, None], np.arange(50)
    keys = np.stack([stream(run, purpose, copies, episodes) for run in (0, 1) for purpose in PURPOSES])

    assert keys.shape == (2 * len(PURPOSES), 200, 50)
    assert len(np.unique(keys)) == keys.size


@pytest.mark.parametrize("purpose", PURPOSES)
def test_copy_and_episode_are_not_interchangeable(purpose: Purpose) -> None:
    """Else copy 1's episode 2 would be copy 2's episode 1."""
    assert stream(0, purpose, 1, 2) != stream(0, purpose, 2, 1)


@given(run=st.integers(0, 2**64 - 1), copy=st.integers(0, 2**31), episode=st.integers(0, 2**31))
def test_a_stream_does_not_depend_on_what_is_asked_with_it(run: int, copy: int, episode: int) -> None:
    alone = stream(run, "train", copy, episode)
    together = stream(run, "train", np.array([0, copy, 7]), np.array([3, episode, 9]))

    assert together[1] == alone


def test_draws_of_one_stream_are_uniform_and_uncorrelated() -> None:
    """100 000 numbers: mean 1/2 and correlation 0, each within 5 standard errors (0.29 and 1 over the root of n)."""
    key, n = stream(3, "train")[()], 100_000
    numbers = np.array([uniform(key, np.uint64(i)) for i in range(n)])
    correlation = np.corrcoef(numbers[:-1], numbers[1:])[0, 1]

    assert abs(numbers.mean() - 0.5) < 5 * 0.29 / n**0.5
    assert abs(correlation) < 5 / n**0.5
    assert numbers.min() >= 0.0
    assert numbers.max() < 1.0


def test_mixer_is_that_of_splitmix64() -> None:
    """The first three outputs of SplitMix64 seeded with 0: its state counts golden ratios."""
    golden = 0x9E3779B97F4A7C15
    outputs = [int(mix(np.uint64(golden * i % 2**64))) for i in (1, 2, 3)]

    assert outputs == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_draws_of_neighbouring_keys_differ_in_half_their_bits() -> None:
    keys = np.arange(1000, dtype=np.uint64)
    draws = np.array([draw(key, np.uint64(0)) for key in keys], np.uint64)
    flipped = np.bitwise_count(draws[1:] ^ draws[:-1])

    assert 31 < flipped.mean() < 33


def test_action_noise_is_keyed_by_episode_seat_and_decision() -> None:
    """Each of seed, seat, decision and place in the noise changes the number; nothing repeats."""
    filled = noise([5, 6], [[0, 0], [0, 0]])
    later = noise([5, 6], [[1, 1], [1, 1]])

    assert len(np.unique(np.stack([filled, later]))) == 2 * 2 * 2 * 3


def test_action_noise_of_a_seat_does_not_depend_on_the_batch() -> None:
    """The second seat of episode 6, alone, in a world of another size and as the first column of a later group."""
    together = noise([4, 5, 6], [[0, 2, 1], [3, 3, 3], [9, 8, 7]])

    np.testing.assert_array_equal(noise([6], [[9, 8, 7]])[0], together[2])
    np.testing.assert_array_equal(noise([6], [[8]], first_seat=1)[0, 0], together[2, 1])


def test_action_noise_is_not_the_noise_of_the_world() -> None:
    """Worlds draw from the same episode seeds: the two must not share numbers."""
    seeds = np.arange(1000, dtype=np.uint64)
    world = [np.float32(uniform(seed, np.uint64(counter))) for seed in seeds for counter in range(4)]
    policy = noise(seeds.tolist(), [[0, 0]] * 1000, numbers=2)

    assert len(np.intersect1d(np.array(world), policy)) < 5  # 4000 x 4000 pairs of 2**-23 apart: two by chance


def test_action_noise_is_strictly_between_0_and_1() -> None:
    """2**26 float32 draws on a grid of 2**23 points meet both ends, 2**-24 and 1 - 2**-24, eight times each."""
    filled = np.empty((1, 1, 2**22), np.float32)
    low, high = 1.0, 0.0
    for seed in range(16):
        fill_action_noise(filled, np.array([seed], np.uint64), np.zeros((1, 1), np.int64), 0)
        low, high = min(low, float(filled.min())), max(high, float(filled.max()))

    assert low == 2.0**-24
    assert high == 1.0 - 2.0**-24


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(SOURCES[0].parent)))
def test_no_source_file_draws_from_a_global_generator(path: Path) -> None:
    assert list(global_draws(path.read_text())) == []


@pytest.mark.parametrize(
    "line",
    [
        "import random",
        "from numpy.random import rand",
        "np.random.seed(0)",
        "x = np.random.rand(3)",
        "torch.manual_seed(1)",
        "torch.rand(3)",
        "torch.randn_like(x)",
        "weight.normal_(0.0, 1.0)",
        "nn.init.orthogonal_(layer.weight)",
        "F.dropout(x)",
    ],
)
def test_the_scan_finds_global_draws(line: str) -> None:
    assert list(global_draws(line)) != []


@pytest.mark.parametrize(
    "line",
    [
        "rng = np.random.default_rng(0)",
        "own = torch.Generator().manual_seed(3)",
        "rng.normal(0.0, 1.0)",
        "torch.rand(3, generator=own)",
        "w.normal_(generator=own)",
    ],
)
def test_the_scan_lets_local_generators_pass(line: str) -> None:
    assert list(global_draws(line)) == []


def test_a_run_seed_may_be_of_any_whole_kind() -> None:
    """`for seed in np.arange(3)` gives numpy's own integers."""
    assert stream(np.int64(7), "eval") == stream(7, "eval")
    assert stream(-1, "eval") == stream(2**64 - 1, "eval")
