"""Action heads: what a network's numbers mean as a distribution over actions. Pure functions of tensors, no state.

params   [B, P], what the actor gives for B decisions: logits, or means and log standard deviations
noise    [B, H], uniform on (0, 1): sampling is a function of it, so that an episode can be repeated
mask     bool [B, K], True means legal, or None; the same in sampling and in the update

Axes: B decisions, P params, H noise numbers, K choices, C components of one action.
"""

import math
from typing import Protocol

import torch
from gymnasium import spaces
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from marl_ppo.envs.world import ActionSpace
from marl_ppo.errors import ConfigError
from marl_ppo.ppo.kl import categorical_kl

FORBIDDEN_LOGIT = -1e10
"""of an illegal action: its probability is exactly 0 in float32, and 0 * log 0 stays 0, where -inf would give NaN"""
INITIAL_LOG_STD = 0.0


class ActionHead(Protocol):
    """A distribution over actions, built for one action space by `action_head`."""

    @property
    def param_size(self) -> int:
        """P: numbers that describe one decision's distribution."""

    @property
    def free_size(self) -> int:
        """How many of the last params do not depend on obs: the actor learns them as one vector, from
        INITIAL_LOG_STD, and its network gives the first `param_size - free_size`."""

    @property
    def noise_size(self) -> int:
        """H: uniform numbers one sample consumes."""

    def sample(
        self, params: Float[Tensor, "B P"], noise: Float[Tensor, "B H"], mask: Bool[Tensor, "B K"] | None, greedy: bool
    ) -> Tensor:
        """Actions as the space has them; the most probable ones, without noise, if greedy."""

    def logprob_entropy(
        self, params: Float[Tensor, "B P"], actions: Tensor, mask: Bool[Tensor, "B K"] | None
    ) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        """Log-probability (density) of `actions` and the distribution's entropy, in nats, summed over components."""

    def kl(self, old: Float[Tensor, "B P"], new: Float[Tensor, "B P"], mask: Bool[Tensor, "B K"] | None) -> Float[Tensor, " B"]:
        """Exact KL(old || new) of the distributions that two params describe under one mask, in nats, summed over
        components."""

    def probabilities(self, params: Float[Tensor, "B P"], mask: Bool[Tensor, "B K"] | None) -> Float[Tensor, "B K"]:
        """Of each choice, those of several components side by side; K is 0 where there are no choices."""

    def max_entropy(self, mask: Bool[Tensor, "B K"] | None) -> float:
        """Mean over the decisions of the most entropy that legal actions allow, in nats; -inf where there is no most."""


def action_head(space: ActionSpace) -> ActionHead:
    """The head for an action space; raises ConfigError for spaces that no head serves."""
    if isinstance(space, spaces.Discrete) and space.start == 0:
        return CategoricalHead(int(space.n))
    if isinstance(space, spaces.MultiDiscrete) and space.nvec.ndim == 1 and not space.start.any():
        return MultiCategoricalHead(tuple(int(n) for n in space.nvec))
    if isinstance(space, spaces.Box) and len(space.shape) == 1:
        return GaussianHead(space.shape[0])
    raise ConfigError(
        f"no action head serves the space {space}; use Discrete or MultiDiscrete (1-D), counted from 0, or a 1-D Box"
    )


class CategoricalHead:
    """One of K choices, by logits. Actions int64 [B]."""

    free_size = 0
    noise_size = 1

    def __init__(self, num_choices: int) -> None:
        self.param_size = num_choices

    def sample(
        self, params: Float[Tensor, "B K"], noise: Float[Tensor, "B 1"], mask: Bool[Tensor, "B K"] | None, greedy: bool
    ) -> Int64[Tensor, " B"]:
        logits = masked_logits(params, mask)
        return logits.argmax(-1) if greedy else sample_categorical(logits, noise)

    def logprob_entropy(
        self, params: Float[Tensor, "B K"], actions: Int64[Tensor, " B"], mask: Bool[Tensor, "B K"] | None
    ) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        logprobs = log_softmax(masked_logits(params, mask))
        return logprobs.gather(-1, actions.unsqueeze(-1)).squeeze(-1), -(logprobs.exp() * logprobs).sum(-1)

    def kl(self, old: Float[Tensor, "B K"], new: Float[Tensor, "B K"], mask: Bool[Tensor, "B K"] | None) -> Float[Tensor, " B"]:
        return categorical_kl(log_softmax(masked_logits(old, mask)), log_softmax(masked_logits(new, mask)))

    def probabilities(self, params: Float[Tensor, "B K"], mask: Bool[Tensor, "B K"] | None) -> Float[Tensor, "B K"]:
        return masked_logits(params, mask).softmax(-1)

    def max_entropy(self, mask: Bool[Tensor, "B K"] | None) -> float:
        return math.log(self.param_size) if mask is None else float(mask.sum(-1).log().mean())


