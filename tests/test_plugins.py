"""Worlds and scripts from outside: where they are found, when their code runs, and what is said when it does not work."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from plugin_folders import write_distribution, write_plugin

from marl_ppo import plugins
from marl_ppo.agents.scripted import scripted_policy, scripted_worlds
from marl_ppo.envs import make_world, registered_worlds, world_settings
from marl_ppo.envs.probes.waits import Waits
from marl_ppo.errors import ConfigError, PluginError, UnknownNameError
from marl_ppo.training.config_file import preset


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, empty; paths and modules of plugins are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    plugins._installed.cache_clear()
    yield tmp_path
    plugins._installed.cache_clear()
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def test_a_world_in_the_workspace_runs_without_being_installed() -> None:
    write_plugin(Path("envs"), "hive", {"honey": "hive"})

    assert isinstance(make_world("honey", num_envs=3), Waits)
    assert world_settings("honey").keys() == {"agents"}
    with pytest.raises(ConfigError, match="world 'honey' has no setting 'agent'; it has agents"):
        make_world("honey", agent=5)


def test_an_installed_distribution_adds_its_worlds(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_distribution(workspace / "site", "apiary", {"honey": "hive"})
    monkeypatch.syspath_prepend(workspace / "site")
    (honey,) = [world for world in registered_worlds() if world.id == "honey"]

    assert honey.description == "apiary as installed"
    assert honey.plugin is not None
    assert honey.plugin.source == "the package apiary-dist 1.2"
    assert isinstance(make_world("honey"), Waits)


def test_listing_runs_no_plugin_and_naming_one_runs_only_that_one() -> None:
    write_plugin(Path("envs"), "hive", {"honey": "hive"})
    write_plugin(Path("envs"), "wasps", {"nest": "hive"}, code="raise RuntimeError('must not run')")

    assert {"honey", "nest"} <= {world.id for world in registered_worlds()}
    assert {"hive", "wasps"}.isdisjoint(sys.modules)
    make_world("honey")
    assert "hive" in sys.modules
    assert "wasps" not in sys.modules


def test_plugins_bring_scripts_for_their_groups_and_for_groups_of_others() -> None:
    """A world's id may have dots; the group stands behind the last one."""
    scripts = '"honey.players" = "hive:drone"\n"pettingzoo:some.env_v1.agent" = "hive:drone"\n"spread.agents" = "hive:drone"'
    write_plugin(Path("envs"), "hive", {"honey": "hive"}, scripts=scripts)
    waits, spread = make_world("waits").spec, make_world("spread").spec

    assert {"honey", "pettingzoo:some.env_v1"} <= set(scripted_worlds())
    assert type(scripted_policy("honey", waits.groups[0], waits)).__name__ == "UniformPolicy"
    assert type(scripted_policy("spread", spread.groups[0], spread)).__name__ == "Spread"


def test_a_preset_lies_beside_the_module() -> None:
    folder = write_plugin(Path("envs"), "hive", {"honey": "hive"})
    assert preset("honey").ppo.gamma == 0.99

    (folder / "hive/presets").mkdir()
    (folder / "hive/presets/honey.toml").write_text("[ppo]\ngamma = 0.5\n")
    assert preset("honey").ppo.gamma == 0.5

    (folder / "hive/presets/honey.toml").write_text("gamma = \n")
    with pytest.raises(ConfigError, match=r"honey.toml is not TOML: .*line 1"):
        preset("honey")


def test_the_first_to_claim_a_name_has_it(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Built in, then the workspace's folders, then what is installed, then what is bundled."""
    write_distribution(workspace / "site", "apiary", {"honey": "stung", "comb": "hive"})
    monkeypatch.syspath_prepend(workspace / "site")
    write_plugin(Path("envs"), "hive", {"honey": "hive", "spread": "stung"})
    shipped = workspace / "shipped/envs"
    write_plugin(shipped, "bundle", {"honey": "stung", "comb": "stung", "wax": "hive"})
    monkeypatch.setattr(plugins, "places", lambda folder: [Path(folder), shipped])

    assert [make_world(name).spec.id for name in ("spread", "honey", "comb", "wax")] == ["spread", "waits", "waits", "waits"]
    assert [claim.package for claim in plugins.claims(plugins.WORLDS) if claim.name == "honey"] == [
        "hive-world 0.3",
        "apiary-dist 1.2",
        "bundle-world 0.3",
    ]


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        ("hive", "import nothing_like_it", r"module 'broken' cannot be imported\n\nTraceback .*import nothing_like_it"),
        ("hive", "def hive(:", r"cannot be imported\n\nTraceback .*SyntaxError"),
        ("hive", "raise SystemExit(1)", r"cannot be imported\n\nTraceback .*SystemExit"),
        ("hive", "", r"'broken:hive' must name something to call, as module:callable, got None"),
        ("hive", "hive = 5", r"must name something to call, as module:callable, got 5"),
        ("hive", "def hive(num_envs):\n    return 1 / 0", r"'broken:hive' raised an error\n\nTraceback .*ZeroDivisionError"),
        ("hive", "def hive():\n    pass", r"raised an error\n\nTraceback .*unexpected keyword argument 'num_envs'"),
        ("hive", "def hive(num_envs):\n    return 5", r"'broken:hive' must return a World, got int"),
    ],
)
def test_a_plugin_that_does_not_work_is_named_with_its_traceback_when_it_is_used(target: str, code: str, message: str) -> None:
    write_plugin(Path("envs"), "broken", {"honey": target}, code=code)
    assert isinstance(make_world("waits"), Waits)

    with pytest.raises(PluginError, match=rf"(?s)^the world 'honey' of envs/broken-world \(broken-world 0.3\) .*{message}"):
        make_world("honey")


