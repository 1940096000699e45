"""What players think when they decide: the probability of each choice, and what their critic expects, if it is known.

Only players with networks tell anything. A critic that was trained on normalised returns tells these. A match that was
recorded is played once more, and they are asked before every step.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from marl_ppo.agents.actor_critic import Actor, Critic
from marl_ppo.agents.hierarchy import HierarchicalActor
from marl_ppo.agents.observations import flat_obs, joint_obs
from marl_ppo.agents.options import Option
from marl_ppo.agents.subgoals import Named
from marl_ppo.envs.registry import make_world
from marl_ppo.envs.world import Array, Group, Outputs, World, WorldSpec
from marl_ppo.play.play import Decided, Play
from marl_ppo.play.seating import Player, seat_players
from marl_ppo.replays.files import LONGEST_TEXT
from marl_ppo.replays.recorder import Recording
from marl_ppo.replays.replay import Thoughts


@torch.no_grad()
def think(recording: Recording, spec: WorldSpec, players: Mapping[str, Player]) -> tuple[Thoughts, ...]:
    """By group; nothing where nobody has networks. `players` tells who played each agent."""
    if not any(isinstance(player.policies[agent], Actor | HierarchicalActor) for agent, player in players.items()):
        return ()
    world = make_world(spec.id, num_envs=1, **spec.config)
    seating = seat_players(spec, 1, players)
    seed = np.array([recording.seed], np.uint64)
    play = Play(world, seating.policies, seating.seats, lambda copies, episodes: seed, params=lambda: recording.params)
    notes = [_Notes(recording.steps, group) for group in spec.groups]
    thinker = Thinker(spec, players)
    play.start()
    for step in range(recording.steps):
        for note, thinking in zip(notes, thinker.decide(play), strict=True):
            note.add(step, thinking)
        for actions, recorded in zip(play.actions, recording.actions, strict=True):
            actions[0] = recorded[step]
        play.advance()
    world.close()
    return tuple(one.thoughts() for one in notes)


@dataclass(slots=True)
class Thinking:
    """Of one group at one step."""

    probabilities: Array
    """float32 [A, K]; NaN where an agent decides nothing or tells nothing; K is 0 where nobody does"""
    values: Array
    """float32 [A]; NaN where an agent decides nothing, or its critic is not known"""
    subgoals: Array
    """float32 [A, 2]: the place, in the scene, to which a manager sends its worker; NaN where there is none"""
    ages: Array
    """int32 [A]: decisions since a worker was set its subgoal, 0 where it has just been; -1 where there is none"""
    words: list[str]
    """[A]: what the subgoal is called; empty where there is none, or it has no name"""

    @classmethod
    def nothing(cls, agents: int) -> "Thinking":
        """Before anybody is asked."""
        return cls(
            probabilities=np.zeros((agents, 0), np.float32),
            values=np.full(agents, np.nan, np.float32),
            subgoals=np.full((agents, 2), np.nan, np.float32),
            ages=np.full(agents, -1, np.int32),
            words=[""] * agents,
        )


class Thinker:
    """Asks those who play the only copy of a play, step by step through one episode. `players` by agent."""

    def __init__(self, spec: WorldSpec, players: Mapping[str, Player]) -> None:
        self._groups = spec.groups
        self._agent_index = [torch.tensor(group.agent_index) for group in spec.groups]
        self._critics = _critics(spec, players)

    @torch.no_grad()
    def decide(self, play: Play) -> list[Thinking]:
        """Let the play decide, and tell by group what was thought."""
        found = [Thinking.nothing(len(group.agents)) for group in self._groups]
        for critic in self._critics:
            critic.tell(play.world.outputs, [thinking.values for thinking in found], play.starting)
        for decided in play.decide():
            self._ask(decided, play.world, found[decided.part.group])
        return found

    def _ask(self, decided: Decided, world: World, thinking: Thinking) -> None:
        """Write down how probable each choice was, and what workers were after."""
        actor, g, outputs = decided.part.policy, decided.part.group, world.outputs
        agents = len(self._groups[g].agents)
        rows = torch.arange(agents) if decided.rows is None else decided.rows
        # One copy: a row is an agent's place in the group.
        obs = flat_obs({leaf: torch.from_numpy(array)[0][rows] for leaf, array in outputs.obs[g].items()})
        mask = outputs.action_mask[g]
        memory = decided.memory_in
        if isinstance(actor, HierarchicalActor):
            option = actor.options.read(decided.decision.memory)
            self._tell_subgoals(actor, option, rows.tolist(), obs, g, world, thinking)
            obs = torch.cat([obs, actor.shown(option.chosen, option.age - 1, obs)], -1)
            memory, actor = actor.memories(memory)[1], actor.worker
        if not isinstance(actor, Actor):
            return
        params, _ = actor(obs, self._agent_index[g][rows], decided.is_start, memory)
        chances = actor.head.probabilities(params, None if mask is None else torch.from_numpy(mask)[0][rows])
        if not chances.shape[1]:
            return
        if not thinking.probabilities.size:
            thinking.probabilities = np.full((agents, chances.shape[1]), np.nan, np.float32)
        thinking.probabilities[rows.numpy()] = chances.numpy()

    def _tell_subgoals(
        self, actor: HierarchicalActor, option: Option, rows: list[int], obs: Tensor, g: int, world: World, thinking: Thinking
    ) -> None:
        names = actor.space.names if isinstance(actor.space, Named) and option.chosen.dim() == 1 else ()
        places, ages = actor.space.place(option.chosen, obs).tolist(), option.age.int() - 1
        for row, (x, y), age, chosen in zip(rows, places, ages.tolist(), option.chosen.tolist(), strict=True):
            thinking.subgoals[row] = world.place_in_scene(self._groups[g].agents[row], x, y)
            thinking.ages[row] = age
            if len(names) and chosen < len(names):
                thinking.words[row] = _in_one_line(names[chosen])


def _in_one_line(name: str) -> str:
    """As people read it, and no longer than replays keep."""
    return " ".join(str(name).replace("_", " ").split())[:LONGEST_TEXT]


class _Notes:
    """Of one group, step by step."""

    def __init__(self, steps: int, group: Group) -> None:
        self._shape = (steps, len(group.agents))
        self._probabilities: Array = np.zeros(0, np.float16)
        self._values: Array = np.full(self._shape, np.nan, np.float32)
        self._subgoals: Array = np.full((*self._shape, 2), np.nan, np.float32)
        self._ages: Array = np.full(self._shape, -1, np.int32)
        self._told: Array = np.full(self._shape, -1, np.int32)
        self._words: dict[str, int] = {}

    def add(self, step: int, thinking: Thinking) -> None:
        """What was thought before a step."""
        self._values[step] = thinking.values
        self._subgoals[step] = thinking.subgoals
        self._ages[step] = thinking.ages
        self._told[step] = [self._words.setdefault(word, len(self._words)) if word else -1 for word in thinking.words]
        if not thinking.probabilities.size:
            return
        if not self._probabilities.size:
            self._probabilities = np.full((*self._shape, thinking.probabilities.shape[1]), np.nan, np.float16)
        self._probabilities[step] = thinking.probabilities

    def thoughts(self) -> Thoughts:
        """All that was noted."""
        found = Thoughts(probabilities=self._probabilities)
        if np.isfinite(self._values).any():
            found = replace(found, values=self._values)
        if (self._ages >= 0).any():
            found = replace(found, subgoals=self._subgoals, ages=self._ages, told=self._told, words=tuple(self._words))
        return found


class _Values:
    """One critic, and the agents of one group that it values."""

    def __init__(self, critic: Critic, group: int, places: list[int]) -> None:
        self._critic, self._group, self._places = critic, group, places
        self._memory = torch.zeros(len(places) if critic.per_seat else 1, critic.memory_size)

    def tell(self, outputs: Outputs, told: list[Array], starting: tuple[Array, ...]) -> None:
        """Write down V of those who are about to decide."""
        critic, g = self._critic, self._group
        now = [place for place in self._places if outputs.acting[g][0, place]]
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
            told[g][now] = values[0, now].numpy()
            return
        own = flat_obs({leaf: torch.from_numpy(array)[0][now] for leaf, array in outputs.obs[g].items()})
        several = None if shared is None else shared.expand(len(now), -1)
        rows = [self._places.index(place) for place in now]
        start = torch.from_numpy(starting[g][0, now])
        values, memory = critic(critic.seat_inputs(several, own, torch.tensor(now)), start, self._memory[rows])
        if critic.memory_size:
            self._memory[rows] = memory
        told[g][now] = values.numpy()


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
