"""Parts of learning from plugins: each is named in the settings, and does what it says instead of ours."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from marl_ppo import plugins
from marl_ppo.errors import ConfigError, PluginError, UnknownNameError
from marl_ppo.training.trainer import Trainer

PYPROJECT = """
[project]
name = "parts"

[project.entry-points."marl_ppo.surrogates"]
standstill = "some_parts:standstill"

[project.entry-points."marl_ppo.advantages"]
ones = "some_parts:ones"
broken = "some_parts:broken"

[project.entry-points."marl_ppo.critics"]
pessimist = "some_parts:Pessimist"

[project.entry-points."marl_ppo.encoders"]
sees_nothing = "some_parts:sees_nothing"
"""
CODE = """
import torch
from marl_ppo.agents.actor_critic import Critic

def standstill(ratio, advantages, *, clip_coef, dual_clip):
    return 0.0 * ratio

def ones(rewards, durations, values, *args, **kwargs):
    return torch.ones_like(values), values + 1

def broken(*args, **kwargs):
    raise RuntimeError("no estimate today")

class Pessimist(Critic):
    def forward(self, inputs, is_start, memory):
        values, memory = super().forward(inputs, is_start, memory)
        return values - 100.0, memory

class Blind(torch.nn.Module):
    size = 1

    def forward(self, x):
        return torch.zeros(len(x), 1)

def sees_nothing(space, config, generator):
    return Blind() if space.shape == (4,) else None
"""


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path / "envs/parts"
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "some_parts.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    sys.modules.pop("some_parts", None)


def first_update(config: Any) -> dict[str, float]:
    with Trainer(config) as trainer:
        return dict(trainer.train_once().metrics)


def test_a_surrogate_without_a_slope_leaves_the_policy_where_it_is(small: Any) -> None:
    """Without an entropy bonus nothing else moves it."""
    ours, still = (
        first_update(small("bandit", ppo={"ent_coef": 0.0, "surrogate": name})) for name in ("clipped", "standstill")
    )

    assert ours["players/approx_kl"] > 1e-6
    assert still["players/approx_kl"] == pytest.approx(0.0, abs=1e-9)


def test_an_estimator_says_what_advantages_are(small: Any) -> None:
    metrics = first_update(small("bandit", ppo={"advantages": "ones"}))

    assert metrics["players/advantage_max"] == 1.0
    assert metrics["players/return_target"] == pytest.approx(metrics["players/value"] + 1, abs=1e-6)


def test_a_critic_is_another_network(small: Any) -> None:
    assert first_update(small("bandit", critic="pessimist"))["players/value"] < -50


def test_an_encoder_serves_the_spaces_it_wants_and_no_others(small: Any) -> None:
    """waits shows 5 numbers, staggered 4: only the latter are hidden by the plugin, and only where it is named."""
    network = {"encoders": ("sees_nothing",)}
    with Trainer(small("staggered")) as plain:
        assert plain.setup.students["players"].policy.actor.encoder.size == 4
        assert "some_parts" not in sys.modules
    with Trainer(small("staggered", network=network)) as blind, Trainer(small("waits", network=network)) as seeing:
        sizes = [trainer.setup.students["players"].policy.actor.encoder.size for trainer in (blind, seeing)]
        shown = [next(iter(trainer.setup.spec.groups[0].obs.values())).shape for trainer in (blind, seeing)]

    assert shown[0] == (4,)
    assert sizes == [1, shown[1][0]]


def test_a_lenient_critic_hopes_for_the_best(small: Any) -> None:
    """Half of all guesses are right: where bad news count 1/9 it settles at .9, since .1 = .9 * 1/9, else near .5."""
    ppo = {"ent_coef": 10.0, "learning_rate": 1e-2, "gamma": 1.0, "normalize_values": False, "vf_coef": 1.0}
    settings = {"num_envs": 512, "num_steps": 1, "total_steps": 512 * 60, "world_config": {"arms": 2}}
    values = []
    for lenient in ({"surrogate": "lenient", "negative_weight": 1 / 9}, {}):
        with Trainer(small("bandit", ppo={**ppo, **lenient}, **settings)) as trainer:
            values.append([trainer.train_once().metrics["players/value"] for _ in range(60)][-1])

    assert values == pytest.approx([0.9, 0.5], abs=0.1)


def test_what_bad_news_count_is_a_share(small: Any) -> None:
    with pytest.raises(ConfigError, match=r"negative_weight must be within \[0, 1\], got 2"):
        small("bandit", ppo={"negative_weight": 2.0})


def test_a_trust_region_is_not_lenient(small: Any) -> None:
    with pytest.raises(ConfigError, match="surrogate 'lenient' is of algorithm 'ppo', got algorithm 'trpo'"):
        small("bandit", algorithm="trpo", ppo={"surrogate": "lenient"})


def test_what_the_hand_derived_update_cannot_do_is_said(small: Any) -> None:
    with pytest.raises(ConfigError, match="fused=true does not serve the surrogate 'standstill'"):
        Trainer(small("bandit", fused=True, ppo={"surrogate": "standstill"}))
    with pytest.raises(ConfigError, match="fused=true does not serve the critic 'pessimist'"):
        Trainer(small("bandit", fused=True, critic="pessimist"))


def test_an_unknown_part_is_refused_before_anything_runs(small: Any) -> None:
    with pytest.raises(UnknownNameError, match=r"No surrogate is called 'standstil'. Did you mean 'standstill'\?"):
        Trainer(small("bandit", ppo={"surrogate": "standstil"}))


def test_an_unknown_encoder_is_refused(small: Any) -> None:
    with pytest.raises(UnknownNameError, match=r"No encoder is called 'sees_nothin'. Did you mean 'sees_nothing'\?"):
        Trainer(small("waits", network={"encoders": ("sees_nothin",)}))


def test_a_part_that_raises_is_named_with_its_traceback(small: Any) -> None:
    with pytest.raises(PluginError, match=r"the advantage 'broken' of .*parts.* raised an error(.|\n)*no estimate today"):
        first_update(small("bandit", ppo={"advantages": "broken"}))


def test_the_groups_of_parts_are_those_that_plugins_may_fill() -> None:
    from marl_ppo.training.parts import BUILT_IN

    assert set(BUILT_IN) == {plugins.CRITICS, plugins.ADVANTAGES, plugins.SURROGATES, plugins.SUBGOALS}
