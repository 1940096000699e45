"""How manager and worker learn from one rollout: each has a store of its own, which is the world's as its level sees it.

manager  decides where an option begins; its decision gathers the world's reward until the next one, with the discount of
         every step (Sutton, Precup and Singh 1999), and goes on into the next rollout
worker   decides wherever its seat acts, and is paid for pursuing the subgoal. For it an episode is an option: it ends,
         for good, when the subgoal is reached or its time is up
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from marl_ppo.agents.hierarchy import SUBGOAL, HierarchicalActor, Option
from marl_ppo.agents.observations import flat_obs
from marl_ppo.envs.world import ActionSpace, Array, WorldSpec
from marl_ppo.play.play import Decided, Play
from marl_ppo.ppo.advantages import generalized_advantage
from marl_ppo.ppo.losses import normalize_advantages
from marl_ppo.training.batch import Batch
from marl_ppo.training.config import HierarchyConfig
from marl_ppo.training.policies import MANAGER, WORKER
from marl_ppo.training.rollout import StepStore
from marl_ppo.training.student import Student


def manager_store(store: StepStore, spec: WorldSpec) -> StepStore:
    """The same arrays, but for what may be chosen; `spec` is the world as managers see it."""
    own = copy.copy(store)
    own.spec = spec
    own.action_mask = tuple(
        torch.ones(*rewards.shape, group.mask_size, dtype=torch.bool) if group.masked else None
        for group, rewards in zip(spec.groups, store.rewards, strict=True)
    )
    return own


def worker_store(store: StepStore, spec: WorldSpec) -> StepStore:
    """The same arrays, but for subgoals, rewards and ends; `spec` is the world as workers see it."""
    own = copy.copy(store)
    own.spec = spec
    own.obs = tuple(
        {
            leaf: leaves[leaf] if leaf in leaves else torch.zeros(*rewards.shape, *space.shape)
            for leaf, space in group.obs.items()
        }
        for group, leaves, rewards in zip(spec.groups, store.obs, store.rewards, strict=True)
    )
    own.rewards = tuple(torch.zeros_like(rewards) for rewards in store.rewards)
    own.terminations = tuple(torch.zeros_like(ends) for ends in store.terminations)
    own.truncations = tuple(torch.zeros_like(ends) for ends in store.truncations)
    return own


class ManagerStudent(Student):
    """A student that decides on some of the occasions on which its seat acts."""

    is_due: Array
    """bool [N, A]: whether the seat's option is over once the rollout is full"""

    def about_to_act(self, plays: Sequence[Play]) -> Array:
        """See `Student.about_to_act`."""
        return super().about_to_act(plays) & self.is_due


class WorkerStudent(Student):
    """A student that may mind more than the rewards of its level."""

    others: Callable[[], Tensor] | None = None
    """what gives the world's advantages [T, N, A] of its decisions, where they are mixed"""
    weights: tuple[float, float] = (1.0, 1.0)
    """of its own and of the world's advantages"""

    def weighed(self, batch: Batch) -> Batch:
        """See `Student.weighed`: the sum of both, each in units of its deviation."""
        if self.others is None:
            return batch
        is_decision = batch.is_decision
        fresh = self.others().flatten()
        others = torch.cat([batch.advantages[: len(batch.advantages) - len(fresh)], fresh])
        own, world = (normalize_advantages(some, is_decision) for some in (batch.advantages, others))
        return replace(batch, advantages=self.weights[0] * own + self.weights[1] * world)


