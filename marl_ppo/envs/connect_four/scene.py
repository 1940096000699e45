"""How a board of Connect Four is drawn: holes, discs in the players' colours, and the line that won."""

from marl_ppo.envs.scene import Box, Disc, Line, Primitive, Scene

_NOBODY = -1


def draw_board(board: list[list[int]], winner: int, mover: int) -> Scene:
    """`board` by row from the bottom: 0 or 1, whose disc, or -1. `winner` -1 where nobody has won."""
    rows, columns = len(board), len(board[0])
    frame = Box(key="frame", x=columns / 2, y=rows / 2, width=columns, height=rows, filled=False)
    primitives: list[Primitive] = [frame]
    for row, cells in enumerate(board):
        for column, owner in enumerate(cells):
            taken = owner != _NOBODY
            key = f"disc_{row}_{column}" if taken else f"hole_{row}_{column}"
            x, y, radius = column + 0.5, row + 0.5, 0.4 if taken else 0.36
            primitives.append(Disc(key=key, x=x, y=y, radius=radius, team=owner, filled=taken, alpha=1.0 if taken else 0.4))
    line = _line(board) if winner != _NOBODY else []
    if line:
        (row, column), (row_2, column_2) = line[0], line[-1]
        primitives.append(Line(key="line", x=column + 0.5, y=row + 0.5, x2=column_2 + 0.5, y2=row_2 + 0.5, width=0.12))
    if winner != _NOBODY:
        caption = f"player_{winner} wins"
    else:
        caption = "a draw" if all(owner != _NOBODY for owner in board[-1]) else f"player_{mover} to move"
    return Scene(bounds=(-0.2, -0.2, columns + 0.2, rows + 0.2), primitives=tuple(primitives), caption=caption)


def _line(board: list[list[int]]) -> list[tuple[int, int]]:
    """The cells of a line of four, as (row, column)."""
    cells = [(row, column) for row in range(len(board)) for column in range(len(board[0]))]
    for row, column in cells:
        for up, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
            line = [(row + i * up, column + i * right) for i in range(4)]
            if all(cell in cells for cell in line):
                owners = {board[r][c] for r, c in line}
                if len(owners) == 1 and _NOBODY not in owners:
                    return line
    return []
