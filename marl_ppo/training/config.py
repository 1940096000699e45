"""Every setting of a training run: frozen, documented, checked at birth. Derived numbers are properties."""

import math
from dataclasses import dataclass, field
from typing import Literal

import tyro

from marl_ppo.agents.actor_critic import CriticKind
from marl_ppo.agents.networks import NetworkConfig
from marl_ppo.envs.registry import RESERVED
from marl_ppo.errors import ConfigError

Algorithm = Literal["ppo", "trpo"]
PolicyKind = Literal["flat", "hierarchical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PPOConfig:
    """The update. Sources: Schulman et al. 2017 (arXiv:1707.06347); Yu et al. 2022 (arXiv:2103.01955)."""

    gamma: float = 0.99
    """discount per world step"""
    gae_lambda: float = 0.95
    """decay of the advantage's trace, per decision"""
    update_epochs: int = 4
    """passes over a rollout"""
    num_minibatches: int = 4
    """near-equal parts a rollout is split into at each epoch"""
    learning_rate: float = 7e-4
    """of the actor"""
    critic_learning_rate: float | None = None
    """of the critic; the actor's if not given"""
    lr_schedule: Literal["constant", "linear", "cosine"] = "linear"
    """how both learning rates go from their value to 0 over the budget"""
    adam_eps: float = 1e-5
    """Adam's epsilon"""
    advantages: str = "gae"
    """how advantages are estimated: gae, or the name of a plugin's estimator"""
    surrogate: str = "clipped"
    """what the policy is pulled along: clipped, lenient, or the name of a plugin's surrogate"""
    negative_weight: float = 0.1
    """what bad news count beside good ones, in policy and critic, under the surrogate lenient (Matignon et al. 2007)"""
    clip_coef: float = 0.2
    """how far the ratio of new and old policy may move before its gradient is cut"""
    dual_clip: float | None = None
    """bound c > 1 on the loss of bad actions that became likelier (Ye et al. 2020, arXiv:1912.09729); off if not given"""
    ent_coef: float = 0.01
    """weight of the entropy bonus"""
    ent_coef_final: float | None = None
    """the entropy weight at the end of the budget, reached linearly; constant if not given"""
    vf_coef: float = 0.5
    """weight of the value loss"""
    value_clip: float | None = None
    """how far a value may move from its old one, in units of the value's scale; off if not given"""
    huber_delta: float | None = None
    """where the value loss turns from squared to linear; squared everywhere if not given"""
    normalize_values: bool = True
    """let the critic predict values of mean 0 and deviation 1"""
    normalize_advantages: Literal["rollout", "minibatch", "none"] = "rollout"
    """over which decisions advantages get mean 0 and deviation 1"""
    max_grad_norm: float = 0.5
    """bound on the norm of the gradient, of actor and critic separately"""
    target_kl: float | None = None
    """stop a rollout's epochs when approx_kl exceeds 1.5 times this; off if not given"""
    sequence_length: int = 10
    """decisions in a chunk that a policy with memory is trained on"""

    def __post_init__(self) -> None:
        _at_least_one(self, "update_epochs", "num_minibatches", "sequence_length")
        for name in ("gamma", "gae_lambda"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must be within [0, 1], got {getattr(self, name)}")
        _positive(self, "learning_rate", "critic_learning_rate", "adam_eps", "clip_coef", "value_clip", "huber_delta")
        _positive(self, "max_grad_norm", "target_kl")
        if not 0 <= self.negative_weight <= 1:
            raise ConfigError(f"negative_weight must be within [0, 1], got {self.negative_weight}")
        for name in ("ent_coef", "ent_coef_final", "vf_coef"):
            if not 0 <= (getattr(self, name) or 0) < math.inf:
                raise ConfigError(f"{name} must be at least 0, got {getattr(self, name)}")
        if self.dual_clip is not None and self.dual_clip <= 1:
            raise ConfigError(f"dual_clip must be above 1, got {self.dual_clip}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TRPOConfig:
    """The actor's step under algorithm 'trpo': Schulman et al. 2015 (arXiv:1502.05477).

    Defaults as those of HATRPO (Kuba et al. 2022, arXiv:2109.11251).
    """

    max_kl: float = 0.01
    """how far one update may move the policy, mean KL(old || new) in nats"""
    cg_iterations: int = 10
    """of the conjugate gradient that finds the direction"""
    cg_damping: float = 0.1
    """added to the diagonal of the Fisher matrix"""
    line_search_steps: int = 10
    """lengths that are tried before the policy is left as it was"""
    line_search_decay: float = 0.8
    """each length as a share of the one before"""
    accept_ratio: float = 0.5
    """least improvement of the objective, as a share of what its gradient promises"""

    def __post_init__(self) -> None:
        _at_least_one(self, "cg_iterations", "line_search_steps")
        _positive(self, "max_kl")
        if not 0 <= self.cg_damping < math.inf:
            raise ConfigError(f"cg_damping must be at least 0, got {self.cg_damping}")
        if not 0 < self.line_search_decay < 1:
            raise ConfigError(f"line_search_decay must be between 0 and 1, got {self.line_search_decay}")
        if not 0 <= self.accept_ratio < 1:
            raise ConfigError(f"accept_ratio must be within [0, 1), got {self.accept_ratio}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HierarchyConfig:
    """A manager that sets subgoals for a worker, under policy 'hierarchical'. The worker learns as `ppo` says."""

    subgoals: str = "place"
    """what the manager chooses from: place, thing, command, skill, action (repeated, with nothing for a worker to learn), or
    the name of a plugin's subgoals"""
    held_out: float = 0.0
    """share of these, drawn by the seed, that are never set, so that one can try later what the worker makes of them"""
    least_steps: int = 1
    """decisions that a worker has at least, also where its subgoal is reached as it is chosen: to hold a plate, say"""
    managed_by: Literal["learned", "random", "oracle"] = "learned"
    """who manages: a policy that learns, or, to see what learning to manage is worth, chance, or the world's script"""
    subgoal_steps: int = 10
    """decisions of the worker after which its manager decides anew at the latest"""
    mix: Literal["rewards", "advantages"] = "rewards"
    """how the worker minds both its subgoal and the world: it learns from the sum of their rewards until its option is over,
    or from the sum of advantages, of which the world's look beyond the option and are told by the manager's critic"""
    manages: Literal["agent", "team"] = "agent"
    """what a manager sees to: an agent, of which it sees the obs, or the team, of which it sees all obs and subgoals, and gives
    each worker its own"""
    remembers: Literal["both", "manager", "worker"] = "both"
    """which level has the network's memory, where there is one"""
    frozen: Literal["none", "manager", "worker"] = "none"
    """the level that plays as it does in the player that `start_from` names, and does not learn, while the other one does"""
    cut: bool = True
    """whether for the worker an option is an episode; if not, it looks beyond, to what the next ones pay"""
    tell: bool = True
    """whether the worker is shown its subgoal; if not, it is a flat policy with the rewards of one"""
    intrinsic: float = 1.0
    """weight of what it is paid for its subgoal"""
    intrinsic_final: float | None = None
    """that weight at the end of training, to which it goes linearly: a worker that has learned to follow, and whose manager has
    learned to lead, may mind the world. Null: it stays"""
    extrinsic: float = 1.0
    """weight of the world's reward"""
    manager: PPOConfig = field(default_factory=lambda: PPOConfig(ent_coef=0.02, num_minibatches=1))
    """how the manager learns; its gamma is per world step, too. It decides less often, and so has fewer minibatches"""
    warm_up: float = 0.05
    """share of the budget in which the manager's critic learns but not its actor, so that the worker first learns to follow"""

    def __post_init__(self) -> None:
        _at_least_one(self, "subgoal_steps", "least_steps")
        if self.least_steps > self.subgoal_steps:
            raise ConfigError(
                f"least_steps must be at most subgoal_steps={self.subgoal_steps}, got {self.least_steps}; set both where the "
                "world's preset has one"
            )
        for name in ("intrinsic", "intrinsic_final", "extrinsic"):
            weight = getattr(self, name)
            if weight is not None and not 0 <= weight < math.inf:
                raise ConfigError(f"{name} must be at least 0, got {weight}")
        if self.managed_by != "learned" and (self.mix == "advantages" or self.subgoals == "action"):
            raise ConfigError(
                f"managed_by={self.managed_by!r} leaves no manager to learn, which mix='advantages' and subgoals='action' need"
            )
        if self.frozen != "none" and (self.managed_by != "learned" or self.subgoals == "action"):
            alone = f"managed_by={self.managed_by!r}" if self.managed_by != "learned" else "subgoals='action'"
            raise ConfigError(f"frozen={self.frozen!r} needs two levels, one of them to learn, and {alone} leaves only one")
        if self.frozen == "manager" and self.mix == "advantages":
            raise ConfigError("frozen='manager' leaves no manager to learn, which mix='advantages' needs; use mix 'rewards'")
        for name in ("held_out", "warm_up"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} must be within [0, 1), got {getattr(self, name)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """A training run."""

    world: tyro.conf.Suppress[str]
    """id of the world to train on"""
    world_config: tyro.conf.Suppress[dict[str, str | int | float | bool]] = field(default_factory=dict)
    """settings of the world, such as agents=5"""
    params: tyro.conf.Suppress[dict[str, tuple[float, ...]]] = field(default_factory=dict)
    """the world's params over the budget, such as shaping = [1, 0]: from the first value to the last, evenly spaced"""
    seed: int = 0
    """everything random in the run follows from it"""
    total_steps: int = 1_000_000
    """budget in world steps of one copy each, all copies counted"""
    minutes: float | None = None
    """stop after this much wall time even if the budget is not used up"""
    num_envs: int = 256
    """copies of the world stepped together, N"""
    num_steps: int = 25
    """steps collected from each copy per update, T"""
    critic_input: CriticKind = "joint"
    """what the critic sees: own obs (independent PPO), joint obs or state (MAPPO), or both; auto: joint, unless too large"""
    critic: str = "plain"
    """the critic's network: plain, or the name of a plugin's critic"""
    sharing: Literal["group", "separate"] = "group"
    """one policy for all agents of a group, or one for each agent"""
    learn: tuple[str, ...] = ()
    """teams that learn; all of them if empty"""
    others: str = "scripted"
    """who plays the teams that do not learn: scripted, random, or a trained player by name or folder"""
    start_from: str | None = None
    """a trained player by name or folder, with whose weights policies of the same names begin; initial ones if not given"""
    network: NetworkConfig = field(default_factory=NetworkConfig)
    policy: PolicyKind = "flat"
    """one policy that acts, or a manager that sets subgoals and a worker that pursues them"""
    hierarchy: HierarchyConfig = field(default_factory=HierarchyConfig)
    novelty: float = 0.0
    """weight of a bonus for what is new to a flat policy (random network distillation, Burda et al. 2019), in its deviations"""
    algorithm: Algorithm = "ppo"
    """how the actor learns: in clipped minibatch steps, or in one step inside a trust region, for which ppo has the
    advantages, the entropy bonus and all that concerns the critic, and trpo the rest"""
    ppo: PPOConfig = field(default_factory=PPOConfig)
    trpo: TRPOConfig = field(default_factory=TRPOConfig)
    device: str = "cpu"
    """torch device of the networks and the optimiser, such as cuda; worlds stay with the CPU"""
    threads: int = 1
    """threads that collect and learn side by side; 2 pay with large minibatches and a core to spare (docs/speed.md)"""
    fused: bool | None = None
    """use the hand-derived update on the CPU where it applies; if not given, wherever it does"""
    checkpoint_minutes: float = 1.0
    """wall time between checkpoints"""
    checkpoint_updates: int | None = None
    """updates between checkpoints, instead of wall time"""
    keep_checkpoints: int = 3
    """older checkpoints are removed"""
    replay_updates: int | None = None
    """updates between recordings of one held-out episode, always the same; if not given, a twentieth of them all; 0 for none"""

    def __post_init__(self) -> None:
        if empty := [name for name, values in self.params.items() if not values]:
            raise ConfigError(f"params {empty} have no value; give one, or the values over the budget, such as [1, 0]")
        _at_least_one(self, "total_steps", "num_envs", "num_steps", "checkpoint_updates", "keep_checkpoints")
        _positive(self, "minutes", "checkpoint_minutes")
        if self.replay_updates is not None and self.replay_updates < 0:
            raise ConfigError(f"replay_updates must be at least 0, got {self.replay_updates}")
        if reserved := self.world_config.keys() & set(RESERVED):
            raise ConfigError(f"{', '.join(sorted(reserved))} cannot be a setting of the world; set it beside world_config")
        if self.algorithm == "trpo" and self.ppo.surrogate == "lenient":
            raise ConfigError("surrogate 'lenient' is of algorithm 'ppo', got algorithm 'trpo'; use one or the other")
        if self.algorithm == "trpo" and self.policy == "hierarchical":
            raise ConfigError("policy 'hierarchical' learns by algorithm 'ppo', got algorithm 'trpo'; use one or the other")
        if (frozen := self.hierarchy.frozen) != "none" and self.policy == "flat":
            raise ConfigError(
                f"hierarchy.frozen={frozen!r} is of policy 'hierarchical', got policy 'flat'; use one or the other"
            )
        if frozen != "none" and self.start_from is None:
            raise ConfigError(f"hierarchy.frozen={frozen!r} keeps a {frozen} as it was trained; say which one, with start_from")
        if not 0 <= self.novelty < math.inf:
            raise ConfigError(f"novelty must be at least 0, got {self.novelty}")
        if self.policy == "hierarchical" and self.novelty:
            raise ConfigError(f"novelty is paid to a flat policy, got novelty={self.novelty} with policy 'hierarchical'")
        if self.policy == "hierarchical" and self.hierarchy.manages == "team" and self.critic_input in ("own", "both"):
            raise ConfigError(
                f"a team's manager has the critic_input 'joint' or 'state', got {self.critic_input!r}, in which its critic "
                "would have to value what it is not shown"
            )
        manager_remembers = self.network.memory != "none" and self.hierarchy.remembers != "worker"
        if self.policy == "hierarchical" and self.hierarchy.mix == "advantages" and manager_remembers:
            raise ConfigError(
                "hierarchy.mix 'advantages' asks the manager's critic at every step, and one with memory knows only those at "
                "which it decided; use mix 'rewards', or hierarchy.remembers 'worker'"
            )
        units = self.num_envs * self.num_steps
        if self.ppo.num_minibatches > units:
            raise ConfigError(
                f"num_minibatches={self.ppo.num_minibatches} is more than the {units} steps of a rollout "
                f"(num_envs={self.num_envs} * num_steps={self.num_steps}); lower it or collect more"
            )
        if not 1 <= self.threads <= self.num_envs:
            raise ConfigError(f"threads must be from 1 to num_envs={self.num_envs}, got {self.threads}")

    @property
    def steps_per_update(self) -> int:
        """World steps one rollout takes, all copies counted."""
        return self.num_envs * self.num_steps

    @property
    def num_updates(self) -> int:
        """Updates until the budget is used up; the last one may go over it."""
        return -(-self.total_steps // self.steps_per_update)


def _at_least_one(config: object, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        if value is not None and value < 1:
            raise ConfigError(f"{name} must be at least 1, got {value}")


def _positive(config: object, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        if value is not None and not 0 < value < math.inf:
            raise ConfigError(f"{name} must be positive, got {value}")
