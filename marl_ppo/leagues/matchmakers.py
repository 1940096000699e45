"""Whom a learner meets, when it is kept, and whether it begins anew: one class per role, chosen by name in a recipe.

A matchmaker keeps nothing between calls: all it may know is in the `View`, so that a resumed league decides as an
uninterrupted one. Others come with plugins, under the entry-point group `marl_ppo.matchmakers`.

The roles main, main_exploiter and league_exploiter are AlphaStar's (Vinyals et al. 2019, Nature 575, pseudo-code), with a
random opponent's branches turned into one distribution.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any, Literal, Protocol

import numpy as np

from marl_ppo import plugins
from marl_ppo.envs.world import Array
from marl_ppo.errors import ConfigError, UnknownNameError
from marl_ppo.leagues import alphastar, meta_solvers, sampling
from marl_ppo.play.bank import SELF
from marl_ppo.training.config_file import from_settings

EXPLOITERS = ("main_exploiter", "league_exploiter")
"""roles whose players are strong against some, and no candidates for the title"""
Trigger = Literal["skill", "timeout"]
Distribution = dict[str, float]
"""player's name → chance of meeting it; SELF is the learner itself, on all seats"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opponent:
    """Somebody that a learner may meet."""

    name: str
    learner: str
    """whose weights these are or were; empty for anchors and guests"""
    role: str
    """the matchmaker of that learner"""
    live: bool
    """whether it still learns"""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The league as one learner sees it at the beginning of a turn."""

    learner: str
    together: bool
    """whether the world has one team, so that others are partners and nobody is beaten"""
    plays_everything: bool
    """whether it can sit on all seats, so that it can meet itself"""
    opponents: Sequence[Opponent]
    """who can play with it; those that were kept come oldest first"""
    win_rates: Array
    """[opponents]: of the learner, lately; ½ where they never met"""
    trusted: Array
    """bool [opponents]: enough games for the win rate to decide anything"""
    meta_game: Callable[[], Array]
    """tells [frozen, frozen] of the opponents that are frozen: what each gets against each; not for nothing, so on demand"""
    steps: int
    """of the learner since it was kept last"""
    snapshot_steps: int
    snapshot_timeout: int
    beats: float

    def frozen(self, *roles: str, learner: str | None = None) -> list[int]:
        """Places of the opponents that no longer learn, of some roles or one learner if told."""
        return [
            place
            for place, one in enumerate(self.opponents)
            if not one.live and (not roles or one.role in roles) and learner in (None, one.learner)
        ]

    def live(self, role: str) -> list[int]:
        """Places of the other learners of a role."""
        return [place for place, one in enumerate(self.opponents) if one.live and one.role == role]

    def exploitable(self) -> list[int]:
        """Places of the other learners that are no exploiters."""
        return [place for place, one in enumerate(self.opponents) if one.live and one.role not in EXPLOITERS]

    def weighted(self, places: Sequence[int], chances: Array) -> Distribution:
        """A distribution over some places."""
        return {self.opponents[p].name: float(c) for p, c in zip(places, chances, strict=True) if c > 0}


class Matchmaker(Protocol):
    """A role in a league."""

    def distribution(self, view: View) -> Distribution:
        """Whom the learner meets in the coming turn; sums to 1."""

    def trigger(self, view: View) -> Trigger | None:
        """Why the learner is to be kept now, or None."""

    def resets(self, chance: float, view: View) -> str | None:
        """Whose weights it goes on with, having been kept: SELF are its own first ones, otherwise those that a learner has
        now; None if it goes on as it is. `chance` is uniform on [0, 1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfPlay:
    """Plain self-play: the learner meets itself as it is now, and nobody else."""

    def distribution(self, view: View) -> Distribution:
        return _itself(view)

    def trigger(self, view: View) -> Trigger | None:
        return "timeout" if view.steps >= view.snapshot_timeout else None

    def resets(self, chance: float, view: View) -> str | None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class FictitiousPlay(SelfPlay):
    """Everybody who was ever kept, alike (Heinrich et al. 2015)."""

    def distribution(self, view: View) -> Distribution:
        places = view.frozen()
        return view.weighted(places, sampling.uniform(len(places))) if places else _itself(view)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaUniform(SelfPlay):
    """The newest part of those who were kept (Bansal et al. 2018, arXiv:1710.03748), and the learner itself."""

    delta: float = 0.5
    """0 all of history, 1 the latest only"""
    self_play: float = 0.5
    """share of games against itself"""

    def __post_init__(self) -> None:
        _require_shares(self_play=self.self_play)
        _require_shares(delta=self.delta)

    def distribution(self, view: View) -> Distribution:
        places = view.frozen()
        if not places:
            return _itself(view)
        past = view.weighted(places, sampling.delta_uniform(len(places), self.delta))
        return _mixed((self.self_play, _itself(view)), (1 - self.self_play, past))


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest(SelfPlay):
    """The player that was kept last, and the learner itself: self-play that forgets who came before."""

    self_play: float = 0.7
    """share of games against itself"""

    def __post_init__(self) -> None:
        _require_shares(self_play=self.self_play)

    def distribution(self, view: View) -> Distribution:
        places = view.frozen()
        if not places:
            return _itself(view)
        past = view.weighted(places, sampling.latest(len(places)))
        return _mixed((self.self_play, _itself(view)), (1 - self.self_play, past))


@dataclass(frozen=True, slots=True, kw_only=True)
class Prioritised(SelfPlay):
    """PFSP over everybody who was kept, and the learner itself."""

    weighting: sampling.Weighting = "hard"
    """hard: those that beat it; variance: equals; linear; capped: linear, but nobody too rarely"""
    power: float = 2.0
    self_play: float = 0.2
    """share of games against itself"""

    def __post_init__(self) -> None:
        _require_shares(self_play=self.self_play)

    def distribution(self, view: View) -> Distribution:
        past = _pfsp(view, view.frozen(), self.weighting, self.power)
        return _mixed((self.self_play, _itself(view)), (1 - self.self_play, past)) if past else _itself(view)

    def trigger(self, view: View) -> Trigger | None:
        return _beats(view, view.frozen())


@dataclass(frozen=True, slots=True, kw_only=True)
class Main:
    """AlphaStar's main agent: half PFSP, a third itself, the rest those it loses to or forgot to beat.

    Where it meets itself all seats learn, so more self-play is more to learn from in as many steps of the world.
    """

    pfsp: float = alphastar.PFSP_SHARE
    """share of games against all that were kept, those that beat it most of all"""
    verification: float = alphastar.VERIFICATION_SHARE
    """share of games against those it loses to or forgot to beat; the rest is self-play"""

    def __post_init__(self) -> None:
        _require_shares(pfsp=self.pfsp, verification=self.verification)

    def distribution(self, view: View) -> Distribution:
        met = _Met(view)
        chances = alphastar.main_agent(
            met.win_rates,
            frozen=view.frozen(),
            exploiters=view.frozen("main_exploiter"),
            mains=met.mains(),
            pfsp_share=self.pfsp,
            verification_share=self.verification,
        )
        return met.named(chances)

    def trigger(self, view: View) -> Trigger | None:
        return _beats(view, view.frozen())

    def resets(self, chance: float, view: View) -> str | None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class MainExploiter:
    """Finds what the main agents of now are weak against; begins anew each time it was kept."""

    begins_as: Literal["new", "main"] = "new"
    """new: with its first weights; main: with those of a main agent, which it could not reach in time where games are hard,
    as AlphaStar's exploiters begin with what was learned from people"""

    def distribution(self, view: View) -> Distribution:
        mains = {place: view.frozen(learner=view.opponents[place].name) for place in view.exploitable()}
        if not mains:
            raise ConfigError(f"learner {view.learner!r} is a main_exploiter, but nobody else learns who is no exploiter")
        met = _Met(view)
        return met.named(alphastar.main_exploiter(met.win_rates, mains=mains))

    def trigger(self, view: View) -> Trigger | None:
        return _beats(view, view.exploitable())

    def resets(self, chance: float, view: View) -> str | None:
        mains = view.exploitable()
        return view.opponents[mains[int(chance * len(mains))]].name if self.begins_as == "main" else SELF


@dataclass(frozen=True, slots=True, kw_only=True)
class LeagueExploiter:
    """Finds what the whole league is weak against; begins anew one time in four."""

    reset: float = 0.25

    def __post_init__(self) -> None:
        _require_shares(reset=self.reset)

    def distribution(self, view: View) -> Distribution:
        met, frozen = _Met(view), view.frozen()
        if not frozen:
            return _itself(view)
        return met.named(alphastar.league_exploiter(met.win_rates, frozen=frozen))

    def trigger(self, view: View) -> Trigger | None:
        return _beats(view, view.frozen())

    def resets(self, chance: float, view: View) -> str | None:
        return SELF if chance < self.reset else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySpaceResponse:
    """PSRO (Lanctot et al. 2017, arXiv:1711.00832): best responses to a meta-solver's mixture of those who were kept.

    With the meta-solver uniform it is fictitious play by best responses, with nash the double oracle.
    """

    meta_solver: str = "nash"
    """one of `leagues.meta_solvers.SOLVERS`"""
    fresh: bool = True
    """whether each response begins with new weights"""

    def __post_init__(self) -> None:
        meta_solvers.find_solver(self.meta_solver)

    def distribution(self, view: View) -> Distribution:
        if view.together or not view.plays_everything:
            raise ConfigError(
                f"psro solves games of two teams that each player can play both of, and learner {view.learner!r} cannot; "
                "use pfsp or fictitious_play"
            )
        places = view.frozen()
        return view.weighted(places, meta_solvers.solve(self.meta_solver, view.meta_game())) if places else _itself(view)

    def trigger(self, view: View) -> Trigger | None:
        return "timeout" if view.steps >= view.snapshot_timeout else None

    def resets(self, chance: float, view: View) -> str | None:
        return SELF if self.fresh else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Partners(SelfPlay):
    """For worlds with one team: plays with itself, with the others that learn now, and with all that were kept.

    The others of now let a population agree on one convention; those who were kept, beginners among them, teach to get on
    with partners of every strength (Strouse et al. 2021, "Fictitious co-play", arXiv:2110.08176).
    """

    self_play: float = 0.25
    """share of games with nobody but itself"""
    learning: float = 0.375
    """share of games with others that learn; these are played with those who were kept where nobody else learns"""
    anchors: float = 0.0
    """share of games with anchors and guests, who never learn, if the recipe has `meets_anchors`"""

    def __post_init__(self) -> None:
        _require_shares(self_play=self.self_play, learning=self.learning, anchors=self.anchors)

    def distribution(self, view: View) -> Distribution:
        live = [place for place, one in enumerate(view.opponents) if one.live]
        anchors = view.frozen(learner="")
        kept = [place for place in view.frozen() if place not in anchors]
        if not (live or anchors or kept):
            return _itself(view)
        learning, scripts = self.learning * bool(live), self.anchors * bool(anchors)
        parts = [(self.self_play, _itself(view))]
        # What learners and anchors leave is for those who were kept.
        for share, places in ((learning, live), (scripts, anchors), (1 - self.self_play - learning - scripts, kept)):
            if places:
                parts.append((share, view.weighted(places, sampling.uniform(len(places)))))
        total = sum(share for share, _ in parts)
        return _mixed(*((share / total, chances) for share, chances in parts))


BUILT_IN: Mapping[str, type[Any]] = {
    "self_play": SelfPlay,
    "fictitious_play": FictitiousPlay,
    "delta_uniform": DeltaUniform,
    "latest": Latest,
    "pfsp": Prioritised,
    "main": Main,
    "main_exploiter": MainExploiter,
    "league_exploiter": LeagueExploiter,
    "psro": PolicySpaceResponse,
    "partners": Partners,
}


def make_matchmaker(name: str, settings: Mapping[str, Any]) -> Matchmaker:
    """A matchmaker by name. Raises UnknownNameError with the nearest one, ConfigError for settings that it does not have."""
    offered = plugins.entries(plugins.MATCHMAKERS)
    if name not in BUILT_IN and name not in offered:
        known = [*BUILT_IN, *offered]
        raise UnknownNameError.near("matchmaker", name, known, otherwise=f"There are {', '.join(known)}.")
    kind: type[Any] = BUILT_IN.get(name) or offered[name].load()
    # What is no dataclass checks its settings itself.
    by_hints = is_dataclass(kind)
    made: Matchmaker = (
        from_settings(kind, settings, source=f"matchmaker {name!r}") if by_hints else offered[name].call(**settings)
    )
    return made


def _itself(view: View) -> Distribution:
    """The learner itself where it can sit everywhere, else the others that learn."""
    if view.plays_everything:
        return {SELF: 1.0}
    others = [one.name for one in view.opponents if one.live] or [one.name for one in view.opponents]
    if not others:
        raise ConfigError(f"there is nobody to play the other teams against learner {view.learner!r}; add a learner that does")
    return dict.fromkeys(others, 1 / len(others))


class _Met:
    """The players of a view, and the learner itself as the last one where it can meet itself."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.win_rates = np.append(np.where(view.trusted, view.win_rates, sampling.UNMET), sampling.UNMET)

    def mains(self) -> dict[int, list[int]]:
        """Each main agent of now → its past selves; where there is none, the others that learn."""
        view = self._view
        found = {place: view.frozen(learner=view.opponents[place].name) for place in view.live("main")}
        if view.plays_everything:
            found[len(view.opponents)] = view.frozen(learner=view.learner)
        return found or {place: view.frozen(learner=one.learner) for place, one in enumerate(view.opponents) if one.live}

    def named(self, probabilities: Array) -> Distribution:
        """The distribution by name."""
        names = [*(one.name for one in self._view.opponents), SELF]
        return {name: float(chance) for name, chance in zip(names, probabilities, strict=True) if chance > 0}


def _require_shares(**shares: float) -> None:
    """Of games: each from 0 to 1, and so is their sum."""
    if min(shares.values()) < 0 or sum(shares.values()) > 1:
        told = " and ".join(shares)
        got = ", ".join(map(str, shares.values()))
        together = ", together" if len(shares) > 1 else ""
        raise ConfigError(f"{told} must be at least 0 and{together} at most 1, got {got}")


def _mixed(*parts: tuple[float, Distribution]) -> Distribution:
    mixed: Distribution = {}
    for weight, distribution in parts:
        for name, chance in distribution.items():
            mixed[name] = mixed.get(name, 0.0) + weight * chance
    return {name: chance for name, chance in mixed.items() if chance > 0}


def _pfsp(view: View, places: Sequence[int], weighting: sampling.Weighting, power: float = 2.0) -> Distribution:
    if not places:
        return {}
    believed = np.where(view.trusted, view.win_rates, sampling.UNMET)
    return view.weighted(places, sampling.pfsp(believed[list(places)], weighting, power))


def _beats(view: View, places: Sequence[int]) -> Trigger | None:
    """Skill once all of them are beaten in enough games; timeout after long enough in any case."""
    if view.steps >= view.snapshot_timeout:
        return "timeout"
    beaten = all(view.trusted[p] and view.win_rates[p] > view.beats for p in places)
    return "skill" if places and beaten and view.steps >= view.snapshot_steps else None
