"""From a recorded episode to a replay: one more simulation, which finds all that follows from seed and actions.

It has to reach the very state in which the recorded episode ended; a recording that does not is no replay.
"""

import datetime
import importlib.metadata
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from marl_ppo.envs.world import SIMULATION, WorldSpec
from marl_ppo.errors import WorldError
from marl_ppo.replays.digests import state_digest
from marl_ppo.replays.recorder import Recording
from marl_ppo.replays.replay import Keyframes, Origin, Replay, Thoughts
from marl_ppo.replays.simulation import EventFinder, Simulation, Snapshots

PACKAGES = ("marl_ppo", "numpy", "numba")
EVERY = 100
"""steps between keyframes in a file; more in a match so long that they would take too much memory"""


def seal(
    recording: Recording,
    spec: WorldSpec,
    players: Mapping[str, str],
    *,
    hashes: Mapping[str, str] | None = None,
    thoughts: tuple[Thoughts, ...] = (),
    origin: Origin | None = None,
    note: str = "",
) -> Replay:
    """A whole replay of an episode of the world `spec`; `players` tells who played each agent.

    Raises WorldError where the simulation ends elsewhere than the recorded episode did, and CapabilityError for worlds
    that cannot be simulated again.
    """
    spec.require("resimulate", "a replay that is actions only")
    bare = replace(described(recording, spec, players, hashes), thoughts=thoughts, origin=origin, note=note)
    with Simulation(bare) as simulation:
        played = retrace(simulation)
        reached = state_digest({name: array for name, array in simulation.moment().items() if name.startswith(SIMULATION)})
    if recording.digest not in (None, reached):
        raise WorldError(
            f"an episode of world {spec.id!r}, played again from seed {recording.seed} and its {recording.steps} steps, ended "
            "in another state than the recorded one: what happens there depends on more than seed and actions"
        )
    return played


def described(
    recording: Recording, spec: WorldSpec, players: Mapping[str, str], hashes: Mapping[str, str] | None = None
) -> Replay:
    """What a recording tells by itself, as a replay without anything that follows from it."""
    return Replay(
        world=spec.id,
        version=spec.version,
        config=dict(spec.config),
        seed=recording.seed,
        params=recording.params,
        teams=spec.teams,
        players={agent: players[agent] for agent in spec.agents},
        hashes=dict(hashes or {}),
        actions=recording.actions,
        steps=recording.steps,
        outcome=(),
        returns=(),
        metrics={},
        complete=recording.complete,
        recorded=datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        versions=package_versions(),
    )


def retrace(simulation: Simulation) -> Replay:
    """Its replay, with all that follows from seed and actions found anew."""
    replay, world = simulation.replay, simulation.world
    spec = world.spec
    simulation.seek(0)
    moment = simulation.moment()
    digests = [state_digest(moment)]
    kept = Snapshots(EVERY)
    kept.keep(0, moment)
    finder = EventFinder(spec)
    returns = np.zeros(len(spec.agents))
    actions = [np.zeros_like(taken) for taken in replay.actions]
    while simulation.step < replay.steps:
        for own, taken, acting in zip(actions, replay.actions, world.outputs.acting, strict=True):
            # What was given for seats that were not acting means nothing.
            own[simulation.step][acting[0]] = taken[simulation.step][acting[0]]
        simulation.advance()
        moment = simulation.moment()
        digests.append(state_digest(moment, digests[-1]))
        if kept.is_due(simulation.step):
            kept.keep(simulation.step, moment)
        finder.look(simulation.step, world)
        returns += np.concatenate([rewards[0] for rewards in world.outputs.rewards])
    out = world.outputs
    whole = bool(out.ended[0])
    keyframes = kept.arrays | {simulation.step: moment}
    frames = {name: np.stack([snapshot[name] for snapshot in keyframes.values()]) for name in moment}
    return replace(
        replay,
        actions=tuple(actions),
        outcome=tuple(out.outcomes[0].tolist()) if whole and "outcomes" in spec.capabilities else (),
        returns=tuple(returns.tolist()),
        metrics={name: float(values[0]) for name, values in out.metrics.items()},
        complete=whole,
        events=tuple(finder.found),
        chain=np.array(digests, np.uint64),
        keyframes=Keyframes(steps=np.array(list(keyframes), np.int64), arrays=frames),
    )


def package_versions() -> dict[str, str]:
    """Of what a replay depends on."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}
