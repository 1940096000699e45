"""Lineups drawn from a bank: who plays whom, from which side, and that nobody changes in mid-episode."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from marl_ppo.agents.actor_critic import Actor
from marl_ppo.agents.networks import NetworkConfig
from marl_ppo.agents.scripted import scripted_policy, uniform_policy
from marl_ppo.agents.stacked import Stack, StackedActors
from marl_ppo.envs.registry import make_world
from marl_ppo.envs.seeds import stream
from marl_ppo.envs.world import Array, World, WorldSpec
from marl_ppo.errors import ConfigError
from marl_ppo.play.bank import SELF, Bank, BankShard, partner_parts, team_parts
from marl_ppo.play.play import Play
from marl_ppo.play.seating import Player
from marl_ppo.training.fused.playing import fastest_stack

COPIES = 24


def trained(spec: WorldSpec, name: str, seed: int, memory: str = "none") -> Player:
    """A player whose choices differ clearly from those of another seed."""
    policies = {}
    for group in spec.groups:
        actor = Actor(group, NetworkConfig(memory=memory, hidden=(16, 16)), torch.Generator().manual_seed(seed))  # type: ignore[arg-type]
        actor.output.weight.data *= 100
        policies |= dict.fromkeys(group.agents, actor)
    return Player(name=name, policies=policies)


def single(actors: Sequence[Actor]) -> Stack:
    """A stack that asks one actor after another."""

    class Looped(StackedActors):
        def params(self, obs, agent_index, is_start, memory, members):  # type: ignore[no-untyped-def]
            found = [
                actors[int(m)](*(t[b : b + 1] for t in (obs, agent_index, is_start, memory))) for b, m in enumerate(members)
            ]
            return torch.cat([params for params, _ in found]), torch.cat([after for _, after in found])

    return Looped(actors)


def bank_of(world: World, slots: list[str], memory: str = "none", make_stack: object = fastest_stack) -> tuple[Bank, Play]:
    spec = world.spec
    bank = Bank(spec, team_parts(spec, spec.teams), seed=3, make_stack=make_stack)  # type: ignore[arg-type]
    bank.seat_learner(trained(spec, "learner", 0, memory))
    bank.fill(slots, players_of(spec, memory))
    shard = bank.shard(0, world.num_envs)
    play = Play(world, bank.cast.policies, shard, lambda c, e: stream(1, "train", c, e), greedy=bank.cast.greedy)
    shard.play = play
    return bank, play


def players_of(spec: WorldSpec, memory: str) -> dict[str, Player]:
    return {name: trained(spec, name, seed, memory) for seed, name in enumerate("abcde", start=1)} | {
        "random": Player(
            name="random", policies={agent: uniform_policy(group) for group in spec.groups for agent in group.agents}
        )
    }


def lineups(shard: BankShard, bank: Bank) -> list[tuple[str, int]]:
    return [(bank.residents[o], int(p)) for o, p in zip(shard.opponent, shard.part, strict=True)]


@pytest.mark.parametrize("memory", ["none", "gru"])
def test_a_play_with_stacked_players_is_the_play_with_each_asked_alone(memory: str) -> None:
    """Over many episodes, the bank filled anew in the middle of some."""
    refills = [["a", "b", "c", SELF], ["c", "d", "random"], ["e"]]
    found: list[list[Array]] = []
    for make_stack in (single, fastest_stack):
        world = make_world("kuhn", num_envs=COPIES)
        bank, play = bank_of(world, refills[0], memory, make_stack)
        play.start()
        found.append([])
        for step in range(90):
            if step in (31, 61):
                bank.fill(refills[step // 30], players_of(world.spec, memory))
            play.step()
            found[-1] += [actions.copy() for actions in play.actions]

    for alone, together in zip(*found, strict=True):
        np.testing.assert_array_equal(alone, together)


def test_no_lineup_changes_inside_an_episode() -> None:
    """Also when the bank is filled anew at every step."""
    world = make_world("kuhn", num_envs=COPIES)
    bank, play = bank_of(world, ["a"])
    play.start()
    (shard,) = bank.shards
    before = lineups(shard, bank)
    changed = 0
    for step in range(60):
        bank.fill([["a", "b"], ["c"], ["d", SELF]][step % 3], players_of(world.spec, "none"))

        assert lineups(shard, bank) == before
        play.decide()
        play.advance()
        ended = world.outputs.ended.copy()
        play.reset_ended()
        after = lineups(shard, bank)
        assert all(old == new for old, new, over in zip(before, after, ended, strict=True) if not over)
        changed += sum(old != new for old, new in zip(before, after, strict=True))
        before = after
    assert changed > 100


def test_sides_are_balanced_and_slots_come_up_as_often_as_they_are_filled() -> None:
    world = make_world("kuhn", num_envs=COPIES)
    bank, _ = bank_of(world, ["a", "a", "a", "b"])
    copies = np.tile(np.arange(1000), 4)
    opponents, parts = bank.draw(copies, np.repeat(np.arange(4), 1000))
    names = Counter(bank.residents[o] for o in opponents)

    assert Counter(parts.tolist()) == {0: 2000, 1: 2000}
    assert abs(names["a"] - 3000) < 100
    for name in (1, 2):
        assert abs(parts[opponents == name].mean() - 0.5) < 0.05


def test_in_self_play_the_learner_sits_everywhere() -> None:
    world = make_world("kuhn", num_envs=COPIES)
    bank, play = bank_of(world, [SELF])
    play.start()

    assert all((play.policies[p] is bank.cast.policies[0]) for p in np.unique(play.seats[0]))


def test_partners_share_a_team_in_every_way() -> None:
    spec = make_world("spread", num_envs=1).spec

    assert [len(part) for part in partner_parts(spec)] == [1, 1, 1, 2, 2, 2]


def test_a_lineup_with_an_empty_seat_is_refused() -> None:
    """A script of the prey alone cannot take the chasers' team."""
    spec = make_world("tag", num_envs=1).spec
    chasers, prey = spec.groups
    bank = Bank(spec, team_parts(spec, spec.teams), seed=0)
    bank.seat_learner(trained(spec, "learner", 0))
    only = Player(name="prey", policies=dict.fromkeys(prey.agents, scripted_policy("tag", prey, spec)))

    with pytest.raises(ConfigError, match=r"with 'prey', nobody plays 'adversary_0'"):
        bank.fill(["prey"], {"prey": only})
    assert len(chasers.agents) > 1
