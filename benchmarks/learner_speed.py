"""Rows per second of one gradient of an actor and a shared critic, three ways: a JSON line each.

    python benchmarks/learner_speed.py [--rows 4096 8192 19200] [--seconds 0.5] [--windows 7]

autograd_tanh       plain modules and losses with torch.tanh
autograd_sigmoid    the same with 2 sigmoid(2x) - 1, as the plain networks of marl_ppo have it
fused               the hand-derived kernels

The networks are those of spread with three agents: actor 18 + 3 -> 64 -> 64 -> 5, critic 54 -> 64 -> 64 -> 3. A row of the
critic is a copy with its three values. Ways alternate, and a figure is the median of several windows, since other
programs disturb; compare by ratio. With two threads each takes half of the minibatch. CPU seconds are of one thread,
which hardly depend on what else runs: `rows_per_cpu_second` is what a core gives.
"""

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor, nn

from marl_ppo.agents.networks import Tanh
from marl_ppo.training.fused.actor import ActorBatch, FusedActor
from marl_ppo.training.fused.critic import CriticBatch, FusedCritic
from marl_ppo.training.fused.inputs import Inputs

AGENTS, OBS, CHOICES = 3, 18, 5
ACTOR = (OBS + AGENTS, 64, 64, CHOICES)
CRITIC = (OBS * AGENTS, 64, 64, AGENTS)
UNITS = 25_600
"""copies times steps of the rollout that minibatches are drawn from"""

Gradient = Callable[[np.ndarray], None]
"""of the minibatch rows given"""


def mlp(widths: tuple[int, ...], activation: type[nn.Module]) -> nn.Sequential:
    parts = [[nn.Linear(inputs, outputs), activation()] for inputs, outputs in itertools.pairwise(widths)]
    return nn.Sequential(*list(itertools.chain(*parts))[:-1])


def rollout() -> tuple[ActorBatch, CriticBatch]:
    rng = np.random.default_rng(0)
    rows = UNITS * AGENTS
    obs = rng.normal(size=(rows, OBS)).astype(np.float32)
    actor = ActorBatch(
        inputs=Inputs(np.zeros((1, 0), np.float32), obs, np.arange(AGENTS), AGENTS),
        actions=rng.integers(CHOICES, size=rows),
        logprob=np.full(rows, -np.log(CHOICES), np.float32),
        advantages=rng.normal(size=rows).astype(np.float32),
        mask=np.zeros((0, CHOICES), bool),
    )
    critic = CriticBatch(
        inputs=Inputs(np.zeros((1, 0), np.float32), obs.reshape(UNITS, -1), np.zeros(1, np.int64), 0),
        returns=rng.normal(size=(UNITS, AGENTS)).astype(np.float32),
        old_values=np.zeros((0, AGENTS), np.float32),
        valid=np.zeros((0, AGENTS), bool),
    )
    return actor, critic


def plain_actor(batch: ActorBatch, activation: type[nn.Module]) -> Gradient:
    module = mlp(ACTOR, activation)
    obs, actions, old, advantages = (torch.from_numpy(field) for field in (batch.inputs.own, *batch[1:4]))
    one_hot = torch.eye(AGENTS)

    def gradient(rows: np.ndarray) -> None:
        index = torch.from_numpy(rows)
        logits = module(torch.cat([obs[index], one_hot[index % AGENTS]], 1))
        logprobs = torch.log_softmax(logits, 1)
        ratio = (logprobs.gather(1, actions[index, None])[:, 0] - old[index]).exp()
        gain = torch.min(ratio * advantages[index], ratio.clamp(0.8, 1.2) * advantages[index])
        entropy = -(logprobs.exp() * logprobs).sum(1)
        torch.autograd.grad(-(gain + 0.01 * entropy).sum() / len(rows), list(module.parameters()))

    return gradient


