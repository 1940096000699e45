"""What policies are shown, seat by seat, and what becomes of what they decide."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor

from marl_ppo.agents.policy import Decision, Obs
from marl_ppo.envs.probes.common import write
from marl_ppo.envs.world import ActionSpace, Array, Group, World, WorldSpec
from marl_ppo.play.play import Decided, Play

COPIES, AGENTS = 4, 3
LOW, HIGH = [-1.0, 0.0], [2.0, 10.0]
"""of continuous actions"""


class Rota(World):
    """Agent a acts where (tick + a + copy) is no multiple of 3; copy n ends after 3 + 2n steps.

    obs    [copy, agent, tick, episodes of the copy before this one]
    """

    def __init__(self, action: ActionSpace | None = None) -> None:
        group = Group(
            name="players",
            agents=tuple(f"player_{a}" for a in range(AGENTS)),
            team=(0, 1, 0),
            obs={"vector": spaces.Box(-np.inf, np.inf, (4,), np.float32)},
            action=action or spaces.Discrete(5),
        )
        super().__init__(WorldSpec(id="rota", version=1, groups=(group,), teams=("even", "odd"), max_steps=None), COPIES)
        self.tick, self.episode = np.zeros(COPIES, np.int64), np.full(COPIES, -1)
        self.received: list[Array] = []
        """the actions of each step"""

    def _reset(self, where: Array) -> None:
        self.tick[where] = 0
        self.episode += where
        self._tell(where)

    def _step(self, actions: Sequence[Array]) -> None:
        self.received.append(actions[0].copy())
        self.tick += 1
        self._tell(np.ones(COPIES, bool))

    def _tell(self, where: Array) -> None:
        copy, agent = np.arange(COPIES)[:, None], np.arange(AGENTS)
        tick, episode = self.tick[:, None], self.episode[:, None]
        ended = self.tick == 3 + 2 * np.arange(COPIES)
        values = {
            "obs.0.vector": np.stack(np.broadcast_arrays(copy, agent, tick, episode), axis=-1),
            "alive.0": True,
            "acting.0": ((tick + agent + copy) % 3 != 0) & ~ended[:, None],
            "truncations.0": ended[:, None],
            "ended": ended,
        }
        write(self.outputs, where, values)


class Recorder:
    """A policy that notes what it is shown, always chooses the same, and remembers how often a seat has decided."""

    memory_size = 1

    def __init__(self, action: Any = 0, noise_size: int = 0) -> None:
        self._action = torch.tensor(action)
        self.noise_size = noise_size
        self.calls: list[dict[str, Any]] = []

    def act(
        self,
        obs: Obs,
        action_mask: Tensor | None,
        agent_index: Tensor,
        is_start: Tensor,
        memory: Tensor,
        noise: Tensor,
        greedy: bool,
    ) -> Decision:
        shown = {"obs": obs["vector"], "agent_index": agent_index, "is_start": is_start, "memory": memory, "noise": noise}
        after = torch.where(is_start[:, None], 0.0, memory) + 1
        notes = {name: tensor.clone() for name, tensor in (shown | {"after": after}).items()}
        self.calls.append(notes | {"greedy": greedy})
        return Decision(self._action.expand(len(after), *self._action.shape), torch.zeros(len(after)), after)

    def seen(self, name: str) -> Tensor:
        """Of all its calls, one after the other."""
        return torch.cat([call[name] for call in self.calls])


def started(world: World, policies: Sequence[Any], seating: Array | None = None, **over: Any) -> Play:
    def seeds(copies: Array, episodes: Array) -> Array:
        return np.asarray(1000 * copies + episodes, np.uint64)

    play = Play(world, policies, [np.zeros((COPIES, AGENTS), np.int64) if seating is None else seating], seeds, **over)
    play.start()
    return play


def acting_obs(play: Play, seats: Array) -> Tensor:
    """What the world now shows those of the seats (bool [N, A]) whose turn it is, copy by copy."""
    outputs = play.world.outputs
    return torch.from_numpy(outputs.obs[0]["vector"][outputs.acting[0] & seats])


BEYOND = [([5.0, -5.0], [2.0, 0.0]), ([-5.0, 50.0], [-1.0, 10.0]), ([0.5, 7.0], [0.5, 7.0])]


@pytest.mark.parametrize("everybody", [True, False], ids=["all seats", "some seats"])
@pytest.mark.parametrize(("chosen", "inside"), BEYOND)
def test_the_world_gets_actions_clipped_to_the_box_and_the_decision_keeps_them(
    chosen: list[float], inside: list[float], everybody: bool
) -> None:
    """Each component to bounds of its own: PPO needs the density of what was drawn."""
    world = Rota(spaces.Box(np.array(LOW, np.float32), np.array(HIGH, np.float32)))
    play = started(world, [Recorder(chosen)])
    if everybody:
        world.outputs.acting[0][:] = True
    acting = world.outputs.acting[0].copy()
    (decided,) = play.decide()
    play.advance()

    assert (decided.rows is None) == everybody
    assert decided.decision.actions.tolist() == [chosen] * int(acting.sum())
    assert world.received[0][acting].tolist() == [inside] * int(acting.sum())


def test_discrete_actions_reach_the_world_as_they_are() -> None:
    world = Rota()
    play = started(world, [Recorder(4)])
    acting = world.outputs.acting[0].copy()
    play.step()

    assert (world.received[0][acting] == 4).all()


def test_a_seat_that_does_not_act_keeps_its_memory() -> None:
    """Also while others act, and across the end of an episode, until the seat decides again."""
    play = started(Rota(), [Recorder()])
    remembered = torch.zeros(COPIES, AGENTS)
    for _ in range(20):
        acting = torch.from_numpy(play.world.outputs.acting[0].copy())
        first = torch.from_numpy(play.decisions[0] == 0)
        play.step()
        remembered = torch.where(acting, torch.where(first, 0.0, remembered) + 1, remembered)

        assert not acting.all()
        assert torch.equal(play.memory[0].view(COPIES, AGENTS), remembered)


def test_memory_before_and_after_a_decision_can_still_be_looked_at_later() -> None:
    """Also that of all seats at once, when some of them have decided again."""
    recorder = Recorder()
    play = started(Rota(), [recorder])
    found: list[Decided] = []
    for step in range(6):
        play.world.outputs.acting[0][:] |= step in (0, 3)
        found += play.decide()
        play.advance()
        play.reset_ended()

    assert [decided.rows is None for decided in found] == [True, False, False, True, False, False]
    for decided, call in zip(found, recorder.calls, strict=True):
        assert torch.equal(decided.memory_in, call["memory"])
        assert torch.equal(decided.decision.memory, call["after"])


def two_policies() -> tuple[Play, list[Recorder], Array]:
    """In one group, seated differently in every copy; the first one is greedy."""
    seating = np.array([[0, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 1]])
    recorders = [Recorder(1, noise_size=2), Recorder(2, noise_size=2)]
    return started(Rota(), recorders, seating, greedy=[True, False]), recorders, seating


def test_each_policy_of_a_group_is_shown_its_own_seats_and_chooses_for_them() -> None:
    """With their number inside their team: 0, 0, 1 for players of the teams even, odd, even."""
    play, recorders, seating = two_policies()
    for _ in range(20):
        acting = play.world.outputs.acting[0].copy()
        shown = [acting_obs(play, seating == p) for p in range(2)]
        play.step()
        for p, recorder in enumerate(recorders):
            call = recorder.calls[-1]

            assert torch.equal(call["obs"], shown[p])
            assert call["agent_index"].tolist() == [[0, 0, 1][int(agent)] for agent in shown[p][:, 1]]
            assert call["greedy"] == (p == 0)
            assert (play.world.received[-1][acting & (seating == p)] == p + 1).all()


def test_a_seats_noise_does_not_depend_on_who_plays_the_others() -> None:
    """Nor on the policy in the seat: it follows from the episode's seed, the seat and the number of its decision."""

    def noise_by_moment(recorders: list[Recorder]) -> dict[tuple[float, ...], list[float]]:
        return {
            tuple(obs): noise
            for recorder in recorders
            for obs, noise in zip(recorder.seen("obs").tolist(), recorder.seen("noise").tolist(), strict=True)
        }

    play, recorders, _ = two_policies()
    alone = Recorder(noise_size=2)
    other = started(Rota(), [alone])
    for _ in range(20):
        play.step()
        other.step()
    found = noise_by_moment(recorders)
    numbers = [number for noise in found.values() for number in noise]

    assert found == noise_by_moment([alone])
    assert len(set(numbers)) == len(numbers) == 2 * len(alone.seen("obs"))


