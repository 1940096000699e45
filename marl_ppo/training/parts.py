"""The parts of learning that can be swapped, by the names that settings give them: built in, or of a plugin."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from marl_ppo import plugins
from marl_ppo.errors import UnknownNameError

BUILT_IN: Mapping[str, Mapping[str, str]] = {
    plugins.CRITICS: {"plain": "marl_ppo.agents.actor_critic:Critic"},
    plugins.ADVANTAGES: {"gae": "marl_ppo.ppo.advantages:generalized_advantage"},
    plugins.SURROGATES: {
        "clipped": "marl_ppo.ppo.losses:clipped_surrogate",
        "lenient": "marl_ppo.ppo.losses:lenient_surrogate",
    },
    plugins.SUBGOALS: {
        "place": "marl_ppo.agents.places:Places",
        "thing": "marl_ppo.agents.things:Things",
        "command": "marl_ppo.agents.commands:Commands",
        "skill": "marl_ppo.agents.skills:Skills",
        "action": "marl_ppo.agents.subgoals:Actions",
    },
}
"""group → name → module:callable"""


def find_part(group: str, name: str) -> Callable[..., Any]:
    """What a name means in one of the groups of BUILT_IN. Raises UnknownNameError with the nearest one."""
    if name in BUILT_IN[group]:
        module, _, attribute = BUILT_IN[group][name].partition(":")
        found: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
        return found
    offered = plugins.entries(group)
    if name in offered:
        return offered[name].call
    known = [*BUILT_IN[group], *offered]
    kind = group.removeprefix("marl_ppo.").removesuffix("s")
    raise UnknownNameError.near(kind, name, known, otherwise=f"There are {', '.join(known)}.")
