"""What stands between obs and a network: an encoder for each leaf, chosen by the leaf's space alone.

vector    numbers: as they are; standardised where nothing bounds them, scaled to [-1, 1] where bounds are wide
image     [H, W, C]: convolutions; of the DQN kind (Mnih et al. 2015) for screens, small ones for boards and icons
entities  [entities, features]: self-attention (Vaswani et al. 2017, arXiv:1706.03762) without regard to order; an
          entity of zeros is absent
tokens    a MultiDiscrete: embeddings and places, then as entities

Kinds that plugins bring are asked first, where the settings name them: `network.encoders`.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from marl_ppo import plugins
from marl_ppo.agents.networks import NetworkConfig, linear
from marl_ppo.envs.world import ObsLeaf
from marl_ppo.errors import ConfigError, UnknownNameError
from marl_ppo.ppo.normalization import RunningMeanStd

AS_GOOD_AS_UNBOUNDED = 1e6
"""bounds so far out are not taken for a scale"""
WIDE = 10.0
"""bounds beyond which a number is scaled before a network sees it"""
SCREEN = 36
"""pixels of the shorter side from which a picture is a screen"""
SCREEN_PLAN = ((32, 8, 4, 0), (64, 4, 2, 0), (64, 3, 1, 0))
"""(filters, kernel, stride, padding) of the convolutions that screens go through"""
ENTITY_WIDTH = 32
"""numbers that an entity or a token is, while it is looked at"""


class Encoder(nn.Module):
    """Rows of flat obs [..., d] to features [..., size]."""

    def __init__(self, obs: Mapping[str, ObsLeaf], config: NetworkConfig, generator: torch.Generator) -> None:
        super().__init__()
        self._sizes = [math.prod(space.shape) for space in obs.values()]
        self.leaves = nn.ModuleList(_leaf_encoder(space, config, generator) for space in obs.values())
        self.size: int = sum(leaf.size for leaf in self.leaves)  # type: ignore[misc]
        self.is_identity = all(isinstance(leaf, _AsItIs) for leaf in self.leaves)
        self.is_learned = any(True for _ in self.parameters())
        self.has_statistics = any(isinstance(leaf, _Standardised) for leaf in self.leaves)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        if self.is_identity:
            return x.float()
        parts = torch.split(x.flatten(0, -2), self._sizes, dim=-1)
        encoded = [leaf(part.float()) for leaf, part in zip(self.leaves, parts, strict=True)]
        return torch.cat(encoded, dim=-1).view(*x.shape[:-1], self.size)

    def take_in(self, x: Tensor) -> None:
        """Let what is standardised learn its mean and spread from rows [B, d]."""
        for leaf, part in zip(self.leaves, torch.split(x, self._sizes, dim=-1), strict=True):
            if isinstance(leaf, _Standardised):
                leaf.statistics.update(part.to(leaf.statistics.mean.device))


def _leaf_encoder(space: ObsLeaf, config: NetworkConfig, generator: torch.Generator) -> nn.Module:
    for name in config.encoders:
        served = _named(name)(space, config, generator)
        if isinstance(served, nn.Module):
            return served
        if served is not None:
            raise ConfigError(f"the encoder {name!r} must give a torch module, or None, got {type(served).__name__}")
    if isinstance(space, spaces.MultiDiscrete):
        return TokenEncoder(space, generator)
    if (shape := picture_shape(space)) is not None:
        return ImageEncoder(space, shape, generator)
    if len(space.shape) == 2:
        return EntityEncoder(space, generator)
    return _vector_encoder(space, config)


def _named(name: str) -> Callable[..., Any]:
    """An encoder of a plugin. Raises UnknownNameError with the nearest one."""
    offered = plugins.entries(plugins.ENCODERS)
    if name not in offered:
        raise UnknownNameError.near("encoder", name, offered, otherwise="No plugin here brings one of that name.")
    return offered[name].call


def picture_shape(space: spaces.Box) -> tuple[int, int, int] | None:
    """(H, W, C) of a Box that is taken for a picture; None where it is not one."""
    if len(space.shape) == 2:
        height, width = space.shape
        return (height, width, 1) if min(height, width) >= 16 or space.dtype == np.uint8 else None
    if len(space.shape) != 3:
        return None
    height, width, channels = space.shape
    return height, width, channels


def _vector_encoder(space: spaces.Box, config: NetworkConfig) -> nn.Module:
    size = math.prod(space.shape)
    reach = _reach(space)
    if config.normalize_obs == "always" or (config.normalize_obs == "auto" and reach >= AS_GOOD_AS_UNBOUNDED):
        return _Standardised(size)
    return _Scaled(space) if config.normalize_obs == "auto" and reach > WIDE else _AsItIs(size)


def _reach(space: spaces.Box) -> float:
    """How far from 0 the space's bounds go, those that go furthest."""
    bounds = np.abs(np.stack([space.low, space.high]).astype(np.float64))
    return float(bounds.max(initial=0.0))


