"""Matches to show in a browser: timelines of scenes that were made beforehand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from marl_ppo.envs.hud import Hud
from marl_ppo.envs.registry import make_world
from marl_ppo.envs.scene import Scene
from marl_ppo.envs.seeds import stream
from marl_ppo.envs.world import Array
from marl_ppo.play.play import Play
from marl_ppo.play.seating import seat_players
from marl_ppo.replays.replay import Event
from marl_ppo.training.players import find_player
from marl_ppo.viewer.feed import Moment, Subgoal, Thought


@dataclass(kw_only=True)
class Filmed:
    """A `Timeline`."""

    moments: Sequence[Moment]
    title: str = "a match"
    teams: Sequence[str] = ("blue", "orange")
    players: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    events: Sequence[Event] = ()
    rate: float = 10.0

    @property
    def last(self) -> int:
        return len(self.moments) - 1

    @property
    def longest(self) -> int:
        return self.last

    def moment(self, step: int) -> Moment:
        return self.moments[step]

    def values(self, agent: str) -> Array:
        thoughts = [moment.thoughts.get(agent) for moment in self.moments]
        return np.array([np.nan if thought is None or thought.value is None else thought.value for thought in thoughts])

    def options(self, agent: str) -> Array:
        thoughts = [moment.thoughts.get(agent, Thought()) for moment in self.moments]
        return np.flatnonzero([thought.subgoal is not None and thought.subgoal.age == 0 for thought in thoughts])


def of_scenes(*scenes: Scene) -> Filmed:
    return Filmed(moments=[Moment(scene, is_first=step == 0) for step, scene in enumerate(scenes)])


def film(world_id: str, *, seed: int = 3, **config: object) -> Filmed:
    """One episode, all teams played by the script."""
    world = make_world(world_id, num_envs=1, **config)
    spec = world.spec
    seating = seat_players(spec, 1, [find_player("scripted", spec)] * len(spec.teams))

    def seeds(copies: Array, episodes: Array) -> Array:
        return stream(seed, "match", copies, episodes)

    play, hud = Play(world, seating.policies, seating.seats, seeds, greedy=seating.greedy), Hud(spec)
    play.start()
    moments = [Moment(world.scene(0), hud.lines(world.outputs), is_first=True)]
    while not world.outputs.ended[0]:
        play.decide()
        hud.add(play.advance())
        moments.append(Moment(world.scene(0), hud.lines(world.outputs)))
    events = [Event(len(moments) // 2, "goal", "goal for blue", 0), Event(len(moments) - 1, "end", "the end")]
    return Filmed(
        moments=moments,
        title=f"{world_id}: two scripts",
        teams=spec.teams,
        players=dict.fromkeys(spec.agents, "scripted"),
        events=events,
    )


def thinking(filmed: Filmed, choices: int = 11) -> Filmed:
    """The same match with thoughts that change slowly, as those of trained players do."""
    generator = np.random.Generator(np.random.PCG64(0))
    leanings = {agent: np.zeros(choices) for agent in filmed.players}
    moments = []
    for step, moment in enumerate(filmed.moments[:-1]):
        thoughts = {}
        for number, (agent, leaning) in enumerate(leanings.items()):
            leaning += 0.3 * generator.normal(size=choices) - 0.03 * leaning
            shares = np.exp(leaning) / np.exp(leaning).sum()
            subgoal = Subgoal((float(np.sin(step / 30 + number)), 0.5), "key", step % 10)
            thoughts[agent] = Thought(probabilities=shares, value=float(leaning[0]), subgoal=subgoal)
        moments.append(moment._replace(thoughts=thoughts))
    filmed.moments = [*moments, filmed.moments[-1]]
    filmed.choices = {"blue_0": [f"choice-{i}" for i in range(choices)]}
    return filmed
