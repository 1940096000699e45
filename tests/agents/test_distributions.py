"""Action heads: masks, sampling from given noise, log-probabilities."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, distributions

from marl_ppo.agents.distributions import CategoricalHead, GaussianHead, MultiCategoricalHead, action_head
from marl_ppo.errors import ConfigError

ALMOST_ONE = float(np.nextafter(np.float32(1), np.float32(0)))
ALMOST_ZERO = float(np.finfo(np.float32).smallest_subnormal)


def uniform_grid(n: int) -> Tensor:
    """The midpoints of n equal parts of (0, 1): noise of which each part has its exact share. [n, 1]"""
    return ((torch.arange(n) + 0.5) / n).unsqueeze(-1)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def uniform(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)).clamp(ALMOST_ZERO, ALMOST_ONE)


def test_a_head_is_built_for_each_kind_of_space() -> None:
    discrete = action_head(spaces.Discrete(5))
    multi = action_head(spaces.MultiDiscrete([3, 2, 4]))
    box = action_head(spaces.Box(-1, 1, (2,)))

    assert isinstance(discrete, CategoricalHead)
    assert (discrete.param_size, discrete.free_size, discrete.noise_size) == (5, 0, 1)
    assert isinstance(multi, MultiCategoricalHead)
    assert (multi.param_size, multi.free_size, multi.noise_size) == (9, 0, 3)
    assert isinstance(box, GaussianHead)
    assert (box.param_size, box.free_size, box.noise_size) == (4, 2, 2)


@pytest.mark.parametrize("space", [spaces.Discrete(3, start=1), spaces.MultiBinary(3), spaces.Box(-1, 1, (2, 2))])
def test_a_space_without_a_head_is_refused_with_the_spaces_that_have_one(space: spaces.Space) -> None:
    with pytest.raises(ConfigError, match=r"no action head serves the space .*; use Discrete or MultiDiscrete"):
        action_head(space)


def test_the_inverse_of_the_distribution_gives_each_action_its_share() -> None:
    """Probabilities .5 .3 .2 over 1000 even points of (0, 1): 500, 300 and 200 of them."""
    logits = torch.tensor([0.5, 0.3, 0.2]).log().expand(1000, 3)
    actions = CategoricalHead(3).sample(logits, uniform_grid(1000), None, greedy=False)

    assert actions.bincount().tolist() == [500, 300, 200]


def test_sampled_frequencies_follow_the_probabilities() -> None:
    """Chi-square with 4 degrees of freedom stays below 18.47 (p = .001) over 20000 draws."""
    logits = normal(5)
    actions = CategoricalHead(5).sample(logits.expand(20_000, 5), uniform(20_000, 1), None, greedy=False)
    expected = 20_000 * logits.softmax(-1)

    assert ((actions.bincount(minlength=5) - expected) ** 2 / expected).sum() < 18.47


@given(st.integers(0, 2**32), st.sampled_from([0.0, ALMOST_ZERO, 0.5, ALMOST_ONE, 1.0]), st.sampled_from([0.0, 1.0, 30.0, 1e4]))
def test_an_illegal_action_is_never_taken(seed: int, noise: float, spread: float) -> None:
    """Also where noise was rounded to 0 or 1, and with logits so far apart that legal actions have probability 0."""
    logits = spread * normal(64, 7, seed=seed)
    mask = uniform(64, 7, seed=seed + 1) < 0.4
    mask[torch.arange(64), torch.randint(7, (64,), generator=torch.Generator().manual_seed(seed))] = True
    head = CategoricalHead(7)

    for greedy in (False, True):
        actions = head.sample(logits, torch.full((64, 1), noise), mask, greedy)
        assert mask.gather(-1, actions.unsqueeze(-1)).all()


def test_a_parallel_sum_that_creeps_up_at_an_illegal_action_does_not_choose_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights 1 0 1 cumulated, with rounding, as 1, 1 + 2**-22, 2: noise .5 + 2**-23 lies between the first two."""
    creeping = torch.tensor([[1.0, 1.0 + 2**-22, 2.0]])
    monkeypatch.setattr(Tensor, "cumsum", lambda self, dim: creeping)
    mask, noise = torch.tensor([[True, False, True]]), torch.tensor([[0.5 + 2**-23]])

    assert CategoricalHead(3).sample(torch.zeros(1, 3), noise, mask, greedy=False).tolist() == [2]


