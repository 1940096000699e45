"""`marl-ppo export [PLAYER] [--onnx [FILE]]`: a player as ONNX files, for programs without marl_ppo."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from marl_ppo.cli.arguments import one_word, parse_flags, require_file, split_words
from marl_ppo.errors import ConfigError
from marl_ppo.leagues.folders import as_player, newest_player
from marl_ppo.training.onnx_export import Exported, export_player
from marl_ppo.training.players import find_trained, is_untrained

SUFFIX = ".onnx"


@dataclass(frozen=True)
class ExportFlags:
    """Write a player to ONNX, one file per policy: marl-ppo export [PLAYER] [--onnx [FILE]]; the newest run or league if
    PLAYER is left out.

    PLAYER is a run, a checkpoint, a bot, LEAGUE:NAME for a league's player, or a league for its top player.
    """

    onnx: Path | None = None
    """file to write, PLAYER.onnx if left out; where there are several policies, each is FILE-POLICY.onnx"""


def main(arguments: list[str]) -> None:
    """Write the files, and say what is in them and how they are used."""
    words, settings, flags = split_words(arguments)
    if settings:
        raise ConfigError(f"a player is exported for the world it was trained on, without settings; got {settings}")
    file = parse_flags(ExportFlags, _with_values(flags), "marl-ppo export PLAYER").onnx
    require_file(file)
    if file is not None and file.suffix != SUFFIX:
        raise ConfigError(f"--onnx must name a file that ends with {SUFFIX}, got {str(file)!r}; PLAYER comes before the flags")
    name = one_word(words)
    name = newest_player() if name is None else as_player(name)
    if is_untrained(name):
        raise ConfigError(f"{name!r} is a program and no network; name a bot, a run or a league's player")
    checkpoint = find_trained(name)
    console = Console(highlight=False, soft_wrap=True)
    exported = export_player(checkpoint, Path(f"{_stem(checkpoint)}{SUFFIX}") if file is None else file)
    for place, one in enumerate(exported):
        if place:
            console.print()
        _tell(one, console)
    _tell_use(exported, console)


def _with_values(flags: list[str]) -> list[str]:
    """The flags without an --onnx that has no value: it says what is done anyhow."""
    following = [*flags[1:], "--"]
    return [flag for flag, after in zip(flags, following, strict=False) if flag != "--onnx" or not after.startswith("-")]


def _stem(checkpoint: Path) -> str:
    """What a file is called: the bot, the run, or the league and its player."""
    if checkpoint.parent.name == "checkpoints":
        return checkpoint.parent.parent.name
    if checkpoint.parent.name == "players":
        return f"{checkpoint.parent.parent.name}-{checkpoint.name}"
    return checkpoint.resolve().name


def _tell(one: Exported, console: Console) -> None:
    console.print(
        f"Wrote {one.file} ({one.file.stat().st_size / 1000:,.0f} kB): policy {one.policy}, which plays "
        f"{', '.join(one.agents)}. Tried in onnxruntime: equal to torch within {one.difference:.0e}.",
        markup=False,
    )
    table = Table("", "name", "type", "shape", "what it is", box=None, pad_edge=False)
    for label, ports in (("in", one.inputs), ("out", one.outputs)):
        for place, port in enumerate(ports):
            shape = f"[{', '.join(['B', *map(str, port.shape)])}]"
            table.add_row("" if place else label, port.name, port.dtype, shape, port.about)
    console.print(table, markup=False)


def _tell_use(exported: list[Exported], console: Console) -> None:
    one = exported[0]
    action = [port.name for port in one.outputs].index("action")
    inputs = ", ".join(f'"{port.name}": ...' for port in one.inputs)
    console.print(
        "\nB is how many agents decide now, in this game or in many; rows do not influence one another.\n\n"
        "  import onnxruntime\n"
        f'  session = onnxruntime.InferenceSession("{one.file}")\n'
        f"  outputs = session.run(None, {{{inputs}}})\n"
        f"  actions = outputs[{action}]\n\n"
        "docs/onnx_player.py plays files like this in PettingZoo envs; docs/export.md tells all inputs and outputs.",
        markup=False,
    )
