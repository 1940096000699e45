"""What a learner is given equals a slow reference that replays every seat's stream by hand.

A twin of the run's worlds repeats every step with the same seeds and actions in arrays of its own, so nothing but the
actions is taken from the rollouts. Decisions are found by looking ahead through the whole run, as if it had never been
cut; values are the plain critic's, one seat at a time.

Axes: N copies, A agents of a group, S = N * A seats.
"""

import copy
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor

from marl_ppo.agents.actor_critic import ActorCritic
from marl_ppo.envs.probes.common import uniforms, write
from marl_ppo.envs.seeds import stream
from marl_ppo.envs.world import Array, Group, Outputs, World, WorldSpec
from marl_ppo.play.play import Play
from marl_ppo.ppo.normalization import ValueNorm
from marl_ppo.training import setup
from marl_ppo.training.batch import Batch
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.trainer import Trainer

NUM_ENVS, NUM_STEPS, UPDATES = 5, 7, 6
LEARNING_RATE = 1e-2
"""high, so that the critic of one rollout is not that of the next"""

Arrays = dict[str, Array]


class Twin:
    """Observer that repeats a play in a world of its own, and keeps copies of all that it saw there."""

    def __init__(self, config: TrainConfig, play: Play, first_copy: int) -> None:
        self.world = setup.world_from(config, play.world.num_envs)
        self.first_copy = first_copy
        self.shown: list[Arrays] = []
        """before each step"""
        self.starts: list[Array] = []
        """bool [N]: whether an episode began there"""
        self.actions: list[tuple[Array, ...]] = []
        self.reached: list[Arrays] = []
        """after each step, before any reset"""

        self._run_seed = config.seed
        self._episode = np.full(self.world.num_envs, -1)
        self._starting = np.zeros(self.world.num_envs, bool)

    def on_reset(self, where: Array, outputs: Outputs) -> None:
        self._episode[where] += 1
        self._starting |= where
        copies = self.first_copy + np.arange(self.world.num_envs)
        self.world.reset(stream(self._run_seed, "train", copies, self._episode), where)

    def on_step(self, outputs: Outputs, actions: Sequence[Array]) -> None:
        self.shown.append(self.now())
        self.starts.append(self._starting)
        self._starting = np.zeros_like(self._starting)
        self.actions.append(tuple(own.copy() for own in actions))
        self.world.step(self.actions[-1])
        self.reached.append(self.now())

    def on_end(self, where: Array, outputs: Outputs) -> None:
        pass

    def now(self) -> Arrays:
        return {name: array.copy() for name, array in self.world.outputs.arrays().items()}


@dataclass
class Lesson:
    """What a learner was given after one rollout, and what its policy and normaliser were until then."""

    batch: Batch
    policy: ActorCritic
    value_norm: ValueNorm


def watch(config: TrainConfig, updates: int = UPDATES) -> tuple[list[Twin], dict[str, list[Lesson]]]:
    """Train for some updates: the twin of each shard, and every policy's lessons, one per rollout."""
    twins: list[Twin] = []
    lessons: dict[str, list[Lesson]] = {}
    with Trainer(config) as trainer:
        for play in trainer.setup.plays:
            twins.append(Twin(config, play, sum(twin.world.num_envs for twin in twins)))
            play.observers = (*play.observers, twins[-1])
        for name, learner in trainer.setup.learners.items():
            lessons[name] = []
            learner.update = noting(learner, lessons[name])
        for _ in range(updates):
            trainer.train_once()
    return twins, lessons


def noting(learner: Any, lessons: list[Lesson]) -> Any:
    """The learner's own `update`, which first adds a copy of its lesson."""
    update = learner.update

    def noted(batch: Batch, **more: Any) -> Any:
        lessons.append(copy.deepcopy(Lesson(batch, learner.policy, learner.value_norm)))
        return update(batch, **more)

    return noted


@dataclass
class Decision:
    """One of a seat's; times are world steps since the run began."""

    start: int
    last: int
    """the last step whose reward it gathers; it closes in the rollout of this step"""
    reward: float
    value: float
    next_value: float
    ending: str
    """terminated, truncated, or acts again"""
    advantage: float = 0.0


