"""Actors and critics: how they begin, what they are shown, what they remember, in which precision they compute."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor, nn

from marl_ppo.agents.actor_critic import Actor, ActorCritic, Critic
from marl_ppo.agents.networks import NetworkConfig, Trunk
from marl_ppo.agents.observations import flat_obs
from marl_ppo.envs import make_world
from marl_ppo.envs.world import Group
from marl_ppo.training.config import PPOConfig, TrainConfig
from marl_ppo.training.trainer import Trainer

AGENTS, OBS_SIZE, ROWS, STEPS = 3, 18, 6, 7
"""of spread, and of what networks are shown here"""
ACTIONS = 5


def new_policy(critic_input: Any = "joint", **network: Any) -> ActorCritic:
    """For spread; always with the same random numbers."""
    spec = make_world("spread").spec
    config = NetworkConfig(**{"hidden": (32, 16), **network})
    return ActorCritic(spec, spec.groups[0], critic_input, config, torch.Generator().manual_seed(0))


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def layers(network: Actor | Critic) -> list[nn.Linear]:
    return [module for module in network.modules() if isinstance(module, nn.Linear)]


def assert_orthogonal(weight: Tensor, gain: float) -> None:
    """Rows or columns, whichever are fewer, have length `gain` and are at right angles."""
    few = weight if weight.shape[0] <= weight.shape[1] else weight.T
    torch.testing.assert_close(few @ few.T, gain**2 * torch.eye(len(few)), rtol=0.0, atol=1e-5 * gain**2)


@pytest.mark.parametrize("activation", ["tanh", "relu", "silu"])
@pytest.mark.parametrize("hidden", [(32, 16), (7, 40, 9)])
def test_layers_begin_orthogonal_with_the_gains_of_ppo(activation: str, hidden: tuple[int, ...]) -> None:
    """The square root of 2 in hidden layers, .01 before actions, 1 before values; biases are 0."""
    policy = new_policy(activation=activation, hidden=hidden)

    for network, last_gain in ((policy.actor, 0.01), (policy.critic, 1.0)):
        *inner, last = layers(network)
        assert len(inner) == len(hidden)
        assert_orthogonal(last.weight.detach(), last_gain)
        for layer in inner:
            assert_orthogonal(layer.weight.detach(), math.sqrt(2))
        assert not any(layer.bias.any() for layer in (*inner, last))


def test_a_memory_begins_orthogonal_with_gain_1() -> None:
    """The three gates of a GRU cell, one above the other: the columns of [48, 32] and [48, 16]."""
    cell = new_policy(memory="gru").actor.trunk.cell
    assert cell is not None

    for weight in (cell.weight_ih, cell.weight_hh):
        assert_orthogonal(weight.detach(), 1.0)
    assert not any(bias.any() for bias in (cell.bias_ih, cell.bias_hh))


def test_the_first_policy_is_nearly_uniform() -> None:
    """Entropy within .1 % of log 5."""
    policy = new_policy()
    shown = (normal(ROWS, OBS_SIZE), None, torch.zeros(ROWS, dtype=torch.int64))
    _, entropy = policy.actor.evaluate(*shown, torch.ones(ROWS, dtype=torch.bool), torch.zeros(ROWS, 0), shown[2])

    assert float(entropy.detach().min()) > 0.999 * math.log(ACTIONS)


STARTS = torch.zeros(STEPS, ROWS, dtype=torch.bool)
STARTS[0, :2] = STARTS[3, 1:3] = STARTS[6, 3] = True
"""rows 0 to 3 start an episode, row 1 two of them; the others go on from the memory that they are given"""


def test_an_actors_chunk_is_its_steps_one_by_one() -> None:
    actor = new_policy(memory="gru").actor
    actor.output.weight.data *= 100
    obs, memory = normal(STEPS, ROWS, OBS_SIZE), normal(ROWS, 16)
    index = torch.arange(ROWS) % AGENTS
    actions = torch.arange(STEPS * ROWS).view(STEPS, ROWS) % ACTIONS
    chunk = actor.evaluate(obs, None, index.expand(STEPS, ROWS), STARTS, memory, actions)

    for t in range(STEPS):
        step = actor.evaluate(obs[t], None, index, STARTS[t], memory, actions[t])
        _, memory = actor(obs[t], index, STARTS[t], memory)
        torch.testing.assert_close((chunk[0][t], chunk[1][t]), step, rtol=0.0, atol=1e-6)


@pytest.mark.parametrize("critic_input", ["own", "joint", "both"])
def test_a_critics_chunk_is_its_steps_one_by_one(critic_input: str) -> None:
    critic = new_policy(critic_input, memory="gru").critic
    shared = None if critic.shared is None else normal(STEPS, ROWS, critic.shared_size)
    inputs = critic.seat_inputs(shared, normal(STEPS, ROWS, OBS_SIZE), (torch.arange(ROWS) % AGENTS).expand(STEPS, ROWS))
    memory = normal(ROWS, 16)
    chunk, last = critic(inputs, STARTS, memory)

    for t in range(STEPS):
        values, memory = critic(inputs[t], STARTS[t], memory)
        torch.testing.assert_close(chunk[t], values, rtol=0.0, atol=1e-6)
    torch.testing.assert_close(last, memory, rtol=0.0, atol=1e-6)


def test_what_was_seen_before_a_start_is_forgotten() -> None:
    """And what came before the chunk as well; where nothing starts, both are remembered."""
    actor = new_policy(memory="gru").actor
    obs, index = normal(STEPS, 1, OBS_SIZE), torch.zeros(STEPS, 1, dtype=torch.int64)
    other = torch.cat([obs[:3] + 1.0, obs[3:]])
    starts = torch.arange(STEPS).view(STEPS, 1) == 3

    def forgets(starts: Tensor) -> bool:
        usual, _ = actor(obs, index, starts, torch.zeros(1, 16))
        unusual, _ = actor(other, index, starts, torch.ones(1, 16))
        assert not torch.equal(usual[:3], unusual[:3])
        return torch.equal(usual[3:], unusual[3:])

    assert forgets(starts)
    assert not forgets(torch.zeros_like(starts))


@pytest.mark.parametrize(("agent_index", "inputs"), [(True, OBS_SIZE + AGENTS), (False, OBS_SIZE)])
def test_an_actor_is_told_its_agents_number_unless_it_is_not_to_be(agent_index: bool, inputs: int) -> None:
    """On the same obs, agents that share it can differ then and only then."""
    actor = new_policy(agent_index=agent_index).actor
    as_agent = [
        actor(normal(ROWS, OBS_SIZE), torch.full((ROWS,), a), torch.zeros(ROWS, dtype=torch.bool), torch.zeros(ROWS, 0))[0]
        for a in range(AGENTS)
    ]

    assert layers(actor)[0].in_features == inputs
    assert [torch.equal(as_agent[a], as_agent[b]) for a, b in ((0, 1), (0, 2), (1, 2))] == [not agent_index] * 3


def box_actor(low: list[float], high: list[float]) -> Actor:
    group = Group(
        name="players",
        agents=("a", "b"),
        team=(0, 0),
        obs={"vector": spaces.Box(-1.0, 1.0, (4,), np.float32)},
        action=spaces.Box(np.array(low, np.float32), np.array(high, np.float32)),
    )
    return Actor(group, NetworkConfig(hidden=(32, 16)), torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("low", "high", "mean", "deviation"),
    [
        ([-1.0, 0.0], [3.0, 10.0], [1.0, 5.0], [2.0, 5.0]),
        ([-1.0, -1.0], [1.0, 1.0], [0.0, 0.0], [1.0, 1.0]),
        ([-math.inf, -math.inf], [math.inf, math.inf], [0.0, 0.0], [1.0, 1.0]),
    ],
    ids=["asymmetric", "unit", "unbounded"],
)
def test_continuous_actions_begin_at_the_boxs_centre_and_reach_its_edges(
    low: list[float], high: list[float], mean: list[float], deviation: list[float]
) -> None:
    """The mean of any obs within 3 % of half the width; noise of Phi(1) = .8413447 is one deviation above it."""
    actor = box_actor(low, high)
    rows = (torch.arange(ROWS) % 2, torch.ones(ROWS, dtype=torch.bool), torch.zeros(ROWS, 0))
    obs, noise = {"vector": normal(ROWS, 4)}, torch.full((ROWS, 2), 0.8413447)
    middle = actor.act(obs, None, *rows, noise, greedy=True).actions
    sampled = actor.act(obs, None, *rows, noise, greedy=False)
    wanted = torch.tensor(deviation)

    assert ((middle - torch.tensor(mean)).abs() < 0.03 * wanted).all()
    torch.testing.assert_close(sampled.actions - middle, wanted.expand(ROWS, 2), rtol=1e-4, atol=0.0)
    density = torch.distributions.Normal(middle, wanted).log_prob(sampled.actions).sum(1)
    torch.testing.assert_close(sampled.logprob, density)


@pytest.mark.parametrize("memory", ["none", "gru"])
def test_bf16_gives_nearly_the_same_float32_numbers(memory: str) -> None:
    """Products of 8 significant bits: near, but not equal; weights are the same float32 ones."""
    exact, rough = (new_policy(memory=memory, precision=precision) for precision in ("float32", "bf16"))
    steps = (
        torch.zeros(ROWS, dtype=torch.int64),
        torch.zeros(ROWS, dtype=torch.bool),
        torch.zeros(ROWS, exact.actor.memory_size),
    )
    for policy in (exact, rough):
        policy.actor.output.weight.data *= 100
    logprobs = [policy.actor.evaluate(normal(ROWS, OBS_SIZE), None, *steps, steps[0])[0] for policy in (exact, rough)]
    memories = [policy.actor(normal(ROWS, OBS_SIZE), *steps)[1] for policy in (exact, rough)]

    assert {tensor.dtype for tensor in (*logprobs, *memories, *rough.parameters())} == {torch.float32}
    torch.testing.assert_close(logprobs[1], logprobs[0], rtol=0.0, atol=2e-2)
    assert not torch.equal(logprobs[1], logprobs[0])


def test_silu_is_x_times_its_sigmoid() -> None:
    trunk = Trunk(4, NetworkConfig(hidden=(8,), activation="silu"), torch.Generator().manual_seed(0))
    x = normal(ROWS, 4)
    sums = x @ trunk.layers[0].weight.T

    torch.testing.assert_close(trunk(x, torch.ones(ROWS), torch.zeros(ROWS, 0))[0], sums * sums.sigmoid())


@pytest.mark.parametrize(
    "network", [{"precision": "bf16"}, {"precision": "bf16", "memory": "gru"}, {"activation": "silu"}], ids=str
)
def test_what_autograd_alone_serves_trains(network: dict[str, Any]) -> None:
    """In play and in the update its policy is the same one, as far as it can be told."""
    config = TrainConfig(world="spread", num_envs=4, num_steps=5, ppo=PPOConfig(num_minibatches=1, learning_rate=1e-2))
    with Trainer(replace(config, network=NetworkConfig(hidden=(16, 16), **network))) as trainer:
        found = [trainer.train_once().metrics for _ in range(3)]

    for metrics in found:
        assert metrics["agents/first_ratio_error"] < 1e-2
        assert metrics["agents/skipped_steps"] == 0
        assert metrics["agents/approx_kl"] > 0


def test_bounds_that_are_no_scale_are_not_taken_for_one() -> None:
    """As wide as float32 goes, one single value, and one half open: each begins with a deviation of 1."""
    low, high = np.array([-3.4e38, 2.0, 0.0], np.float32), np.array([3.4e38, 2.0, np.inf], np.float32)
    group = Group(name="g", agents=("a",), team=(0,), obs={"vector": spaces.Box(-1, 1, (2,))}, action=spaces.Box(low, high))
    actor = Actor(group, NetworkConfig(hidden=(4,)), torch.Generator())

    assert actor.half_width.tolist() == [1.0, 1.0, 1.0]
    assert actor.centre.tolist() == [0.0, 2.0, 0.0]


def test_whole_numbers_are_seen_as_floats() -> None:
    """Of envs whose obs are uint8, say: plain networks multiply floats only."""
    seen = flat_obs({"a": torch.tensor([[1, 255]], dtype=torch.uint8), "b": torch.tensor([[0.5]])})

    torch.testing.assert_close(seen, torch.tensor([[1.0, 255.0, 0.5]]))
