"""Scripted players: the levels they reach in their worlds, and what every script owes to the policy contract."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from marl_ppo.agents.policy import Policy
from marl_ppo.agents.scripted import scripted_policy, uniform_policy
from marl_ppo.envs import World, make_world
from marl_ppo.envs.seeds import fill_action_noise, stream
from marl_ppo.errors import ConfigError

SCRIPT, RANDOM = True, False


def players(world: World, kinds: Sequence[bool]) -> list[Policy]:
    return [
        scripted_policy(world.spec.id, group, world.spec) if scripted else uniform_policy(group)
        for group, scripted in zip(world.spec.groups, kinds, strict=True)
    ]


def mean_returns(world: World, policies: Sequence[Policy], greedy: bool = False) -> list[np.ndarray]:
    """One episode in each copy: the mean return of each agent, float64 [A], per group."""
    out = world.reset(stream(0, "eval", np.arange(world.num_envs)))
    over = np.zeros(world.num_envs, bool)
    shapes = [alive.shape for alive in out.alive]
    returns = [np.zeros(shape) for shape in shapes]
    decisions = [np.zeros(shape, np.int64) for shape in shapes]
    memories = [torch.zeros(n * a, policy.memory_size) for (n, a), policy in zip(shapes, policies, strict=True)]
    while not over.all():
        actions, first_seat = [], 0
        for g, (group, policy) in enumerate(zip(world.spec.groups, policies, strict=True)):
            rows = out.acting[g].size
            noise = np.zeros((*shapes[g], policy.noise_size), np.float32)
            fill_action_noise(noise, world.seeds, decisions[g], first_seat)
            mask = out.action_mask[g]
            decision = policy.act(
                {leaf: torch.from_numpy(array.copy()).flatten(0, 1) for leaf, array in out.obs[g].items()},
                None if mask is None else torch.from_numpy(mask.copy()).flatten(0, 1),
                torch.tensor(group.agent_index).repeat(world.num_envs),
                torch.from_numpy(decisions[g] == 0).flatten(),
                memories[g],
                torch.from_numpy(noise).reshape(rows, policy.noise_size),
                greedy,
            )
            acting = torch.from_numpy(out.acting[g]).reshape(rows, 1)
            memories[g] = torch.where(acting, decision.memory, memories[g])
            decisions[g] += out.acting[g]
            actions.append(decision.actions.numpy().reshape(*shapes[g], *group.action_shape))
            first_seat += len(group.agents)
        out = world.step(actions)
        for g, rewards in enumerate(out.rewards):
            returns[g] += rewards * ~over[:, None]
        over |= out.ended
        world.reset(world.seeds, where=out.ended.copy())  # copies that are over play on, uncounted
    return [total.mean(axis=0) for total in returns]


def group_returns(world_id: str, kinds: Sequence[bool], num_envs: int = 400, **config: object) -> list[float]:
    """Mean return per agent of each group."""
    world = make_world(world_id, num_envs=num_envs, **config)
    return [float(returns.mean()) for returns in mean_returns(world, players(world, kinds))]


def test_spread_script_covers_the_landmarks() -> None:
    """Random play scores about -27 and a greedy script -8.2 (mpe2 scale); pushing along both axes saves time."""
    assert group_returns("spread", [RANDOM])[0] == pytest.approx(-27.0, abs=1.5)
    assert group_returns("spread", [SCRIPT])[0] > -7.8
    assert group_returns("spread", [SCRIPT], action="continuous")[0] > -6.8


def test_spread_script_scales_to_other_numbers_of_agents() -> None:
    random, script = (group_returns("spread", [kind], num_envs=100, agents=5)[0] for kind in (RANDOM, SCRIPT))

    assert script > random / 2


def test_spread_script_refuses_more_agents_than_it_can_assign() -> None:
    with pytest.raises(ConfigError, match=r"at most 6 agents.*got 7"):
        group_returns("spread", [SCRIPT], num_envs=1, agents=7)


def test_kuhn_script_is_never_worse_than_the_value_of_the_game() -> None:
    """Against any opponent, an equilibrium player wins at least -1/18 as player_0 and +1/18 as player_1, on average."""
    world = make_world("kuhn", num_envs=20_000)
    nash = players(world, [SCRIPT])[0]

    first, second = mean_returns(world, [nash])[0]

    assert first == pytest.approx(-1 / 18, abs=0.03)
    assert second == -first


@pytest.mark.parametrize(
    ("world_id", "best", "config"),
    [
        ("bandit", 1.0, {}),
        ("bandit", 1.0, {"context": True}),
        ("bandit", 1.0, {"masked": True}),
        ("bandit", 1.0, {"action": "multi_discrete"}),
        ("bandit", 1.0, {"action": "multi_discrete", "context": True}),
        ("bandit", 0.0, {"action": "continuous"}),
        ("bandit", 0.0, {"action": "continuous", "context": True}),
        ("recall", 1.0, {}),
        ("two_kinds", 5.0, {}),
        ("waits", 25.0, {}),
    ],
)
def test_probe_scripts_reach_the_best_return(world_id: str, best: float, config: dict[str, object]) -> None:
    kinds = [SCRIPT] * len(make_world(world_id).spec.groups)

    for returns in group_returns(world_id, kinds, num_envs=20, **config):
        assert returns == pytest.approx(best, abs=1e-6)


def test_staggered_script_is_always_right() -> None:
    world = make_world("staggered", num_envs=20)

    mean_returns(world, players(world, [SCRIPT]))
