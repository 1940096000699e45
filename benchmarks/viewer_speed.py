"""Frames per second of the viewer, all overlays and the timeline on: python benchmarks/viewer_speed.py

In a window where there is a screen (`xvfb-run -a -s "-screen 0 1920x1080x24" python benchmarks/viewer_speed.py` makes one),
else on a Surface. Matches of 5 against 5 in soccer, and of spread, played by their scripts beforehand, so that only drawing
is measured; thoughts are made up. A frame is what the window does: tick, draw, flip. Wall time says what a viewer gets on this
machine now; processor time what it would get alone.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pygame

from marl_ppo.agents.scripted import scripted_policy
from marl_ppo.envs import make_world
from marl_ppo.envs.world import Array
from marl_ppo.play.play import Play
from marl_ppo.play.seating import Player, by_agent, seat_players
from marl_ppo.replays.replay import Event
from marl_ppo.viewer.feed import Moment, Subgoal, Thought
from marl_ppo.viewer.live import LiveTimeline, Meeting
from marl_ppo.viewer.screen import Screen
from marl_ppo.viewer.show import Show
from marl_ppo.viewer.window import Window, has_display

SIZES = ((640, 480), (1280, 720), (1920, 1080))
WORLDS: tuple[tuple[str, dict[str, Any]], ...] = (("soccer", {"team_size": 5}), ("spread", {}))
FRAMES = 300
ROUNDS = 3


class Thoughtful:
    """A match whose players think something."""

    def __init__(self, match: LiveTimeline) -> None:
        self.title, self.teams, self.players, self.rate = match.title, match.teams, match.players, match.rate
        while match.longest is None or match.last < match.longest:
            match.moment(match.last)
        self.last = match.last
        self.longest: int | None = match.last
        self.events: Sequence[Event] = match.events
        self.choices = match.choices
        rng = np.random.default_rng(0)
        self._values = {agent: rng.normal(size=match.last + 1).cumsum() for agent in match.players}
        self._moments = [self._thought(match.moment(step), step, rng) for step in range(match.last + 1)]

    def moment(self, step: int) -> Moment:
        return self._moments[step]

    def values(self, agent: str) -> Array:
        return self._values[agent]

    def options(self, agent: str) -> Array:
        return np.arange(0, self.last + 1, 10)

    def _thought(self, moment: Moment, step: int, rng: np.random.Generator) -> Moment:
        subgoal = Subgoal((0.0, 0.0), "thing", step % 10)
        thoughts: Mapping[str, Thought] = {
            agent: Thought(probabilities=rng.dirichlet(np.ones(18)), value=float(values[step]), subgoal=subgoal)
            for agent, values in self._values.items()
        }
        return moment._replace(thoughts=thoughts)


def played(world_id: str, config: dict[str, Any]) -> Thoughtful:
    world = make_world(world_id, **config)
    scripts = [(group, scripted_policy(world_id, group, world.spec)) for group in world.spec.groups]
    player = Player(name="scripted", policies={agent: policy for group, policy in scripts for agent in group.agents})
    seating = seat_players(world.spec, 1, [player] * len(world.spec.teams))
    play = Play(world, seating.policies, seating.seats, lambda copies, episodes: np.zeros(1, np.uint64))
    players = by_agent(world.spec, [player] * len(world.spec.teams))
    return Thoughtful(LiveTimeline(Meeting(play=play, players=players, title=world_id)))


def frames_per_second(match: Thoughtful, size: tuple[int, int]) -> tuple[float, float]:
    """(wall, processor): the best of some rounds, over frames as they come at 60 per second."""
    window = Window(size, "speed") if has_display() else None
    surface = window.shown() if window else pygame.Surface(size, 0, 32)
    wall = processor = 0.0
    for _ in range(ROUNDS):
        show = Show([[match]])
        screen = Screen(show)
        for key in ("tab", "p", "v", "g", "o"):
            show.press(key)
        screen.draw(surface)  # fonts are opened and words set at the first picture
        began, busy = time.perf_counter(), time.process_time()
        for _ in range(FRAMES):
            if window:
                window.happened()
            show.tick(1 / 60)
            screen.draw(surface)
            if window:
                window.flip()
        wall = max(wall, FRAMES / (time.perf_counter() - began))
        processor = max(processor, FRAMES / (time.process_time() - busy))
    if window:
        window.close()
    return wall, processor


def main() -> None:
    print("in a window" if has_display() else "on a Surface, without a window")
    for world_id, config in WORLDS:
        match = played(world_id, config)
        for size in SIZES:
            wall, processor = frames_per_second(match, size)
            name = " ".join([world_id, *(f"{key}={value}" for key, value in config.items())])
            print(f"{name} {size[0]}x{size[1]}: {wall:.0f} frames/s wall, {processor:.0f} processor")


if __name__ == "__main__":
    main()
