"""`marl-ppo train`: from words to a run, and what is said when they make no sense."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from marl_ppo.training.config import PPOConfig
from marl_ppo.training.config_file import load_config, preset
from marl_ppo.training.record import read_metrics


def test_a_run_is_trained_and_the_last_lines_name_the_next_two_commands(marl_ppo: Any, small: tuple[str, ...]) -> None:
    """64 steps in rollouts of 8 * 4 are two updates; the first run on waits is runs/waits-1."""
    said = marl_ppo("train", "waits", *small)

    assert said.code == 0
    assert "Training waits: 64 steps, 32 steps per update, threads 1, seed 0." in said.out
    assert said.lines[-3].startswith("The budget is used up: 64 steps in ")
    assert said.lines[-3].endswith("runs/waits-1/curve.png has the curve.")
    assert said.lines[-2:] == [
        "Measure it:      marl-ppo evaluate runs/waits-1",
        "Watch it:        marl-ppo watch runs/waits-1",
    ]
    assert Path("runs/waits-1/curve.png").is_file()


def test_while_it_runs_speed_return_and_skill_are_shown_within_80_columns(marl_ppo: Any, small: tuple[str, ...]) -> None:
    """The bar's last state; in a world with two teams each has its return, and nobody's skill is told."""
    one = marl_ppo("train", "bandit", *small).out
    two = marl_ppo("train", "kuhn", *small)

    assert re.search(r"\dk SPS  KL 0\.\d{3}  return 0\.\d\d \(skill -?\d+ %\) ", one)
    assert re.search(r"return player_0 -?\d\.\d\d player_1 -?\d\.\d\d", two.out)
    assert "skill" not in two.out
    assert all(len(line) <= 80 for line in two.lines[:-3])


def test_runs_without_a_name_are_numbered(marl_ppo: Any, small: tuple[str, ...]) -> None:
    for _ in range(2):
        marl_ppo("train", "waits", *small)

    assert sorted(path.name for path in Path("runs").iterdir()) == ["waits-1", "waits-2"]


def test_the_preset_lies_under_the_file_and_the_file_under_the_flags(marl_ppo: Any, small: tuple[str, ...]) -> None:
    """Spread's preset has a learning rate and a gamma of its own; the file sets gamma and epochs, a flag the epochs."""
    Path("mine.toml").write_text('format = 1\nothers = "random"\n[ppo]\ngamma = 0.5\nupdate_epochs = 7\n')
    marl_ppo("train", "spread", "--name", "run", "--config", "mine.toml", *small)
    used, shipped = load_config(Path("runs/run/config.toml")), preset("spread")

    assert used.ppo.learning_rate == shipped.ppo.learning_rate != PPOConfig().learning_rate
    assert shipped.ppo.gamma != 0.5
    assert (used.ppo.gamma, used.others) == (0.5, "random")
    assert used.ppo.update_epochs == 1


@pytest.mark.parametrize("behind", [False, True], ids=["before the flags", "behind the flags"])
def test_world_settings_are_written_as_name_and_value(marl_ppo: Any, small: tuple[str, ...], behind: bool) -> None:
    settings = ("agents=2", "on_death=team")
    marl_ppo("train", "staggered", *(() if behind else settings), "--name", "run", *small, *(settings if behind else ()))

    assert load_config(Path("runs/run/config.toml")).world_config == {"agents": 2, "on_death": "team"}


def test_a_flags_value_may_look_like_a_setting(marl_ppo: Any, small: tuple[str, ...]) -> None:
    Path("lr=3.toml").write_text("seed = 3\n")
    marl_ppo("train", "waits", "--name", "run", "--config", "lr=3.toml", *small)
    used = load_config(Path("runs/run/config.toml"))

    assert (used.world_config, used.seed) == ({}, 3)


def test_a_saved_config_repeats_what_was_turned_off(marl_ppo: Any, small: tuple[str, ...]) -> None:
    """TOML has no word for off: spread's preset lets the entropy weight fall to 0, which the first run does not want."""
    marl_ppo("train", "spread", "--name", "first", "--ppo.ent-coef-final", "None", *small)
    marl_ppo("train", "spread", "--name", "second", "--config", "runs/first/config.toml")

    assert preset("spread").ppo.ent_coef_final == 0.0
    assert Path("runs/first/config.toml").read_text() == Path("runs/second/config.toml").read_text()
    assert load_config(Path("runs/second/config.toml")).ppo.ent_coef_final is None


