"""Subgoals that are never set."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from gymnasium import spaces

from marl_ppo.agents.held_out import HeldOut
from marl_ppo.agents.skills import Skills
from marl_ppo.envs.world import Group, Whereabouts
from marl_ppo.errors import ConfigError

GROUP = Group(
    name="players",
    agents=("a",),
    team=(0,),
    obs={"vector": spaces.Box(-1.0, 1.0, (2,))},
    action=spaces.Discrete(3),
    whereabouts=Whereabouts(own=0, cells=(2, 2)),
)


def space(action: spaces.Space[Any], legal: list[bool]) -> Any:
    """Subgoals of which these are legal."""
    told = SimpleNamespace(shown=None, reached=None, reward=None, place=None, size=3)
    return SimpleNamespace(**vars(told), action=action, legal=lambda obs: torch.tensor([legal]))


def test_what_is_held_out_is_illegal_and_nothing_else_is() -> None:
    held_out = torch.tensor([True, False, False, True])
    obs = torch.zeros(1, 2)

    assert HeldOut(space(spaces.Discrete(4), [True, True, False, False]), held_out).legal(obs).tolist() == [
        [False, True, False, False]
    ]
    # All that are legal are held out: any of the others may be set.
    assert HeldOut(space(spaces.Discrete(4), [True, False, False, True]), held_out).legal(obs).tolist() == [
        [False, True, True, False]
    ]


def test_a_seed_draws_the_share() -> None:
    whole = space(spaces.Discrete(42), [True] * 42)
    first, again, other = (HeldOut.drawn(whole, 0.2, seed).held_out for seed in (1, 1, 2))

    assert first.sum() == other.sum() == 8
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_some_are_kept_and_some_are_left() -> None:
    with pytest.raises(ConfigError, match=r"held_out=0\.1 keeps 0 of 4 subgoals; keep some, and leave some"):
        HeldOut.drawn(space(spaces.Discrete(4), [True] * 4), 0.1, 0)
    with pytest.raises(ConfigError, match=r"held_out=0\.9 keeps 4 of 4"):
        HeldOut.drawn(space(spaces.Discrete(4), [True] * 4), 0.9, 0)
    with pytest.raises(ConfigError, match="where managers choose one of some"):
        HeldOut.drawn(space(spaces.MultiDiscrete([2, 3]), [True] * 5), 0.5, 0)
    with pytest.raises(ConfigError, match="Skills cannot be held out"):
        HeldOut.drawn(Skills(GROUP), 0.5, 0)
