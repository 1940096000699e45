"""How a table of Leduc poker is drawn: both cards, the public card between them, chips, the moves so far."""

from marl_ppo.envs.scene import Box, Disc, Primitive, Scene, Text

_CARD_NAMES = ("J1", "J2", "Q1", "Q2", "K1", "K2")
_MOVE_NAMES = ("fold", "call", "raise")


def draw_table(cards: list[int], paid: list[int], moves: list[list[int]], hidden: int = -1) -> Scene:
    """`cards` of both players and, once dealt, the public one; chips put in; the moves of each round, player_0 first.

    The card of player `hidden` lies face down.
    """
    primitives: list[Primitive] = []
    for i, card in enumerate(cards):
        team = i if i < 2 else -1
        x = (1.0, 5.0, 3.0)[i]
        words = "?" if i == hidden else _CARD_NAMES[card]
        primitives.append(Box(key=f"card_{i}", x=x, y=2.4, width=0.8, height=1.2, team=team, label=words, filled=i != hidden))
        name = f"player_{i}" if i < 2 else "public"
        primitives.append(Text(key=f"name_{i}", x=x, y=3.3, text=name, height=0.2, team=team))
    for p in range(2):
        primitives.extend(
            Disc(key=f"chip_{p}_{i}", x=(0.55, 4.55)[p] + 0.3 * (i % 4), y=1.4 - 0.3 * (i // 4), radius=0.12, team=p)
            for i in range(paid[p])
        )
    for r, played in enumerate(moves):
        if played:
            said = "  ".join(_MOVE_NAMES[move] for move in played)
            primitives.append(Text(key=f"round_{r}", x=3.0, y=1.3 - 0.4 * r, text=said, height=0.16))
    return Scene(bounds=(0.0, 0.0, 6.0, 3.6), primitives=tuple(primitives), caption=_last(moves))


def _last(moves: list[list[int]]) -> str:
    played = moves[1] or moves[0]
    return f"player_{(len(played) - 1) % 2} {_MOVE_NAMES[played[-1]]}s" if played else "the cards are dealt"
