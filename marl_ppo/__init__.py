"""Multi-agent PPO in games: worlds, policies, training, evaluation and a viewer.

The public names; each is imported on first use, so that the command line and worker processes start fast.
"""

import importlib
from typing import Any

from marl_ppo.kernel_cache import use_own_folder

use_own_folder()

_HOMES = {
    "make_world": "marl_ppo.envs",
    "register_world": "marl_ppo.envs",
    "parallel_env": "marl_ppo.envs.pettingzoo",
    "train": "marl_ppo.training.run",
    "preset": "marl_ppo.training.config_file",
    "load": "marl_ppo.training.players",
    "find_player": "marl_ppo.training.players",
    "evaluate": "marl_ppo.evaluation.evaluate",
    "match": "marl_ppo.evaluation.match",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'marl_ppo' has no attribute {name!r}; it has {', '.join(_HOMES)}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
