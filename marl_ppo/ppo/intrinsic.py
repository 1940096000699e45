"""What workers are paid for following a manager: intrinsic rewards of the literature. Pure functions.

Axes: B rows, D numbers of a place.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def distance(places: Float[Tensor, "B D"], others: Float[Tensor, "B D"]) -> Float[Tensor, " B"]:
    """Euclidean."""
    return torch.linalg.vector_norm(places - others, dim=-1)


def progress(before: Float[Tensor, "B D"], after: Float[Tensor, "B D"], subgoal: Float[Tensor, "B D"]) -> Float[Tensor, " B"]:
    """How much nearer to an absolute subgoal a step has led."""
    return distance(before, subgoal) - distance(after, subgoal)


def potential_progress(
    before: Float[Tensor, "B D"], after: Float[Tensor, "B D"], subgoal: Float[Tensor, "B D"], *, gamma: float
) -> Float[Tensor, " B"]:
    """The same as a potential, minus the distance: the best way to the subgoal stays the best (Ng, Harada and Russell 1999)."""
    return distance(before, subgoal) - gamma * distance(after, subgoal)


def offset_reward(
    before: Float[Tensor, "B D"], after: Float[Tensor, "B D"], offset: Float[Tensor, "B D"]
) -> Float[Tensor, " B"]:
    """HIRO's: minus the distance from where the offset was to lead (Nachum et al. 2018, arXiv:1805.08296, eq. 3)."""
    return -distance(before + offset, after)


def next_offset(
    before: Float[Tensor, "B D"], after: Float[Tensor, "B D"], offset: Float[Tensor, "B D"]
) -> Float[Tensor, "B D"]:
    """HIRO's subgoal a step later, which is the same place seen from where the worker is now (eq. 2)."""
    return before + offset - after


def direction_reward(moves: Float[Tensor, "B C D"], directions: Float[Tensor, "B C D"]) -> Float[Tensor, " B"]:
    """FuN's: mean cosine between the moves s_t - s_{t-i} and the directions wanted then, i = 1 ... C (Vezhnevets et al. 2017,
    arXiv:1703.01161, eq. 8)."""
    return torch.nn.functional.cosine_similarity(moves, directions, dim=-1).mean(-1)


def skill_reward(log_q: Float[Tensor, " B"], num_skills: int) -> Float[Tensor, " B"]:
    """DIAYN's: log q(z | s) - log p(z) under a uniform p, at most log of the number of skills (Eysenbach et al. 2019,
    arXiv:1802.06070, eq. 3). `log_q` is what the discriminator gives the skill that is pursued."""
    return log_q + math.log(num_skills)


def option_value(beta: Float[Tensor, " B"], option: Float[Tensor, " B"], state: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """U of arriving with an option that ends with chance `beta`: (1 - beta) Q + beta V (Bacon et al. 2017)."""
    return (1 - beta) * option + beta * state
