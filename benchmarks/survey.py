"""Which installed PettingZoo envs can be trained on: two updates, save, resume, evaluate, for every env there is.

    python benchmarks/survey.py [--only PATTERN ...] [--timeout 300] [--out docs/survey.md]

Each env is played in a fresh process, which is stopped after `--timeout` seconds. The run is interrupted by Ctrl-C after its
first update, which saves it, and resumed for its second; then two held-out episodes are played. PATTERN is a glob of ids,
such as "pettingzoo:mpe2.*". Writes the table to `--out` and its rows, as they are found, to the terminal.
"""

import argparse
import fnmatch
import importlib
import importlib.metadata
import importlib.util
import json
import pkgutil
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces

from marl_ppo import make_world
from marl_ppo.envs.world import Group, World, WorldSpec
from marl_ppo.errors import ConfigError
from marl_ppo.evaluation.evaluate import evaluate
from marl_ppo.training.config_file import preset
from marl_ppo.training.players import find_trained, load_player
from marl_ppo.training.run import RunListener, resume, train
from marl_ppo.training.trainer import Progress

FAMILIES = ("pettingzoo.atari", "pettingzoo.butterfly", "pettingzoo.classic", "pettingzoo.sisl", "mpe2", "magent2.environments")
DISTRIBUTIONS = ("marl_ppo", "pettingzoo", "mpe2", "magent2", "supersuit", "gymnasium", "numpy", "torch")
STAGES = ("update", "save", "resume", "evaluate")
NUM_ENVS, NUM_STEPS, EPISODES = 2, 16, 2
MAX_CYCLES = 50
"""steps of an episode, where an env takes this limit: some last for thousands of steps"""
LARGE = 50_000
"""numbers in one leaf of obs from which on it is made small"""
MAKE_SMALL = "resize,grayscale,frame_stack=4"
TABLE_HEAD = "| env | form | agents | sees → does | update ×2 | save | resume | evaluate | note |"


@dataclass
class Row:
    """What is known of one env; a stage is True when it is done, and False when it failed."""

    env: str
    form: str = "–"
    agents: int | None = None
    spaces: str = ""
    done: dict[str, bool] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_whole(self) -> bool:
        return all(self.done.get(stage) for stage in STAGES)

    def markdown(self) -> str:
        """The line of the table."""
        marks = [{True: "✓", False: "✗", None: ""}[self.done.get(stage)] for stage in STAGES]
        if marks[0] == "✓" and self.done.get("resume") is False:
            marks[0] = "1 of 2"
        agents = "" if self.agents is None else str(self.agents)
        name = self.env.removeprefix("pettingzoo:")
        cells = [f"`{name}`", self.form, agents, self.spaces, *marks, "; ".join(map(_plain, self.notes))]
        return f"| {' | '.join(cells)} |"


# --- one env, in a process of its own ---------------------------------------------------------------------------------


