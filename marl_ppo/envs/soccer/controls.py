"""How a person plays soccer: arrows run where they point in the picture, space kicks."""

from marl_ppo.envs.controls import ARROWS, STEERING, Action, Keys, Mask, Steering
from marl_ppo.envs.soccer.actions import MOVE_X, MOVE_Y, NUM_MOVES

KICK = "space"


def steering(side: int, *, discrete: bool) -> Steering:
    """For a player of blue (0), or of orange (1), whose own frame is the picture turned by half a turn."""
    sign = 1 - 2 * side

    def act(keys: Keys, mask: Mask) -> Action:
        x, y = keys.push()
        ahead, left, kick = sign * x, sign * y, KICK in keys.held
        if not discrete:
            return float(ahead), float(left), float(kick)
        # The move that points there: of equal signs in both directions.
        move = next(m for m in range(NUM_MOVES) if (_sign(MOVE_X[m]), _sign(MOVE_Y[m])) == (ahead, left))
        return move + NUM_MOVES * kick

    ways = [ARROWS[sign * _sign(x), sign * _sign(y)] for x, y in zip(MOVE_X, MOVE_Y, strict=True)]
    names = (*ways, *(f"{way} kick" for way in ways)) if discrete else ()
    return Steering(legend=((STEERING, "run"), ("space", "kick")), act=act, names=names, rate=10.0)


def _sign(x: float) -> int:
    return (x > 0) - (x < 0)
