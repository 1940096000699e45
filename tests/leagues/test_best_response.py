"""Who is trained to exploit a player."""

from marl_ppo.leagues.best_response import responder_config
from marl_ppo.training.config import HierarchyConfig, TrainConfig


def test_a_best_response_learns_all_anew_whatever_the_league_s_learners_start_from() -> None:
    learner = TrainConfig(
        world="capture_flag",
        policy="hierarchical",
        start_from="somebody",
        learn=("left",),
        hierarchy=HierarchyConfig(subgoals="thing", frozen="worker"),
    )
    own = responder_config(learner, total_steps=7, seed=3)

    assert own == TrainConfig(
        world="capture_flag", policy="hierarchical", total_steps=7, seed=3, hierarchy=HierarchyConfig(subgoals="thing")
    )