def test_an_interrupted_group_can_be_completed(marl_ppo: Any, small: tuple[str, ...]) -> None:
    marl_ppo("train", "waits", "--name", "group", "--seeds", "0", *small)
    again = marl_ppo("train", "waits", "--name", "group", "--seeds", "0-1", *small)
    marl_ppo("train", "waits", "--name", "group", "--seeds", "1,2", *small)

    assert again.code == 2
    assert "runs/group/seed-0 exists already; go on with it by `marl-ppo train --resume runs/group/seed-0`" in again.err
    assert sorted(path.name for path in Path("runs/group").iterdir()) == ["seed-0", "seed-1", "seed-2"]


def test_a_run_goes_on_from_a_checkpoint_that_is_named(marl_ppo: Any, small: tuple[str, ...]) -> None:
    """The way out when the newest one is damaged: 8 * 4 steps are an update, so there are two."""
    marl_ppo("train", "waits", "--name", "run", "--checkpoint-updates", "1", *small)
    saves = Path("runs/run/checkpoints")
    (saves / "000002/play.safetensors").write_bytes(b"")
    damaged = marl_ppo("train", "--resume", "run")
    mended = marl_ppo("train", "--resume", "runs/run/checkpoints/000001")

    assert damaged.code == 2
    assert "The one before it is runs/run/checkpoints/000001." in damaged.err
    assert mended.code == 0
    assert sorted(path.name for path in saves.iterdir()) == ["000001", "000002", "abandoned-000002"]
    assert [line["update"] for line in read_metrics(Path("runs/run"))] == [1, 2]


def test_several_seeds_make_a_group_of_runs(marl_ppo: Any, small: tuple[str, ...]) -> None:
    said = marl_ppo("train", "waits", "--seeds", "0-1", "--name", "pair", *small)
    seeds = [load_config(Path(f"runs/pair/seed-{seed}/config.toml")).seed for seed in (0, 1)]
    weights = [
        Path(f"runs/pair/seed-{seed}/checkpoints/000002/policies/players/weights.safetensors").read_bytes() for seed in seeds
    ]

    assert seeds == [0, 1]
    assert weights[0] != weights[1]
    assert said.lines[-1] == "Plot all seeds:  marl-ppo run plot runs/pair"


@pytest.mark.parametrize("others", ["random", "scripted", "duel"])
def test_one_team_learns_against_others_that_do_not(marl_ppo: Any, trained: Path, others: str, tmp_path: Path) -> None:
    """`hunt` in the workspace learned against the script; each opponent makes other episodes of the same seed."""
    name = f"against-{others}-{tmp_path.name}"
    used = load_config(Path("runs/hunt/config.toml"))
    said = marl_ppo(
        *("train", "tag", "--name", name, "--learn", "chasers", "--others", others, "--config", "runs/hunt/config.toml")
    )
    saved = Path(f"runs/{name}/checkpoints/000002/policies")
    weights = [(saved / "chasers/weights.safetensors").read_bytes()]
    weights.append(Path("runs/hunt/checkpoints/000002/policies/chasers/weights.safetensors").read_bytes())

    assert said.code == 0
    assert used.others == "scripted"
    assert [path.name for path in saved.iterdir()] == ["chasers"]
    assert (weights[0] == weights[1]) == (others == "scripted")


def test_one_level_of_a_hierarchy_is_trained_on_alone(marl_ppo: Any, small: tuple[str, ...]) -> None:
    """First the worker under a manager at random, then a manager over it, then the worker again."""
    hierarchical = ("train", "four_rooms", *small, "--policy", "hierarchical", "--name")
    marl_ppo(*hierarchical, "worker", "--hierarchy.managed-by", "random")
    first = marl_ppo(*hierarchical, "manager", "--start-from", "worker", "--hierarchy.frozen", "worker")
    settings = ("--config", "runs/manager/config.toml", "--start-from", "manager")
    marl_ppo("train", "four_rooms", "--name", "both", *settings, "--hierarchy.frozen", "manager")
    saved = {
        (run, level): Path(f"runs/{run}/checkpoints/000002/policies/agents.{level}/weights.safetensors")
        for run in ("worker", "manager", "both")
        for level in ("manager", "worker")
    }
    held = {place: file.read_bytes() for place, file in saved.items() if file.exists()}
    used = load_config(Path("runs/both/config.toml"))

    told = "worker has no weights of it: it begins with initial ones"
    assert f"warning, start (agents.manager): {told}" in " ".join(first.out.split())
    assert held["manager", "worker"] == held["worker", "worker"] != held["both", "worker"]
    assert held["both", "manager"] == held["manager", "manager"]
    assert (used.start_from, used.hierarchy.frozen) == ("manager", "manager")
    assert "return agents" in marl_ppo("evaluate", "both", "--episodes", "5").out


