"""Advantages of decisions. Worked numbers were computed by hand or in exact arithmetic; gamma and lambda as stated."""

from collections.abc import Sequence

import torch
from hypothesis import given
from hypothesis import strategies as st

from marl_ppo.ppo.advantages import explained_variance, generalized_advantage


def advantages_of_one_stream(
    rewards: Sequence[float],
    values: Sequence[float],
    last_value: float = 0.0,
    *,
    gamma: float,
    gae_lambda: float,
    durations: Sequence[int] | None = None,
    terminated: Sequence[int] = (),
    truncated: dict[int, float] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """One seat: each decision is followed by the next, the last by `last_value`; `truncated` maps d to V(final_obs)."""
    truncated = truncated or {}
    next_values = [*values[1:], last_value]
    for d, final_value in truncated.items():
        next_values[d] = final_value
    column = {
        "rewards": torch.tensor(rewards, dtype=torch.float64),
        "values": torch.tensor(values, dtype=torch.float64),
        "next_values": torch.tensor(next_values, dtype=torch.float64),
        "terminations": torch.tensor([d in terminated for d in range(len(rewards))]),
        "truncations": torch.tensor([d in truncated for d in range(len(rewards))]),
        "durations": None if durations is None else torch.tensor(durations),
    }
    advantages, returns = generalized_advantage(
        **{name: field if field is None else field[:, None] for name, field in column.items()},
        gamma=gamma,
        gae_lambda=gae_lambda,
    )
    return advantages[:, 0], returns[:, 0]


def assert_equal(got: torch.Tensor, wanted: Sequence[float]) -> None:
    torch.testing.assert_close(got, torch.tensor(wanted, dtype=torch.float64), atol=1e-6, rtol=0)


SHORT = {"rewards": [1, 0, 2], "values": [0.5, 0.4, 0.3], "gamma": 0.9}


def test_a_terminated_stream_bootstraps_with_nothing() -> None:
    """Last: 2 - .3 = 1.7. Before: 0 + .9 * .3 - .4 + .72 * 1.7 = 1.094."""
    advantages, returns = advantages_of_one_stream(**SHORT, last_value=99.0, gae_lambda=0.8, terminated=[2])

    assert_equal(advantages, [1.64768, 1.094, 1.7])
    assert_equal(returns, [2.14768, 1.494, 2.0])


def test_a_truncation_and_a_rollout_cut_bootstrap_alike() -> None:
    """V(final_obs) and V(next obs) are both .9: 2 + .9 * .9 - .3 = 2.51 at the end."""
    cut, returns = advantages_of_one_stream(**SHORT, last_value=0.9, gae_lambda=0.8)
    truncated, _ = advantages_of_one_stream(**SHORT, truncated={2: 0.9}, gae_lambda=0.8)

    assert_equal(cut, [2.067584, 1.6772, 2.51])
    assert_equal(returns, [2.567584, 2.0772, 2.81])
    assert_equal(truncated, cut.tolist())


def test_lambda_one_gives_the_discounted_sum_of_rewards() -> None:
    """1 + .9 * 0 + .81 * 2 = 2.62."""
    _, returns = advantages_of_one_stream(**SHORT, gae_lambda=1.0, terminated=[2])

    assert_equal(returns, [2.62, 1.8, 2.0])


def test_what_follows_a_truncation_does_not_leak_over_it() -> None:
    """Truncated at 1 with V(final_obs) 3.5, rollout cut at 3 with V 5; a leak would change the first two numbers."""
    advantages, _ = advantages_of_one_stream([1, 1, 1, 1], [1, 2, 3, 4], 5.0, gamma=0.99, gae_lambda=0.95, truncated={1: 3.5})

    assert_equal(advantages, [4.298332, 2.465, 3.793975, 1.95])


def test_two_episodes_in_one_stream_are_worth_the_same() -> None:
    """Reward 1 twice per episode, V = 0: 1 + .99 * .95 = 1.9405, then 1."""
    advantages, _ = advantages_of_one_stream([1] * 4, [0] * 4, gamma=0.99, gae_lambda=0.95, terminated=[1, 3])

    assert_equal(advantages, [1.9405, 1, 1.9405, 1])


OPTIONS = {"rewards": [0.81, 1.8, 3.0], "durations": [3, 3, 1], "values": [1, 1.5, 2], "gamma": 0.9}


def test_options_discount_by_their_length_in_world_steps() -> None:
    """Rewards 0 0 1 0 2 0 3 in options of 3, 3 and 1 steps: 0 + 0 + .81, .9 * 2, 3; gamma ** 3 = .729 between them."""
    advantages, _ = advantages_of_one_stream(**OPTIONS, gae_lambda=0.95, terminated=[2])

    assert_equal(advantages, [2.600628, 2.45055, 1.0])


def test_a_truncated_option_bootstraps_over_its_own_length() -> None:
    """The last option lasted 1 step: 3 + .9 * 2.5 - 2 = 3.25."""
    advantages, _ = advantages_of_one_stream(**OPTIONS, gae_lambda=0.95, truncated={2: 2.5})

    assert_equal(advantages, [3.679786, 4.008788, 3.25])


def test_options_with_lambda_one_give_the_discounted_sum_of_world_rewards() -> None:
    """.81 * 1 + .9**4 * 2 + .9**6 * 3 = 3.716523."""
    _, returns = advantages_of_one_stream(**OPTIONS, gae_lambda=1.0, terminated=[2])

    assert_equal(returns, [3.716523, 3.987, 3.0])


def random_rollout(seed: int, decisions: int = 6, seats: int = 4) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)

    def normal() -> torch.Tensor:
        return torch.randn(decisions, seats, generator=generator, dtype=torch.float64)

    def rare() -> torch.Tensor:
        return torch.rand(decisions, seats, generator=generator) < 0.2

    return {
        "rewards": normal(),
        "durations": torch.randint(1, 5, (decisions, seats), generator=generator),
        "values": normal(),
        "next_values": normal(),
        "terminations": rare(),
        "truncations": rare(),
    }


