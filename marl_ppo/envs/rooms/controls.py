"""How a person plays an agent: arrows walk where they point in the picture, everything else happens by walking."""

from marl_ppo.envs.controls import Action, Keys, Mask, Steering
from marl_ppo.envs.rooms.board import DOWN, LEFT, RIGHT, STAY, UP

_ACTIONS = {"": STAY, "up": UP, "down": DOWN, "left": LEFT, "right": RIGHT}


def steering(side: int) -> Steering:
    """For an agent of a side; the second one's own frame is the picture mirrored."""
    actions = _ACTIONS if side == 0 else {**_ACTIONS, "left": RIGHT, "right": LEFT}

    def act(keys: Keys, mask: Mask) -> Action:
        return actions[keys.way()]

    return Steering(legend=(("arrows", "walk"),), act=act, rate=6.0)
