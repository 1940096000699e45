"""`marl-ppo replay info | verify | branch | export`: recorded matches as files."""

import importlib

from marl_ppo.errors import UnknownNameError

VERBS = {
    "info": "FILE...                 what is in it",
    "verify": "FILE...                 play it again, and tell whether it is what it says",
    "branch": "FILE --at STEP          play on from a moment, with other players",
    "export": "FILE --html|--gif|--mp4 for people who have nothing installed",
}

_USAGE = """usage: marl-ppo replay VERB FILE... [flags]   (marl-ppo replay VERB --help tells its flags)

{verbs}

Replays are recorded by train, league run, play, and by match and evaluate with --record. `marl-ppo watch FILE` shows one."""


def main(arguments: list[str]) -> None:
    """Find the verb's module and call it."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_USAGE.format(verbs="\n".join(f"  {verb:<7} {about}" for verb, about in VERBS.items())))
        return
    verb, *rest = arguments
    if verb not in VERBS:
        raise UnknownNameError.near("replay command", verb, VERBS, otherwise=f"There are {', '.join(VERBS)}.")
    importlib.import_module(f"marl_ppo.cli.replay_{verb}").main(rest)
