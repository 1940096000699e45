"""A window in which a person plays."""

import pygame

from marl_ppo.errors import DisplayError
from marl_ppo.viewer.human_play import HumanPlay
from marl_ppo.viewer.keyboard import Blur, Point, Press, Release, deeds_of
from marl_ppo.viewer.person import PersonView
from marl_ppo.viewer.window import Window, has_display

FPS = 60
SIZE = (960, 640)


def play_in_window(game: HumanPlay, view: PersonView, title: str, *, size: tuple[int, int] = SIZE) -> None:
    """Play until the person has enough. Raises DisplayError where no window can be opened."""
    if not has_display():
        raise DisplayError("there is no screen to open a window on, and nobody can play without one")
    window = Window(size, title)
    clock = pygame.time.Clock()
    try:
        while True:
            for deed in deeds_of(window.events()):
                match deed:
                    case Press(key):
                        game.press(key)
                    case Release(key):
                        game.release(key)
                    case Point(x, y, clicked):
                        game.point(*view.place(x, y), clicked=clicked)
                    case Blur():
                        game.blur()
            if window.closed or game.quit:
                return
            window.present(view.draw(game, window.size))
            game.tick(clock.tick(FPS) / 1000.0)
    finally:
        window.close()
        game.leave()
