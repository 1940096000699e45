"""`marl-ppo doctor`: what is installed, what is missing, what disturbs."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "torch",
    "numpy",
    "numba",
    "gymnasium",
    "pettingzoo",
    "supersuit",
    "pygame-ce",
    "tensorboard",
    "safetensors",
)


def main(arguments: list[str]) -> None:
    """Print one line per finding; what needs a hand begins with `!`."""
    if arguments:
        print("usage: marl-ppo doctor\n\nLook for what is wrong with this installation.")
        return
    from marl_ppo.training.setup import available_cores

    print(f"  Python {platform.python_version()} on {platform.machine()}, {available_cores()} core(s)")
    for name in PACKAGES:
        found = _version(name)
        print(f"  {name} {found}" if found else f"! {name} is not installed: pip install {name}")
    if _version("pygame") and _version("pygame-ce"):
        print("! pygame is installed beside pygame-ce and overwrites it: pip uninstall pygame, then reinstall pygame-ce")
    import torch

    print(f"  CUDA {'is there' if torch.cuda.is_available() else 'is not there: training runs on the CPU'}")
    if torch.get_num_threads() > 1 and "OMP_NUM_THREADS" not in os.environ:
        print("  torch would use several threads; training sets its own number (threads in config.toml)")
    from marl_ppo.viewer.window import has_display

    print(f"  {'a screen: watch opens a window' if has_display() else 'no screen: watch writes a gif'}")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
