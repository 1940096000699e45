"""The rules of soccer: discs that push, bump and kick a ball on a walled pitch. State arrays in, state arrays out.

side    0 blue, which shoots at the goal on the right (x > 0); 1 orange, which shoots at the one on the left
player  a number below P = 2 * team_size: blue's first, then orange's
frame   the pitch as a side sees it, with the goal it shoots at on the right: orange's is turned by half a turn
tick    a step of the world, 0.1 s, in which bodies move twice
owner   who touched the ball last, or NOBODY after a touch by both sides at once

Lengths are in m, speeds in m/s, and the origin is the middle of the pitch. Everything that happens in half a tick happens
at once, and what two sides do to one body is summed per side first. So a position turned by half a turn, with the sides
swapped, goes on as the original does, turned, to the last bit; only the chances of a kickoff are not turned.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from marl_ppo.envs.seeds import uniform
from marl_ppo.envs.world import Array

TICK_S = 0.1
HALF_TICKS = 2
"""moves per tick: in one, even a kicked ball is slow enough not to jump through a player"""
PLAYER_RADIUS, BALL_RADIUS = 0.13, 0.08
KICK_REACH = 0.1
"""gap between a player and the ball up to which it can be kicked"""
PLAYER_SPEED = 1.2
"""of a player who pushes one way for long"""
PLAYER_KEEPS, BALL_KEEPS = 0.85, 0.955
"""parts of their speed that bodies keep over half a tick"""
KICK_SPEED = 2.8
BALL_TOP_SPEED = 4.0
BOUNCE, WALL_BOUNCE = 0.4, 0.75
"""speed after bumping into another body, or the ball's after a wall, as part of the speed before"""
BALL_MASS = 0.2
"""a player's is 1"""
GOAL_HALF_WIDTH = 0.7
RUN_OFF = 0.3
"""how far beyond the walls, which stop the ball alone, players can run: so they get behind a ball in a corner"""
PASS_LENGTH = 0.5
"""how far the ball has to get for it to be a pass, from the tick of a touch to that of a mate's"""
IDLE_TICKS = 30
"""ticks without a touch after which there is a kickoff: nobody gains by waiting for somebody else to go for the ball"""
NOBODY = -1
OWNED_BLUE, OWNED_ORANGE, PASSES = range(3)
"""columns of the tally"""

FORMATION = ((-0.4, 0.0), (-0.75, 0.0), (-0.5, 0.5), (-0.5, -0.5), (-0.3, 0.4))
"""where each player of a team lines up, in half lengths and half widths of the pitch, in its own frame"""
JITTER = 0.12
"""how far from there chance puts it, in x and y"""
DROP_SPEED_X, DROP_SPEED_Y = 0.3, 0.6
"""the ball is dropped in the middle and rolls off at random, at most this fast; or equal players would stand in each other's
way for ever"""

_X, _Y = 0, 1
_HALF_TICK_S = TICK_S / HALF_TICKS
_PUSH = PLAYER_SPEED * (1.0 - PLAYER_KEEPS)
_BALL_YIELDS = 1.0 / (1.0 + BALL_MASS)
"""the ball's part of what it takes to part it and a player"""


class Pitch(NamedTuple):
    """The state of N copies."""

    position: Array
    """float64 [N, P, 2]"""
    velocity: Array
    """float64 [N, P, 2]"""
    ball: Array
    """float64 [N, 2]"""
    ball_velocity: Array
    """float64 [N, 2]"""
    kicked: Array
    """bool [N, P], the ball, in the last tick"""
    owner: Array
    """int64 [N], a player or NOBODY"""
    touched_at: Array
    """float64 [N, 2], where the ball was after the last tick in which it was touched"""
    goals: Array
    """int64 [N, 2], by side"""
    scored: Array
    """int64 [N], in the last tick: 1 blue, -1 orange, 0 nobody"""
    since_goal: Array
    """int64 [N], ticks since the last goal or the start"""
    idle: Array
    """int64 [N], ticks since the ball was touched or kicked off"""
    kickoffs: Array
    """int64 [N], so far"""
    tally: Array
    """int64 [N, 3]: ticks in which the owner was of blue, of orange; passes of both"""
    tick: Array
    """int64 [N], ticks played"""


class Size(NamedTuple):
    """Of the pitch, from the middle to the walls."""

    half_length: float
    half_width: float


def size_for(team_size: int) -> Size:
    """3.6 m x 2.4 m for one a side, up to 5.2 m x 3.5 m for five."""
    half_length = 1.6 + 0.2 * team_size
    return Size(half_length, half_length * 2.0 / 3.0)


