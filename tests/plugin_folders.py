"""Plugins as people write them: in the workspace's envs, or installed."""

from pathlib import Path

HIVE = """
from marl_ppo.envs.probes.waits import Waits

def hive(num_envs, agents: int = 2):
    return Waits(num_envs=num_envs)

def number(num_envs):
    return 5

def stung(num_envs):
    raise ValueError("bees")

def drone(group, spec):
    from marl_ppo.agents.scripted import uniform_policy

    return uniform_policy(group)
"""


def write_plugin(place: Path, module: str, worlds: dict[str, str], *, scripts: str = "", code: str = HIVE) -> Path:
    """The folder `place`/MODULE-world, with a package MODULE and a pyproject.toml; `worlds` is name → callable."""
    folder = place / f"{module}-world"
    (folder / module).mkdir(parents=True)
    (folder / module / "__init__.py").write_text(code)
    named = "\n".join(f'{name} = "{module}:{target}"' for name, target in worlds.items())
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{module}-world"\nversion = "0.3"\ndescription = "{module}: bees gather honey"\n'
        f'[project.entry-points."marl_ppo.worlds"]\n{named}\n[project.entry-points."marl_ppo.scripts"]\n{scripts}\n'
    )
    return folder


def write_distribution(site: Path, module: str, worlds: dict[str, str]) -> None:
    """What pip leaves in site-packages: a module and its metadata."""
    info = site / f"{module}_dist-1.2.dist-info"
    info.mkdir(parents=True)
    (site / f"{module}.py").write_text(HIVE)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {module}-dist\nVersion: 1.2\nSummary: {module} as installed\n"
    )
    named = "\n".join(f"{name} = {module}:{target}" for name, target in worlds.items())
    (info / "entry_points.txt").write_text(f"[marl_ppo.worlds]\n{named}\n")
