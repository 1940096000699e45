"""A trained actor as one function of named tensors, with nothing around it: what is written to files for other programs.

inputs, those that the actor reads, B rows (seats that decide now):
LEAF            [B, *leaf]   a leaf of obs by its name, of the world's dtype
action_mask     bool [B, K]  True means legal
agent_index     int64 [B]    the agent's number inside its team
is_start        bool [B]     the seat's first decision of an episode: memory is forgotten
memory          float32 [B, M]
noise           float32 [B, H], uniform on (0, 1)
outputs:
logits          float32 [B, K], those of illegal actions -1e10; for continuous actions mean and log_std, [B, D] each
action          the most probable one, inside its space
sampled_action  the one that `noise` picks, inside its space
next_memory     float32 [B, M]: `memory` of the seat's next decision
"""

import copy
from typing import NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Float
from torch import Tensor, nn

from marl_ppo.agents.actor_critic import Actor
from marl_ppo.agents.distributions import masked_logits
from marl_ppo.agents.observations import flat_obs
from marl_ppo.envs.world import Group, ObsLeaf

RESERVED = ("action_mask", "agent_index", "is_start", "memory", "noise")
"""inputs that are no leaf of obs"""


class Port(NamedTuple):
    """An input or output."""

    name: str
    dtype: str
    """as numpy names it"""
    shape: tuple[int, ...]
    """of one row"""
    about: str


class PortablePolicy(nn.Module):
    """An actor's twin: the same numbers on any device, from the inputs it reads to all that may be asked of it."""

    low: Tensor
    high: Tensor

    def __init__(self, actor: Actor, group: Group) -> None:
        super().__init__()
        # The optimiser's actor is left as it is.
        self.actor = copy.deepcopy(actor).cpu().eval().requires_grad_(False)
        # Few programs that read files know bfloat16.
        self.actor.trunk.autocast = False
        self.leaves = {leaf: input_name(leaf) for leaf in group.obs}
        """leaf → input"""
        self.is_continuous = isinstance(group.action, spaces.Box)
        self.inputs, self.outputs = _inputs(actor, group), _outputs(actor, group)
        if isinstance(group.action, spaces.Box):
            self.register_buffer("low", torch.from_numpy(group.action.low))
            self.register_buffer("high", torch.from_numpy(group.action.high))

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """The outputs, in the order of `outputs`, from the inputs in the order of `inputs`."""
        known = {port.name: tensor for port, tensor in zip(self.inputs, given, strict=True)}
        obs = {leaf: known[name] for leaf, name in self.leaves.items()}
        rows = next(iter(obs.values()))[..., :0].flatten(1)
        nobody = rows.sum(-1).long()  # zeros, of as many rows
        params, memory = self.actor(
            flat_obs(obs),
            known.get("agent_index", nobody),
            known.get("is_start", nobody.bool()),
            known.get("memory", rows.float()),
        )
        outputs: tuple[Tensor, ...]
        if self.is_continuous:
            mean, log_std = params.chunk(2, -1)
            sampled = mean + log_std.exp() * normal_quantile(known["noise"])
            outputs = (mean, log_std, mean.clamp(self.low, self.high), sampled.clamp(self.low, self.high))
        else:
            mask = known.get("action_mask")
            # As in `sample_categorical`, where a factor of nearly 1 does it; those who optimise graphs take that for 1.
            noise = known["noise"].clamp(max=1 - 2.0**-23)
            greedy, sampled = (self.actor.head.sample(params, noise, mask, greedy) for greedy in (True, False))
            outputs = (masked_logits(params, mask), greedy, sampled)
        return (*outputs, memory) if self.actor.memory_size else outputs


def input_name(leaf: str) -> str:
    """Of a leaf of obs: its own, unless something else is called so."""
    return f"obs.{leaf}" if leaf in RESERVED else leaf


def normal_quantile(uniform: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """Where the standard normal distribution reaches `uniform`: Wichura 1988, algorithm AS 241 (Applied Statistics 37, 477),
    PPND7, right to about 1e-6. `torch.special.ndtri` has no counterpart in ONNX; this is arithmetic that every runtime has.

    Numbers nearer to 0 or 1 than 2⁻²⁴ are taken for 2⁻²⁴ and 1 - 2⁻²⁴; the algorithm's outermost branch, below 1e-11, is
    therefore left out.
    """
    centred = uniform - 0.5
    near = 0.180625 - centred.square()
    far = (-torch.minimum(uniform, 1 - uniform).clamp(min=2.0**-24).log()).sqrt() - 1.6
    centre = centred * _polynomial(near, *_CENTRE_ABOVE) / _polynomial(near, *_CENTRE_BELOW)
    tail = centred.sign() * _polynomial(far, *_TAIL_ABOVE) / _polynomial(far, *_TAIL_BELOW)
    return torch.where(centred.abs() <= 0.425, centre, tail)


_CENTRE_ABOVE = (3.3871327179, 50.434271938, 159.29113202, 59.109374720)
_CENTRE_BELOW = (1.0, 17.895169469, 78.757757664, 67.187563600)
_TAIL_ABOVE = (1.4234372777, 2.7568153900, 1.3067284816, 0.17023821103)
_TAIL_BELOW = (1.0, 0.73700164250, 0.12021132975)


def _polynomial(x: Tensor, *coefficients: float) -> Tensor:
    """Of the coefficients, that of x⁰ first."""
    value = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = value * x + coefficient
    return value


def _inputs(actor: Actor, group: Group) -> tuple[Port, ...]:
    ports = [
        Port(input_name(leaf), np.dtype(space.dtype).name, space.shape, _about_leaf(leaf, space))
        for leaf, space in group.obs.items()
    ]
    if group.masked:
        ports.append(Port("action_mask", "bool", (group.mask_size,), "True where an action is legal"))
    if actor.num_indices:
        ports.append(Port("agent_index", "int64", (), "the agent's number inside its team"))
    if actor.memory_size:
        ports.append(Port("is_start", "bool", (), "True at an agent's first decision of an episode"))
        ports.append(Port("memory", "float32", (actor.memory_size,), "next_memory of the agent's decision before"))
    ports.append(Port("noise", "float32", (actor.noise_size,), "uniform on (0, 1); read by sampled_action only"))
    return tuple(ports)


def _about_leaf(leaf: str, space: ObsLeaf) -> str:
    if isinstance(space, spaces.MultiDiscrete):
        return f"obs {leaf}: tokens, each below {space.nvec.max()}"
    low, high = float(np.min(space.low)), float(np.max(space.high))
    return f"obs {leaf}, {low:g} to {high:g}" if np.isfinite([low, high]).all() else f"obs {leaf}"


def _outputs(actor: Actor, group: Group) -> tuple[Port, ...]:
    dtype, shape = np.dtype(group.action_dtype).name, group.action_shape
    if isinstance(group.action, spaces.Box):
        params = [
            Port("mean", "float32", shape, "of each component's normal distribution, not clipped"),
            Port("log_std", "float32", shape, "log of its standard deviation"),
        ]
    else:
        illegal = ", illegal ones -1e10" if group.masked else ""
        params = [Port("logits", "float32", (actor.head.param_size,), f"log-probabilities up to a constant{illegal}")]
    clipped = ", clipped to the Box" if isinstance(group.action, spaces.Box) else ""
    actions = [
        Port("action", dtype, shape, f"the most probable one{clipped}"),
        Port("sampled_action", dtype, shape, f"the one that noise picks{clipped}"),
    ]
    memory = [Port("next_memory", "float32", (actor.memory_size,), "for the agent's next decision")]
    return (*params, *actions, *(memory if actor.memory_size else []))
