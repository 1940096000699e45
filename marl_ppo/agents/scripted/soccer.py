"""Soccer players of three strengths. They read the obs that `marl_ppo/envs/soccer/README.md` tables.

easy    runs to the ball, with rests, and kicks it about, roughly forward
medium  gets behind the ball and kicks it at the goal, sometimes late; every player of the team for itself
hard    one player, the soonest at the ball, plays it; the others guard the goal and offer themselves. It looks along each way
        it could kick before it does

All in the player's own frame, in m, with the goal to shoot at on the right. The constants were chosen by matches against each
other; `tests/agents/test_soccer_scripts.py` holds the levels.

Axes: B players, M mates, T opponents, K ways to kick.
"""

from dataclasses import dataclass

import torch
from gymnasium import spaces
from jaxtyping import Bool, Float
from torch import Tensor

from marl_ppo.agents.scripted.script import Script, Turn
from marl_ppo.envs.soccer.actions import MOVE_X, MOVE_Y, NUM_MOVES
from marl_ppo.envs.soccer.observe import (
    BALL,
    BALL_VELOCITY,
    IN_REACH,
    OTHERS,
    OWN_VELOCITY,
    PER_PLAYER,
    PLACE,
    TO_BALL,
    TO_GOAL,
)
from marl_ppo.envs.soccer.rules import BALL_KEEPS, GOAL_HALF_WIDTH, PLAYER_SPEED, size_for
from marl_ppo.envs.world import Group, WorldSpec

BRAKING_S = 0.25
"""how far ahead one's own velocity counts when running somewhere"""
ARRIVED = 0.06
"""m from where to be, at which to stop pushing"""
BEHIND = 0.3
"""how far behind the ball to get before playing it"""
ROLLS_S = 0.05 / (1.0 - BALL_KEEPS)
"""how far the ball rolls in the end, in seconds of its speed"""
KICK_ROLLS = 2.0
"""m from where it is kicked within which the ball is still fast"""

EASY_KICKS, EASY_SPREAD = 0.3, 2.0
"""how often easy kicks the ball when it could, and how far to the side, as a tangent"""
EASY_RESTS, MEDIUM_RESTS = 0.3, 0.1
"""how often, of all ticks, they do not push"""
MEDIUM_AIM = 0.85
"""cosine of the angle to the goal within which medium shoots"""
MEDIUM_KICKS = 0.6
"""how often it does, when it could"""


@dataclass(frozen=True, slots=True)
class View:
    """What a player sees, in m and m/s."""

    place: Float[Tensor, "B 2"]
    velocity: Float[Tensor, "B 2"]
    ball: Float[Tensor, "B 2"]
    """from the player"""
    ball_velocity: Float[Tensor, "B 2"]
    to_ball: Float[Tensor, "B 2"]
    """of length 1"""
    to_goal: Float[Tensor, "B 2"]
    """from the ball, of length 1"""
    in_reach: Bool[Tensor, "B"]
    mates: Float[Tensor, "B M 2"]
    """from the player"""
    opponents: Float[Tensor, "B T 2"]
    """from the player"""