class Report:
    """Tells the process that waits for it what was found so far: a line of JSON each."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def tell(self, **found: Any) -> None:
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(found) + "\n")

    def read(self, row: Row) -> None:
        """Add all that was told to `row`."""
        for line in self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else ():
            found = json.loads(line)
            row.done |= found.pop("done", {})
            row.notes += [note for note in found.pop("notes", []) if note not in row.notes]
            for name, value in found.items():
                setattr(row, name, value)


class StopAfterOne(RunListener):
    """Presses Ctrl-C after the first update."""

    def on_update(self, progress: Progress) -> None:
        if progress.update == 1:
            signal.raise_signal(signal.SIGINT)


def play_one(env: str, report: Report) -> None:
    """All stages of one env; stops at the first that fails."""
    stage = "update"
    warnings.simplefilter("ignore")
    try:
        module = importlib.import_module(env.removeprefix("pettingzoo:"))
        report.tell(form="Parallel" if hasattr(module, "parallel_env") else "AEC")
        config = preset(env)
        spec, settings = _spec_and_settings(env, config.world_config)
        shown = [f"{name}={value}" for name, value in settings.items()]
        report.tell(agents=len(spec.agents), spaces="; ".join(map(_in_short, spec.groups)), notes=shown)
        config = replace(
            config,
            world_config=settings,
            learn=(),
            num_envs=NUM_ENVS,
            num_steps=NUM_STEPS,
            total_steps=2 * NUM_ENVS * NUM_STEPS,
            ppo=replace(config.ppo, update_epochs=1, num_minibatches=2),
        )
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            train(config, run, StopAfterOne())
            report.tell(done={"update": True})
            stage = "save"
            find_trained(str(run))
            report.tell(done={"save": True})
            stage = "resume"
            result = resume(run)
            report.tell(done={"resume": result.progress.update == 2})
            if result.faults:
                report.tell(notes=[f"{result.faults} episodes broke in training"])
            stage = "evaluate"
            world = make_world(env, num_envs=EPISODES, **config.world_config)
            player = load_player(find_trained(str(run)), world.spec, greedy=False)
            evaluation = evaluate(world, [player] * len(world.spec.teams), episodes=EPISODES)
            report.tell(done={"evaluate": True}, notes=_notices(world))
            if evaluation.faulted:
                report.tell(notes=[f"{evaluation.faulted} of {EPISODES} held-out episodes broke"])
            world.close()
    except Exception as error:  # whatever somebody else's env may raise is what the table is about
        report.tell(done={stage: False}, notes=[_reason(error)])


def _spec_and_settings(env: str, shipped: Mapping[str, Any]) -> tuple[WorldSpec, dict[str, Any]]:
    """What the env is as a world, with short episodes where it takes a limit, and small pictures where it shows large ones."""
    settings: dict[str, Any] = {**shipped, "max_cycles": MAX_CYCLES}
    try:
        world = make_world(env, **settings)
    except ConfigError:  # it takes no limit, or cannot be made at all
        settings = dict(shipped)
        world = make_world(env, **settings)
    world.close()
    if any(np.prod(leaf.shape) > LARGE for group in world.spec.groups for leaf in group.obs.values()):
        settings["wrap"] = MAKE_SMALL
        world = make_world(env, **settings)
        world.close()
    return world.spec, settings


def _notices(world: World) -> list[str]:
    """What the world had to tell, but for the words that are the same every time."""
    return [text.removesuffix("; said once, and gone on with") for text in world.take_notices()]


def _in_short(group: Group) -> str:
    """Such as `3: 8 → 5 choices*`."""
    leaves = []
    for leaf in group.obs.values():
        shape = "×".join(map(str, leaf.shape))
        kind = " tokens" if isinstance(leaf, spaces.MultiDiscrete) else " bytes" if leaf.dtype == np.uint8 else ""
        leaves.append(shape + kind)
    if isinstance(group.action, spaces.Discrete):
        action = f"{group.action.n} choices"
    elif isinstance(group.action, spaces.MultiDiscrete):
        action = "×".join(map(str, group.action.nvec.tolist())) + " choices"
    else:
        action = f"{group.action.shape[0]} numbers"
    return f"{len(group.agents)}: {' + '.join(leaves)} → {action}{'*' if group.masked else ''}"


def _reason(error: BaseException) -> str:
    """The error that began it, in its own words: those around it say the same once more."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


# --- all envs ---------------------------------------------------------------------------------------------------------


def installed_envs() -> Iterator[str]:
    """The ids of all envs of FAMILIES: modules whose names end in a version."""
    for family in FAMILIES:
        try:
            found = importlib.util.find_spec(family)
        except ModuleNotFoundError:
            found = None
        if found is None or found.submodule_search_locations is None:
            print(f"{family} is not installed")
            continue
        for module in sorted(pkgutil.iter_modules(found.submodule_search_locations), key=lambda module: module.name):
            if re.search(r"_v\d+$", module.name):
                yield f"pettingzoo:{family}.{module.name}"


