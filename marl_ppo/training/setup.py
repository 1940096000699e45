"""From a config to the parts of a training run: worlds in shards, policies, learners, the collector."""

import re
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from marl_ppo import plugins
from marl_ppo.agents.actor_critic import ActorCritic, Critic
from marl_ppo.agents.policy import Policy
from marl_ppo.envs.registry import make_world
from marl_ppo.envs.seeds import stream
from marl_ppo.envs.world import Array, Group, World, WorldSpec
from marl_ppo.errors import ConfigError, WorldError
from marl_ppo.play.bank import Bank
from marl_ppo.play.episodes import EpisodeLog
from marl_ppo.play.play import Play, SeedSource
from marl_ppo.play.seating import Player, seat_players
from marl_ppo.training.collector import Collector, ForwardCritic, Student
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.elsewhere import ActingElsewhere, ValuesElsewhere
from marl_ppo.training.fused.playing import FusedActing, FusedValues
from marl_ppo.training.fused.source import FusedGradients, why_not_fused
from marl_ppo.training.gradients import PlainGradients
from marl_ppo.training.learner import Learner
from marl_ppo.training.parts import find_part
from marl_ppo.training.rollout import Experience, StepStore
from marl_ppo.training.trpo import TRPOLearner


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A run's parts, wired together."""

    config: TrainConfig
    spec: WorldSpec
    plays: list[Play]
    logs: list[EpisodeLog]
    store: StepStore
    collector: Collector
    students: dict[str, Student]
    learners: dict[str, Learner]
    params: dict[str, float]
    """the world's params for the episodes that start next; to be kept up to date"""
    bank: Bank | None
    """where lineups are drawn from; None where there is only one"""


def build(config: TrainConfig, others: Mapping[str, Player], executor: Executor | None, bank: Bank | None = None) -> Setup:
    """Make everything, with initial weights. `others` play the teams that do not learn, by team name; with a `bank`,
    lineups are drawn from it instead."""
    _check_device(config.device)
    for group, name in ((plugins.ADVANTAGES, config.ppo.advantages), (plugins.SURROGATES, config.ppo.surrogate)):
        find_part(group, name)  # an unknown one is refused before anything runs
    sizes = [len(part) for part in np.array_split(np.arange(config.num_envs), config.threads)]
    ends = np.cumsum([0, *sizes])
    shards = [slice(int(a), int(b)) for a, b in pairwise(ends)]
    worlds = [world_from(config, size) for size in sizes]
    spec = worlds[0].spec
    if any(world.spec != spec for world in worlds):
        raise WorldError(f"world {spec.id!r} is another one each time it is made; train it with threads=1")
    policies = make_policies(spec, config)
    learning = learning_agents(spec, config)

    store = StepStore(spec, config.num_envs, config.num_steps, shards)
    learners, students = {}, {}
    for name, policy in policies.items():
        g = spec.groups.index(_group_of(spec, name))
        fused = _is_fused(policy, spec.groups[g], config)
        learner = _learner(policy, config, fused, executor)
        learners[name] = learner
        actor, critic = _at_play(policy, config, fused)
        experience = Experience.allocate(store, policy, g)
        students[name] = Student(policy, experience, learner.value_norm, actor=actor, critic=critic)
    own = Player(name="learner", policies={agent: students[name].actor for agent, name in learning.items()})
    params = params_at(config, 0.0)
    logs, plays = [], []
    if bank is not None:
        bank.seat_learner(own)
    for world, shard in zip(worlds, shards, strict=True):
        drawn = None if bank is None else bank.shard(shard.start, world.num_envs)
        log = EpisodeLog(spec, world.num_envs, labels={} if drawn is None else drawn.arrays())
        seeds, given = _seeds(config.seed, shard.start), lambda: params
        if drawn is None:
            fixed = seat_players(spec, world.num_envs, [others.get(team, own) for team in spec.teams])
            play = Play(world, fixed.policies, fixed.seats, seeds, greedy=fixed.greedy, observers=[log], params=given)
        else:
            assert bank is not None
            play = Play(world, bank.cast.policies, drawn, seeds, greedy=bank.cast.greedy, observers=[log], params=given)
            drawn.play = play
        logs.append(log)
        plays.append(play)
    for world in worlds:
        world.needs_state = any(policy.critic.shared == "state" for policy in policies.values())
    collector = Collector(plays, shards, store, list(students.values()), executor)
    return Setup(
        config=config,
        spec=spec,
        plays=plays,
        logs=logs,
        store=store,
        collector=collector,
        students=students,
        learners=learners,
        params=params,
        bank=bank,
    )


