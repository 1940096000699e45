"""A match being played now, as a feed."""

from collections.abc import Iterator

from marl_ppo.envs.hud import Hud
from marl_ppo.play.play import Play
from marl_ppo.viewer.feed import Moment


def live_feed(play: Play) -> Iterator[Moment]:
    """Copy 0 of a play, step by step and episode after episode, for ever."""
    world = play.world
    hud = Hud(world.spec)
    play.start()
    yield Moment(world.scene(0), hud.lines(world.outputs), is_first=True)
    while True:
        play.decide()
        outputs = play.advance()
        hud.add(outputs)
        yield Moment(world.scene(0), hud.lines(outputs))
        over = bool(outputs.ended[0])
        play.reset_ended()
        if over:
            hud.start()
            yield Moment(world.scene(0), hud.lines(world.outputs), is_first=True)
