"""Evaluation plays the same held-out episodes for everybody, however they are spread over copies."""

from typing import Any

import numpy as np
import pytest
from contest import Contest, naming

from marl_ppo.agents.scripted import scripted_policy, uniform_policy
from marl_ppo.envs import make_world
from marl_ppo.envs.seeds import stream
from marl_ppo.envs.world import World
from marl_ppo.errors import ConfigError
from marl_ppo.evaluation.evaluate import Evaluation, evaluate, evaluate_paired
from marl_ppo.play.seating import Player


def player(world: World, kind: str) -> Player:
    spec = world.spec
    policies = {
        agent: policy
        for group in spec.groups
        for policy in [scripted_policy(spec.id, group, spec) if kind == "scripted" else uniform_policy(group)]
        for agent in group.agents
    }
    return Player(name=kind, policies=policies)


def evaluated(world_id: str, kind: str = "random", *, num_envs: int = 3, episodes: int = 20, seed: int = 0) -> Evaluation:
    world = make_world(world_id, num_envs=num_envs)
    lineup = [player(world, kind)] * len(world.spec.teams)
    return evaluate(world, lineup, episodes=episodes, seed=seed)


def arrays(result: Evaluation) -> dict[str, Any]:
    return {"returns": result.returns, "lengths": result.lengths, "outcomes": result.outcomes, **result.metrics}


@pytest.mark.parametrize("world_id", ["staggered", "kuhn", "tag"])
@pytest.mark.parametrize("num_envs", [1, 7, 50])
def test_the_number_of_copies_changes_nothing(world_id: str, num_envs: int) -> None:
    """Not even where episodes differ in length, so that short ones are over first: none is preferred for that."""
    few, many = evaluated(world_id), evaluated(world_id, num_envs=num_envs)

    for name, array in arrays(few).items():
        np.testing.assert_array_equal(array, arrays(many)[name], err_msg=name)


def test_fewer_episodes_are_the_first_of_more() -> None:
    for name, array in arrays(evaluated("staggered", episodes=20)).items():
        np.testing.assert_array_equal(array[:5], arrays(evaluated("staggered", episodes=5))[name], err_msg=name)


def test_another_seed_is_another_set_of_episodes() -> None:
    lengths = [evaluated("staggered", seed=seed).lengths.tolist() for seed in (0, 0, 1)]

    assert lengths[0] == lengths[1] != lengths[2]


def test_episode_n_is_the_nth_of_the_evaluation_stream_which_no_training_plays() -> None:
    """Twin: in `staggered` an episode's length follows from its seed alone, so it can be counted by hand."""

    def length(purpose: Any, n: int) -> int:
        world = make_world("staggered")
        world.reset(stream(4, purpose, 0, [n]))
        steps = 0
        while not world.outputs.ended[0]:
            world.step([np.zeros((1, 3), np.int64)])
            steps += 1
        return steps

    lengths = evaluated("staggered", seed=4).lengths.tolist()

    assert lengths == [length("eval", n) for n in range(20)]
    assert lengths != [length("train", n) for n in range(20)]


def test_a_script_that_solves_a_world_gets_its_full_return() -> None:
    """In `two_kinds` everybody is paid 1 at each of five steps."""
    result = evaluated("two_kinds", "scripted")
    summaries = result.summaries()

    assert result.returns.tolist() == [[5.0]] * 20
    assert summaries.keys() == {"return/crew", "metric/success"}
    assert (summaries["return/crew"].mean, summaries["return/crew"].standard_error) == (5.0, 0.0)
    assert summaries["return/crew"].interval == (5.0, 5.0)


def test_progress_counts_the_episodes_that_were_asked_for() -> None:
    """Copies that have played their share play on, which counts for nothing."""
    world = make_world("staggered", num_envs=4)
    told: list[int] = []
    evaluate(world, [player(world, "random")], episodes=10, on_progress=told.append)

    assert told == sorted(told)
    assert told[-1] == 10


def test_a_lineup_by_agents_is_told_by_agents() -> None:
    world = make_world("staggered", num_envs=4)
    one, other = player(world, "random"), player(world, "scripted")
    lineup = {agent: one if place else other for place, agent in enumerate(world.spec.agents)}
    result = evaluate(world, lineup, episodes=3)

    assert result.lineup == ("scripted", "random", "random")


def faulty(chosen: Any, seeds: Any) -> Any:
    """Odd seeds fault where the first agent names 2."""
    return (chosen[:, 0] == 2) & (seeds % np.uint64(2) == 1)


def test_episodes_that_faulted_are_missing_among_the_numbers() -> None:
    result = evaluate(Contest(faults=faulty), [naming(2), naming(0)], episodes=30)
    odd = stream(0, "eval", 0, np.arange(30)) % np.uint64(2) == 1

    assert result.numbers.tolist() == np.flatnonzero(~odd).tolist()
    assert len(result.returns) == len(result.lengths) == len(result.outcomes) == (~odd).sum() < 30


def test_paired_lineups_keep_the_episodes_that_none_of_them_lost() -> None:
    world = Contest(faults=faulty)
    lineups = [[naming(2), naming(0)], [naming(1), naming(0)]]
    told: list[int] = []
    alone = evaluate(world, lineups[0], episodes=30)
    paired = evaluate_paired(world, lineups, episodes=30, on_progress=told.append)

    assert [evaluation.numbers.tolist() for evaluation in paired] == [alone.numbers.tolist()] * 2
    assert [evaluation.returns[0].tolist() for evaluation in paired] == [[2.0, 0.0], [1.0, 0.0]]
    assert all(len(evaluation.metrics["parity"]) == len(alone.numbers) for evaluation in paired)
    assert not paired[1].metrics["parity"].any()
    assert told[-1] == 60


def test_no_episodes_are_refused() -> None:
    with pytest.raises(ConfigError, match="episodes must be at least 1, got 0"):
        evaluated("waits", episodes=0)