def empty_pitch(num_envs: int, num_players: int) -> Pitch:
    """N copies with everything at rest in the middle: to be set up by hand, or by `start`."""
    return Pitch(
        position=np.zeros((num_envs, num_players, 2)),
        velocity=np.zeros((num_envs, num_players, 2)),
        ball=np.zeros((num_envs, 2)),
        ball_velocity=np.zeros((num_envs, 2)),
        kicked=np.zeros((num_envs, num_players), bool),
        owner=np.full(num_envs, NOBODY, np.int64),
        touched_at=np.zeros((num_envs, 2)),
        goals=np.zeros((num_envs, 2), np.int64),
        scored=np.zeros(num_envs, np.int64),
        since_goal=np.zeros(num_envs, np.int64),
        idle=np.zeros(num_envs, np.int64),
        kickoffs=np.zeros(num_envs, np.int64),
        tally=np.zeros((num_envs, 3), np.int64),
        tick=np.zeros(num_envs, np.int64),
    )


@njit(cache=True, nogil=True)
def start(where: Array, seeds: Array, size: Size, pitch: Pitch) -> None:
    """Start a match in the copies `where`."""
    for n in range(where.shape[0]):
        if where[n]:
            pitch.goals[n] = 0
            pitch.scored[n] = 0
            pitch.since_goal[n] = 0
            pitch.kickoffs[n] = 0
            pitch.tally[n] = 0
            pitch.tick[n] = 0
            for a in range(pitch.kicked.shape[1]):
                pitch.kicked[n, a] = False
            _kick_off(pitch, seeds[n], size, n)


@njit(cache=True, nogil=True)
def kick_off_again(ended: Array, seeds: Array, size: Size, pitch: Pitch) -> None:
    """Line up again where the match goes on after a goal, or with a ball that nobody has touched for long."""
    for n in range(ended.shape[0]):
        if (pitch.scored[n] != 0 or pitch.idle[n] >= IDLE_TICKS) and not ended[n]:
            _kick_off(pitch, seeds[n], size, n)


@njit(cache=True, nogil=True)
def advance(pitch: Pitch, push: Array, kick: Array, size: Size, max_steps: int, goals_to_win: int, ended: Array) -> None:
    """One tick of every copy, in place. After a goal all stay where they are, until `kick_off_again`.

    push   float64 [N, P, 2], which way each player pushes, in the frame of blue, at most 1 long
    kick   float64 [N, P], how hard each player kicks if the ball is near, from 0, not at all, to 1
    ended  bool [N], written
    """
    position, velocity, ball, ball_velocity, kicked, owner, touched_at, goals, scored, since_goal, idle, _, tally, tick = pitch
    num_players = position.shape[1]
    touched = np.zeros(num_players, np.bool_)
    shifts = np.zeros((num_players + 1, 2, 4))
    for n in range(position.shape[0]):
        scored[n] = 0
        since_goal[n] += 1
        idle[n] += 1
        _kick(position, ball, ball_velocity, kicked, push, kick, n)
        for a in range(num_players):
            touched[a] = kicked[n, a]
        for _ in range(HALF_TICKS):
            _move(position, velocity, ball, ball_velocity, push, n)
            _bump(position, velocity, ball, ball_velocity, touched, shifts, n)
            scored[n] = _walls(position, velocity, ball, ball_velocity, size, n)
            if scored[n] != 0:
                goals[n, 0 if scored[n] > 0 else 1] += 1
                since_goal[n] = 0
                break
        if _own(ball, owner, touched_at, tally, touched, n):
            idle[n] = 0
        tick[n] += 1
        ended[n] = tick[n] >= max_steps or goals[n, 0] >= goals_to_win or goals[n, 1] >= goals_to_win


@njit(cache=True, nogil=True)
def _kick_off(pitch: Pitch, seed: np.uint64, size: Size, n: int) -> None:
    """Line up; orange's places are blue's after half a turn. The k-th kickoff of a match has numbers of its own."""
    position = pitch.position
    team_size = position.shape[1] // 2
    chance = pitch.kickoffs[n] * (2 * team_size + 2)
    pitch.kickoffs[n] += 1
    for i in range(team_size):
        column, row = FORMATION[i]
        x = column * size.half_length + JITTER * _either_way(seed, chance)
        y = row * size.half_width + JITTER * _either_way(seed, chance + 1)
        position[n, i, _X], position[n, i, _Y] = x, y
        position[n, team_size + i, _X], position[n, team_size + i, _Y] = -x, -y
        chance += 2
    pitch.velocity[n] = 0.0
    pitch.ball[n] = 0.0
    pitch.ball_velocity[n, _X] = DROP_SPEED_X * _either_way(seed, chance)
    pitch.ball_velocity[n, _Y] = DROP_SPEED_Y * _either_way(seed, chance + 1)
    pitch.owner[n] = NOBODY
    pitch.touched_at[n] = 0.0
    pitch.idle[n] = 0


