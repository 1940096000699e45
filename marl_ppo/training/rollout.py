"""What a rollout remembers, by step. Decisions are a view of it (docs/decisions/0003-rollouts-are-stored-by-step.md).

row     a place in time: row 0 is for the decisions carried over from the rollout before, row 1 + t has the obs of step t
        and what was decided on it, row T + 1 the obs after the last step, which the next rollout starts from
seat    n * A + a, one of S = N * A; the flat index of a decision is `row * S + seat`

`StepStore` holds what the world says, once for all policies; the world writes straight into it. `Experience` holds
what one learning policy decided. Axes: R = T + 2 rows, N copies, A agents, S seats, M memory.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from marl_ppo.agents.actor_critic import ActorCritic
from marl_ppo.agents.observations import flat_obs, joint_obs
from marl_ppo.envs.world import Array, Outputs, WorldSpec
from marl_ppo.errors import WorldError
from marl_ppo.ppo.decisions import OpenDecisions


class StepStore:
    """The world's arrays over one rollout. `outputs[shard][row]` is what to bind before the step that leads to `row`,
    `fresh[shard][row]` before a reset after it: the same, but for rewards and edges, which a reset must not wipe out.

    A reward and an edge lie in the row of the obs that came with them: those of step t in row t + 2.
    """

    def __init__(self, spec: WorldSpec, num_envs: int, num_steps: int, shards: list[slice]) -> None:
        rows = num_steps + 2
        whole = Outputs.allocate(spec, num_envs)

        def stored(array: Array) -> Tensor:
            return torch.from_numpy(array).expand(rows, *array.shape).clone()

        self.num_steps = num_steps
        self.spec = spec
        self.obs = tuple({leaf: stored(array) for leaf, array in leaves.items()} for leaves in whole.obs)
        self.laid = self.obs
        """what `seats_obs` lays side by side: the same numbers, maybe in fewer leaves"""
        self.joint = self.laid
        """what `shared` does"""
        self.action_mask = tuple(None if mask is None else stored(mask) for mask in whole.action_mask)
        self.rewards = tuple(map(stored, whole.rewards))
        self.alive = tuple(map(stored, whole.alive))
        self.acting = tuple(map(stored, whole.acting))
        self.terminations = tuple(map(stored, whole.terminations))
        self.truncations = tuple(map(stored, whole.truncations))
        self.faulted = stored(whole.faulted)
        self.state = stored(whole.state)
        self.outputs = [self._outputs(part) for part in shards]
        self.fresh = [[_without_past(row) for row in rows] for rows in self.outputs]

    def shared(self, kind: str, row: int, copies: slice | Tensor = slice(None)) -> Tensor:
        """What all seats of a copy share, `joint` obs or `state`: [copies, size]."""
        if kind == "state":
            return self.state[row, copies]
        return joint_obs(tuple({leaf: array[row, copies] for leaf, array in leaves.items()} for leaves in self.joint))

    def shared_at(self, kind: str, units: slice | Tensor) -> Tensor:
        """The same at units `row * N + n` (int64 [B]): [B, size]."""
        if kind == "state":
            return self.state.flatten(0, 1)[units]
        everyone = ({leaf: array.flatten(0, 1)[units] for leaf, array in leaves.items()} for leaves in self.joint)
        return joint_obs(tuple(everyone))

    def seats_obs(self, group: int, rows: Tensor | slice = slice(None)) -> Tensor:
        """Seats' obs by flat index, all or those of `rows` (int64 [B]): [R * S, d] or [B, d]."""
        return flat_obs({leaf: array.flatten(0, 2)[rows] for leaf, array in self.laid[group].items()})

    def begin(self) -> None:
        """Let the row after the last step become the first one."""
        for array in self._carried_on():
            array[1] = array[-1]

    def require_finite(self) -> None:
        """Raise a WorldError that names who was shown, or given, NaN or infinity: networks would never get over it."""
        for group, rewards, leaves in zip(self.spec.groups, self.rewards, self.obs, strict=True):
            for what, array in {"reward": rewards, **{f"obs {leaf!r}": array for leaf, array in leaves.items()}}.items():
                # The sum is quick, and not finite if any of its parts is not; the other way round is looked at closely.
                if array.is_floating_point() and not torch.isfinite(array.sum()):
                    wrong = ~torch.isfinite(array.flatten(3) if array.dim() > 3 else array.unsqueeze(-1)).all(-1)
                    for row, copy, agent in torch.nonzero(wrong)[:1].tolist():
                        value = array[row, copy, agent].tolist()
                        raise WorldError(
                            f"world {self.spec.id!r} gave {group.agents[agent]} of copy {copy} the {what} {value} at step "
                            f"{row - 1} of a rollout; nothing can be learned from what is not finite"
                        )

        if not torch.isfinite(self.state.sum()):
            for row, copy in torch.nonzero(~torch.isfinite(self.state).all(-1))[:1].tolist():
                raise WorldError(
                    f"world {self.spec.id!r} gave copy {copy} a state that is not finite at step {row - 1} of a rollout"
                )

    def shown(self, group: int) -> dict[str, Tensor]:
        """What the seats of a group were shown, by name: obs and, where there are any, masks, by flat index [R * S, ...]."""
        found = {f"obs.{leaf}": array.flatten(0, 2) for leaf, array in self.obs[group].items()}
        mask = self.action_mask[group]
        return found if mask is None else {**found, "action_mask": mask.flatten(0, 2)}

    def _carried_on(self) -> list[Tensor]:
        per_group = (self.action_mask, self.alive, self.acting)
        found = [array for leaves in self.obs for array in leaves.values()]
        found += [array for arrays in per_group for array in arrays if array is not None]
        return [*found, self.state]

    def _outputs(self, part: slice) -> list[Outputs]:
        """Views of every row for the copies `part`; what is not stored is shared by all rows."""
        scratch = Outputs.allocate(self.spec, part.stop - part.start)

        def at(row: int) -> Outputs:
            def views(arrays: tuple[Tensor, ...]) -> tuple[Array, ...]:
                return tuple(array[row, part].numpy() for array in arrays)

            return Outputs(
                obs=tuple({leaf: array[row, part].numpy() for leaf, array in leaves.items()} for leaves in self.obs),
                action_mask=tuple(None if mask is None else mask[row, part].numpy() for mask in self.action_mask),
                rewards=views(self.rewards),
                alive=views(self.alive),
                acting=views(self.acting),
                terminations=views(self.terminations),
                truncations=views(self.truncations),
                state=self.state[row, part].numpy(),
                metrics=scratch.metrics,
                outcomes=scratch.outcomes,
                ended=scratch.ended,
                faulted=self.faulted[row, part].numpy(),
            )

        return [at(row) for row in range(self.num_steps + 2)]


