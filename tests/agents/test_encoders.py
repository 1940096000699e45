"""What stands between obs and networks: chosen by the space alone, blind to what must not matter."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor

from marl_ppo.agents import encoders
from marl_ppo.agents.encoders import Encoder, EntityEncoder, ImageEncoder, TokenEncoder, register_encoder
from marl_ppo.agents.networks import NetworkConfig
from marl_ppo.agents.observations import flat_obs, joint_obs
from marl_ppo.envs.world import ObsLeaf


def encoder(obs: Mapping[str, ObsLeaf] | ObsLeaf, **config: Any) -> Encoder:
    leaves = obs if isinstance(obs, Mapping) else {"leaf": obs}
    return Encoder(leaves, NetworkConfig(**config), torch.Generator().manual_seed(0))


def box(*shape: int, low: float = -1.0, high: float = 1.0, dtype: type = np.float32) -> spaces.Box:
    return spaces.Box(low, high, shape, dtype)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


# --- which one --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("space", "kind"),
    [
        (box(84, 84, 4, low=0, high=255, dtype=np.uint8), ImageEncoder),
        (box(3, 64, 64), ImageEncoder),
        (box(6, 7, 2, low=0, high=1, dtype=np.uint8), ImageEncoder),
        (box(32, 20), ImageEncoder),
        (box(8, 8, low=0, high=3, dtype=np.uint8), ImageEncoder),
        (box(27, 5), EntityEncoder),
        (spaces.MultiDiscrete([5] * 9), TokenEncoder),
    ],
    ids=str,
)
def test_the_space_alone_says_which_encoder_serves(space: ObsLeaf, kind: type) -> None:
    (leaf,) = encoder(space).leaves

    assert type(leaf) is kind
    assert encoder(space)(normal(4, int(np.prod(space.shape))).abs()).shape == (4, leaf.size)


def test_bounded_numbers_are_seen_as_they_are() -> None:
    x = normal(3, 5)

    assert encoder(box(5)).is_identity
    torch.testing.assert_close(encoder(box(5))(x), x)


def test_numbers_with_wide_bounds_are_brought_into_the_unit_range() -> None:
    seen = encoder(box(3, low=0, high=255, dtype=np.uint8))(torch.tensor([[0, 51, 255]], dtype=torch.uint8))

    torch.testing.assert_close(seen, torch.tensor([[-1.0, -0.6, 1.0]]))


def test_unbounded_numbers_are_standardised_by_what_was_taken_in_and_not_before() -> None:
    unbounded = encoder(box(2, low=-np.inf, high=np.inf))
    rows = torch.tensor([[10.0, 0.0], [30.0, 4.0]])

    torch.testing.assert_close(unbounded(rows / 10), rows / 10)
    unbounded.take_in(rows)
    torch.testing.assert_close(unbounded(rows), torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))
    assert not unbounded.is_learned
    assert unbounded.has_statistics


@pytest.mark.parametrize(("setting", "standardised"), [("always", True), ("never", False)])
def test_standardising_can_be_had_everywhere_or_nowhere(setting: str, standardised: bool) -> None:
    spaces_of_both_kinds = (box(2), box(2, low=-np.inf, high=np.inf))

    assert [encoder(space, normalize_obs=setting).has_statistics for space in spaces_of_both_kinds] == [standardised] * 2


def test_an_encoder_of_ones_own_is_asked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "_REGISTRY", {})
    register_encoder("short", f"{__name__}:first_number", accepts=lambda space: space.shape == (7,))

    torch.testing.assert_close(encoder(box(7))(normal(2, 7)), normal(2, 7)[:, :1])
    assert encoder(box(6)).is_identity


def first_number(space: ObsLeaf, config: NetworkConfig, generator: torch.Generator) -> torch.nn.Module:
    class First(torch.nn.Module):
        size = 1

        def forward(self, x: Tensor) -> Tensor:
            return x[:, :1]

    return First()


# --- what each one sees -----------------------------------------------------------------------------------------------


def test_the_order_of_entities_does_not_matter() -> None:
    sees = encoder(box(6, 4))
    x = normal(2, 6, 4)
    order = torch.tensor([3, 0, 5, 1, 4, 2])

    torch.testing.assert_close(sees(x[:, order].flatten(1)), sees(x.flatten(1)))


def test_an_absent_entity_is_not_looked_at() -> None:
    """Two entities and four empty rows are what two entities are where there is room for no more."""
    x = torch.zeros(1, 6, 4)
    x[:, :2] = normal(1, 2, 4)
    many, few = encoder(box(6, 4)), encoder(box(2, 4))
    few.load_state_dict(many.state_dict())

    torch.testing.assert_close(many(x.flatten(1)), few(x[:, :2].flatten(1)))


def test_nobody_there_is_a_number_with_a_gradient() -> None:
    sees = encoder(box(6, 4))
    features = sees(torch.zeros(2, 24))
    features.sum().backward()

    assert (features == 0).all()
    assert all(torch.isfinite(parameter.grad).all() for parameter in sees.parameters() if parameter.grad is not None)


def test_the_place_of_a_token_matters() -> None:
    sees = encoder(spaces.MultiDiscrete([5] * 8))
    tokens = torch.tensor([[0, 1, 2, 3, 4, 0, 1, 2]])

    assert not torch.allclose(sees(tokens), sees(tokens.flip(1)))


@pytest.mark.parametrize("high", [1, 255])
def test_a_picture_is_brought_to_the_range_from_0_to_1_by_its_bounds(high: int) -> None:
    """The same picture on two scales is the same to the same weights."""
    sees = encoder(box(6, 7, 2, low=0, high=high, dtype=np.uint8))
    unit = encoder(box(6, 7, 2, low=0, high=1))
    unit.load_state_dict(sees.state_dict())
    x = (normal(2, 84) > 0).to(torch.uint8)

    torch.testing.assert_close(sees(x * high), unit(x.float()))


def test_channels_may_come_first() -> None:
    first, last = encoder(box(3, 40, 50)), encoder(box(40, 50, 3))
    last.load_state_dict(first.state_dict())
    x = normal(2, 3, 40, 50)

    torch.testing.assert_close(first(x.flatten(1)), last(x.permute(0, 2, 3, 1).flatten(1)))


def test_parts_are_encoded_one_by_one_and_laid_side_by_side() -> None:
    both = encoder({"near": box(3), "far": box(6, 4)})
    near, far = normal(5, 3), normal(5, 6, 4)
    seen = both(flat_obs({"near": near, "far": far}))

    torch.testing.assert_close(seen[:, :3], near)
    assert seen.shape == (5, 3 + both.leaves[1].size)


def test_any_axes_may_come_before_those_of_the_obs() -> None:
    sees = encoder({"near": box(3), "far": box(6, 4)})
    x = normal(5, 2, 27)

    torch.testing.assert_close(sees(x), sees(x.flatten(0, 1)).view(5, 2, -1))


def test_weights_follow_from_the_generator_alone() -> None:
    torch.manual_seed(0)
    one = encoder(box(6, 7, 2))
    torch.manual_seed(1)
    other = encoder(box(6, 7, 2))

    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


# --- rows -------------------------------------------------------------------------------------------------------------


def test_pictures_stay_bytes_and_are_not_copied() -> None:
    picture = torch.zeros(4, 8, 8, 3, dtype=torch.uint8)

    assert flat_obs({"picture": picture}).dtype == torch.uint8
    assert flat_obs({"picture": picture}).data_ptr() == picture.data_ptr()


def test_joint_obs_are_those_of_all_agents_in_order() -> None:
    scouts, workers = normal(2, 1, 3), normal(2, 2, 2, 2)

    joint = joint_obs(({"vector": scouts}, {"grid": workers}))

    torch.testing.assert_close(joint, torch.cat([scouts.flatten(1), workers.flatten(1)], dim=1))
