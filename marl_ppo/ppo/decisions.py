"""From what a rollout stores by step to the decisions its seats made: one mechanism for turns, deaths and hierarchy.

A decision opens when its seat acts, gathers the rewards of every step until the seat acts again, and closes there. A
seat that waits for its turn, a manager that decides every few steps, and flat simultaneous play are the same thing.

open     the decision waits for its seat's next one; at the end of a rollout it is carried into the next rollout
row      where a decision's other fields lie (obs, action, logprob, ...): the carried decisions first, then the
         rollout's, by step: `seat` if carried, else `(1 + step) * seats + seat`, with `seat = n * A + a`

Axes: T steps, N copies of the world, A agents, S = N * A seats, D decisions of a seat.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from numba import njit

Array = np.ndarray[Any, np.dtype[Any]]


class OpenDecisions(NamedTuple):
    """At most one decision per seat that its seat's next one has not closed yet."""

    open: Bool[Array, "N A"]
    """whether the seat has one; the other fields mean nothing where it has not"""
    rows: Int64[Array, "N A"]
    """where its other fields lie in the rollout that left it open; the seat's own number where there is none"""
    values: Float32[Array, "N A"]
    rewards: Float64[Array, "N A"]
    """gathered so far, discounted to the decision; float64, so that cutting a stream changes nothing"""
    durations: Int64[Array, "N A"]
    """world steps gathered so far"""

    @classmethod
    def none(cls, num_envs: int, num_agents: int) -> "OpenDecisions":
        """What the first rollout is given."""
        shape = (num_envs, num_agents)
        seats = np.arange(num_envs * num_agents).reshape(shape)
        return cls(np.zeros(shape, bool), seats, np.zeros(shape, np.float32), np.zeros(shape), np.zeros(shape, np.int64))


class ClosedDecisions(NamedTuple):
    """The decisions closed in a rollout, each seat's in order in its first slots; zeros in the slots after them."""

    counts: Int64[Array, "N A"]
    """how many slots of the seat are filled; D is the largest"""
    rows: Int64[Array, "D N A"]
    rewards: Float32[Array, "D N A"]
    """gathered until the seat's next decision, discounted inside"""
    durations: Int64[Array, "D N A"]
    values: Float32[Array, "D N A"]
    next_values: Float32[Array, "D N A"]
    """V of what follows: the seat's next decision, `final_obs` where truncated, 0 where terminated"""
    terminations: Bool[Array, "D N A"]
    truncations: Bool[Array, "D N A"]


def close_decisions(
    carried: OpenDecisions,
    decided: Bool[Array, "T N A"],
    rewards: Float32[Array, "T N A"],
    values: Float32[Array, "T N A"],
    terminations: Bool[Array, "T N A"],
    truncations: Bool[Array, "T N A"],
    faulted: Bool[Array, "T N"],
    final_values: Float32[Array, "T N A"],
    next_acting: Bool[Array, "N A"],
    next_values: Float32[Array, "N A"],
    *,
    gamma: float,
) -> tuple[ClosedDecisions, OpenDecisions]:
    """Gather a rollout's steps into decisions; semi-MDP returns of Sutton, Precup and Singh 1999.

    `decided[t]` says who acted on the obs of step t, `values[t]` is V of that obs (read where decided); `rewards[t]`
    and the edges `terminations[t]`, `truncations[t]` come after the step, `final_values[t]` is V(final_obs), read
    where truncated. `next_values` is V of the obs after the last step, read for seats that are about to act there.

    A decision closes when its seat acts again, terminates, truncates, or is about to act when the rollout ends. All
    others stay open and are returned second, to be the next rollout's `carried`.

    A faulted step never happened: the decisions it was to answer are forgotten, and those before them, which closed with
    V of the obs that these were made on, are truncated there: what comes next belongs to another episode.
    """
    num_steps, num_envs, num_agents = decided.shape
    by_step = (num_steps, num_envs * num_agents)
    slots = (num_steps + 1, num_envs * num_agents)  # a carried decision and one more at each step
    closed = ClosedDecisions(
        counts=np.zeros(slots[1], np.int64),
        rows=np.zeros(slots, np.int64),
        rewards=np.zeros(slots, np.float32),
        durations=np.zeros(slots, np.int64),
        values=np.zeros(slots, np.float32),
        next_values=np.zeros(slots, np.float32),
        terminations=np.zeros(slots, bool),
        truncations=np.zeros(slots, bool),
    )
    left_open = OpenDecisions.none(1, by_step[1])
    _gather(
        OpenDecisions(*(field.reshape(-1) for field in carried)),
        *(field.reshape(by_step) for field in (decided, rewards, values, terminations, truncations)),
        np.repeat(faulted, num_agents, axis=1),
        final_values.reshape(by_step),
        next_acting.reshape(-1),
        next_values.reshape(-1),
        gamma,
        closed,
        OpenDecisions(*(field.reshape(-1) for field in left_open)),
    )
    filled = int(closed.counts.max(initial=0))
    counts, *per_slot = closed
    return (
        ClosedDecisions(
            counts.reshape(num_envs, num_agents),
            *(field[:filled].reshape(filled, num_envs, num_agents) for field in per_slot),
        ),
        OpenDecisions(*(field.reshape(num_envs, num_agents) for field in left_open)),
    )


@njit(cache=True, nogil=True)
def _close(closed, seat, row, reward, duration, value, next_value, terminated, truncated):  # type: ignore[no-untyped-def]
    slot = closed.counts[seat]
    closed.rows[slot, seat] = row
    closed.rewards[slot, seat] = reward
    closed.durations[slot, seat] = duration
    closed.values[slot, seat] = value
    closed.next_values[slot, seat] = next_value
    closed.terminations[slot, seat] = terminated
    closed.truncations[slot, seat] = truncated
    closed.counts[seat] = slot + 1


@njit(cache=True, nogil=True)
def _gather(  # type: ignore[no-untyped-def]
    carried,
    decided,
    rewards,
    values,
    terminations,
    truncations,
    faulted,
    final_values,
    next_acting,
    next_values,
    gamma,
    closed,
    left_open,
):
    """Follow each seat's stream through the rollout, writing `closed` and `left_open`."""
    num_steps, seats = decided.shape
    for s in range(seats):
        is_open = carried.open[s]
        row, value = s, carried.values[s]
        reward, duration = carried.rewards[s], carried.durations[s]
        for t in range(num_steps):
            if decided[t, s]:
                if is_open:
                    _close(closed, s, row, reward, duration, value, values[t, s], False, False)
                is_open = True
                row, value = (1 + t) * seats + s, values[t, s]
                reward, duration = 0.0, 0
            if faulted[t, s]:
                is_open = False
                last = closed.counts[s] - 1
                if last >= 0 and not closed.terminations[last, s]:
                    closed.truncations[last, s] = True
            if is_open:
                reward += gamma**duration * rewards[t, s]
                duration += 1
                if terminations[t, s]:
                    _close(closed, s, row, reward, duration, value, 0.0, True, False)
                    is_open = False
                elif truncations[t, s]:
                    _close(closed, s, row, reward, duration, value, final_values[t, s], False, True)
                    is_open = False
        if is_open and next_acting[s]:
            _close(closed, s, row, reward, duration, value, next_values[s], False, False)
            is_open = False
        if is_open:
            left_open.open[s] = True
            left_open.rows[s], left_open.values[s] = row, value
            left_open.rewards[s], left_open.durations[s] = reward, duration
