"""One learner of a league: its trainer, its bank, its folder, and what it did in a turn."""

import copy
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from marl_ppo.envs.world import WorldSpec
from marl_ppo.errors import ConfigError, FileFormatError
from marl_ppo.leagues.ladder import can_meet, parts_of, scores_of, team_of_part
from marl_ppo.leagues.matchmakers import Distribution, Matchmaker, make_matchmaker
from marl_ppo.leagues.recipe import LearnerConfig, Recipe
from marl_ppo.leagues.sampling import systematic_draw
from marl_ppo.play.bank import SELF, Bank
from marl_ppo.play.episodes import Episodes
from marl_ppo.play.seating import Player
from marl_ppo.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, write_folder
from marl_ppo.training.config_file import save_config
from marl_ppo.training.fused.playing import fastest_stack
from marl_ppo.training.policies import acting
from marl_ppo.training.record import RECORD, cut_metrics, to_json
from marl_ppo.training.start import START, begun_anew, load_start
from marl_ppo.training.tensorboard import TensorBoard
from marl_ppo.training.trainer import Progress, Trainer

CHECKPOINTS = "checkpoints"


@dataclass(slots=True)
class Turn:
    """What a learner met and did in a turn."""

    progress: Progress | None = None
    scores: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    """(opponent, part in words) → the learner's scores in the order of the games"""