@njit(cache=True, nogil=True, inline="always")
def _either_way(seed: np.uint64, index: int) -> float:
    """Uniform from -1 to 1."""
    return 2.0 * uniform(seed, np.uint64(index)) - 1.0


@njit(cache=True, nogil=True)
def _kick(position: Array, ball: Array, ball_velocity: Array, kicked: Array, push: Array, kick: Array, n: int) -> None:
    """The ball forgets its speed and flies half-way between where its kicker is not and where its kicker pushes.

    If several kick it at once, it flies as all their kicks together would have it.
    """
    num_players = position.shape[1]
    reach = PLAYER_RADIUS + BALL_RADIUS + KICK_REACH
    any_kick = False
    blue_x = blue_y = orange_x = orange_y = 0.0
    for a in range(num_players):
        kicked[n, a] = False
        if kick[n, a] <= 0.0:
            continue
        dx, dy = ball[n, _X] - position[n, a, _X], ball[n, _Y] - position[n, a, _Y]
        squared = dx * dx + dy * dy
        if squared >= reach * reach or squared == 0.0:
            continue
        distance = np.sqrt(squared)
        dx, dy = dx / distance + push[n, a, _X], dy / distance + push[n, a, _Y]
        length = np.sqrt(dx * dx + dy * dy)
        if length == 0.0:
            continue
        speed = KICK_SPEED * kick[n, a] / length
        kicked[n, a] = any_kick = True
        if 2 * a < num_players:
            blue_x += speed * dx
            blue_y += speed * dy
        else:
            orange_x += speed * dx
            orange_y += speed * dy
    if any_kick:
        ball_velocity[n, _X], ball_velocity[n, _Y] = blue_x + orange_x, blue_y + orange_y


@njit(cache=True, nogil=True)
def _move(position: Array, velocity: Array, ball: Array, ball_velocity: Array, push: Array, n: int) -> None:
    for a in range(position.shape[1]):
        vx = PLAYER_KEEPS * velocity[n, a, _X] + _PUSH * push[n, a, _X]
        vy = PLAYER_KEEPS * velocity[n, a, _Y] + _PUSH * push[n, a, _Y]
        velocity[n, a, _X], velocity[n, a, _Y] = vx, vy
        position[n, a, _X] += _HALF_TICK_S * vx
        position[n, a, _Y] += _HALF_TICK_S * vy
    vx, vy = BALL_KEEPS * ball_velocity[n, _X], BALL_KEEPS * ball_velocity[n, _Y]
    squared = vx * vx + vy * vy
    if squared > BALL_TOP_SPEED * BALL_TOP_SPEED:
        speed = np.sqrt(squared)
        vx, vy = vx / speed * BALL_TOP_SPEED, vy / speed * BALL_TOP_SPEED
    ball_velocity[n, _X], ball_velocity[n, _Y] = vx, vy
    ball[n, _X] += _HALF_TICK_S * vx
    ball[n, _Y] += _HALF_TICK_S * vy


@njit(cache=True, nogil=True)
def _bump(position: Array, velocity: Array, ball: Array, ball_velocity: Array, touched: Array, shifts: Array, n: int) -> None:
    """Part the bodies that overlap, and turn round what they have of speed towards each other.

    shifts  float64 [P + 1, 2, 4], zeros before and after: what the players of each side do to x, y and both speeds of
            every body, the ball being the last one
    """
    num_players = position.shape[1]
    ball_x, ball_y = ball[n, _X], ball[n, _Y]
    met = False
    for a in range(num_players):
        x, y = position[n, a, _X], position[n, a, _Y]
        side = int(2 * a >= num_players)
        for b in range(a + 1, num_players):
            dx, dy = position[n, b, _X] - x, position[n, b, _Y] - y
            squared = dx * dx + dy * dy
            if 0.0 < squared < 4.0 * PLAYER_RADIUS * PLAYER_RADIUS:
                met = True
                distance = np.sqrt(squared)
                dx, dy = dx / distance, dy / distance
                part = 0.5 * (2.0 * PLAYER_RADIUS - distance)
                closing = (velocity[n, a, _X] - velocity[n, b, _X]) * dx + (velocity[n, a, _Y] - velocity[n, b, _Y]) * dy
                turn = 0.5 * (1.0 + BOUNCE) * max(closing, 0.0)
                _shift(shifts, b, side, dx, dy, part, turn)
                _shift(shifts, a, int(2 * b >= num_players), -dx, -dy, part, turn)
        dx, dy = ball_x - x, ball_y - y
        squared = dx * dx + dy * dy
        if 0.0 < squared < (PLAYER_RADIUS + BALL_RADIUS) * (PLAYER_RADIUS + BALL_RADIUS):
            met = touched[a] = True
            distance = np.sqrt(squared)
            dx, dy = dx / distance, dy / distance
            part = PLAYER_RADIUS + BALL_RADIUS - distance
            closing = (velocity[n, a, _X] - ball_velocity[n, _X]) * dx + (velocity[n, a, _Y] - ball_velocity[n, _Y]) * dy
            turn = (1.0 + BOUNCE) * max(closing, 0.0)
            _shift(shifts, num_players, side, dx, dy, _BALL_YIELDS * part, _BALL_YIELDS * turn)
            _shift(shifts, a, side, -dx, -dy, (1.0 - _BALL_YIELDS) * part, (1.0 - _BALL_YIELDS) * turn)
    if not met:
        return
    for a in range(num_players):
        position[n, a, _X] += shifts[a, 0, 0] + shifts[a, 1, 0]
        position[n, a, _Y] += shifts[a, 0, 1] + shifts[a, 1, 1]
        velocity[n, a, _X] += shifts[a, 0, 2] + shifts[a, 1, 2]
        velocity[n, a, _Y] += shifts[a, 0, 3] + shifts[a, 1, 3]
    ball[n, _X] += shifts[num_players, 0, 0] + shifts[num_players, 1, 0]
    ball[n, _Y] += shifts[num_players, 0, 1] + shifts[num_players, 1, 1]
    ball_velocity[n, _X] += shifts[num_players, 0, 2] + shifts[num_players, 1, 2]
    ball_velocity[n, _Y] += shifts[num_players, 0, 3] + shifts[num_players, 1, 3]
    shifts[:] = 0.0


