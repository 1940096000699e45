"""SuperSuit's preprocessing by name, for Parallel, AEC and Gymnasium envs."""

import numpy as np
import pytest
from gymnasium import spaces
from one_agent import OneAgent

from marl_ppo.envs import make_world
from marl_ppo.envs.pettingzoo import from_env
from marl_ppo.envs.pettingzoo.wrapping import WRAPPERS
from marl_ppo.errors import ConfigError, UnknownNameError

SPREAD = "pettingzoo:mpe2.simple_spread_v3"


def test_pictures_are_made_small_gray_and_stacked_in_the_order_of_the_names() -> None:
    """Pistonball shows 457 x 120 x 3; the stack holds the newest frame last, and zeros before the first."""
    pytest.importorskip("pymunk")
    piston = "pettingzoo:pettingzoo.butterfly.pistonball_v6"
    world = make_world(piston, n_pistons=3, wrap="resize,grayscale,frame_stack=4")
    (leaf,) = world.spec.groups[0].obs.values()
    out = world.reset(np.zeros(1, np.uint64))

    assert list(world.spec.groups[0].obs) == ["observation"]
    assert (leaf.shape, leaf.dtype) == ((84, 84, 4), np.uint8)
    assert out.obs[0]["observation"].shape == (1, 3, 84, 84, 4)
    frames = out.obs[0]["observation"][0, 0]
    assert not frames[..., :3].any()
    out = world.step([np.zeros((1, 3, 1), np.float32)])
    np.testing.assert_array_equal(out.obs[0]["observation"][0, 0, ..., 2], frames[..., 3])
    assert world.spec.config == {"n_pistons": 3, "wrap": "resize,grayscale,frame_stack=4"}
    world.close()


def picture(dtype: type = np.uint8) -> OneAgent:
    return OneAgent(spaces.Box(0, 255, (6, 8, 3), dtype), np.full((6, 8, 3), 9, dtype))


@pytest.mark.parametrize(
    ("wrap", "shape"),
    [
        ("resize=4", (4, 4, 3)),
        ("resize=5x4", (4, 5, 3)),
        ("grayscale", (6, 8)),
        ("channel=R", (6, 8)),
        ("frame_stack=2", (6, 8, 6)),
        ("grayscale,frame_stack", (6, 8, 4)),
        ("flatten", (144,)),
        (" grayscale , flatten ", (48,)),
    ],
)
def test_each_name_is_a_wrapper_with_its_argument(wrap: str, shape: tuple[int, ...]) -> None:
    """A size is width x height, and a picture has its height first."""
    world = from_env(picture, num_envs=1, wrap=wrap)
    (leaf,) = world.spec.groups[0].obs.values()

    assert leaf.shape == shape


def test_envs_of_turns_are_wrapped_too() -> None:
    """Four boards of two planes."""
    pytest.importorskip("pettingzoo.classic.connect_four_v3")
    world = make_world("pettingzoo:pettingzoo.classic.tictactoe_v3", wrap="sticky_actions=0")

    assert world.reset(np.zeros(1, np.uint64)).acting[0].tolist() == [[True, False]]


def test_an_unknown_wrapper_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"No wrapper is called 'grayscal'. Did you mean 'grayscale'\?"):
        make_world(SPREAD, wrap="flatten,grayscal")
    with pytest.raises(UnknownNameError, match=r"No wrapper is called 'xyz'. There are resize, .*, clip_reward."):
        make_world(SPREAD, wrap="xyz")


@pytest.mark.parametrize("name", ["channel", "delay_observations"])
def test_a_wrapper_without_its_argument_says_that_it_needs_one(name: str) -> None:
    with pytest.raises(ConfigError, match=f"the wrapper '{name}' needs an argument, as in {name}="):
        from_env(picture, num_envs=1, wrap=name)


@pytest.mark.parametrize(
    ("wrap", "message"),
    [
        ("frame_stack=many", "'frame_stack' cannot take the argument 'many': invalid literal"),
        ("resize=4xx", "'resize' cannot take the argument '4xx': invalid literal"),
        ("channel=purple", "'channel' does not fit this env: "),
    ],
)
def test_an_argument_of_the_wrong_kind_is_refused(wrap: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"the wrapper {message}"):
        from_env(picture, num_envs=1, wrap=wrap)


def test_a_wrapper_that_does_not_fit_the_env_says_so() -> None:
    with pytest.raises(ConfigError, match=r"the wrapper 'resize' does not fit this env: "):
        make_world(SPREAD, wrap="resize")


@pytest.mark.parametrize("name", WRAPPERS)
def test_every_wrapper_makes_a_world_that_plays(name: str) -> None:
    wrap = name + {"channel": "=R", "delay_observations": "=2"}.get(name, "")
    if name in ("resize", "grayscale", "channel"):
        world = from_env(picture, num_envs=2, wrap=wrap)
    elif name == "normalize":
        world = from_env(lambda: picture(np.float32), num_envs=2, wrap=wrap)
    else:
        world = make_world(SPREAD, wrap=wrap)
    out = world.reset(np.zeros(world.num_envs, np.uint64))
    for _ in range(2):
        joint = [np.zeros((world.num_envs, len(group.agents)), np.int64) for group in world.spec.groups]
        out = world.step(joint)

    assert not out.faulted.any(), world.take_notices()
