"""`marl-ppo init DIR`: a folder to work in."""

from pathlib import Path

from marl_ppo.errors import ConfigError
from marl_ppo.workspace import FOLDERS, known_bots

_README = """# A marl_ppo workspace

Run `marl-ppo` here. Names of worlds, bots and runs are looked up in this folder first, then in what came with marl_ppo.

| folder | what |
| --- | --- |
{folders}

First commands:

```
marl-ppo worlds                                       # what there is to train on
marl-ppo train spread --minutes 2 --save-as first     # a run in runs/, a bot in agents/first
marl-ppo watch first
{bots}```
"""


def main(arguments: list[str]) -> None:
    """Make the folders that are missing, and a README.md that says what they are for."""
    if arguments and set(arguments) <= {"-h", "--help"}:
        print(
            "usage: marl-ppo init DIR\n\nMake a workspace: a folder with a place for worlds, bots, leagues, replays and runs."
        )
        return
    if len(arguments) != 1 or arguments[0].startswith("-"):
        raise ConfigError(f"init takes one folder, got {' '.join(arguments)!r}; usage: marl-ppo init DIR")
    folder = Path(arguments[0])
    if not _may_become_one(folder):
        raise ConfigError(f"{folder} is not empty and no workspace; name a new folder, such as `marl-ppo init my-agents`")
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    readme = folder / "README.md"
    if not readme.exists():
        rows = "\n".join(f"| `{name}` | {about} |" for name, about in FOLDERS.items())
        bots = "".join(f"marl-ppo watch {bot}\n" for bot in known_bots())
        readme.write_text(_README.format(folders=rows, bots=bots), encoding="utf-8")
    print(f"{folder} is a workspace: {', '.join(f'{name}/' for name in FOLDERS)} and README.md, which says what they are for.")
    print(f"Go on:  {'' if folder.resolve() == Path.cwd() else f'cd {folder} && '}marl-ppo train spread --minutes 2")


def _may_become_one(folder: Path) -> bool:
    """Whether it is one, or holds nothing else than what one may have."""
    if not folder.exists():
        return True
    if not folder.is_dir():
        return False
    visible = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    return visible <= {*FOLDERS, "README.md"} or set(FOLDERS) <= visible
