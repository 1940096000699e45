"""What names mean: a player is `scripted`, `scripted:NAME`, `random`, a bot, a run, a checkpoint, LEAGUE:PLAYER, a folder, or
MANAGER+WORKER.

A run may be a group of seeds; a league is a folder among the runs that has its players in a folder of their own.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from gymnasium import spaces
from torch import Tensor

from marl_ppo.agents.hierarchy import HierarchicalActor
from marl_ppo.agents.policy import Policy
from marl_ppo.agents.scripted import scripted_policy, uniform_policy
from marl_ppo.envs.registry import is_installed, make_world, registered_worlds
from marl_ppo.envs.world import ObsLeaf, WorldSpec
from marl_ppo.errors import ConfigError, FileFormatError, UnknownNameError
from marl_ppo.play.bot import Bot
from marl_ppo.play.seating import Player
from marl_ppo.training.cards import CARD, read_card
from marl_ppo.training.checkpoint import Checkpoint, list_checkpoints, load_checkpoint, read_meta, write_folder
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.config_file import config_text, load_config, preset, save_config
from marl_ppo.training.policies import acting, critics, learning_agents, make_policies
from marl_ppo.training.setup import spec_of
from marl_ppo.workspace import known_bots, places

UNTRAINED = ("scripted", "random")
NAMED_SCRIPT = "scripted:"
"""what stands before the name of one of several scripts, such as scripted:easy"""
JOIN = "+"
"""what stands between two players in MANAGER+WORKER, which is the manager of the first one with the worker of the second"""
RUNS = Path("runs")
BOTS = Path("agents")
LEAGUE_FILE = "league.sqlite"
"""what a folder has that is a league"""
PLAYERS = "players"
"""the folder of a league that holds those who were kept"""
LEARNERS = "learners"
"""the folder of a league in which each learner has a folder of its own, like a run's"""


def load(name: str, world: str | None = None, *, greedy: bool = True, seed: int = 0, **settings: Any) -> Bot:
    """A player to drive a PettingZoo loop with: `bot = load("spread")`, `actions = bot.act(observations, infos)`.

    `world` is the one it was trained on if not given, with the settings it was trained with and `settings` over them.
    `greedy` takes the most probable action, else it is sampled, with noise that follows from `seed` (see `Bot.reset`).
    """
    world_id, config = played_world(name, world, settings)
    made = make_world(world_id, **config)
    made.close()
    player = find_player(name, made.spec, greedy=greedy)
    # Of an installed env, which speaks for itself; our own envs speak as a bot does.
    reading = getattr(made, "reading", None)
    if reading is None:
        return Bot(player, made.spec, seed=seed)
    return Bot(player, made.spec, seed=seed, read=reading.see, write=reading.act)


