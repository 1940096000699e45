"""A league at work, as the terminal shows it."""

import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from marl_ppo.cli.league_tables import draw_league, show_standings
from marl_ppo.kernel_cache import is_warm
from marl_ppo.leagues.league import LOCK, League
from marl_ppo.leagues.listener import LeagueListener, Report
from marl_ppo.leagues.recipe import Recipe
from marl_ppo.leagues.standings import read_standings, told
from marl_ppo.leagues.store import Store
from marl_ppo.training import trainer
from marl_ppo.training.run import alone, interruptible
from marl_ppo.training.start import BEGUN_ANEW

STANDINGS_EVERY = 60.0
"""seconds between two short standings"""
SHOWN = 8
"""rows of these"""


def begin(recipe: Recipe, folder: Path, *, minutes: float | None) -> None:
    """Run a new league."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / LOCK).touch()
    with alone(folder / LOCK), League.create(recipe, folder) as league:
        _drive(league, minutes)


def go_on(folder: Path, *, minutes: float | None) -> None:
    """Go on with a league."""
    (folder / LOCK).touch()
    with alone(folder / LOCK), League.resume(folder) as league:
        _drive(league, minutes)


class LeagueProgress(LeagueListener):
    """A bar, a line for each event, and the first rows of the standings now and then."""

    def __init__(self, minutes: float | None, console: Console) -> None:
        self._minutes, self._console = minutes, console
        self._bar = Progress(
            BarColumn(bar_width=12),
            TextColumn("{task.fields[about]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=console,
            refresh_per_second=4,
        )
        self._task: TaskID | None = None
        self._shown = 0.0
        self._promotions = self._games = 0

    def on_start(self, league: League) -> None:
        self._league, self._began = league, time.perf_counter()
        self._before = league.steps
        self._total = sum(one.train_config.total_steps for one in league.learners.values())
        learners = ", ".join(f"{name} ({one.config.matchmaker})" for name, one in league.learners.items())
        limit = "" if self._minutes is None else f" or {self._minutes:g} minutes"
        verb = (
            f"Going on with {league.folder} at turn {league.turn}"
            if league.turn
            else f"A league on {league.spec.id} in {league.folder}"
        )
        self._console.print(
            f"{verb}: {learners}; {self._total:,} steps in all{limit}. Ctrl-C ends it after the turn, saved.", highlight=False
        )
        for name, learner in [] if league.turn else league.learners.items():
            for policy in learner.untaught:
                lacking = BEGUN_ANEW.format(player=learner.train_config.start_from)
                self._console.print(f"[yellow]warning, start[/yellow] ({name}, {policy}): {lacking}", highlight=False)
        about = "first turn" if is_warm() else "compiling kernels, once for this version: half a minute"
        self._task = self._bar.add_task("league", total=1.0, about=about)
        self._bar.start()

    def on_update(self, learner: str, progress: trainer.Progress) -> None:
        assert self._task is not None
        self._bar.update(self._task, completed=self._done())

    def on_ladder(self, done: int, total: int) -> None:
        assert self._task is not None
        self._bar.update(self._task, about=f"turn {self._league.turn + 1}  ladder {done} of {total} games")

    def on_turn(self, report: Report) -> None:
        assert self._task is not None
        for event in report.events:
            if event.kind != "kept out":
                self._bar.console.print(f"turn {report.turn}: {told(event)}", highlight=False)
        self._promotions += sum(event.kind == "promoted" for event in report.events)
        self._games += report.games
        speed = (report.steps - self._before) / max(time.perf_counter() - self._began, 1e-9)
        shown = f"{speed / 1000:.0f}k" if speed >= 10_000 else f"{speed:.0f}"
        about = (
            f"turn {report.turn}  {report.members} members  {self._games:,} matches  {self._promotions} promoted  {shown} SPS"
        )
        self._bar.update(self._task, completed=self._done(), about=about)
        if time.perf_counter() - self._shown > STANDINGS_EVERY:
            self._shown = time.perf_counter()
            with Store.open(self._league.folder) as store:
                show_standings(read_standings(store), self._bar.console, most=SHOWN)
            if len(self._league.spec.teams) == 1:  # where others are beaten, the standings tell how often
                for name, progress in report.progress.items():
                    returns = [value for metric, value in progress.metrics.items() if metric.startswith("return/")]
                    self._bar.console.print(
                        f"{name} in training: return {' '.join(f'{value:.2f}' for value in returns) or 'n/a'}", highlight=False
                    )

    def on_stop(self) -> None:
        self._bar.stop()

    def _done(self) -> float:
        """Share of the budget that is used up: of steps or of minutes, whichever ends first."""
        of_steps = self._league.steps / self._total
        if self._minutes is None:
            return of_steps
        return max(of_steps, min(1.0, (time.perf_counter() - self._began) / (60 * self._minutes)))


def _drive(league: League, minutes: float | None) -> None:
    console = Console()
    with interruptible() as interrupted:
        league.run(minutes=minutes, listener=LeagueProgress(minutes, console), interrupted=interrupted)
        why = "The budget is used up" if league.finished else "Stopped by Ctrl-C" if interrupted() else "Time is up"
    folder = league.folder
    with Store.open(folder) as store:
        standings = read_standings(store)
        show_standings(standings, console)
        files = draw_league(store, standings, folder)
    written = ", ".join(map(str, files))
    console.print(f"{why}; all is saved. Wrote {written}.", highlight=False)
    top = f"{folder}:{standings.top}"
    next_steps = {} if league.finished else {"Go on with it": f"league run --resume {folder}"}
    if "scene" in league.spec.capabilities:
        next_steps["Watch its best"] = f"watch {top}"
    next_steps["Measure it"] = f"evaluate {top}"
    if not standings.partners:
        next_steps["Exploit it"] = f"league exploitability {folder}"
    for about, command in next_steps.items():
        console.print(f"{about + ':':<16}marl-ppo {command}", highlight=False)
