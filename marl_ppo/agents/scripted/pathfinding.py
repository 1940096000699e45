"""Finding ways on a grid of cells, as far as a walker knows it. Compiled, since it is a search per walker and step.

cell     row * width + column, rows from the top, inside the outer wall
memory   [C] of what was seen of each cell: UNKNOWN, FREE or WALL
blocked  bool [C], cells that one cannot walk into; what is not known is hoped to be free
"""

from numba import njit

from marl_ppo.envs.world import Array

UNKNOWN, FREE, WALL = 0.0, 1.0, 2.0
NOWHERE = -1
_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 3, 4


@njit(cache=True, nogil=True)
def cell_at(x: float, y: float, width: int, height: int) -> int:
    """The cell of a place whose x and y are within [-1, 1]."""
    column = int((x * width + width - 1) / 2 + 0.5)
    row = int((height - 1 - y * height) / 2 + 0.5)
    return min(max(row, 0), height - 1) * width + min(max(column, 0), width - 1)


@njit(cache=True, nogil=True)
def remember(memory: Array, window: Array, here: int, width: int, height: int, span: int) -> None:
    """Note which cells of a window [span * span] around `here` are wall."""
    row, column = here // width - span // 2, here % width - span // 2
    for v in range(span * span):
        r, c = row + v // span, column + v % span
        if 0 <= r < height and 0 <= c < width:
            memory[r * width + c] = WALL if window[v] > 0.5 else FREE


@njit(cache=True, nogil=True)
def search(blocked: Array, here: int, width: int, steps: Array, first: Array, queue: Array) -> None:
    """Write the `steps` [C] from `here` to each cell, NOWHERE where there is no way, and the `first` action [C] of each way."""
    num_cells = blocked.shape[0]
    steps[:] = NOWHERE
    first[:] = 0
    steps[here] = 0
    queue[0] = here
    head, tail = 0, 1
    while head < tail:
        cell = queue[head]
        head += 1
        for action in range(1, 5):
            if action == _UP:
                c = cell - width
            elif action == _DOWN:
                c = cell + width
            elif action == _LEFT:
                c = cell - 1 if cell % width > 0 else -1
            else:
                c = cell + 1 if cell % width < width - 1 else -1
            if 0 <= c < num_cells and steps[c] == NOWHERE and not blocked[c]:
                steps[c] = steps[cell] + 1
                first[c] = action if cell == here else first[cell]
                queue[tail] = c
                tail += 1


@njit(cache=True, nogil=True)
def walk(to: int, here: int, steps: Array, first: Array, width: int, action: Array, way: Array) -> None:
    """Write the action [1] that leads to a cell, and the way there [W]: the cells that come next, and then the last of them
    again. To go NOWHERE is to stay."""
    cell = to if to != NOWHERE else here
    action[0] = first[cell]
    way[:] = cell
    while steps[cell] > 0:
        if steps[cell] <= way.shape[0]:
            way[steps[cell] - 1] = cell
        for c in (cell - width, cell + width, cell - 1, cell + 1):
            is_beside = 0 <= c < steps.shape[0] and (c // width == cell // width or c % width == cell % width)
            if is_beside and steps[c] == steps[cell] - 1:
                cell = c
                break
