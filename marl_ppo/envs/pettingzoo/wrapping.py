"""SuperSuit's preprocessing by name: `resize,grayscale,frame_stack=4` puts the wrappers around an env in that order.

SuperSuit (Terry, Black and Hari 2020, arXiv:2008.08932) serves Parallel, AEC and Gymnasium envs alike.
"""

from collections.abc import Callable
from typing import Any

import supersuit

from marl_ppo.errors import ConfigError, UnknownNameError

Make = Callable[..., Any]


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height or width)


WRAPPERS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[str], Any], str | None]] = {
    "resize": (lambda env, size: supersuit.resize_v1(env, *size), _size, "84x84"),
    "grayscale": (lambda env, _: supersuit.color_reduction_v0(env, mode="full"), str, ""),
    "channel": (lambda env, channel: supersuit.color_reduction_v0(env, mode=channel), str, None),
    "frame_stack": (lambda env, frames: supersuit.frame_stack_v1(env, frames), int, "4"),
    "frame_skip": (lambda env, steps: supersuit.frame_skip_v0(env, steps), int, "4"),
    "max_observation": (lambda env, frames: supersuit.max_observation_v0(env, frames), int, "2"),
    "sticky_actions": (lambda env, chance: supersuit.sticky_actions_v0(env, chance), float, "0.25"),
    "delay_observations": (lambda env, steps: supersuit.delay_observations_v0(env, steps), int, None),
    "normalize": (lambda env, _: supersuit.normalize_obs_v0(env), str, ""),
    "flatten": (lambda env, _: supersuit.flatten_v0(env), str, ""),
    "agent_indicator": (lambda env, _: supersuit.agent_indicator_v0(env), str, ""),
    "black_death": (lambda env, _: supersuit.black_death_v3(env), str, ""),
    "pad_observations": (lambda env, _: supersuit.pad_observations_v0(env), str, ""),
    "pad_actions": (lambda env, _: supersuit.pad_action_space_v0(env), str, ""),
    "clip_reward": (lambda env, bound: supersuit.clip_reward_v0(env, -bound, bound), float, "1"),
}
"""name → how to wrap an env with the argument, how the argument is read, and its default; None where one must be given"""


def wrapped(env: Any, wrap: str) -> Any:
    """`env` in the wrappers that `wrap` names. Raises UnknownNameError with the nearest name, ConfigError on an argument."""
    for entry in filter(None, wrap.split(",")):
        name, _, text = entry.strip().partition("=")
        if name not in WRAPPERS:
            raise UnknownNameError.near("wrapper", name, WRAPPERS, otherwise=f"There are {', '.join(WRAPPERS)}.")
        around, read, default = WRAPPERS[name]
        if not text and default is None:
            raise ConfigError(f"the wrapper {name!r} needs an argument, as in {name}=2")
        try:
            argument = read(text or default or "")
        except ValueError as error:
            raise ConfigError(f"the wrapper {name!r} cannot take the argument {text!r}: {error}") from error
        try:
            env = around(env, argument)
        except (AssertionError, ValueError, TypeError) as error:
            raise ConfigError(f"the wrapper {name!r} does not fit this env: {error}") from error
    return env
