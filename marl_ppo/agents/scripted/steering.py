"""Steering a particle body: from where to be, to a push, to an action. Bodies coast, so a push allows for the velocity.

offset   a position relative to the player's own: what the worlds' obs hold
push     force along x and y, in units of the strongest that the body has
word     what a talking agent says: the number of a channel
"""

import torch
from gymnasium import spaces
from jaxtyping import Float, Int
from torch import Tensor

from marl_ppo.envs.particle.actions import NUM_MOVES
from marl_ppo.envs.particle.rules import KEPT_SPEED, TIME_STEP
from marl_ppo.envs.world import ActionSpace

BRAKING_S = 0.25
"""how far ahead a velocity counts: coasting to rest takes 0.4 s of it, braking less; the best of 0.2 to 0.4 on spread"""
GAIN = 5.0
"""full push from 0.2 away, which is how far one discrete push carries a body in the end"""
DEAD_ZONE = 0.1
"""the wanted push below which a discrete one would overshoot"""
STRENGTH = 5.0
"""force of a full push where a world sets no other"""


def steer(offset: Float[Tensor, "B 2"], velocity: Float[Tensor, "B 2"]) -> Float[Tensor, "B 2"]:
    """The wanted push, of any size, that brings a body to rest at `offset`."""
    return GAIN * (offset - BRAKING_S * velocity)


def feasible(space: ActionSpace, push: Float[Tensor, "B 2"]) -> Float[Tensor, "B 2"]:
    """The push a body can make: continuous ones up to 1 along both axes, discrete ones of 0 or 1 along the longer."""
    if isinstance(space, spaces.Box):
        return push.clamp(-1.0, 1.0)
    size, axis = push.abs().max(-1, keepdim=True)
    along = torch.zeros_like(push).scatter_(-1, axis, 1.0)
    return torch.where(size > DEAD_ZONE, push.sign() * along, 0.0)


def coast(velocity: Float[Tensor, "B 2"], push: Float[Tensor, "B 2"]) -> Float[Tensor, "B 2"]:
    """The velocity after a step with a feasible push, for a body that nothing bumps into."""
    return KEPT_SPEED * velocity + TIME_STEP * STRENGTH * push


def move(space: ActionSpace, push: Float[Tensor, "B 2"]) -> Tensor:
    """The action (int64 [B], or float32 [B, 5] on a Box) that makes a feasible push."""
    x, y = push.unbind(-1)
    sides = torch.stack([torch.zeros_like(x), -x, x, -y, y], dim=-1).relu()
    # Of equals argmax takes the first: the zero in front wins only where there is no push.
    return sides if isinstance(space, spaces.Box) else sides.argmax(-1)


def say(space: ActionSpace, word: Int[Tensor, "B"], num_words: int) -> Tensor:
    """The action (int64 [B], or float32 [B, num_words] on a Box) that says `word`."""
    return torch.nn.functional.one_hot(word, num_words).float() if isinstance(space, spaces.Box) else word


def move_and_say(space: ActionSpace, moved: Tensor, said: Tensor) -> Tensor:
    """The action of a body that does both, from the actions for each."""
    if isinstance(space, spaces.Box):
        return torch.cat([moved, said], dim=-1)
    return torch.stack([moved, said], dim=-1) if isinstance(space, spaces.MultiDiscrete) else moved + NUM_MOVES * said