def _without_past(outputs: Outputs) -> Outputs:
    """The same arrays, but scratch ones for what belongs to the step before."""

    def scratch(arrays: tuple[Array, ...]) -> tuple[Array, ...]:
        return tuple(np.zeros_like(array) for array in arrays)

    return replace(
        outputs,
        rewards=scratch(outputs.rewards),
        terminations=scratch(outputs.terminations),
        truncations=scratch(outputs.truncations),
        faulted=np.zeros_like(outputs.faulted),
    )


@dataclass(slots=True)
class Experience:
    """What one learning policy decided in one rollout, by flat index [(T + 1) * S, ...] unless said otherwise."""

    group: int
    actions: Tensor
    logprob: Tensor
    values: Tensor
    """V at the decision, in units of reward"""
    is_start: Tensor
    actor_memory: Tensor
    """before the decision"""
    critic_memory: Tensor
    """before the decision; empty rows for a critic without memory"""
    decided: Tensor
    """bool [T, N, A]"""
    final_values: Tensor
    """float32 [T, N, A]: V(final_obs), where a seat was truncated after step t"""
    open: OpenDecisions
    """decisions carried from the rollout before"""
    open_shown: dict[str, Tensor]
    """[S, ...]: what was shown to the seat at each of them, as `StepStore.shown` has it"""
    open_shared: Tensor
    """[S, size]: what the critic saw of the copy at each carried decision, in bytes where the rollout has it in bytes"""

    @classmethod
    def allocate(cls, store: StepStore, policy: ActorCritic, group: int) -> "Experience":
        """Zeroed fields for `policy`, which may play any seats of `group`."""
        shape, steps = store.rewards[group].shape[1:], store.num_steps
        seats = shape.numel()
        rows = (steps + 1) * seats
        world_group = store.spec.groups[group]
        action_dtype = torch.float32 if world_group.action_dtype is np.float32 else torch.int64
        shared = policy.critic.shared
        shared_dtype = torch.float32 if shared is None else store.shared(shared, 0).dtype
        return cls(
            group=group,
            actions=torch.zeros(rows, *world_group.action_shape, dtype=action_dtype),
            logprob=torch.zeros(rows),
            values=torch.zeros(rows),
            is_start=torch.zeros(rows, dtype=torch.bool),
            actor_memory=torch.zeros(rows, policy.actor.memory_size),
            critic_memory=torch.zeros(rows, policy.critic.memory_size),
            decided=torch.zeros(steps, *shape, dtype=torch.bool),
            final_values=torch.zeros(steps, *shape),
            open=OpenDecisions.none(*shape),
            open_shown={name: torch.zeros_like(array[:seats]) for name, array in store.shown(group).items()},
            open_shared=torch.zeros(seats, policy.critic.shared_size, dtype=shared_dtype),
        )

    @property
    def num_envs(self) -> int:
        """N"""
        return self.decided.shape[1]

    @property
    def num_agents(self) -> int:
        """A"""
        return self.decided.shape[2]

    @property
    def num_seats(self) -> int:
        """S"""
        return self.num_envs * self.num_agents

    def decision_fields(self) -> dict[str, Tensor]:
        """The fields that a carried decision takes along, by name."""
        names = ("actions", "logprob", "values", "is_start", "actor_memory", "critic_memory")
        return {name: getattr(self, name) for name in names}

    def lay_out(self, store: StepStore) -> None:
        """Put what was shown at the carried decisions into row 0, which all who learn have in common."""
        seats = torch.from_numpy(np.flatnonzero(self.open.open))
        if len(seats):
            for name, array in store.shown(self.group).items():
                array[seats] = self.open_shown[name][seats]

    def carry(self, store: StepStore, left_open: OpenDecisions, shared: str | None) -> None:
        """Keep the decisions that stayed open, to be closed in the next rollout; row 0 is as `lay_out` left it."""
        is_open = np.flatnonzero(left_open.open)
        seats = torch.from_numpy(is_open)
        rows = torch.from_numpy(left_open.rows.reshape(-1)[is_open])
        self.open = left_open._replace(rows=OpenDecisions.none(self.num_envs, self.num_agents).rows)
        if not len(seats):
            return
        for field in self.decision_fields().values():
            field[seats] = field[rows]
        for name, array in store.shown(self.group).items():
            self.open_shown[name][seats] = array[rows]
        if shared is not None:
            older = rows < self.num_seats  # open since an earlier rollout: its shared input lies in open_shared already
            fresh = store.shared_at(shared, rows // self.num_agents)
            self.open_shared[seats] = torch.where(older.unsqueeze(-1), self.open_shared[seats], fresh)
