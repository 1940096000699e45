"""A policy that earns more and more for doing less and less of its task raises an alarm; the same honest one does not."""

from pathlib import Path
from typing import Any

import pytest

from marl_ppo.envs import registry
from marl_ppo.training.record import read_metrics
from marl_ppo.training.run import RunListener, train


class Warnings(RunListener):
    def __init__(self) -> None:
        self.heard: list[tuple[str, str, str]] = []

    def on_warning(self, source: str, name: str, text: str) -> None:
        self.heard.append((source, name, text))


@pytest.mark.parametrize(("bonus", "hacked"), [(3.0, True), (0.0, False)], ids=["bonus at the wall", "no bonus"])
def test_a_bonus_for_bumping_into_the_wall_raises_the_alarm_and_none_does_not(
    small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bonus: float, hacked: bool
) -> None:
    """With a bonus of 3 the return rises from 2 to 3 as arrivals fall from .5 to 0; without, both rise together."""
    entry = registry.Registration(id="hackable", entry_point="hackable:Hackable", description="")
    monkeypatch.setitem(registry._REGISTRY, "hackable", entry)
    warnings = Warnings()
    config = small(
        "hackable",
        world_config={"bonus": bonus},
        num_envs=32,
        num_steps=4,
        total_steps=32 * 4 * 120,
        ppo={"learning_rate": 1e-3, "ent_coef": 0.0},
    )
    train(config, tmp_path / "run", warnings)
    first, last = (read_metrics(tmp_path / "run")[update] for update in (0, -1))

    assert last["return/walkers"] - first["return/walkers"] > 0.3
    assert (last["metric/arrived"] < 0.2) == hacked
    assert [heard[:2] for heard in warnings.heard if heard[1] == "reward hacking"] == [("hackable", "reward hacking")] * hacked
    assert all("return rises while arrived gets worse" in text for _, name, text in warnings.heard if name == "reward hacking")
