"""Watching: scenes drawn with pygame, on screen or into arrays and gifs. Nothing below this package imports pygame.

palette, layout → shapes, lettering → board, panel → renderer   how a scene becomes a picture
feed ← live, replayed                                           a match as a timeline of moments
interpolate → playback → show                                   which moments are in view, and what keys do
bar, overlays → screen → watch → window, gif                    a show on the screen, under the mouse, in a file
keyboard, human_play → person → play_window              how a person plays
"""

import os

# pygame greets on standard output at import, which would end up in piped results.
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
# SDL would hand our pictures to OpenGL, which without a GPU takes three times as long to show one (benchmarks/viewer_speed.py).
os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")
