"""How a person plays an agent: arrows walk where they point in the picture, everything else happens by walking."""

from marl_ppo.envs.controls import ARROWS, STEERING, Action, Keys, Mask, Steering
from marl_ppo.envs.rooms.board import DOWN, LEFT, RIGHT, STAY, UP

_ACTIONS = {"": STAY, "up": UP, "down": DOWN, "left": LEFT, "right": RIGHT}
_NAMES = [ARROWS[way] for way in ((0, 0), (0, 1), (0, -1), (-1, 0), (1, 0))]


def steering(side: int) -> Steering:
    """For an agent of a side; the second one's own frame is the picture mirrored."""
    actions = _ACTIONS if side == 0 else {**_ACTIONS, "left": RIGHT, "right": LEFT}

    def act(keys: Keys, mask: Mask) -> Action:
        return actions[keys.way()]

    # Of all actions in the order of the keys they belong to: those of the picture.
    names = dict(zip(actions.values(), _NAMES, strict=True))
    return Steering(legend=((STEERING, "walk"),), act=act, names=tuple(names[a] for a in sorted(names)), rate=6.0)
