"""A match as drawing primitives: the pitch from above, blue's goal to shoot at on the right, the score in its caption."""

from marl_ppo.envs.scene import Box, Disc, Line, Primitive, Scene, Text
from marl_ppo.envs.soccer.rules import BALL_RADIUS, GOAL_HALF_WIDTH, KICK_REACH, PLAYER_RADIUS, RUN_OFF, Pitch, Size

TEAMS = ("blue", "orange")
NET = 0.22
"""depth of a goal's net, which is only drawn"""
STRIP = 0.4
"""height above the pitch for score and time"""
FAINT = 0.35
CHEER = 10
"""ticks for which a goal is announced"""
SLOWEST = 0.05
"""m/s above which a player's heading is drawn"""


def draw(pitch: Pitch, size: Size, max_steps: int) -> Scene:
    """The scene of one copy: every array of `pitch` without its first axis."""
    primitives = _ground(size) + _goals(size)
    primitives += _players(pitch) + _ball(pitch) + _board(pitch, size, max_steps)
    width, height = size.half_length + RUN_OFF, size.half_width + RUN_OFF
    return Scene(bounds=(-width, -height, width, height + STRIP), primitives=tuple(primitives), caption=_caption(pitch))


def _ground(size: Size) -> list[Primitive]:
    """Touchlines, half-way line and circle, penalty areas."""
    length, width = size.half_length, size.half_width
    area, reach = 0.3 * length, GOAL_HALF_WIDTH + 0.25
    return [
        Box(key="pitch", x=0.0, y=0.0, width=2 * length, height=2 * width, filled=False),
        Line(key="half_way", x=0.0, y=-width, x2=0.0, y2=width, width=0.015, alpha=FAINT),
        Disc(key="circle", x=0.0, y=0.0, radius=0.25 * width + 0.1, filled=False, alpha=FAINT),
        Disc(key="spot", x=0.0, y=0.0, radius=0.025, alpha=FAINT),
        *(
            Box(
                key=f"area_{name}",
                x=sign * (length - area / 2),
                y=0.0,
                width=area,
                height=2 * reach,
                filled=False,
                alpha=FAINT,
            )
            for name, sign in (("left", -1), ("right", 1))
        ),
    ]


def _goals(size: Size) -> list[Primitive]:
    """Each in the colour of the side that guards it."""
    return [
        Box(
            key=f"goal_{TEAMS[side]}",
            x=sign * (size.half_length + NET / 2),
            y=0.0,
            width=NET,
            height=2 * GOAL_HALF_WIDTH,
            team=side,
            alpha=0.5,
        )
        for side, sign in ((0, -1), (1, 1))
    ]


def _players(pitch: Pitch) -> list[Primitive]:
    """Discs with numbers, a nose that shows where they run, a ring around those who kick."""
    team_size = len(pitch.position) // 2
    found: list[Primitive] = []
    for a, ((x, y), (vx, vy)) in enumerate(zip(pitch.position.tolist(), pitch.velocity.tolist(), strict=True)):
        side, number = divmod(a, team_size)
        name = f"{TEAMS[side]}_{number}"
        if pitch.kicked[a]:
            radius = PLAYER_RADIUS + KICK_REACH
            found.append(Disc(key=f"kick_{name}", x=x, y=y, radius=radius, team=side, alpha=0.4))
        found.append(Disc(key=name, x=x, y=y, radius=PLAYER_RADIUS, team=side))
        speed = (vx * vx + vy * vy) ** 0.5
        if speed > SLOWEST:
            reach = PLAYER_RADIUS * 1.45 / speed
            found.append(Line(key=f"nose_{name}", x=x, y=y, x2=x + reach * vx, y2=y + reach * vy, team=side, width=0.05))
        found.append(Text(key=f"number_{name}", x=x, y=y, text=str(number), height=PLAYER_RADIUS))
    return found


def _ball(pitch: Pitch) -> list[Primitive]:
    """Under another key after every kickoff: it is put into the middle, and does not fly there."""
    x, y = pitch.ball.tolist()
    key = f"ball_{int(pitch.kickoffs)}"
    return [Disc(key=key, x=x, y=y, radius=BALL_RADIUS), Disc(key=f"{key}_rim", x=x, y=y, radius=BALL_RADIUS, filled=False)]


def _board(pitch: Pitch, size: Size, max_steps: int) -> list[Primitive]:
    y = size.half_width + RUN_OFF + STRIP / 2
    left = max_steps - int(pitch.tick)
    found: list[Primitive] = [
        Text(key="score_blue", x=-0.25, y=y, text=str(int(pitch.goals[0])), height=0.3, team=0),
        Text(key="score_dash", x=0.0, y=y, text=":", height=0.25),
        Text(key="score_orange", x=0.25, y=y, text=str(int(pitch.goals[1])), height=0.3, team=1),
        Text(key="time", x=size.half_length - 0.2, y=y, text=f"{left // 10}.{left % 10} s", height=0.18),
    ]
    return found


def _caption(pitch: Pitch) -> str:
    if pitch.goals.any() and pitch.since_goal < CHEER:
        return "goal!"
    return f"{TEAMS[int(2 * pitch.owner >= len(pitch.position))]} has the ball" if pitch.owner >= 0 else ""
