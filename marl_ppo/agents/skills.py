"""Skills: subgoals that mean nothing at first, and come to lead to different places (DIAYN, Eysenbach et al. 2019,
arXiv:1802.06070).

The worker is paid log q(z | s) - log p(z) at every step: for being where one can tell which skill z it pursues. Of a state s
the cell of the world counts, so the discriminator q need not be a network: it is a table of how often each skill was pursued
in each cell, which is the best fit there is. p is uniform, whatever managers prefer: each skill's counts weigh the same.
"""

from collections.abc import Mapping

import torch
from gymnasium import spaces
from jaxtyping import Float, Int64
from torch import Tensor

from marl_ppo.agents.place_reader import PlaceReader
from marl_ppo.agents.subgoals import Endless
from marl_ppo.envs.world import Group
from marl_ppo.errors import FileFormatError
from marl_ppo.ppo.intrinsic import skill_reward

SKILLS = 8
KEEPS = 0.9
"""what is left of all counts after a rollout, since workers change"""


class Skills(Endless):
    """Satisfies `SubgoalSpace` and `Learned`. Until a skill has been seen in a cell nothing is paid there."""

    def __init__(self, group: Group) -> None:
        super().__init__(spaces.Discrete(SKILLS), "skill")
        self._read = PlaceReader.of(group, "skill")
        columns, lines = self._read.whereabouts.cells
        self._counts = torch.zeros(columns * lines, SKILLS)

    def reward(
        self, chosen: Int64[Tensor, " B"], before: Float[Tensor, "B d"], after: Float[Tensor, "B d"]
    ) -> Float[Tensor, " B"]:
        """At most log of the number of skills, where no other leads."""
        log_q = self.log_q(after)[torch.arange(len(chosen)), chosen]
        return skill_reward(log_q, SKILLS)

    def log_q(self, obs: Float[Tensor, "B d"]) -> Float[Tensor, "B K"]:
        """How probable each skill is where an agent is; every count begins with one."""
        totals = self._counts.sum(0)
        weighed = self._counts * (totals.mean() / totals.clamp(min=1e-6)) + 1
        return (weighed / weighed.sum(-1, keepdim=True)).log()[self._read.cell(obs)]

    def learn(self, chosen: Int64[Tensor, " B"], after: Float[Tensor, "B d"]) -> None:
        """See `Learned`."""
        met = torch.bincount(self._read.cell(after) * SKILLS + chosen, minlength=self._counts.numel())
        self._counts = KEEPS * self._counts + met.view_as(self._counts)

    def state(self) -> dict[str, Tensor]:
        """See `Learned`."""
        return {"counts": self._counts}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """See `Learned`. Raises FileFormatError where it is of another world."""
        if state["counts"].shape != self._counts.shape:
            raise FileFormatError("the checkpoint's skills are of a world of another size: was the run's config.toml changed?")
        self._counts = state["counts"].clone()
