"""From a config to policies: what learns, under which name, and what plays in its name as each agent.

A flat policy is one actor-critic. A hierarchical one is two, NAME.manager and NAME.worker, which learn apart and play as one.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import torch

from marl_ppo import plugins
from marl_ppo.agents.actor_critic import ActorCritic, Critic, CriticKind
from marl_ppo.agents.held_out import HeldOut
from marl_ppo.agents.hierarchy import HierarchicalActor, manager_group, mates_of, worker_group
from marl_ppo.agents.networks import NetworkConfig
from marl_ppo.agents.policy import Policy
from marl_ppo.agents.scripted import scripted_policy, uniform_policy
from marl_ppo.agents.subgoals import SubgoalSpace
from marl_ppo.agents.untaught import Guide, Repeating
from marl_ppo.envs.seeds import stream
from marl_ppo.envs.world import Group, WorldSpec
from marl_ppo.errors import ConfigError
from marl_ppo.training.config import PPOConfig, TrainConfig
from marl_ppo.training.parts import find_part

MANAGER, WORKER = "manager", "worker"
ACTION = "action"
"""the subgoals that leave a worker nothing to learn"""


class Part(NamedTuple):
    """What one learning policy is, before it has weights."""

    spec: WorldSpec
    """the world as the critic's shared input has it"""
    group: Group
    """as the policy's level sees it"""
    critic_input: CriticKind
    ppo: PPOConfig
    network: NetworkConfig
    level: str = ""
    """MANAGER or WORKER in a hierarchy"""


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


def parts(spec: WorldSpec, config: TrainConfig) -> dict[str, Part]:
    """What learns, by name."""
    names = list(dict.fromkeys(learning_agents(spec, config).values()))
    if config.policy == "flat":
        return {name: Part(spec, group_of(spec, name), config.critic_input, config.ppo, config.network) for name in names}
    found = {}
    managers, workers = level_specs(spec, config)
    # A critic of a state alone would not know what the worker is after.
    of_worker: CriticKind = "both" if config.critic_input == "state" else config.critic_input
    for name in names:
        g = spec.groups.index(group_of(spec, name))
        if config.hierarchy.managed_by == "learned":
            ppo = config.hierarchy.manager
            network = _network_of(MANAGER, config)
            found[f"{name}.{MANAGER}"] = Part(spec, managers.groups[g], config.critic_input, ppo, network, MANAGER)
        if config.hierarchy.subgoals != ACTION:
            network = _network_of(WORKER, config)
            found[f"{name}.{WORKER}"] = Part(workers, workers.groups[g], of_worker, config.ppo, network, WORKER)
    return found


def _network_of(level: str, config: TrainConfig) -> NetworkConfig:
    remembers = config.hierarchy.remembers in ("both", level)
    return config.network if remembers else replace(config.network, memory="none")


def level_specs(spec: WorldSpec, config: TrainConfig) -> tuple[WorldSpec, WorldSpec]:
    """The world as managers, and as workers see it; groups that do not learn are as they were."""
    learning = set(learning_agents(spec, config))
    spaces = [subgoal_space(group, config) if learning & set(group.agents) else None for group in spec.groups]

    def seen(change: Callable[[Group, SubgoalSpace], Group]) -> WorldSpec:
        groups = (g if space is None else change(g, space) for g, space in zip(spec.groups, spaces, strict=True))
        return replace(spec, groups=tuple(groups))

    of_team = config.hierarchy.manages == "team"
    return seen(lambda group, space: manager_group(group, space, of_team=of_team)), seen(worker_group)


def subgoal_space(group: Group, config: TrainConfig) -> SubgoalSpace:
    """What managers of a group choose from."""
    space: SubgoalSpace = find_part(plugins.SUBGOALS, config.hierarchy.subgoals)(group)
    share = config.hierarchy.held_out
    return HeldOut.drawn(space, share, config.seed) if share else space


def make_policies(spec: WorldSpec, config: TrainConfig) -> dict[str, ActorCritic]:
    """The learning policies by name, with initial weights that follow from the seed and the name's place."""
    policies = {}
    for place, (name, part) in enumerate(parts(spec, config).items()):
        generator = torch.Generator().manual_seed(int(stream(config.seed, "weights", place)) >> 1)
        if not re.fullmatch(r"\w[\w.+-]*", name):  # it names a folder of every checkpoint
            raise ConfigError(f"a policy cannot be called {name!r}; give its group another name, with --groups NAME=PATTERN")
        critic = find_part(plugins.CRITICS, config.critic)
        policy = ActorCritic(part.spec, part.group, part.critic_input, part.network, generator, critic)
        policies[name] = policy.to(config.device)
    return policies


def acting(spec: WorldSpec, config: TrainConfig, actors: Mapping[str, Policy]) -> dict[str, Policy]:
    """Agent → what plays it, made of the actors of all learning policies by name; agents that share one share the object."""
    learning = learning_agents(spec, config)
    if config.policy == "flat":
        return {agent: actors[name] for agent, name in learning.items()}
    whole = {name: _hierarchy(spec, config, actors, name) for name in dict.fromkeys(learning.values())}
    return {agent: whole[name] for agent, name in learning.items()}


def _hierarchy(spec: WorldSpec, config: TrainConfig, actors: Mapping[str, Policy], name: str) -> HierarchicalActor:
    settings, group = config.hierarchy, group_of(spec, name)
    space = subgoal_space(group, config)
    manager: Policy
    if settings.managed_by == "random":
        manager = uniform_policy(manager_group(group, space))
    elif settings.managed_by == "oracle":
        manager = Guide(scripted_policy(spec.id, group, spec), space, settings.subgoal_steps)
    else:
        manager = actors[f"{name}.{MANAGER}"]
    worker = Repeating() if settings.subgoals == ACTION else actors[f"{name}.{WORKER}"]
    return HierarchicalActor(
        manager,
        worker,
        space,
        settings.subgoal_steps,
        least_steps=settings.least_steps,
        watches=settings.managed_by == "oracle",
        tells=settings.tell,
        mates=mates_of(group) if settings.manages == "team" else None,
    )


def critics(spec: WorldSpec, config: TrainConfig, policies: Mapping[str, ActorCritic]) -> dict[str, Critic]:
    """Agent → the critic that values the world's reward for it, of a hierarchy the manager's, if that learned."""
    if config.policy == "hierarchical" and config.hierarchy.managed_by != "learned":
        return {}
    suffix = "" if config.policy == "flat" else f".{MANAGER}"
    return {agent: policies[name + suffix].critic for agent, name in learning_agents(spec, config).items()}


def group_of(spec: WorldSpec, policy: str) -> Group:
    """The group whose agents a policy of this name, its level left out, plays."""
    return next(group for group in spec.groups if policy == group.name or policy in group.agents)
