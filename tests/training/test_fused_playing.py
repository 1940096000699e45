"""A policy's fused twin in play: the same decisions, the same values."""

from typing import Any

import pytest
import torch

from marl_ppo.agents.actor_critic import ActorCritic
from marl_ppo.agents.networks import NetworkConfig
from marl_ppo.envs.registry import make_world
from marl_ppo.training.fused.playing import FusedActing, FusedValues


def spread_policy(kind: str, **settings: Any) -> tuple[ActorCritic, NetworkConfig]:
    spec = make_world("spread", num_envs=1).spec
    network = NetworkConfig(**{"hidden": (20, 16), **settings})
    return ActorCritic(spec, spec.groups[0], kind, network, torch.Generator().manual_seed(0)), network  # type: ignore[arg-type]


@pytest.mark.parametrize("greedy", [False, True])
def test_a_fused_policy_decides_as_its_actor_does_after_every_change_of_weights(greedy: bool) -> None:
    policy, network = spread_policy("joint")
    fused = FusedActing(policy.actor, network)
    generator = torch.Generator().manual_seed(1)
    for _ in range(2):
        with torch.no_grad():
            policy.actor.output.weight.normal_(generator=generator)
            situation = {
                "obs": {"vector": torch.randn(90, 18, generator=generator)},
                "action_mask": torch.rand(90, 5, generator=generator) < torch.tensor([0.5, 0.5, 0.5, 0.5, 1.0]),
                "agent_index": torch.arange(3).repeat(30),
                "is_start": torch.zeros(90, dtype=torch.bool),
                "memory": torch.zeros(90, 0),
                "noise": torch.rand(90, 1, generator=generator),
                "greedy": greedy,
            }
            plain, found = policy.actor.act(**situation), fused.act(**situation)

        assert (plain.actions == found.actions).float().mean() > 0.98  # rounding can move a noise across a border
        same = plain.actions == found.actions
        torch.testing.assert_close(found.logprob[same], plain.logprob[same], rtol=1e-5, atol=1e-5)
        assert found.memory.shape == (90, 0)


@pytest.mark.parametrize("kind", ["joint", "own"])
def test_fused_values_equal_the_critics(kind: str) -> None:
    """Once per copy with a value for each agent, or once per seat."""
    policy, network = spread_policy(kind)
    inputs = torch.randn(40, policy.critic.trunk.layers[0].in_features, generator=torch.Generator().manual_seed(1))
    situation = (inputs, torch.zeros(40, dtype=torch.bool), torch.zeros(40, 0))

    values, memory = FusedValues(policy.critic, network)(*situation)

    torch.testing.assert_close(values, policy.critic(*situation)[0].detach(), rtol=1e-5, atol=1e-5)
    assert memory.shape == (40, 0)


@pytest.mark.parametrize("hidden", [(20, 16), (16,)])
def test_twins_with_a_gru_decide_value_and_remember_alike_step_after_step(hidden: tuple[int, ...]) -> None:
    policy, network = spread_policy("own", hidden=hidden, memory="gru")
    acts, values = FusedActing(policy.actor, network), FusedValues(policy.critic, network)
    generator = torch.Generator().manual_seed(1)
    memories = [torch.zeros(90, 16)] * 4
    for step in range(6):
        with torch.no_grad():
            for parameter in policy.parameters():
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
            obs, agents = torch.randn(90, 18, generator=generator), torch.arange(3).repeat(30)
            starts = torch.rand(90, generator=generator) < 0.3
            noise, mask = torch.rand(90, 1, generator=generator), torch.ones(90, 5, dtype=torch.bool)
            situation = {"obs": {"vector": obs}, "action_mask": mask, "agent_index": agents, "is_start": starts, "noise": noise}
            plain = policy.actor.act(**situation, memory=memories[0], greedy=False)
            found = acts.act(**situation, memory=memories[1], greedy=False)
            inputs = policy.critic.seat_inputs(None, obs, agents)
            told, kept = policy.critic(inputs, starts, memories[2])
            told_again, kept_again = values(inputs, starts, memories[3])

        assert (plain.actions == found.actions).float().mean() > 0.98
        same = plain.actions == found.actions
        torch.testing.assert_close(found.logprob[same], plain.logprob[same], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(told_again, told, rtol=1e-5, atol=1e-5)
        memories = [plain.memory, found.memory, kept, kept_again]
        torch.testing.assert_close(memories[1], memories[0], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(memories[3], memories[2], rtol=1e-5, atol=1e-5)
        assert memories[0].abs().max() > 0.1, step