def plain_critic(batch: CriticBatch, activation: type[nn.Module]) -> Gradient:
    module = mlp(CRITIC, activation)
    inputs, returns = torch.from_numpy(batch.inputs.own), torch.from_numpy(batch.returns)

    def gradient(rows: np.ndarray) -> None:
        index = torch.from_numpy(rows)
        loss: Tensor = 0.5 * (module(inputs[index]) - returns[index]).square().sum() / len(rows)
        torch.autograd.grad(loss, list(module.parameters()))

    return gradient


def parameters(widths: tuple[int, ...]) -> np.ndarray:
    return np.concatenate([parameter.detach().numpy().ravel() for parameter in mlp(widths, Tanh).parameters()])


def fused_actor(batch: ActorBatch) -> Gradient:
    actor, weights = FusedActor(ACTOR, "tanh"), parameters(ACTOR)

    def gradient(rows: np.ndarray) -> None:
        actor.load(weights)
        actor.gradient(batch, rows, np.empty_like(weights), weight=1 / len(rows), clip_coef=0.2, ent_coef=0.01)

    return gradient


def fused_critic(batch: CriticBatch) -> Gradient:
    critic, weights = FusedCritic(CRITIC, "tanh"), parameters(CRITIC)

    def gradient(rows: np.ndarray) -> None:
        critic.load(weights)
        critic.gradient(batch, rows, np.empty_like(weights), weight=1 / len(rows))

    return gradient


def window(gradients: list[Gradient], rows: np.ndarray, pool: ThreadPoolExecutor, seconds: float) -> tuple[float, float]:
    """Rows per second of wall time, and per CPU second of one thread, over about `seconds`."""
    parts = np.array_split(rows, len(gradients))

    def timed(gradient: Gradient, part: np.ndarray) -> float:
        began = time.thread_time()
        gradient(part)
        return time.thread_time() - began

    began, done, cpu = time.perf_counter(), 0, 0.0
    while time.perf_counter() - began < seconds:
        cpu += sum(pool.map(timed, gradients, parts))
        done += len(rows)
    return done / (time.perf_counter() - began), done / cpu


def measure(sizes: list[int], seconds: float, windows: int) -> Iterator[dict[str, object]]:
    actor_batch, critic_batch = rollout()
    ways: dict[str, dict[str, Callable[[], Gradient]]] = {
        "actor": {
            "autograd_tanh": lambda: plain_actor(actor_batch, nn.Tanh),
            "autograd_sigmoid": lambda: plain_actor(actor_batch, Tanh),
            "fused": lambda: fused_actor(actor_batch),
        },
        "critic": {
            "autograd_tanh": lambda: plain_critic(critic_batch, nn.Tanh),
            "autograd_sigmoid": lambda: plain_critic(critic_batch, Tanh),
            "fused": lambda: fused_critic(critic_batch),
        },
    }
    for network, threads, size in itertools.product(ways, (1, 2), sizes):
        rows = np.random.default_rng(1).permutation(UNITS * (AGENTS if network == "actor" else 1))[:size]
        gradients = {way: [make() for _ in range(threads)] for way, make in ways[network].items()}
        found: dict[str, list[tuple[float, float]]] = {way: [] for way in gradients}
        with ThreadPoolExecutor(threads) as pool:
            for turn in range(windows + 1):
                for way, each in gradients.items():
                    speed = window(each, rows, pool, seconds)
                    if turn:  # the first one warms up
                        found[way].append(speed)
        for way, speeds in found.items():
            wall, cpu = (statistics.median(kind) for kind in zip(*speeds, strict=True))
            yield {
                "network": network,
                "way": way,
                "threads": threads,
                "minibatch": size,
                "rows_per_second": round(wall),
                "rows_per_cpu_second": round(cpu),
                "best_rows_per_second": round(max(speed for speed, _ in speeds)),
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[4096, 8192, 19200])
    parser.add_argument("--seconds", type=float, default=0.5, help="of each window")
    parser.add_argument("--windows", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for line in measure(args.rows, args.seconds, args.windows):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
