"""A rollout as one level of a hierarchy sees it."""

import math

import torch
from torch import Tensor

from marl_ppo.agents.observations import obs_size
from marl_ppo.envs.world import Group, WorldSpec
from marl_ppo.training.rollout import StepStore


class LevelStore(StepStore):
    """The arrays of the world's store, but for those in which a level sees another world.

    Obs that have more leaves than the world's are kept side by side, as networks want them: a rollout need not be laid out anew
    for each of them. What the world shows has to be taken over into those, row by row.
    """

    def __init__(self, store: StepStore, spec: WorldSpec) -> None:
        """`spec` is the world as the level sees it."""
        vars(self).update(vars(store))
        self.spec = spec
        self._world = store
        self.obs = self.laid = store.obs
        for g, group in enumerate(spec.groups):
            if group.obs.keys() != store.obs[g].keys():
                rows = torch.zeros(*store.rewards[g].shape, obs_size(group))
                self.laid = (*self.laid[:g], {"all": rows}, *self.laid[g + 1 :])
                self.obs = (*self.obs[:g], _leaves(rows, group), *self.obs[g + 1 :])

    def take(self, row: int, copies: slice) -> None:
        """Show to the level what the world shows at a row."""
        for leaves, shown in zip(self.obs, self._world.obs, strict=True):
            if leaves is not shown:
                for leaf, array in shown.items():
                    leaves[leaf][row, copies] = array[row, copies]


def manager_store(store: StepStore, spec: WorldSpec) -> LevelStore:
    """Managers choose from other actions, and those of a team see what mates see."""
    own = LevelStore(store, spec)
    own.action_mask = tuple(
        torch.ones(*rewards.shape, group.mask_size, dtype=torch.bool) if group.masked else None
        for group, rewards in zip(spec.groups, store.rewards, strict=True)
    )
    return own


def worker_store(store: StepStore, spec: WorldSpec) -> LevelStore:
    """Workers see subgoals, each that of everybody where its critic does, and are paid for them; their episodes are options."""
    own = LevelStore(store, spec)
    own.joint = own.laid
    own.rewards = tuple(torch.zeros_like(rewards) for rewards in store.rewards)
    own.terminations = tuple(torch.zeros_like(ends) for ends in store.terminations)
    own.truncations = tuple(torch.zeros_like(ends) for ends in store.truncations)
    return own


def _leaves(rows: Tensor, group: Group) -> dict[str, Tensor]:
    """Of a group's obs laid side by side [..., d], every leaf where it lies."""
    found, at = {}, 0
    for leaf, space in group.obs.items():
        size = math.prod(space.shape)
        found[leaf] = rows[..., at : at + size].unflatten(-1, space.shape) if space.shape else rows[..., at]
        at += size
    return found
