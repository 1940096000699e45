"""Players of the particle worlds. They read the obs that `marl_ppo/envs/particle/README.md` tables, as (x, y) pairs.

The constants were chosen by the mean return over a thousand episodes; `tests/agents/test_scripted.py` holds the levels.
"""

from functools import cache
from itertools import permutations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from marl_ppo.agents.scripted.script import Script, Turn
from marl_ppo.agents.scripted.steering import BRAKING_S, coast, feasible, move, move_and_say, say, steer
from marl_ppo.envs.world import Group, WorldSpec
from marl_ppo.errors import ConfigError

LANDMARKS = 3
"""that one can be told of, in speaker_listener and reference"""
LEAD_S = 0.3
"""how far ahead of the prey a chaser aims"""
CHASER_REACH, OBSTACLE_REACH = 0.1, 0.2
"""distances from its centre, at which a chaser or an obstacle is about to be touched"""
OBSTACLE_WEIGHT = 0.2
"""how much an obstacle is avoided, a chaser being 1 and a wall 1"""
WALL = 1.2
"""distance from the middle at which the prey imagines walls; leaving the field costs it from 0.9 on"""
CLOSEST = 0.02
"""gap below which fear no longer grows"""
MAX_ASSIGNED = 6
"""agents up to which trying every assignment is cheap: 720 of them"""


class Particle(Script):
    """What the players below share."""

    def __init__(self, group: Group, spec: WorldSpec) -> None:
        super().__init__(group, spec)
        self._space = group.action
        self._peers = len(group.agents)


class Spread(Particle):
    """Goes to its landmark of the best assignment. All agents see the same distances, so they agree on it unspoken."""

    def __init__(self, group: Group, spec: WorldSpec) -> None:
        super().__init__(group, spec)
        check_assignable(self._peers)

    def play(self, turn: Turn) -> tuple[Tensor, Tensor]:
        n = self._peers
        velocity, _, landmarks, others, _ = turn.obs.split([2, 2, 2 * n, 2 * n - 2, 2 * n - 2], dim=-1)
        offset = assigned(pairs(landmarks), pairs(others))
        return move(self._space, feasible(self._space, steer(offset, velocity))), turn.memory


class Stubborn(Particle):
    """Goes to a landmark whatever the others do. Of no use to a team, but partners to be tested with and to learn from."""

    def play(self, turn: Turn) -> tuple[Tensor, Tensor]:
        velocity, _, landmarks, _ = turn.obs.split([2, 2, 2 * self._peers, 4 * self._peers - 4], dim=-1)
        places = pairs(landmarks)
        wanted = pick(places, self.choose(places, turn.agent_index))
        return move(self._space, feasible(self._space, steer(wanted, velocity))), turn.memory

    def choose(self, landmarks: Float[Tensor, "B N 2"], number: Int[Tensor, "B"]) -> Int[Tensor, "B"]:
        """Which landmark, of their places and the number of the agent."""
        raise NotImplementedError


class Nearest(Stubborn):
    """To the nearest."""

    def choose(self, landmarks: Float[Tensor, "B N 2"], number: Int[Tensor, "B"]) -> Int[Tensor, "B"]:
        return landmarks.square().sum(-1).argmin(-1)


class Farthest(Stubborn):
    """To the farthest."""

    def choose(self, landmarks: Float[Tensor, "B N 2"], number: Int[Tensor, "B"]) -> Int[Tensor, "B"]:
        return landmarks.square().sum(-1).argmax(-1)


class Numbered(Stubborn):
    """To the one that has its number."""

    def choose(self, landmarks: Float[Tensor, "B N 2"], number: Int[Tensor, "B"]) -> Int[Tensor, "B"]:
        return number


class Shifted(Stubborn):
    """To the one after that of its number."""

    def choose(self, landmarks: Float[Tensor, "B N 2"], number: Int[Tensor, "B"]) -> Int[Tensor, "B"]:
        return (number + 1) % self._peers


class Reversed(Stubborn):
    """To the one that has its number, counted from the last."""

    def choose(self, landmarks: Float[Tensor, "B N 2"], number: Int[Tensor, "B"]) -> Int[Tensor, "B"]:
        return self._peers - 1 - number


class Speaker(Particle):
    """Says the number of the target's colour."""

    def play(self, turn: Turn) -> tuple[Tensor, Tensor]:
        return say(self._space, turn.obs.argmax(-1), LANDMARKS), turn.memory


class Listener(Particle):
    """Goes to the landmark it hears of."""

    def play(self, turn: Turn) -> tuple[Tensor, Tensor]:
        velocity, landmarks, heard = turn.obs.split([2, 2 * LANDMARKS, LANDMARKS], dim=-1)
        push = feasible(self._space, steer(meant(pairs(landmarks), heard), velocity))
        return move(self._space, push), turn.memory


class Reference(Particle):
    """Says the number of the partner's landmark, and goes to the one it hears of."""

    def play(self, turn: Turn) -> tuple[Tensor, Tensor]:
        num_words = turn.obs.shape[1] - 2 - 3 * LANDMARKS
        velocity, landmarks, colour, heard = turn.obs.split([2, 2 * LANDMARKS, LANDMARKS, num_words], dim=-1)
        push = feasible(self._space, steer(meant(pairs(landmarks), heard), velocity))
        said = say(self._space, colour.argmax(-1), num_words)
        return move_and_say(self._space, move(self._space, push), said), turn.memory


