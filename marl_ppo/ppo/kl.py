"""How far the policy has moved from the one that collected the rollout, and what to do about it.

Estimators take `logratio` = new logprob - old logprob of actions drawn from the old policy, and give one number per
decision whose mean estimates KL(old || new); Schulman 2020, "Approximating KL divergence". Steering functions take
that mean as a float and return the next setting; they hold no state, so a checkpoint needs only the setting.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def kl_k1(logratio: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """-logratio: unbiased, high variance, may be negative."""
    return -logratio


def kl_k2(logratio: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """logratio² / 2: biased, never negative."""
    return 0.5 * logratio.square()


def kl_k3(logratio: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """(ratio - 1) - logratio: unbiased and never negative; logged as `approx_kl` and used for stopping."""
    return torch.expm1(logratio) - logratio


def categorical_kl(old_logprobs: Float[Tensor, "*B K"], new_logprobs: Float[Tensor, "*B K"]) -> Float[Tensor, "*B"]:
    """Exact KL(old || new) from the log-probabilities of all K choices.

    Illegal choices must hold a finite logprob, as a masked head gives them: their probability of 0 cancels it.
    """
    return (old_logprobs.exp() * (old_logprobs - new_logprobs)).sum(-1)


def should_stop(kl: float, target_kl: float | None, *, factor: float = 1.5) -> bool:
    """Whether to skip the update's remaining epochs; never without a target."""
    return target_kl is not None and kl > factor * target_kl


def adapted_penalty(beta: float, kl: float, target_kl: float) -> float:
    """The coefficient of a KL penalty for the next update: doubled if far above the target, halved if far below.

    Schulman et al. 2017 (arXiv:1707.06347), section 4; they start at beta = 1.
    """
    if kl > 1.5 * target_kl:
        return 2.0 * beta
    return 0.5 * beta if kl < target_kl / 1.5 else beta


def adapted_learning_rate(
    learning_rate: float, kl: float, *, target_kl: float = 0.008, lowest: float = 1e-6, highest: float = 1e-2
) -> float:
    """The next learning rate: divided by 1.5 where the policy moved over twice the target, times 1.5 under half of it.

    As in rl_games; between the two it stays, so that it does not hunt.
    """
    if kl > 2.0 * target_kl:
        return max(learning_rate / 1.5, lowest)
    return min(learning_rate * 1.5, highest) if kl < 0.5 * target_kl else learning_rate
