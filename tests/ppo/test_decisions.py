"""Gathering steps into decisions, against a reference that replays each seat's stream by hand."""

import itertools
from dataclasses import dataclass, fields

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from marl_ppo.ppo.advantages import generalized_advantage
from marl_ppo.ppo.decisions import ClosedDecisions, OpenDecisions, close_decisions

GAMMA, LAMBDA = 0.9, 0.8


@dataclass
class Steps:
    """What a rollout of T steps stores, and what is seen after its last step."""

    decided: np.ndarray
    rewards: np.ndarray
    values: np.ndarray
    terminations: np.ndarray
    truncations: np.ndarray
    faulted: np.ndarray
    final_values: np.ndarray
    next_acting: np.ndarray
    next_values: np.ndarray

    def cut(self, start: int, stop: int) -> "Steps":
        """Steps start to stop as a rollout of their own: whoever decides at `stop` is about to act there."""
        piece = {field.name: getattr(self, field.name)[start:stop] for field in fields(self)[:7]}
        last = stop == len(self.decided)
        return Steps(
            **piece,
            next_acting=self.next_acting if last else self.decided[stop],
            next_values=self.next_values if last else self.values[stop],
        )


def random_steps(seed: int, num_steps: int, num_envs: int = 2, num_agents: int = 2) -> Steps:
    """Any pattern of acting, waiting, dying and cutting; dense, sparse or never, as the seed has it."""
    generator = np.random.Generator(np.random.PCG64(seed))
    seats = (num_envs, num_agents)
    how_often = generator.choice([0.1, 0.5, 1.0], size=3)

    def normal(*shape: int) -> np.ndarray:
        return generator.standard_normal(shape).astype(np.float32)

    return Steps(
        decided=generator.random((num_steps, *seats)) < how_often[0],
        rewards=normal(num_steps, *seats),
        values=normal(num_steps, *seats),
        terminations=generator.random((num_steps, *seats)) < 0.3 * how_often[1],
        truncations=generator.random((num_steps, *seats)) < 0.3 * how_often[2],
        faulted=generator.random((num_steps, num_envs)) < 0.2 * how_often[1],
        final_values=normal(num_steps, *seats),
        next_acting=generator.random(seats) < 0.5,
        next_values=normal(*seats),
    )


def gather(steps: Steps, carried: OpenDecisions | None = None) -> tuple[ClosedDecisions, OpenDecisions]:
    carried = OpenDecisions.none(*steps.next_acting.shape) if carried is None else carried
    return close_decisions(carried, **vars(steps), gamma=GAMMA)


def replay_by_hand(steps: Steps, n: int, a: int) -> tuple[list[dict], dict | None]:
    """The seat's closed decisions and the open one: find where each starts, look ahead to where it stops, and sum."""
    num_steps, num_envs, num_agents = steps.decided.shape
    starts = [t for t in range(num_steps) if steps.decided[t, n, a]]
    closed, left_open = [], None
    for t, following in itertools.zip_longest(starts, starts[1:]):
        stop = num_steps if following is None else following
        edges = [k for k in range(t, stop) if steps.terminations[k, n, a] or steps.truncations[k, n, a]]
        faults = [k for k in range(t, stop) if steps.faulted[k, n]]
        if faults and (not edges or faults[0] <= edges[0]):
            if closed and not closed[-1]["terminations"]:
                closed[-1]["truncations"] = True
            continue  # nobody knows what this decision led to
        last = edges[0] if edges else stop - 1
        decision = {
            "rows": num_envs * num_agents + (t * num_envs + n) * num_agents + a,
            "rewards": sum(GAMMA ** (k - t) * float(steps.rewards[k, n, a]) for k in range(t, last + 1)),
            "durations": last + 1 - t,
            "values": steps.values[t, n, a],
            "terminations": bool(edges) and bool(steps.terminations[last, n, a]),
            "truncations": bool(edges) and not steps.terminations[last, n, a],
        }
        if edges:
            next_value = 0.0 if decision["terminations"] else steps.final_values[last, n, a]
        elif following is not None:
            next_value = steps.values[following, n, a]
        elif steps.next_acting[n, a]:
            next_value = steps.next_values[n, a]
        else:
            left_open = decision
            continue
        closed.append(decision | {"next_values": next_value})
    return closed, left_open


@given(st.integers(0, 2**32), st.integers(0, 12))
def test_every_seats_decisions_are_those_of_its_stream_replayed_by_hand(seed: int, num_steps: int) -> None:
    steps = random_steps(seed, num_steps)
    closed, left_open = gather(steps)

    for n, a in np.ndindex(steps.next_acting.shape):
        wanted, wanted_open = replay_by_hand(steps, n, a)
        assert closed.counts[n, a] == len(wanted)
        for d, decision in enumerate(wanted):
            for name, value in decision.items():
                np.testing.assert_allclose(getattr(closed, name)[d, n, a], value, rtol=1e-6, atol=1e-6, err_msg=name)
        assert left_open.open[n, a] == (wanted_open is not None)
        for name in ("rows", "rewards", "durations", "values") if wanted_open else ():
            np.testing.assert_allclose(getattr(left_open, name)[n, a], wanted_open[name], rtol=1e-6, err_msg=name)


