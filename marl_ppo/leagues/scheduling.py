"""Which members meet on the ladder next: those about whom least is known."""

from collections.abc import Callable

import numpy as np

from marl_ppo.leagues.ladder import Fixture
from marl_ppo.leagues.payoffs import Payoffs

GAMES = 8
"""of a fixture in a turn; even, so that both sides come up equally often"""


def choose_fixtures(payoffs: Payoffs, can_meet: Callable[[int, int], bool], games: int, together: bool) -> list[Fixture]:
    """About `games` games: pairs with the fewest so far first, among these the newest players first.

    `together`: players of one team also play with themselves, since that is what cross-play is compared to.
    """
    rows, columns = np.triu_indices(len(payoffs.names), 0 if together else 1)
    # Of equal counts, those of the newest player come first: what is known of it is asked for next.
    order = np.lexsort((-rows, -columns, payoffs.games[rows, columns]))
    fixtures: list[Fixture] = []
    for pair in order:
        if len(fixtures) * GAMES >= games:
            break
        i, j = int(rows[pair]), int(columns[pair])
        if can_meet(i, j) or can_meet(j, i):
            first, second = (i, j) if can_meet(i, j) else (j, i)
            fixtures.append(Fixture(payoffs.names[first], payoffs.names[second], GAMES, int(payoffs.games[i, j])))
    return fixtures
