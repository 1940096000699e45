"""How a matrix game is drawn: its table with the last round's cell filled, and what was paid so far."""

from marl_ppo.envs.matrix.games import MatrixGame
from marl_ppo.envs.scene import Box, Primitive, Scene, Text

_WIDTH, _HEIGHT = 1.5, 0.8
"""of a cell"""


def draw_table(game: MatrixGame, moves: list[tuple[int, int]], rounds: int) -> Scene:
    """`moves` are the rounds played so far, (player_0, player_1) each; the table says what player_0 gets."""
    count = len(game.moves)
    width, height = (count + 1.4) * _WIDTH, (count + 1.6) * _HEIGHT
    last = moves[-1] if moves else None
    column_team = 1 if game.zero_sum else 0

    def centre(row: int, column: int) -> tuple[float, float]:
        return (column + 1.8) * _WIDTH, (count - row - 0.4) * _HEIGHT

    primitives: list[Primitive] = [
        Text(key="rows", x=0.65 * _WIDTH, y=(count + 0.6) * _HEIGHT, text="player_0", height=0.24, team=0),
        Text(
            key="columns",
            x=(count / 2 + 1.3) * _WIDTH,
            y=(count + 1.25) * _HEIGHT,
            text="player_1",
            height=0.24,
            team=column_team,
        ),
    ]
    for i, name in enumerate(game.moves):
        x, y = centre(i, i)
        primitives.append(Text(key=f"row_{i}", x=0.65 * _WIDTH, y=y, text=name, height=0.22, team=0))
        primitives.append(Text(key=f"column_{i}", x=x, y=(count + 0.6) * _HEIGHT, text=name, height=0.22, team=column_team))
    for i in range(count):
        for k in range(count):
            x, y = centre(i, k)
            primitives.append(
                Box(
                    key=f"cell_{i}_{k}",
                    x=x,
                    y=y,
                    width=0.94 * _WIDTH,
                    height=0.9 * _HEIGHT,
                    team=_winner(game, i, k),
                    label=f"{game.payoffs[i][k]:g}",
                    filled=last == (i, k),
                )
            )
    paid = sum(game.payoffs[i][k] for i, k in moves)
    to_whom = "player_0 has" if game.zero_sum else "both have"
    caption = f"round {len(moves)} of {rounds}, {to_whom} {paid:+g}" if moves else f"round 1 of {rounds}"
    return Scene(bounds=(0.0, 0.0, width, height), primitives=tuple(primitives), caption=caption)


def _winner(game: MatrixGame, row: int, column: int) -> int:
    """Whose colour a cell has: the winner's, nobody's where it is a draw; in a team's game the team's."""
    paid = game.payoffs[row][column]
    if not game.zero_sum:
        return 0
    return -1 if paid == 0 else int(paid < 0)
