"""How a table of Kuhn poker is drawn: two cards, the chips each player has put in, the moves so far."""

from marl_ppo.envs.scene import Box, Disc, Primitive, Scene, Text

_CARD_NAMES = ("J", "Q", "K")
_MOVE_NAMES = ("pass", "bet")


def draw_table(cards: list[int], moves: list[int], hidden: int = -1) -> Scene:
    """`cards` of both players (0 jack, 1 queen, 2 king) and the moves made (0 pass, 1 bet), player_0 first.

    The card of player `hidden` lies face down.
    """
    primitives: list[Primitive] = []
    for p, card in enumerate(cards):
        x = 1.0 if p == 0 else 3.0
        name = "?" if p == hidden else _CARD_NAMES[card]
        primitives.append(Box(key=f"card_{p}", x=x, y=1.5, width=0.8, height=1.2, team=p, label=name, filled=p != hidden))
        primitives.append(Text(key=f"name_{p}", x=x, y=2.5, text=f"player_{p}", height=0.2, team=p))
        chips = 1 + sum(moves[p::2])
        primitives.extend(Disc(key=f"chip_{p}_{i}", x=x - 0.15 + 0.3 * i, y=0.5, radius=0.12, team=p) for i in range(chips))
    said = " ".join(f"player_{i % 2} {_MOVE_NAMES[move]}" for i, move in enumerate(moves))
    return Scene(bounds=(0.0, 0.0, 4.0, 3.0), primitives=tuple(primitives), caption=said)
