"""Who sees what, to the last bit: actors their own obs and nothing else, critics what they were told to look at.

And the update sees what play saw: until the first gradient step the new policy is the old one, so every ratio is 1.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from marl_ppo.training.config import HierarchyConfig, TrainConfig
from marl_ppo.training.trainer import Trainer

Settings = dict[str, Any]

ACTORS: dict[str, Settings] = {
    "fused": {"world": "spread", "fused": True},
    "plain": {"world": "spread", "fused": False},
    "continuous": {"world": "spread", "world_config": {"action": "continuous"}},
    "with memory": {"world": "spread", "network": {"memory": "gru"}},
    "two kinds of agents": {"world": "two_kinds"},
    "in turns": {"world": "kuhn"},
    "some of them dead": {"world": "staggered"},
}


def noise_like(array: Any) -> Tensor:
    return torch.randn(tuple(array.shape), generator=torch.Generator().manual_seed(0))


def choices(config: TrainConfig, spared: tuple[int, int] | None = None) -> dict[tuple[int, int], Tensor]:
    """What each agent (group, column) decides after three steps, over the copies in which it acts: [B, action and logprob].

    With an agent to be `spared`, the state and everybody else's obs are noise by then.
    """
    with Trainer(config) as trainer:
        for student in trainer.setup.students.values():
            student.policy.actor.output.weight.data *= 100  # so that a new policy's logprobs show the last bits of obs
        trainer.setup.collector.start()
        (play,) = trainer.setup.plays
        for _ in range(3):
            play.step()
        outputs = play.world.outputs
        agents = [(g, a) for g, group in enumerate(play.world.spec.groups) for a in range(len(group.agents))]
        if spared is not None:
            outputs.state[...] = noise_like(outputs.state)
            for g, a in agents:
                if (g, a) != spared:
                    outputs.obs[g]["vector"][:, a] = noise_like(outputs.obs[g]["vector"][:, a])
        found = {}
        for part, rows, *_, decision in play.decide():
            made = torch.cat([decision.actions.view(len(decision.logprob), -1), decision.logprob.unsqueeze(1)], dim=1)
            num_envs, num_agents = part.noise.shape[:2]
            column = (torch.arange(num_envs * num_agents) if rows is None else rows) % num_agents
            found |= {(part.group, a): made[column == a] for a in range(num_agents)}
        return found


@pytest.mark.parametrize("settings", ACTORS.values(), ids=ACTORS.keys())
def test_an_actor_ignores_the_state_and_the_obs_of_all_others(small: Any, settings: Settings) -> None:
    """Each agent in turn: while all else is noise it decides as it would; of the others, each decides differently."""
    config = small(**settings)
    usual = choices(config)

    for spared in usual:
        same = {agent for agent, made in choices(config, spared).items() if torch.equal(made, usual[agent])}
        assert len(usual[spared]) > 0
        assert same == {spared}


SEES = {"own": {"own obs"}, "joint": {"own obs", "others' obs"}, "state": {"state"}, "both": {"own obs", "state"}}


@pytest.mark.parametrize("settings", [{}, {"fused": False}, {"network": {"memory": "gru"}}], ids=["fused", "plain", "memory"])
@pytest.mark.parametrize(("critic_input", "sees"), SEES.items(), ids=SEES.keys())
def test_a_critic_sees_what_its_input_says_and_nothing_else(
    small: Any, critic_input: str, sees: set[str], settings: Settings
) -> None:
    """Turn one thing after another to noise, and see whether the values of agent 1 move."""
    row, agent = 4, 1
    with Trainer(small("spread", critic_input=critic_input, **settings)) as trainer:
        (student,) = trainer.setup.students.values()
        store, (num_envs, num_agents) = trainer.setup.store, student.experience.decided.shape[1:]
        trainer.setup.collector.start()
        trainer.setup.collector.collect(0.0)

    def values() -> Tensor:
        nothing_starts = torch.zeros(num_envs * num_agents, dtype=torch.bool)
        with torch.no_grad():
            found, _ = student.values(row, slice(0, num_envs), None, nothing_starts)
        return found.view(num_envs, num_agents)[:, agent]

    obs, own = store.obs[0]["vector"][row], torch.arange(num_agents) == agent
    things = {"own obs": (obs, (slice(None), own)), "others' obs": (obs, (slice(None), ~own)), "state": (store.state, row)}
    usual, moves = values(), set()
    for name, (tensor, place) in things.items():
        kept = tensor[place].clone()
        tensor[place] = noise_like(kept)
        if not torch.equal(values(), usual):
            moves.add(name)
        tensor[place] = kept

    assert moves == sees


BOUND = 1e-5
"""of |ratio - 1| in float32: matrix products of other shapes may be summed in another order than in play"""

LEARNERS: dict[str, tuple[Settings, int]] = {
    "fused": ({"world": "spread"}, 3),
    "plain": ({"world": "spread", "fused": False}, 3),
    "in two threads": ({"world": "spread", "threads": 2}, 3),
    "standardised obs": ({"world": "spread", "network": {"normalize_obs": "always"}}, 6),
    "standardised obs, plain": ({"world": "spread", "network": {"normalize_obs": "always"}, "fused": False}, 6),
    "obs as they are": ({"world": "spread", "network": {"normalize_obs": "never"}}, 3),
    "separate policies": ({"world": "two_kinds", "sharing": "separate"}, 3),
    "continuous actions": ({"world": "spread", "world_config": {"action": "continuous"}}, 3),
    "multi-discrete actions": ({"world": "bandit", "world_config": {"action": "multi_discrete"}}, 3),
    "action masks": ({"world": "bandit", "world_config": {"masked": True}}, 3),
    "action masks, plain": ({"world": "bandit", "world_config": {"masked": True}, "fused": False}, 3),
    "memory": ({"world": "recall", "network": {"memory": "gru"}}, 3),
    "deaths": ({"world": "staggered"}, 3),
    "deaths, memory": ({"world": "staggered", "network": {"memory": "gru"}}, 3),
    "deaths in a team": ({"world": "staggered", "world_config": {"on_death": "team"}}, 1),
    "turns": ({"world": "kuhn"}, 1),
    "turns, memory": ({"world": "kuhn", "network": {"memory": "gru"}}, 1),
    "waiting": ({"world": "waits"}, 1),
    "waiting, memory": ({"world": "waits", "network": {"memory": "gru"}}, 1),
    "hierarchy": ({"world": "spread", "policy": "hierarchical"}, 1),
    "hierarchy, plain": ({"world": "spread", "policy": "hierarchical", "fused": False}, 1),
    "hierarchy, memory": ({"world": "key_doors", "policy": "hierarchical", "network": {"memory": "gru"}}, 1),
    "hierarchy, a team's manager": (
        {"world": "plates", "policy": "hierarchical", "hierarchy": HierarchyConfig(subgoals="thing", manages="team")},
        1,
    ),
    "hierarchy, looking beyond options": (
        {"world": "spread", "policy": "hierarchical", "hierarchy": HierarchyConfig(cut=False)},
        1,
    ),
    "hierarchy in two threads": ({"world": "spread", "policy": "hierarchical", "threads": 2}, 1),
    "hierarchy, masked subgoals": (
        {"world": "key_doors", "policy": "hierarchical", "hierarchy": HierarchyConfig(subgoals="thing")},
        1,
    ),
}
"""settings, and the updates to look at: where decisions stay open, those carried into the second rollout are an older
policy's"""