class Seat:
    """Agent `a` of copy `n` of a twin, and its policy's lessons."""

    def __init__(self, config: TrainConfig, twin: Twin, lessons: list[Lesson], group: int, n: int, a: int) -> None:
        self.config, self.twin, self.lessons = config, twin, lessons
        self.group, self.n, self.a = group, n, a
        self.num_agents = len(twin.world.spec.groups[group].agents)
        self.number = (twin.first_copy + n) * self.num_agents + a

    def at(self, arrays: Arrays, name: str) -> Array:
        """The seat's own part of `name`, where {g} stands for the group."""
        return arrays[name.format(g=self.group)][self.n, self.a]

    def shared(self, arrays: Arrays) -> Array:
        """What the critic sees of the whole copy."""
        if self.config.critic_input == "joint":
            groups = range(len(self.twin.world.spec.groups))
            return np.concatenate([arrays[f"obs.{g}.vector"][self.n].ravel() for g in groups])
        return arrays["state"][self.n]

    def value(self, arrays: Arrays, rollout: int, memory: Tensor) -> tuple[float, Tensor]:
        """V of what is shown, in units of reward, by the critic of that rollout; and the critic's memory after it."""
        critic, norm = self.lessons[rollout].policy.critic, self.lessons[rollout].value_norm
        shown = [self.shared(arrays)]
        if self.config.critic_input == "both":
            shown.append(self.at(arrays, "obs.{g}.vector"))
        if critic.per_seat:
            shown.append(np.eye(self.num_agents, dtype=np.float32)[self.a])
        with torch.no_grad():
            values, memory = critic(torch.from_numpy(np.concatenate(shown))[None], torch.tensor([False]), memory)
        normalised = values.flatten()[0 if critic.per_seat else self.a]
        return float(norm.mean + norm.std * normalised.double()), memory

    def decisions(self) -> tuple[list[Decision], int]:
        """All that were closed, in order, and how many stayed open: 0 or 1."""
        twin, gamma = self.twin, self.config.ppo.gamma
        num_steps = len(twin.shown)
        following = [*twin.shown, twin.now()]
        starts = [t for t in range(num_steps) if self.at(twin.shown[t], "acting.{g}")]
        found: list[Decision] = []
        memory = self._blank()
        for start, again in itertools.zip_longest(starts, starts[1:], fillvalue=num_steps):
            edges = [t for t in range(start, again) if self._ending(t) != "acts again"]
            last = edges[0] if edges else again - 1
            # An episode began since the decision before.
            if any(twin.starts[t][self.n] for t in range(found[-1].last + 1 if found else 0, start + 1)):
                memory = self._blank()
            value, memory = self.value(twin.shown[start], start // NUM_STEPS, memory)
            if not edges and not self.at(following[again], "acting.{g}"):
                return found, 1
            # Also across a cut, what follows is valued by the critic of the rollout in which the decision closes.
            after = twin.reached[last] if edges else following[again]
            next_value, _ = self.value(after, last // NUM_STEPS, memory)
            rewards = [float(self.at(twin.reached[t], "rewards.{g}")) for t in range(start, last + 1)]
            found.append(
                Decision(
                    start=start,
                    last=last,
                    reward=sum(gamma**i * reward for i, reward in enumerate(rewards)),
                    value=value,
                    next_value=0.0 if self._ending(last) == "terminated" else next_value,
                    ending=self._ending(last),
                )
            )
        return found, 0

    def _ending(self, t: int) -> str:
        if self.at(self.twin.reached[t], "terminations.{g}"):
            return "terminated"
        return "truncated" if self.at(self.twin.reached[t], "truncations.{g}") else "acts again"

    def _blank(self) -> Tensor:
        return torch.zeros(1, self.lessons[0].policy.critic.memory_size)


def add_advantages(decisions: Sequence[Decision], *, gamma: float, gae_lambda: float) -> None:
    """Of decisions that closed in one rollout: each TD error, and those after it up to the episode's end or the cut."""
    for i, decision in enumerate(decisions):
        weight = 1.0
        for later in decisions[i:]:
            discount = gamma ** (later.last + 1 - later.start)
            decision.advantage += weight * (later.reward + discount * later.next_value - later.value)
            weight *= discount * gae_lambda
            if later.ending != "acts again":
                break


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], set[str]]] = {
    "each stream ends with its agent": (
        {"world": "staggered", "world_config": {"on_death": "ends"}},
        {},
        {"terminated", "truncated", "acts again"},
    ),
    "the dead are paid until the copy ends": (
        {"world": "staggered", "world_config": {"on_death": "team"}, "critic_input": "state"},
        {},
        {"terminated", "truncated", "acts again", "carried"},
    ),
    "with memory": (
        {"world": "staggered", "world_config": {"on_death": "team"}},
        {"memory": "gru"},
        {"terminated", "truncated", "acts again", "carried"},
    ),
    "waiting": ({"world": "waits", "critic_input": "both"}, {}, {"truncated", "acts again", "carried"}),
    "waiting, with memory": ({"world": "waits"}, {"memory": "gru"}, {"truncated", "acts again", "carried"}),
    "in two threads": (
        {"world": "staggered", "world_config": {"on_death": "team"}, "critic_input": "both", "threads": 2},
        {},
        {"terminated", "truncated", "acts again", "carried"},
    ),
    "in turns": ({"world": "kuhn"}, {}, {"terminated", "acts again", "carried"}),
    "without the fused twins": ({"world": "kuhn", "fused": False}, {}, {"terminated", "acts again", "carried"}),
    "two kinds of agents": ({"world": "two_kinds"}, {}, {"terminated", "acts again"}),
}
"""settings, network, and what the streams must show or the case would prove little; none of the episodes' lengths is a
multiple of NUM_STEPS, so rollouts are cut in the middle of episodes"""