class Learner:
    """A learner at work."""

    def __init__(self, recipe: Recipe, config: LearnerConfig, spec: WorldSpec, folder: Path) -> None:
        self.config, self.folder, self._spec = config, folder, spec
        self.matchmaker: Matchmaker = make_matchmaker(config.matchmaker, config.settings)
        self.train_config = recipe.train_config(config)
        self._turn_updates, self._slots = recipe.turn_updates, recipe.slots
        teams = config.plays or spec.teams
        self.agents = frozenset(
            agent for group in spec.groups for agent, t in zip(group.agents, group.team, strict=True) if spec.teams[t] in teams
        )
        self.parts = [part for part in parts_of(spec) if part <= self.agents]
        self.bank = Bank(spec, self.parts, seed=self.train_config.seed, make_stack=fastest_stack)
        start = self._start()
        self.trainer = Trainer(self.train_config, bank=self.bank, start=start)
        self.untaught = [] if start is None else begun_anew(start, self.trainer.setup.learners)
        """policies that the player it starts from lacks"""
        self._open = ExitStack()
        self._saved, self._saved_at = "", 0

    @property
    def name(self) -> str:
        """The learner's name in the league."""
        return self.config.name

    @property
    def plays_everything(self) -> bool:
        """Whether it can sit on all seats."""
        return self.agents == frozenset(self._spec.agents)

    def can_meet(self, agents: frozenset[str]) -> bool:
        """Whether a player of some agents can fill the seats that the learner leaves, whichever part it takes."""
        everyone = frozenset(self._spec.agents)
        return bool(can_meet(self._spec, self.agents, agents)) and all(everyone - part <= agents for part in self.parts)

    def frozen_copy(self) -> Player:
        """The learner as it is now, for the others to meet."""
        policies = {name: learner.policy for name, learner in self.trainer.setup.learners.items()}
        copies = {name: copy.deepcopy(policy.actor).cpu() for name, policy in policies.items()}
        return Player(name=self.name, policies=acting(self._spec, self.train_config, copies))

    def prepare(self, chances: Distribution, u: float, load: Callable[[list[str]], Mapping[str, Player]]) -> None:
        """Fill the bank for a turn: K slots from one uniform number `u`."""
        names = list(chances)
        probabilities = np.array([chances[name] for name in names])
        drawn = systematic_draw(probabilities / probabilities.sum(), self._slots, u)
        slots = [names[place] for place in drawn]
        wanted = dict.fromkeys([*slots, *self.bank.in_play])
        self.bank.fill(slots, load([name for name in wanted if name != SELF]))

    def train(self, on_update: Callable[[Progress], None] = lambda progress: None) -> Turn:
        """Train a turn's updates and write their record."""
        turn = Turn()
        for _ in range(self._turn_updates):
            if self.trainer.finished:
                break
            turn.progress = self.trainer.train_once()
            self._record(turn.progress)
            for episodes in turn.progress.episodes:
                self._add(turn, episodes)
            on_update(turn.progress)
        return turn

    def open_record(self) -> None:
        """Begin, or go on with, the learner's metrics.jsonl and TensorBoard."""
        self.folder.mkdir(parents=True, exist_ok=True)
        save_config(self.train_config, self.folder / "config.toml")
        cut_metrics(self.folder, self.trainer.update)
        self._lines = self._open.enter_context((self.folder / RECORD).open("a", buffering=1))
        self._board = self._open.enter_context(TensorBoard(self.folder, resumed_at=self.trainer.steps))

    def save(self) -> str:
        """Write a checkpoint, whole or not at all, the record before it; returns its name.

        What was saved and has not trained since, its budget being used up, is left as it is.
        """
        if self._saved_at != self.trainer.update:
            self._lines.flush()
            os.fsync(self._lines.fileno())
            self._saved = save_checkpoint(self.folder / CHECKPOINTS, self.trainer.checkpoint(), keep=2).name
            self._saved_at = self.trainer.update
        return self._saved

    def restore(self, name: str, load: Callable[[list[str]], Mapping[str, Player]]) -> None:
        """Go on from a checkpoint that `save` named."""
        checkpoint = load_checkpoint(self.folder / CHECKPOINTS / name)
        bank = checkpoint.counters["bank"]
        self.bank.restore(bank["residents"], bank["slots"], load([n for n in bank["residents"] if n != SELF]))
        self.trainer.restore(checkpoint)
        self._saved, self._saved_at = name, self.trainer.update

    def begin_anew(self, model: "Learner | None" = None) -> None:
        """Forget what was learned, for the first weights or for what another learner knows now; optimisers begin anew, too.

        Raises ConfigError where the other one has other networks.
        """
        if model is None:
            self.trainer.begin_anew()
            return
        try:
            self.trainer.begin_anew(model.weights())
        except FileFormatError as error:
            told = f"learner {self.name!r} cannot begin as {model.name!r}, whose networks differ; give both the same ones"
            raise ConfigError(told) from error

    def weights(self) -> Checkpoint:
        """What to keep of the learner as it is now."""
        return self.trainer.learners()

    def close(self) -> None:
        """End its threads, worlds and files."""
        self._open.close()
        self.trainer.close()

    def _start(self) -> Checkpoint | None:
        """What it begins with, and begins anew with, if that is somebody else's: as it was when the league began, whatever
        becomes of that player."""
        if self.train_config.start_from is None:
            return None
        kept = self.folder / START
        if not kept.exists():
            found = load_start(self.train_config)
            assert found is not None
            write_folder(kept, found)
        return load_checkpoint(kept)

    def _record(self, progress: Progress) -> None:
        line = {"update": progress.update, "steps": progress.steps, "seconds": progress.seconds, **progress.metrics}
        self._lines.write(to_json(line) + "\n")
        self._board.write(progress)

    def _add(self, turn: Turn, episodes: Episodes) -> None:
        parts = episodes.labels["part"]
        teams = np.array([team_of_part(self._spec, part) for part in self.bank.parts])
        scores = scores_of(self._spec, episodes, teams[parts])
        for opponent, part, score in zip(episodes.labels["opponent"], parts, scores, strict=True):
            name = self.bank.residents[opponent]
            if name != SELF or len(self._spec.teams) == 1:
                key = (name or self.name, self.part_in_words(int(part)))
                turn.scores.setdefault(key, []).append(float(score))

    def part_in_words(self, part: int) -> str:
        """A team, or the agents of one."""
        return part_in_words(self._spec, self.bank.parts[part])


def part_in_words(spec: WorldSpec, part: frozenset[str]) -> str:
    """A team's name, or the agents of one, in the world's order."""
    for team in spec.teams:
        number = spec.teams.index(team)
        whole = {a for g in spec.groups for a, t in zip(g.agents, g.team, strict=True) if t == number}
        if part == whole:
            return team
    return "+".join(agent for agent in spec.agents if agent in part)
