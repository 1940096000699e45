"""Advantages and returns from decisions. Pure functions: no config object, no device moves, no logging.

stream       the decisions of one seat, in order
duration     world steps from a decision to the seat's next one; 1 where everybody acts at every step
termination  the stream ended for good: nothing follows, so bootstrap with 0
truncation   we stopped watching: bootstrap with V(final_obs), then cut the trace

Axes: D decisions of a stream, B seats.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def generalized_advantage(
    rewards: Float[Tensor, "D B"],
    durations: Int[Tensor, "D B"] | None,
    values: Float[Tensor, "D B"],
    next_values: Float[Tensor, "D B"],
    terminations: Bool[Tensor, "D B"],
    truncations: Bool[Tensor, "D B"],
    *,
    gamma: float,
    gae_lambda: float,
    counts: Int[Tensor, " B"] | None = None,
) -> tuple[Float[Tensor, "D B"], Float[Tensor, "D B"]]:
    """GAE(gamma, lambda) over decisions: Schulman et al. 2016 (arXiv:1506.02438), eq. 16, with semi-MDP discounts.

    `rewards` are those gathered until the seat's next decision, discounted inside; `next_values` is V of the true
    next observation, `final_obs` where truncated, and is not read where terminated. `gamma` is per world step,
    `gae_lambda` per decision. `durations=None` means 1 everywhere. Seat b has `counts[b]` decisions (D by default);
    what its later slots hold does not matter, and their advantage is 0. Any number of trailing axes may stand for B.
    Returns (advantages, returns).
    """
    discount = gamma if durations is None else torch.pow(gamma, durations.to(rewards.dtype))
    td_error = rewards + discount * next_values.masked_fill(terminations, 0.0) - values
    # Cut at truncations too: the next decision of this seat belongs to another episode.
    decay = (discount * gae_lambda) * (~(terminations | truncations)).to(rewards.dtype)
    if counts is not None:
        td_error = td_error.masked_fill(~valid_slots(counts, len(rewards)), 0.0)

    advantages = torch.empty_like(td_error)
    trace = td_error.new_zeros(td_error.shape[1:])
    for td_error_d, decay_d, advantage_d in reversed(list(zip(td_error, decay, advantages, strict=True))):
        trace = torch.addcmul(td_error_d, decay_d, trace, out=advantage_d)
    return advantages, advantages + values


def valid_slots(counts: Int[Tensor, "*B"], num_slots: int) -> Bool[Tensor, "D *B"]:
    """Which of `num_slots` slots hold a decision, where each seat filled its first `counts`."""
    slots = torch.arange(num_slots, device=counts.device)
    return slots.view(-1, *(1 for _ in counts.shape)) < counts


def explained_variance(predictions: Float[Tensor, "*B"], targets: Float[Tensor, "*B"]) -> Float[Tensor, ""]:
    """1 - Var(targets - predictions) / Var(targets): 1 is perfect, 0 no better than a constant, below 0 worse.

    NaN where the targets do not vary: then there is nothing to explain.
    """
    variance = targets.var(correction=0)
    unexplained = (targets - predictions).var(correction=0)
    return torch.where(variance > 0, 1 - unexplained / variance, torch.nan)
