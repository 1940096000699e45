"""A constructor for each world of rooms."""

from typing import Any

from marl_ppo.envs.rooms.board import (
    BARRIER,
    BASE,
    CAPTURE,
    DELIVER,
    DOOR,
    FLAG,
    FLOOR,
    GATE,
    GATHER,
    KEY,
    LOCKED,
    OWN,
    PARCEL,
    PLATE,
    PRIVATE,
    TARGET,
    VISIT,
)
from marl_ppo.envs.rooms.generate import ARENA, FIXED, OPPOSITE, TREE
from marl_ppo.envs.rooms.layout import Plan
from marl_ppo.envs.rooms.task import Known, Maps, Task
from marl_ppo.envs.rooms.text import Thing, read_map
from marl_ppo.envs.rooms.world import Rooms
from marl_ppo.errors import ConfigError
from marl_ppo.settings import require_within

FOUR_ROOMS = """
#############
#@....#.....#
#.....#.....#
#...........#
#.....#.....#
#.....#.....#
##.####.....#
#.....###.###
#.....#.....#
#.....#.....#
#...........#
#.....#....*#
#############
"""
"""of Sutton, Precup and Singh 1999, "Between MDPs and semi-MDPs", with the way from corner to corner that is 20 steps long"""
LARGEST_VIEW = 9
"""cells in a row of a window, which are no more than `window.LANES`"""


def four_rooms(
    *,
    num_envs: int = 1,
    agents: int = 1,
    corners: bool = False,
    known: Known = "all",
    maps: Maps = "all",
    view: int = 5,
    max_steps: int = 100,
    map: str = "",
) -> Rooms:
    """Four rooms of 104 cells; from one room into the one diagonally opposite, or from corner to corner."""
    config = {"agents": agents, "corners": corners, **_common(known, maps, view, max_steps, map)}
    require_within(1, 6, agents=agents)
    if map or corners:
        if corners and agents > 1:
            raise ConfigError(f"from corner to corner goes one agent, got agents={agents}")
        return _fixed("four_rooms", GATHER, map or FOUR_ROOMS, config, num_envs)
    return Rooms(_task("four_rooms", GATHER, FOUR_ROOMS, config, style=OPPOSITE, num_agents=agents), num_envs)


def key_doors(
    *,
    num_envs: int = 1,
    agents: int = 1,
    doors: int = 2,
    rows: int = 2,
    columns: int = 3,
    room: int = 4,
    known: Known = "all",
    maps: Maps = "all",
    view: int = 5,
    max_steps: int = 200,
    map: str = "",
) -> Rooms:
    """Rooms in a grid; the target is behind the last of the locked doors, the keys lie before theirs."""
    config = {"agents": agents, "doors": doors, "rows": rows, "columns": columns, "room": room}
    config |= _common(known, maps, view, max_steps, map)
    if map:
        return _fixed("key_doors", GATHER, map, config, num_envs)
    require_within(1, 6, agents=agents)
    _check_grid(rows, columns, room)
    _check_way(rows, columns, doors=doors)
    things = [Thing(TARGET), *(Thing(kind, j) for kind in (KEY, LOCKED) for j in range(doors))]
    return _grid("key_doors", GATHER, things, DOOR, doors, config, num_envs, agents=agents)


def plates(
    *,
    num_envs: int = 1,
    gates: int = 2,
    rows: int = 1,
    columns: int = 3,
    room: int = 4,
    known: Known = "all",
    maps: Maps = "all",
    view: int = 5,
    max_steps: int = 200,
    map: str = "",
) -> Rooms:
    """Gates that are open as long as somebody stands on a plate, before them or behind: two agents let each other through."""
    config = {"gates": gates, "rows": rows, "columns": columns, "room": room}
    config |= _common(known, maps, view, max_steps, map)
    if map:
        return _fixed("plates", GATHER, map, config, num_envs)
    _check_grid(rows, columns, room)
    _check_way(rows, columns, most=3, gates=gates)
    things = [Thing(TARGET), *(Thing(PLATE, j) for j in range(gates) for _ in range(2))]
    things += [Thing(BARRIER, j) for j in range(gates)]
    return _grid("plates", GATHER, things, GATE, gates, config, num_envs, agents=2)


def relay(
    *,
    num_envs: int = 1,
    agents: int = 3,
    room: int = 4,
    known: Known = "all",
    maps: Maps = "all",
    view: int = 5,
    max_steps: int = 200,
    map: str = "",
) -> Rooms:
    """A parcel goes through a row of rooms from hand to hand: each doorway lets one agent through alone."""
    config = {"agents": agents, "room": room, **_common(known, maps, view, max_steps, map)}
    if map:
        return _fixed("relay", DELIVER, map, config, num_envs)
    require_within(1, 6, agents=agents)
    grid = {**config, "rows": 1, "columns": agents + 1}
    _check_grid(1, agents + 1, room)
    things = [Thing(TARGET), *(Thing(PRIVATE, j) for j in range(agents)), Thing(PARCEL)]
    return _grid("relay", DELIVER, things, OWN, agents, config, num_envs, agents=agents, grid=grid)