def test_the_ends_of_the_unit_interval_take_the_first_and_the_last_legal_action() -> None:
    mask = torch.tensor([False, True, True, True, False])
    ends = torch.tensor([[ALMOST_ZERO], [ALMOST_ONE]])
    actions = CategoricalHead(5).sample(torch.zeros(2, 5), ends, mask.expand(2, 5), greedy=False)

    assert actions.tolist() == [1, 3]


def test_a_forbidden_action_has_no_probability() -> None:
    """Below 1e-8 even where its logit was the largest by far."""
    logits, mask = torch.tensor([[50.0, 0.0, 1.0]]), torch.tensor([[False, True, True]])
    logprob, _ = CategoricalHead(3).logprob_entropy(logits, torch.tensor([0]), mask)

    assert logprob.exp() < 1e-8


def test_a_single_legal_action_leaves_nothing_to_learn() -> None:
    """Log-probability 0, entropy 0, gradient 0, and no NaN in any of them."""
    logits = normal(4, 5).requires_grad_()
    actions = torch.tensor([0, 2, 4, 1])
    mask = torch.nn.functional.one_hot(actions, 5).bool()
    logprob, entropy = CategoricalHead(5).logprob_entropy(logits, actions, mask)
    (logprob + entropy).sum().backward()

    assert logprob.tolist() == [0.0] * 4
    assert entropy.tolist() == [0.0] * 4
    assert logits.grad is not None
    assert not logits.grad.any()


def test_entropy_counts_legal_actions_only() -> None:
    """Three of five actions, equally likely: log 3."""
    mask = torch.tensor([[True, False, True, True, False]])
    _, entropy = CategoricalHead(5).logprob_entropy(torch.zeros(1, 5), torch.tensor([0]), mask)

    torch.testing.assert_close(entropy, torch.tensor([3.0]).log())


def test_categorical_agrees_with_torch_in_value_and_gradient() -> None:
    ours, theirs = (3 * normal(64, 6)).requires_grad_(), (3 * normal(64, 6)).requires_grad_()
    actions = torch.arange(64) % 6
    logprob, entropy = CategoricalHead(6).logprob_entropy(ours, actions, None)
    reference = distributions.Categorical(logits=theirs)
    (logprob + 0.3 * entropy).sum().backward()
    (reference.log_prob(actions) + 0.3 * reference.entropy()).sum().backward()

    torch.testing.assert_close(logprob, reference.log_prob(actions))
    torch.testing.assert_close(entropy, reference.entropy())
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_large_logits_do_not_overflow() -> None:
    logprob, entropy = CategoricalHead(2).logprob_entropy(torch.tensor([[1e4, 0.0]]), torch.tensor([1]), None)

    assert (logprob.item(), entropy.item()) == (-1e4, 0.0)


def test_greedy_takes_the_most_probable_legal_action_and_ignores_noise() -> None:
    logits, mask = torch.tensor([[1.0, 5.0, 3.0]]), torch.tensor([[True, False, True]])
    head = CategoricalHead(3)

    assert head.sample(logits, torch.tensor([[torch.nan]]), None, greedy=True).tolist() == [1]
    assert head.sample(logits, torch.tensor([[torch.nan]]), mask, greedy=True).tolist() == [2]


def test_multi_discrete_sums_over_its_heads() -> None:
    """Each head is a categorical of its own logits, noise, mask and action."""
    params, noise = normal(32, 5), uniform(32, 2)
    mask = torch.tensor([True, False, True, True, True]).expand(32, 5)
    head, first, second = MultiCategoricalHead((3, 2)), CategoricalHead(3), CategoricalHead(2)
    actions = head.sample(params, noise, mask, greedy=False)
    logprob, entropy = head.logprob_entropy(params, actions, mask)
    first_terms = first.logprob_entropy(params[:, :3], actions[:, 0], mask[:, :3])
    second_terms = second.logprob_entropy(params[:, 3:], actions[:, 1], mask[:, 3:])

    assert torch.equal(actions[:, 0], first.sample(params[:, :3], noise[:, :1], mask[:, :3], False))
    assert torch.equal(actions[:, 1], second.sample(params[:, 3:], noise[:, 1:], mask[:, 3:], False))
    torch.testing.assert_close(logprob, first_terms[0] + second_terms[0])
    torch.testing.assert_close(entropy, first_terms[1] + second_terms[1])


