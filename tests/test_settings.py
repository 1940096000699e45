"""Settings that come as text or from files are of the kind they are declared with, or are refused in words."""

from typing import Any, Literal

import numpy as np
import pytest

from marl_ppo.envs import make_world
from marl_ppo.errors import ConfigError
from marl_ppo.settings import fits, in_words
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.config_file import from_settings

Memory = Literal["none", "gru"]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (int, [5, -1, np.int64(5)], [5.0, "5", True, None]),
        (float, [0.5, 1, np.float32(0.5)], ["0.5", False, None]),
        (bool, [True, False], [1, 0, "true"]),
        (str, ["adam", ""], [1, None]),
        (Memory, ["none", "gru"], ["lstm", None]),
        (Literal[0, 1], [0, 1], [True, False, 2]),
        (float | None, [0.5, None], ["off"]),
        (tuple[int, ...], [(64, 64), [64], ()], [64, [64, 0.5]]),
        (dict[str, str | int], [{"agents": 5, "action": "discrete"}, {}], [{"agents": 0.5}, "agents=5"]),
        (TrainConfig, [TrainConfig(world="spread")], [3]),
        ("a name that only the author's module knows", [5, "anything"], []),
    ],
    ids=str,
)
def test_a_value_fits_its_annotation_or_does_not(kind: Any, good: list[Any], bad: list[Any]) -> None:
    """A whole number is a number too, but true is neither: a world of True agents is a slip of the pen."""
    assert all(fits(value, kind) for value in good)
    assert not any(fits(value, kind) for value in bad)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (int, "a whole number"),
        (float | None, "a number"),
        (bool, "true or false"),
        (Memory, "'none' or 'gru'"),
        (tuple[str, ...], "a list, each item text"),
        (TrainConfig, "a table of settings"),
    ],
    ids=str,
)
def test_an_annotation_is_named_in_words(kind: Any, words: str) -> None:
    assert in_words(kind) == words


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"agents": "five"}, "agents of world 'spread' must be a whole number, got 'five'"),
        ({"agents": 2.5}, r"agents of world 'spread' must be a whole number, got 2\.5"),
        ({"local_ratio": "half"}, "local_ratio of world 'spread' must be a number, got 'half'"),
        ({"agent": 5}, "world 'spread' has no setting 'agent'; it has agents, action, "),
    ],
)
def test_a_worlds_setting_of_the_wrong_kind_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_world("spread", **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_envs": "many"}, "run.toml: num_envs must be a whole number, got 'many'"),
        ({"ppo": 3}, "run.toml: ppo must be a table of settings, got 3"),
        ({"ppo": {"gamma": "high"}}, "run.toml: gamma must be a number, got 'high'"),
        ({"ppo": {"lr_schedule": "exponential"}}, "lr_schedule must be 'constant' or 'linear' or 'cosine', got 'exponential'"),
        ({"network": {"hidden": 64}}, "run.toml: hidden must be a list, each item a whole number, got 64"),
        ({"world_config": {"agents": [3]}}, "run.toml: world_config must be a table of settings"),
        ({"ppo": {"gama": 0.9}}, "run.toml has the unknown setting 'gama'; did you mean 'gamma'"),
        ({"colour": "red"}, "run.toml has the unknown setting 'colour'; there are world, "),
    ],
)
def test_a_training_setting_of_the_wrong_kind_is_refused_with_its_file(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_settings(TrainConfig, {"world": "spread", **settings}, source="run.toml")