@given(st.integers(0, 2**32))
def test_no_durations_means_one_step_each(seed: int) -> None:
    rollout = random_rollout(seed)
    ones = generalized_advantage(**rollout | {"durations": torch.ones(6, 4, dtype=torch.int64)}, gamma=0.9, gae_lambda=0.8)
    none = generalized_advantage(**rollout | {"durations": None}, gamma=0.9, gae_lambda=0.8)

    torch.testing.assert_close(none, ones, atol=1e-12, rtol=0)


@given(st.integers(0, 2**32), st.integers(0, 5))
def test_what_follows_an_ending_never_reaches_back(seed: int, ending: int) -> None:
    rollout = random_rollout(seed)
    rollout["terminations"][ending] |= ~rollout["truncations"][ending]
    scrambled = {
        name: torch.cat([field[: ending + 1], random_rollout(seed + 1)[name][ending + 1 :]]) for name, field in rollout.items()
    }
    original, _ = generalized_advantage(**rollout, gamma=0.9, gae_lambda=0.8)
    altered, _ = generalized_advantage(**scrambled, gamma=0.9, gae_lambda=0.8)

    torch.testing.assert_close(altered[: ending + 1], original[: ending + 1], atol=0, rtol=0)


@given(st.integers(0, 2**32), st.lists(st.integers(0, 6), min_size=4, max_size=4))
def test_slots_beyond_a_seats_count_do_not_matter(seed: int, counts: list[int]) -> None:
    """Each seat is worth what it would be alone with its own decisions, even where the other slots hold NaN."""
    rollout = random_rollout(seed)
    padded = {name: field.clone() for name, field in rollout.items()}
    for seat, count in enumerate(counts):
        for name in ("rewards", "values", "next_values"):
            padded[name][count:, seat] = torch.nan
    together, _ = generalized_advantage(**padded, gamma=0.9, gae_lambda=0.8, counts=torch.tensor(counts))

    for seat, count in enumerate(counts):
        alone, _ = generalized_advantage(
            **{name: field[:count, [seat]] for name, field in rollout.items()}, gamma=0.9, gae_lambda=0.8
        )
        torch.testing.assert_close(together[:count, [seat]], alone, atol=1e-12, rtol=0)
        assert not together[count:, seat].any()


def test_a_terminated_decision_never_reads_its_next_value() -> None:
    """An array of final values may hold anything where nothing was truncated."""
    advantages, _ = advantages_of_one_stream([1.0], [0.25], torch.nan, gamma=0.9, gae_lambda=0.8, terminated=[0])

    assert_equal(advantages, [0.75])


def test_explained_variance_is_the_share_of_the_targets_variance() -> None:
    """Errors -.1 .1 -.2 .2 have variance .025, the targets 1.25: 1 - .025 / 1.25 = .98."""
    targets = torch.tensor([1.0, 2.0, 3.0, 4.0])

    torch.testing.assert_close(explained_variance(torch.tensor([1.1, 1.9, 3.2, 3.8]), targets), torch.tensor(0.98))
    assert explained_variance(torch.zeros(4), targets) == 0.0
    assert explained_variance(targets, torch.ones(4)).isnan()