def columns(closed: ClosedDecisions, n: int, a: int) -> dict[str, np.ndarray]:
    """One seat's decisions as [D, 1] arrays."""
    return {
        name: getattr(closed, name)[: closed.counts[n, a], n, a][:, None]
        for name in ("rewards", "durations", "values", "next_values", "terminations", "truncations")
    }


@given(st.integers(0, 2**32), st.integers(1, 12), st.sets(st.integers(1, 11)))
def test_cutting_a_stream_into_rollouts_changes_no_decision(seed: int, num_steps: int, cuts: set[int]) -> None:
    """Bit for bit, whatever the decisions' lengths and wherever the cuts fall; nothing is lost or counted twice."""
    steps = random_steps(seed, num_steps)
    whole, whole_open = gather(steps)
    bounds = [0, *sorted(cut for cut in cuts if cut < num_steps), num_steps]
    pieces, carried = [], OpenDecisions.none(2, 2)
    for start, stop in itertools.pairwise(bounds):
        closed, carried = gather(steps.cut(start, stop), carried)
        pieces.append(closed)

    for n, a in np.ndindex(2, 2):
        parts = [columns(piece, n, a) for piece in pieces]
        untouched = columns(whole, n, a)
        # Where a rollout ends the trace ends as well: it need not be told that the step after it faulted.
        ends = np.cumsum([len(part["truncations"]) for part in parts])
        for end in ends[ends > 0]:
            untouched["truncations"][end - 1] = np.concatenate([part["truncations"] for part in parts])[end - 1]
        for name, column in untouched.items():
            np.testing.assert_array_equal(np.concatenate([part[name] for part in parts]), column, err_msg=name)
    for name in ("open", "rewards", "durations", "values"):
        np.testing.assert_array_equal(getattr(carried, name), getattr(whole_open, name), err_msg=name)


def advantages_of(closed: ClosedDecisions) -> torch.Tensor:
    fields = (torch.from_numpy(getattr(closed, name)) for name in columns(closed, 0, 0))
    return generalized_advantage(*fields, gamma=GAMMA, gae_lambda=LAMBDA, counts=torch.from_numpy(closed.counts))[0]


@given(st.integers(0, 2**32), st.integers(2, 12), st.data())
def test_a_rollout_cut_stops_the_trace_at_the_last_closed_decision(seed: int, num_steps: int, data: st.DataObject) -> None:
    """Before the cut, the whole stream's TD errors are summed up to the rollout's last closed decision, not beyond."""
    steps = random_steps(seed, num_steps)
    cut = data.draw(st.integers(1, num_steps - 1))
    piece, _ = gather(steps.cut(0, cut))
    whole, _ = gather(steps)
    advantages = advantages_of(piece)

    for n, a in np.ndindex(2, 2):
        seat, trace, wanted = columns(whole, n, a), 0.0, []
        for d in reversed(range(piece.counts[n, a])):
            reward, duration, value, next_value, terminated, truncated = (field[d, 0] for field in seat.values())
            trace = 0.0 if terminated or truncated else GAMMA**duration * LAMBDA * trace
            trace += reward + GAMMA**duration * next_value - value
            wanted.append(trace)
        np.testing.assert_allclose(advantages[: piece.counts[n, a], n, a], wanted[::-1], rtol=1e-4, atol=1e-5)


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_acting_at_every_step_is_plain_gae(seed: int, num_steps: int) -> None:
    """One decision per step, in place: slot d holds step d, so nothing has to be gathered from elsewhere."""
    steps = random_steps(seed, num_steps)
    steps.decided[:], steps.next_acting[:], steps.faulted[:] = True, True, False
    closed, left_open = gather(steps)
    following = np.concatenate([steps.values[1:], steps.next_values[None]])
    truncated = steps.truncations & ~steps.terminations

    np.testing.assert_array_equal(closed.rows, np.arange(4, 4 + num_steps * 4).reshape(num_steps, 2, 2))
    np.testing.assert_array_equal(closed.rewards, steps.rewards)
    np.testing.assert_array_equal(closed.durations, 1)
    np.testing.assert_array_equal(closed.values, steps.values)
    np.testing.assert_array_equal(
        closed.next_values, np.where(steps.terminations, 0, np.where(truncated, steps.final_values, following))
    )
    assert not left_open.open.any()


