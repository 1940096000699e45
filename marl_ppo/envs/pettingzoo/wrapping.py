"""SuperSuit's preprocessing by name: `resize,grayscale,frame_stack=4` puts the wrappers around an env in that order.

SuperSuit (Terry, Black and Hari 2020, arXiv:2008.08932) serves Parallel, AEC and Gymnasium envs alike.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import supersuit

from marl_ppo.errors import ConfigError, UnknownNameError


class Wrapper(NamedTuple):
    """How to put one around an env."""

    around: Callable[[Any, Any], Any]
    """(env, argument) → the wrapped env"""
    read: Callable[[str], Any]
    """from the argument as it is written"""
    default: str | None = None
    """the argument where none is written; None where one has to be"""


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height or width)


WRAPPERS = {
    "resize": Wrapper(lambda env, size: supersuit.resize_v1(env, *size), _size, "84x84"),
    "grayscale": Wrapper(lambda env, _: supersuit.color_reduction_v0(env, mode="full"), str, ""),
    "channel": Wrapper(lambda env, channel: supersuit.color_reduction_v0(env, mode=channel), str),
    "frame_stack": Wrapper(lambda env, frames: supersuit.frame_stack_v1(env, frames), int, "4"),
    "frame_skip": Wrapper(lambda env, steps: supersuit.frame_skip_v0(env, steps), int, "4"),
    "max_observation": Wrapper(lambda env, frames: supersuit.max_observation_v0(env, frames), int, "2"),
    "sticky_actions": Wrapper(lambda env, chance: supersuit.sticky_actions_v0(env, chance), float, "0.25"),
    "delay_observations": Wrapper(lambda env, steps: supersuit.delay_observations_v0(env, steps), int),
    "normalize": Wrapper(lambda env, _: supersuit.normalize_obs_v0(env), str, ""),
    "flatten": Wrapper(lambda env, _: supersuit.flatten_v0(env), str, ""),
    "agent_indicator": Wrapper(lambda env, _: supersuit.agent_indicator_v0(env), str, ""),
    "black_death": Wrapper(lambda env, _: supersuit.black_death_v3(env), str, ""),
    "pad_observations": Wrapper(lambda env, _: supersuit.pad_observations_v0(env), str, ""),
    "pad_actions": Wrapper(lambda env, _: supersuit.pad_action_space_v0(env), str, ""),
    "clip_reward": Wrapper(lambda env, bound: supersuit.clip_reward_v0(env, -bound, bound), float, "1"),
}


def wrapped(env: Any, wrap: str) -> Any:
    """`env` in the wrappers that `wrap` names. Raises UnknownNameError with the nearest name, ConfigError on an argument."""
    for entry in filter(None, wrap.split(",")):
        name, _, text = entry.strip().partition("=")
        if name not in WRAPPERS:
            raise UnknownNameError.near("wrapper", name, WRAPPERS, otherwise=f"There are {', '.join(WRAPPERS)}.")
        wrapper = WRAPPERS[name]
        if not text and wrapper.default is None:
            raise ConfigError(f"the wrapper {name!r} needs an argument, as in {name}=2")
        try:
            argument = wrapper.read(text or wrapper.default or "")
        except ValueError as error:
            raise ConfigError(f"the wrapper {name!r} cannot take the argument {text!r}: {error}") from error
        try:
            env = wrapper.around(env, argument)
        except (AssertionError, ValueError, TypeError) as error:
            raise ConfigError(f"the wrapper {name!r} does not fit this env: {error}") from error
    return env