class MultiCategoricalHead:
    """C independent choices, by their logits side by side, and masks the same. Actions int64 [B, C]."""

    free_size = 0

    def __init__(self, num_choices: tuple[int, ...]) -> None:
        self._sizes = list(num_choices)
        self._heads = [CategoricalHead(k) for k in num_choices]
        self.param_size = sum(num_choices)
        self.noise_size = len(num_choices)

    def sample(
        self, params: Float[Tensor, "B P"], noise: Float[Tensor, "B C"], mask: Bool[Tensor, "B P"] | None, greedy: bool
    ) -> Int64[Tensor, "B C"]:
        parts = zip(
            self._heads, torch.split(params, self._sizes, -1), torch.split(noise, 1, -1), self._split(mask), strict=True
        )
        return torch.stack([head.sample(logits, u, legal, greedy) for head, logits, u, legal in parts], -1)

    def logprob_entropy(
        self, params: Float[Tensor, "B P"], actions: Int64[Tensor, "B C"], mask: Bool[Tensor, "B P"] | None
    ) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        parts = zip(self._heads, torch.split(params, self._sizes, -1), actions.unbind(-1), self._split(mask), strict=True)
        terms = [head.logprob_entropy(logits, taken, legal) for head, logits, taken, legal in parts]
        logprobs, entropies = zip(*terms, strict=True)
        return torch.stack(logprobs).sum(0), torch.stack(entropies).sum(0)

    def kl(self, old: Float[Tensor, "B P"], new: Float[Tensor, "B P"], mask: Bool[Tensor, "B P"] | None) -> Float[Tensor, " B"]:
        split = (torch.split(params, self._sizes, -1) for params in (old, new))
        parts = zip(self._heads, *split, self._split(mask), strict=True)
        return torch.stack([head.kl(before, after, legal) for head, before, after, legal in parts]).sum(0)

    def probabilities(self, params: Float[Tensor, "B P"], mask: Bool[Tensor, "B P"] | None) -> Float[Tensor, "B P"]:
        parts = zip(self._heads, torch.split(params, self._sizes, -1), self._split(mask), strict=True)
        return torch.cat([head.probabilities(logits, legal) for head, logits, legal in parts], -1)

    def max_entropy(self, mask: Bool[Tensor, "B P"] | None) -> float:
        return sum(head.max_entropy(legal) for head, legal in zip(self._heads, self._split(mask), strict=True))

    def _split(self, mask: Tensor | None) -> list[Tensor | None]:
        return [None] * len(self._sizes) if mask is None else list(torch.split(mask, self._sizes, -1))


class GaussianHead:
    """C independent normals; params are C means, then C log standard deviations. Actions float32 [B, C].

    Sampled without a squashing function: whoever steps the world clips to the Box, and the log-density stays that of
    the unclipped action. No action is illegal, so masks are not read.
    """

    def __init__(self, num_components: int) -> None:
        self.param_size = 2 * num_components
        self.free_size = num_components
        self.noise_size = num_components

    def sample(
        self, params: Float[Tensor, "B P"], noise: Float[Tensor, "B C"], mask: Bool[Tensor, "B K"] | None, greedy: bool
    ) -> Float[Tensor, "B C"]:
        mean, log_std = params.chunk(2, -1)
        return mean if greedy else mean + log_std.exp() * torch.special.ndtri(noise)

    def logprob_entropy(
        self, params: Float[Tensor, "B P"], actions: Float[Tensor, "B C"], mask: Bool[Tensor, "B K"] | None
    ) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        mean, log_std = params.chunk(2, -1)
        log_scale = log_std + 0.5 * math.log(2 * math.pi)
        standardized = (actions - mean) * torch.exp(-log_std)
        return -(0.5 * standardized.square() + log_scale).sum(-1), (log_scale + 0.5).sum(-1)

    def kl(self, old: Float[Tensor, "B P"], new: Float[Tensor, "B P"], mask: Bool[Tensor, "B K"] | None) -> Float[Tensor, " B"]:
        (old_mean, old_log_std), (mean, log_std) = old.chunk(2, -1), new.chunk(2, -1)
        spread = (2 * (old_log_std - log_std)).exp() + ((old_mean - mean) * torch.exp(-log_std)).square()
        return (log_std - old_log_std + 0.5 * (spread - 1)).sum(-1)

    def probabilities(self, params: Float[Tensor, "B P"], mask: Bool[Tensor, "B K"] | None) -> Float[Tensor, "B 0"]:
        return params[:, :0]

    def max_entropy(self, mask: Bool[Tensor, "B K"] | None) -> float:
        return -math.inf


def masked_logits(logits: Float[Tensor, "B K"], mask: Bool[Tensor, "B K"] | None) -> Float[Tensor, "B K"]:
    """Logits with those of illegal actions pushed down until nothing of them is left."""
    return logits if mask is None else torch.where(mask, logits, FORBIDDEN_LOGIT)


def log_softmax(logits: Float[Tensor, "B K"]) -> Float[Tensor, "B K"]:
    """Log-probabilities. Written out because torch's own kernel is many times slower on the CPU for rows this short."""
    shifted = logits - logits.detach().amax(-1, keepdim=True)
    return shifted - shifted.exp().sum(-1, keepdim=True).log()


def sample_categorical(logits: Float[Tensor, "B K"], noise: Float[Tensor, "B 1"]) -> Int64[Tensor, " B"]:
    """The inverse of the cumulative distribution at `noise`: the first choice whose cumulated weight exceeds it.

    A choice of weight 0 is never taken. It is left out of the comparison, since a device that sums in parallel may round
    its cumulated weight above the one before; and the threshold is kept below the total, should noise be rounded to 1.
    """
    weights = (logits - logits.amax(-1, keepdim=True)).exp()
    cumulated = torch.where(weights > 0, weights.cumsum(-1), 0.0)
    total = cumulated.amax(-1, keepdim=True)
    threshold = noise * (total * (1 - torch.finfo(total.dtype).eps))
    return (cumulated > threshold).to(torch.uint8).argmax(-1)