def test_what_a_world_says_of_its_settings_stays_what_it_is() -> None:
    code = "from marl_ppo.errors import ConfigError\ndef hive(num_envs):\n    raise ConfigError('no bees')"
    write_plugin(Path("envs"), "broken", {"honey": "hive"}, code=code)

    with pytest.raises(ConfigError, match=r"^no bees$"):
        make_world("honey")


def test_a_script_that_does_not_work_is_named() -> None:
    code = "def cry(group, spec):\n    return 1 / 0\ndef five(group, spec):\n    return 5"
    scripts = '"honey.players" = "broken:cry"\n"wax.players" = "broken:five"'
    write_plugin(Path("envs"), "broken", {}, scripts=scripts, code=code)
    spec = make_world("waits").spec

    with pytest.raises(PluginError, match=r"(?s)the script 'honey.players' of .* raised an error\n\nTraceback .*ZeroDivision"):
        scripted_policy("honey", spec.groups[0], spec)
    with pytest.raises(PluginError, match=r"the script 'wax.players' of .*'broken:five' must return a Policy, got int"):
        scripted_policy("wax", spec.groups[0], spec)


def test_two_plugins_cannot_share_a_modules_name() -> None:
    """Python knows a module by its name alone: the second would silently be the first."""
    write_plugin(Path("envs"), "hive", {"honey": "hive"})
    write_plugin(Path("envs/others"), "hive", {"wax": "hive"}).rename("envs/wax-world")
    make_world("honey")

    with pytest.raises(PluginError, match=r"its module 'hive' is another one already, .*envs/hive-world/.*; give it a name"):
        make_world("wax")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[project", "is not TOML"),
        ('[project]\nentry-points = "hive"', "must name its entry points as"),
        ('[project.entry-points."marl_ppo.worlds"]\nhoney = 5', "must name its entry points as"),
        ("project = 5", "must name its entry points as"),
    ],
)
def test_a_folder_that_cannot_be_read_is_told_and_disturbs_nobody(text: str, fault: str) -> None:
    write_plugin(Path("envs"), "hive", {"honey": "hive"})
    Path("envs/amiss").mkdir()
    Path("envs/amiss/pyproject.toml").write_text(text)

    assert list(plugins.unreadable()) == [Path("envs/amiss")]
    assert fault in plugins.unreadable()[Path("envs/amiss")]
    assert isinstance(make_world("honey"), Waits)


def test_a_name_that_nobody_claims_is_answered_with_the_nearest_of_all() -> None:
    write_plugin(Path("envs"), "hive", {"honeycomb": "hive"})

    with pytest.raises(UnknownNameError, match=r"No world is called 'honeycob'\. Did you mean 'honeycomb'\?"):
        make_world("honeycob")


def test_any_group_of_entry_points_can_be_asked_for() -> None:
    """What a registry of another kind merges with its own."""
    folder = write_plugin(Path("envs"), "hive", {})
    with (folder / "pyproject.toml").open("a") as file:
        file.write('[project.entry-points."marl_ppo.encoders"]\nantennae = "hive:hive"\n')

    assert plugins.entries(plugins.ENCODERS)["antennae"].load().__name__ == "hive"
    assert "antennae" not in plugins.entries(plugins.WORLDS)


def test_a_plugin_names_further_scripts_behind_a_colon() -> None:
    write_plugin(Path("envs"), "hive", {"honey": "hive"}, scripts='"honey.players:lazy" = "hive:drone"')
    spec = make_world("waits").spec

    assert type(scripted_policy("honey", spec.groups[0], spec, "lazy")).__name__ == "UniformPolicy"
    with pytest.raises(UnknownNameError, match=r"'scripted:eager'. It has `scripted:lazy`\."):
        scripted_policy("honey", spec.groups[0], spec, "eager")
    with pytest.raises(UnknownNameError, match=r"'scripted'. It has `scripted:lazy`\."):
        scripted_policy("honey", spec.groups[0], spec)
