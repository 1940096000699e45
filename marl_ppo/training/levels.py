"""How manager and worker learn from one rollout: each has a store of its own, which is the world's as its level sees it.

manager  decides where an option begins; its decision gathers the world's reward until the next one, with the discount of
         every step (Sutton, Precup and Singh 1999), and goes on into the next rollout
worker   decides wherever its seat acts, and is paid for pursuing the subgoal. For it an episode is an option: it ends,
         for good, when the subgoal is reached or its time is up
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from marl_ppo.agents.hierarchy import MATES, SUBGOAL, HierarchicalActor
from marl_ppo.agents.observations import flat_obs
from marl_ppo.agents.options import Option
from marl_ppo.agents.subgoals import Learned
from marl_ppo.envs.world import ActionSpace, Array
from marl_ppo.play.play import Decided, Play
from marl_ppo.ppo.advantages import generalized_advantage
from marl_ppo.ppo.losses import normalize_advantages
from marl_ppo.ppo.schedules import Schedule
from marl_ppo.training.batch import Batch
from marl_ppo.training.config import HierarchyConfig
from marl_ppo.training.level_store import LevelStore
from marl_ppo.training.policies import MANAGER, WORKER
from marl_ppo.training.rollout import StepStore
from marl_ppo.training.student import Student

_ASKED = 256
"""of how many seats, at most, it is found out how much a worker listens"""


class ManagerStudent(Student):
    """A student that decides on some of the occasions on which its seat acts."""

    store: LevelStore
    is_due: Array
    """bool [N, A]: whether the seat's option is over once the rollout is full"""

    def about_to_act(self, plays: Sequence[Play]) -> Array:
        """See `Student.about_to_act`."""
        return super().about_to_act(plays) & self.is_due


