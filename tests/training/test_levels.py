"""How manager and worker learn from one rollout."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hierarchies import GAMMA, hierarchy
from torch import Tensor

from marl_ppo.agents.hierarchy import MATES
from marl_ppo.errors import ConfigError
from marl_ppo.ppo.advantages import generalized_advantage
from marl_ppo.training.batch import make_batch
from marl_ppo.training.config import HierarchyConfig, TrainConfig
from marl_ppo.training.levels import Levels
from marl_ppo.training.student import Student
from marl_ppo.training.trainer import Trainer


def decisions_of(config: TrainConfig, level: str, rollouts: int) -> list[list[tuple[float, int, float, float, bool]]]:
    """Each seat's closed decisions of several rollouts without learning: reward, duration, value, next value, whether final."""
    with Trainer(config) as trainer:
        student = trainer.setup.students[f"agents.{level}"]
        found: list[list[tuple[float, int, float, float, bool]]] = [[] for _ in range(student.experience.num_seats)]
        trainer.setup.collector.start()
        for _ in range(rollouts):
            trainer.setup.collector.collect(0.0)
            closed, left_open = student.close(trainer.setup.plays, GAMMA)
            student.experience.lay_out(student.store)
            student.experience.carry(student.store, left_open, student.policy.critic.shared)
            seats = closed.counts.flatten()
            fields = [field.reshape(len(field), len(seats)) for field in closed[2:]]
            rewards, durations, values, next_values, terminations, truncations = fields
            for seat, count in enumerate(seats):
                for d in range(count):
                    end = bool(terminations[d, seat] or truncations[d, seat])
                    told = rewards[d, seat], durations[d, seat], values[d, seat], next_values[d, seat], end
                    found[seat].append((float(told[0]), int(told[1]), float(told[2]), float(told[3]), told[4]))
    return found


