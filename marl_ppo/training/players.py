"""What names mean: a player is `scripted`, `random`, a run, a checkpoint or a bot's folder; a run may be a group of seeds."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from gymnasium import spaces
from torch import Tensor

from marl_ppo.agents.scripted import scripted_policy, uniform_policy
from marl_ppo.envs.world import ObsLeaf, WorldSpec
from marl_ppo.errors import ConfigError, FileFormatError, UnknownNameError
from marl_ppo.play.seating import Player
from marl_ppo.training.checkpoint import list_checkpoints, load_checkpoint
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.config_file import load_config, save_config
from marl_ppo.training.setup import learning_agents, make_policies, spec_of

UNTRAINED = ("scripted", "random")
RUNS = Path("runs")
BOTS = Path("agents")


def find_player(name: str, spec: WorldSpec, *, greedy: bool = False) -> Player:
    """The player called `name`, for the world `spec`. Raises UnknownNameError with what there is."""
    if name == "random":
        return Player(name=name, policies={a: p for g in spec.groups for p in [uniform_policy(g)] for a in g.agents})
    if name == "scripted":
        scripts = [(group, scripted_policy(spec.id, group, spec)) for group in spec.groups]
        return Player(name=name, policies={a: policy for group, policy in scripts for a in group.agents}, greedy=greedy)
    return load_player(find_trained(name), spec, greedy=greedy)


def find_trained(name: str) -> Path:
    """The checkpoint folder that a run's name, a bot's name or a path means: a run's newest one."""
    for path in (Path(name), RUNS / name, BOTS / name):
        if (path / "meta.json").is_file():
            return path
        if found := list_checkpoints(path / "checkpoints"):
            return found[-1]
        if (path / "checkpoints").is_dir():
            raise UnknownNameError(f"The run {path} has saved no checkpoint yet; wait for its first one.")
        if seeds := sorted(path.glob("seed-*/checkpoints")):
            raise UnknownNameError(f"{path} is a group of runs, one per seed; name one of them, such as {seeds[0].parent}.")
    known = [path.name for folder in (RUNS, BOTS) if folder.is_dir() for path in folder.iterdir() if path.is_dir()]
    raise UnknownNameError.near(
        "player", name, [*known, *UNTRAINED], otherwise="Use scripted, random, a run's name or a folder."
    )


def run_folders(name: str) -> list[Path]:
    """The folder of a run, or those of a group's seeds, by name or path. Raises UnknownNameError with the nearest name."""
    for path in (Path(name), RUNS / name):
        if (path / "config.toml").is_file():
            return [path]
        if seeds := sorted(file.parent for file in path.glob("seed-*/config.toml")):
            return seeds
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
    """The config a checkpoint was trained with: in its own folder for a bot, in its run's for a run."""
    for folder in (checkpoint, checkpoint.parent.parent):
        if (folder / "config.toml").is_file():
            return load_config(folder / "config.toml")
    raise FileFormatError(f"{checkpoint} has no config.toml beside it, which says what its networks look like")


def load_player(checkpoint: Path, spec: WorldSpec, *, greedy: bool) -> Player:
    """The policies of a checkpoint, as far as they play `spec`: any world whose agents look alike to them.

    Raises ConfigError where an agent they learned to play has another name, obs or action in `spec`, and FileFormatError
    where the weights are not of the networks that the config describes.
    """
    config = trained_config(checkpoint)
    trained_spec = spec_of(config)
    agents = learning_agents(trained_spec, config)
    met, meets = _agents_of(trained_spec), _agents_of(spec)
    for agent in agents:
        if met[agent] != meets.get(agent):
            raise ConfigError(
                f"{checkpoint} cannot play {spec.id!r} {dict(spec.config)}: it was trained on {config.world!r} "
                f"{dict(config.world_config)}, where {agent} has {met[agent]}; here it has {meets.get(agent, 'no place')}"
            )
    policies = make_policies(trained_spec, replace(config, device="cpu"))
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
    name = checkpoint.parent.parent.name if checkpoint.parent.name == "checkpoints" else checkpoint.name
    return Player(name=name, policies={agent: policies[p].actor for agent, p in agents.items()}, greedy=greedy)


def copy_player(checkpoint: Path, folder: Path) -> None:
    """Copy what it takes to play: config, weights, and the meta.json that has their sha256."""
    for file in (checkpoint / "meta.json", *checkpoint.glob("policies/*/weights.safetensors")):
        copy = folder / file.relative_to(checkpoint)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    save_config(trained_config(checkpoint), folder / "config.toml")


def _agents_of(spec: WorldSpec) -> dict[str, str]:
    """What an actor meets as each agent, in words: what it sees, what it does, and its number in its team."""
    return {
        agent: f"obs {[(leaf, _look(space)) for leaf, space in group.obs.items()]}, action {group.action}"
        f"{' with masks' if group.masked else ''}, agent_index {index}"
        for group in spec.groups
        for agent, index in zip(group.agents, group.agent_index, strict=True)
    }


def _look(space: ObsLeaf) -> tuple[int, ...] | str:
    """What has to be equal about a leaf: the shape of numbers; of tokens also which ones there are."""
    return str(space) if isinstance(space, spaces.MultiDiscrete) else space.shape


def _shape(weights: Mapping[str, Tensor], key: str) -> torch.Size | None:
    return weights[key].shape if key in weights else None
