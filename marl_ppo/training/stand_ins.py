"""Who plays where nobody was named: a bot of the world, else its script, else `random`."""

from collections.abc import Iterable

from marl_ppo.envs.world import WorldSpec
from marl_ppo.errors import ConfigError, MarlPPOError, UnknownNameError
from marl_ppo.play.seating import Player
from marl_ppo.training.cards import Card, read_card
from marl_ppo.training.players import find_player, find_trained
from marl_ppo.workspace import known_bots

FAIREST = "medium"
"""of bots of several levels"""


def stand_in(spec: WorldSpec, agents: Iterable[str]) -> Player:
    """Somebody that plays all of `agents`, sampling its actions. Raises ConfigError where not even `random` can."""
    wanted = set(agents)
    for bot in _bots_of(spec):
        try:
            player = find_player(bot, spec)
        except ConfigError:  # it was trained on other settings
            continue
        if wanted <= player.policies.keys():
            return player
    try:
        return find_player("scripted", spec)
    except (UnknownNameError, ConfigError):
        return find_player("random", spec)


def _bots_of(spec: WorldSpec) -> list[str]:
    """Names of the bots of this world, those of the fairest level first; what cannot be read is none."""
    cards: dict[str, Card] = {}
    for name in known_bots():
        try:
            cards[name] = read_card(find_trained(name))
        except MarlPPOError:
            continue
    own = [name for name, card in cards.items() if card.world["id"] == spec.id]
    return sorted(own, key=lambda name: cards[name].training.get("league", {}).get("level") != FAIREST)
