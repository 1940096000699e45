"""What each player sees, in its own frame, so that one policy plays both sides; and what the centralised critic may see.

Positions are in half lengths of the pitch, velocities in m/s.
"""

import numpy as np
from numba import njit

from marl_ppo.envs.soccer.rules import BALL_RADIUS, IDLE_TICKS, KICK_REACH, PLAYER_RADIUS, Pitch, Size
from marl_ppo.envs.world import Array

PLACE, OWN_VELOCITY, BALL, BALL_VELOCITY, TO_BALL, TO_GOAL = 0, 2, 4, 6, 8, 10
GAP, GOAL_GAP, IN_REACH, TIME, IDLE, SCORE, OTHERS = 12, 13, 14, 15, 16, 17, 19
"""where each part of obs begins, and the parts of one number; OTHERS has 4 numbers for each mate, then for each opponent"""
PER_PLAYER = 4


def obs_size(team_size: int) -> int:
    """Length of the obs of a player."""
    return OTHERS + PER_PLAYER * (2 * team_size - 1)


def state_size(team_size: int) -> int:
    """Length of the state: the ball, all players, time, idle time, score."""
    return 4 + PER_PLAYER * 2 * team_size + 4


@njit(cache=True, nogil=True)
def observe(where: Array, pitch: Pitch, size: Size, max_steps: int, goals_to_win: int, ended: Array, obs: Array) -> None:
    """Write obs [N, P, O] of the copies `where`; zeros where they have ended."""
    position, velocity, ball, ball_velocity = pitch.position, pitch.velocity, pitch.ball, pitch.ball_velocity
    goals, tick = pitch.goals, pitch.tick
    num_players = position.shape[1]
    team_size = num_players // 2
    scale = 1.0 / size.half_length
    reach = PLAYER_RADIUS + BALL_RADIUS + KICK_REACH
    for n in range(position.shape[0]):
        if not where[n]:
            continue
        if ended[n]:
            obs[n] = 0.0
            continue
        for a in range(num_players):
            seen = obs[n, a]
            side = int(a >= team_size)
            sign = 1.0 - 2.0 * side  # a half turn negates positions and velocities
            length = sign * scale
            x, y = position[n, a, 0], position[n, a, 1]
            vx, vy = velocity[n, a, 0], velocity[n, a, 1]
            seen[PLACE], seen[PLACE + 1] = length * x, length * y
            seen[OWN_VELOCITY], seen[OWN_VELOCITY + 1] = sign * vx, sign * vy

            dx, dy = ball[n, 0] - x, ball[n, 1] - y
            distance = np.sqrt(dx * dx + dy * dy)
            unit = sign / max(distance, 1e-9)
            seen[BALL], seen[BALL + 1] = length * dx, length * dy
            seen[BALL_VELOCITY], seen[BALL_VELOCITY + 1] = sign * (ball_velocity[n, 0] - vx), sign * (ball_velocity[n, 1] - vy)
            seen[TO_BALL], seen[TO_BALL + 1] = unit * dx, unit * dy
            seen[GAP] = scale * (distance - PLAYER_RADIUS - BALL_RADIUS)
            seen[IN_REACH] = 1.0 if distance < reach else 0.0

            # From the ball to the middle of the goal to shoot at.
            dx, dy = size.half_length - sign * ball[n, 0], -sign * ball[n, 1]
            distance = np.sqrt(dx * dx + dy * dy)
            unit = 1.0 / max(distance, 1e-9)
            seen[TO_GOAL], seen[TO_GOAL + 1] = unit * dx, unit * dy
            seen[GOAL_GAP] = scale * distance

            seen[TIME] = (max_steps - tick[n]) / max_steps
            seen[IDLE] = pitch.idle[n] / IDLE_TICKS
            seen[SCORE], seen[SCORE + 1] = goals[n, side] / goals_to_win, goals[n, 1 - side] / goals_to_win
            k = OTHERS
            for part in range(2):
                first = team_size * (side if part == 0 else 1 - side)
                for b in range(first, first + team_size):
                    if b != a:
                        seen[k], seen[k + 1] = length * (position[n, b, 0] - x), length * (position[n, b, 1] - y)
                        seen[k + 2], seen[k + 3] = sign * (velocity[n, b, 0] - vx), sign * (velocity[n, b, 1] - vy)
                        k += PER_PLAYER
            for k in range(seen.shape[0]):
                seen[k] += np.float32(0.0)  # makes 0 of -0, or a half turn would show in the bits


@njit(cache=True, nogil=True)
def tell_state(where: Array, pitch: Pitch, size: Size, max_steps: int, goals_to_win: int, state: Array) -> None:
    """Write the state [N, S] as blue sees it: ball, players, time left, idle time, goals of blue and orange."""
    scale = 1.0 / size.half_length
    num_players = pitch.position.shape[1]
    for n in range(where.shape[0]):
        if not where[n]:
            continue
        row = state[n]
        row[0], row[1] = scale * pitch.ball[n, 0], scale * pitch.ball[n, 1]
        row[2], row[3] = pitch.ball_velocity[n, 0], pitch.ball_velocity[n, 1]
        for a in range(num_players):
            part = row[4 + PER_PLAYER * a :]
            part[0], part[1] = scale * pitch.position[n, a, 0], scale * pitch.position[n, a, 1]
            part[2], part[3] = pitch.velocity[n, a, 0], pitch.velocity[n, a, 1]
        part = row[4 + PER_PLAYER * num_players :]
        part[0] = (max_steps - pitch.tick[n]) / max_steps
        part[1] = pitch.idle[n] / IDLE_TICKS
        part[2], part[3] = pitch.goals[n, 0] / goals_to_win, pitch.goals[n, 1] / goals_to_win