def test_gaussian_samples_have_the_mean_and_spread_of_the_params() -> None:
    """Mean 3, std .5 over 10001 even points of (0, 1); the middle one is the mean itself."""
    params = torch.tensor([3.0, np.log(0.5)]).expand(10_001, 2)
    actions = GaussianHead(1).sample(params, uniform_grid(10_001), None, greedy=False)

    assert actions[5000].item() == pytest.approx(3.0, abs=1e-6)
    assert actions.mean().item() == pytest.approx(3.0, abs=1e-4)
    assert actions.std().item() == pytest.approx(0.5, abs=1e-3)


def test_gaussian_samples_stay_finite_at_the_ends_of_the_unit_interval() -> None:
    ends = torch.tensor([[ALMOST_ZERO, ALMOST_ONE]])

    assert GaussianHead(2).sample(torch.zeros(1, 4), ends, None, greedy=False).isfinite().all()


def test_gaussian_agrees_with_torch_and_is_its_mean_when_greedy() -> None:
    params, actions = normal(16, 6), normal(16, 3, seed=1)
    logprob, entropy = GaussianHead(3).logprob_entropy(params, actions, None)
    reference = distributions.Normal(params[:, :3], params[:, 3:].exp())

    torch.testing.assert_close(logprob, reference.log_prob(actions).sum(-1))
    torch.testing.assert_close(entropy, reference.entropy().sum(-1))
    assert torch.equal(GaussianHead(3).sample(params, uniform(16, 3), None, greedy=True), params[:, :3])


def test_the_divergence_of_categoricals_is_that_of_torch_over_legal_actions() -> None:
    """What is illegal adds nothing, however far its logits moved; two equal policies are not apart."""
    old, new, head = 2 * normal(64, 6), 2 * normal(64, 6, seed=1), CategoricalHead(6)
    mask = uniform(64, 6) < 0.6
    mask[torch.arange(64), torch.arange(64) % 6] = True
    legal_old, legal_new = (params.masked_fill(~mask, -1e10) for params in (old, new))
    everything, legal = (
        distributions.kl_divergence(distributions.Categorical(logits=a), distributions.Categorical(logits=b))
        for a, b in ((old, new), (legal_old, legal_new))
    )

    torch.testing.assert_close(head.kl(old, new, None), everything, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(head.kl(old, new, mask), legal, rtol=1e-4, atol=1e-6)
    assert torch.equal(head.kl(old, old, mask), torch.zeros(64))


def test_the_divergence_of_multi_discrete_sums_over_its_heads() -> None:
    old, new = normal(32, 5), normal(32, 5, seed=1)
    mask = torch.tensor([True, False, True, True, True]).expand(32, 5)
    first = CategoricalHead(3).kl(old[:, :3], new[:, :3], mask[:, :3])
    second = CategoricalHead(2).kl(old[:, 3:], new[:, 3:], mask[:, 3:])

    torch.testing.assert_close(MultiCategoricalHead((3, 2)).kl(old, new, mask), first + second)


def test_the_divergence_of_normals_is_that_of_torch() -> None:
    old, new = normal(16, 6), normal(16, 6, seed=1)
    before, after = (distributions.Normal(params[:, :3], params[:, 3:].exp()) for params in (old, new))

    torch.testing.assert_close(GaussianHead(3).kl(old, new, None), distributions.kl_divergence(before, after).sum(-1))


@pytest.mark.parametrize("space", [spaces.Discrete(5), spaces.MultiDiscrete([3, 2]), spaces.Box(-1, 1, (2,))])
def test_the_divergence_is_smallest_and_flat_at_the_old_policy_and_curved_around_it(space: spaces.Space) -> None:
    """Its gradient is 0 there and its second derivative, the Fisher matrix, that of the expected -logprob."""
    head = action_head(space)
    old = normal(1, head.param_size).double()
    mask = torch.ones(1, 5, dtype=torch.bool)
    noise = torch.rand(40_000, head.noise_size, generator=torch.Generator().manual_seed(0)).double()
    actions = head.sample(old.expand(40_000, -1), noise, None, greedy=False)

    def expected(params: Tensor) -> Tensor:
        return -head.logprob_entropy(params.expand(40_000, -1), actions, None)[0].mean()

    def divergence(new: Tensor) -> Tensor:
        return head.kl(old, new, mask).sum()

    fisher, sampled = (
        torch.autograd.functional.hessian(function, old).view(head.param_size, -1) for function in (divergence, expected)
    )

    torch.testing.assert_close(torch.autograd.functional.jacobian(divergence, old), torch.zeros_like(old))
    torch.testing.assert_close(fisher, sampled, atol=0.05, rtol=0.0)
