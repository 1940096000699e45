"""Obs as rows of numbers: how leaves are laid side by side, which is how a rollout hands them to networks.

Pictures stay bytes until a network looks at them: rows are uint8 where every leaf is, else float32.
"""

import math

import torch
from torch import Tensor

from marl_ppo.agents.policy import Obs
from marl_ppo.envs.world import Group, WorldSpec


def obs_size(group: Group) -> int:
    """Length of one agent's obs when its leaves are flattened and concatenated."""
    return sum(math.prod(space.shape) for space in group.obs.values())


def joint_size(spec: WorldSpec) -> int:
    """Length of everybody's obs, concatenated."""
    return sum(obs_size(group) * len(group.agents) for group in spec.groups)


def flat_obs(obs: Obs, axes: int = 1) -> Tensor:
    """The leaves of obs, `axes` axes and then those of the leaf, flattened side by side: [..., obs_size]."""
    leaves = [leaf.flatten(axes) if leaf.dim() > axes else leaf.unsqueeze(-1) for leaf in obs.values()]
    if any(leaf.dtype != torch.uint8 for leaf in leaves):
        leaves = [leaf.float() for leaf in leaves]
    return leaves[0] if len(leaves) == 1 else torch.cat(leaves, dim=-1)


def joint_obs(obs: tuple[Obs, ...]) -> Tensor:
    """Everybody's obs, leaves [B, agents, *leaf]: [B, joint_size], groups in order, agents in order."""
    everyone = [flat_obs(leaves, 2).flatten(1) for leaves in obs]
    return everyone[0] if len(everyone) == 1 else torch.cat(everyone, dim=-1)
