"""A bot's card: what it plays, how it was trained, how well it plays, and the hash of its weights.

agents/NAME/
    card.toml                              everything below, for programs
    README.md                              the same, for people; made from the card
    config.toml                            the settings it was trained with, enough to repeat it
    meta.json                              the sha256 of each file of weights
    policies/POLICY/weights.safetensors
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tomli_w

from marl_ppo.errors import FileFormatError

CARD = "card.toml"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What there is to know of a bot, besides its weights."""

    name: str
    hash: str
    """`content_hash` of its folder"""
    world: Mapping[str, Any]
    """id, version, settings, and the package of a plugin's world"""
    plays: Mapping[str, Any]
    """teams, and for each group its agents, obs and action"""
    training: Mapping[str, Any]
    """command, seed, steps, seconds, date, versions of packages; of a league's player `league`: its rating there, and more"""
    results: Mapping[str, Any]
    """episodes, seed, against, and by team and player the mean return per agent with its 95 % interval"""


def content_hash(folder: Path) -> str:
    """Sha256 over the path and the sha256 of what plays: config.toml and each file of weights, in the order of the paths."""
    total = hashlib.sha256()
    for file in [folder / "config.toml", *sorted(folder.glob("policies/*/weights.safetensors"))]:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        total.update(f"{file.relative_to(folder).as_posix()} {digest}\n".encode())
    return total.hexdigest()


def write_card(card: Card, folder: Path) -> None:
    """Write card.toml, and README.md from it."""
    (folder / CARD).write_text(tomli_w.dumps({"format": FORMAT_VERSION, **asdict(card)}), encoding="utf-8")
    (folder / "README.md").write_text(_readme(card), encoding="utf-8")


def read_card(folder: Path) -> Card:
    """The card of a bot whose weights are what the card says. Raises FileFormatError naming the bot and the fault."""
    try:
        told = tomllib.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileFormatError(f"the card of the bot {folder} cannot be read: {error}") from error
    written = told.pop("format", None)
    if written != FORMAT_VERSION:
        raise FileFormatError(f"the card of the bot {folder} has format {written!r}; this version reads {FORMAT_VERSION}")
    try:
        card = Card(**told)
    except TypeError as error:
        raise FileFormatError(f"the card of the bot {folder} lacks an entry, or has one too many: {error}") from error
    try:
        found = content_hash(folder)
    except OSError as error:
        raise FileFormatError(f"the bot {folder} is not whole: {error}") from error
    if found != card.hash:
        raise FileFormatError(
            f"the bot {folder} is not the one its card is about: the card has the hash {card.hash}, its config and weights "
            f"{found}; get the bot again, or remove card.toml to play it all the same"
        )
    return card


def _readme(card: Card) -> str:
    world, training, results = card.world, card.training, card.results
    settings = "".join(f" {name}={value}" for name, value in world["settings"].items())
    teams = ", ".join(card.plays["teams"])
    lines = [
        f"# {card.name}",
        "",
        f"A bot for the world `{world['id']}{settings}` (version {world['version']}). It plays {teams}.",
        "",
        "```",
        f"marl-ppo watch {card.name}",
        f"marl-ppo evaluate {card.name}",
        "```",
        "",
        f"Mean return per agent in {results['episodes']:,} held-out episodes{_against(results)}, with its 95 % interval:",
        "",
        "| team | played by | return | 95 % interval |",
        "| --- | --- | ---: | ---: |",
    ]
    for team, players in results["teams"].items():
        for player, measured in players.items():
            low, high = measured["interval"]
            lines.append(f"| {team} | {_PLAYED_BY.get(player, player)} | {measured['mean']:.2f} | {low:.2f} … {high:.2f} |")
    if "league" in training:
        lines += ["", _rated(training["league"])]
    versions = ", ".join(f"{name} {version}" for name, version in training["versions"].items())
    lines += [
        "",
        f"Trained on {training['date']}: {training['steps']:,} world steps in {training['seconds']:.0f} s, seed "
        f"{training['seed']}, with {versions}:",
        "",
        "```",
        training["command"],
        "```",
    ]
    return "\n".join(lines) + "\n"


_PLAYED_BY = {
    "greedy": "this bot, greedy",
    "stochastic": "this bot, sampling",
    "random": "random play",
    "scripted": "our script",
}


def _rated(league: Mapping[str, Any]) -> str:
    """What a league says of its player."""
    (low, high), (elo_low, elo_high) = league["win_rate_interval"], league["elo_interval"]
    return (
        f"It is {league['player']} of the league {league['name']}, the {league['level']} one of its levels: after turn "
        f"{league['turn']}, among {league['members']} members, in {league['games']:,} games, it wins {league['win_rate']:.0%} "
        f"({low:.0%} … {high:.0%}) on average over those it met. Rating {league['rating']:.1f} (OpenSkill μ "
        f"{league['mu']:.1f}, σ {league['sigma']:.1f}), Elo {league['elo']:.0f} ({elo_low:.0f} … {elo_high:.0f}) where the "
        "league's mean is 1200."
    )


def _against(results: Mapping[str, Any]) -> str:
    return f" against {results['against']}" if "against" in results else ""
