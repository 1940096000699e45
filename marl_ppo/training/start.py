"""What a training begins with instead of initial weights: those of an earlier player, policy by policy.

Of MANAGER+WORKER, managers begin with the first one's weights and workers with the second one's. Value normalisers, and what
else was learned, come along where the player has them: a run's checkpoint does, a bot has its weights alone. Optimisers and
schedules begin anew.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from marl_ppo.envs.world import WorldSpec
from marl_ppo.errors import ConfigError
from marl_ppo.training.cards import CARD, read_card
from marl_ppo.training.checkpoint import Checkpoint, Tensors, load_checkpoint, read_meta
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.players import agents_of, find_levels, is_untrained, trained_config
from marl_ppo.training.policies import WORKER, learning_agents, make_policies, parts
from marl_ppo.training.setup import spec_of

START = "start"
"""the folder in which a run or a learner keeps what it began with"""
BEGUN_ANEW = "{player} has no weights of it: it begins with initial ones"
"""what is told of a policy that the player lacks"""


def load_start(config: TrainConfig) -> Checkpoint | None:
    """What the player that `start_from` names knows now, for the policies that it has; None where nobody is named.

    Raises UnknownNameError where there is no such player, and ConfigError, naming what does not fit, where it has other
    networks, actions or subgoals, lacks what is to be frozen, or has none of the policies.
    """
    name = config.start_from
    if name is None:
        return None
    if is_untrained(name):
        raise ConfigError(f"start_from={name!r} has no weights; name a run, a checkpoint or a bot")
    folders, spec = find_levels(name), spec_of(config)
    if len(folders) > 1 and config.policy == "flat":
        raise ConfigError(f"start_from={name!r} joins two levels, and policy 'flat' has none; name one player")
    for folder in folders:
        if (folder / CARD).is_file():
            read_card(folder)  # refuses weights that are not the card's
        _require_same_meaning(folder, config, spec)
    files: dict[str, Tensors] = {}
    policies, levels = make_policies(spec, replace(config, device="cpu")), {n: p.level for n, p in parts(spec, config).items()}
    for policy, module in policies.items():
        folder = folders[-1] if levels[policy] == WORKER else folders[0]
        found = load_checkpoint(folder, only=f"policies/{policy}/").files
        if (weights := found.get(_weights(policy))) is None:
            continue
        own = module.state_dict()
        if other := sorted(key for key in own.keys() | weights.keys() if _shape(own, key) != _shape(weights, key)):
            raise ConfigError(
                f"{policy!r} cannot start from {folder}: its weights have other shapes or names there, in {', '.join(other)}; "
                "train it with the settings of that player, its config.toml, on a world that looks alike"
            )
        files |= {file: tensors for file, tensors in found.items() if not file.endswith("/optimizer.safetensors")}
    start = Checkpoint(counters={"start_from": [str(folder) for folder in folders]}, files=files)
    lacking = begun_anew(start, policies)
    frozen = [policy for policy in lacking if levels[policy] == config.hierarchy.frozen]
    if frozen or len(lacking) == len(policies):
        there = sorted({known for folder in folders for known in _policies_in(folder)})
        raise ConfigError(f"{name} has no weights of {', '.join(frozen or lacking)} to start from; it has {', '.join(there)}")
    return start


def begun_anew(start: Checkpoint, policies: Iterable[str]) -> list[str]:
    """Those of `policies` that begin with initial weights all the same."""
    return [policy for policy in policies if _weights(policy) not in start.files]


def _require_same_meaning(folder: Path, config: TrainConfig, spec: WorldSpec) -> None:
    """What weights do not tell by their shapes: what is seen, done and said has to mean what it meant."""
    earlier = trained_config(folder)
    compared: dict[str, tuple[object, object]] = {"network.activation": (earlier.network.activation, config.network.activation)}
    if config.policy == earlier.policy == "hierarchical":
        names = ["subgoals"] if config.hierarchy.frozen == "none" else ["subgoals", "subgoal_steps", "least_steps", "tell"]
        compared |= {name: (getattr(earlier.hierarchy, name), getattr(config.hierarchy, name)) for name in names}
        drawn = [(own.hierarchy.held_out, own.seed) if own.hierarchy.held_out else "none" for own in (earlier, config)]
        compared["held_out subgoals (share, seed)"] = (drawn[0], drawn[1])
    met, meets = agents_of(spec_of(earlier)), agents_of(spec)
    compared |= {agent: (met[agent], meets[agent]) for agent in learning_agents(spec, config) if agent in met}
    for what, (before, now) in compared.items():
        if before != now:
            raise ConfigError(f"{what}: {before!r} in {folder}, to start from, and {now!r} here; give both the same")


def _weights(policy: str) -> str:
    return f"policies/{policy}/weights.safetensors"


def _policies_in(folder: Path) -> set[str]:
    return {path.split("/")[1] for path in read_meta(folder)["sha256"] if path.startswith("policies/")}


def _shape(weights: Tensors, key: str) -> tuple[int, ...] | None:
    return tuple(weights[key].shape) if key in weights else None
