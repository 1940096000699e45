"""Trained players as ONNX files, one per policy, that play without marl_ppo and without torch.

What goes in and out is told in `marl_ppo/agents/portable.py`. Every file is run once by onnxruntime and compared with
torch before it is called written. Its metadata, each value text, lists and tables as JSON:

format         1
marl_ppo       version of the package that wrote it
player, policy who it is
agents         {agent: agent_index} of the agents that it plays
world, world_version, world_config   what it was trained on
obs            {leaf: {input, dtype, shape}}
action         {kind: Discrete, n}, {kind: MultiDiscrete, nvec} or {kind: Box, low, high}
sha256         of the weights' file in the bot or checkpoint
"""

import contextlib
import importlib
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces

from marl_ppo.agents.actor_critic import Actor
from marl_ppo.agents.encoders import AS_GOOD_AS_UNBOUNDED
from marl_ppo.agents.portable import Port, PortablePolicy
from marl_ppo.envs.world import Array, Group, WorldSpec
from marl_ppo.errors import ConfigError, ExportError
from marl_ppo.training.checkpoint import read_meta
from marl_ppo.training.players import load_player, trained_config
from marl_ppo.training.policies import learning_agents
from marl_ppo.training.setup import spec_of
from marl_ppo.whole_files import whole_file

FORMAT_VERSION = 1
OPSET = 18
"""the oldest that torch's exporter writes, so that most runtimes know it"""
TOLERANCE = 1e-4
"""by which numbers of a file may differ from torch's, relative to those above 1"""
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
ROWS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A file that was written."""

    file: Path
    policy: str
    agents: tuple[str, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    difference: float
    """the most by which a number differed from torch's when the file was tried"""


def export_player(checkpoint: Path, file: Path) -> list[Exported]:
    """Write each policy of a trained player: to `file`, or beside it as STEM-POLICY.onnx where there are several.

    `checkpoint` is a folder as `find_trained` gives. Raises ConfigError where a package is missing, ExportError where a
    policy cannot be written so that it plays as it does in torch; files are whole or not there.
    """
    _require_packages()
    config = trained_config(checkpoint)
    spec = spec_of(config)
    player = load_player(checkpoint, spec, greedy=True)
    policy_of = learning_agents(spec, config)
    digests = read_meta(checkpoint)["sha256"]
    names = list(dict.fromkeys(policy_of.values()))
    exported = []
    for name in names:
        group = next(group for group in spec.groups if any(policy_of.get(agent) == name for agent in group.agents))
        index = {a: i for a, i in zip(group.agents, group.agent_index, strict=True) if policy_of.get(a) == name}
        actor = player.policies[next(iter(index))]
        if not isinstance(actor, Actor):
            raise ExportError(f"{player.name!r} is a manager with a worker, which cannot be exported yet; a flat policy can")
        told = {
            "player": player.name,
            "policy": name,
            "agents": index,
            **_about_world(spec),
            "sha256": digests[f"policies/{name}/weights.safetensors"],
        }
        path = file if len(names) == 1 else file.with_name(f"{file.stem}-{name}{file.suffix}")
        portable = PortablePolicy(actor, group)
        difference = write_policy(portable, group, path, told)
        exported.append(
            Exported(
                file=path,
                policy=name,
                agents=tuple(index),
                inputs=portable.inputs,
                outputs=portable.outputs,
                difference=difference,
            )
        )
    return exported


def write_policy(policy: PortablePolicy, group: Group, file: Path, about: Mapping[str, Any]) -> float:
    """Write one policy with its metadata, and return by how much its numbers differ from torch's. See `export_player`."""
    model = _to_onnx(policy, group)
    ports = {port.name: port for port in (*policy.inputs, *policy.outputs)}
    for value in (*model.graph.input, *model.graph.output):
        value.doc_string = ports[value.name].about
    model.producer_name, model.producer_version = "marl_ppo", version("marl_ppo")
    obs = {
        leaf: {"input": policy.leaves[leaf], "dtype": np.dtype(space.dtype).name, "shape": list(space.shape)}
        for leaf, space in group.obs.items()
    }
    told = {"format": FORMAT_VERSION, "marl_ppo": version("marl_ppo"), **about, "obs": obs, "action": _about_action(group)}
    for key, value in told.items():
        model.metadata_props.add(key=key, value=value if isinstance(value, str) else json.dumps(value))
    content = model.SerializeToString(deterministic=True)
    difference = _compare(content, policy, group)
    with whole_file(file) as writing:
        writing.write_bytes(content)
    return difference