@njit(cache=True, nogil=True, inline="always")
def _shift(shifts: Array, body: int, side: int, dx: float, dy: float, part: float, turn: float) -> None:
    shifts[body, side, 0] += part * dx
    shifts[body, side, 1] += part * dy
    shifts[body, side, 2] += turn * dx
    shifts[body, side, 3] += turn * dy


@njit(cache=True, nogil=True)
def _walls(position: Array, velocity: Array, ball: Array, ball_velocity: Array, size: Size, n: int) -> int:
    """Keep the ball on the pitch and players about it.

    Returns 1 if the ball touches the line of blue's goal to shoot at, -1 the other, else 0.
    """
    for a in range(position.shape[1]):
        for d in range(2):
            end = (size.half_length if d == _X else size.half_width) + RUN_OFF - PLAYER_RADIUS
            if abs(position[n, a, d]) > end:
                position[n, a, d] = end if position[n, a, d] > 0.0 else -end
                velocity[n, a, d] = 0.0
    end_x, end_y = size.half_length - BALL_RADIUS, size.half_width - BALL_RADIUS
    if abs(ball[n, _Y]) > end_y:
        ball[n, _Y] = end_y if ball[n, _Y] > 0.0 else -end_y
        if ball[n, _Y] * ball_velocity[n, _Y] > 0.0:
            ball_velocity[n, _Y] *= -WALL_BOUNCE
    if abs(ball[n, _X]) > end_x:
        if abs(ball[n, _Y]) < GOAL_HALF_WIDTH:
            return 1 if ball[n, _X] > 0.0 else -1
        ball[n, _X] = end_x if ball[n, _X] > 0.0 else -end_x
        if ball[n, _X] * ball_velocity[n, _X] > 0.0:
            ball_velocity[n, _X] *= -WALL_BOUNCE
    return 0


@njit(cache=True, nogil=True)
def _own(ball: Array, owner: Array, touched_at: Array, tally: Array, touched: Array, n: int) -> bool:
    """Say who has the ball, and count passes and possession. Returns whether anybody touched it."""
    num_players = touched.shape[0]
    first, sides, keeps = NOBODY, 0, False
    for a in range(num_players - 1, -1, -1):
        if touched[a]:
            first = a
            sides |= 1 if 2 * a < num_players else 2
            keeps |= a == owner[n]
    before = owner[n]
    if sides == 3:
        owner[n] = NOBODY
    elif sides != 0 and not keeps:
        owner[n] = first
        if before != NOBODY and (2 * before < num_players) == (2 * first < num_players):
            dx, dy = ball[n, _X] - touched_at[n, _X], ball[n, _Y] - touched_at[n, _Y]
            tally[n, PASSES] += dx * dx + dy * dy >= PASS_LENGTH * PASS_LENGTH
    if sides != 0:
        touched_at[n, _X], touched_at[n, _Y] = ball[n, _X], ball[n, _Y]
    if owner[n] != NOBODY:
        tally[n, OWNED_BLUE if 2 * owner[n] < num_players else OWNED_ORANGE] += 1
    return sides != 0