class _AsItIs(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return x


class _Standardised(nn.Module):
    """By the mean and spread of what was seen in the rollouts before."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.statistics = RunningMeanStd(size)

    def forward(self, x: Tensor) -> Tensor:
        standardised: Tensor = self.statistics(x)
        return standardised


class _Scaled(nn.Module):
    """From the space's bounds to [-1, 1]."""

    centre: Tensor
    half_width: Tensor

    def __init__(self, space: spaces.Box) -> None:
        super().__init__()
        self.size = math.prod(space.shape)
        low, high = (torch.from_numpy(bound.astype(np.float32).reshape(-1)) for bound in (space.low, space.high))
        self.register_buffer("centre", (low + high) / 2, persistent=False)
        self.register_buffer("half_width", ((high - low) / 2).clamp(min=1e-6), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.centre) / self.half_width


class ImageEncoder(nn.Module):
    """Convolutions over [H, W, C], brought to [0, 1] by the space's bounds where it has any."""

    def __init__(self, space: spaces.Box, shape: tuple[int, int, int], generator: torch.Generator) -> None:
        super().__init__()
        height, width, channels = shape
        # Some envs put the channels first; no picture is one to four pixels high.
        self._channels_first = height <= 4 < min(width, channels)
        self._shape = shape
        if self._channels_first:
            channels, height, width = shape
        bounded = _reach(space) < AS_GOOD_AS_UNBOUNDED
        self._low = float(space.low.min()) if bounded else 0.0
        self._span = max(1e-6, float(space.high.max()) - self._low) if bounded else 1.0
        is_screen = min(height, width) >= SCREEN
        # Boards keep their squares, icons are halved twice.
        stride = 1 if min(height, width) < 10 else 2
        plan = SCREEN_PLAN if is_screen else ((16, 3, stride, 1), (32, 3, stride, 1))
        layers: list[nn.Module] = []
        for filters, kernel, stride, padding in plan:
            layers += [_convolution(channels, filters, kernel, stride, padding, generator), nn.ReLU()]
            height, width = ((side + 2 * padding - kernel) // stride + 1 for side in (height, width))
            channels = filters
        self.size = 256 if is_screen else 128
        layers += [
            nn.Flatten(),
            linear(channels * height * width, self.size, gain=math.sqrt(2), generator=generator),
            nn.ReLU(),
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """[B, H*W*C] → [B, size]."""
        x = x.reshape(-1, *self._shape)
        if not self._channels_first:
            x = x.permute(0, 3, 1, 2)
        encoded: Tensor = self.layers((x - self._low) / self._span)
        return encoded


class EntityEncoder(nn.Module):
    """A set of entities [E, F], in any order; those of zeros are absent."""

    def __init__(self, space: spaces.Box, generator: torch.Generator) -> None:
        super().__init__()
        self._shape = space.shape
        width = ENTITY_WIDTH
        self.size = 2 * width
        self.embed = linear(space.shape[1], width, gain=1.0, generator=generator)
        self.attention = _Attention(width, generator)

    def forward(self, x: Tensor) -> Tensor:
        """[B, E*F] → [B, size]."""
        x = x.reshape(-1, *self._shape)
        present = (x != 0).any(-1)
        return _pooled(self.attention(self.embed(x), present), present)


class TokenEncoder(nn.Module):
    """A list of tokens [L], each one of as many as the space says."""

    def __init__(self, space: spaces.MultiDiscrete[Any], generator: torch.Generator) -> None:
        super().__init__()
        width = ENTITY_WIDTH
        self.size = 2 * width
        length = len(space.nvec)
        self.names = nn.Parameter(torch.randn(int(space.nvec.max()), width, generator=generator))
        self.places = nn.Parameter(torch.randn(length, width, generator=generator))
        self.attention = _Attention(width, generator)

    def forward(self, x: Tensor) -> Tensor:
        """[B, L] → [B, size]."""
        present = torch.ones_like(x, dtype=torch.bool)
        return _pooled(self.attention(self.names[x.long()] + self.places, present), present)


class _Attention(nn.Module):
    """One block: every entity looks at those that are present, then thinks for itself (pre-norm, Xiong et al. 2020)."""

    def __init__(self, width: int, generator: torch.Generator, heads: int = 4) -> None:
        super().__init__()
        self._heads = heads
        self.before_looking, self.before_thinking = nn.LayerNorm(width), nn.LayerNorm(width)
        self.look = linear(width, 3 * width, gain=1.0, generator=generator)
        self.tell = linear(width, width, gain=1.0, generator=generator)
        self.think = linear(width, 2 * width, gain=math.sqrt(2), generator=generator)
        self.conclude = linear(2 * width, width, gain=1.0, generator=generator)

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        """x [B, E, W], present bool [B, E]."""
        batch, entities, width = x.shape
        parts = self.look(self.before_looking(x)).view(batch, entities, 3, self._heads, width // self._heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        # Where nobody is present all are looked at, and nothing comes of it: softmax over nothing would be NaN.
        seen = present | ~present.any(-1, keepdim=True)
        # Written out: torch's own kernel knows no stacked weights, and is no faster for so few.
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        looked = scores.masked_fill(~seen[:, None, None, :], -torch.inf).softmax(-1) @ value
        x = x + self.tell(looked.transpose(1, 2).reshape(batch, entities, width))
        thought: Tensor = x + self.conclude(torch.relu(self.think(self.before_thinking(x))))
        return thought


def _pooled(x: Tensor, present: Tensor) -> Tensor:
    """Mean and maximum over the entities that are present: [B, 2 W]; zeros where none is."""
    here = present.unsqueeze(-1)
    mean = (x * here).sum(1) / here.sum(1).clamp(min=1)
    highest = torch.where(here, x, -torch.inf).amax(1)
    return torch.cat([mean, torch.where(present.any(-1, keepdim=True), highest, 0.0)], dim=-1)


def _convolution(inputs: int, outputs: int, kernel: int, stride: int, padding: int, generator: torch.Generator) -> nn.Conv2d:
    layer: nn.Conv2d = nn.utils.skip_init(nn.Conv2d, inputs, outputs, kernel, stride=stride, padding=padding)
    nn.init.orthogonal_(layer.weight, math.sqrt(2), generator=generator)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
