"""From a config to the parts of a training run: worlds in shards, policies, learners, the collector."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from marl_ppo import plugins
from marl_ppo.agents.actor_critic import ActorCritic, Critic
from marl_ppo.agents.hierarchy import HierarchicalActor
from marl_ppo.agents.observations import obs_size
from marl_ppo.agents.policy import Policy
from marl_ppo.agents.subgoals import Learned
from marl_ppo.envs.registry import make_world
from marl_ppo.envs.seeds import stream
from marl_ppo.envs.world import Array, World, WorldSpec
from marl_ppo.errors import ConfigError, WorldError
from marl_ppo.play.bank import Bank
from marl_ppo.play.episodes import EpisodeLog
from marl_ppo.play.play import Play, SeedSource
from marl_ppo.play.seating import Player, seat_players
from marl_ppo.training.collector import Collector, Pupil
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.elsewhere import ActingElsewhere, ValuesElsewhere
from marl_ppo.training.fused.playing import FusedActing, FusedValues
from marl_ppo.training.fused.source import FusedGradients, why_not_fused, why_not_played
from marl_ppo.training.gradients import PlainGradients
from marl_ppo.training.learner import Learner
from marl_ppo.training.level_store import manager_store, worker_store
from marl_ppo.training.levels import Levels, ManagerStudent, WorkerStudent
from marl_ppo.training.novelty import CuriousStudent, Novelty
from marl_ppo.training.parts import find_part
from marl_ppo.training.policies import (
    MANAGER,
    WORKER,
    Part,
    acting,
    group_of,
    learning_agents,
    level_specs,
    make_policies,
    parts,
)
from marl_ppo.training.rollout import StepStore
from marl_ppo.training.student import ForwardCritic, Kept, Student
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
    """those who learn, by the name of the policy"""
    learners: dict[str, Learner]
    """what holds each policy and teaches it, by name; a frozen one it only holds"""
    pupils: list[Pupil]
    """the students, manager and worker together"""
    besides: dict[str, Mapping[str, Kept]]
    """what else each policy has learned, by its name, be it frozen or not"""
    params: dict[str, float]
    """the world's params for the episodes that start next; to be kept up to date"""
    bank: Bank | None
    """where lineups are drawn from; None where there is only one"""


def build(config: TrainConfig, others: Mapping[str, Player], executor: Executor | None, bank: Bank | None = None) -> Setup:
    """Make everything, with initial weights. `others` play the teams that do not learn, by team name; with a `bank`,
    lineups are drawn from it instead."""
    _check_device(config.device)
    for ppo in (config.ppo, config.hierarchy.manager):
        find_part(plugins.ADVANTAGES, ppo.advantages)  # an unknown one is refused before anything runs
        find_part(plugins.SURROGATES, ppo.surrogate)
    sizes = [len(part) for part in np.array_split(np.arange(config.num_envs), config.threads)]
    ends = np.cumsum([0, *sizes])
    shards = [slice(int(a), int(b)) for a, b in pairwise(ends)]
    worlds = [world_from(config, size) for size in sizes]
    spec = worlds[0].spec
    if any(world.spec != spec for world in worlds):
        raise WorldError(f"world {spec.id!r} is another one each time it is made; train it with threads=1")
    store = StepStore(spec, config.num_envs, config.num_steps, shards)
    actors, students, learners = _enrol(spec, config, store, executor)
    own = Player(name="learner", policies=acting(spec, config, actors))
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
        world.needs_state = any(student.policy.critic.shared == "state" for student in students.values())
    pupils = _pupils(spec, config, own, students, store)
    collector = Collector(plays, shards, store, pupils, executor)
    return Setup(
        config=config,
        spec=spec,
        plays=plays,
        logs=logs,
        store=store,
        collector=collector,
        students=students,
        learners=learners,
        pupils=pupils,
        besides=_besides(students, pupils),
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


def _check_device(name: str) -> None:
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"torch cannot use the device {name!r} here: {reason}; leave --device out to use the CPU") from error