def _require_packages() -> None:
    for package in PACKAGES:
        try:
            importlib.import_module(package)
        except ModuleNotFoundError as error:
            raise ConfigError(
                f'writing ONNX files needs the package {error.name!r}, which is not installed: pip install "marl_ppo[onnx]"'
            ) from error


def _to_onnx(policy: PortablePolicy, group: Group) -> Any:
    """The policy as an onnx.ModelProto, free of what tells of the process that made it."""
    rows = torch.export.Dim("rows")
    example = tuple(torch.from_numpy(array) for array in _examples(policy, group, rows=3).values())
    try:
        with _quiet():
            program = torch.onnx.export(
                policy,
                example,
                dynamo=True,
                opset_version=OPSET,
                external_data=False,
                verbose=False,
                input_names=[port.name for port in policy.inputs],
                output_names=[port.name for port in policy.outputs],
                dynamic_shapes=(tuple({0: rows} for _ in example),),
            )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error).strip().splitlines()[0]
        raise ExportError(
            f"torch {torch.__version__} cannot write this policy as ONNX: {reason}. Our own networks can be written; "
            "an encoder of a plugin must be made of what torch.export knows"
        ) from error
    assert program is not None
    model = program.model_proto
    for described in (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output, *model.graph.value_info):
        described.ClearField("metadata_props")
    del model.graph.value_info[:]
    return model


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence of torch's exporter, which warns of its own parts whatever it is given; what it wrote is tried afterwards."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.setLevel(level)


def _compare(content: bytes, policy: PortablePolicy, group: Group) -> float:
    """The most by which onnxruntime's numbers differ from torch's, in rows of the spaces; ExportError where it matters."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    given = _examples(policy, group, ROWS)
    found = session.run([port.name for port in policy.outputs], given)
    with torch.no_grad():
        expected = policy(*map(torch.from_numpy, given.values()))
    most = 0.0
    for port, ours, theirs in zip(policy.outputs, expected, found, strict=True):
        if not np.issubdtype(theirs.dtype, np.floating):
            continue  # a choice, which hangs on the numbers that are compared
        ours = ours.numpy().astype(np.float64)
        difference = float((np.abs(theirs - ours) / np.maximum(1, np.abs(ours))).max(initial=0.0))
        if not difference <= TOLERANCE:
            raise ExportError(
                f"{port.name} of the exported policy differs from torch's by {difference:.2g} in onnxruntime "
                f"{onnxruntime.__version__}, more than {TOLERANCE:g}; nothing was written. This is a fault: please report it"
            )
        most = max(most, difference)
    return most


def _examples(policy: PortablePolicy, group: Group, rows: int) -> dict[str, Array]:
    """Inputs by name, as the spaces allow them."""
    rng = np.random.default_rng(0)
    leaves = {policy.leaves[leaf]: space for leaf, space in group.obs.items()}
    made: dict[str, Array] = {}
    for port in policy.inputs:
        shape = (rows, *port.shape)
        if port.name in leaves:
            space = leaves[port.name]
            if isinstance(space, spaces.MultiDiscrete):
                made[port.name] = rng.integers(0, space.nvec, shape)
            else:
                low, high = (np.asarray(bound, np.float64) for bound in (space.low, space.high))
                low = np.where(low > -AS_GOOD_AS_UNBOUNDED, low, np.minimum(-10.0, high))
                made[port.name] = rng.uniform(low, np.where(high < AS_GOOD_AS_UNBOUNDED, high, np.maximum(10.0, low)), shape)
        elif port.name == "action_mask":
            made[port.name] = rng.random(shape) < 0.7
            for part in group.split_mask(made[port.name]):
                part[np.arange(rows), rng.integers(0, part.shape[1], rows)] = True  # something is legal
        elif port.name == "agent_index":
            made[port.name] = np.resize(sorted(set(group.agent_index)), shape)
        elif port.name == "is_start":
            made[port.name] = rng.random(shape) < 0.3
        else:
            made[port.name] = rng.uniform(0.001, 0.999, shape)
        made[port.name] = np.ascontiguousarray(made[port.name].astype(port.dtype))
    return made


def _about_world(spec: WorldSpec) -> dict[str, Any]:
    return {"world": spec.id, "world_version": spec.version, "world_config": dict(spec.config)}


def _about_action(group: Group) -> dict[str, Any]:
    space = group.action
    if isinstance(space, spaces.Box):
        # JSON knows no infinity: null is no bound.
        low, high = ([float(x) if np.isfinite(x) else None for x in bound] for bound in (space.low, space.high))
        return {"kind": "Box", "low": low, "high": high}
    if isinstance(space, spaces.MultiDiscrete):
        return {"kind": "MultiDiscrete", "nvec": space.nvec.tolist()}
    return {"kind": "Discrete", "n": int(space.n)}
