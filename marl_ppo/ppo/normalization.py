"""Running statistics of returns and observations. All are float64 inside and whatever they are given outside.

ValueNorm belongs to a learner: the critic predicts normalised returns, and advantages need them de-normalised.
RunningMeanStd is for a policy's obs: a module, whose statistics are buffers among its weights.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor, nn

from marl_ppo.ppo.losses import masked_mean


class ValueNorm:
    """Mean and spread of returns, as debiased exponential averages over updates: Yu et al. 2022 (arXiv:2103.01955).

    With the default `beta` the first updates weigh almost equally, as in a plain average. Until the first update it is
    the identity.
    """

    def __init__(self, *, beta: float = 0.99999, variance_floor: float = 1e-2) -> None:
        self.beta = beta
        self.variance_floor = variance_floor
        # float64, because the variance is a small difference of large squares.
        self._mean, self._square, self._weight = torch.zeros(3, dtype=torch.float64).unbind()
        self._take_scale()

    def update(self, returns: Float[Tensor, "*B"], mask: Bool[Tensor, "*B"] | None = None) -> None:
        """Take in one rollout's returns, those where `mask` is True; none of them changes nothing."""
        if returns.numel() == 0 or (mask is not None and not mask.any()):
            return
        returns = returns.detach().to(torch.float64)
        self._mean = self._mixed(self._mean, masked_mean(returns, mask))
        self._square = self._mixed(self._square, masked_mean(returns.square(), mask))
        self._weight = self._mixed(self._weight, torch.ones_like(self._weight))
        self._take_scale()

    @property
    def mean(self) -> Float64[Tensor, ""]:
        """Of the returns; 0 before the first update."""
        return self._mean / self._weight if self._weight > 0 else self._mean

    @property
    def std(self) -> Float64[Tensor, ""]:
        """Of the returns, never below the root of `variance_floor`; 1 before the first update."""
        if not self._weight > 0:
            return torch.ones_like(self._mean)
        return (self._square / self._weight - self.mean.square()).clamp(min=self.variance_floor).sqrt()

    def normalize(self, values: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        """Returns to what the critic predicts."""
        return (values - self._shift) / self._scale

    def denormalize(self, values: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        """What the critic predicts to returns."""
        return values * self._scale + self._shift

    def state(self) -> dict[str, Tensor]:
        """All that is needed to go on exactly."""
        return {"mean": self._mean.clone(), "square": self._square.clone(), "weight": self._weight.clone()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a `state()`."""
        self._mean, self._square, self._weight = (state[name] for name in ("mean", "square", "weight"))
        self._take_scale()

    def _take_scale(self) -> None:
        # Asked for at every step of play, and on every device.
        self._shift, self._scale = float(self.mean), float(self.std)

    def _mixed(self, average: Tensor, new: Tensor) -> Tensor:
        return self.beta * average.to(new.device) + (1 - self.beta) * new


def popart_rescaled(
    weight: Float[Tensor, "V H"],
    bias: Float[Tensor, " V"],
    *,
    old_mean: Float[Tensor, ""],
    old_std: Float[Tensor, ""],
    new_mean: Float[Tensor, ""],
    new_std: Float[Tensor, ""],
) -> tuple[Float[Tensor, "V H"], Float[Tensor, " V"]]:
    """The critic's last layer such that de-normalised predictions stay what they were when the statistics change.

    PopArt, van Hasselt et al. 2016 (arXiv:1602.07714), eq. 9. V value outputs, H hidden units.
    """
    old_mean, old_std, new_mean, new_std = (number.to(weight) for number in (old_mean, old_std, new_mean, new_std))
    return weight * (old_std / new_std), (old_std * bias + old_mean - new_mean) / new_std


class RunningMeanStd(nn.Module):
    """Standardises vectors by the mean and variance of all that were taken in; the identity until something was."""

    count: Tensor
    mean: Tensor
    var: Tensor

    def __init__(self, size: int, *, clip: float = 10.0, eps: float = 1e-8) -> None:
        super().__init__()
        self.clip = clip
        self.eps = eps
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("var", torch.ones(size, dtype=torch.float64))

    def forward(self, x: Float[Tensor, "*B F"]) -> Float[Tensor, "*B F"]:
        """(x - mean) / std, within ± clip."""
        scale = (self.var + self.eps).rsqrt().to(x.dtype)
        return ((x - self.mean.to(x.dtype)) * scale).clamp(-self.clip, self.clip)

    @torch.no_grad()
    def update(self, x: Float[Tensor, "*B F"], mask: Bool[Tensor, "*B"] | None = None) -> None:
        """Take in vectors, those where `mask` is True: the pairwise merge of Chan, Golub and LeVeque 1983.

        The result does not depend on how the vectors were split into batches, but for rounding.
        """
        rows = (x.flatten(0, -2) if mask is None else x[mask]).to(torch.float64)
        if len(rows) == 0:
            return
        batch_var, batch_mean = torch.var_mean(rows, 0, correction=0)
        total = self.count + len(rows)
        share = len(rows) / total
        shift = batch_mean - self.mean
        # While nothing was taken in, share is 1 and the initial mean and variance drop out.
        self.var.copy_((1 - share) * self.var + share * batch_var + share * (1 - share) * shift.square())
        self.mean.add_(share * shift)
        self.count.copy_(total)
