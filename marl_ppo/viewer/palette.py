"""Colours: a dark, flat theme and team colours that stay apart for colour-blind viewers.

Team colours are those of Okabe and Ito 2008, "Color Universal Design", in the order that reads best on dark ground.
"""

Colour = tuple[int, int, int]

PAGE: Colour = (15, 18, 25)
BOARD: Colour = (24, 29, 39)
GRID: Colour = (34, 40, 53)
EDGE: Colour = (52, 60, 77)
SCENERY: Colour = (112, 123, 145)
TEXT: Colour = (229, 233, 240)
QUIET: Colour = (139, 149, 170)
LABEL: Colour = (186, 194, 209)
"""words beside a body"""
INK: Colour = (13, 16, 22)
"""text on a bright body"""

TEAMS: tuple[Colour, ...] = (
    (86, 180, 233),  # sky blue
    (230, 159, 0),  # orange
    (0, 158, 115),  # bluish green
    (204, 121, 167),  # reddish purple
    (240, 228, 66),  # yellow
    (213, 94, 0),  # vermilion
    (0, 114, 178),  # blue
)


BRIGHT = -2
"""in the place of a team: what marks a body, whoever it is"""


def team_colour(team: int) -> Colour:
    """The colour of team number `team`, repeating after seven; scenery's for -1."""
    if team == BRIGHT:
        return TEXT
    return SCENERY if team < 0 else TEAMS[team % len(TEAMS)]


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """`colour` with a `share` (0 to 1) of `other` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def legible_on(ground: Colour) -> Colour:
    """The text colour to write with on `ground`: dark on bright, light on dark."""
    luma = 0.299 * ground[0] + 0.587 * ground[1] + 0.114 * ground[2]  # ITU-R BT.601
    return INK if luma > 110 else TEXT
