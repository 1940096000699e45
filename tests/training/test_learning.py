"""Every kind of agent learns a probe; a control that lacks the one thing it takes must miss the same bar."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from marl_ppo.agents.networks import NetworkConfig
from marl_ppo.envs.kuhn.tree import ROOT
from marl_ppo.envs.tree import root_of
from marl_ppo.evaluation.exact import information_sets, nash_conv
from marl_ppo.evaluation.flat_tree import flatten
from marl_ppo.evaluation.game_values import expected_payoffs
from marl_ppo.evaluation.strategy_of import strategy_of
from marl_ppo.training.config import PPOConfig, TrainConfig, TRPOConfig
from marl_ppo.training.config_file import preset
from marl_ppo.training.trainer import Trainer

pytestmark = pytest.mark.learning


def final_metric(config: TrainConfig, metric: str) -> float:
    """Mean of a training metric over the last fifth of a run."""
    with Trainer(config) as trainer:
        seen = [trainer.train_once().metrics for _ in range(config.num_updates)]
    tail = [metrics[metric] for metrics in seen[-len(seen) // 5 :] if metric in metrics]
    return sum(tail) / len(tail)


def kuhn_nash_conv(config: TrainConfig) -> float:
    """Of the policy averaged over the second half of a run: the last one circles around the equilibrium."""
    nodes = information_sets(ROOT)
    obs = torch.from_numpy(np.stack([node.obs for node in nodes.values()]))
    zeros = torch.zeros(len(nodes), dtype=torch.int64)
    strategies = []
    with Trainer(config) as trainer, torch.no_grad():
        actor = trainer.setup.students["players"].policy.actor
        for update in range(config.num_updates):
            with torch.enable_grad():
                trainer.train_once()
            if 2 * (update + 1) > config.num_updates:
                logits, _ = actor(obs, zeros, zeros.bool(), torch.zeros(len(nodes), 0))
                strategies.append(logits.softmax(-1).numpy())
    return nash_conv(ROOT, dict(zip(nodes, np.mean(strategies, axis=0), strict=True)))


def probe(
    world: str, updates: int, *, ppo: dict[str, Any] | None = None, network: dict[str, Any] | None = None, **over: Any
) -> TrainConfig:
    settings = {"num_envs": 64, "num_steps": 16, "threads": 1, **over}
    return TrainConfig(
        world=world,
        total_steps=updates * settings["num_envs"] * settings["num_steps"],
        ppo=PPOConfig(**{"learning_rate": 3e-3, "num_minibatches": 4, "gamma": 0.95, **(ppo or {})}),
        network=NetworkConfig(**{"hidden": (32, 32), **(network or {})}),
        **settings,
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_memory_solves_recall_and_no_memory_cannot(seed: int) -> None:
    """recall shows one bit, hides it and asks for it: guessing scores .5."""
    with_memory = probe("recall", 60, seed=seed, network={"memory": "gru"}, ppo={"sequence_length": 16})
    without = probe("recall", 60, seed=seed)

    assert final_metric(with_memory, "metric/success") >= 0.95
    assert final_metric(without, "metric/success") <= 0.60


def test_the_independent_critic_learns_the_best_arm_and_a_policy_with_no_learning_rate_does_not() -> None:
    """Four arms: guessing finds the best one a quarter of the time."""
    learns = probe("bandit", 40, num_steps=4, critic_input="own")
    control = probe("bandit", 40, num_steps=4, critic_input="own", ppo={"learning_rate": 1e-9})

    assert final_metric(learns, "metric/success") >= 0.95
    assert final_metric(control, "metric/success") <= 0.40


@pytest.mark.parametrize("action", ["continuous", "multi_discrete"])
def test_other_action_heads_learn_the_best_arm(action: str) -> None:
    """The same world, its answer two numbers or a pair of choices; the control learns nothing."""
    ppo = {"learning_rate": 1e-2, "ent_coef": 0.0}
    learns = probe("bandit", 150, num_steps=4, world_config={"action": action}, ppo=ppo)
    control = probe("bandit", 150, num_steps=4, world_config={"action": action}, ppo={"learning_rate": 1e-9})

    assert final_metric(learns, "metric/success") >= 0.95
    assert final_metric(control, "metric/success") <= 0.5


@pytest.mark.parametrize("action", ["discrete", "continuous", "multi_discrete"])
def test_a_trust_region_learns_the_best_arm_and_one_without_room_does_not(action: str) -> None:
    """With any action head; the control may not move."""
    settings: dict[str, Any] = {"num_steps": 4, "algorithm": "trpo", "world_config": {"action": action}}

    assert final_metric(probe("bandit", 80, **settings), "metric/success") >= 0.95
    assert final_metric(probe("bandit", 80, **settings, trpo=TRPOConfig(max_kl=1e-9)), "metric/success") <= 0.5


@pytest.mark.parametrize("on_death", ["ends", "team"])
def test_a_trust_region_serves_agents_that_die(on_death: str) -> None:
    """A search that takes nothing less than a whole step of twice what is allowed never takes one."""
    settings: dict[str, Any] = {"algorithm": "trpo", "world_config": {"on_death": on_death}}
    strict = TRPOConfig(line_search_steps=1, accept_ratio=0.999, max_kl=5.0)

    assert final_metric(probe("staggered", 25, **settings), "metric/accuracy") >= 0.9
    assert final_metric(probe("staggered", 25, **settings, trpo=strict), "metric/accuracy") <= 0.6


@pytest.mark.parametrize("critic_input", ["own", "joint", "state", "both"])
def test_two_kinds_of_agents_learn_together(critic_input: str) -> None:
    """The reward needs the scout and all three workers to be right: guessing hardly ever is."""
    assert final_metric(probe("two_kinds", 60, critic_input=critic_input), "metric/success") >= 0.9
    assert final_metric(probe("two_kinds", 1, critic_input=critic_input), "metric/success") <= 0.5


def reading(forms: str, updates: int, **over: Any) -> TrainConfig:
    """Of the cue in `waits`, in the forms of it that shown.py has."""
    blank = over.pop("blank", False)
    settings = {"num_envs": 32, "critic_input": "own", "world_config": {"forms": forms, "blank": blank}, **over}
    return probe("shown", updates, **settings)


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("forms", ["picture", "entities", "tokens"])
def test_what_pictures_entities_and_tokens_say_is_read(forms: str) -> None:
    """One of three cues; where it is not to be seen, guessing names a third of them."""
    assert final_metric(reading(forms, 12), "metric/accuracy") >= 0.85
    assert final_metric(reading(forms, 12, blank=True), "metric/accuracy") <= 0.45


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("critic_input", ["own", "joint"])
def test_numbers_far_from_0_are_read_where_they_are_standardised(critic_input: str) -> None:
    """1000 to 1010: they look alike to a network that is shown them as they are."""
    far = reading("far", 40, critic_input=critic_input)
    as_they_are = reading("far", 40, critic_input=critic_input, network={"normalize_obs": "never"})

    assert final_metric(far, "metric/accuracy") >= 0.95
    assert final_metric(as_they_are, "metric/accuracy") <= 0.45


@pytest.mark.parametrize("on_death", ["ends", "team"])
def test_agents_that_die_learn(on_death: str) -> None:
    """Episodes of random length, agents that die in the middle of them."""
    settings = {"world_config": {"on_death": on_death}}

    assert final_metric(probe("staggered", 60, **settings), "metric/accuracy") >= 0.9
    assert final_metric(probe("staggered", 60, **settings, ppo={"learning_rate": 1e-9}), "metric/accuracy") <= 0.6


def test_agents_that_wait_between_decisions_learn() -> None:
    """Each agent acts every one to four steps and is paid in between."""
    assert final_metric(probe("waits", 60), "metric/accuracy") >= 0.9
    assert final_metric(probe("waits", 60, ppo={"learning_rate": 1e-9}), "metric/accuracy") <= 0.6


def test_turns_and_masks_approach_the_equilibrium_of_kuhn_poker() -> None:
    """NashConv of the uniform policy is .917; self-play with an entropy bonus comes below .1, hardly trained it does not."""
    ppo = {"ent_coef": 0.1, "gamma": 1.0, "learning_rate": 1e-3, "normalize_advantages": "none"}
    settings = {"num_envs": 512, "ppo": ppo}

    assert kuhn_nash_conv(probe("kuhn", 300, **settings)) <= 0.1
    assert kuhn_nash_conv(probe("kuhn", 1, **settings)) >= 0.5


def payoff_of_best_moves(config: TrainConfig) -> float:
    """What the pair of most probable moves is paid after a run on a matrix game in which each agent has a policy."""
    with Trainer(config) as trainer:
        for _ in range(config.num_updates):
            trainer.train_once()
        (group,) = trainer.setup.spec.groups
        policies = {agent: trainer.setup.students[agent].policy.actor for agent in group.agents}
    tree = flatten(root_of(config.world))
    return float(expected_payoffs(tree, strategy_of(tree, policies, group, greedy=True))[0])


@pytest.mark.parametrize(("world", "best", "safe"), [("climbing", 11.0, 7.0), ("penalty", 10.0, 2.0)])
def test_lenient_learners_find_the_best_pair_and_plain_ones_settle_for_less(world: str, best: float, safe: float) -> None:
    """By the shipped settings in a third of their time; the control has PPO's usual advantages and entropy instead."""
    lenient = replace(preset(world), total_steps=4096)
    usual = replace(lenient.ppo, surrogate="clipped", normalize_advantages="rollout", ent_coef=0.01)
    plain = replace(lenient, ppo=usual)

    assert [payoff_of_best_moves(replace(lenient, seed=seed)) for seed in (0, 1)] == [best, best]
    assert payoff_of_best_moves(plain) <= safe


def test_the_same_settings_serve_both_games() -> None:
    assert replace(preset("climbing"), world="penalty") == preset("penalty")
