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

from marl_ppo.agents.hierarchy import MATES, SUBGOAL, HierarchicalActor, Option
from marl_ppo.agents.observations import flat_obs
from marl_ppo.agents.subgoals import Learned, one_of
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
    """The same arrays, but for what may be chosen, and what a team's manager sees of mates; `spec` is the world as managers
    see it."""
    own = copy.copy(store)
    own.spec = spec
    own.obs = _with_new_leaves(store, spec)
    own.action_mask = tuple(
        torch.ones(*rewards.shape, group.mask_size, dtype=torch.bool) if group.masked else None
        for group, rewards in zip(spec.groups, store.rewards, strict=True)
    )
    return own


def worker_store(store: StepStore, spec: WorldSpec) -> StepStore:
    """The same arrays, but for subgoals, rewards and ends; `spec` is the world as workers see it."""
    own = copy.copy(store)
    own.spec = spec
    own.obs = own.joint = _with_new_leaves(store, spec)
    own.rewards = tuple(torch.zeros_like(rewards) for rewards in store.rewards)
    own.terminations = tuple(torch.zeros_like(ends) for ends in store.terminations)
    own.truncations = tuple(torch.zeros_like(ends) for ends in store.truncations)
    return own


def _with_new_leaves(store: StepStore, spec: WorldSpec) -> tuple[dict[str, Tensor], ...]:
    """The obs of a store, and new arrays for leaves that only `spec` has."""
    return tuple(
        {
            leaf: leaves[leaf] if leaf in leaves else torch.zeros(*rewards.shape, *space.shape)
            for leaf, space in group.obs.items()
        }
        for group, leaves, rewards in zip(spec.groups, store.obs, store.rewards, strict=True)
    )


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
    """Manager and worker of one group as one pupil; either may be somebody who does not learn."""

    def __init__(
        self,
        name: str,
        actor: HierarchicalActor,
        manager: ManagerStudent | None,
        worker: WorkerStudent | None,
        store: StepStore,
        group: int,
        config: HierarchyConfig,
    ) -> None:
        """`store` is the world's; `actor` plays as both. `name` is that of the whole policy."""
        self.name = name
        self.actor, self.manager, self.worker = actor, manager, worker
        for student in (manager, worker):
            if student is not None:
                student.seated = actor
        self._mixes = config.mix == "advantages"
        if self._mixes and worker is not None:
            worker.others, worker.weights = self._advantages, (config.intrinsic, config.extrinsic)
        if isinstance(actor.space, Learned) and worker is not None:
            worker.besides = {"subgoals": actor.space}
        self._store, self._group, self._config = store, group, config
        steps, (copies, self._agents) = store.num_steps, store.rewards[group].shape[1:]
        seats, space = copies * self._agents, actor.space.action
        self._options = Option(
            chosen=one_of(torch.zeros(seats, math.prod(space.shape or (1,))), space),
            age=torch.zeros(seats),
            logprob=torch.zeros(seats),
            is_new=torch.zeros(seats, dtype=torch.bool),
        )
        """of every seat, [S, ...], after its last decision"""
        # Of every step of the rollout, [T, S, ...].
        self._decided = torch.zeros(steps, seats, dtype=torch.bool)
        self._begun = torch.zeros(steps, seats, dtype=torch.bool)
        self._chosen = self._options.chosen.expand(steps, *self._options.chosen.shape).clone()
        self._reached = torch.zeros(steps, seats, dtype=torch.bool)
        self._paid = torch.zeros(steps, seats)

    def begin(self) -> None:
        """See `Pupil`."""
        self._decided.zero_()
        self._begun.zero_()
        for student in (self.manager, self.worker):
            if student is not None:
                student.begin()

    def record(self, decided: Decided, step: int, copies: slice) -> None:
        """See `Pupil`."""
        first, last = copies.start * self._agents, copies.stop * self._agents
        own = slice(first, last) if decided.rows is None else decided.rows + first
        option = self.actor.option(decided.decision.memory)
        for kept, told in zip(self._options, option, strict=True):
            kept[own] = told
        self._decided[step, own] = True
        self._begun[step, own] = option.is_new
        self._chosen[step, own] = option.chosen
        obs = self._obs(1 + step, own)
        managing, working = self.actor.memories(decided.memory_in)
        if self.worker is not None:
            self._show(1 + step, own, self.actor.shown(option.chosen, option.age - 1, obs))
            self.worker.record(decided._replace(memory_in=working), step, copies)

        fresh = torch.nonzero(option.is_new).flatten()
        if self.manager is None or not len(fresh):
            return
        rows = fresh if decided.rows is None else decided.rows[fresh]
        mask = self.manager.store.action_mask[self._group]
        if mask is not None:
            mask[1 + step].flatten(0, 1)[rows + first] = self.actor.space.legal(obs[fresh])
        if MATES in decided.obs:
            seen = self.manager.store.obs[self._group][MATES][1 + step].flatten(0, 1)
            seen[rows + first] = decided.obs[MATES][fresh]
        self.manager.record(
            Decided(
                decided.part,
                None if len(rows) == last - first else rows,
                decided.obs,
                decided.is_start[fresh],
                managing[fresh],
                decided.decision._replace(actions=option.chosen[fresh], logprob=option.logprob[fresh]),
            ),
            step,
            copies,
        )

    def after_step(self, play: Play, step: int, copies: slice) -> None:
        """Pay the worker, end its episode where the option is over, and see `Pupil`."""
        own = slice(copies.start * self._agents, copies.stop * self._agents)
        if self.manager is not None:
            self.manager.after_step(play, step, copies)
        after, decided = self._obs(step + 2, own), self._decided[step, own]
        chosen, age = self._options.chosen[own], self._options.age[own]
        rewards, terminated, truncated, alive = (
            arrays[self._group][step + 2, copies].flatten()
            for arrays in (self._store.rewards, self._store.terminations, self._store.truncations, self._store.alive)
        )
        reached = decided & self.actor.space.reached(chosen, after)
        # What was sought and ended the episode can no more be seen, but it paid.
        self._reached[step, own] = torch.where(terminated, rewards > 0, reached)
        if self.worker is None:
            return
        paid = self.actor.space.reward(chosen, self._obs(step + 1, own), after)
        paid = self._paid[step, own] = torch.where(decided & alive, paid, 0.0)
        config, store = self._config, self.worker.store
        summed = paid if self._mixes else config.extrinsic * rewards + config.intrinsic * paid
        store.rewards[self._group][step + 2].view(-1)[own] = summed
        if config.cut:
            is_over = decided & (age >= self.actor.subgoal_steps) | reached | terminated | truncated
            store.terminations[self._group][step + 2].view(-1)[own] = is_over
            return
        store.terminations[self._group][step + 2].view(-1)[own] = terminated
        store.truncations[self._group][step + 2].view(-1)[own] = truncated
        if truncated.any():
            self._show(step + 2, own, self.actor.shown(chosen, age, after))
            self.worker.after_step(play, step, copies)

    def end(self, plays: Sequence[Play]) -> None:
        """See `Pupil`: what the worker would be shown next, and whose option is over. What a manager will then choose is
        not known yet: where the worker looks beyond its option, it is as if it went on."""
        obs = self._obs(self._store.num_steps + 1, slice(None))
        if self.manager is not None:
            starting = torch.from_numpy(np.concatenate([play.starting[self._group] for play in plays]).reshape(-1))
            self.manager.is_due = self.actor.is_due(self._options, obs, starting).view(-1, self._agents).numpy()
        if self.worker is not None:
            self._acting = torch.from_numpy(self.worker.about_to_act(plays)).flatten()
            self._show(-1, slice(None), self.actor.shown(self._options.chosen, self._options.age, obs))
        if isinstance(self.actor.space, Learned):
            told = self._decided & self._store.alive[self._group][2:].flatten(1)
            after = self._store.seats_obs(self._group)[2 * self._decided.shape[1] :]
            self.actor.space.learn(self._chosen[told], after[told.flatten()])

    @torch.no_grad()
    def metrics(self) -> dict[str, Tensor | float]:
        """See `Pupil`: how manager and worker get on."""
        options = self._begun.sum().clamp(min=1)
        found: dict[str, Tensor | float] = {
            f"{self.name}.{MANAGER}/subgoal_usage": _usage(self._chosen[self._begun], self.actor.space.action),
            f"{self.name}.{MANAGER}/option_length": self._decided.sum() / options,
            f"{self.name}.{WORKER}/subgoal_reached": self._reached.sum() / options,
        }
        if self.worker is not None:
            rewards = self._store.rewards[self._group][2:].flatten(1)
            found |= {
                f"{self.name}.{WORKER}/intrinsic_return": self._paid.sum() / options,
                f"{self.name}.{WORKER}/extrinsic_return": (self._decided * rewards).sum() / options,
                f"{self.name}.{WORKER}/subgoal_sensitivity": self._sensitivity(self.worker),
            }
        return found

    @torch.no_grad()
    def _advantages(self) -> Tensor:
        """The world's, of every step [T, N, A], with the manager's critic, which values what all that it sees promises."""
        assert self.manager is not None
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

    def _sensitivity(self, worker: WorkerStudent) -> Tensor:
        """How much it matters to the worker what it is told: mean KL, in nats, between what it would do next and what it
        would if the copy after its own had told it."""
        g, actor, agents = self._group, worker.policy.actor, self._agents
        obs = self._obs(self._store.num_steps + 1, slice(None))
        others = torch.roll(self._options.chosen, agents, 0)
        rows = worker.store.action_mask[g]
        mask = None if rows is None else rows[-1].flatten(0, 1)
        start = torch.ones(len(obs), dtype=torch.bool)
        memory = torch.zeros(len(obs), actor.memory_size)
        index = torch.tensor(self._store.spec.groups[g].agent_index).repeat(len(obs) // agents)
        told, otherwise = (
            actor(torch.cat([obs, self.actor.shown(chosen, self._options.age, obs)], -1), index, start, memory)[0]
            for chosen in (self._options.chosen, others)
        )
        return actor.head.kl(told, otherwise, mask)[self._acting].mean()

    def _show(self, row: int, seats: slice | Tensor, told: Tensor) -> None:
        """Let the worker see at a row what it is told."""
        assert self.worker is not None
        self.worker.store.obs[self._group][SUBGOAL][row].flatten(0, 1)[seats] = told

    def _obs(self, row: int, seats: slice | Tensor) -> Tensor:
        """Flat obs [B, d] of seats at a row of the rollout."""
        return flat_obs({leaf: array[row].flatten(0, 1)[seats] for leaf, array in self._store.obs[self._group].items()})


def _usage(chosen: Tensor, action: ActionSpace) -> Tensor:
    """Of subgoals [B, ...] how evenly they are used: the entropy of their shares beside the most there can be, 0 to 1."""
    kinds = action.nvec.prod() if isinstance(action, spaces.MultiDiscrete) else action.n  # type: ignore[union-attr]
    counts = torch.bincount(chosen) if chosen.dim() == 1 else torch.unique(chosen, dim=0, return_counts=True)[1]
    shares = counts[counts > 0] / counts.sum()
    return -(shares * shares.log()).sum() / max(math.log(kinds), 1e-9)
