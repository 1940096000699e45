"""How a person fights: arrows walk where they point in the picture, space fires, shift guards."""

from marl_ppo.envs.controls import Action, Keys, Mask, Steering
from marl_ppo_duel.rules import BACK, FIRE, FORWARD, GUARD, LEFT, RIGHT, STAY

RATE = 4.0
WALKS = {"": STAY, "up": FORWARD, "right": RIGHT, "down": BACK, "left": LEFT}
TURNED = {STAY: STAY, FORWARD: BACK, RIGHT: LEFT, BACK: FORWARD, LEFT: RIGHT}
"""in orange's own frame, which is the picture turned by half a turn"""


def steering(side: int, name: str) -> Steering:
    """For blue (0) or orange (1), whose body is called `name` in the scene."""

    def act(keys: Keys, mask: Mask) -> Action:
        for key, action in (("shift", GUARD), ("space", FIRE)):
            if key in keys.held and (mask is None or mask[action]):
                return action
        walk = WALKS[keys.way()]
        return TURNED[walk] if side else walk

    return Steering(legend=(("arrows", "turn and walk"), ("space", "fire"), ("shift", "guard")), act=act, rate=RATE, body=name)