class Adversary(Particle):
    """Goes to the landmark that a good agent is nearest to.

    Obs holds no velocity: memory does, and since nothing bumps into anything in this world, exactly.
    """

    memory_size = 2

    def play(self, turn: Turn) -> tuple[Tensor, Tensor]:
        landmarks, agents = (pairs(half) for half in turn.obs.chunk(2, dim=-1))
        guarded = (landmarks[:, :, None] - agents[:, None]).square().sum(-1).amin(-1)
        push = feasible(self._space, steer(pick(landmarks, guarded.argmin(-1)), turn.memory))
        return move(self._space, push), coast(turn.memory, push)


class Deceiver(Particle):
    """A good agent: they cover all landmarks, so that nothing they do tells which is the target. Memory: velocity."""

    memory_size = 2

    def __init__(self, group: Group, spec: WorldSpec) -> None:
        super().__init__(group, spec)
        check_assignable(self._peers)

    def play(self, turn: Turn) -> tuple[Tensor, Tensor]:
        n = self._peers
        _, landmarks, _, others = turn.obs.split([2, 2 * n, 2, 2 * n - 2], dim=-1)
        push = feasible(self._space, steer(assigned(pairs(landmarks), pairs(others)), turn.memory))
        return move(self._space, push), coast(turn.memory, push)


class Chaser(Particle):
    """Runs for where the nearest prey will be."""

    def play(self, turn: Turn) -> tuple[Tensor, Tensor]:
        preys = 2 * (len(self.spec.agents) - self._peers)
        velocity, _, prey, prey_velocity = turn.obs.split([2, turn.obs.shape[1] - 2 - 2 * preys, preys, preys], dim=-1)
        ahead = pairs(prey) + LEAD_S * pairs(prey_velocity)
        offset = pick(ahead, ahead.square().sum(-1).argmin(-1))
        return move(self._space, feasible(self._space, steer(offset, velocity))), turn.memory


class Prey(Particle):
    """Runs from chasers, obstacles and imagined walls; its fear of each falls with the square of the gap."""

    def play(self, turn: Turn) -> tuple[Tensor, Tensor]:
        chasers, peers = 2 * (len(self.spec.agents) - self._peers), 4 * (self._peers - 1)
        obstacles = turn.obs.shape[1] - 4 - chasers - peers
        velocity, position, obstacle, chaser, _ = turn.obs.split([2, 2, obstacles, chasers, peers], dim=-1)
        fear = repulsion(pairs(chaser), CHASER_REACH) + OBSTACLE_WEIGHT * repulsion(pairs(obstacle), OBSTACLE_REACH)
        soon = position + BRAKING_S * velocity
        fear = fear - soon.sign() / (WALL - soon.abs()).clamp(min=CLOSEST).square()
        full = fear / fear.abs().amax(-1, keepdim=True).clamp(min=1e-6)  # no direction to run in: stay
        return move(self._space, feasible(self._space, full)), turn.memory


def pairs(block: Float[Tensor, "B O"]) -> Float[Tensor, "B K 2"]:
    """Consecutive (x, y) pairs of a block of obs."""
    return block.unflatten(-1, (block.shape[-1] // 2, 2))


def pick(offsets: Float[Tensor, "B K 2"], index: Int[Tensor, "B"]) -> Float[Tensor, "B 2"]:
    """One offset of each row."""
    return offsets[torch.arange(len(offsets), device=offsets.device), index]


def meant(landmarks: Float[Tensor, "B L 2"], heard: Float[Tensor, "B W"]) -> Float[Tensor, "B 2"]:
    """The landmark of the loudest word; as long as nothing is heard, the middle of all landmarks."""
    loudness, word = heard[:, :LANDMARKS].max(-1)
    return torch.where(loudness[:, None] > 0.0, pick(landmarks, word), landmarks.mean(1))


def assigned(landmarks: Float[Tensor, "B N 2"], others: Float[Tensor, "B K 2"]) -> Float[Tensor, "B 2"]:
    """One's own landmark when N agents share N landmarks with the least sum of squared distances.

    Squares rather than distances: such paths do not cross, so agents meet and bump less.
    """
    n = landmarks.shape[1]
    orders = assignments(n).to(landmarks.device)
    agents = torch.cat([others.new_zeros(len(others), 1, 2), others], dim=1)
    squared = (agents[:, :, None] - landmarks[:, None]).square().sum(-1)
    cost = squared[:, torch.arange(n, device=landmarks.device), orders].sum(-1)
    return pick(landmarks, orders[cost.argmin(-1), 0])


@cache
def assignments(n: int) -> Int[Tensor, "P N"]:
    """All N! ways to give each of N agents a landmark of its own."""
    return torch.tensor(list(permutations(range(n))))


def check_assignable(agents: int) -> None:
    """Raise ConfigError when there are too many agents for `assigned`."""
    if agents > MAX_ASSIGNED:
        raise ConfigError(
            f"this script tries every assignment of agents to landmarks, which it can for at most {MAX_ASSIGNED} agents, "
            f"got {agents}; play the world with a trained player, or with `random`"
        )


def repulsion(offsets: Float[Tensor, "B K 2"], reach: float) -> Float[Tensor, "B 2"]:
    """The sum of pushes away from each offset, of size 1 / gap²; the gap is what is left until `reach`."""
    distance = offsets.norm(dim=-1, keepdim=True).clamp(min=CLOSEST)
    gap = (distance - reach).clamp(min=CLOSEST)
    return -(offsets / distance / gap.square()).sum(1)
