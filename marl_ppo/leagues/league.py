"""The coordinator: turn after turn, learners are matched and train, are kept and reset, and those who were kept are rated.

turn     so many updates of every learner; afterwards everything is saved in one transaction
member   somebody who does not learn: a kept player, an anchor, a guest
ladder   games between members, from which payoffs and ratings are made. Games of learners steer matchmaking only, since
         a learner is another player after every update

A league killed at any moment goes on from its last turn and ends as if nothing had happened: what a turn does follows from
the recipe, the seed and what the turn before it left.
"""

import datetime
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from marl_ppo.envs.registry import make_world
from marl_ppo.envs.seeds import stream
from marl_ppo.envs.world import World
from marl_ppo.errors import ConfigError
from marl_ppo.leagues.counts import DecayedCounts
from marl_ppo.leagues.highlights import Showing
from marl_ppo.leagues.ladder import parts_of
from marl_ppo.leagues.learner import Learner, Turn
from marl_ppo.leagues.listener import LeagueListener, Report
from marl_ppo.leagues.matchmakers import EXPLOITERS, Distribution, Opponent, View
from marl_ppo.leagues.members import Members, anchors_of
from marl_ppo.leagues.payoffs import Payoffs
from marl_ppo.leagues.rankings import Rankings, Results
from marl_ppo.leagues.recipe import Recipe, recipe_from
from marl_ppo.leagues.store import CountRow, EventRow, MatchRow, PlayerRow, RatingRow, Store
from marl_ppo.play.bank import SELF
from marl_ppo.play.seating import Player
from marl_ppo.training.lineups import copies_for
from marl_ppo.training.players import LEARNERS

LADDER_COPIES = 256
LOCK = "lock"
"""an empty file that whoever runs the league holds"""


@dataclass(slots=True)
class _News:
    """What a turn will write."""

    players: list[PlayerRow] = field(default_factory=list)
    matches: list[MatchRow] = field(default_factory=list)
    ratings: list[RatingRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)