class WorkerStudent(Student):
    """A student that may mind more than the rewards of its level."""

    store: LevelStore
    others: Callable[[], Tensor] | None = None
    """what gives the world's advantages [T, N, A] of its decisions, where they are mixed"""
    weights: tuple[float, float] = (1.0, 1.0)
    """of its own and of the world's advantages, or of such rewards, in this rollout"""

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
        agents: Sequence[int],
        config: HierarchyConfig,
    ) -> None:
        """`store` is the world's; `actor` plays as both, and learns to play these `agents` of the group, by their places in it.
        `name` is that of the whole policy."""
        self.name = name
        self.actor, self.manager, self.worker = actor, manager, worker
        for student in (manager, worker):
            if student is not None:
                student.seated = actor
        self._mixes = config.mix == "advantages"
        if self._mixes and worker is not None:
            worker.others = self._advantages
        self._store, self._group, self._config = store, group, config
        final = config.intrinsic if config.intrinsic_final is None else config.intrinsic_final
        self._intrinsic = Schedule("linear", config.intrinsic, final)
        copies, self._agents = store.rewards[group].shape[1:]
        self._kept = torch.zeros(store.num_steps, copies * self._agents, actor.options.size)
        """[T, S, ...]: what memory told of the option after every decision of the rollout; zeros where there was none"""
        self._columns = slice(None) if len(agents) == self._agents else torch.tensor(agents)
        """its agents: levels of several policies share a store, and each writes what its own workers are told and paid"""
        self._options: Option
        """the same once it is full, [T * S, ...]; so are the next ones"""
        self._decided: Tensor
        self._reached: Tensor
        self._paid: Tensor
        self._last_obs: list[tuple[Tensor, Tensor]] = []
        """(flat index, obs) where an episode ended, which the store does not keep"""

    def begin(self, progress: float) -> None:
        """See `Pupil`."""
        if self.worker is not None:
            self.worker.weights = self._intrinsic(progress), self._config.extrinsic
        self._kept.zero_()
        self._last_obs.clear()
        for student in (self.manager, self.worker):
            if student is not None:
                student.begin(progress)

    def record(self, decided: Decided, step: int, copies: slice) -> None:
        """See `Pupil`."""
        first, last = copies.start * self._agents, copies.stop * self._agents
        own = slice(first, last) if decided.rows is None else decided.rows + first
        kept = decided.decision.memory[:, : self.actor.options.size]
        self._kept[step, own] = kept
        managing, working = self.actor.memories(decided.memory_in)
        self._take(1 + step, copies)
        if self.worker is not None:
            if self.worker.policy.critic.memory_size:
                option = self.actor.options.read(kept)
                obs = flat_obs({leaf: decided.obs[leaf] for leaf in self._store.obs[self._group]})
                self._show(1 + step, own, self.actor.shown(option.chosen, option.age - 1, obs))
            self.worker.record(decided._replace(memory_in=working), step, copies)

        fresh = torch.nonzero(self.actor.options.is_new(kept)).flatten()
        if self.manager is None or not len(fresh):
            return
        option = self.actor.options.read(kept[fresh])
        rows = fresh if decided.rows is None else decided.rows[fresh]
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
                decided.decision._replace(actions=option.chosen, logprob=option.logprob),
            ),
            step,
            copies,
        )

    def after_step(self, play: Play, step: int, copies: slice) -> None:
        """Keep the last obs of those that ended, and see `Pupil`."""
        ended = np.flatnonzero(play.world.outputs.ended)
        if len(ended):
            first = torch.from_numpy(ended + copies.start) * self._agents
            seats = (first[:, None] + torch.arange(self._agents)).flatten()
            self._last_obs.append((step * self._kept.shape[1] + seats, self._obs(step + 2, seats)))
        if self.manager is not None:
            self.manager.after_step(play, step, copies)
        if self.worker is None or self._config.cut:
            return
        truncated = self._store.truncations[self._group][step + 2, copies]
        self.worker.store.truncations[self._group][step + 2, copies] = truncated
        if truncated.any():
            self._take(step + 2, copies)
            own = self._seats(copies)
            option = self.actor.options.read(self._kept[step, own])
            self._show(step + 2, own, self.actor.shown(option.chosen, option.age, self._obs(step + 2, own)))
            self.worker.after_step(play, step, copies)

    def end(self, plays: Sequence[Play]) -> None:
        """See `Pupil`: pay the worker and end its episodes where options are over. What it would be shown next, and whose
        option is over: what a manager will then choose is not known yet, and where the worker looks beyond its option, it is
        as if it went on."""
        g, space = self._group, self.actor.space
        self._take(-1, slice(None))
        everything = self._store.seats_obs(g)
        seats = self._kept.shape[1]
        self._options = self.actor.options.read(self._kept.flatten(0, 1))
        before, after, now = everything[seats:-seats], everything[2 * seats :], everything[-seats:]
        self._judge(before, after)
        if self.manager is not None and (mask := self.manager.store.action_mask[g]) is not None:
            begun = torch.nonzero(self._options.is_new).flatten()
            mask[1:-1].flatten(0, 2)[begun] = space.legal(before[begun])
        mine = torch.from_numpy(np.concatenate([play.played_by(self.actor, g) for play in plays])).flatten()
        starting = torch.from_numpy(np.concatenate([play.starting[g] for play in plays]).reshape(-1))
        memory = torch.cat([play.memory[g][:, : self.actor.options.size] for play in plays])
        last = self.actor.options.read(memory, ~mine | starting)
        if self.manager is not None:
            self.manager.is_due = self.actor.is_due(last, now, starting).view(-1, self._agents).numpy()
        if self.worker is not None:
            own = self._seats(slice(0, seats // self._agents))
            self._show(-1, own, self.actor.shown(last.chosen, last.age, now)[own])
        if isinstance(space, Learned) and self.worker is not None:
            told = self._decided & self._store.alive[g][2:].flatten()
            led_to = self._of_steps(lambda _chosen, _before, after: after, before, after)
            space.learn(self._options.chosen[told], led_to[told])

    def _judge(self, before: Tensor, after: Tensor) -> None:
        """Of every step, by flat obs [T * S, d] before it and at the next one: what the worker saw, was paid, and whether it is
        over."""
        g, space, config, options = self._group, self.actor.space, self._config, self._options
        self._decided = decided = options.age > 0
        rewards, terminated, truncated, alive = (
            arrays[g][2:].flatten()
            for arrays in (self._store.rewards, self._store.terminations, self._store.truncations, self._store.alive)
        )
        reached = decided & self._of_steps(lambda chosen, _, after: space.reached(chosen, after), before, after)
        over = decided & self.actor.is_over(options.age, reached) | terminated | truncated
        # What was sought and ended the episode can no more be seen, but it paid.
        self._reached = decided & torch.where(terminated, rewards > 0, reached & over)
        if self.worker is None:
            return
        if not self.worker.policy.critic.memory_size:
            shown = self.actor.shown(options.chosen, options.age - 1, before).masked_fill(~decided[:, None], 0.0)
            self._write(self.worker.store.obs[g][SUBGOAL][1:-1], shown)
        self._paid = paid = torch.where(decided & alive, self._of_steps(space.reward, before, after), 0.0)
        intrinsic, extrinsic = self.worker.weights
        summed = paid if self._mixes else extrinsic * rewards + intrinsic * paid
        self._write(self.worker.store.rewards[g][2:], summed)
        self._write(self.worker.store.terminations[g][2:], over if config.cut else terminated)

    def _of_steps(self, judge: Callable[[Tensor, Tensor, Tensor], Tensor], before: Tensor, after: Tensor) -> Tensor:
        """How every step is judged by (chosen, obs before, obs after it), row by row: of another episode are the next obs
        where one ended."""
        chosen = self._options.chosen
        found = judge(chosen, before, after)
        if self._last_obs:
            rows, last = (torch.cat(parts) for parts in zip(*self._last_obs, strict=True))
            found = found.index_copy(0, rows, judge(chosen[rows], before[rows], last))
        return found

    @torch.no_grad()
    def metrics(self) -> dict[str, Tensor | float]:
        """See `Pupil`: how manager and worker get on."""
        begun = self._options.is_new
        options = begun.sum().clamp(min=1)
        found: dict[str, Tensor | float] = {
            f"{self.name}.{MANAGER}/subgoal_usage": _usage(self._options.chosen[begun], self.actor.space.action),
            f"{self.name}.{MANAGER}/option_length": self._decided.sum() / options,
            f"{self.name}.{WORKER}/subgoal_reached": self._reached.sum() / options,
        }
        if self.worker is not None:
            rewards = self._store.rewards[self._group][2:].flatten()
            found |= {
                f"{self.name}.{WORKER}/intrinsic_return": self._paid.sum() / options,
                f"{self.name}.{WORKER}/extrinsic_return": (self._decided * rewards).sum() / options,
            }
            if (sensitivity := self._sensitivity(self.worker)) is not None:
                found[f"{self.name}.{WORKER}/subgoal_sensitivity"] = sensitivity
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

    def _sensitivity(self, worker: WorkerStudent) -> Tensor | None:
        """How much it matters to the worker what it is told: mean KL, in nats, between what it does at one step and what it
        would if another seat that it plays had told it: the same agent of another copy. Of the step nearest to the rollout's
        middle at which there are such, of `_ASKED` seats at most; None where there is none."""
        g, actor = self._group, worker.policy.actor
        decided = self._decided.view(self._store.num_steps, -1, self._agents)
        comparable = decided & (decided.sum(1, keepdim=True) > 1)
        steps = torch.nonzero(comparable.flatten(1).any(1)).flatten()
        if not len(steps):
            return None
        step = int(steps[(steps - self._store.num_steps // 2).abs().argmin()])
        option = self.actor.options.read(self._kept[step])
        others = option.chosen.clone()
        for agent in range(self._agents):
            own = torch.nonzero(comparable[step, :, agent]).flatten() * self._agents + agent
            others[own] = option.chosen[own.roll(1)]
        rows = torch.nonzero(comparable[step].flatten()).flatten()
        rows = rows[torch.linspace(0, len(rows) - 1, min(len(rows), _ASKED)).long()]
        obs, age = self._obs(1 + step, rows), option.age[rows] - 1
        mask = worker.store.action_mask[g]
        index = torch.tensor(self._store.spec.groups[g].agent_index)[rows % self._agents]
        start, memory = torch.ones(len(rows), dtype=torch.bool), torch.zeros(len(rows), actor.memory_size)
        told, otherwise = (
            actor(torch.cat([obs, self.actor.shown(chosen[rows], age, obs)], -1), index, start, memory)[0]
            for chosen in (option.chosen, others)
        )
        return actor.head.kl(told, otherwise, None if mask is None else mask[1 + step].flatten(0, 1)[rows]).mean()

    def _take(self, row: int, copies: slice) -> None:
        """Let both levels see what the world shows at a row."""
        for student in (self.manager, self.worker):
            if student is not None:
                student.store.take(row, copies)

    def _seats(self, copies: slice) -> slice | Tensor:
        """Those of its agents in some copies."""
        if isinstance(self._columns, slice):
            return slice(copies.start * self._agents, copies.stop * self._agents)
        return (torch.arange(copies.start, copies.stop)[:, None] * self._agents + self._columns).flatten()

    def _write(self, array: Tensor, found: Tensor) -> None:
        """To an array [T, N, A, ...] what was found of every step [T * S, ...], for its agents."""
        array[:, :, self._columns] = found.view_as(array)[:, :, self._columns]

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
