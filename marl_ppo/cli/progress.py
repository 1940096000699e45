"""What a training shows on the terminal: a bar with speed, return, KL and time left, and the level in words."""

import math
import time
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from marl_ppo.envs.registry import is_installed
from marl_ppo.errors import MarlPPOError
from marl_ppo.evaluation.evaluate import evaluate
from marl_ppo.evaluation.statistics import normalized_skill
from marl_ppo.kernel_cache import is_warm
from marl_ppo.training import trainer
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.players import find_player
from marl_ppo.training.run import RunListener
from marl_ppo.training.setup import world_from

ANCHOR_EPISODES = 200
NOTICES = 5
"""of the world that are shown; what comes after them would hide the rest"""


class Anchors(NamedTuple):
    """Mean returns of the team that learns, when others play it."""

    team: str
    random: float
    script: float


class ProgressBar(RunListener):
    """One line that moves, and a line for each warning."""

    def __init__(self) -> None:
        self._console = Console()
        self._anchors: Anchors | None = None
        self._returns: dict[str, float] = {}
        """team → training return, smoothed"""
        self._bar = Progress(
            BarColumn(bar_width=12),
            TextColumn("{task.fields[about]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=self._console,
            refresh_per_second=4,
        )
        self._task: TaskID | None = None
        self._notices = 0

    def on_start(self, config: TrainConfig, resumed_at: int) -> None:
        self._config = config
        self._began = time.perf_counter()
        verb = f"Resuming {config.world} at update {resumed_at}" if resumed_at else f"Training {config.world}"
        limit = "" if config.minutes is None else f" or {config.minutes:g} minutes"
        self._console.print(
            f"{verb}: {config.total_steps:,} steps{limit}, {config.steps_per_update:,} steps per update, "
            f"threads {config.threads}, seed {config.seed}. Ctrl-C stops and saves.",
            highlight=False,
        )
        about = "starting" if is_warm() else "compiling kernels, once for this version: half a minute"
        self._task = self._bar.add_task(config.world, total=1.0, about=about)
        self._bar.update(self._task, completed=resumed_at / config.num_updates)
        self._bar.start()
        self._anchors = _anchors(config)
        if self._anchors is not None:
            team, random, script = self._anchors
            self._bar.console.print(
                f"Skill of {team}: random play ({random:.2f}) is 0 %, our script ({script:.2f}) is 100 %.", highlight=False
            )

    def on_update(self, progress: trainer.Progress) -> None:
        metrics = progress.metrics
        for name, value in metrics.items():
            kind, _, team = name.partition("/")
            if kind == "return":
                self._returns[team] = 0.9 * self._returns.get(team, value) + 0.1 * value
        kl = max((value for name, value in metrics.items() if name.endswith("approx_kl")), default=0.0)
        about = [f"{metrics['SPS'] / 1000:.0f}k SPS", f"KL {kl:.3f}"]
        if self._returns:
            several = len(self._returns) > 1
            # Of the team that learns, where only one does: there is no room for all and the level.
            shown = self._returns if self._anchors is None else {self._anchors.team: self._returns[self._anchors.team]}
            returns = [f"{team} {value:.2f}" if several else f"{value:.2f}" for team, value in shown.items()]
            about.append(f"return {' '.join(returns)}{self._level()}")
        assert self._task is not None
        self._bar.update(self._task, completed=self._done(progress), about="  ".join(about))

    def on_warning(self, source: str, name: str, text: str) -> None:
        self._bar.console.print(f"[yellow]warning, {name}[/yellow] ({source}): {text}")

    def on_notice(self, text: str) -> None:
        self._notices += 1
        if self._notices <= NOTICES:
            self._bar.console.print(f"[yellow]{self._config.world}[/yellow]: {text}", highlight=False)
        elif self._notices == NOTICES + 1:
            self._bar.console.print(f"{self._config.world} has more to tell like this; `faults` in metrics.jsonl counts on.")

    def on_checkpoint(self, path: Path) -> None:
        self._bar.refresh()

    def on_stop(self) -> None:
        self._bar.stop()

    def _done(self, progress: trainer.Progress) -> float:
        """Share of the budget that is used up: of steps or of minutes, whichever ends first."""
        of_steps = progress.update / self._config.num_updates
        if self._config.minutes is None:
            return of_steps
        return max(of_steps, min(1.0, (time.perf_counter() - self._began) / (60 * self._config.minutes)))

    def _level(self) -> str:
        if self._anchors is None:
            return ""
        team, random, script = self._anchors
        skill = normalized_skill(self._returns[team], random=random, reference=script)
        return "" if math.isnan(skill) else f" (skill {100 * skill:.0f} %)"


def _anchors(config: TrainConfig) -> Anchors | None:
    """Where one team learns, and the others stay as they are; None elsewhere."""
    if is_installed(config.world):  # no scripts there, and slow to make
        return None
    world = world_from(config, 50)
    teams = world.spec.teams
    learning = config.learn or teams
    if len(learning) != 1:
        return None
    place = teams.index(learning[0])
    means = []
    try:
        for name in ("random", "scripted"):
            player = find_player(name, world.spec)
            lineup = [player if t == place else find_player(config.others, world.spec) for t in range(len(teams))]
            means.append(float(evaluate(world, lineup, episodes=ANCHOR_EPISODES).returns[:, place].mean()))
    except MarlPPOError:
        return None
    return Anchors(learning[0], *means)