def first_ratio_errors(config: TrainConfig, updates: int, spoil: Callable[[Trainer], None] | None = None) -> list[float]:
    """The largest |ratio - 1| of all decisions before each update, of all policies; `spoil` comes after collecting."""
    with Trainer(config) as trainer:
        collect = trainer.setup.collector.collect

        def collect_and_spoil(progress: float) -> None:
            collect(progress)
            if spoil is not None:
                spoil(trainer)

        trainer.setup.collector.collect = collect_and_spoil
        found = [trainer.train_once().metrics for _ in range(updates)]
    return [max(value for name, value in metrics.items() if name.endswith("first_ratio_error")) for metrics in found]


def all_in_one_minibatch(small: Any, settings: Settings) -> TrainConfig:
    config: TrainConfig = small(**settings, ppo={"num_minibatches": 1, "learning_rate": 1e-2})
    return config


@pytest.mark.parametrize(("settings", "updates"), LEARNERS.values(), ids=LEARNERS.keys())
def test_before_the_first_gradient_step_every_ratio_is_one(small: Any, settings: Settings, updates: int) -> None:
    errors = first_ratio_errors(all_in_one_minibatch(small, settings), updates)

    assert max(errors) < BOUND


def change_weights(trainer: Trainer) -> None:
    for student in trainer.setup.students.values():
        for weights in student.policy.actor.parameters():
            weights.data += 0.01 * noise_like(weights)


def standardise_otherwise(trainer: Trainer) -> None:
    for student in trainer.setup.students.values():
        student.policy.take_in(3 * noise_like(torch.empty(100, 18)), None)


def forget_masks(trainer: Trainer) -> None:
    trainer.setup.store.action_mask[0].fill_(True)


def forget_memory(trainer: Trainer) -> None:
    trainer.setup.students["players"].experience.actor_memory.zero_()


SPOILED: dict[str, tuple[str, Callable[[Trainer], None]]] = {
    **{f"{name}: other weights": (name, change_weights) for name in LEARNERS},
    "other statistics": ("standardised obs", standardise_otherwise),
    "other statistics, plain": ("standardised obs, plain", standardise_otherwise),
    "other masks": ("action masks", forget_masks),
    "other masks, plain": ("action masks, plain", forget_masks),
    "no memory": ("memory", forget_memory),
    "deaths, no memory": ("deaths, memory", forget_memory),
}


@pytest.mark.parametrize(("learner", "spoil"), SPOILED.values(), ids=SPOILED.keys())
def test_the_first_ratios_show_when_the_update_is_not_about_what_was_played(
    small: Any, learner: str, spoil: Callable[[Trainer], None]
) -> None:
    """The control of the test above: weights, masks or memory are no longer those that play used."""
    (error,) = first_ratio_errors(all_in_one_minibatch(small, LEARNERS[learner][0]), 1, spoil)

    assert error > 10 * BOUND
