"""How manager and worker learn from one rollout: each has a store of its own, which is the world's as its level sees it.

manager  decides where an option begins; its decision gathers the world's reward until the next one, with the discount of
         every step (reference: Sutton, Precup and Singh 1999), and goes on into the next rollout
worker   decides wherever its seat acts, and is paid for pursuing the subgoal. For it an episode is an option: it ends,
         for good, when the subgoal is reached or its time is up
"""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from marl_ppo.agents.hierarchy import SUBGOAL, HierarchicalActor, Option
from marl_ppo.agents.observations import flat_obs
from marl_ppo.envs.world import Array, WorldSpec
from marl_ppo.play.play import Decided, Play
from marl_ppo.training.config import HierarchyConfig
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


class Levels:
    """Manager and worker of one group as one pupil."""

    def __init__(
        self, actor: HierarchicalActor, manager: ManagerStudent, worker: Student, store: StepStore, config: HierarchyConfig
    ) -> None:
        """`store` is the world's; `actor` plays as both."""
        self.actor, self.manager, self.worker = actor, manager, worker
        manager.seated = worker.seated = actor
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
        paid = torch.where(decided & alive, config.intrinsic * paid, 0.0)
        rewards = self._store.rewards[g][step + 2, copies]
        self.worker.store.rewards[g][step + 2, copies] = config.extrinsic * rewards + paid.view(-1, agents)
        is_over = self._options.age[own] >= self.actor.subgoal_steps
        is_over = decided & (is_over | self.actor.space.reached(chosen, after) | ~alive)
        ends = self._store.terminations[g][step + 2, copies] | self._store.truncations[g][step + 2, copies]
        self.worker.store.terminations[g][step + 2, copies] = is_over.view(-1, agents) | ends
        self.manager.after_step(play, step, copies)

    def end(self, plays: Sequence[Play]) -> None:
        """See `Pupil`: what the worker would be shown next, and whose option is over."""
        g = self._group
        starting = torch.from_numpy(np.concatenate([play.starting[g] for play in plays]).reshape(-1))
        obs = self._obs(self._store.num_steps + 1, slice(None))
        self.manager.is_due = (
            self.actor.is_due(self._options, obs, starting).view(self.worker.experience.decided.shape[1:]).numpy()
        )
        shown = self.worker.store.obs[g][SUBGOAL][-1]
        shown.copy_(self.actor.shown(self._options.chosen, self._options.age, obs).view(shown.shape))

    def _obs(self, row: int, seats: slice | Tensor) -> Tensor:
        """Flat obs [B, d] of seats at a row of the rollout."""
        return flat_obs({leaf: array[row].flatten(0, 1)[seats] for leaf, array in self._store.obs[self._group].items()})
