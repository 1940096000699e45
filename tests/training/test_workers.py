"""What workers are told and paid in a rollout, and where their episodes end."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hierarchies import GAMMA, hierarchy
from torch import Tensor

from marl_ppo.agents.hierarchy import SUBGOAL
from marl_ppo.envs.world import Array, Outputs
from marl_ppo.errors import ConfigError
from marl_ppo.training.config import HierarchyConfig
from marl_ppo.training.levels import Levels
from marl_ppo.training.trainer import Trainer


def test_a_worker_s_episode_is_an_option_and_pays_for_the_subgoal(small: Any) -> None:
    """No option gets more than one reward for reaching, and ends with it; without reaching, it ends after its time."""
    with Trainer(hierarchy(small, num_steps=40, num_envs=16)) as trainer:
        trainer.setup.collector.start()
        trainer.setup.collector.collect(0.0)
        manager, worker = (trainer.setup.students[f"agents.{level}"] for level in ("manager", "worker"))
        ends = worker.store.terminations[0][2:, :, 0]
        begins = manager.experience.decided[:, :, 0]
        paid = worker.store.rewards[0][2:, :, 0]

    # An option begins exactly where the one before has ended.
    assert torch.equal(ends[:-1], begins[1:])
    assert (paid[~ends] < 0.5).all()
    assert (paid[ends] > 0.5).any()


class LastObs:
    """Notes the flat obs at which episodes end, by flat index t * S + n * A + a."""

    def __init__(self) -> None:
        self.steps, self.found = 0, dict[int, Tensor]()

    def on_reset(self, where: Array, outputs: Outputs) -> None:
        pass

    def on_step(self, outputs: Outputs, actions: Any) -> None:
        self.steps += 1

    def on_end(self, where: Array, outputs: Outputs) -> None:
        obs = torch.from_numpy(outputs.obs[0]["vector"].copy())
        seats = obs.flatten(0, 1)
        for copy in np.flatnonzero(where):
            for seat in range(copy * obs.shape[1], (copy + 1) * obs.shape[1]):
                self.found[(self.steps - 1) * len(seats) + seat] = seats[seat]


@pytest.mark.parametrize("subgoals", ["thing", "skill"])
def test_a_step_that_ends_an_episode_is_judged_by_its_own_last_obs(small: Any, subgoals: str) -> None:
    """Not by those with which the next one begins, which stand there in the rollout."""
    with Trainer(hierarchy(small, "spread", subgoals=subgoals, num_steps=30, num_envs=4)) as trainer:
        (levels,) = trainer.setup.pupils
        assert isinstance(levels, Levels)
        space, last, taught = levels.actor.space, LastObs(), list[Tensor]()
        space.learn = lambda chosen, after: taught.append(after)  # type: ignore[attr-defined]
        (play,) = trainer.setup.plays
        play.observers = (*play.observers, last)
        trainer.setup.collector.start()
        trainer.setup.collector.collect(0.0)
        rows, obs = torch.tensor(list(last.found)), torch.stack(list(last.found.values()))
        everything = trainer.setup.store.seats_obs(0)
        before, after = everything[12:-12][rows], everything[24:][rows]
        chosen = levels._options.chosen[rows]

    assert len(rows) == 12
    assert not torch.equal(obs, after)
    torch.testing.assert_close(levels._paid[rows], space.reward(chosen, before, obs))
    assert subgoals == "thing" or torch.equal(taught[0][rows], obs)


def test_a_worker_that_looks_beyond_its_option_ends_only_with_its_episode(small: Any) -> None:
    settings = replace(hierarchy(small).hierarchy, cut=False)
    config = replace(hierarchy(small, "spread", num_steps=30, num_envs=4), hierarchy=replace(settings, subgoals="thing"))
    with Trainer(config) as trainer:
        trainer.setup.collector.start()
        trainer.setup.collector.collect(0.0)
        store, worker = trainer.setup.store, trainer.setup.students["agents.worker"]
        closed, left_open = worker.close(trainer.setup.plays, GAMMA)

    assert store.truncations[0][2:].any()
    assert torch.equal(worker.store.terminations[0][2:], store.terminations[0][2:])
    assert torch.equal(worker.store.truncations[0][2:], store.truncations[0][2:])
    assert not left_open.open.any()
    # Where an episode was cut short its worker has a value of what it saw last, and was told.
    assert (closed.next_values[closed.truncations] != 0).all()


def test_what_a_worker_would_have_seen_next_where_an_episode_is_cut_short_is_valued_as_it_was(small: Any) -> None:
    """Not what the next episode begins with, nor what was last seen."""
    settings = replace(hierarchy(small).hierarchy, cut=False, subgoals="thing")
    config = replace(hierarchy(small, "spread", num_steps=30, num_envs=4), hierarchy=settings)
    with Trainer(config) as trainer:
        (levels,), (play,), last = trainer.setup.pupils, trainer.setup.plays, LastObs()
        assert isinstance(levels, Levels)
        play.observers = (*play.observers, last)
        trainer.setup.collector.start()
        trainer.setup.collector.collect(0.0)
        worker = trainer.setup.students["agents.worker"]
        (step,) = {row // 12 for row in last.found}
        obs = torch.stack([last.found[row] for row in sorted(last.found)])
        option = levels.actor.options.read(levels._kept[step])
        seen = torch.cat([obs, levels.actor.shown(option.chosen, option.age, obs)], -1)
        with torch.no_grad():
            values, _ = worker.policy.critic(seen.view(4, -1), torch.zeros(4, dtype=torch.bool), torch.zeros(4, 0))

    torch.testing.assert_close(worker.experience.final_values[step], worker._value_norm.denormalize(values))


def test_policies_of_one_group_that_share_nothing_learn_each_from_its_own_options(small: Any) -> None:
    with Trainer(hierarchy(small, "spread", subgoals="thing", num_steps=12, sharing="separate")) as trainer:
        metrics = trainer.train_once().metrics
        workers = [trainer.setup.students[f"agent_{a}.worker"] for a in range(3)]
        told = torch.stack([worker.store.obs[0][SUBGOAL][2:, :, a] for a, worker in enumerate(workers)])
        paid = torch.stack([worker.store.rewards[0][2:, :, a] for a, worker in enumerate(workers)])
        ends = torch.stack([worker.store.terminations[0][2:, :, a] for a, worker in enumerate(workers)])

    assert (told != 0).any(-1).all()
    assert (paid != trainer.setup.store.rewards[0][2:].movedim(-1, 0)).flatten(1).any(1).all()
    assert (ends.flatten(1).float().mean(1) > 0.1).all()
    assert max(metrics[f"agent_{a}.worker/first_ratio_error"] for a in range(3)) < 1e-6


@pytest.mark.parametrize(("progress", "weight"), [(0.0, 2.0), (0.5, 1.25), (1.0, 0.5)])
def test_what_a_worker_is_paid_for_its_subgoal_weighs_less_and_less(small: Any, progress: float, weight: float) -> None:
    """From `intrinsic` at the beginning of training to `intrinsic_final` at its end."""
    config = hierarchy(small, "spread", subgoals="thing")
    config = replace(config, hierarchy=replace(config.hierarchy, intrinsic=2.0, intrinsic_final=0.5, extrinsic=0.25))
    with Trainer(config) as trainer:
        trainer.setup.collector.start()
        trainer.setup.collector.collect(progress)
        (levels,) = trainer.setup.pupils
        assert isinstance(levels, Levels)
        worker = trainer.setup.students["agents.worker"].store.rewards[0][2:].flatten()
        world = trainer.setup.store.rewards[0][2:].flatten()

    assert levels._paid.abs().max() > 0
    torch.testing.assert_close(worker, 0.25 * world + weight * levels._paid)


def test_so_do_its_advantages_where_these_are_mixed(small: Any) -> None:
    config = hierarchy(small, "spread", subgoals="thing", mix="advantages")
    config = replace(config, hierarchy=replace(config.hierarchy, intrinsic=2.0, intrinsic_final=0.5))
    with Trainer(config) as trainer:
        trainer.setup.collector.start()
        trainer.setup.collector.collect(0.5)

        assert trainer.setup.students["agents.worker"].weights == (1.25, 1.0)  # type: ignore[attr-defined]


@pytest.mark.parametrize("weight", ["intrinsic", "intrinsic_final", "extrinsic"])
def test_a_weight_below_nothing_is_refused(weight: str) -> None:
    with pytest.raises(ConfigError, match=f"{weight} must be at least 0, got -1"):
        HierarchyConfig(**{weight: -1.0})  # type: ignore[arg-type]
