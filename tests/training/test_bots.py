"""From a run to a bot that others can play with, and can trust."""

import json
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from plugin_folders import write_plugin

from marl_ppo import find_player, load, make_world
from marl_ppo.errors import ConfigError, FileFormatError, UnknownNameError
from marl_ppo.evaluation.evaluate import evaluate
from marl_ppo.training.bots import check_bot_name, save_bot
from marl_ppo.training.cards import content_hash, read_card
from marl_ppo.training.players import find_trained, trained_config
from marl_ppo.training.run import new_run_folder, resume, train


@pytest.fixture(scope="module")
def runs(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small runs: `waits`, and on tag `hunt`, in which only the chasers learned."""
    folder = tmp_path_factory.mktemp("runs")
    train(small("waits", seed=4), folder / "waits")
    train(small("tag", learn=("chasers",), total_steps=1), folder / "hunt")
    return folder


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


Save = Callable[..., Path]


@pytest.fixture
def save(runs: Path) -> Save:
    def make(run: str = "waits", name: str = "mine", **over: Any) -> Path:
        return save_bot(str(runs / run), name, **{"command": f"marl-ppo train {run}", "episodes": 20, **over})

    return make


def test_a_bot_plays_by_its_name_what_the_run_plays(save: Save, runs: Path) -> None:
    save()
    world = make_world("waits", num_envs=5)
    results = [
        evaluate(world, [find_player(name, world.spec)], episodes=20).returns.tolist() for name in ("mine", str(runs / "waits"))
    ]

    assert results[0] == results[1]
    assert load("mine").agents == world.spec.agents


def test_a_bot_is_these_files(save: Save) -> None:
    folder = save()
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())

    assert folder == Path("agents/mine")
    assert files == ["README.md", "card.toml", "config.toml", "meta.json", "policies/players/weights.safetensors"]
    assert [path.name for path in Path("agents").iterdir()] == ["mine"]


def test_the_card_tells_what_how_and_how_well(save: Save, runs: Path) -> None:
    """Its results are those of an evaluation of its own, greedy, on the same held-out episodes."""
    card = tomllib.loads((save() / "card.toml").read_text())
    world = make_world("waits", num_envs=20)
    greedy = find_player(str(runs / "waits"), world.spec, greedy=True)
    summary = evaluate(world, [greedy], episodes=20).summaries()["return/players"]

    assert (card["format"], card["name"]) == (1, "mine")
    assert card["world"] == {"id": "waits", "version": 1, "settings": {}}
    assert card["plays"]["teams"] == ["players"]
    assert card["plays"]["groups"]["players"]["agents"] == ["player_0", "player_1"]
    assert card["plays"]["groups"]["players"]["action"] == "Discrete(3)"
    assert card["training"]["command"] == "marl-ppo train waits"
    assert (card["training"]["seed"], card["training"]["steps"]) == (4, 8 * 9 * 8)
    assert {"python", "marl_ppo", "torch", "numpy", "numba"} == card["training"]["versions"].keys()
    assert card["results"]["episodes"] == 20
    assert list(card["results"]["teams"]["players"]) == ["greedy", "stochastic", "random", "scripted"]
    assert card["results"]["teams"]["players"]["greedy"] == {"mean": summary.mean, "interval": list(summary.interval)}
    assert card["hash"] == content_hash(Path("agents/mine"))


def test_the_readme_says_the_same_to_people(save: Save) -> None:
    folder = save()
    readme, card = (folder / "README.md").read_text(), read_card(folder)
    mean = card.results["teams"]["players"]["scripted"]["mean"]

    assert readme.startswith("# mine\n\nA bot for the world `waits` (version 1). It plays players.\n")
    assert f"| players | our script | {mean:.2f} | " in readme


def test_who_learned_one_side_is_a_bot_for_that_side(save: Save) -> None:
    card = read_card(save("hunt", "hunters", episodes=2))

    assert card.plays["teams"] == ["chasers"]
    assert list(card.plays["groups"]) == list(card.results["teams"]) == ["chasers"]
    assert card.results["against"] == "scripted"
    assert set(load("hunters").agents) == set(card.plays["groups"]["chasers"]["agents"])


def test_a_bot_whose_settings_were_changed_is_not_the_one_its_card_is_about(save: Save) -> None:
    """They say which world is made, with which arguments."""
    folder = save()
    config = folder / "config.toml"
    config.write_text(config.read_text().replace("seed = 4", "seed = 5"))

    with pytest.raises(FileFormatError, match="is not the one its card is about"):
        load("mine")


@pytest.mark.parametrize("name", ["mine", "random", "scripted", "../away", "", "a/b"])
def test_a_name_that_is_taken_or_none_is_refused(save: Save, name: str) -> None:
    save()

    with pytest.raises(ConfigError, match=r"is a player that there is already|a bot's name must be letters"):
        check_bot_name(name)


def test_a_run_cannot_take_the_name_of_a_bot(save: Save, small: Any) -> None:
    save()

    with pytest.raises(ConfigError, match="'mine' is a player that there is already; choose another --name"):
        new_run_folder(small("waits"), "mine")


def test_a_bot_whose_weights_are_not_the_cards_is_refused(save: Save, runs: Path) -> None:
    """Even where meta.json was changed with them: these are whole and sound, and another bot's."""
    one, other = save(), find_trained(str(runs / "hunt"))
    weights = next(other.glob("policies/*/weights.safetensors"))
    shutil.copy(weights, one / "policies/players/weights.safetensors")
    meta = json.loads((other / "meta.json").read_text())
    digest = meta["sha256"][weights.relative_to(other).as_posix()]
    meta["sha256"] = {"policies/players/weights.safetensors": digest}
    (one / "meta.json").write_text(json.dumps(meta))

    with pytest.raises(FileFormatError, match=r"the bot agents/mine is not the one its card is about: the card has the hash"):
        find_player("mine", make_world("waits").spec)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("format = ", r"the card of the bot agents/mine cannot be read: Invalid value"),
        ("format = 2", r"has format 2; this version reads 1"),
        ("format = 1\nname = 'mine'", r"lacks an entry, or has one too many: .*missing"),
        ("format = 1\nname = 'mine'\nvirus = 1", r"lacks an entry, or has one too many: .*virus"),
    ],
)
def test_a_card_that_cannot_be_read_is_told(save: Save, text: str, fault: str) -> None:
    (save() / "card.toml").write_text(text)

    with pytest.raises(FileFormatError, match=fault):
        find_player("mine", make_world("waits").spec)


