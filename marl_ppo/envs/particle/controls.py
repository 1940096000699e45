"""How a person plays an agent of a particle world: arrows push it where they point; a word is said until another one is."""

from string import ascii_lowercase, ascii_uppercase

from gymnasium import spaces

from marl_ppo.envs.controls import ARROWS, STEERING, Action, Keys, Mask, Steering
from marl_ppo.envs.particle.actions import NUM_MOVES
from marl_ppo.envs.world import ActionSpace

RATE = 5.0
"""half of what the dynamics take for a second: an episode of 25 steps would be over too soon"""
_MOVES = ("", "left", "right", "down", "up")
_NAMES = [ARROWS[way] for way in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))]


def steering(space: ActionSpace, *, moves: bool, num_words: int) -> Steering:
    """For an agent that moves, or speaks `num_words` words, or both; `num_words` is 0 for one that does not speak."""
    # Words are called by letters, as landmarks are. For who moves, some of these are arrows already.
    keys_of_words = ("1234567890" if moves else ascii_lowercase)[:num_words]

    def act(keys: Keys, mask: Mask) -> Action:
        said = keys.latest(keys_of_words) or 0
        if isinstance(space, spaces.Box):
            pushes = [float(bool(move) and keys.down(move)) for move in _MOVES] if moves else []
            return (*pushes, *(float(word == said) for word in range(num_words)))
        if not moves:
            return said
        move = _MOVES.index(keys.way())
        return (move, said) if isinstance(space, spaces.MultiDiscrete) else move + NUM_MOVES * said

    legend, ways = ([(STEERING, "push")], _NAMES) if moves else ([], [])
    words = list(ascii_uppercase[:num_words])
    if words:
        legend.append((f"{keys_of_words[0].upper()} … {keys_of_words[-1].upper()}", f"say A … {words[-1]}"))
    names = [*ways, *words]
    if isinstance(space, spaces.Box):
        names = []
    elif isinstance(space, spaces.Discrete) and moves and words:
        names = [f"{way} {word}" for word in words for way in ways]
    return Steering(legend=tuple(legend), act=act, names=tuple(names), rate=RATE)
