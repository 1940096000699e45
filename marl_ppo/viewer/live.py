"""A match being played now, as a feed."""

from collections.abc import Iterator

import numpy as np

from marl_ppo.play.play import Play
from marl_ppo.viewer.feed import Moment


def live_feed(play: Play) -> Iterator[Moment]:
    """Copy 0 of a play, step by step and episode after episode, for ever."""
    spec = play.world.spec
    teams = np.concatenate([group.team for group in spec.groups])
    play.start()
    returns, steps = np.zeros(len(teams)), 0

    def hud() -> list[str]:
        means = [f"return {team}: {returns[teams == t].mean():.2f}" for t, team in enumerate(spec.teams)]
        metrics = [f"{name}: {values[0]:.2f}" for name, values in play.world.outputs.metrics.items()]
        return [f"step: {steps}", *means, *metrics]

    yield Moment(play.world.scene(0), hud(), is_first=True)
    while True:
        play.decide()
        outputs = play.advance()
        steps += 1
        returns += np.concatenate([rewards[0] for rewards in outputs.rewards])
        yield Moment(play.world.scene(0), hud())
        if outputs.ended[0]:
            play.reset_ended()
            returns[:], steps = 0, 0
            yield Moment(play.world.scene(0), hud(), is_first=True)
        else:
            play.reset_ended()