def expedition(
    *,
    num_envs: int = 1,
    agents: int = 1,
    targets: int = 3,
    doors: int = 3,
    rows: int = 5,
    columns: int = 5,
    room: int = 4,
    known: Known = "seen",
    maps: Maps = "all",
    view: int = 5,
    max_steps: int = 1000,
    map: str = "",
) -> Rooms:
    """Many rooms, some locked, in which every target is to be found and visited."""
    config = {"agents": agents, "targets": targets, "doors": doors, "rows": rows, "columns": columns, "room": room}
    config |= _common(known, maps, view, max_steps, map)
    if map:
        return _fixed("expedition", VISIT, map, config, num_envs)
    require_within(1, 6, agents=agents, targets=targets)
    _check_grid(rows, columns, room)
    require_within(0, min(rows * columns - 1, 6), doors=doors)
    if targets + doors >= room * room:
        raise ConfigError(f"targets + doors must be less than the {room * room} cells of a room, got {targets} + {doors}")
    things = [*(Thing(TARGET) for _ in range(targets)), *(Thing(kind, j) for kind in (KEY, LOCKED) for j in range(doors))]
    return _grid("expedition", VISIT, things, DOOR, doors, config, num_envs, agents=agents, anywhere=True)


def capture_flag(
    *,
    num_envs: int = 1,
    team_size: int = 2,
    width: int = 15,
    height: int = 9,
    flags_to_win: int = 2,
    known: Known = "all",
    maps: Maps = "all",
    view: int = 5,
    max_steps: int = 200,
    map: str = "",
) -> Rooms:
    """Two teams on a map and its mirror image: take the other side's flag home, tag who comes for yours."""
    config = {"team_size": team_size, "width": width, "height": height, "flags_to_win": flags_to_win}
    config |= _common(known, maps, view, max_steps, map)
    require_within(1, 100, flags_to_win=flags_to_win)
    if map:
        return _fixed("capture_flag", CAPTURE, map, config, num_envs, flags_to_win)
    require_within(1, 3, team_size=team_size)
    require_within(9, 41, width=width)
    require_within(5, 41, height=height)
    rim = view // 2
    task = Task(
        id="capture_flag",
        goal=CAPTURE,
        config=config,
        style=ARENA,
        things=(Thing(FLAG, 0), Thing(FLAG, 1), Thing(BASE, 0), Thing(BASE, 1)),
        num_agents=2 * team_size,
        width=width,
        height=height,
        plan=Plan(height, width, 1, 0, FLOOR, False, stride=width + 2 * rim, rim=rim),
        flags_to_win=flags_to_win,
    )
    return Rooms(task, num_envs)


def _common(known: Known, maps: Maps, view: int, max_steps: int, text: str) -> dict[str, Any]:
    """The settings of every world, of which `view` is checked here."""
    if not (1 < view <= LARGEST_VIEW and view % 2):
        raise ConfigError(f"view must be an odd number from 3 to {LARGEST_VIEW}, got {view}")
    return {"known": known, "maps": maps, "view": view, "max_steps": max_steps, "map": text}


def _check_grid(rows: int, columns: int, room: int) -> None:
    require_within(1, 8, rows=rows, columns=columns)
    require_within(3, 9, room=room)
    if not 2 <= rows * columns <= 60:
        raise ConfigError(f"rows * columns must be from 2 to 60 rooms, got {rows} * {columns}")


def _check_way(rows: int, columns: int, most: int = 6, **shut: int) -> None:
    """A way from corner to corner has so many doorways for sure; further ones are longer by chance alone."""
    require_within(1, min(rows + columns - 2, most), **shut)


def _grid(
    world_id: str,
    goal: int,
    things: list[Thing],
    code: int,
    shut: int,
    config: dict[str, Any],
    num_envs: int,
    *,
    agents: int,
    anywhere: bool = False,
    grid: dict[str, Any] | None = None,
) -> Rooms:
    grid = config if grid is None else grid
    rows, columns, room = grid["rows"], grid["columns"], grid["room"]
    width, height, rim = columns * (room + 1) - 1, rows * (room + 1) - 1, config["view"] // 2
    plan = Plan(rows, columns, room, shut, code, anywhere, stride=width + 2 * rim, rim=rim)
    task = Task(
        id=world_id,
        goal=goal,
        config=config,
        style=TREE,
        things=tuple(things),
        num_agents=agents,
        width=width,
        height=height,
        plan=plan,
    )
    return Rooms(task, num_envs)


def _fixed(world_id: str, goal: int, text: str, config: dict[str, Any], num_envs: int, flags_to_win: int = 1) -> Rooms:
    return Rooms(_task(world_id, goal, text, config, style=FIXED, flags_to_win=flags_to_win), num_envs)


def _task(
    world_id: str,
    goal: int,
    text: str,
    config: dict[str, Any],
    *,
    style: int,
    num_agents: int | None = None,
    flags_to_win: int = 1,
) -> Task:
    """With a map of its own."""
    rim = config["view"] // 2
    read = read_map(text, goal, rim)
    height, width = read.cells.shape
    return Task(
        id=world_id,
        goal=goal,
        config=config,
        style=style,
        things=read.things,
        num_agents=len(read.agent) if num_agents is None else num_agents,
        width=width - 2 * rim,
        height=height - 2 * rim,
        plan=Plan(1, 1, 1, 0, FLOOR, False, stride=width, rim=rim),
        text=read,
        flags_to_win=flags_to_win,
    )
