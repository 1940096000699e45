"""What a policy does at every information set of a game, as a strategy whose exact value can be told."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from marl_ppo.agents.actor_critic import Actor
from marl_ppo.agents.distributions import masked_logits
from marl_ppo.agents.observations import flat_obs
from marl_ppo.agents.policy import Policy
from marl_ppo.envs.world import Array, Group
from marl_ppo.errors import ConfigError
from marl_ppo.evaluation.flat_tree import FlatTree

SAMPLES = 5040
"""noises that a policy is asked with which does not tell its probabilities; halves to tenths of them are whole numbers"""


def strategy_of(tree: FlatTree, policy: Policy | Mapping[str, Policy], group: Group, *, greedy: bool = False) -> Array:
    """Probability of each action at each information set, float64 [I, K], by one batched forward of each policy.

    `group` has all of the tree's players, in the order of its agents; one policy plays them all, or each agent has its own
    by name. An actor with memory is led through its own past decisions, depth by depth. A script, which tells no
    probabilities, is asked with SAMPLES evenly spread noises. Raises ConfigError for a group that is not the tree's, and for
    scripts with memory or more than one number of noise.
    """
    if len(group.agents) != tree.num_players or group.mask_size not in (0, tree.num_actions):
        raise ConfigError(
            f"group {group.name!r} has the agents {list(group.agents)} and {group.action}; the tree has {tree.num_players} "
            f"players and {tree.num_actions} actions"
        )
    by_agent = policy if isinstance(policy, Mapping) else dict.fromkeys(group.agents, policy)
    strategy = np.zeros(tree.legal.shape)
    for one in dict.fromkeys(by_agent.values()):
        players = [p for p, agent in enumerate(group.agents) if by_agent[agent] is one]
        rows = np.flatnonzero(np.isin(tree.player, players))
        strategy[rows] = (
            _read(tree, one, group, rows, greedy) if isinstance(one, Actor) else _ask(tree, one, group, rows, greedy)
        )
    return strategy


@torch.no_grad()
def _read(tree: FlatTree, actor: Actor, group: Group, rows: Array, greedy: bool) -> Array:
    device = actor.centre.device
    memory = torch.zeros(len(tree.player), actor.memory_size, device=device)
    levels = [np.intersect1d(level, rows) for level in tree.levels] if actor.memory_size else [rows]
    strategy = np.zeros(tree.legal.shape)
    for level in filter(len, levels):
        obs, mask, agent_index, is_start = (None if x is None else x.to(device) for x in _inputs(tree, group, level))
        assert obs is not None
        # Of a first decision this is some other row, whose memory is zeroed.
        before = np.maximum(tree.parent[level] - 1, 0) // tree.num_actions
        params, memory[level] = actor(flat_obs({"vector": obs}), agent_index, is_start, memory[before])
        logits = masked_logits(params, mask).double()
        chosen = torch.nn.functional.one_hot(logits.argmax(-1), tree.num_actions).double() if greedy else logits.softmax(-1)
        strategy[level] = chosen.cpu().numpy()
    return np.asarray(strategy[rows])


@torch.no_grad()
def _ask(tree: FlatTree, policy: Policy, group: Group, rows: Array, greedy: bool) -> Array:
    if policy.memory_size or policy.noise_size > 1:
        raise ConfigError(
            f"{type(policy).__name__} tells no probabilities and has memory {policy.memory_size} and noise "
            f"{policy.noise_size}; its strategy can be read off where these are 0 and at most 1"
        )
    samples = SAMPLES if policy.noise_size else 1
    noise = ((torch.arange(samples) + 0.5) / samples)[:, None][:, : policy.noise_size]
    strategy = np.zeros((len(rows), tree.num_actions))
    for i, row in enumerate(rows):
        inputs = [None if x is None else x.expand(samples, *x.shape[1:]) for x in _inputs(tree, group, np.array([row]))]
        obs, mask, agent_index, is_start = inputs
        assert obs is not None and agent_index is not None and is_start is not None  # noqa: PT018 - not a test
        actions = policy.act({"vector": obs}, mask, agent_index, is_start, torch.zeros(samples, 0), noise, greedy).actions
        strategy[i] = torch.bincount(actions, minlength=tree.num_actions).double().numpy() / samples
    return strategy


def _inputs(tree: FlatTree, group: Group, rows: Array) -> tuple[Tensor | None, ...]:
    """(obs, action_mask or None, agent_index, is_start) of some rows."""
    mask = torch.from_numpy(tree.legal[rows]) if group.masked else None
    agent_index = torch.from_numpy(np.array(group.agent_index)[tree.player[rows]])
    return torch.from_numpy(tree.obs[rows]), mask, agent_index, torch.from_numpy(tree.depth[rows] == 0)
