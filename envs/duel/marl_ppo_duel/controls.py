"""How a person fights: arrows walk where they point in the picture, space fires, shift guards."""

from marl_ppo.envs.controls import ARROWS, STEERING, Action, Keys, Mask, Steering
from marl_ppo_duel.rules import BACK, FIRE, FORWARD, GUARD, LEFT, RIGHT, STAY

RATE = 4.0
WALKS = {"": STAY, "up": FORWARD, "right": RIGHT, "down": BACK, "left": LEFT}
TURNED = {STAY: STAY, FORWARD: BACK, RIGHT: LEFT, BACK: FORWARD, LEFT: RIGHT}
"""in orange's own frame, which is the picture turned by half a turn"""


def steering(side: int) -> Steering:
    """For blue (0) or orange (1)."""

    def act(keys: Keys, mask: Mask) -> Action:
        for key, action in (("shift", GUARD), ("space", FIRE)):
            if key in keys.held and (mask is None or mask[action]):
                return action
        walk = WALKS[keys.way()]
        return TURNED[walk] if side else walk

    legend = ((STEERING, "turn and walk"), ("space", "fire"), ("shift", "guard"))
    turn = -1 if side else 1
    walks = [ARROWS[turn * x, turn * y] for x, y in ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0))]
    return Steering(legend=legend, act=act, names=(*walks, "fire", "guard"), rate=RATE)
