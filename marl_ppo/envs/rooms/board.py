"""What a map and an episode on it are made of: codes, arrays, and what never changes. Vocabulary of the whole family:

cell    a place of the map, as one number: row * stride + column, rows counted from the top. Around the rooms lies a rim of wall
        as wide as agents see, so that no window leaves the map
thing   what has a name and a place: a target, key, door, plate, gate, own door, parcel, flag or base
mark    which of its kind: the letter of a key and its doors, of plates and their gates; the agent of an own door; a side
side    0, or 1 for the team that sees the map mirrored, left for right

Axes: N copies, A agents, K things, G targets, C cells, V cells of a window, I bits of a bag, S sides.
"""

from typing import NamedTuple

import numpy as np

from marl_ppo.envs.world import Array

FLOOR, SPOT, OPEN, WALL, DOOR, GATE, OWN = 0, 1, 2, 3, 4, 5, 6
"""codes of cells: plain floor, floor on which a thing is, a doorway that stands open, and what stops who walks: wall, a locked
door, a gate that is shut, and OWN + a, a door for agent a alone"""

TARGET, KEY, LOCKED, PLATE, BARRIER, PRIVATE, PARCEL, FLAG, BASE = range(9)
"""kinds of things; LOCKED is a door with a lock, BARRIER a gate, PRIVATE an own door"""
KIND_NAMES = ("target", "key", "door", "plate", "gate", "own_door", "parcel", "flag", "base")

THERE, ON, GONE, SHUT = 0, 1, 2, 3
"""status of a thing: as at the start; a plate stood upon, a gate open, a parcel or flag that is carried; a key taken, a door
opened, a target visited; a gate that was open and is no more"""

GATHER, VISIT, DELIVER, CAPTURE = range(4)
"""what success is: all agents on the target at once; every target visited; the parcel on the target; flags brought home"""

NUM_ACTIONS = 5
STAY, UP, DOWN, LEFT, RIGHT = range(NUM_ACTIONS)


class Board(NamedTuple):
    """The state of N copies."""

    cells: Array
    """uint8 [N, C], codes"""
    room: Array
    """uint8 [N, C], the number of the room a cell belongs to, 0 for doorways and walls"""
    steps: Array
    """int16 [N, G, C], how many steps it is to each target if every door stood open, -1 where there is no way"""
    agent: Array
    """int64 [N, A], cells"""
    start: Array
    """int64 [N, A], the cell where each agent started"""
    bag: Array
    """int64 [N, A], bit k for a thing k that is carried"""
    thing: Array
    """int64 [N, K], cells"""
    status: Array
    """uint8 [N, K]"""
    seen: Array
    """int64 [N, S], bit k for a thing k that was in some window of a side"""
    visited: Array
    """int64 [N], bit r for a room r in which somebody was"""
    tally: Array
    """int64 [N, 6], see `OPENED` and the other columns"""
    happened: Array
    """int64 [N, 2], flags each side brought home in the last step; success counts as one of side 0"""
    tick: Array
    """int64 [N], steps played"""


ROOMS, OPENED, HOME_0, HOME_1, TAGS_0, TAGS_1 = range(6)
"""columns of the tally: rooms reached, doors opened, flags brought home and opponents tagged by each side"""


class Kit(NamedTuple):
    """What is the same in every episode of a world."""

    kind: Array
    """int64 [K]"""
    mark: Array
    """int64 [K]"""
    key_of: Array
    """int64 [K], of a door: bits of the keys that open it; of a gate: bits of its plates"""
    fades: Array
    """bool [K], things of which nobody is told any more once they are GONE"""
    side: Array
    """int64 [A]"""
    way: Array
    """int64 [S, 5], by how many cells an action moves"""
    window: Array
    """int64 [S, V], from an agent to the cells it sees, row by row from the top left of its own frame"""
    place: Array
    """float32 [S, C, 2], x and y of each cell in a side's own frame, within [-1, 1] inside the rim"""
    told: Array
    """int64 [S, K], the things in the order in which a side is told of them"""
    pocket: Array
    """int64 [I], the things, as bits, that each number of a bag tells of"""
    others: Array
    """int64 [A, A - 1], the other agents in the order in which an agent is told of them: mates first"""
    half: Array
    """int64 [C], the side in whose half a cell is, -1 where in neither's"""


class Rules(NamedTuple):
    """Plain numbers of a world."""

    goal: int
    """GATHER, VISIT, DELIVER or CAPTURE"""
    max_steps: int
    flags_to_win: int
    stride: int
    """cells in a row of the map"""
    radius: int
    """how far a window reaches"""
    channels: int
    """of a window: 1 walls, 2 also what is shut for the agent"""
    hidden: bool
    """whether agents know of a thing only once it was in a window of their team"""
    has_plates: bool


def empty_board(num_envs: int, num_cells: int, num_agents: int, num_things: int, num_targets: int, num_sides: int) -> Board:
    """Arrays of zeros, to be filled by `start`."""
    return Board(
        cells=np.zeros((num_envs, num_cells), np.uint8),
        room=np.zeros((num_envs, num_cells), np.uint8),
        steps=np.zeros((num_envs, num_targets, num_cells), np.int16),
        agent=np.zeros((num_envs, num_agents), np.int64),
        start=np.zeros((num_envs, num_agents), np.int64),
        bag=np.zeros((num_envs, num_agents), np.int64),
        thing=np.zeros((num_envs, num_things), np.int64),
        status=np.zeros((num_envs, num_things), np.uint8),
        seen=np.zeros((num_envs, num_sides), np.int64),
        visited=np.zeros(num_envs, np.int64),
        tally=np.zeros((num_envs, 6), np.int64),
        happened=np.zeros((num_envs, 2), np.int64),
        tick=np.zeros(num_envs, np.int64),
    )
