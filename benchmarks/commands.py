"""Whether a worker does what it is told in words that it never heard together: commands that training held out.

    python benchmarks/commands.py [--seeds 0 1 2] [--steps 4000000]

A manager draws commands at random, but for a fifth of the pairs of verb and thing, which the seed draws. Then a worker plays
maps that it was not trained on, and every command it gets is one of four kinds, also at random:

seen      one of those that it was trained on
held out  one of the others
shuffled  one of the others counts, and the worker is shown another command
random    one of the others counts, and actions are drawn, which is chance

So all four begin where the same play has led. A second training shows the worker the two tokens alone, not the way to the
thing. Writes docs/commands.md.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from marl_ppo.agents.actor_critic import Actor
from marl_ppo.agents.commands import VERBS, Commands
from marl_ppo.agents.held_out import HeldOut
from marl_ppo.agents.hierarchy import SUBGOAL
from marl_ppo.agents.networks import NetworkConfig
from marl_ppo.envs.registry import make_world
from marl_ppo.envs.seeds import stream
from marl_ppo.envs.world import Outputs
from marl_ppo.training.config import HierarchyConfig, PPOConfig, TrainConfig
from marl_ppo.training.policies import subgoal_space
from marl_ppo.training.trainer import Trainer

WORLD: dict[str, Any] = {
    "doors": 0,
    "targets": 6,
    "rows": 2,
    "columns": 2,
    "room": 4,
    "view": 9,
    "known": "all",
    "max_steps": 100,
}
"""of `expedition`: four rooms of 4 x 4 cells without doors, and six things to be told about"""
KINDS = ("seen", "held out", "shuffled", "random")
COPIES, STEPS, SUBGOAL_STEPS = 1024, 1000, 20
Shown = Callable[[Commands, Tensor, Tensor], Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=4_000_000)
    args = parser.parse_args()
    lines = [f"| shown | seed | {' | '.join(KINDS)} |", "| --- | --- | --- | --- | --- | --- |"]
    for name, shown in (("tokens and the way", Commands.shown), ("tokens alone", tokens_alone)):
        with mock.patch.object(Commands, "shown", shown):
            counts = []
            for seed in args.seeds:
                counts.append(examine(*trained(seed, args.steps), seed))
                lines.append(f"| {name} | {seed} | {shares(counts[-1].sum(1))} |")
                print(lines[-1], flush=True)
        by_verb = torch.stack(counts).sum(0).unflatten(1, (len(VERBS), -1)).sum(2)
        lines += [f"| {name} | all, {verb} | {shares(by_verb[:, v])} |" for v, verb in enumerate(VERBS)]
    text = (
        f"# Commands\n\nMade by `python benchmarks/commands.py --seeds {' '.join(map(str, args.seeds))} --steps {args.steps}`, "
        f"which says what the columns are: shares of commands that were fulfilled within {SUBGOAL_STEPS} steps, in "
        f"{STEPS:,} steps of {COPIES:,} copies of the world; actions are sampled.\n\n"
    )
    Path("docs/commands.md").write_text(text + "\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def trained(seed: int, steps: int) -> tuple[Actor, HeldOut]:
    """(a worker, what it was trained on)."""
    config = TrainConfig(
        world="expedition",
        world_config={**WORLD, "maps": "train"},
        seed=seed,
        total_steps=steps,
        num_envs=256,
        num_steps=64,
        policy="hierarchical",
        hierarchy=HierarchyConfig(
            subgoals="command", subgoal_steps=SUBGOAL_STEPS, held_out=0.2, managed_by="random", extrinsic=0.0
        ),
        network=NetworkConfig(hidden=(128, 128), normalize_obs="never"),
        ppo=PPOConfig(learning_rate=1e-3, num_minibatches=8, ent_coef=0.01),
    )
    with Trainer(config) as trainer:
        while not trainer.finished:
            trainer.train_once()
        space = subgoal_space(trainer.setup.spec.groups[0], config)
        assert isinstance(space, HeldOut)
        return trainer.setup.students["agents.worker"].policy.actor, space


class Asked(NamedTuple):
    """What every copy of the world is asked to do. Fields int64 [N]."""

    kind: Tensor
    """-1 where it does not count, since the episode may end too early, or there is nothing of the kind to ask for"""
    scored: Tensor
    """the command that is to be fulfilled"""
    shown: Tensor
    """the command that the worker is told"""
    age: Tensor
    """steps since it was asked"""


@torch.no_grad()
def examine(worker: Actor, trained_on: HeldOut, seed: int) -> Tensor:
    """How often each command was (fulfilled, asked) as each kind: [kinds, commands, 2]."""
    space, held_out = trained_on.whole, trained_on.held_out
    assert isinstance(space, Commands)
    generator = torch.Generator().manual_seed(seed)
    world = make_world("expedition", num_envs=COPIES, **WORLD, maps="eval")
    episode, tick = np.arange(COPIES), torch.zeros(COPIES, dtype=torch.int64)
    obs = seen(world.reset(stream(seed, "eval", 0, episode)))
    asked, is_over = Asked(*torch.zeros(4, COPIES, dtype=torch.int64)), torch.ones(COPIES, dtype=torch.bool)
    index, start, memory = torch.zeros_like(tick), torch.ones_like(is_over), torch.zeros(COPIES, 0)
    counts = torch.zeros(len(KINDS), len(space.names), 2, dtype=torch.int64)
    for _ in range(STEPS):
        fresh = ask(space, held_out, obs, tick, generator)
        asked = Asked(*(torch.where(is_over, new, old) for new, old in zip(fresh, asked, strict=True)))
        told = torch.cat([space.shown(asked.shown, obs), (asked.age / SUBGOAL_STEPS)[:, None]], -1)
        noise = torch.rand(COPIES, worker.noise_size, generator=generator)
        decided = worker.act({"vector": obs, SUBGOAL: told}, None, index, start, memory, noise, False)
        by_chance = torch.randint(5, (COPIES,), generator=generator)
        actions = torch.where(asked.kind == KINDS.index("random"), by_chance, decided.actions)
        outputs = world.step([actions[:, None].numpy()])
        ended, after = torch.from_numpy(outputs.ended.copy()), seen(outputs)
        # Things stand still here, so coming nearer never pays that much.
        fulfilled = space.reward(asked.scored, obs, after) > 0.5
        asked = asked._replace(age=asked.age + 1)
        is_over = ended | space.reached(asked.scored, after) | (asked.age == SUBGOAL_STEPS)
        counted = is_over & ~ended & (asked.kind >= 0)
        for i, some in enumerate((fulfilled & counted, counted)):
            places = asked.kind[some], asked.scored[some], torch.tensor(i)
            counts.index_put_(places, torch.tensor(1), accumulate=True)
        episode, tick = episode + COPIES * outputs.ended, torch.where(ended, 0, tick + 1)
        obs = seen(world.reset(stream(seed, "eval", 0, episode), outputs.ended))
    return counts


def ask(space: Commands, held_out: Tensor, obs: Tensor, tick: Tensor, generator: torch.Generator) -> Asked:
    """A new command for every copy, of a kind drawn for it, and what the worker is told of it."""
    legal = space.legal(obs)
    kind = torch.randint(len(KINDS), (COPIES,), generator=generator)
    of_kind = legal & (held_out == (kind != KINDS.index("seen"))[:, None])
    scored = drawn(of_kind, generator)
    other = drawn(legal & (torch.arange(len(held_out)) != scored[:, None]), generator)
    shown = torch.where(kind == KINDS.index("shuffled"), other, scored)
    counts = of_kind.any(-1) & (tick + SUBGOAL_STEPS < WORLD["max_steps"])
    return Asked(torch.where(counts, kind, -1), scored, shown, torch.zeros_like(kind))


def drawn(among: Tensor, generator: torch.Generator) -> Tensor:
    """int64 [N]: one of the choices of each row of bool [N, K], or any where there is none."""
    return torch.multinomial((among | ~among.any(-1, keepdim=True)).float(), 1, generator=generator)[:, 0]


def seen(outputs: Outputs) -> Tensor:
    """The obs [N, d] of the only agent, copied."""
    return torch.from_numpy(outputs.obs[0]["vector"][:, 0].copy())


def tokens_alone(self: Commands, chosen: Tensor, obs: Tensor, *, shown: Shown = Commands.shown) -> Tensor:
    """`Commands.shown` with zeros for the way."""
    return shown(self, chosen, obs) * (torch.arange(self.size) < self.size - 2)


def shares(counts: Tensor) -> str:
    """Cells of a table, of [kinds, 2]."""
    return " | ".join(f"{done / asked:.3f}" if asked else "" for done, asked in counts.tolist())


if __name__ == "__main__":
    main()
