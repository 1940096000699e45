"""What becomes of a match that a person has played: a replay in the workspace, and a row in a league."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from marl_ppo.envs.world import World
from marl_ppo.evaluation.replays import new_file, save_replay
from marl_ppo.leagues.ladder import scores_of
from marl_ppo.leagues.learner import part_in_words
from marl_ppo.leagues.persons import PersonalLeague
from marl_ppo.leagues.ratings import Z_95
from marl_ppo.play.episodes import EpisodeLog
from marl_ppo.play.play import Observer
from marl_ppo.play.seating import Player
from marl_ppo.replays.files import SUFFIX
from marl_ppo.replays.recorder import Recorder
from marl_ppo.replays.replay import Origin

FOLDER = Path("replays")


class Finisher:
    """Called when a match is over, or was left; its observers have watched it."""

    def __init__(
        self, world: World, agent: str, players: Mapping[str, Player], league: PersonalLeague | None, opponent: str
    ) -> None:
        self.origin: Origin | None = None
        """of the match that is played now, if it is a branch"""
        self._world, self._agent, self._players, self._league, self._opponent = world, agent, players, league, opponent
        spec = world.spec
        self._team = next(t for g in spec.groups for a, t in zip(g.agents, g.team, strict=True) if a == agent)
        self._log = EpisodeLog(spec, 1)
        self._recorder = Recorder(world) if "resimulate" in spec.capabilities else None
        self.observers: list[Observer] = [self._log, *([self._recorder] if self._recorder else [])]

    def __call__(self, whole: bool) -> Sequence[str]:
        """Returns what to tell, a line each, which is printed as well."""
        rated = self._rate(whole)  # first, since a rated match counts even where its replay cannot be kept
        told = [*(self._save() if whole else []), *rated]
        for line in told:
            print(line, flush=True)
        # In the window there is little room.
        return [line.replace(f"{FOLDER}/", "").removesuffix(SUFFIX) for line in told]

    def _save(self) -> list[str]:
        if self._recorder is None:
            return []
        saved = []
        for recording in self._recorder.take().all():
            sides = [player.name for player in self._players.values()]
            path = new_file(FOLDER, self._world.spec.id, sides, datetime.date.today().isoformat())
            note, origin = f"played by hand as {self._agent}", self.origin
            self.origin = None
            try:
                save_replay(recording, self._world.spec, self._players, path, note=note, origin=origin)
            except OSError as error:
                # The window stays: who plays on may have made room by the end of the next match.
                saved.append(f"not saved: {error.filename}: {error.strerror}")
            else:
                saved.append(f"saved as {path}")
        return saved

    def _rate(self, whole: bool) -> list[str]:
        spec, league = self._world.spec, self._league
        episodes = self._log.take()
        if league is None or (whole and not len(episodes)):
            return []
        together = len(spec.teams) == 1
        if not whole and together:  # a return cannot be told of half an episode
            return []
        score = float(scores_of(spec, episodes, np.array([self._team]))[0]) if whole else 0.0
        side = frozenset([self._agent]) if together else self._team_agents()
        how = f"return {score:.2f} with" if together else f"{_WORDS[score]} against"
        text = f"played {self._agent}: {how} {self._opponent}" + ("" if whole else ", having left")
        rating = league.add(
            self._opponent,
            part_in_words(spec, side),
            score,
            teams=(spec.teams[self._team],),
            together=together,
            text=text,
        )
        if rating is None:
            return [f"counted in {league.folder.name}"]
        left = "" if whole else "you left a rated match, which is lost; "
        return [
            f"{left}{league.name}: rating {rating.conservative:.1f} (μ {rating.mu:.1f} ± {Z_95 * rating.sigma:.1f}) after "
            f"{rating.games} game{'s' * (rating.games > 1)} in {league.folder.name}"
        ]

    def _team_agents(self) -> frozenset[str]:
        groups = self._world.spec.groups
        return frozenset(a for g in groups for a, t in zip(g.agents, g.team, strict=True) if t == self._team)


_WORDS = {0.0: "lost", 0.5: "drew", 1.0: "won"}
