"""What lies outside the package and is found by name: worlds, players, parts of learning. Finding one imports nothing.

entry   a name, and the "module:callable" it stands for, in one of the groups below
source  where entries come from, first to last: folders in the workspace's `envs`, each with a pyproject.toml that names its
        entry points, installed distributions, and the `envs` that are bundled with marl_ppo; what is built in stands
        before all of them. The first to claim a name has it.

A plugin's code is imported when one of its entries is used, and what is wrong with it is said then, with its traceback.
"""

import importlib
import importlib.metadata
import sys
import tomllib
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from marl_ppo.errors import MarlPPOError, PluginError
from marl_ppo.workspace import places

WORLDS = "marl_ppo.worlds"
"""NAME = "module:callable", called as callable(num_envs=N, **settings); returns a World"""
SCRIPTS = "marl_ppo.scripts"
""""WORLD.GROUP" = "module:callable", called as callable(group, spec); returns a Policy. "WORLD.GROUP:NAME" is one more, which
is played as `scripted:NAME`"""
ENCODERS = "marl_ppo.encoders"
"""NAME = "module:callable", called as callable(space, network_config, generator); returns a module that has a `size` and
takes rows [B, numbers of the leaf] to [B, size], or None for a space that it does not serve"""
CRITICS = "marl_ppo.critics"
"""NAME = "module:callable", called as callable(spec, group, critic_input, network_config, generator); returns a Critic"""
ADVANTAGES = "marl_ppo.advantages"
"""NAME = "module:callable", called as `marl_ppo.ppo.advantages.generalized_advantage` is"""
SURROGATES = "marl_ppo.surrogates"
"""NAME = "module:callable", called as `marl_ppo.ppo.losses.clipped_surrogate` is"""
SUBGOALS = "marl_ppo.subgoals"
"""NAME = "module:callable", called as callable(group); returns an `agents.subgoals.SubgoalSpace`"""
MATCHMAKERS = "marl_ppo.matchmakers"
"""NAME = "module:callable", called as callable(**settings of the recipe); returns a `leagues.matchmakers.Matchmaker`"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One callable of a plugin, not imported yet."""

    group: str
    name: str
    target: str
    """module:callable"""
    package: str
    """name and version of the distribution it belongs to"""
    description: str
    folder: Path | None = None
    """the plugin's folder, where it runs in place; None where it is installed"""

    @property
    def source(self) -> str:
        """Where it comes from, in words."""
        return f"the package {self.package}" if self.folder is None else f"{self.folder} ({self.package})"

    def load(self) -> Any:
        """The callable. Raises PluginError, with the traceback where the plugin's own code raised."""
        module_name, _, name = self.target.partition(":")
        if self.folder is not None and (path := str(self.folder.resolve())) not in sys.path:
            sys.path.insert(0, path)
        try:
            module = importlib.import_module(module_name)
        except (Exception, SystemExit) as error:  # whatever a plugin's code does
            raise self._fault(f"module {module_name!r} cannot be imported", traceback.format_exc()) from error
        file = getattr(module, "__file__", None)
        if self.folder is not None and not (file and Path(file).resolve().is_relative_to(self.folder.resolve())):
            raise self._fault(f"its module {module_name!r} is another one already, {file}; give it a name of its own")
        found = getattr(module, name, None)
        if not callable(found):
            raise self._fault(f"{self.target!r} must name something to call, as module:callable, got {found!r}")
        return found

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Load it and call it. What it raises becomes a PluginError with the traceback, unless it is an error of ours."""
        found = self.load()
        try:
            return found(*args, **kwargs)
        except MarlPPOError:
            raise
        except Exception as error:
            raise self._fault(f"{self.target!r} raised an error", traceback.format_exc()) from error

    def wrong(self, result: Any, wanted: str) -> PluginError:
        """The error for a call that returned something else than `wanted`."""
        return self._fault(f"{self.target!r} must return {wanted}, got {type(result).__name__}")

    def _fault(self, what: str, trace: str = "") -> PluginError:
        kind = self.group.removeprefix("marl_ppo.").removesuffix("s")
        return PluginError(
            f"the {kind} {self.name!r} of {self.source} does not work: {what}" + (f"\n\n{trace}" if trace else "")
        )


def entries(group: str) -> dict[str, Entry]:
    """Entry by name, for a registry to look into after its own."""
    found: dict[str, Entry] = {}
    for entry in claims(group):
        found.setdefault(entry.name, entry)
    return found


def claims(group: str) -> list[Entry]:
    """Every entry of a group, also those whose name an earlier one has."""
    workspace, *shipped = places("envs")
    found = [*_in_place(workspace, group), *_installed(group)]
    return found + [entry for place in shipped for entry in _in_place(place, group)]


def unreadable() -> dict[Path, str]:
    """Folders of plugins whose pyproject.toml tells nothing, and why; to be told where plugins are listed."""
    faults = {}
    for folder in _folders():
        try:
            _read(folder)
        except ValueError as error:
            faults[folder] = str(error)
    return faults


def _folders() -> Iterator[Path]:
    for place in places("envs"):
        yield from sorted(file.parent for file in place.glob("*/pyproject.toml"))


def _in_place(place: Path, group: str) -> Iterator[Entry]:
    for folder in sorted(file.parent for file in place.glob("*/pyproject.toml")):
        try:
            project, targets = _read(folder)
        except ValueError:  # told by `unreadable`; what else there is works
            continue
        package = f"{project.get('name', folder.name)} {project.get('version', '')}".strip()
        about = str(project.get("description", ""))
        for name, target in targets.get(group, {}).items():
            yield Entry(group=group, name=name, target=target, package=package, description=about, folder=folder)


def _read(folder: Path) -> tuple[Mapping[str, Any], Mapping[str, Mapping[str, str]]]:
    """(the table `project`, its entry points) of a plugin's pyproject.toml; raises ValueError saying what is wrong."""
    file = folder / "pyproject.toml"
    try:
        project = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {})
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{file} is not TOML: {error}") from error
    targets = project.get("entry-points", {}) if isinstance(project, dict) else None
    tables = list(targets.values()) if isinstance(targets, dict) else [None]
    if not all(isinstance(table, dict) and all(isinstance(target, str) for target in table.values()) for table in tables):
        raise ValueError(
            f'{file} must name its entry points as [project.entry-points."{WORLDS}"] with NAME = "module:callable"'
        )
    return project, targets or {}


@cache
def _installed(group: str) -> tuple[Entry, ...]:
    found = []
    for point in importlib.metadata.entry_points(group=group):
        package = "?" if point.dist is None else f"{point.dist.name} {point.dist.version}"
        about = "" if point.dist is None else str(point.dist.metadata["Summary"] or "")
        found.append(Entry(group=group, name=point.name, target=point.value, package=package, description=about))
    return tuple(found)
