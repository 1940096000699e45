"""Whom AlphaStar's three roles meet: Vinyals et al. 2019 (Nature 575), supplementary pseudo-code, as probabilities.

win_rates   [K], of the learner against each player; leave those of few games at 1/2
frozen      indices of all players that no longer learn
exploiters  indices of the frozen ones that came from main exploiters
mains       for each main agent that is learning now, its index → the indices of its frozen past selves, oldest first; one of
            them is picked evenly, and what each role does with it is averaged here
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marl_ppo.leagues.sampling import Probabilities, Weighting, forgotten, pfsp

Indices = Sequence[int] | NDArray[np.int64]
PFSP_SHARE = 0.5
VERIFICATION_SHARE = 0.15
BEATEN_BY_EXPLOITERS = 0.3
"""a win rate below it against any exploiter has them met until it is mended"""
FORGOTTEN = 0.7
"""a win rate below it against a past self, see `forgotten`, has those met"""
TOO_STRONG = 0.3
"""a main agent meets another one only above this win rate, else its past"""
HOPELESS = 0.1
"""a main exploiter meets a main agent only above this win rate, else its past"""


def main_agent(
    win_rates: ArrayLike,
    *,
    frozen: Indices,
    exploiters: Indices,
    mains: Mapping[int, Indices],
    pfsp_share: float = PFSP_SHARE,
    verification_share: float = VERIFICATION_SHARE,
) -> Probabilities:
    """[K]: half hard PFSP over all that are frozen; 15 % verification; 35 % self-play, the learner itself being a main.

    verification  exploiters, by hard PFSP, if one of them wins more than 70 %; else forgotten past selves, by hard PFSP, if
                  one of them wins more than 30 %; else self-play
    self-play     the picked main agent, or its past by variance PFSP if it wins 70 % or more

    While nobody is frozen all of it is self-play.
    """
    x = np.asarray(win_rates, np.float64)
    probabilities = np.zeros(len(x))
    for main, past in _some(mains).items():
        self_play = _main_or_past(x, main, past, TOO_STRONG)
        met = _among(x, frozen, "hard") if len(frozen) else self_play
        checked = _verification(x, exploiters, past)
        probabilities += pfsp_share * met + verification_share * (self_play if checked is None else checked)
        probabilities += (1 - pfsp_share - verification_share) * self_play
    return probabilities / len(mains)


def main_exploiter(win_rates: ArrayLike, *, mains: Mapping[int, Indices]) -> Probabilities:
    """[K]: the picked main agent if beaten in more than 10 %, else its past by variance PFSP, a curriculum towards it."""
    x = np.asarray(win_rates, np.float64)
    return np.mean([_main_or_past(x, main, past, HOPELESS) for main, past in _some(mains).items()], axis=0)


def league_exploiter(win_rates: ArrayLike, *, frozen: Indices) -> Probabilities:
    """[K]: capped PFSP over all that are frozen."""
    if not len(frozen):
        raise ValueError("a league exploiter needs a frozen player to meet, got none")
    return _among(np.asarray(win_rates, np.float64), frozen, "capped")


def _verification(x: NDArray[np.float64], exploiters: Indices, past: Indices) -> Probabilities | None:
    if len(exploiters) and _met(x, exploiters).min() < BEATEN_BY_EXPLOITERS:
        return _among(x, exploiters, "hard")
    lost = np.asarray(past, np.int64)[forgotten(_met(x, past))]
    if len(lost) and _met(x, lost).min() < FORGOTTEN:
        return _among(x, lost, "hard")
    return None


def _main_or_past(x: NDArray[np.float64], main: int, past: Indices, bar: float) -> Probabilities:
    if _met(x, [main])[0] > bar or not len(past):
        return np.eye(len(x))[main]
    return _among(x, past, "variance")


def _among(x: NDArray[np.float64], players: Indices, weighting: Weighting) -> Probabilities:
    """[K]: PFSP over some of the players."""
    probabilities = np.zeros(len(x))
    probabilities[np.asarray(players, np.int64)] = pfsp(x[np.asarray(players, np.int64)], weighting)
    return probabilities


def _met(x: NDArray[np.float64], players: Indices) -> NDArray[np.float64]:
    """Win rates of some, 1/2 where never met."""
    return np.nan_to_num(x[np.asarray(players, np.int64)], nan=0.5)


def _some(mains: Mapping[int, Indices]) -> Mapping[int, Indices]:
    if not mains:
        raise ValueError("a league needs a main agent, got none")
    return mains