def survey(env: str, timeout_s: float) -> Row:
    """Let a fresh process play one env, and wait for it."""
    row, began = Row(env), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Report(Path(folder) / "report.jsonl")
        command = [sys.executable, __file__, "--one", env, "--report", str(Path(folder) / "report.jsonl")]
        try:
            ended = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False)
            died = f"the process ended with {ended.returncode}: {' '.join(ended.stderr.split())[-200:]}" * bool(
                ended.returncode
            )
        except subprocess.TimeoutExpired:
            died = f"not done after {timeout_s:g} s"
        report.read(row)
    if died:
        row.done[next(stage for stage in STAGES if stage not in row.done)] = False
        row.notes.append(died)
    row.seconds = time.monotonic() - began
    return row


def page(rows: Sequence[Row], command: str) -> str:
    """The table as Markdown."""
    whole = sum(row.is_whole for row in rows)
    reasons = Counter(row.notes[-1] for row in rows if not row.is_whole)
    lines = [
        "# Survey: which PettingZoo envs can be trained on",
        "",
        f"`{command}` wrote this page, with {_versions()}.",
        "",
        f"**{whole} of {len(rows)} envs pass all of it:** two updates from the shipped settings, but with {NUM_ENVS} copies of",
        f"{NUM_STEPS} steps and all teams learning, interrupted and saved after the first update, resumed for the second; then",
        f"{EPISODES} held-out episodes of the policy, sampling its actions.",
        "",
        "*Sees → does*, for each group of agents with equal spaces: how many there are, the shapes of what they see, and how",
        "many choices they have, with a star where masks tell which are legal, or how many continuous numbers. The *note* has",
        f"the settings (`max_cycles={MAX_CYCLES}` keeps episodes short where an env takes it, and `wrap={MAKE_SMALL}`",
        f"makes pictures of more than {LARGE:,} numbers small), what the world had to tell, and why it failed where it did.",
        "",
        TABLE_HEAD,
        re.sub(r"[^|]+", " --- ", TABLE_HEAD),
        *(row.markdown() for row in rows),
        "",
    ]
    if reasons:
        lines += ["Why envs failed:", "", *(f"- {count} × {_plain(reason)}" for reason, count in _alike(reasons).items()), ""]
    return "\n".join(lines)


def _alike(reasons: Mapping[str, int]) -> dict[str, int]:
    """Reasons that differ in a name alone, such as that of a missing ROM, counted together."""
    found: Counter[str] = Counter()
    for reason, count in reasons.items():
        found[re.sub(r"\b(OSError: rom|No module named) '?\w+'?", r"\1 …", reason)] += count
    return dict(found.most_common())


def _versions() -> str:
    found = [f"Python {platform.python_version()}"]
    for name in DISTRIBUTIONS:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found)


def _plain(text: str) -> str:
    """Text that fits a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=["*"], metavar="PATTERN")
    parser.add_argument("--timeout", type=float, default=300.0)
    parser.add_argument("--out", type=Path, default=Path("docs/survey.md"))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.one:
        play_one(flags.one, Report(flags.report))
        return
    rows = []
    envs = [env for env in installed_envs() if any(fnmatch.fnmatch(env, pattern) for pattern in flags.only)]
    for number, env in enumerate(envs, start=1):
        rows.append(survey(env, flags.timeout))
        print(f"{number}/{len(envs)} {rows[-1].seconds:4.0f} s {rows[-1].markdown()}", flush=True)
    only = "" if flags.only == ["*"] else f" --only {' '.join(flags.only)}"
    flags.out.parent.mkdir(parents=True, exist_ok=True)
    flags.out.write_text(page(rows, f"python benchmarks/survey.py{only}"), encoding="utf-8")
    print(f"Wrote {flags.out}: {sum(row.is_whole for row in rows)} of {len(rows)} envs pass all of it.")


if __name__ == "__main__":
    main()
