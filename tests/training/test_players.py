"""Which worlds a trained player plays: all whose agents look alike to it."""

from dataclasses import replace
from pathlib import Path

import pytest
from gymnasium import spaces

from marl_ppo.envs import make_world
from marl_ppo.envs.world import WorldSpec
from marl_ppo.errors import ConfigError
from marl_ppo.evaluation.evaluate import evaluate
from marl_ppo.training.config import PPOConfig, TrainConfig
from marl_ppo.training.players import agents_of, find_trained, load_player
from marl_ppo.training.run import train

MPE2_SPREAD = "pettingzoo:mpe2.simple_spread_v3"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = TrainConfig(world="spread", total_steps=1, num_envs=4, num_steps=5, threads=1, ppo=PPOConfig(num_minibatches=1))
    return find_trained(str(train(config, tmp_path_factory.mktemp("runs") / "run").folder))


def test_a_player_of_spread_plays_the_original_env_(checkpoint: Path) -> None:
    """Nothing in its name or version says that it is the same world; its agents do."""
    original = make_world(MPE2_SPREAD, num_envs=1)
    player = load_player(checkpoint, original.spec, greedy=True)

    result = evaluate(original, [player], episodes=2)

    assert player.policies.keys() == set(original.spec.agents)
    assert result.returns.shape == (2, 1)
    assert (result.returns < 0).all()


@pytest.mark.parametrize(
    ("world", "settings", "reason"),
    [
        ("spread", {"agents": 4}, r"obs .*18.*here it has obs .*24"),
        ("spread", {"action": "continuous"}, r"Discrete\(5\).*here it has .*Box"),
        ("tag", {}, "obs"),
        ("speaker_listener", {}, "no place"),
    ],
)
def test_a_player_is_refused_where_its_agents_look_different(
    checkpoint: Path, world: str, settings: dict[str, object], reason: str
) -> None:
    spec = make_world(world, num_envs=1, **settings).spec

    with pytest.raises(ConfigError, match=reason):
        load_player(checkpoint, spec, greedy=True)


def test_a_player_that_reads_is_refused_where_there_are_other_words() -> None:
    """Lists of tokens of equal length look alike only where they are made of as many words."""

    def reader(words: int) -> WorldSpec:
        spec = make_world("bandit").spec
        return replace(spec, groups=(replace(spec.groups[0], obs={"words": spaces.MultiDiscrete([words] * 8)}),))

    assert agents_of(reader(5)) == agents_of(reader(5))
    assert agents_of(reader(5)) != agents_of(reader(6))