class League:
    """A league at work, in its folder. Close it, or use it as a context."""

    def __init__(self, folder: Path, recipe: Recipe, store: Store, world: World) -> None:
        self.folder, self.recipe, self.store, self.spec = folder, recipe, store, world.spec
        self._world = world
        self.members = Members(folder, world.spec)
        self.learners = {
            config.name: Learner(recipe, config, world.spec, folder / LEARNERS / config.name) for config in recipe.learners
        }
        self.counts = DecayedCounts()
        self.rankings = Rankings(world, self.members, seed=recipe.seed, alpha=recipe.promotion_alpha)
        self._executor = ThreadPoolExecutor(recipe.threads) if recipe.threads > 1 else None
        self._showing = Showing(folder, every=recipe.replay_turns, most=recipe.replays)
        self._together = len(world.spec.teams) == 1
        self.turn = 0
        self.chances: dict[str, Distribution] = {}
        """learner → whom it meets in this turn, and how likely"""
        self._begun_anew: list[str] = []
        """learners that were reset at the end of the last turn: games that go on from then were half played by others"""
        self._live = {name: learner.frozen_copy() for name, learner in self.learners.items()}
        """the learners as they were when the turn began"""

    @classmethod
    def create(cls, recipe: Recipe, folder: Path) -> "League":
        """A new league in an empty folder. Raises ConfigError where there is one already."""
        if folder.exists() and any(path.name != LOCK for path in folder.iterdir()):
            raise ConfigError(f"{folder} is not empty; choose another --name, or go on with `league run --resume {folder}`")
        try:
            recipe = recipe.resolved()
            world = _make_world(recipe)
            folder.mkdir(parents=True, exist_ok=True)
            facts = {
                "teams": len(world.spec.teams),
                "world": world.spec.id,
                "version": world.spec.version,
                "config": recipe.world_config,
                "recipe": recipe.as_dict(),
            }
            league = cls(folder, recipe, Store.create(folder, facts), world)
            league._begin()
            for learner in league.learners.values():
                learner.matchmaker.distribution(league._view(learner))
        except BaseException:  # a recipe that cannot work is found out here, and the name is to be free for a better one
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return league

    @classmethod
    def resume(cls, folder: Path) -> "League":
        """Go on from the last turn that was saved. Raises ConfigError where the world is another one by now."""
        store = Store.open(folder, writing=True)
        facts = store.facts()
        recipe = recipe_from(facts["recipe"], source=str(store.file))
        world = _make_world(recipe)
        if (world.spec.id, world.spec.version) != (facts["world"], facts["version"]):
            raise ConfigError(
                f"{folder} is of {facts['world']!r} version {facts['version']}; here it has version {world.spec.version}"
            )
        league = cls(folder, recipe, store, world)
        if store.state():
            league._go_on()
        else:  # it was killed before it had begun
            league._begin()
        return league

    @property
    def finished(self) -> bool:
        """Whether every learner's budget is used up."""
        return all(learner.trainer.finished for learner in self.learners.values())

    @property
    def steps(self) -> int:
        """World steps of all learners."""
        return sum(learner.trainer.steps for learner in self.learners.values())

    def run(
        self,
        *,
        minutes: float | None = None,
        turns: int | None = None,
        listener: LeagueListener | None = None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        """Play turns until the budget, the turns or the minutes are used up, or somebody interrupts: a turn is always ended."""
        listener = listener or LeagueListener()
        began, played = time.perf_counter(), 0
        listener.on_start(self)
        try:
            while not self.finished and (turns is None or played < turns):
                listener.on_turn(self.play_turn(listener))
                played += 1
                if interrupted() or (minutes is not None and time.perf_counter() - began >= 60 * minutes):
                    break
        finally:
            listener.on_stop()

    def play_turn(self, listener: LeagueListener | None = None) -> Report:
        """Match, train, keep, reset, play the ladder, rate, and save it all."""
        listener = listener or LeagueListener()
        began = time.perf_counter()
        turn, news = self.turn + 1, _News()
        self._match(turn)
        trained = self._train(listener)
        for name, did in trained.items():
            self._digest(name, did, news)
        self._begun_anew = []
        for learner in self.learners.values():
            self._keep(learner, turn, news)
        played = self._play_ladder(turn, news, listener)
        self._save(turn, news, time.perf_counter() - began)
        self._showing.show(self.spec, turn, played.highlights)
        return Report(
            turn=turn,
            steps=self.steps,
            progress={name: did.progress for name, did in trained.items() if did.progress is not None},
            events=tuple(news.events),
            members=sum(row.kind != "learner" for row in self._players.values()),
            games=played.games,
            seconds=time.perf_counter() - began,
        )

    def payoffs(self) -> Payoffs:
        """Of all members, in the order in which they joined."""
        names = [row.name for row in self._players.values() if row.kind != "learner"]
        return self.rankings.payoffs(names)

    def close(self) -> None:
        """End threads, worlds and files."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)  # first: a thread may still train, if another one failed
        for learner in self.learners.values():
            learner.close()
        self._world.close()
        self.store.close()

    def __enter__(self) -> "League":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _begin(self) -> None:
        """Turn 0: the anchors, and every learner as it was born."""
        self._players: dict[str, PlayerRow] = {}
        self._kept_at = dict.fromkeys(self.learners, 0)
        self._kept = dict.fromkeys(self.learners, 0)
        self._begun_anew = []
        news = _News()
        for name in anchors_of(self.recipe.anchors, self.spec):
            news.players.append(PlayerRow(name=name, kind="anchor", teams=self.spec.teams))
        for name, learner in self.learners.items():
            role, teams = learner.config.matchmaker, self._teams(learner)
            news.players.append(PlayerRow(name=name, kind="learner", teams=teams, learner=name, role=role))
        self._enter(news.players)
        for learner in self.learners.values():
            self._freeze(learner, 0, "start", news)
            learner.open_record()
        self._commit(0, news, 0.0, checkpoints={})

    def _go_on(self) -> None:
        state = self.store.state()
        self._players = {}
        # A person cannot be asked to play: what people play is rated by itself (persons.py).
        self._enter(row for row in self.store.players() if row.kind != "person")
        self.members.remove_strangers(self._players)
        self.turn = self.store.turn()
        self._kept_at, self._kept = state["kept_at"], state["kept"]
        self._begun_anew = state["begun_anew"]
        self.rankings.restore(self.store, state["title"])
        self.counts.load(self.store.counts())
        for name, learner in self.learners.items():
            if name in state["checkpoints"]:
                learner.restore(state["checkpoints"][name], self._load)
            learner.open_record()

    def _match(self, turn: int) -> None:
        """Decide from what the last turn left whom each learner meets in this one."""
        self._live = {name: learner.frozen_copy() for name, learner in self.learners.items()}
        for place, (name, learner) in enumerate(self.learners.items()):
            chances = learner.matchmaker.distribution(self._view(learner))
            learner.prepare(chances, _uniform(self.recipe.seed, place, turn), self._load)
            self.chances[name] = chances

    def _train(self, listener: LeagueListener) -> dict[str, Turn]:
        def train(name: str) -> Turn:
            return self.learners[name].train(lambda progress: listener.on_update(name, progress))

        if self._executor is None:
            return {name: train(name) for name in self.learners}
        return dict(zip(self.learners, self._executor.map(train, self.learners), strict=True))

    def _digest(self, name: str, did: Turn, news: _News) -> None:
        for (opponent, part), scores in did.scores.items():
            news.matches.append(MatchRow.of("training", name, opponent, part, np.array(scores)))
            if opponent != name and not self._together and not {name, opponent} & set(self._begun_anew):
                self.counts.add(name, opponent, scores)

    def _keep(self, learner: Learner, turn: int, news: _News) -> None:
        """Freeze a learner that is ready, and only then let it begin anew."""
        trigger = learner.matchmaker.trigger(self._view(learner))
        if trigger is None and learner.trainer.finished and learner.trainer.steps > self._kept_at[learner.name]:
            trigger = "timeout"
        if trigger is None:
            return
        self._freeze(learner, turn, trigger, news)
        place = list(self.learners).index(learner.name)
        chance = _uniform(self.recipe.seed, len(self.learners) + place, turn)
        model = learner.matchmaker.resets(chance, self._view(learner))
        if model is not None:
            learner.begin_anew(self.learners[model] if model != SELF else None)
            self.counts.forget(learner.name)
            self._begun_anew.append(learner.name)
            told = f"begins anew as {model}" if model != SELF else "begins anew with its first weights"
            news.events.append(EventRow(kind="reset", player=learner.name, text=told))

    def _freeze(self, learner: Learner, turn: int, trigger: str, news: _News) -> None:
        name = f"{learner.name}-{self._kept[learner.name]}"
        digest = self.members.freeze(name, learner.weights(), learner.train_config)
        row = PlayerRow(
            name=name,
            kind="frozen",
            learner=learner.name,
            role=learner.config.matchmaker,
            teams=self._teams(learner),
            turn=turn,
            steps=learner.trainer.steps,
            trigger=trigger,
            hash=digest,
        )
        self._kept[learner.name] += 1
        self._kept_at[learner.name] = learner.trainer.steps
        self._enter([row])
        news.players.append(row)
        if learner.config.matchmaker not in EXPLOITERS and learner.plays_everything:
            self.rankings.title.challenge(name)
        news.events.append(EventRow(kind="joined", player=name, text=f"kept after {learner.trainer.steps:,} steps ({trigger})"))

    def _play_ladder(self, turn: int, news: _News, listener: LeagueListener) -> Results:
        agents = {row.name: self._agents(row) for row in self._players.values() if row.kind != "learner"}
        record = self.recipe.replays > 0 and "resimulate" in self.spec.capabilities
        played = self.rankings.play(
            agents, games=self.recipe.ladder_games, turn=turn, record=record, on_progress=listener.on_ladder
        )
        news.matches += played.matches
        news.events += played.events
        news.ratings += played.ratings
        return played

    def _view(self, learner: Learner) -> View:
        rows = [
            row
            for row in self._players.values()
            if row.name != learner.name
            and (row.kind != "anchor" or self.recipe.meets_anchors)
            and learner.can_meet(self._agents(row))
        ]
        met = [self.counts[learner.name, row.name] for row in rows]
        frozen = [row.name for row in rows if row.kind != "learner"]
        return View(
            learner=learner.name,
            together=self._together,
            plays_everything=learner.plays_everything,
            opponents=[Opponent(name=row.name, learner=row.learner, role=row.role, live=row.kind == "learner") for row in rows],
            win_rates=np.array([count.win_rate for count in met]),
            trusted=np.array([count.games >= self.recipe.trusted_games for count in met], bool),
            meta_game=lambda: self.rankings.meta_game(frozen),
            steps=learner.trainer.steps - self._kept_at[learner.name],
            snapshot_steps=self.recipe.snapshot_steps,
            snapshot_timeout=self.recipe.snapshot_timeout,
            beats=self.recipe.beats,
        )

    def _load(self, names: Iterable[str]) -> dict[str, Player]:
        wanted = list(names)
        found = self.members.load(name for name in wanted if name not in self._live)
        return found | {name: self._live[name] for name in wanted if name in self._live}

    def _enter(self, rows: Iterable[PlayerRow]) -> None:
        rows = list(rows)
        self._players |= {row.name: row for row in rows}
        self.members.know(row for row in rows if row.kind != "learner")

    def _agents(self, row: PlayerRow) -> frozenset[str]:
        numbers = [self.spec.teams.index(team) for team in row.teams]
        return frozenset(
            agent for group in self.spec.groups for agent, t in zip(group.agents, group.team, strict=True) if t in numbers
        )

    def _teams(self, learner: Learner) -> tuple[str, ...]:
        return learner.config.plays or self.spec.teams

    def _save(self, turn: int, news: _News, seconds: float) -> None:
        checkpoints = {name: learner.save() for name, learner in self.learners.items()}
        self._commit(turn, news, seconds, checkpoints)

    def _commit(self, turn: int, news: _News, seconds: float, checkpoints: Mapping[str, str]) -> None:
        state: dict[str, Any] = {
            "checkpoints": dict(checkpoints),
            "kept_at": self._kept_at,
            "kept": self._kept,
            "begun_anew": self._begun_anew,
            "steps": {name: learner.trainer.steps for name, learner in self.learners.items()},
            "title": self.rankings.title.state(),
        }
        met = {(match.first, match.second) for match in news.matches if match.source == "training"}
        self.store.commit_turn(
            turn,
            state,
            players=news.players,
            matches=news.matches,
            ratings=news.ratings,
            counts=[CountRow(learner=a, player=b, count=self.counts[a, b]) for a, b in sorted(met) if self.counts[a, b].games],
            forgotten=[event.player for event in news.events if event.kind == "reset"],
            events=news.events,
            seconds=seconds,
            ended=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )
        self.turn = turn


def _make_world(recipe: Recipe) -> World:
    config = recipe.train_config(recipe.learners[0])
    copies = copies_for(config.world, LADDER_COPIES)
    world = make_world(config.world, num_envs=copies, **config.world_config)
    parts_of(world.spec)  # refuses worlds of more teams than two
    return world


def _uniform(seed: int, place: int, turn: int) -> float:
    return float(stream(seed, "lineup", place, turn) >> np.uint64(11)) * 2.0**-53