@pytest.mark.parametrize(("settings", "network", "must_show"), CASES.values(), ids=CASES.keys())
def test_advantages_and_returns_are_those_of_every_seats_stream_replayed_by_hand(
    small: Any, settings: dict[str, Any], network: dict[str, Any], must_show: set[str]
) -> None:
    """Row by row, and each closed decision in exactly one rollout: where its last reward fell, its carried row or its own."""
    ppo = {"gamma": 0.9, "gae_lambda": 0.8, "learning_rate": LEARNING_RATE}
    config = small(
        **settings, num_envs=NUM_ENVS, num_steps=NUM_STEPS, total_steps=NUM_ENVS * NUM_STEPS * UPDATES, ppo=ppo, network=network
    )
    twins, lessons = watch(config)

    shown = set()
    for twin in twins:
        for g, group in enumerate(twin.world.spec.groups):
            for n, a in np.ndindex(twin.world.num_envs, len(group.agents)):
                seat = Seat(config, twin, lessons[group.name], g, n, a)
                decisions, num_open = seat.decisions()
                assert len(decisions) + num_open == sum(bool(seat.at(arrays, "acting.{g}")) for arrays in twin.shown)
                for k, lesson in enumerate(lessons[group.name]):
                    closed = [decision for decision in decisions if decision.last // NUM_STEPS == k]
                    add_advantages(closed, gamma=0.9, gae_lambda=0.8)
                    assert_learned_from(lesson.batch, seat, closed, k)
                    shown |= {decision.ending for decision in closed}
                    shown |= {"carried" for decision in closed if decision.start // NUM_STEPS < k}

    assert shown == must_show


def assert_learned_from(batch: Batch, seat: Seat, decisions: list[Decision], rollout: int) -> None:
    """The seat's decisions in the batch of a rollout are `decisions`."""
    num_seats = NUM_ENVS * seat.num_agents
    steps = [decision.start - rollout * NUM_STEPS for decision in decisions]
    rows = [seat.number + num_seats * max(0, 1 + step) for step in steps]
    assert batch.rows[: batch.counts[seat.number], seat.number].tolist() == rows
    for row, decision in zip(rows, decisions, strict=True):
        shown, actions = seat.twin.shown[decision.start], seat.twin.actions[decision.start][seat.group]
        np.testing.assert_array_equal(batch.obs[row], seat.at(shown, "obs.{g}.vector"))
        np.testing.assert_array_equal(batch.actions[row], actions[seat.n, seat.a])
        unit = batch.unit_of(torch.tensor(row))
        np.testing.assert_array_equal(batch.shared[unit], seat.shared(shown))
        wanted = (decision.value, decision.advantage, decision.value + decision.advantage)
        found = [float(field[row]) for field in (batch.values, batch.advantages, batch.returns)]
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


class Trio(World):
    """Three agents that never meet: each is shown random numbers of its own and paid the first of them for action 1.

    player_1 dies after `middle_steps` steps, with 0 it is never there; the others play on until the copy ends.
    """

    def __init__(self, num_envs: int, middle_steps: int) -> None:
        group = Group(
            name="players",
            agents=("player_0", "player_1", "player_2"),
            team=(0, 0, 0),
            obs={"vector": spaces.Box(0.0, 1.0, (2,), np.float32)},
            action=spaces.Discrete(2),
        )
        super().__init__(WorldSpec(id="trio", version=1, groups=(group,), teams=("players",), max_steps=None), num_envs)
        self._lifetimes = np.array([np.inf, middle_steps, np.inf])
        self._tick = np.zeros(num_envs, np.int64)

    def _reset(self, where: Array) -> None:
        self._tick[where] = 0
        self._tell(where, np.zeros((self.num_envs, 3)))

    def _step(self, actions: Sequence[Array]) -> None:
        self._tick += 1
        self._tell(np.ones(self.num_envs, bool), actions[0])

    def _tell(self, where: Array, actions: Array) -> None:
        numbers = uniforms(self.seeds, 8 * self._tick, 8)
        tick = self._tick[:, None]
        lives, took_part = tick < self._lifetimes, (tick > 0) & (tick - 1 < self._lifetimes)
        ended = (tick > 0) & (numbers[:, 6:7] < 0.2)
        cut = ended & (numbers[:, 7:] < 0.5)
        alive = lives & (cut | ~ended)
        values = {
            "obs.0.vector": numbers[:, :6].reshape(-1, 3, 2) * alive[..., None],
            "rewards.0": numbers[:, 0:6:2] * actions * took_part,
            "alive.0": alive,
            "acting.0": lives & ~ended,
            "terminations.0": took_part & ~alive,
            "truncations.0": took_part & alive & cut,
            "ended": ended[:, 0],
        }
        write(self.outputs, where, values)


@pytest.mark.parametrize(("sharing", "updates"), [("group", 1), ("separate", UPDATES)])
def test_an_agent_that_dies_changes_nothing_for_the_others(
    small: Any, monkeypatch: pytest.MonkeyPatch, sharing: str, updates: int
) -> None:
    """Agents 0 and 2 are taught the same, to the last bit, whether agent 1 dies at step 2 or was never there.

    Where all share one policy this holds for the first rollout: what agent 1 did there changes the policy.
    """
    monkeypatch.setattr(setup, "make_world", lambda world, num_envs, **settings: Trio(num_envs, **settings))

    def taught(middle_steps: int) -> tuple[list[Tensor], int]:
        """Rows, advantages and returns of agents 0 and 2 in every batch, and how often agent 1 decided."""
        config = small("trio", world_config={"middle_steps": middle_steps}, sharing=sharing, critic_input="own")
        batches = [lesson.batch for lessons in watch(config, updates)[1].values() for lesson in lessons]
        others = [(batch, batch.valid_rows[batch.valid_rows % 3 != 1]) for batch in batches]
        decided = sum(len(batch.valid_rows) - len(rows) for batch, rows in others)
        return [field for batch, rows in others for field in (rows, batch.advantages[rows], batch.returns[rows])], decided

    (died, decided), (never_there, never_decided) = taught(middle_steps=2), taught(middle_steps=0)

    assert (decided > 0, never_decided) == (True, 0)
    for field, other in zip(died, never_there, strict=True):
        np.testing.assert_array_equal(field, other)
