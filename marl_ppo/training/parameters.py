"""A module's parameters as one flat tensor: one Adam step, one norm and one sum serve them all."""

import torch
from torch import Tensor, nn


class FlatParameters:
    """Moves a module's parameters into one tensor; the module's own become views of it.

    `values` is what an optimiser steps; `gradient` is where it reads. Both are float32 [P], in the module's order.
    """

    def __init__(self, module: nn.Module) -> None:
        parameters = list(module.parameters())
        self.values = nn.Parameter(torch.cat([parameter.detach().flatten() for parameter in parameters]))
        self.gradient = torch.zeros_like(self.values)
        self.values.grad = self.gradient
        for parameter, view in zip(parameters, self.split(self.values.detach(), parameters), strict=True):
            parameter.data = view

    def clip(self, max_norm: float) -> Tensor:
        """Scale the gradient down to `max_norm`; returns its norm before, not finite if it is of no use."""
        norm = self.gradient.norm()
        self.gradient.mul_((max_norm / (norm + 1e-6)).clamp(max=1.0))
        return norm

    @staticmethod
    def split(flat: Tensor, like: list[nn.Parameter]) -> list[Tensor]:
        """Views of a flat tensor in the shapes of `like`."""
        parts = flat.split([parameter.numel() for parameter in like])
        return [part.view_as(parameter) for part, parameter in zip(parts, like, strict=True)]
