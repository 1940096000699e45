"""What a league is made of: a world, learners with their matchmakers, and how often things happen. Read from TOML.

world = "soccer"
total_steps = 20_000_000           # of each learner, in world steps of one copy

[world_config]                     # settings of the world
[train]                            # settings of training, laid over the world's preset

[[learners]]
name = "main"
matchmaker = "main"                # and its settings beside it, such as delta = 0.5
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from marl_ppo.errors import ConfigError
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.config_file import from_settings, laid_over, preset

FORMAT_VERSION = 1
World = dict[str, str | int | float | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerConfig:
    """One learner of a league."""

    name: str
    matchmaker: str = "main"
    """whom it meets, and when it is kept and reset: the name of a matchmaker"""
    settings: dict[str, Any] = field(default_factory=dict)
    """of the matchmaker, such as delta = 0.5"""
    plays: tuple[str, ...] = ()
    """teams that it plays; all if empty"""
    train: dict[str, Any] = field(default_factory=dict)
    """settings of its training that differ from the league's"""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z_]\w*", self.name):
            raise ConfigError(f"a learner's name must be letters, digits and _, and not begin with a digit; got {self.name!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A league. Steps are world steps of one copy, all copies of a learner counted."""

    world: str
    learners: tuple[LearnerConfig, ...]
    world_config: World = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)
    """settings of training, laid over the world's preset"""
    seed: int = 0
    total_steps: int = 2_000_000
    """of each learner, unless its own settings of training say otherwise"""
    turn_updates: int = 10
    """updates of each learner in a turn; between turns players are matched, kept, rated and everything is saved"""
    slots: int = 16
    """players that a learner's bank holds at a time"""
    snapshot_steps: int = 50_000
    """a learner is kept after so many steps if it beats everybody it should"""
    snapshot_timeout: int = 100_000
    """and after so many in any case"""
    beats: float = 0.7
    """win rate that counts as beating somebody"""
    trusted_games: int = 30
    """games before a win rate is believed"""
    anchors: tuple[str, ...] = ("random", "scripted")
    """players that never learn, of known strength; random and scripted are left out where the world has none"""
    meets_anchors: bool = False
    """whether learners meet the anchors in training, too"""
    ladder_games: int = 256
    """games a turn between players that do not learn, which ratings and payoffs come from"""
    promotion_alpha: float = 0.05
    """chance at most with which a player no better than the champion is promoted"""
    replays: int = 20
    """replays that are kept of each kind: promotions, and in every `replay_turns`-th turn its first game, and the greatest
    upset since the last such turn"""
    replay_turns: int = 10
    threads: int = 1
    """learners that train side by side"""

    def __post_init__(self) -> None:
        names = [learner.name for learner in self.learners]
        if not names:
            raise ConfigError("a league needs a learner: add [[learners]] with a name to the recipe")
        if twice := {name for name in names if names.count(name) > 1}:
            raise ConfigError(f"two learners are called {', '.join(sorted(twice))}; a name may be used once")
        if taken := sorted({name for name in names if name in ("random", "scripted")}):
            raise ConfigError(f"a learner cannot be called {taken[0]!r}: that is somebody already")
        if len(set(self.anchors)) < len(self.anchors):
            raise ConfigError(f"anchors must differ, got {', '.join(self.anchors)}")
        for name in (
            "total_steps",
            "turn_updates",
            "slots",
            "snapshot_steps",
            "snapshot_timeout",
            "trusted_games",
            "threads",
            "replay_turns",
        ):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.beats < 1 or not 0 < self.promotion_alpha < 1:
            raise ConfigError(f"beats and promotion_alpha must be between 0 and 1, got {self.beats}, {self.promotion_alpha}")

    def as_dict(self) -> dict[str, Any]:
        """What `recipe_from` takes, every setting told."""
        return {"format": FORMAT_VERSION, **asdict(self)}

    def resolved(self) -> "Recipe":
        """The same league, with every setting of its learners' trainings told, so that no later preset changes it."""
        configs = [self.train_config(learner) for learner in self.learners]
        learners = tuple(replace(learner, train=asdict(config)) for learner, config in zip(self.learners, configs, strict=True))
        return replace(self, learners=learners, world_config=configs[0].world_config)

    def train_config(self, learner: LearnerConfig) -> TrainConfig:
        """How one of the learners trains."""
        place = self.learners.index(learner)
        base = preset(self.world)
        own = {
            "world": self.world,
            "world_config": {**base.world_config, **self.world_config},
            "total_steps": learner.train.get("total_steps", self.total_steps),
            "seed": self.seed * 1000 + place,
            "learn": learner.plays,
        }
        settings = laid_over(laid_over(laid_over(asdict(base), self.train), learner.train), own)
        return from_settings(TrainConfig, settings, source=f"the recipe's learner {learner.name!r}")


def recipe_from(settings: Mapping[str, Any], *, source: str) -> Recipe:
    """A recipe from what its TOML holds."""
    settings = dict(settings)
    if (written := settings.pop("format", FORMAT_VERSION)) != FORMAT_VERSION:
        raise ConfigError(f"{source} has format {written!r}; this version of marl_ppo reads {FORMAT_VERSION}")
    learners = settings.pop("learners", [])
    if not isinstance(learners, list) or not all(isinstance(learner, Mapping) for learner in learners):
        raise ConfigError(f"{source}: learners must be tables, each under [[learners]]")
    known = {one.name for one in fields(LearnerConfig)}
    made = []
    for learner in learners:
        own = {name: value for name, value in learner.items() if name in known}
        rest = {name: value for name, value in learner.items() if name not in known}
        own["settings"] = {**own.get("settings", {}), **rest}
        made.append(from_settings(LearnerConfig, own, source=f"{source}, a learner"))
    return from_settings(Recipe, {**settings, "learners": tuple(made)}, source=source)
