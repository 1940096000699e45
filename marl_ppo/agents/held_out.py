"""Subgoals that managers never set, kept to be tried later: what a worker makes of a subgoal it was not trained on."""

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Bool, Float
from torch import Tensor

from marl_ppo.agents.subgoals import Learned, Named, SubgoalSpace
from marl_ppo.envs.seeds import stream
from marl_ppo.errors import ConfigError


class HeldOut:
    """A space without some of its subgoals; else as it is. Satisfies `SubgoalSpace`."""

    masked = True

    def __init__(self, space: SubgoalSpace, held_out: Bool[Tensor, " K"]) -> None:
        self.whole, self.held_out = space, held_out
        self.action, self.size = space.action, space.size
        self.shown, self.reached, self.reward, self.place = space.shown, space.reached, space.reward, space.place
        self.names = space.names if isinstance(space, Named) else ()

    @classmethod
    def drawn(cls, space: SubgoalSpace, share: float, seed: int) -> "HeldOut":
        """Without a share of all, drawn by a seed. Raises ConfigError where they cannot be counted, or none would be left."""
        if isinstance(space, Learned):
            raise ConfigError(f"{type(space).__name__} cannot be held out: what one is was learned beside all others")
        if not isinstance(space.action, spaces.Discrete):
            raise ConfigError(f"subgoals can be held out where managers choose one of some, not from {space.action}")
        kinds = int(space.action.n)
        few = round(share * kinds)
        if not 0 < few < kinds:
            raise ConfigError(f"held_out={share} keeps {few} of {kinds} subgoals; keep some, and leave some")
        generator = np.random.Generator(np.random.PCG64(int(stream(seed, "held_out"))))
        order = generator.permutation(kinds)
        held_out = torch.zeros(kinds, dtype=torch.bool)
        held_out[torch.from_numpy(order[:few])] = True
        return cls(space, held_out)

    def legal(self, obs: Float[Tensor, "B d"]) -> Bool[Tensor, "B K"]:
        """Those of the space that are not held out; all that are not where there is none."""
        legal = self.whole.legal(obs) & ~self.held_out
        return legal | (~legal.any(-1, keepdim=True) & ~self.held_out)
