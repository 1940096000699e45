"""Kernels never call the C library's mathematics, whose last bits differ from machine to machine.

The library's square root, absolute value and rounding are exact by IEEE 754, so they are allowed.
"""

import importlib
import math
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from numba import jit, njit
from numba.core.dispatcher import Dispatcher

import marl_ppo.envs
from marl_ppo.envs import make_world, registered_worlds, world_settings

INEXACT = (
    "exp|exp2|exp10|expm1|log|log2|log10|log1p|pow|powi|cbrt|hypot|sin|cos|tan|sincos|asin|acos|atan|atan2|"
    "sinh|cosh|tanh|asinh|acosh|atanh|erf|erfc|tgamma|lgamma|ldexp|fma|fmuladd"
)
LIBRARY_CALL = re.compile(rf"call [^@\n]*@(?:llvm\.|numba_|_*)(?:{INEXACT})f?(?:\.[a-z0-9.]+)?\(")
LOOSE_MATHS = re.compile(r"= f(?:add|sub|mul|div|neg) [a-z ]*(?:fast|contract|reassoc|arcp|afn)\b")
FUSED = re.compile(r"\bv?fn?m(?:add|sub)")


def faults(kernel: Dispatcher, signature: Any) -> list[str]:
    """What a kernel does that another machine may do otherwise. Compiled anew, since cached code hides its text."""
    fresh = jit(**kernel.targetoptions)(kernel.py_func)
    fresh.compile(signature)
    intermediate, machine = fresh.inspect_llvm(fresh.signatures[0]), fresh.inspect_asm(fresh.signatures[0])
    found = LIBRARY_CALL.findall(intermediate) + LOOSE_MATHS.findall(intermediate) + FUSED.findall(machine)
    return [f"{name_of(kernel)}: {what}" for what in found]


def name_of(kernel: Dispatcher) -> str:
    return f"{kernel.py_func.__module__}.{kernel.py_func.__name__}"


def kernels() -> Iterator[Dispatcher]:
    """Every compiled function under marl_ppo.envs, once."""
    seen: set[int] = set()
    for info in pkgutil.walk_packages(marl_ppo.envs.__path__, "marl_ppo.envs."):
        for value in vars(importlib.import_module(info.name)).values():
            own = isinstance(value, Dispatcher) and value.py_func.__module__.startswith("marl_ppo.envs")
            if own and id(value) not in seen:
                seen.add(id(value))
                yield value


def play_two_steps(world_id: str, **config: Any) -> None:
    world = make_world(world_id, num_envs=2, **config)
    outputs = world.reset(np.arange(2, dtype=np.uint64))
    rng = np.random.default_rng(0)
    for _ in range(2):
        actions = []
        for group, mask in zip(world.spec.groups, outputs.action_mask, strict=True):
            shape = (2, len(group.agents), *group.action_shape)
            if isinstance(group.action, spaces.Box):
                actions.append(rng.uniform(0, 1, shape).astype(np.float32))
            else:
                actions.append(np.zeros(shape, np.int64))
                if mask is not None and isinstance(group.action, spaces.Discrete):
                    actions[-1] = mask.argmax(axis=-1)
        outputs = world.step(actions)
        outputs = world.reset(np.arange(2, dtype=np.uint64), where=outputs.ended)


def test_no_kernel_of_any_world_depends_on_the_machine() -> None:
    """Every registered world is played, with every kind of action it has, so that all its kernels are compiled."""
    for registration in registered_worlds():
        play_two_steps(registration.id)
        if "action" in world_settings(registration.id):
            play_two_steps(registration.id, action="continuous")
    checked: dict[tuple[str, Any], list[str]] = {}
    while waiting := [
        (kernel, signature)
        for kernel in kernels()
        for signature in kernel.signatures
        if (name_of(kernel), signature) not in checked
    ]:  # compiling a kernel anew compiles what it calls, which then waits its turn
        for kernel, signature in waiting:
            checked[name_of(kernel), signature] = faults(kernel, signature)

    assert {"advance", "reward_tag", "observe_spread", "exp", "log1p"} <= {name.split(".")[-1] for name, _ in checked}
    assert [fault for found in checked.values() for fault in found] == []


@pytest.mark.parametrize("function", [math.exp, math.log1p, math.sin, np.cos, np.tanh, math.atan])
def test_a_library_call_is_found(function: Any) -> None:
    """The control: the check above can fail."""

    @njit
    def kernel(x: float) -> float:
        return function(x)

    kernel(0.5)

    assert faults(kernel, kernel.signatures[0])


def test_loose_arithmetic_is_found() -> None:
    @njit(fastmath=True)
    def kernel(x: float) -> float:
        return x * x + 1.0

    kernel(0.5)

    assert faults(kernel, kernel.signatures[0])
