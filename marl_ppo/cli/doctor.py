"""`marl-ppo doctor`: what is installed, what is missing, what disturbs."""

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, requires, version

from marl_ppo.errors import ConfigError


def main(arguments: list[str]) -> None:
    """Print one line per finding; what needs a hand begins with `!`."""
    if arguments and set(arguments) <= {"-h", "--help"}:
        print("usage: marl-ppo doctor\n\nLook for what is wrong with this installation.")
        return
    if arguments:
        raise ConfigError(f"doctor takes no arguments, got {' '.join(arguments)!r}; usage: marl-ppo doctor")
    print(f"  Python {platform.python_version()} on {platform.machine()}")
    missing = _packages()
    if _version("pygame") and _version("pygame-ce"):
        print("! pygame is installed beside pygame-ce and overwrites it: pip uninstall pygame, then reinstall pygame-ce")
    if not missing:
        _machine()


def _packages() -> list[str]:
    """Tell about every package that ours requires; returns those that are missing."""
    required = [requirement for requirement in requires("marl_ppo") or [] if "extra ==" not in requirement]
    missing = []
    for name in (re.split(r"[^\w.-]", requirement)[0] for requirement in required):
        found = _version(name)
        if found is None and name == "pygame-ce" and (plain := _version("pygame")):
            print(f"  pygame {plain}, which does as well as pygame-ce")
            continue
        if found is None:
            missing.append(name)
        print(f"  {name} {found}" if found else f"! {name} is not installed: pip install {name}")
    return missing


def _machine() -> None:
    # Not before: these need the packages that were looked for.
    import torch

    from marl_ppo.viewer.window import has_display

    gpu = "; there is a GPU, used where --device cuda says so" if torch.cuda.is_available() else ""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"  {cores} core(s) to train on{gpu}")
    if torch.get_num_threads() > 1 and "OMP_NUM_THREADS" not in os.environ:
        print("  torch would use several threads; training sets its own number (threads in config.toml)")
    print(f"  {'a screen: watch opens a window' if has_display() else 'no screen: watch writes a gif'}")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
