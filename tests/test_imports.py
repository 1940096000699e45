"""Imports point one way, and light things stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BELOW = ["envs", "agents", "replays", "play", "evaluation", "training", "leagues", "viewer", "cli"]
ALLOWED = {name: {name, *BELOW[:place]} for place, name in enumerate(BELOW)}
ALLOWED["replays"] = {"replays", "envs"}
ALLOWED["ppo"] = {"ppo"}
ALLOWED["kernels"] = {"kernels"}
ALLOWED["agents"] |= {"ppo", "kernels"}
ALLOWED["training"] |= {"ppo", "kernels"}
LEAGUE_MATHS = ", ".join(
    f"marl_ppo.leagues.{module}"
    for module in ("alphastar", "analysis", "counts", "meta_solvers", "pictures", "promotion", "ratings", "sampling")
)


def imports_of(file: Path) -> set[str]:
    """Second parts of the project's modules that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("marl_ppo.")}


@pytest.mark.parametrize("file", sorted((ROOT / "marl_ppo").glob("*/**/*.py")), ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_point_one_way(file: Path) -> None:
    """cli → viewer → leagues → training → evaluation → play → {agents, replays} → envs; ppo and kernels import nothing."""
    home = file.relative_to(ROOT / "marl_ppo").parts[0]
    folders = {name for name in imports_of(file) if (ROOT / "marl_ppo" / name).is_dir()}

    assert folders <= ALLOWED[home]


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("marl_ppo", {"torch", "numpy"}),
        ("marl_ppo.cli.main", {"torch", "numpy", "tyro"}),
        ("marl_ppo.envs", {"pygame", "torch"}),
        ("marl_ppo.ppo", {"marl_ppo.envs"}),
        (LEAGUE_MATHS, {"torch", "matplotlib", "scipy", "openskill", "marl_ppo.envs", "marl_ppo.training"}),
    ],
)
def test_what_is_light_loads_nothing_heavy(module: str, absent: set[str]) -> None:
    """Simulation has to run on a headless machine and in processes that never train."""
    probe = f"import sys, {module}; print(*{absent!r} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout

    assert loaded.split() == []


def test_the_public_names_are_these() -> None:
    import marl_ppo

    assert sorted(marl_ppo.__all__) == [
        "evaluate",
        "find_player",
        "load",
        "make_world",
        "match",
        "parallel_env",
        "preset",
        "register_world",
        "train",
    ]
    assert all(callable(getattr(marl_ppo, name)) for name in marl_ppo.__all__)
    assert dir(marl_ppo) == sorted(marl_ppo.__all__)
    with pytest.raises(AttributeError, match=r"no attribute 'trian'; it has .*train"):
        _ = marl_ppo.trian