class Footballer(Script):
    """What the players below share: sight, running, and kicking some way."""

    def __init__(self, group: Group, spec: WorldSpec) -> None:
        super().__init__(group, spec)
        self.team_size = len(group.agents) // 2
        self.half_length, self.half_width = size_for(self.team_size)
        self._continuous = isinstance(group.action, spaces.Box)

    def see(self, obs: Float[Tensor, "B O"]) -> View:
        """Obs with names and units."""
        velocity = obs[:, OWN_VELOCITY : OWN_VELOCITY + 2]
        others = obs[:, OTHERS:].unflatten(1, (2 * self.team_size - 1, PER_PLAYER))[..., :2] * self.half_length
        return View(
            place=obs[:, PLACE : PLACE + 2] * self.half_length,
            velocity=velocity,
            ball=obs[:, BALL : BALL + 2] * self.half_length,
            ball_velocity=obs[:, BALL_VELOCITY : BALL_VELOCITY + 2] + velocity,
            to_ball=obs[:, TO_BALL : TO_BALL + 2],
            to_goal=obs[:, TO_GOAL : TO_GOAL + 2],
            in_reach=obs[:, IN_REACH] > 0.5,
            mates=others[:, : self.team_size - 1],
            opponents=others[:, self.team_size - 1 :],
        )

    def run(self, offset: Float[Tensor, "B 2"], velocity: Float[Tensor, "B 2"]) -> Float[Tensor, "B 2"]:
        """The push that brings a player to rest at `offset`: 0, or 1 long."""
        wanted = offset - BRAKING_S * velocity
        return torch.where(offset.norm(dim=1, keepdim=True) > ARRIVED, unit(wanted), 0.0)

    def ways(self, to_ball: Float[Tensor, "B 2"]) -> tuple[Float[Tensor, "B K 2"], Float[Tensor, "B K 2"]]:
        """(pushes, where the ball flies with each of them), of what one can do in discrete moves."""
        pushes = moves(to_ball).expand(len(to_ball), NUM_MOVES, 2)
        return pushes, unit(to_ball[:, None] + pushes)

    def aim(self, to_ball: Float[Tensor, "B 2"], wanted: Float[Tensor, "B 2"]) -> tuple[Tensor, Float[Tensor, "B"]]:
        """The push with which a kick goes most nearly the way `wanted` (of length 1), and the cosine between the two."""
        pushes, flights = self.ways(to_ball)
        cosine, best = (flights * wanted[:, None]).sum(-1).max(1)
        push = pick(pushes, best)
        if not self._continuous:
            return push, cosine
        # What is mirrored at the way wanted, and as long as the way from the player to the ball, adds up to it.
        straight = (to_ball * wanted).sum(1)
        exact = straight > 0.1
        mirrored = 2.0 * straight[:, None] * wanted - to_ball
        return torch.where(exact[:, None], mirrored, push), torch.where(exact, 1.0, cosine)

    def action(self, push: Float[Tensor, "B 2"], kicks: Bool[Tensor, "B"]) -> Tensor:
        """int64 [B], or float32 [B, 3] on a Box."""
        if self._continuous:
            return torch.cat([push, kicks[:, None].to(push.dtype)], dim=1)
        still = push.square().sum(1) < 0.25
        move = torch.where(still, 0, 1 + (push @ moves(push)[1:].T).argmax(1))
        return move + NUM_MOVES * kicks


class Easy(Footballer):
    """Runs to the ball, with rests, and kicks it about, roughly forward."""

    noise_size = 3

    def play(self, turn: Turn) -> tuple[Tensor, Tensor]:
        view = self.see(turn.obs)
        push = torch.where(turn.noise[:, 2:] < EASY_RESTS, 0.0, self.run(view.ball, view.velocity))
        sideways = EASY_SPREAD * (2.0 * turn.noise[:, 0] - 1.0)
        kick_push, _ = self.aim(view.to_ball, unit(torch.stack([torch.ones_like(sideways), sideways], dim=1)))
        kicks = view.in_reach & (turn.noise[:, 1] < EASY_KICKS)
        return self.action(torch.where(kicks[:, None], kick_push, push), kicks), turn.memory


class Medium(Footballer):
    """Gets behind the ball, and kicks it at the goal if it does not hesitate."""

    noise_size = 2

    def play(self, turn: Turn) -> tuple[Tensor, Tensor]:
        view = self.see(turn.obs)
        push = self.run(around(view.ball, view.to_goal), view.velocity)
        push = torch.where(turn.noise[:, 1:] < MEDIUM_RESTS, 0.0, push)
        kick_push, cosine = self.aim(view.to_ball, view.to_goal)
        kicks = view.in_reach & (cosine > MEDIUM_AIM) & (turn.noise[:, 0] < MEDIUM_KICKS)
        return self.action(torch.where(kicks[:, None], kick_push, push), kicks), turn.memory