def test_a_bot_comes_before_a_run_of_its_name_and_a_bundled_bot_after(
    save: Save, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(name="waits-1")
    save(name="theirs")
    Path("agents/theirs").rename("theirs-elsewhere")
    shutil.copytree(runs / "waits", "runs/waits-1")
    Path("shipped").mkdir()
    Path("theirs-elsewhere").rename("shipped/theirs")
    monkeypatch.setattr("marl_ppo.workspace.bundled", lambda folder: Path("shipped").resolve())

    assert find_trained("waits-1") == Path("agents/waits-1")
    assert find_trained("theirs") == Path("shipped/theirs").resolve()
    with pytest.raises(UnknownNameError, match=r"No player is called 'zzz'.* Bots: waits-1, theirs\."):
        find_trained("zzz")


def test_who_needs_a_world_that_is_not_here_says_what_to_install(small: Any) -> None:
    """Run, checkpoint and bot, each where the plugin is gone."""
    write_plugin(Path("envs"), "beeswax", {"honey": "hive"})
    checkpoint = find_trained(str(train(small("honey", total_steps=1), Path("runs/first")).folder))
    save_bot("first", "mine", command="", episodes=2)
    assert read_card(Path("agents/mine")).world["package"] == "beeswax-world 0.3"
    shutil.rmtree("envs")
    wanted = r"was trained on the world 'honey', which is not here: install beeswax-world 0.3, or put the plugin's folder into"

    for name in ("first", str(checkpoint), "mine"):
        with pytest.raises(UnknownNameError, match=wanted):
            load(name)
    with pytest.raises(UnknownNameError, match=wanted):
        trained_config(checkpoint)
    with pytest.raises(UnknownNameError, match=wanted):
        resume(Path("runs/first"))
