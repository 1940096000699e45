"""`marl-ppo VERB ...`: finds the verb's module and calls it. Nothing heavy is imported before a verb is chosen."""

import difflib
import importlib
import sys

VERBS = {
    "init": "make a workspace: a folder for worlds, bots and runs",
    "worlds": "list the worlds, or show one",
    "train": "train policies on a world, or go on with a run",
    "evaluate": "measure a player on held-out episodes",
    "match": "let players meet, with balanced sides; cross-play tables",
    "watch": "watch a player in a window, or as a gif",
    "play": "play a match with your own hands, with and against bots",
    "league": "train a population by self-play; standings, payoffs, exploitability",
    "replay": "check and export recorded matches, or play on from a moment of one",
    "run": "list, compare and plot runs",
    "export": "write a player to ONNX files, for programs without marl_ppo or torch",
    "doctor": "look for what is wrong with this installation",
}

_HELP = """Multi-agent PPO in games: train, measure and watch.

usage: marl-ppo VERB ...   (marl-ppo VERB --help tells its settings)

{verbs}

first steps:
  marl-ppo train spread --minutes 2
  marl-ppo watch"""


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the command line; exits with 2 on a mistake of the user's, whose message has no traceback."""
    try:
        _run(sys.argv[1:] if arguments is None else arguments)
    except BrokenPipeError:  # whoever read the output has seen enough
        sys.stderr.close()
        sys.exit(0)


def _run(arguments: list[str]) -> None:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_HELP.format(verbs="\n".join(f"  {verb:<10} {about}" for verb, about in VERBS.items())))
        return
    if arguments[0] == "--version":
        from importlib.metadata import version

        print(f"marl_ppo {version('marl_ppo')}")
        return
    verb, *rest = arguments
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(VERBS)}."
        _fail(f"No verb is called {verb!r}. {hint}")

    from marl_ppo.errors import MarlPPOError

    try:
        importlib.import_module(f"marl_ppo.cli.{verb}").main(rest)
    except MarlPPOError as error:
        _fail(str(error))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "marl_ppo":
            raise
        _fail(f"the package {error.name!r} is missing; `marl-ppo doctor` says what else is, and how to install it")
    except OSError as error:
        if error.filename is None:  # not about a file of the user's: a closed pipe, or a fault of ours
            raise
        _fail(f"{error.filename}: {error.strerror}")
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(message: str) -> None:
    print(f"marl-ppo: {message}", file=sys.stderr)
    sys.exit(2)
