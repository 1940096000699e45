"""Where content lies: the current folder is the workspace, and some content comes with marl_ppo itself.

A name is looked up in the workspace first, then in what is bundled: in a wheel the folder `bundled` of the package, in a
clone the folders at the repository's root.
"""

from pathlib import Path

FOLDERS = {
    "envs": "worlds of your own, a folder each: a plugin that runs in place, see `marl-ppo worlds`",
    "agents": "bots: trained policies with a card each, saved by `marl-ppo train WORLD --save-as NAME`",
    "leagues": "league recipes",
    "replays": "recorded matches",
    "runs": "trainings: settings, record, curve and checkpoints of each",
}
"""the folders of a workspace, and what each is for"""


def places(folder: str) -> list[Path]:
    """Where names of a kind ("agents", "envs") are looked up, first to last; the places need not exist."""
    mine, shipped = Path(folder), bundled(folder)
    return [mine] if shipped is None or shipped.resolve() == mine.resolve() else [mine, shipped]


def bundled(folder: str) -> Path | None:
    """The content of a kind that came with marl_ppo; None where there is none."""
    package = Path(__file__).parent
    if (package / "bundled").is_dir():
        found = package / "bundled" / folder
    elif (package.parent / "pyproject.toml").is_file() and (package.parent / "agents").is_dir():
        found = package.parent / folder
    else:
        return None
    return found if found.is_dir() else None


def known_bots() -> list[str]:
    """Names of the bots that can be played here: the workspace's, then the bundled ones."""
    cards = [card for place in places("agents") for card in sorted(place.glob("*/card.toml"))]
    return list(dict.fromkeys(card.parent.name for card in cards))
