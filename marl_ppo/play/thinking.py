"""What players thought in a match that was recorded: it is played once more, and they are asked before every step.

Only players with networks tell anything: the probability of each choice, and what their critic expects, if it is known. A
critic that was trained on normalised returns tells these.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from marl_ppo.agents.actor_critic import Actor, Critic
from marl_ppo.agents.observations import flat_obs, joint_obs
from marl_ppo.envs.registry import make_world
from marl_ppo.envs.world import Array, Group, Outputs, WorldSpec
from marl_ppo.play.play import Decided, Play
from marl_ppo.play.seating import Player, seat_players
from marl_ppo.replays.recorder import Recording
from marl_ppo.replays.replay import Thoughts


@torch.no_grad()
def think(recording: Recording, spec: WorldSpec, players: Mapping[str, Player]) -> tuple[Thoughts, ...]:
    """By group; nothing where nobody has networks. `players` tells who played each agent."""
    if not any(isinstance(player.policies[agent], Actor) for agent, player in players.items()):
        return ()
    world = make_world(spec.id, num_envs=1, **spec.config)
    seating = seat_players(spec, 1, players)
    seed = np.array([recording.seed], np.uint64)
    play = Play(world, seating.policies, seating.seats, lambda copies, episodes: seed, params=lambda: recording.params)
    notes = [_Notes(recording.steps, group) for group in spec.groups]
    critics = _critics(spec, players)
    play.start()
    for step in range(recording.steps):
        acting = [acts[0].copy() for acts in world.outputs.acting]
        for critic in critics:
            critic.tell(world.outputs, acting, notes, step, play.starting)
        for decided in play.decide():
            notes[decided.part.group].add(step, decided, world.outputs)
        for actions, recorded in zip(play.actions, recording.actions, strict=True):
            actions[0] = recorded[step]
        play.advance()
    world.close()
    return tuple(one.thoughts() for one in notes)


class _Notes:
    """Of one group."""

    def __init__(self, steps: int, group: Group) -> None:
        self._shape = (steps, len(group.agents))
        self._agent_index = torch.tensor(group.agent_index)
        self._probabilities: Array = np.zeros(0, np.float16)
        self.values: Array = np.full(self._shape, np.nan, np.float32)

    def add(self, step: int, decided: Decided, outputs: Outputs) -> None:
        """What a part thought when it decided."""
        actor, g = decided.part.policy, decided.part.group
        if not isinstance(actor, Actor):
            return
        rows = torch.arange(self._shape[1]) if decided.rows is None else decided.rows
        obs = {leaf: torch.from_numpy(array)[0][rows] for leaf, array in outputs.obs[g].items()}
        mask = outputs.action_mask[g]
        # One copy: a row is an agent's place in the group.
        params, _ = actor(flat_obs(obs), self._agent_index[rows], decided.is_start, decided.memory_in)
        chances = actor.head.probabilities(params, None if mask is None else torch.from_numpy(mask)[0][rows])
        if not chances.shape[1]:
            return
        if not self._probabilities.size:
            self._probabilities = np.full((*self._shape, chances.shape[1]), np.nan, np.float16)
        self._probabilities[step, rows.numpy()] = chances.numpy()

    def thoughts(self) -> Thoughts:
        """All that was noted."""
        values = self.values if np.isfinite(self.values).any() else np.zeros(0, np.float32)
        return Thoughts(probabilities=self._probabilities, values=values, subgoals=np.zeros(0, np.float32))


class _Values:
    """One critic, and the agents of one group that it values."""

    def __init__(self, critic: Critic, group: int, places: list[int]) -> None:
        self._critic, self._group, self._places = critic, group, places
        self._memory = torch.zeros(len(places) if critic.per_seat else 1, critic.memory_size)

    def tell(self, outputs: Outputs, acting: list[Array], notes: list[_Notes], step: int, starting: tuple[Array, ...]) -> None:
        """Note V of those who are about to decide."""
        critic, g = self._critic, self._group
        now = [place for place in self._places if acting[g][place]]
        if not now:
            return
        shared: Tensor | None = None
        if critic.shared == "state":
            shared = torch.from_numpy(outputs.state)
        elif critic.shared == "joint":
            shared = joint_obs(tuple({k: torch.from_numpy(v) for k, v in leaves.items()} for leaves in outputs.obs))
        if not critic.per_seat:
            assert shared is not None
            values, _ = critic(shared, torch.zeros(1, dtype=torch.bool), self._memory)
            notes[g].values[step, now] = values[0, now].numpy()
            return
        own = flat_obs({leaf: torch.from_numpy(array)[0][now] for leaf, array in outputs.obs[g].items()})
        several = None if shared is None else shared.expand(len(now), -1)
        rows = [self._places.index(place) for place in now]
        start = torch.from_numpy(starting[g][0, now])
        values, memory = critic(critic.seat_inputs(several, own, torch.tensor(now)), start, self._memory[rows])
        if critic.memory_size:
            self._memory[rows] = memory
        notes[g].values[step, now] = values.numpy()


def _critics(spec: WorldSpec, players: Mapping[str, Player]) -> list[_Values]:
    found = []
    for g, group in enumerate(spec.groups):
        places: dict[int, list[int]] = {}
        known: dict[int, Critic] = {}
        for a, agent in enumerate(group.agents):
            critic = players[agent].critics.get(agent)
            if critic is not None:
                known[id(critic)] = critic
                places.setdefault(id(critic), []).append(a)
        found += [_Values(critic, g, places[key]) for key, critic in known.items()]
    return found
