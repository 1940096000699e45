"""`marl-ppo worlds [WORLD]`: what there is to train on."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from marl_ppo import plugins
from marl_ppo.cli.arguments import split_words
from marl_ppo.envs.registry import is_installed, make_world, registered_worlds, world_settings
from marl_ppo.errors import ConfigError
from marl_ppo.training.config_file import preset


def main(arguments: list[str]) -> None:
    """List all worlds, or tell all about one."""
    words, settings, flags = split_words(arguments)
    if flags and set(flags) <= {"-h", "--help"}:
        print("usage: marl-ppo worlds [WORLD [name=value ...]]\n\nList the worlds, or show one with its agents and settings.")
        return
    if flags or len(words) > 1:
        raise ConfigError(f"worlds takes one world at most, got {' '.join(arguments)!r}; usage: marl-ppo worlds [WORLD]")
    console = Console()
    if settings and not words:
        raise ConfigError(f"name a world before its settings, got {' '.join(arguments)!r}; usage: marl-ppo worlds [WORLD]")
    if not words:
        _list(console)
        return
    foreign = is_installed(words[0])
    # As `train` would have it: of an installed env it is often told by the shipped settings who plays with whom.
    shipped = preset(words[0]).world_config if foreign else {}
    given_settings: dict[str, Any] = {**shipped, **settings}
    world = make_world(words[0], **given_settings)
    spec = world.spec
    no_limit = "steps as many as the env says" if foreign else "no step limit"
    limit = no_limit if spec.max_steps is None else f"at most {spec.max_steps} steps"
    console.print(f"[bold]{spec.id}[/bold] version {spec.version}, {limit}, teams {list(spec.teams)}")
    for group in spec.groups:
        obs = ", ".join(f"{leaf} {box.shape}" for leaf, box in group.obs.items())
        masked = ", some of them illegal at times" if group.masked else ""
        console.print(f"  {group.name}: {_few(group.agents)}; obs {obs}; action {group.action}{masked}")
    for name, metric in spec.metrics.items():
        better = "higher" if metric.higher_is_better else "lower"
        console.print(f"  metric {name}: {metric.description} ({metric.low:g} to {metric.high:g}, {better} is better)")
    for name, param in spec.params.items():
        console.print(f"  param {name}: {param.description} ({param.low:g} to {param.high:g}, {param.default:g})")
    if spec.params:
        console.print("  params are given at a reset: env.reset(options={'params': {...}}) or world.reset(seeds, params={...})")
    for text in world.take_notices():
        console.print(f"  {text}")
    if foreign:
        from marl_ppo.envs.pettingzoo.wrapping import WRAPPERS

        console.print(f"  settings: whatever the env takes, as name=value; now {given_settings or 'none'}", highlight=False)
        console.print(
            "  how it is read: --groups PATTERNS (who shares a policy), --teams PATTERNS (who wins together), "
            "--reward-weights 1,0.5 (of the parts of a vector reward)"
        )
        console.print(f"  --wrap, in any order: {', '.join(WRAPPERS)}; such as --wrap resize=42x42,grayscale,frame_stack=4")
        return
    given = ", ".join(f"{name}={parameter.default}" for name, parameter in world_settings(words[0]).items())
    console.print(f"  settings: {given or 'none'}")


def _few(agents: Sequence[str]) -> str:
    """Their ids, or the ends of a long list and how many there are."""
    return ", ".join(agents) if len(agents) <= 8 else f"{agents[0]}, {agents[1]} … {agents[-1]} ({len(agents)} agents)"


def _list(console: Console) -> None:
    """All worlds, those of plugins under where they come from, and what is wrong with plugins as far as it can be told."""
    known = registered_worlds()
    for source, worlds in groupby(known, lambda world: world.plugin and world.plugin.source):
        table = Table("world", "what it is about", box=None, pad_edge=False, show_header=source is None)
        for world in worlds:
            table.add_row(world.id, f"{escape(world.description)}{' [dim](probe)[/dim]' if world.probe else ''}")
        if source is not None:
            console.print(f"\nfrom {escape(source)}", highlight=False)
        console.print(table)
    holders = {world.id: world.plugin for world in known}
    for claim in plugins.claims(plugins.WORLDS):
        holder = holders[claim.name]
        if claim != holder:
            has_it = "a built-in world" if holder is None else f"that of {holder.source}"
            console.print(f"! {claim.name} of {escape(claim.source)} is hidden by {escape(has_it)}", highlight=False)
    for fault in plugins.unreadable().values():
        console.print(f"! {escape(fault)}", highlight=False)
    console.print(
        "\n`marl-ppo worlds WORLD` tells more; installed envs: pettingzoo:mpe2.simple_spread_v3, gymnasium:CartPole-v1"
    )
