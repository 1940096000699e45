"""Who is measured, beside whom, and against whom."""

from marl_ppo.envs.registry import is_installed
from marl_ppo.envs.world import WorldSpec
from marl_ppo.errors import ConfigError, UnknownNameError
from marl_ppo.play.seating import Player, playable_teams
from marl_ppo.training.players import find_player, is_untrained

COPIES, ENV_COPIES = 1000, 50
"""stepped together in an evaluation: of a world, and of an installed env, each of which costs memory and open files"""


def copies_for(world_id: str, episodes: int) -> int:
    """As many copies as suit a world, and no more than there are episodes."""
    return min(ENV_COPIES if is_installed(world_id) else COPIES, episodes)


def variants(name: str, spec: WorldSpec) -> list[tuple[str, Player]]:
    """A trained player in its two modes, then the anchors `random` and `scripted` where this world has them, by label."""
    if is_untrained(name):
        return [(name, find_player(name, spec, greedy=True))]
    found = [(mode, find_player(name, spec, greedy=mode == "greedy")) for mode in ("greedy", "stochastic")]
    for anchor in ("random", "scripted"):
        try:
            found.append((anchor, find_player(anchor, spec, greedy=True)))
        except (UnknownNameError, ConfigError):  # no script, or none for so many agents; no random play in an unbounded space
            continue
    return found


def measured_teams(spec: WorldSpec, player: Player, wanted: str | None) -> list[str]:
    """The teams to measure: the one asked for, or all that the player can play."""
    able = playable_teams(spec, player)
    if wanted is None:
        return able
    if wanted not in able:
        raise ConfigError(f"{player.name!r} cannot play the team {wanted!r} of {spec.id!r}; it plays {', '.join(able)}")
    return [wanted]


def opponent(wanted: str | None, spec: WorldSpec, name: str) -> Player:
    """Who plays the teams that are not measured: who is wanted, else the script, else the player itself, else `random`."""
    if wanted is not None:
        return find_player(wanted, spec)
    try:
        return find_player("scripted", spec)
    except (UnknownNameError, ConfigError):
        player = find_player(name, spec)
        return player if playable_teams(spec, player) == list(spec.teams) else find_player("random", spec)
