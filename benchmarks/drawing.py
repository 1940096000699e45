"""Frames per second of the renderer, without a display: python benchmarks/drawing.py

Wall time says what a viewer gets on this machine now; processor time what the drawing itself takes.
"""

import time

import numpy as np

from marl_ppo.envs import make_world
from marl_ppo.viewer.renderer import Renderer

SIZES = ((480, 480), (720, 480), (800, 800))
FRAMES = 50
ROUNDS = 5


def main() -> None:
    world = make_world("spread")
    world.reset(np.zeros(1, np.uint64))
    scene, hud = world.scene(0), ("step: 12", "return agents: -3.20", "coverage: 0.33")
    for size in SIZES:
        renderer = Renderer(size, teams=world.spec.teams, title="spread")
        renderer.frame(scene, hud)  # fonts are opened and words set at the first picture
        best = {"wall": 0.0, "processor": 0.0}
        for _ in range(ROUNDS):
            wall, processor = time.perf_counter(), time.process_time()
            for _ in range(FRAMES):
                renderer.frame(scene, hud)
            best["wall"] = max(best["wall"], FRAMES / (time.perf_counter() - wall))
            best["processor"] = max(best["processor"], FRAMES / (time.process_time() - processor))
        print(f"spread {size[0]}x{size[1]}: {best['wall']:.0f} frames/s wall, {best['processor']:.0f} processor")


if __name__ == "__main__":
    main()