def played_world(player: str, world: str | None, settings: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """(id, settings) of the world a player is to play: the one it was trained on if `world` is None.

    The settings a player was trained with hold for its own world only, and `settings` go over them. Raises ConfigError for
    a player that no world is known of.
    """
    if is_untrained(player):
        if world is None:
            raise ConfigError(f"say which world {player!r} plays, with --world")
        # What is shipped for an installed env often says who plays with whom.
        return world, {**(preset(world).world_config if is_installed(world) else {}), **settings}
    config = trained_config(find_trained(player.split(JOIN, 1)[0] if _is_joined(player) else player))
    if world is not None and world != config.world:
        return world, dict(settings)
    return config.world, {**config.world_config, **settings}


def is_untrained(name: str) -> bool:
    """Whether a player is one that no training made: a script or `random`. Neither bots nor runs can be called so."""
    return name in UNTRAINED or (name.startswith(NAMED_SCRIPT) and name != NAMED_SCRIPT)


def find_player(name: str, spec: WorldSpec, *, greedy: bool = False) -> Player:
    """The player called `name`, for the world `spec`. Raises UnknownNameError with what there is."""
    if name == "random":
        return Player(name=name, policies={a: p for g in spec.groups for p in [uniform_policy(g)] for a in g.agents})
    if is_untrained(name):
        script = name.removeprefix("scripted").removeprefix(":")
        scripts = [(group, scripted_policy(spec.id, group, spec, script)) for group in spec.groups]
        return Player(name=name, policies={a: policy for group, policy in scripts for a in group.agents}, greedy=greedy)
    if _is_joined(name):
        return _joined(name, spec, greedy=greedy)
    return load_player(find_trained(name), spec, greedy=greedy)


def find_trained(name: str) -> Path:
    """The folder that a path, or the name of a bot, a run or a bundled bot means, in this order: a run's newest checkpoint.

    LEAGUE:PLAYER is a player that the league LEAGUE, a name or a path, has kept.
    """
    if (kept := _kept_by_a_league(name)) is not None:
        return kept
    workspace, *shipped = places(str(BOTS))
    for path in (Path(name), workspace / name, RUNS / name, *(place / name for place in shipped)):
        if (path / "meta.json").is_file():
            return path
        if found := list_checkpoints(path / "checkpoints"):
            return found[-1]
        if (path / "checkpoints").is_dir():
            raise UnknownNameError(f"The run {path} has saved no checkpoint yet; wait for its first one.")
        if seeds := sorted(path.glob("seed-*/checkpoints")):
            raise UnknownNameError(f"{path} is a group of runs, one per seed; name one of them, such as {seeds[0].parent}.")
        if (path / PLAYERS).is_dir():
            first = next(iter(_players_in(path / PLAYERS)), "NAME")
            raise UnknownNameError(f"{path} is a league; name one of its players, such as {name}:{first}.")
        if (path / "config.toml").is_file():
            raise UnknownNameError(f"The run {path} has only just begun; wait for its first checkpoint.")
    if JOIN in name:
        raise UnknownNameError(
            f"No single player is called {name!r}. MANAGER{JOIN}WORKER, two that were trained, can be evaluated, met, watched, "
            "played against and started from."
        )
    runs = [path.name for path in RUNS.iterdir() if path.is_dir()] if RUNS.is_dir() else []
    bots = f" Bots: {', '.join(known_bots())}." if known_bots() else ""
    raise UnknownNameError.near(
        "player",
        name,
        [*known_bots(), *runs, *UNTRAINED],
        otherwise=f"Use scripted, random, a run's or a bot's name, or a folder.{bots}",
    )


def find_levels(name: str) -> list[Path]:
    """What `find_trained` gives, or, of MANAGER+WORKER, the folders of both. Raises ConfigError where one was not trained."""
    parts = name.split(JOIN, 1) if _is_joined(name) else [name]
    if len(parts) > 1 and (untrained := next(filter(is_untrained, parts), None)):
        raise ConfigError(f"{name} cannot be joined: {untrained} has no manager and worker")
    return [find_trained(part) for part in parts]


def run_folders(name: str) -> list[Path]:
    """The folder of a run, or those of a group's seeds, by name or path. Raises UnknownNameError with the nearest name."""
    for path in (Path(name), RUNS / name):
        if (path / "config.toml").is_file():
            return [path]
        if seeds := sorted(file.parent for file in path.glob("seed-*/config.toml")):
            return seeds
        if learners := sorted(file.parent for file in path.glob(f"{LEARNERS}/*/config.toml")):
            raise UnknownNameError(
                f"{path} is a league; go on with it by `marl-ppo league run --resume {path}`. Each of its learners has a "
                f"record of its own, such as {learners[0]}."
            )
    known = [path.name for path in RUNS.iterdir()] if RUNS.is_dir() else []
    raise UnknownNameError.near("run", name, known, otherwise="`marl-ppo run list` lists what there is.")


def newest_run() -> Path:
    """The run trained last. Raises UnknownNameError when there is none."""
    saves = [*RUNS.glob("*/checkpoints"), *RUNS.glob("*/seed-*/checkpoints")]
    runs = [path.parent for path in saves if list_checkpoints(path)]
    if not runs:
        raise UnknownNameError(f"There is no trained run in {RUNS}/ yet. Train one: `marl-ppo train spread --minutes 2`.")
    return max(runs, key=lambda run: (list_checkpoints(run / "checkpoints")[-1] / "meta.json").stat().st_mtime)


def trained_config(checkpoint: Path) -> TrainConfig:
    """The config a checkpoint was trained with: in its own folder for a bot, in its run's for a run.

    Raises UnknownNameError where its world is not here, with what to install.
    """
    for folder in (checkpoint, checkpoint.parent.parent):
        if (folder / "config.toml").is_file():
            config = load_config(folder / "config.toml")
            require_world(config.world, checkpoint)
            return config
    raise FileFormatError(f"{checkpoint} has no config.toml beside it, which says what its networks look like")


def require_world(world: str, checkpoint: Path) -> None:
    """Raise UnknownNameError, with what to install, unless the world of a checkpoint is here."""
    if is_installed(world) or world in {known.id for known in registered_worlds()}:
        return
    package = read_meta(checkpoint)["counters"].get("package")
    install = f"install {package}" if package else "install the plugin it is in"
    raise UnknownNameError(
        f"{checkpoint} was trained on the world {world!r}, which is not here: {install}, or put the plugin's folder into envs/"
    )


def load_player(checkpoint: Path, spec: WorldSpec, *, greedy: bool) -> Player:
    """The policies of a checkpoint, as far as they play `spec`: any world whose agents look alike to them.

    Raises ConfigError where an agent they learned to play has another name, obs or action in `spec`, and FileFormatError
    where the weights are not of the networks that the config describes.
    """
    if (checkpoint / CARD).is_file():
        read_card(checkpoint)  # refuses weights that are not the card's
    config = trained_config(checkpoint)
    trained_spec = spec_of(config)
    agents = learning_agents(trained_spec, config)
    met, meets = agents_of(trained_spec), agents_of(spec)
    for agent in agents:
        if met[agent] != meets.get(agent):
            raise ConfigError(
                f"{checkpoint} cannot play {spec.id!r} {dict(spec.config)}: it was trained on {config.world!r} "
                f"{dict(config.world_config)}, where {agent} has {met[agent]}; here it has {meets.get(agent, 'no place')}"
            )
    policies = make_policies(trained_spec, replace(config, device="cpu"))
    # What a critic saw in another world, that of more players say, is not what there is here.
    same = (trained_spec.id, trained_spec.config) == (spec.id, spec.config)
    valued = set()
    for name, policy in policies.items():
        path = f"policies/{name}/weights.safetensors"
        files = load_checkpoint(checkpoint, only=path).files
        if path not in files:
            raise FileFormatError(f"{checkpoint} has no weights of policy {name!r}")
        weights = {key.removeprefix("actor."): value for key, value in files[path].items() if key.startswith("actor.")}
        own = policy.actor.state_dict()
        if other := {key for key in own.keys() | weights.keys() if _shape(own, key) != _shape(weights, key)}:
            raise FileFormatError(
                f"the weights of {name!r} in {checkpoint} are not of the networks that its config.toml describes: they differ "
                f"in {', '.join(sorted(other))}. Was it changed? One from before network.normalize_obs needs it to be 'never'"
            )
        policy.actor.load_state_dict(weights)
        learned = {key.removeprefix("critic."): value for key, value in files[path].items() if key.startswith("critic.")}
        shapes = policy.critic.state_dict()
        if learned.keys() == shapes.keys() and all(_shape(shapes, key) == _shape(learned, key) for key in learned):
            policy.critic.load_state_dict(learned)
            valued.add(policy.critic)
    values = critics(trained_spec, config, policies)
    name = checkpoint.name
    if checkpoint.parent.name == "checkpoints":
        name = checkpoint.parent.parent.name
    elif checkpoint.parent.name == PLAYERS:
        name = f"{checkpoint.parent.parent.name}:{name}"
    return Player(
        name=name,
        policies=acting(trained_spec, config, {p: policy.actor for p, policy in policies.items()}),
        greedy=greedy,
        critics={agent: critic for agent, critic in values.items() if same and critic in valued},
        hash=weights_hash(checkpoint),
    )


def weights_hash(checkpoint: Path) -> str:
    """Sha256 over the path and the sha256 of each file of weights that plays, in the order of the paths."""
    digests = read_meta(checkpoint)["sha256"]
    told = "".join(f"{path} {digests[path]}\n" for path in sorted(digests) if path.endswith("/weights.safetensors"))
    return hashlib.sha256(told.encode()).hexdigest()


def freeze_player(checkpoint: Checkpoint, config: TrainConfig, folder: Path) -> Path:
    """Write what it takes to play as `checkpoint` does: config and weights, in a folder that `load_player` reads."""
    weights = {path: tensors for path, tensors in checkpoint.files.items() if path.endswith("/weights.safetensors")}
    return write_folder(folder, replace(checkpoint, files=weights), {"config.toml": config_text(config)})


def copy_player(checkpoint: Path, folder: Path) -> None:
    """Copy what it takes to play: config, weights, and a meta.json that has their sha256."""
    weights = [file.relative_to(checkpoint).as_posix() for file in checkpoint.glob("policies/*/weights.safetensors")]
    for path in weights:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(checkpoint / path, folder / path)
    meta = read_meta(checkpoint)
    meta["sha256"] = {path: digest for path, digest in meta["sha256"].items() if path in weights}
    (folder / "meta.json").write_text(json.dumps(meta, indent=2))
    save_config(trained_config(checkpoint), folder / "config.toml")


def _is_joined(name: str) -> bool:
    """Whether it is MANAGER+WORKER, rather than a player that is called so."""
    if JOIN not in name:
        return False
    try:
        find_trained(name)
    except UnknownNameError:
        return True
    return False


def _joined(name: str, spec: WorldSpec, *, greedy: bool) -> Player:
    """The manager of one hierarchical player with the worker of another. Raises ConfigError where they do not go together."""
    folders = find_levels(name)
    kinds = []
    for folder in folders:
        config = trained_config(folder)
        if config.policy != "hierarchical":
            raise ConfigError(f"{folder} has no manager and worker: it was trained with --policy flat")
        kinds.append((config.hierarchy.subgoals, config.hierarchy.subgoal_steps))
    if kinds[0] != kinds[1]:
        raise ConfigError(f"{name} cannot be joined: subgoals and their steps are {kinds[0]} here and {kinds[1]} there")
    managing, working = (load_player(folder, spec, greedy=greedy) for folder in folders)
    whole: dict[tuple[int, int], HierarchicalActor] = {}
    policies: dict[str, Policy] = {}
    for agent, manager in managing.policies.items():
        worker = working.policies.get(agent)
        if isinstance(manager, HierarchicalActor) and isinstance(worker, HierarchicalActor):
            # What may be set, and by what, is the manager's matter; whether it is listened to is the worker's.
            joined = HierarchicalActor(manager.manager, worker.worker, **{**manager.terms, "tells": worker.tells})
            policies[agent] = whole.setdefault((id(manager), id(worker)), joined)
    digest = hashlib.sha256(f"{managing.hash} {working.hash}".encode()).hexdigest()
    return Player(name=name, policies=policies, greedy=greedy, critics=managing.critics, hash=digest)


def _kept_by_a_league(name: str) -> Path | None:
    league, separator, player = name.rpartition(":")
    if not separator:
        return None
    for folder in (Path(league) / PLAYERS, RUNS / league / PLAYERS):
        if (folder / player / "meta.json").is_file():
            return folder / player
        if folder.is_dir():
            kept = _players_in(folder)
            raise UnknownNameError.near(
                f"player of the league {league}", player, kept, otherwise=f"It has kept {', '.join(kept) or 'nobody yet'}."
            )
    return None


def _players_in(folder: Path) -> list[str]:
    """Those that are whole."""
    return sorted(file.parent.name for file in folder.glob("[!.]*/meta.json"))


def agents_of(spec: WorldSpec) -> dict[str, str]:
    """What an actor meets as each agent, in words: what it sees, what it does, and its number in its team."""
    return {
        agent: f"obs {[(leaf, _look(space)) for leaf, space in group.obs.items()]}, action {group.action}"
        f"{' with masks' if group.masked else ''}, agent_index {index}"
        for group in spec.groups
        for agent, index in zip(group.agents, group.agent_index, strict=True)
    }


def _look(space: ObsLeaf) -> str:
    """What has to be equal about a leaf: the shape and kind of numbers; of tokens which ones there are."""
    return str(space) if isinstance(space, spaces.MultiDiscrete) else f"{space.shape} {space.dtype}"


def _shape(weights: Mapping[str, Tensor], key: str) -> torch.Size | None:
    return weights[key].shape if key in weights else None
