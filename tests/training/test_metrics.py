"""The record, TensorBoard and docs/metrics.md speak of the same metrics."""

import re
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from marl_ppo.envs import make_world
from marl_ppo.training import tensorboard
from marl_ppo.training.guards import Guards
from marl_ppo.training.record import read_metrics
from marl_ppo.training.run import resume, train

DOCS = (Path(__file__).parents[2] / "docs/metrics.md").read_text()
COUNTERS = ("update", "steps", "seconds")


def scalars(run: Path) -> dict[str, dict[int, float]]:
    """Metric → steps → value, as TensorBoard shows them."""
    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    found = {}
    for tag in events.Tags()["scalars"]:
        points = [(event.step, event.value) for event in events.Scalars(tag)]
        assert len(dict(points)) == len(points), f"{tag} has two points at one step"
        found[tag] = dict(points)
    return found


@pytest.fixture
def every_update(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorboard, "EVERY_SECONDS", 0.0)


def recorded(run: Path) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for line in read_metrics(run):
        for name in line.keys() - set(COUNTERS):
            found.setdefault(name, {})[int(line["steps"])] = pytest.approx(line[name], rel=1e-6)
    return found


def test_tensorboard_shows_the_record(small: Any, tmp_path: Path, every_update: None) -> None:
    train(small("staggered"), tmp_path / "run")

    assert scalars(tmp_path / "run") == recorded(tmp_path / "run")


def test_tensorboard_forgets_what_a_resume_plays_again(small: Any, tmp_path: Path, every_update: None) -> None:
    """Updates 4 to 8 are done twice and shown once, as they are in the record."""
    train(small("staggered", checkpoint_updates=3, keep_checkpoints=9), tmp_path / "run")
    resume(tmp_path / "run", checkpoint=tmp_path / "run/checkpoints/000003")
    shown, record = scalars(tmp_path / "run"), recorded(tmp_path / "run")

    assert shown.keys() == record.keys()
    assert shown["players/entropy"] == record["players/entropy"]
    assert len(record["players/entropy"]) == 8


def test_tensorboard_gets_one_point_a_second_at_most(small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorboard, "EVERY_SECONDS", 1e6)
    train(small("staggered"), tmp_path / "run")

    assert {len(points) for points in scalars(tmp_path / "run").values()} == {1}


def explained(*kinds: str) -> set[str]:
    """The names in the tables' first columns, those of every run and those under `kinds`; a name without its folder has that
    of the name before it."""
    found = set()
    everywhere, *sections = DOCS.split("## Under ")
    mine = [text for text in sections if any(text.startswith(f"`{kind}`") for kind in kinds)]
    for row in re.findall(r"^\| (`.*?) \|", "".join([everywhere, *mine]), re.MULTILINE):
        names = re.findall(r"`(.*?)`", row)
        folder = names[0].rpartition("/")[0]
        found |= {name if "/" in name or not folder else f"{folder}/{name}" for name in names}
    return found


@pytest.mark.parametrize(
    ("world", "over"),
    [
        ("bandit", {}),
        ("tag", {"num_steps": 30}),
        ("kuhn", {"network": {"memory": "gru"}}),
        ("two_kinds", {"fused": False}),
        ("staggered", {"algorithm": "trpo"}),
        ("spread", {"policy": "hierarchical", "num_steps": 30}),
        ("bandit", {"novelty": 0.1}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_metric_of_a_run_is_explained_and_every_explained_one_is_there(
    small: Any, tmp_path: Path, world: str, over: dict[str, Any]
) -> None:
    train(small(world, total_steps=1, **over), tmp_path / "run")
    (line,) = read_metrics(tmp_path / "run")

    told = explained(f"policy={over.get('policy', '')}", f"algorithm={over.get('algorithm', '')}", *over)

    def general(name: str) -> str:
        folder, _, last = name.rpartition("/")
        if (of_level := f"POLICY.{folder.rpartition('.')[2]}/{last}") in told:
            return of_level
        return {"": last, "return": "return/TEAM", "metric": "metric/NAME"}.get(folder, f"POLICY/{last}")

    assert {general(name) for name in line} == told


def test_every_alarm_is_named_where_metrics_are_explained() -> None:
    """What a warning is called must lead somewhere."""
    named = [*Guards.of_policy()._guards, *Guards.of_run(make_world("spread").spec)._guards]

    assert len(named) == 5
    assert all(name in " ".join(DOCS.split()) for name in named)
