"""The terms of the PPO loss, one number per decision, and the mean over those that count.

The loss to minimise is  -mean(surrogate) - ent_coef * mean(entropy) + vf_coef * mean(value_loss),  every mean over the
decisions where `mask` is True: padding and dead agents are never averaged in, they have weight 0 in sum and count.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def masked_mean(terms: Float[Tensor, "*B"], mask: Bool[Tensor, "*B"] | None = None) -> Float[Tensor, ""]:
    """sum(mask * terms) / sum(mask); 0 where nothing counts. What `terms` holds where masked out is not read."""
    if mask is None:
        return terms.mean()
    return terms.masked_fill(~mask, 0.0).sum() / mask.sum().clamp(min=1)


def normalize_advantages(
    advantages: Float[Tensor, "*B"], mask: Bool[Tensor, "*B"] | None = None, *, eps: float = 1e-8
) -> Float[Tensor, "*B"]:
    """(A - mean) / (std + eps) over what counts, with the population's std; 0 where masked out.

    A single decision keeps its advantage: it has no spread, and centred it would teach nothing.
    """
    counts = torch.ones_like(advantages, dtype=torch.bool) if mask is None else mask
    centred = (advantages - masked_mean(advantages, counts)).masked_fill(~counts, 0.0)
    std = masked_mean(centred.square(), counts).sqrt()
    return torch.where(counts.sum() > 1, centred / (std + eps), advantages.masked_fill(~counts, 0.0))


def clipped_surrogate(
    ratio: Float[Tensor, "*B"], advantages: Float[Tensor, "*B"], *, clip_coef: float, dual_clip: float | None = None
) -> Float[Tensor, "*B"]:
    """min(ratio * A, clip(ratio, 1 ± clip_coef) * A), to maximise: Schulman et al. 2017 (arXiv:1707.06347), eq. 7.

    With `dual_clip` c > 1 it is at least c * A where A < 0, so that one decision whose ratio has run away cannot
    outweigh a batch: Ye et al. 2020 (arXiv:1912.09729), eq. 5.
    """
    surrogate = torch.minimum(ratio * advantages, ratio.clamp(1 - clip_coef, 1 + clip_coef) * advantages)
    if dual_clip is None:
        return surrogate
    return torch.where(advantages < 0, torch.maximum(surrogate, dual_clip * advantages), surrogate)


def lenient_surrogate(
    ratio: Float[Tensor, "*B"],
    advantages: Float[Tensor, "*B"],
    *,
    clip_coef: float,
    dual_clip: float | None = None,
    negative_weight: float = 0.1,
) -> Float[Tensor, "*B"]:
    """The clipped surrogate in which a decision that went worse than expected, A < 0, counts only `negative_weight`.

    Hysteretic learning (Matignon et al. 2007, "Hysteretic Q-learning"), where that is β/α, the rate of bad news over that of
    good ones: of what a teammate's exploration spoils little is learned (leniency, Panait et al. 2006). The sign and size
    of A are those it is given with. They are of the task where advantages are not normalised; normalised ones are
    centred before, so that half of them are bad news in any case.
    """
    weight = torch.where(advantages < 0, negative_weight, 1.0)
    return clipped_surrogate(ratio, weight * advantages, clip_coef=clip_coef, dual_clip=dual_clip)


def is_clipped(ratio: Float[Tensor, "*B"], *, clip_coef: float) -> Bool[Tensor, "*B"]:
    """Which ratios lie outside 1 ± clip_coef; their share is logged as `clipfrac`, healthy between .05 and .25."""
    return (ratio - 1).abs() > clip_coef


def value_loss(
    values: Float[Tensor, "*B"],
    returns: Float[Tensor, "*B"],
    old_values: Float[Tensor, "*B"] | None = None,
    *,
    value_clip: float | None = None,
    huber_delta: float | None = None,
) -> Float[Tensor, "*B"]:
    """Half the squared error of V, or its Huber form, linear beyond `huber_delta`.

    With `value_clip`, V may improve on its old value by at most that much: the larger loss of V and of
    old + clip(V - old, ± value_clip) counts. The clip is in the units of V, so it can share clip_coef only where V is
    normalised. Off by default: Andrychowicz et al. 2021 (arXiv:2006.05990) found no gain from it.
    """
    loss = _error_loss(values - returns, huber_delta)
    if value_clip is None:
        return loss
    if old_values is None:
        raise ValueError(f"value_clip={value_clip} needs old_values, the values the rollout was collected with")
    clipped = old_values + (values - old_values).clamp(-value_clip, value_clip)
    return torch.maximum(loss, _error_loss(clipped - returns, huber_delta))


def _error_loss(error: Float[Tensor, "*B"], huber_delta: float | None) -> Float[Tensor, "*B"]:
    if huber_delta is None:
        return 0.5 * error.square()
    near = error.clamp(-huber_delta, huber_delta)  # the quadratic part; the rest of the error counts linearly
    return near * (error - 0.5 * near)
