"""Installed PettingZoo envs are trained on by the commands that train on our own worlds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from marl_ppo.envs.registry import presets_folder
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.config_file import load_config, preset
from marl_ppo.training.record import read_metrics
from marl_ppo.training.run import train

SPREAD = "pettingzoo:mpe2.simple_spread_v3"


def test_an_installed_env_has_settings_that_suit_slow_envs() -> None:
    """Few copies and long rollouts, where compiled worlds have hundreds of copies and short ones."""
    settings = preset("pettingzoo:some_package.some_env_v0")

    assert settings.num_envs < TrainConfig(world="spread").num_envs
    assert settings.num_steps > TrainConfig(world="spread").num_steps


PRESETS = sorted(presets_folder(SPREAD).glob("*.toml"))


@pytest.mark.parametrize("file", PRESETS, ids=lambda file: file.stem)
def test_every_shipped_setting_is_one_that_there_is(file: Path) -> None:
    """Of envs that need not be installed for it; what a file leaves out is as in default.toml."""
    config = load_config(file, over=preset("pettingzoo:some_package.some_env_v0"))

    assert config.num_updates >= 30  # long enough to learn something


def test_an_installed_env_trains_with_the_fused_update(small: Callable[..., TrainConfig], tmp_path: Path) -> None:
    """4 copies for 2 rollouts of 25 steps: an episode of spread lasts 25 steps, so each rollout ends 4 of them."""
    config = small(SPREAD, num_envs=4, num_steps=25, total_steps=200, fused=True)

    train(replace(config, world_config={"max_cycles": 25}), tmp_path / "run")

    assert [line["episodes"] for line in read_metrics(tmp_path / "run")] == [4, 4]