def one_seat(num_steps: int, decided_at: list[int], rewards: list[float], **more: object) -> Steps:
    """A single seat with V = 10 + step at its decisions."""
    steps = random_steps(0, num_steps, 1, 1)
    steps.decided[:, 0, 0] = np.isin(np.arange(num_steps), decided_at)
    steps.rewards[:, 0, 0] = rewards
    steps.values[:, 0, 0] = 10 + np.arange(num_steps)
    for quiet in (steps.terminations, steps.truncations, steps.faulted, steps.next_acting):
        quiet[:] = False
    for name, value in more.items():
        getattr(steps, name)[...] = value
    return steps


def test_a_managers_rewards_are_discounted_inside_its_options() -> None:
    """Decides every 3 steps, gamma .9, rewards 0 0 1 0 2 0 3, terminated at the end: .81, .9 * 2, 3 over 3, 3, 1."""
    steps = one_seat(7, [0, 3, 6], [0, 0, 1, 0, 2, 0, 3])
    steps.terminations[6] = True
    closed, _ = gather(steps)

    np.testing.assert_allclose(closed.rewards[:, 0, 0], [0.81, 1.8, 3.0], rtol=1e-6)
    assert closed.durations[:, 0, 0].tolist() == [3, 3, 1]
    assert closed.next_values[:, 0, 0].tolist() == [13.0, 16.0, 0.0]


def test_a_seat_that_waits_leaves_its_last_decision_open() -> None:
    """Acts at 0 and 2 of 4 steps and is not about to act: the first closes with the second's value, 12."""
    closed, left_open = gather(one_seat(4, [0, 2], [1, 1, 1, 1]))

    assert closed.counts.tolist() == [[1]]
    assert closed.next_values[:, 0, 0].tolist() == [12.0]
    assert (left_open.rows.item(), left_open.rewards.item(), left_open.durations.item()) == (3, 1.9, 2)


def test_a_carried_decision_keeps_its_row_among_the_carried_ones() -> None:
    """Two steps gathered 1.9 before; two more of reward 1 give 1.9 + .81 + .729 = 3.439; then the seat acts: V = 12."""
    _, carried = gather(one_seat(4, [0, 2], [1, 1, 1, 1]))
    closed, _ = gather(one_seat(3, [2], [1, 1, 5]), carried)

    assert closed.rows[:, 0, 0].tolist() == [0]
    assert closed.durations[:, 0, 0].tolist() == [4]
    np.testing.assert_allclose(closed.rewards[:, 0, 0], [3.439], rtol=1e-6)
    assert closed.values[:, 0, 0].tolist() == [12.0]
    assert closed.next_values[:, 0, 0].tolist() == [12.0]


def test_a_dead_teammate_gathers_until_the_copy_ends() -> None:
    """Acts only at step 0, dies unseen, the team earns 1 at each of 3 steps: 1 + .9 + .81 = 2.71, then terminated."""
    steps = one_seat(3, [0], [1, 1, 1])
    steps.terminations[2] = True
    closed, left_open = gather(steps)

    np.testing.assert_allclose(closed.rewards[:, 0, 0], [2.71], rtol=1e-6)
    assert closed.terminations[:, 0, 0].tolist() == [True]
    assert not left_open.open.any()


def test_nothing_after_an_ending_counts_until_the_seat_acts_again() -> None:
    """Terminated after step 0; the rewards 7 of the next two steps belong to nobody."""
    steps = one_seat(4, [0, 3], [1, 7, 7, 2], next_acting=True, next_values=4.0)
    steps.terminations[0] = True
    closed, _ = gather(steps)

    assert closed.rewards[:, 0, 0].tolist() == [1.0, 2.0]
    assert closed.next_values[:, 0, 0].tolist() == [0.0, 4.0]


def test_a_fault_leaves_the_decisions_before_it_as_a_truncation_at_the_last_good_obs_would() -> None:
    """Decides at steps 0 to 4 with V 10 to 14; step 2 breaks, so that steps 3 and 4 are of another episode.

    The decision of step 2 is forgotten, that of step 1 bootstraps with V = 12 and knows nothing of what comes later.
    """
    broken = one_seat(5, [0, 1, 2, 3, 4], [1, 2, 99, 3, 4], next_acting=True, next_values=5.0)
    broken.faulted[2] = True
    faulted, _ = gather(broken)
    cut = one_seat(2, [0, 1], [1, 2])
    cut.truncations[1], cut.final_values[1] = True, 12.0
    truncated, _ = gather(cut)

    assert faulted.counts.tolist() == [[4]]
    assert faulted.truncations[:, 0, 0].tolist() == [False, True, False, False]
    assert faulted.values[:, 0, 0].tolist() == [10.0, 11.0, 13.0, 14.0]
    np.testing.assert_array_equal(advantages_of(faulted)[:2], advantages_of(truncated))
