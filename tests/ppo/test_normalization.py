"""Statistics of returns and observations."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save

from marl_ppo.ppo.normalization import RunningMeanStd, ValueNorm, popart_rescaled


def test_the_first_update_gives_the_rollouts_own_mean_and_variance() -> None:
    """8 and 12: mean 10, variance 4, although one update's weight is only 1e-5."""
    norm = ValueNorm()
    norm.update(torch.tensor([8.0, 12.0]))

    torch.testing.assert_close(norm.mean.float(), torch.tensor(10.0), atol=1e-3, rtol=0)
    torch.testing.assert_close(norm.std.square().float(), torch.tensor(4.0), atol=1e-3, rtol=0)


def test_later_updates_are_weighted_by_beta() -> None:
    """Means 0, then 3, with beta .5: weights .25 and .5, so (0 * .25 + 3 * .5) / .75 = 2."""
    norm = ValueNorm(beta=0.5)
    norm.update(torch.zeros(4))
    norm.update(torch.full((2,), 3.0))

    torch.testing.assert_close(norm.mean.item(), 2.0)


def test_normalised_values_come_back() -> None:
    norm = ValueNorm()
    norm.update(torch.tensor([8.0, 12.0]))
    values = torch.tensor([9.0, 10.0, 14.0])

    torch.testing.assert_close(norm.normalize(values), torch.tensor([-0.5, 0.0, 2.0]), atol=1e-4, rtol=0)
    torch.testing.assert_close(norm.denormalize(norm.normalize(values)), values)


def test_values_pass_unchanged_before_the_first_update() -> None:
    norm = ValueNorm()
    norm.update(torch.zeros(0))
    norm.update(torch.ones(3), torch.zeros(3, dtype=torch.bool))

    assert norm.denormalize(torch.tensor([7.0])).tolist() == [7.0]
    assert norm.normalize(torch.tensor([7.0])).tolist() == [7.0]


def test_equal_returns_do_not_blow_values_up() -> None:
    """The variance has a floor of .01: a return .1 off is 1 deviation off."""
    norm = ValueNorm()
    norm.update(torch.full((8,), 5.0))

    torch.testing.assert_close(norm.normalize(torch.tensor(5.1)), torch.tensor(1.0), atol=1e-4, rtol=0)


def test_masked_out_returns_do_not_count() -> None:
    norm, plain = ValueNorm(), ValueNorm()
    norm.update(torch.tensor([8.0, torch.nan, 12.0]), torch.tensor([True, False, True]))
    plain.update(torch.tensor([8.0, 12.0]))

    assert torch.equal(norm.mean, plain.mean)
    assert torch.equal(norm.std, plain.std)


def test_a_saved_value_norm_goes_on_exactly() -> None:
    """Through a safetensors file, then one more update on both."""
    norm, resumed = ValueNorm(), ValueNorm()
    norm.update(torch.tensor([1.0, 2.0, 4.0]))
    resumed.load(load(save(norm.state())))
    for each in (norm, resumed):
        each.update(torch.tensor([-3.0, 8.0]))

    assert torch.equal(norm.mean, resumed.mean)
    assert torch.equal(norm.std, resumed.std)


def test_a_value_norm_can_be_saved_before_its_first_update() -> None:
    resumed = ValueNorm()
    resumed.load(load(save(ValueNorm().state())))

    assert resumed.denormalize(torch.tensor(7.0)) == 7.0


def test_a_small_spread_around_a_large_mean_keeps_its_digits() -> None:
    """9998 and 10002: variance 4 is the difference of two numbers of 1e8, which float32 cannot tell apart."""
    norm = ValueNorm()
    for _ in range(3):
        norm.update(torch.tensor([9998.0, 10002.0]))

    torch.testing.assert_close(norm.std.item(), 2.0, atol=1e-3, rtol=0)


def test_a_state_is_not_changed_by_later_updates() -> None:
    norm = ValueNorm()
    norm.update(torch.tensor([8.0, 12.0]))
    state = norm.state()
    before = {name: tensor.clone() for name, tensor in state.items()}
    norm.update(torch.tensor([100.0]))

    assert all(torch.equal(state[name], before[name]) for name in before)


def test_popart_keeps_what_the_critic_says() -> None:
    """w 2, b 1 under (mean 0, std 1) become 1 and -1 under (3, 2): at h = 1.5, 2 * (1.5 - 1) + 3 = 4 as before."""
    weight, bias = popart_rescaled(
        torch.tensor([[2.0]]),
        torch.tensor([1.0]),
        old_mean=torch.tensor(0.0),
        old_std=torch.tensor(1.0),
        new_mean=torch.tensor(3.0),
        new_std=torch.tensor(2.0),
    )

    assert (weight.item(), bias.item()) == (1.0, -1.0)
    assert 2.0 * (weight.item() * 1.5 + bias.item()) + 3.0 == 4.0


@given(st.integers(0, 2**32), st.lists(st.integers(0, 30), min_size=1, max_size=6))
def test_observation_statistics_do_not_depend_on_the_batches(seed: int, sizes: list[int]) -> None:
    """However the vectors were split, mean and variance are those of all of them; empty batches change nothing."""
    batches = [5 + 3 * torch.randn(size, 2, generator=torch.Generator().manual_seed(seed + size)) for size in sizes]
    together = torch.cat(batches).double()
    statistics = RunningMeanStd(2)
    for batch in batches:
        statistics.update(batch)

    assert statistics.count == sum(sizes)
    if sum(sizes) > 0:
        torch.testing.assert_close(statistics.mean, together.mean(0))
        torch.testing.assert_close(statistics.var, together.var(0, correction=0))


def test_observations_are_standardised_and_clipped() -> None:
    """Columns 0 2 and 10 10: means 1 and 10, deviations 1 and 0; far values stop at ± clip."""
    statistics = RunningMeanStd(2, clip=5.0)
    statistics.update(torch.tensor([[0.0, 10.0], [2.0, 10.0]]))
    got = statistics(torch.tensor([[3.0, 10.0], [-99.0, 11.0]]))

    torch.testing.assert_close(got, torch.tensor([[2.0, 0.0], [-5.0, 5.0]]))
    assert got.dtype == torch.float32


def test_observations_pass_unchanged_until_something_was_taken_in() -> None:
    torch.testing.assert_close(RunningMeanStd(2)(torch.tensor([3.0, -4.0])), torch.tensor([3.0, -4.0]))


def test_masked_out_observations_do_not_count() -> None:
    """The zeros that stand for dead agents would drag the mean down."""
    statistics = RunningMeanStd(1)
    statistics.update(torch.tensor([[[4.0], [0.0]], [[8.0], [0.0]]]), torch.tensor([[True, False], [True, False]]))

    assert (statistics.count.item(), statistics.mean.item(), statistics.var.item()) == (2.0, 6.0, 4.0)


def test_observation_statistics_are_part_of_the_weights() -> None:
    statistics, loaded = RunningMeanStd(1), RunningMeanStd(1)
    statistics.update(torch.tensor([[1.0], [5.0]]))
    loaded.load_state_dict(load(save(statistics.state_dict())))

    assert sorted(statistics.state_dict()) == ["count", "mean", "var"]
    assert not list(statistics.parameters())
    assert torch.equal(loaded(torch.tensor([2.0])), statistics(torch.tensor([2.0])))