class Hard(Footballer):
    """Shares the work, meets the ball where it will be, and looks before it kicks."""

    def play(self, turn: Turn) -> tuple[Tensor, Tensor]:
        view = self.see(turn.obs)
        meeting = self.meeting(view)
        distances = (meeting[:, None] - view.mates).norm(dim=-1)
        attacks = (meeting.norm(dim=-1, keepdim=True) <= distances).all(1)
        guards, rank = self.duties(view, attacks, distances)

        chase = around(meeting, view.to_goal)
        guard = self.guard(view) - view.place
        support = self.support(view, rank) - view.place
        target = torch.where(attacks[:, None], chase, torch.where(guards[:, None], guard, support))
        push = self.run(target, view.velocity)
        kick_push, value = self.best_kick(view)
        kicks = view.in_reach & (value > 0.0)
        return self.action(torch.where(kicks[:, None], kick_push, push), kicks), turn.memory

    def meeting(self, view: View) -> Float[Tensor, "B 2"]:
        """Where the player can be when the ball gets there, from the player."""
        meeting = view.ball
        for _ in range(3):
            time_s = (meeting.norm(dim=1, keepdim=True) / PLAYER_SPEED).clamp(max=2.0)
            rolled = ROLLS_S * (1.0 - BALL_KEEPS ** (20.0 * time_s))
            meeting = self.inside(view.place + view.ball + rolled * view.ball_velocity) - view.place
        return meeting

    def inside(self, place: Float[Tensor, "... 2"]) -> Float[Tensor, "... 2"]:
        """The nearest place on the pitch for the ball."""
        end = place.new_tensor((self.half_length - 0.1, self.half_width - 0.1))
        return place.clamp(-end, end)

    def duties(
        self, view: View, attacks: Bool[Tensor, "B"], distances: Float[Tensor, "B M"]
    ) -> tuple[Bool[Tensor, "B"], Tensor]:
        """(whether it guards the goal: of those who do not attack, the nearest to it; how many of the others are before it)."""
        if self.team_size == 1:
            return attacks.new_zeros(len(attacks)), attacks.new_zeros(len(attacks), dtype=torch.long)
        goal = view.place.new_tensor((-self.half_length, 0.0))
        mine = (view.place - goal).norm(dim=1)
        theirs = (view.place[:, None] + view.mates - goal).norm(dim=-1)
        attacker = distances == distances.min(1, keepdim=True).values
        attacker &= ~attacks[:, None]
        theirs = theirs.masked_fill(attacker, torch.inf)
        nearer = (theirs < mine[:, None]).sum(1)
        return ~attacks & (nearer == 0), nearer

    def guard(self, view: View) -> Float[Tensor, "B 2"]:
        """Between the ball and the middle of the goal; farther out, the farther the ball is."""
        goal = view.place.new_tensor((-self.half_length, 0.0))
        away = view.place + view.ball - goal
        return goal + unit(away) * (0.45 * away.norm(dim=1, keepdim=True)).clamp(0.2, 1.2)

    def support(self, view: View, rank: Tensor) -> Float[Tensor, "B 2"]:
        """Ahead of the ball on the wings, the next behind it."""
        ball = view.place + view.ball
        wing = torch.where(ball[:, 1] > 0.0, -1.0, 1.0)
        wing = torch.where(rank == 2, -wing, wing)
        x = ball[:, 0] + torch.where(rank == 3, -0.7, 0.6)
        y = torch.where(rank == 3, 0.3 * wing, 0.55 * self.half_width * wing)
        end = self.half_length - 0.4
        return torch.stack([x.clamp(-end, end), y], dim=1)

    def best_kick(self, view: View) -> tuple[Float[Tensor, "B 2"], Float[Tensor, "B"]]:
        """The push of the best way to kick, and what it is worth; not to kick at all is worth 0."""
        pushes, flights = self.ways(view.to_ball)
        ball = view.place + view.ball
        goal_x = self.half_length
        # Where the flight crosses the line of the goal to shoot at, and of one's own.
        slope = flights[..., 1] / flights[..., 0].abs().clamp(min=1e-3)
        ahead, back = flights[..., 0] > 0.05, flights[..., 0] < -0.05
        crossing = ball[:, 1:] + (goal_x - ball[:, :1]) * slope
        own_crossing = ball[:, 1:] + (goal_x + ball[:, :1]) * slope
        length = (goal_x - ball[:, :1]) / flights[..., 0].clamp(min=1e-3)
        on_goal = ahead & (crossing.abs() < GOAL_HALF_WIDTH - 0.03) & (length < KICK_ROLLS)
        own_goal = back & (own_crossing.abs() < GOAL_HALF_WIDTH + 0.15)

        end = self.inside(ball[:, None] + KICK_ROLLS * 0.7 * flights)
        gap = self.clearance(view, flights, torch.where(on_goal, length, KICK_ROLLS * 0.5))
        blocked = gap < 0.25
        gained = end[..., 0] - ball[:, :1] - 0.3 * (end[..., 1].abs() - ball[:, 1:].abs()) * (ball[:, :1] > 0)
        near_opponent = (end[:, :, None] - (view.place[:, None] + view.opponents)[:, None]).norm(dim=-1).amin(-1)
        near_mate = torch.full_like(near_opponent, 2.0)
        if self.team_size > 1:
            near_mate = (end[:, :, None] - (view.place[:, None] + view.mates)[:, None]).norm(dim=-1).amin(-1)
        pass_value = (near_opponent - near_mate).clamp(-1.0, 1.0)
        pressed = (view.opponents - view.ball[:, None]).norm(dim=-1).amin(1) < 0.6
        value = 0.5 * gained + 0.4 * pass_value - 0.8 * blocked + 0.5 * pressed[:, None] - 0.6
        value = torch.where(on_goal & ~blocked, 5.0 + gap.clamp(max=1.0), value)
        value = torch.where(own_goal, -9.0, value)
        value, best = value.max(1)
        return pick(pushes, best), value

    def clearance(
        self, view: View, flights: Float[Tensor, "B K 2"], length: Float[Tensor, "B K"] | Tensor
    ) -> Float[Tensor, "B K"]:
        """How far the nearest opponent is from the way of a kick, along its `length`; one half-way can step 0.2 m into it."""
        offsets = (view.opponents - view.ball[:, None])[:, None]
        along = (offsets * flights[:, :, None]).sum(-1)
        along = torch.minimum(along.clamp(min=0.0), length[..., None])
        apart = (offsets - along[..., None] * flights[:, :, None]).norm(dim=-1)
        return (apart - 0.1 * along).amin(-1)