def _enrol(
    spec: WorldSpec, config: TrainConfig, store: StepStore, executor: Executor | None
) -> tuple[dict[str, Policy], dict[str, Student], dict[str, Learner]]:
    """What plays, those who learn and what teaches them, by name. Levels of a hierarchy have stores of their own."""
    stores = {"": store}
    if config.policy == "hierarchical":
        managers, workers = level_specs(spec, config)
        stores = {MANAGER: manager_store(store, managers), WORKER: worker_store(store, workers)}
    actors: dict[str, Policy] = {}
    students: dict[str, Student] = {}
    learners = {}
    policies = make_policies(spec, config)
    for name, part in parts(spec, config).items():
        policy, level = policies[name], part.level
        fused = _is_fused(policy, part, config)
        learners[name] = learner = _learner(policy, part, config, fused, executor)
        actors[name], critic = _at_play(policy, part, config)
        if level == config.hierarchy.frozen:
            continue
        kind = {MANAGER: ManagerStudent, WORKER: WorkerStudent}.get(level, CuriousStudent if config.novelty else Student)
        g = [group.name for group in spec.groups].index(part.group.name)
        students[name] = student = kind(policy, stores[level], g, learner.value_norm, actor=actors[name], critic=critic)
        if isinstance(student, CuriousStudent):
            seed = int(stream(config.seed, "novelty", len(students))) >> 1
            student.be_curious(name, Novelty(obs_size(part.group), seed), config.novelty)
    return actors, students, learners


def _pupils(
    spec: WorldSpec, config: TrainConfig, own: Player, students: Mapping[str, Student], store: StepStore
) -> list[Pupil]:
    if config.policy == "flat":
        return list(students.values())
    found: list[Pupil] = []
    learning = learning_agents(spec, config)
    for name, agent in {name: agent for agent, name in learning.items()}.items():
        g = spec.groups.index(group_of(spec, name))
        agents = [a for a, other in enumerate(spec.groups[g].agents) if learning.get(other) == name]
        actor, manager, worker = own.policies[agent], students.get(f"{name}.{MANAGER}"), students.get(f"{name}.{WORKER}")
        assert isinstance(actor, HierarchicalActor)
        assert isinstance(manager, ManagerStudent | None)
        assert isinstance(worker, WorkerStudent | None)
        found.append(Levels(name, actor, manager, worker, store, g, agents, config.hierarchy))
    return found


def _besides(students: Mapping[str, Student], pupils: Sequence[Pupil]) -> dict[str, Mapping[str, Kept]]:
    found = {name: student.besides for name, student in students.items()}
    for pupil in pupils:
        if isinstance(pupil, Levels) and isinstance(pupil.actor.space, Learned):
            found[f"{pupil.name}.{WORKER}"] = {"subgoals": pupil.actor.space}
    return found


def _is_fused(policy: ActorCritic, part: Part, config: TrainConfig) -> bool:
    """Whether hand-derived code learns, under PPO."""
    reason = why_not_fused(policy, part.group, part.network, config.device)
    if reason is None and type(policy.critic) is not Critic:
        reason = f"the critic {config.critic!r}"
    refused = reason or ("the algorithm 'trpo'" if config.algorithm == "trpo" else None)
    if part.ppo.surrogate != "clipped":
        refused = refused or f"the surrogate {part.ppo.surrogate!r}"
    if config.fused and refused is not None:
        raise ConfigError(f"fused=true does not serve {refused}; leave it out to use autograd there")
    return config.fused is not False and reason is None


def _learner(policy: ActorCritic, part: Part, config: TrainConfig, fused: bool, executor: Executor | None) -> Learner:
    if config.algorithm == "trpo":
        return TRPOLearner(policy, part.ppo, config.trpo, threads=config.threads, executor=executor)
    by_hand = fused and part.ppo.surrogate == "clipped"
    gradients = FusedGradients(policy, part.network, config.threads) if by_hand else PlainGradients(policy)
    # A manager need not wait for a worker that does not learn to follow.
    begins = config.hierarchy.warm_up if part.level == MANAGER and config.hierarchy.frozen != WORKER else 0.0
    return Learner(policy, part.ppo, gradients, begins=begins, threads=config.threads, executor=executor)


def _at_play(policy: ActorCritic, part: Part, config: TrainConfig) -> tuple[Policy, ForwardCritic]:
    """What plays and values in the policy's name: itself, or a twin that suits the processor better."""
    actor, critic, network, device = policy.actor, policy.critic, part.network, torch.device(config.device)
    if device.type != "cpu":
        return ActingElsewhere(actor, device), ValuesElsewhere(critic, device)
    if config.fused is False or why_not_played(policy, part.group, network, config.device) is not None:
        return actor, critic
    # A plugin's critic may compute anything.
    return FusedActing(actor, network), FusedValues(critic, network) if type(critic) is Critic else critic


def _seeds(seed: int, first_copy: int) -> SeedSource:
    def seeds(copies: Array, episodes: Array) -> Array:
        return stream(seed, "train", copies + first_copy, episodes)

    return seeds