def test_a_finished_run_has_nothing_to_go_on_with_and_stays_as_it_is(marl_ppo: Any, small: tuple[str, ...]) -> None:
    marl_ppo("train", "waits", "--name", "run", *small)
    before = [Path(f"runs/run/{name}").read_text() for name in ("summary.json", "metrics.jsonl")]
    said = marl_ppo("train", "--resume", "run")

    assert "The budget is used up: 64 steps" in said.out
    assert [Path(f"runs/run/{name}").read_text() for name in ("summary.json", "metrics.jsonl")] == before
    assert len(read_metrics(Path("runs/run"))) == 2


@pytest.mark.parametrize(("kept", "said"), [(0, "compiling kernels, once for this version"), (1, "starting")])
def test_who_waits_for_the_compiler_is_told(
    marl_ppo: Any, small: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int, said: str
) -> None:
    """What the bar says before the first update, seen in a resumed run that has no update left."""
    marl_ppo("train", "waits", "--name", "run", *small)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "cache/waits").mkdir(parents=True)
    for n in range(kept):
        (tmp_path / f"cache/waits/kernel-{n}.nbi").touch()

    assert said in marl_ppo("train", "--resume", "run").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("train", "name one world, before all flags, such as `marl-ppo train spread"),
        ("train --seed 1 spread", "name one world, before all flags"),
        ("train spread tag", "name one world"),
        ("train spraed", "No world is called 'spraed'. Did you mean 'spread'?"),
        ("train spread agent=5", "world 'spread' has no setting 'agent'; it has agents, action, "),
        ("train spread agents=five", "agents of world 'spread' must be a whole number, got 'five'"),
        ("train spread =5", "'=5' is not a world setting; write name=value, such as agents=5"),
        ("train spread --ppo.gamma 1.5", "gamma must be within [0, 1], got 1.5"),
        ("train spread --minutes 0", "minutes must be positive, got 0.0"),
        ("train spread --checkpoint-updates 0", "checkpoint_updates must be at least 1, got 0"),
        ("train spread --device cuda:7", "torch cannot use the device 'cuda:7' here"),
        ("train spread --num-envs 1 --num-steps 2 --ppo.num-minibatches 3", "num_minibatches=3 is more than the 2 steps"),
        ("train waits --threads 2 --num-envs 1 --num-steps 9", "threads must be from 1 to num_envs=1, got 2"),
        ("train kuhn network.memory=gru --fused True", "world 'kuhn' has no setting 'network.memory'; it has none"),
        ("train kuhn --network.memory gru --fused True", "fused=true does not serve memory"),
        ("train kuhn --algorithm trpo --fused True", "fused=true does not serve the algorithm 'trpo'"),
        ("train spread --seeds 4-0", "--seeds takes different seeds such as 0-4 or 0,3,7, got '4-0'"),
        ("train spread --seeds 1,1", "--seeds takes different seeds such as 0-4 or 0,3,7, got '1,1'"),
        ("train spread --seeds few", "--seeds takes different seeds such as 0-4 or 0,3,7, got 'few'"),
        (
            "train spread --name ../away",
            "a run's name must be letters, digits and any of _ . + -, without folders; got '../away'",
        ),
        ("train spread --save-as random", "'random' is a player that there is already; choose another name to save the bot as"),
        ("train spread --save-as a/b", "a bot's name must be letters, digits and any of _ . + -, without folders; got 'a/b'"),
        ("train spread --save-as mine --seeds 0-1", "--save-as saves one run as a bot, and --seeds trains several"),
        ("train --resume nothing --save-as scripted", "'scripted' is a player that there is already"),
        ("train spread --name random", "'random' is a player that there is already"),
        ("train spread --name ..", "a run's name must be letters"),
        ("train spread num_envs=64", "num_envs is no setting of a world; write --num-envs 64"),
        ("train spread --seeds 0-1 --seed 3", "--seeds says which seeds to train; leave out --seed"),
        ("train spread --seed 3 tag", "'tag' stands behind the flags; names and world settings come before them"),
        ("train --resume nothing agents=5", "--resume goes on with a run as it was set up; leave out 'agents=5'"),
        ("train spread --config reserved.toml", "world_id cannot be a setting of the world"),
        ("train tag --learn nobody --others nobody", "world 'tag' has no team ['nobody']"),
        ("train spread --config none.toml", "cannot read none.toml: No such file or directory"),
        ("train spread --config broken.toml", "broken.toml is not TOML"),
        ("train spread --config picture.toml", "picture.toml is not TOML"),
        ("train spread --config foreign.toml", "foreign.toml holds settings for world 'tag'"),
        ("train spread --config wrong.toml", "wrong.toml has the unknown setting 'num_env'; did you mean 'num_envs'?"),
        ("train spread --start-from nobody", "No player is called 'nobody'."),
        ("train spread --start-from random", "start_from='random' has no weights; name a run, a checkpoint or a bot"),
        ("train spread --hierarchy.frozen worker", "hierarchy.frozen='worker' is of policy 'hierarchical', got policy 'flat'"),
        (
            "train spread --policy hierarchical --hierarchy.frozen worker",
            "hierarchy.frozen='worker' keeps a worker as it was trained; say which one, with start_from",
        ),
        ("train spread --learn nobody", "world 'spread' has no team ['nobody']; its teams are ['agents']"),
        ("train tag --learn chasers --others nobody", "No player is called 'nobody'."),
        ("train --resume nothing", "No run is called 'nothing'."),
        ("train spread --resume nothing", "--resume goes on with a run as it was set up; leave out 'spread'"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_written(marl_ppo: Any, arguments: str, message: str) -> None:
    Path("broken.toml").write_text("format = \n")
    Path("picture.toml").write_bytes(b"\x89PNG")
    Path("foreign.toml").write_text('world = "tag"\n')
    Path("wrong.toml").write_text("num_env = 5\n")
    Path("reserved.toml").write_text("world_config = {world_id = 5}\n")
    said = marl_ppo(*arguments.split())

    assert said.code == 2
    assert message in " ".join(said.err.replace("│", "").split())
    assert not Path("runs").exists()


def test_an_unknown_flag_is_answered_with_the_nearest_one(marl_ppo: Any) -> None:
    said = marl_ppo("train", "spread", "--ppo.gama", "0.9")

    assert said.code == 2
    assert "Unrecognized options: --ppo.gama" in said.err
    assert "--ppo.gamma FLOAT" in said.err


def test_a_name_that_is_taken_is_refused_with_the_command_that_goes_on(marl_ppo: Any, trained: Path) -> None:
    said = marl_ppo("train", "waits", "--name", "solo")

    assert said.code == 2
    assert "runs/solo exists already; choose another --name, or go on with `train --resume runs/solo`" in said.err


def test_a_group_cannot_be_resumed_as_one(marl_ppo: Any, small: tuple[str, ...]) -> None:
    marl_ppo("train", "waits", "--seeds", "3,5", "--name", "pair", *small)
    said = marl_ppo("train", "--resume=pair")

    assert said.code == 2
    assert "pair is a group of runs, one per seed; go on with one of them, such as runs/pair/seed-3" in said.err


def test_help_shows_the_worlds_own_defaults(marl_ppo: Any) -> None:
    said = marl_ppo("train", "spread", "--help")
    shown = " ".join(said.out.replace("│", "").split())

    assert said.code == 0
    assert f"all copies counted (default: {preset('spread').total_steps})" in shown
    assert "marl-ppo train --resume RUN" in shown


def test_the_level_of_the_one_team_that_learns_is_told(marl_ppo: Any, small: tuple[str, ...]) -> None:
    """Against a prey that stays as it is, random and scripted chasers have a level; where both sides learn they have none."""
    said = marl_ppo("train", "tag", "--learn", "chasers", "--name", "hunt", *small, "--num-steps", "25", "--total-steps", "400")

    assert re.search(r"Skill of chasers: random play \(\d\.\d\d\) is 0 %, our script \(\d\d\.\d\d\) is 100 %\.", said.out)
    assert re.search(r"return chasers -?\d+\.\d\d \(skill -?\d+ %\)", said.out)


def test_what_was_trained_is_saved_as_a_bot_that_the_last_lines_name(marl_ppo: Any, small: tuple[str, ...]) -> None:
    said = marl_ppo("train", "waits", *small, "--save-as", "mine")
    again = marl_ppo("train", "waits", *small, "--save-as", "mine")
    card = tomllib.loads(Path("agents/mine/card.toml").read_text())

    assert said.lines[-2:] == ["Measure it:      marl-ppo evaluate mine", "Watch it:        marl-ppo watch mine"]
    assert card["training"]["command"] == " ".join(["marl-ppo train waits", *small, "--save-as mine"])
    assert card["results"]["episodes"] == 1000
    assert again.code == 2
    assert "'mine' is a player that there is already" in again.err
    assert [path.name for path in Path("runs").iterdir()] == ["waits-1"]
    assert "return players" in marl_ppo("evaluate", "mine", "--episodes", "5").out


def test_what_time_stopped_is_saved_too_and_so_is_a_run_that_goes_on(marl_ppo: Any, small: tuple[str, ...]) -> None:
    stopped = marl_ppo("train", "waits", *small, "--minutes", "0.00001", "--save-as", "early")
    went_on = marl_ppo("train", "--resume", "waits-1", "--minutes", "1", "--save-as", "late")
    steps = [tomllib.loads(Path(f"agents/{bot}/card.toml").read_text())["training"]["steps"] for bot in ("early", "late")]

    assert "Time is up: 32 steps" in stopped.out
    assert "The budget is used up" in went_on.out
    assert steps == [32, 64]