def moves(like: Tensor) -> Float[Tensor, "9 2"]:
    """The pushes of the discrete moves, of the dtype and on the device of `like`."""
    return torch.stack([like.new_tensor(MOVE_X), like.new_tensor(MOVE_Y)], dim=1)


def unit(vector: Float[Tensor, "... 2"]) -> Float[Tensor, "... 2"]:
    """Of length 1, unless it is none."""
    return vector / vector.norm(dim=-1, keepdim=True).clamp(min=1e-6)


def pick(options: Float[Tensor, "B K 2"], index: Tensor) -> Float[Tensor, "B 2"]:
    """One option of each row."""
    return options[torch.arange(len(options), device=options.device), index]


def around(ball: Float[Tensor, "B 2"], to_goal: Float[Tensor, "B 2"]) -> Float[Tensor, "B 2"]:
    """Where to run to play a ball that is at `ball` from the player: onto it from behind, else behind it, not through it."""
    ahead = (ball * to_goal).sum(1, keepdim=True)
    across = ball - ahead * to_goal
    off_line = across.norm(dim=1, keepdim=True)
    onto = (ahead > 0.0) & (off_line < 0.5 * ahead + 0.02)
    side = torch.where(off_line > 1e-3, across / off_line.clamp(min=1e-3), torch.stack([-to_goal[:, 1], to_goal[:, 0]], dim=1))
    beside = ball - BEHIND * to_goal - torch.where((ahead < 0.1) & (off_line < 0.3), 0.3, 0.0) * side
    return torch.where(onto, ball, beside)