class Levels:
    """Manager and worker of one group as one pupil."""

    def __init__(
        self,
        name: str,
        actor: HierarchicalActor,
        manager: ManagerStudent,
        worker: WorkerStudent,
        store: StepStore,
        config: HierarchyConfig,
    ) -> None:
        """`store` is the world's; `actor` plays as both. `name` is that of the whole policy."""
        self.name = name
        self.actor, self.manager, self.worker = actor, manager, worker
        manager.seated = worker.seated = actor
        self._mixes = config.mix == "advantages"
        if self._mixes:
            worker.others, worker.weights = self._advantages, (config.intrinsic, config.extrinsic)
        self._store, self._config = store, config
        experience = worker.experience
        self._group = experience.group
        seats = experience.num_seats
        choice = manager.experience.actions
        self._options = Option(
            chosen=choice.new_zeros(seats, *choice.shape[1:]),
            age=torch.zeros(seats),
            logprob=torch.zeros(seats),
            is_new=torch.zeros(seats, dtype=torch.bool),
        )
        """of every seat, [S, ...], after its last decision"""
        # Of every step of the rollout, [T, N, A].
        self._reached = torch.zeros_like(experience.decided)
        self._paid = torch.zeros(experience.decided.shape)

    def begin(self) -> None:
        """See `Pupil`."""
        self.manager.begin()
        self.worker.begin()

    def record(self, decided: Decided, step: int, copies: slice) -> None:
        """See `Pupil`."""
        agents = self.worker.experience.num_agents
        first, last = copies.start * agents, copies.stop * agents
        own = slice(first, last) if decided.rows is None else decided.rows + first
        option = self.actor.option(decided.decision.memory)
        for kept, told in zip(self._options, option, strict=True):
            kept[own] = told
        obs = self._obs(1 + step, own)
        leaf = self.worker.store.obs[self._group][SUBGOAL][1 + step].flatten(0, 1)
        leaf[own] = self.actor.shown(option.chosen, option.age - 1, obs)
        managing, working = self.actor.memories(decided.memory_in)
        self.worker.record(decided._replace(memory_in=working), step, copies)

        fresh = torch.nonzero(option.is_new).flatten()
        if not len(fresh):
            return
        rows = fresh if decided.rows is None else decided.rows[fresh]
        mask = self.manager.store.action_mask[self._group]
        if mask is not None:
            mask[1 + step].flatten(0, 1)[rows + first] = self.actor.space.legal(obs[fresh])
        self.manager.record(
            Decided(
                decided.part,
                None if len(rows) == last - first else rows,
                decided.is_start[fresh],
                managing[fresh],
                decided.decision._replace(actions=option.chosen[fresh], logprob=option.logprob[fresh]),
            ),
            step,
            copies,
        )

    def after_step(self, play: Play, step: int, copies: slice) -> None:
        """Pay the worker, end its episode where the option is over, and see `Pupil`."""
        g, config = self._group, self._config
        agents = self.worker.experience.num_agents
        own = slice(copies.start * agents, copies.stop * agents)
        chosen = self._options.chosen[own]
        after = self._obs(step + 2, own)
        alive = self._store.alive[g][step + 2, copies].flatten()
        paid = self.actor.space.reward(chosen, self._obs(step + 1, own), after)
        decided = self.worker.experience.decided[step, copies].flatten()
        paid = self._paid[step, copies] = torch.where(decided & alive, paid, 0.0).view(-1, agents)
        rewards = self._store.rewards[g][step + 2, copies]
        summed = paid if self._mixes else config.extrinsic * rewards + config.intrinsic * paid
        self.worker.store.rewards[g][step + 2, copies] = summed
        reached = decided & self.actor.space.reached(chosen, after)
        is_over = (decided & (self._options.age[own] >= self.actor.subgoal_steps) | reached).view(-1, agents)
        terminated = self._store.terminations[g][step + 2, copies]
        self.worker.store.terminations[g][step + 2, copies] = (
            is_over | terminated | self._store.truncations[g][step + 2, copies]
        )
        # What was sought and ended the episode can no more be seen, but it paid.
        self._reached[step, copies] = torch.where(terminated, rewards > 0, reached.view(-1, agents))
        self.manager.after_step(play, step, copies)

    def end(self, plays: Sequence[Play]) -> None:
        """See `Pupil`: what the worker would be shown next, and whose option is over."""
        g = self._group
        self._acting = torch.from_numpy(self.worker.about_to_act(plays)).flatten()
        starting = torch.from_numpy(np.concatenate([play.starting[g] for play in plays]).reshape(-1))
        obs = self._obs(self._store.num_steps + 1, slice(None))
        self.manager.is_due = (
            self.actor.is_due(self._options, obs, starting).view(self.worker.experience.decided.shape[1:]).numpy()
        )
        shown = self.worker.store.obs[g][SUBGOAL][-1]
        shown.copy_(self.actor.shown(self._options.chosen, self._options.age, obs).view(shown.shape))

    @torch.no_grad()
    def metrics(self) -> dict[str, Tensor | float]:
        """See `Pupil`: how manager and worker get on."""
        manager, worker = self.manager.experience, self.worker.experience
        decisions, options = worker.decided.sum(), manager.decided.sum().clamp(min=1)
        chosen = manager.actions[manager.num_seats :][manager.decided.flatten()]
        return {
            f"{self.name}.{MANAGER}/subgoal_usage": _usage(chosen, self.actor.space.action),
            f"{self.name}.{MANAGER}/option_length": decisions / options,
            f"{self.name}.{WORKER}/subgoal_reached": self._reached.sum() / options,
            f"{self.name}.{WORKER}/intrinsic_return": self._paid.sum() / options,
            f"{self.name}.{WORKER}/extrinsic_return": (worker.decided * self._store.rewards[self._group][2:]).sum() / options,
            f"{self.name}.{WORKER}/subgoal_sensitivity": self._sensitivity(),
        }

    @torch.no_grad()
    def _advantages(self) -> Tensor:
        """The world's, of every step [T, N, A], with the manager's critic, which values what all that it sees promises."""
        g, store, ppo = self._group, self._store, self._config.manager
        rows = range(1, store.num_steps + 2)
        copies, none = slice(0, store.rewards[g].shape[1]), torch.zeros(0, dtype=torch.bool)
        values = torch.stack([self.manager.values(row, copies, None, none)[0] for row in rows])
        values = values.view(len(rows), *store.rewards[g].shape[1:])
        truncations = store.truncations[g][2:]
        advantages, _ = generalized_advantage(
            store.rewards[g][2:],
            None,
            values[:-1],
            torch.where(truncations, self.manager.experience.final_values, values[1:]),
            store.terminations[g][2:],
            truncations,
            gamma=ppo.gamma,
            gae_lambda=ppo.gae_lambda,
        )
        return advantages

    def _sensitivity(self) -> Tensor:
        """How much it matters to the worker what it is told: mean KL, in nats, between what it would do next and what it
        would if the copy after its own had told it."""
        g, actor = self._group, self.worker.policy.actor
        obs, agents = self._obs(self._store.num_steps + 1, slice(None)), self.worker.experience.num_agents
        others = torch.roll(self._options.chosen, agents, 0)
        rows = self.worker.store.action_mask[g]
        mask = None if rows is None else rows[-1].flatten(0, 1)
        start = torch.ones(len(obs), dtype=torch.bool)
        memory = torch.zeros(len(obs), actor.memory_size)
        index = torch.tensor(self._store.spec.groups[g].agent_index).repeat(len(obs) // agents)
        told, otherwise = (
            actor(torch.cat([obs, self.actor.shown(chosen, self._options.age, obs)], -1), index, start, memory)[0]
            for chosen in (self._options.chosen, others)
        )
        return actor.head.kl(told, otherwise, mask)[self._acting].mean()

    def _obs(self, row: int, seats: slice | Tensor) -> Tensor:
        """Flat obs [B, d] of seats at a row of the rollout."""
        return flat_obs({leaf: array[row].flatten(0, 1)[seats] for leaf, array in self._store.obs[self._group].items()})


def _usage(chosen: Tensor, action: ActionSpace) -> Tensor:
    """Of subgoals [B, ...] how evenly they are used: the entropy of their shares beside the most there can be, 0 to 1."""
    kinds = action.nvec.prod() if isinstance(action, spaces.MultiDiscrete) else action.n  # type: ignore[union-attr]
    counts = torch.unique(chosen, dim=0, return_counts=True)[1].float()
    shares = counts / counts.sum()
    return -(shares * shares.log()).sum() / max(math.log(kinds), 1e-9)
