"""What a training has learned so far, to be seen: the same held-out episode, played and recorded again and again."""

import copy
from collections.abc import Mapping
from pathlib import Path

from marl_ppo.evaluation.evaluate import evaluate
from marl_ppo.evaluation.replays import save_replay
from marl_ppo.play.seating import Player, by_agent
from marl_ppo.replays.files import SUFFIX
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.policies import acting, critics
from marl_ppo.training.setup import Setup, world_from

SHARE = 20
"""recordings over the whole budget, where nothing else is said"""
MOST = 30
"""files that are kept"""


class Showcase:
    """Records into a run's replays/, after some updates."""

    def __init__(self, setup: Setup, others: Mapping[str, Player], folder: Path) -> None:
        """`others` play the teams that do not learn."""
        self._setup, self._others, self._folder = setup, others, folder
        self._every = updates_between(setup.config)
        if not {"resimulate", "snapshot"} <= setup.spec.capabilities:
            self._every = 0

    def is_due(self, update: int) -> bool:
        """Whether to record after this update."""
        return self._every > 0 and update % self._every == 0

    def record(self, update: int) -> Path:
        """Play the episode as the policies are now, and write it as update-NUMBER."""
        setup, spec = self._setup, self._setup.spec
        policies = {name: copy.deepcopy(learner.policy).cpu() for name, learner in setup.learners.items()}
        now = Player(
            name=f"update {update}",
            policies=acting(spec, setup.config, {name: policy.actor for name, policy in policies.items()}),
            critics=critics(spec, setup.config, policies),
        )
        lineup = [self._others.get(team, now) for team in spec.teams]
        world = world_from(setup.config, 1)
        played = evaluate(world, lineup, episodes=1, record=True)
        world.close()
        assert played.recordings is not None
        recording = played.recordings[0]
        assert recording is not None
        path = self._folder / f"update-{update:06d}{SUFFIX}"
        save_replay(recording, spec, by_agent(spec, lineup), path, note=f"after {update} updates")
        thin_out(self._folder)
        return path


def updates_between(config: TrainConfig) -> int:
    """Updates from one recording to the next; 0 for none. Trainings of a few updates are over before anybody looks."""
    return config.num_updates // SHARE if config.replay_updates is None else config.replay_updates


def thin_out(folder: Path) -> None:
    """Where there are more than MOST, remove the one that leaves the smallest gap; first and last stay."""
    files = sorted(folder.glob(f"update-*{SUFFIX}"))
    numbers = [int(file.name.removeprefix("update-").removesuffix(SUFFIX)) for file in files]
    while len(files) > MOST:
        place = min(range(1, len(files) - 1), key=lambda n: numbers[n + 1] - numbers[n - 1])
        files.pop(place).unlink()
        numbers.pop(place)
