"""What episodes came to: an observer that sums rewards and keeps final metrics and outcomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from marl_ppo.envs.world import Array, Outputs, WorldSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Episodes:
    """E finished episodes, in the order in which they ended."""

    copies: Array
    """int64 [E]: the copy each was played in"""
    returns: tuple[Array, ...]
    """per group float64 [E, A]: sum of each agent's rewards"""
    lengths: Array
    """int64 [E], world steps"""
    metrics: dict[str, Array]
    """float64 [E]"""
    outcomes: Array
    """float64 [E, teams]"""
    labels: dict[str, Array]
    """int64 [E]: what the log was asked to keep beside each"""

    def __len__(self) -> int:
        return len(self.lengths)

    def team_returns(self, spec: WorldSpec) -> Array:
        """Mean per-agent return of each team: float64 [E, teams]."""
        everyone = np.concatenate(self.returns, axis=1)
        team = np.concatenate([group.team for group in spec.groups])
        return np.stack([everyone[:, team == t].mean(axis=1) for t in range(len(spec.teams))], axis=1)


class EpisodeLog:
    """Observer that gathers the episodes that finish; `take()` hands them over."""

    def __init__(self, spec: WorldSpec, num_envs: int, labels: Mapping[str, Array] | None = None) -> None:
        """`labels` int64 [N] tell, at an episode's end, what is to be kept beside it, such as who played."""
        self._labels = dict(labels or {})
        self._spec = spec
        self._sums = tuple(np.zeros((num_envs, len(group.agents))) for group in spec.groups)
        self._lengths = np.zeros(num_envs, np.int64)
        self._finished: list[Episodes] = []

    def on_reset(self, where: Array, outputs: Outputs) -> None:
        for total in (*self._sums, self._lengths):
            total[where] = 0

    def on_step(self, outputs: Outputs, actions: Sequence[Array]) -> None:
        for total, rewards in zip(self._sums, outputs.rewards, strict=True):
            total += rewards
        self._lengths += 1

    def on_end(self, where: Array, outputs: Outputs) -> None:
        where = where & ~outputs.faulted
        self._finished.append(
            Episodes(
                copies=np.flatnonzero(where),
                returns=tuple(total[where] for total in self._sums),
                lengths=self._lengths[where],
                metrics={name: values[where] for name, values in outputs.metrics.items()},
                outcomes=outputs.outcomes[where],
                labels={name: values[where] for name, values in self._labels.items()},
            )
        )

    def take(self) -> Episodes:
        """The episodes finished since the last call; E may be 0."""
        finished, self._finished = [*self._finished, self._none()], []
        return Episodes(
            copies=np.concatenate([e.copies for e in finished]),
            returns=tuple(np.concatenate(parts) for parts in zip(*(e.returns for e in finished), strict=True)),
            lengths=np.concatenate([e.lengths for e in finished]),
            metrics={name: np.concatenate([e.metrics[name] for e in finished]) for name in self._spec.metrics},
            outcomes=np.concatenate([e.outcomes for e in finished]),
            labels={name: np.concatenate([e.labels[name] for e in finished]) for name in self._labels},
        )

    def arrays(self) -> dict[str, Array]:
        """The running sums, for checkpoints."""
        return {f"returns.{g}": total for g, total in enumerate(self._sums)} | {"lengths": self._lengths}

    def _none(self) -> Episodes:
        return Episodes(
            copies=np.zeros(0, np.int64),
            returns=tuple(total[:0] for total in self._sums),
            lengths=self._lengths[:0],
            metrics={name: np.zeros(0) for name in self._spec.metrics},
            outcomes=np.zeros((0, len(self._spec.teams))),
            labels={name: np.zeros(0, np.int64) for name in self._labels},
        )