def params_at(config: TrainConfig, progress: float) -> dict[str, float]:
    """The world's params after a share of the budget: each goes linearly along its values, evenly spaced."""
    found = {}
    for name, values in config.params.items():
        found[name] = float(np.interp(progress, np.linspace(0, 1, len(values)), values))
    return found


def world_from(config: TrainConfig, num_envs: int) -> World:
    """N copies of the world a run trains on."""
    settings: dict[str, Any] = dict(config.world_config)
    return make_world(config.world, num_envs=num_envs, **settings)


def spec_of(config: TrainConfig) -> WorldSpec:
    """What the world a run trains on is, of a copy made and closed for the purpose."""
    world = world_from(config, 1)
    world.close()
    return world.spec


def learning_agents(spec: WorldSpec, config: TrainConfig) -> dict[str, str]:
    """Agent → name of the policy that learns to play it: its group's, or its own where nothing is shared."""
    if unknown := set(config.learn) - set(spec.teams):
        raise ConfigError(f"world {spec.id!r} has no team {sorted(unknown)}; its teams are {list(spec.teams)}")
    teams = [spec.teams.index(team) for team in config.learn or spec.teams]
    return {
        agent: group.name if config.sharing == "group" else agent
        for group in spec.groups
        for agent, team in zip(group.agents, group.team, strict=True)
        if team in teams
    }


def make_policies(spec: WorldSpec, config: TrainConfig) -> dict[str, ActorCritic]:
    """The learning policies by name, with initial weights that follow from the seed and the name's place."""
    policies = {}
    for place, name in enumerate(dict.fromkeys(learning_agents(spec, config).values())):
        generator = torch.Generator().manual_seed(int(stream(config.seed, "weights", place)) >> 1)
        if not re.fullmatch(r"\w[\w.+-]*", name):  # it names a folder of every checkpoint
            raise ConfigError(f"a policy cannot be called {name!r}; give its group another name, with --groups NAME=PATTERN")
        group = _group_of(spec, name)
        critic = find_part(plugins.CRITICS, config.critic)
        policy = ActorCritic(spec, group, config.critic_input, config.network, generator, critic)
        policies[name] = policy.to(config.device)
    return policies


def _group_of(spec: WorldSpec, policy: str) -> Group:
    return next(group for group in spec.groups if policy == group.name or policy in group.agents)


def _check_device(name: str) -> None:
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"torch cannot use the device {name!r} here: {reason}; leave --device out to use the CPU") from error


def _is_fused(policy: ActorCritic, group: Group, config: TrainConfig) -> bool:
    """Whether hand-derived code plays and, under PPO, learns."""
    reason = why_not_fused(policy, group, config.network, config.device)
    if reason is None and type(policy.critic) is not Critic:
        reason = f"the critic {config.critic!r}"
    refused = reason or ("the algorithm 'trpo'" if config.algorithm == "trpo" else None)
    if config.ppo.surrogate != "clipped":
        refused = refused or f"the surrogate {config.ppo.surrogate!r}"
    if config.fused and refused is not None:
        raise ConfigError(f"fused=true does not serve {refused}; leave it out to use autograd there")
    return config.fused is not False and reason is None


def _learner(policy: ActorCritic, config: TrainConfig, fused: bool, executor: Executor | None) -> Learner:
    if config.algorithm == "trpo":
        return TRPOLearner(policy, config.ppo, config.trpo, threads=config.threads, executor=executor)
    by_hand = fused and config.ppo.surrogate == "clipped"
    gradients = FusedGradients(policy, config.network, config.threads) if by_hand else PlainGradients(policy)
    return Learner(policy, config.ppo, gradients, threads=config.threads, executor=executor)


def _at_play(policy: ActorCritic, config: TrainConfig, fused: bool) -> tuple[Policy, ForwardCritic]:
    """What plays and values in the policy's name: itself, or a twin that suits the processor better."""
    device = torch.device(config.device)
    if device.type != "cpu":
        return ActingElsewhere(policy.actor, device), ValuesElsewhere(policy.critic, device)
    if fused:
        return FusedActing(policy.actor, config.network), FusedValues(policy.critic, config.network)
    return policy.actor, policy.critic


def _seeds(seed: int, first_copy: int) -> SeedSource:
    def seeds(copies: Array, episodes: Array) -> Array:
        return stream(seed, "train", copies + first_copy, episodes)

    return seeds
