"""An installed PettingZoo env is trained on, gone on with, measured and watched by the same commands as our worlds."""

import json
from pathlib import Path
from typing import Any

import pytest

from marl_ppo.training.record import read_metrics

SPREAD = "pettingzoo:mpe2.simple_spread_v3"
RUN = Path("runs/pettingzoo-mpe2-simple_spread_v3-1")


def train(marl_ppo: Any, small: tuple[str, ...], *more: str) -> Any:
    """Episodes of 4 steps in rollouts of 4: every rollout ends one in each of 8 copies."""
    return marl_ppo("train", SPREAD, "max_cycles=4", *small, *more)


def test_a_run_is_trained_and_the_command_that_could_not_work_is_not_named(marl_ppo: Any, small: tuple[str, ...]) -> None:
    said = train(marl_ppo, small)

    assert said.code == 0
    assert said.lines[-1] == f"Measure it:      marl-ppo evaluate {RUN}"
    assert "Watch it" not in said.out
    assert [line["episodes"] for line in read_metrics(RUN)] == [8, 8]


def test_it_goes_on_with_new_episodes(marl_ppo: Any, small: tuple[str, ...]) -> None:
    """What an env keeps to itself cannot be saved: weights, optimiser and counters go on, running episodes do not."""
    train(marl_ppo, small, "--minutes", "1e-9")
    said = marl_ppo("train", "--resume", str(RUN), "--minutes", "10")

    assert f"Resuming {SPREAD} at update 1" in said.out
    assert "The budget is used up: 64 steps" in said.out
    assert [line["update"] for line in read_metrics(RUN)] == [1, 2]


def test_it_is_measured_beside_random_play(marl_ppo: Any, small: tuple[str, ...]) -> None:
    """Nobody wrote a script for a foreign env, so there is no upper anchor and no skill."""
    train(marl_ppo, small)
    said = marl_ppo("evaluate", "--episodes", "10", "--json", "result.json")
    team = json.loads(Path("result.json").read_text())["teams"]["agent"]

    assert said.code == 0
    assert list(team["players"]) == ["greedy", "stochastic", "random"]
    assert team["skill"] == {}
    assert "skill" not in said.out


def test_where_nobody_has_a_script_a_player_is_measured_beside_itself(marl_ppo: Any, small: tuple[str, ...]) -> None:
    """Chasers and prey are groups of their own, hence teams; what `train` prints has to work for them too."""
    marl_ppo("train", "pettingzoo:mpe2.simple_tag_v3", "--name", "tag", *small)
    said = marl_ppo("evaluate", "runs/tag", "--episodes", "4")

    assert said.code == 0
    assert "team adversary against tag" in " ".join(said.out.split())


def test_who_plays_one_side_only_is_measured_beside_random_play(marl_ppo: Any, small: tuple[str, ...]) -> None:
    flags = ("--learn", "adversary", "--others", "random", "--name", "tag")
    marl_ppo("train", "pettingzoo:mpe2.simple_tag_v3", *flags, *small)
    said = marl_ppo("evaluate", "runs/tag", "--episodes", "4")

    assert said.code == 0
    assert "team adversary against random" in " ".join(said.out.split())


def test_it_draws_itself_or_is_watched_in_a_world_that_can_be_drawn(marl_ppo: Any, small: tuple[str, ...]) -> None:
    train(marl_ppo, small)
    itself = marl_ppo("watch", "--seconds", "0.2", "--out", "itself.gif")
    refused = marl_ppo("watch", "render_mode=ansi")
    shown = marl_ppo("watch", str(RUN), "--world", "spread", "--seconds", "0.2")

    assert itself.code == 0
    assert Path("itself.gif").is_file()
    assert refused.code == 2
    assert f"world '{SPREAD}' cannot be drawn: it has no scene." in refused.err
    assert "name it with --world" in refused.err
    assert shown.code == 0
    assert Path("watch.gif").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("train pettingzoo:", "must name an installed module with a `parallel_env`"),
        ("train pettingzoo:mpe2.simple_sprad_v3", "No module named 'mpe2.simple_sprad_v3'; install its package"),
        (f"train {SPREAD} M=2", "cannot be made with {'M': 2}"),
        ("train pettingzoo:mpe2.simple_tag_v3 --learn agent", "The player `random` knows every world."),
    ],
)
def test_what_cannot_be_trained_on_is_said(marl_ppo: Any, arguments: str, message: str) -> None:
    said = marl_ppo(*arguments.split())

    assert said.code == 2
    assert message in said.err
    assert not Path("runs").exists()