def test_a_seats_first_decision_of_an_episode_is_its_start_and_no_other() -> None:
    """Where a seat does not act at tick 0, that is at tick 1."""
    recorder = Recorder()
    play = started(Rota(), [recorder])
    for _ in range(30):
        play.step()
    met: set[tuple[float, ...]] = set()
    for (copy, agent, tick, episode), is_start in zip(
        recorder.seen("obs").tolist(), recorder.seen("is_start").tolist(), strict=True
    ):
        seat = (copy, agent, episode)

        assert is_start == (seat not in met) == (tick == (1 if (copy + agent) % 3 == 0 else 0))
        met.add(seat)
    assert {(copy, episode) for copy, _, episode in met} >= {(0, 9), (1, 5), (2, 3), (3, 2)}


def test_decisions_are_counted_anew_in_every_episode() -> None:
    """As a policy's memory counts them here, but for seats that have not decided in their episode yet."""
    play = started(Rota(), [Recorder()])
    for _ in range(30):
        play.step()
        counts, remembered = play.decisions[0], play.memory[0].view(COPIES, AGENTS).numpy()

        np.testing.assert_array_equal(counts[counts > 0], remembered[counts > 0])
        assert (counts[play.world.outputs.obs[0]["vector"][..., 2] == 0] == 0).all()