def test_an_option_that_a_rollout_cuts_ends_as_if_it_had_not_been_cut(small: Any) -> None:
    """n, R, V and V' of all options, and so δ, are the same in rollouts of 4, 6 and 24 steps."""
    whole = decisions_of(hierarchy(small, "spread", num_steps=24, num_envs=6), "manager", 1)
    for num_steps in (4, 6):
        cut = decisions_of(hierarchy(small, "spread", num_steps=num_steps, num_envs=6), "manager", 24 // num_steps)
        assert [[d[1] for d in seat] for seat in cut] == [[d[1] for d in seat] for seat in whole]
        np.testing.assert_allclose(
            [d[:4] for seat in cut for d in seat], [d[:4] for seat in whole for d in seat], rtol=1e-5, atol=1e-6
        )
    assert max(d[1] for seat in whole for d in seat) == 5


def test_options_last_as_long_as_they_may_and_gather_what_the_world_pays(small: Any) -> None:
    """In spread everybody is paid in every step: an option of five steps gathers five rewards, discounted."""
    config = hierarchy(small, "spread", num_steps=10, num_envs=4)
    with Trainer(config) as trainer:
        trainer.setup.collector.start()
        trainer.setup.collector.collect(0.0)
        manager = trainer.setup.students["agents.manager"]
        closed, _ = manager.close(trainer.setup.plays, GAMMA)
        paid = trainer.setup.store.rewards[0][2:].numpy()
        first = closed.durations[0] == 5
        gathered = sum(GAMMA**t * paid[t] for t in range(5))

    assert first.any()
    np.testing.assert_allclose(closed.rewards[0][first], gathered[first], rtol=1e-5)


def test_a_manager_that_decides_at_every_step_learns_by_flat_advantages(small: Any) -> None:
    config = hierarchy(small, "spread", steps=1, num_steps=9)
    with Trainer(config) as trainer:
        trainer.setup.collector.start()
        trainer.setup.collector.collect(0.0)
        manager = trainer.setup.students["agents.manager"]
        closed, left_open = manager.close(trainer.setup.plays, GAMMA)
        store = trainer.setup.store
        values = manager.experience.values[manager.experience.num_seats :].view(manager.experience.decided.shape)
        last = torch.from_numpy(closed.next_values[-1])
        flat, _ = generalized_advantage(
            store.rewards[0][2:],
            None,
            values,
            torch.cat([values[1:], last[None]]),
            store.terminations[0][2:],
            store.truncations[0][2:],
            gamma=GAMMA,
            gae_lambda=0.95,
        )
        batch = make_batch(store, manager.experience, closed, "joint", gamma=GAMMA, gae_lambda=0.95)

    assert not left_open.open.any()
    assert (closed.counts == 9).all()
    torch.testing.assert_close(batch.advantages[manager.experience.num_seats :].view(flat.shape), flat, rtol=0, atol=0)


@pytest.mark.parametrize("mix", ["rewards", "advantages"])
@pytest.mark.parametrize(
    ("world", "subgoals"), [("spread", "thing"), ("spread", "command"), ("spread", "skill"), ("four_rooms", "place")]
)
def test_both_levels_train(small: Any, world: str, subgoals: str, mix: str) -> None:
    with Trainer(hierarchy(small, world, subgoals=subgoals, mix=mix)) as trainer:
        before = weights(trainer)
        metrics = [trainer.train_once().metrics for _ in range(3)][-1]
        after = weights(trainer)

    assert all(not torch.equal(before[name], after[name]) for name in before)
    (name,) = {key.rpartition(".manager/")[0] for key in metrics if ".manager/subgoal_usage" in key}
    assert 0 < metrics[f"{name}.manager/subgoal_usage"] <= 1
    assert 1 <= metrics[f"{name}.manager/option_length"] <= 5
    assert metrics[f"{name}.worker/subgoal_sensitivity"] > 0


def test_sensitivity_is_told_also_where_all_episodes_end_with_the_rollout(small: Any) -> None:
    """What a worker will be told in the next episode is not known then."""
    with Trainer(hierarchy(small, "spread", subgoals="thing", num_steps=25)) as trainer:
        metrics = trainer.train_once().metrics

    assert metrics["agents.worker/subgoal_sensitivity"] > 0


def test_where_no_other_seat_could_have_been_told_sensitivity_is_not_said_to_be_none(small: Any) -> None:
    with Trainer(hierarchy(small, "spread", subgoals="thing", num_envs=1)) as trainer:
        metrics = trainer.train_once().metrics

    assert "agents.worker/subgoal_sensitivity" not in metrics
    assert "agents.worker/intrinsic_return" in metrics


def test_advantages_of_a_critic_that_remembers_cannot_be_mixed(small: Any) -> None:
    with pytest.raises(ConfigError, match="use mix 'rewards'"):
        hierarchy(small, mix="advantages", network={"memory": "gru"})


def test_a_manager_s_actor_rests_while_its_worker_warms_up(small: Any) -> None:
    with Trainer(hierarchy(small, warm_up=0.5)) as trainer:
        before = weights(trainer)
        while trainer.update < trainer.config.num_updates // 2:
            trainer.train_once()
        rested = weights(trainer)
        trainer.train_once()
        after = weights(trainer)

    def moved(first: dict[str, Tensor], second: dict[str, Tensor]) -> set[str]:
        return {name for name in first if not torch.equal(first[name], second[name])}

    assert moved(before, rested) == {"agents.manager critic", "agents.worker actor", "agents.worker critic"}
    assert "agents.manager actor" in moved(rested, after)


def weights(trainer: Trainer) -> dict[str, Tensor]:
    """Of each network, in one vector."""

    def flat(student: Student, network: str) -> Tensor:
        return torch.cat([p.detach().flatten().clone() for p in getattr(student.policy, network).parameters()])

    students = trainer.setup.students.items()
    return {f"{name} {network}": flat(student, network) for name, student in students for network in ("actor", "critic")}


def test_a_resumed_hierarchy_goes_on_as_if_it_had_not_stopped(small: Any) -> None:
    config = hierarchy(small, network={"memory": "gru"})
    with Trainer(config) as trainer:
        for _ in range(3):
            trainer.train_once()
        saved = trainer.checkpoint()
        for _ in range(3):
            trainer.train_once()
        whole = weights(trainer)
    with Trainer(config) as resumed:
        resumed.restore(saved)
        for _ in range(3):
            resumed.train_once()
        again = weights(resumed)

    for name, tensor in whole.items():
        torch.testing.assert_close(again[name], tensor, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("control", "learns"),
    [
        ({"managed_by": "random"}, ["worker"]),
        ({"managed_by": "oracle"}, ["worker"]),
        ({"subgoals": "action"}, ["manager"]),
        ({"cut": False}, ["manager", "worker"]),
        ({"managed_by": "oracle", "tell": False, "cut": False}, ["worker"]),
    ],
    ids=str,
)
def test_a_control_leaves_out_what_it_says(small: Any, control: dict[str, Any], learns: list[str]) -> None:
    """Those who learn are saved, and resume to the bit; those who do not are made anew."""
    settings = replace(hierarchy(small).hierarchy, **{"subgoals": "thing", **control})
    config = replace(hierarchy(small, "key_doors", num_steps=20, network={"memory": "gru"}), hierarchy=settings)
    with Trainer(config) as trainer:
        trainer.train_once()
        saved = trainer.checkpoint()
        metrics = trainer.train_once().metrics
        whole = weights(trainer)
    with Trainer(config) as resumed:
        resumed.restore(saved)
        resumed.train_once()
        again = weights(resumed)

    assert {name.split()[0] for name in whole} == {f"agents.{level}" for level in learns}
    assert all(torch.equal(again[name], whole[name]) for name in whole)
    assert metrics["agents.manager/option_length"] <= 5
    told = control.get("tell", True)
    assert ("worker" in learns) == ("agents.worker/subgoal_sensitivity" in metrics)
    assert told or metrics["agents.worker/subgoal_sensitivity"] == 0


@pytest.mark.parametrize("level", ["manager", "worker", "both"])
def test_either_level_may_remember(small: Any, level: str) -> None:
    settings = replace(hierarchy(small).hierarchy, subgoals="thing", remembers=level)
    config = replace(hierarchy(small, "key_doors", network={"memory": "gru"}), hierarchy=settings)
    with Trainer(config) as trainer:
        before = weights(trainer)
        trainer.train_once()
        after = weights(trainer)
        memories = {name: student.policy.actor.memory_size for name, student in trainer.setup.students.items()}

    remember = ("manager", "worker") if level == "both" else (level,)
    assert memories == {f"agents.{one}": 16 * (one in remember) for one in ("manager", "worker")}
    assert all(not torch.equal(before[name], after[name]) for name in before)


def test_a_team_s_manager_sees_its_mates_and_resumes(small: Any) -> None:
    settings = replace(hierarchy(small).hierarchy, subgoals="thing", manages="team")
    config = replace(hierarchy(small, "plates", num_steps=20), hierarchy=settings)
    with Trainer(config) as trainer:
        trainer.train_once()
        saved = trainer.checkpoint()
        trainer.train_once()
        whole = weights(trainer)
        manager = trainer.setup.students["agents.manager"]
        seen = manager.store.obs[0][MATES][1:-1].flatten(0, 2)[manager.experience.decided.flatten()]
    with Trainer(config) as resumed:
        resumed.restore(saved)
        resumed.train_once()
        again = weights(resumed)

    # The mate's obs begin with its place, and it is told what it pursues.
    things, own = 7, 76
    assert seen.shape[1] == own + things + 2 + 1
    assert (seen[:, :own].abs().sum(1) > 0).all()
    assert set(seen[:, own : own + things].sum(1).tolist()) == {1.0}
    assert all(torch.equal(again[name], whole[name]) for name in whole)


def test_a_team_s_manager_needs_a_team_and_a_critic_that_sees_it(small: Any) -> None:
    settings = replace(hierarchy(small).hierarchy, subgoals="thing", manages="team")
    with pytest.raises(ConfigError, match="critic_input 'joint' or 'state', got 'own'"):
        replace(hierarchy(small, "plates"), hierarchy=settings, critic_input="own")
    with pytest.raises(ConfigError, match="each agent of group 'agents' is alone"):
        Trainer(replace(hierarchy(small, "key_doors"), hierarchy=settings))


def test_an_oracle_looks_at_every_step_but_decides_where_an_option_ends(small: Any) -> None:
    settings = replace(hierarchy(small).hierarchy, managed_by="oracle", subgoals="place", subgoal_steps=5)
    config = replace(hierarchy(small, "four_rooms", num_steps=40, num_envs=16), hierarchy=settings)
    with Trainer(config) as trainer:
        trainer.setup.collector.start()
        trainer.setup.collector.collect(0.0)
        (pupil,) = trainer.setup.pupils
        assert isinstance(pupil, Levels)
        assert pupil.worker is not None
        ends, walls = pupil.worker.store.terminations[0][2:, :, 0], trainer.setup.plays[0].memory[0][:, 4:125]

    assert torch.equal(ends[:-1], pupil._options.is_new.view_as(ends)[1:])
    # A window has 25 cells: it remembers more than it saw where it decided.
    assert ((walls != 0).sum(1) > 25).any()


@pytest.mark.parametrize("wrong", [{"mix": "advantages"}, {"subgoals": "action"}])
def test_who_does_not_learn_has_no_advantages(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="leaves no manager to learn"):
        HierarchyConfig(managed_by="random", **wrong)
