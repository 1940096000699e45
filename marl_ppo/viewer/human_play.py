"""A match that a person plays: when the world is stepped, what keys mean at that moment, and what is to be seen. No window.

ready    a worded hint and a short countdown, before a world that does not wait
playing  the world goes on: at a rate, or when the person has chosen
paused   everything stands still, and the keys of a menu count
over     the match has ended; its result is in view

A step is shown from the moment it is made: bodies move to where it has put them until the next step is due, so that what a
key does begins to be seen at the next step at the latest.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from marl_ppo.agents.person import Person
from marl_ppo.envs.controls import Action, Choosing, Controls, Keys, Mask, Steering
from marl_ppo.envs.hud import Hud
from marl_ppo.envs.scene import Box, Disc, Primitive, Scene, Sprite, Text
from marl_ppo.play.play import Play
from marl_ppo.viewer.interpolate import between

COUNTDOWN_S = 1.8
"""three numbers of equal length"""
_ROUNDING = 1e-6
Phase = Literal["ready", "playing", "paused", "over"]
Finish = Callable[[bool], Sequence[str]]
"""called with whether the match came to its end or was left before; returns what to tell of it, a line each"""
MENU = (("esc", "go on"), ("r", "play another match"), ("q", "quit"))


class HumanPlay:
    """Copy 0 of a play that has one copy, in which `agent` is played by `person`."""

    def __init__(
        self,
        play: Play,
        agent: str,
        person: Person,
        controls: Controls,
        *,
        rate: float | None = None,
        finish: Finish = lambda whole: (),
        begun: bool = False,
    ) -> None:
        """`rate` in steps per second, that of the controls if not given; `begun` if the first match stands somewhere in its
        middle already, from where the person plays on."""
        self.play, self.agent, self.controls = play, agent, controls
        self.rate = rate or controls.rate
        self.phase: Phase = "ready"
        self.help = False
        self.quit = False
        self.cursor: int | None = None
        """the action that is pointed at, before it is chosen"""
        self.finished = False
        """whether the match is over, or was left, and `finish` was told so"""
        self.told: tuple[str, ...] = ()
        """of the match that is over"""
        self.tally = [0, 0, 0]
        """matches won, drawn and lost so far"""
        self.score = 0.0
        """sum of the person's outcomes"""
        self._person, self._finish = person, finish
        spec = play.world.spec
        self._group = next(g for g, group in enumerate(spec.groups) if agent in group.agents)
        self._place = spec.groups[self._group].agents.index(agent)
        self.team = spec.groups[self._group].team[self._place]
        self._hud = Hud(spec)
        self._down: set[str] = set()
        self._tapped: set[str] = set()
        self._pressed: list[str] = []
        self._countdown, self._fraction, self._stepped = COUNTDOWN_S, 1.0, False
        self._begin(begun)

    @property
    def on_turn(self) -> bool:
        """Whether the world will read the person's action at its next step."""
        return bool(self.play.world.outputs.acting[self._group][0, self._place])

    @property
    def mask(self) -> Mask:
        """What the person may do now."""
        masks = self.play.world.outputs.action_mask[self._group]
        return None if masks is None else np.asarray(masks[0, self._place])

    @property
    def facts(self) -> list[str]:
        """Lines about the match, and those before it, "name: value" each."""
        lines = self._hud.lines(self.play.world.outputs)
        if len(self.play.world.spec.teams) == 1:
            return lines
        # Returns are for those who learn; people play for the result.
        lines = [line for line in lines if not line.startswith("return ")]
        if not sum(self.tally):
            return lines
        won, drawn, lost = self.tally
        return [*lines, "", f"won, drawn, lost: {won}, {drawn}, {lost}", f"score in all: {self.score:+g}"]

    @property
    def verdict(self) -> str:
        """How the match that is over went for the person, in words."""
        if len(self.play.world.spec.teams) == 1:
            return f"the end: return {next(iter(self._hud.returns.values())):.2f}"
        own, other = self._result()
        return "a draw" if own == other else "you win" if own > other else "you lose"

    @property
    def count(self) -> int:
        """3, 2, 1 before the match."""
        return int(np.ceil(3 * max(self._countdown, 0.0) / COUNTDOWN_S))

    def scene(self) -> Scene:
        """What to draw now: the last step in motion, the person's body marked, and what is pointed at."""
        scene = marked(between(self._before, self._now, self._fraction), self.controls.body or self.agent)
        if isinstance(self.controls, Choosing) and self.controls.place and self.cursor is not None and self.phase == "playing":
            x, y = self.controls.place(self.cursor)
            pointer = Disc(key="pointer", x=x, y=y, radius=0.03 * _height(scene), team=self.team)
            scene = replace(scene, primitives=(*scene.primitives, pointer))
        return scene

    def tick(self, seconds: float) -> None:
        """Let `seconds` pass."""
        match self.phase:
            case "ready":
                self._countdown -= seconds
                if self._countdown <= 0.0:
                    self.phase = "playing"
            case "playing":
                reached = self._fraction + seconds * self.rate
                self._fraction = min(reached, 1.0)
                waits = isinstance(self.controls, Choosing) and self.on_turn
                if reached >= 1.0 - _ROUNDING and not waits:
                    self._steer()
                    # However long the machine was busy, no more than a step is made at once: nobody could answer it.
                    self._fraction = max(reached - 1.0, 0.0) if reached < 2.0 else 0.0
            case "over":
                self._fraction = min(self._fraction + seconds * self.rate, 1.0)
                if self._fraction >= 1.0 and not self.finished:
                    self.finished = True
                    self.told = tuple(self._finish(True))

    def press(self, key: str) -> None:
        """A key went down."""
        first, self._down = key not in self._down, self._down | {key}
        if not first:
            return
        self._tapped.add(key)
        self._pressed = [*(other for other in self._pressed if other != key), key]
        match self.phase:
            case "paused":
                self._press_in_menu(key)
            case "over":
                self._press_at_the_end(key)
            case _:
                self._press_in_play(key)

    def release(self, key: str) -> None:
        """A key went up."""
        self._down.discard(key)

    def blur(self) -> None:
        """Nobody will tell what happens to keys: none is held, and a world that does not wait is paused."""
        self._down.clear()
        if isinstance(self.controls, Steering) and self.phase in ("ready", "playing"):
            self.phase = "paused"

    def point(self, x: float, y: float, *, clicked: bool) -> None:
        """The mouse is at a place of the scene."""
        controls = self.controls
        if self.phase != "playing" or not isinstance(controls, Choosing) or controls.at is None:
            return
        action = controls.at(x, y)
        if action is None or action not in [choice.action for choice in controls.legal(self.mask)] or not self.on_turn:
            return
        self.cursor = action
        if clicked:
            self._choose(action)

    def leave(self) -> None:
        """The window was closed, or another match is to begin: one that is not over is given up."""
        if not self.finished and self._stepped:
            self.finished = True
            self.told = tuple(self._finish(False))

    def _begin(self, begun: bool = False) -> None:
        if not begun:
            self.play.start()
        self._hud.start()
        self._before = self._now = self.play.world.scene_for(0, self.agent)
        self._countdown, self._fraction, self._stepped = COUNTDOWN_S, 1.0, False
        self._tapped, self._pressed, self.finished = set(), [], False
        self.told, self.cursor = (), None
        self.phase = "ready" if isinstance(self.controls, Steering) else "playing"

    def _again(self) -> None:
        self.leave()
        self.play.episode += 1
        self._begin()

    def _press_in_play(self, key: str) -> None:
        taken = {choice.key for choice in self.controls.choices} if isinstance(self.controls, Choosing) else set()
        if key == "?":
            self.phase, self.help = "paused", True
        elif key == "escape" or (key == "p" and key not in taken):
            self.phase = "paused"
        elif isinstance(self.controls, Choosing) and self.on_turn and self.phase == "playing":
            legal = self.controls.legal(self.mask)
            if key in ("left", "up", "right", "down"):
                self._move_cursor([choice.action for choice in legal], -1 if key in ("left", "up") else 1)
            elif key == "enter" and self.cursor is not None:
                self._choose(self.cursor)
            else:
                for choice in legal:
                    if choice.key == key:
                        self._choose(choice.action)
                        return

    def _press_in_menu(self, key: str) -> None:
        match key:
            case "?":
                self.help = not self.help
            case "q":
                self.quit = True
            case "r":
                self.help = False
                self._again()
            case "escape" | "p" | "enter" | "space":
                self.help = False
                self.phase, self._countdown = ("ready" if isinstance(self.controls, Steering) else "playing"), COUNTDOWN_S

    def _press_at_the_end(self, key: str) -> None:
        # Not space, which who plays may still be pressing.
        if key in ("enter", "r") and self.finished:
            self._again()
        elif key in ("q", "escape"):
            self.quit = True

    def _move_cursor(self, actions: Sequence[int], by: int) -> None:
        if self.cursor in actions:
            self.cursor = actions[(actions.index(self.cursor) + by) % len(actions)]
        elif actions:
            self.cursor = actions[len(actions) // 2]

    def _choose(self, action: int) -> None:
        self._step(action)
        if self.mask is not None and self.cursor is not None and not self.mask[self.cursor]:
            self.cursor = None

    def _steer(self) -> None:
        if isinstance(self.controls, Steering) and self.on_turn:
            keys = Keys(held=frozenset(self._down | self._tapped), pressed=tuple(self._pressed))
            self._step(self.controls.act(keys, self.mask))
        else:
            self._step(None)
        self._tapped.clear()

    def _step(self, action: Action | None) -> None:
        if action is not None:
            self._person.choose(action)
        self.play.decide()
        outputs = self.play.advance()
        self._stepped = True
        self._hud.add(outputs)
        self._before, self._now = self._now, self.play.world.scene_for(0, self.agent)
        self._fraction = 0.0
        if outputs.ended[0]:
            self.phase, self.help = "over", False
            if len(self.play.world.spec.teams) > 1:
                own, other = self._result()
                self.tally[0 if own > other else 1 if own == other else 2] += 1
                self.score += own

    def _result(self) -> tuple[float, float]:
        """What the person's team came to, and the best of the others."""
        spec = self.play.world.spec
        told = "outcomes" in spec.capabilities
        results = self.play.world.outputs.outcomes[0] if told else np.array(list(self._hud.returns.values()))
        return float(results[self.team]), float(np.delete(results, self.team).max())


def marked(scene: Scene, body: str) -> Scene:
    """The scene with a ring around the body whose key is `body`, and "you" beside it."""
    found = next((primitive for primitive in scene.primitives if primitive.key == body), None)
    if found is None:
        return scene
    size = 0.04 * _height(scene)
    added: list[Primitive] = []
    match found:
        case Disc() | Sprite():
            radius = 1.3 * (found.radius if isinstance(found, Disc) else max(found.width, found.height) / 2)
            added.append(Disc(key="you_ring", x=found.x, y=found.y, radius=radius, filled=False))
            x, y = found.x, found.y + radius + 0.8 * size
            if y > scene.bounds[3] - size:  # at its side: below is its name
                right = found.x + radius + 2.5 * size < scene.bounds[2]
                x, y = found.x + (radius + 1.5 * size) * (1 if right else -1), found.y
            added.append(Text(key="you", x=x, y=y, text="you", height=size))
        case Box():
            width, height = found.width + 0.5 * size, found.height + 0.5 * size
            added.append(Box(key="you_ring", x=found.x, y=found.y, width=width, height=height, filled=False))
            added.append(Text(key="you", x=found.x, y=found.y - height / 2 - 0.8 * size, text="you", height=size))
        case Text():
            others = tuple(replace(found, text=f"{found.text} (you)") if one is found else one for one in scene.primitives)
            return replace(scene, primitives=others)
    return replace(scene, primitives=(*scene.primitives, *added))


def _height(scene: Scene) -> float:
    return scene.bounds[3] - scene.bounds[1]
