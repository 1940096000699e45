"""A match as drawing primitives: the pitch from above, blue's goal to shoot at on the right, score and time above it."""

from marl_ppo.envs.scene import Box, Disc, Line, Primitive, Scene, Text
from marl_ppo.envs.soccer.rules import BALL_RADIUS, GOAL_HALF_WIDTH, KICK_REACH, PLAYER_RADIUS, RUN_OFF, Pitch, Size

TEAMS = ("blue", "orange")
GRASS, BALL = 2, 4
"""the colours of teams that do not play here: green and yellow"""
NET = 0.22
"""depth of a goal's net, which is only drawn"""
NET_THREADS = 5
STRIPES = 4
STRIP = 0.4
"""height above the pitch for score and time"""
FAINT = 0.45
CHALK = 0.025
"""width of the lines around the pitch"""
CHEER = 10
"""ticks for which a goal is announced"""
SLOWEST = 0.05
"""m/s above which it is drawn which way a body moves"""
TAIL_S = 0.12
"""how much of its way the ball trails, in seconds"""


def draw(pitch: Pitch, size: Size, max_steps: int) -> Scene:
    """The scene of one copy: every array of `pitch` without its first axis."""
    primitives = _grass(size) + _lines(size)
    for side in range(2):
        primitives += _goal(size, side)
    primitives += _players(pitch) + _ball(pitch) + _board(pitch, size, max_steps)
    width, height = size.half_length + RUN_OFF, size.half_width + RUN_OFF
    return Scene(bounds=(-width, -height, width, height + STRIP), primitives=tuple(primitives), caption=_caption(pitch))


def _grass(size: Size) -> list[Primitive]:
    """In stripes, as it is mown."""
    length, height, width = 2 * size.half_length, 2 * size.half_width, size.half_length / STRIPES
    found: list[Primitive] = [Box(key="grass", x=0.0, y=0.0, width=length, height=height, team=GRASS, alpha=0.2)]
    for i in range(STRIPES):
        x = (2 * i + 0.5) * width - size.half_length
        found.append(Box(key=f"stripe_{i}", x=x, y=0.0, width=width, height=height, team=GRASS, alpha=0.08))
    return found


def _lines(size: Size) -> list[Primitive]:
    """Walls with a gap at either goal, half-way line and circle, penalty areas."""
    length, width = size.half_length, size.half_width
    area, reach = 0.3 * length, GOAL_HALF_WIDTH + 0.25
    found: list[Primitive] = [
        Line(key="half_way", x=0.0, y=-width, x2=0.0, y2=width, width=0.015, alpha=FAINT),
        Disc(key="circle", x=0.0, y=0.0, radius=0.25 * width + 0.1, filled=False, alpha=FAINT),
        Disc(key="spot", x=0.0, y=0.0, radius=0.03, alpha=FAINT),
    ]
    for name, sign in (("left", -1), ("right", 1)):
        x = sign * (length - area / 2)
        found.append(Box(key=f"area_{name}", x=x, y=0.0, width=area, height=2 * reach, filled=False, alpha=FAINT))
    for name, sign in (("bottom", -1), ("top", 1)):
        found.append(Line(key=f"wall_{name}", x=-length, y=sign * width, x2=length, y2=sign * width, width=CHALK))
        for end, x in (("left", -length), ("right", length)):
            y = sign * GOAL_HALF_WIDTH
            found.append(Line(key=f"wall_{end}_{name}", x=x, y=y, x2=x, y2=sign * width, width=CHALK))
    return found


def _goal(size: Size, side: int) -> list[Primitive]:
    """A net between two posts, in the colour of the side that guards it."""
    sign = (-1, 1)[side]
    name, mouth, back = TEAMS[side], sign * size.half_length, sign * (size.half_length + NET)
    middle, width = (mouth + back) / 2, 2 * GOAL_HALF_WIDTH
    found: list[Primitive] = [Box(key=f"goal_{name}", x=middle, y=0.0, width=NET, height=width, team=side, alpha=FAINT)]
    for i in range(1, NET_THREADS):
        y = width * i / NET_THREADS - GOAL_HALF_WIDTH
        found.append(Line(key=f"net_{name}_{i}", x=mouth, y=y, x2=back, y2=y, team=side, alpha=FAINT))
    found.append(Line(key=f"net_{name}", x=middle, y=-GOAL_HALF_WIDTH, x2=middle, y2=GOAL_HALF_WIDTH, team=side, alpha=FAINT))
    for post, y in (("right", -GOAL_HALF_WIDTH), ("left", GOAL_HALF_WIDTH)):
        found.append(Disc(key=f"post_{name}_{post}", x=mouth, y=y, radius=0.04, team=side))
    return found


def _players(pitch: Pitch) -> list[Primitive]:
    """Discs with numbers, a nose that shows where they run, a halo around those who kick."""
    team_size = len(pitch.position) // 2
    halos: list[Primitive] = []
    found: list[Primitive] = []
    for a, ((x, y), (vx, vy)) in enumerate(zip(pitch.position.tolist(), pitch.velocity.tolist(), strict=True)):
        side, number = divmod(a, team_size)
        name = f"{TEAMS[side]}_{number}"
        if pitch.kicked[a]:
            radius = PLAYER_RADIUS + KICK_REACH
            halos.append(Disc(key=f"kick_{name}", x=x, y=y, radius=radius, team=side, alpha=0.4))
        speed = (vx * vx + vy * vy) ** 0.5
        if speed > SLOWEST:
            reach = PLAYER_RADIUS * 1.45 / speed
            found.append(Line(key=f"nose_{name}", x=x, y=y, x2=x + reach * vx, y2=y + reach * vy, team=side, width=0.06))
        found.append(Disc(key=name, x=x, y=y, radius=PLAYER_RADIUS, team=side, label=str(number)))
    return halos + found


def _ball(pitch: Pitch) -> list[Primitive]:
    """Under another key after every kickoff: it is put into the middle, and does not fly there."""
    (x, y), (vx, vy) = pitch.ball.tolist(), pitch.ball_velocity.tolist()
    key = f"ball_{int(pitch.kickoffs)}"
    found: list[Primitive] = []
    if vx * vx + vy * vy > SLOWEST * SLOWEST:
        x2, y2 = x - TAIL_S * vx, y - TAIL_S * vy
        found.append(Line(key=f"{key}_tail", x=x, y=y, x2=x2, y2=y2, team=BALL, width=BALL_RADIUS, alpha=FAINT))
    return [*found, Disc(key=key, x=x, y=y, radius=BALL_RADIUS, team=BALL)]


def _board(pitch: Pitch, size: Size, max_steps: int) -> list[Primitive]:
    y = size.half_width + RUN_OFF + STRIP / 2
    left = max_steps - int(pitch.tick)
    return [
        Text(key="score_blue", x=-0.25, y=y, text=str(int(pitch.goals[0])), height=0.3, team=0),
        Text(key="score_dash", x=0.0, y=y, text=":", height=0.25),
        Text(key="score_orange", x=0.25, y=y, text=str(int(pitch.goals[1])), height=0.3, team=1),
        Text(key="time", x=size.half_length - 0.3, y=y, text=f"{left // 10}.{left % 10} s", height=0.18),
    ]


def _caption(pitch: Pitch) -> str:
    if pitch.goals.any() and pitch.since_goal < CHEER:
        return "goal!"
    return f"{TEAMS[int(2 * pitch.owner >= len(pitch.position))]} has the ball" if pitch.owner >= 0 else ""
