"""How exploitable is a player: train one that does nothing but beat it, and see how often it does.

A lower bound on the true exploitability: what this learner found within this budget, from new weights. Where the game has
a tree, `leagues.exact` tells the true one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from marl_ppo.envs.registry import make_world
from marl_ppo.envs.world import WorldSpec
from marl_ppo.errors import ConfigError
from marl_ppo.evaluation.statistics import Interval, wilson_interval
from marl_ppo.leagues.ladder import Fixture, can_meet, parts_of, play_fixtures
from marl_ppo.leagues.sampling import systematic_draw
from marl_ppo.play.bank import Bank
from marl_ppo.play.seating import Player
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.fused.playing import fastest_stack
from marl_ppo.training.trainer import Progress, Trainer

SLOTS = 64
RESPONDER = "responder"
COPIES = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploited:
    """What a best response got out of its target."""

    target: Mapping[str, float]
    """player → how often it was met"""
    steps: int
    """world steps that the responder trained"""
    seconds: float
    games: int
    score: float
    """of the responder: wins and half the draws, over games on held-out seeds"""
    interval: Interval
    """Wilson, 95 %"""
    responder: Player


def responder_config(config: TrainConfig, *, total_steps: int, seed: int) -> TrainConfig:
    """How a best response trains in a league one of whose learners trains as `config` says: all of it, from new weights."""
    free = replace(config.hierarchy, frozen="none")
    return replace(config, total_steps=total_steps, seed=seed, learn=(), start_from=None, hierarchy=free)


def exploit(
    spec: WorldSpec,
    config: TrainConfig,
    target: Mapping[str, float],
    players: Mapping[str, Player],
    *,
    games: int = 1000,
    on_update: Callable[[Progress], Any] = lambda progress: None,
) -> Exploited:
    """Train a best response to a mixture of players, then measure it in `games` games on seeds that it has not met.

    `config` tells the budget and the seed. Raises ConfigError for a world with one team, where there is nobody to exploit.
    """
    if len(spec.teams) != 2:
        raise ConfigError(f"world {spec.id!r} has no two teams, so nobody can be exploited; see its cross-play instead")
    everyone = frozenset(spec.agents)
    agents = frozenset.intersection(*(frozenset(players[name].policies) for name in target))
    parts = [parts_of(spec)[place] for place in can_meet(spec, everyone, agents)]
    if not parts:
        raise ConfigError(f"{', '.join(target)} play no whole team of world {spec.id!r}")
    names = list(target)
    chances = np.array([target[name] for name in names])
    drawn = systematic_draw(chances / chances.sum(), SLOTS, 0.5)
    slots = [names[place] for place in drawn]
    bank = Bank(spec, parts, seed=config.seed, make_stack=fastest_stack)
    with Trainer(config, bank=bank) as trainer:
        bank.fill(slots, players)
        progress = None
        while not trainer.finished:
            progress = trainer.train_once()
            on_update(progress)
        responder = Player(name=RESPONDER, policies=dict(bank.learner.policies))
        fixtures = [
            Fixture(RESPONDER, name, int(n))
            for name, n in zip(*np.unique(_spread(chances, names, games), return_counts=True), strict=True)
        ]
        world = make_world(config.world, num_envs=min(COPIES, games), **config.world_config)
        try:
            played = play_fixtures(world, fixtures, {**players, RESPONDER: responder}, seed=config.seed, purpose="exploit")
        finally:
            world.close()
        scores = np.concatenate([one.scores for one in played])
        return Exploited(
            target=dict(target),
            steps=trainer.steps,
            seconds=trainer.seconds,
            games=len(scores),
            score=float(scores.mean()),
            interval=wilson_interval(float(scores.sum()), len(scores)),
            responder=responder,
        )


def _spread(chances: Any, names: list[str], games: int) -> list[str]:
    return [names[place] for place in systematic_draw(chances / chances.sum(), games, 0.5)]
