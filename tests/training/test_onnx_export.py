"""A player's ONNX files say what the player says, in programs that have neither marl_ppo nor torch."""

import hashlib
import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpe2.simple_spread_v3
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from gymnasium import spaces
from shown import FORMS, Shown

from marl_ppo import load, parallel_env
from marl_ppo.agents.actor_critic import Actor
from marl_ppo.agents.distributions import GaussianHead, masked_logits
from marl_ppo.agents.networks import NetworkConfig
from marl_ppo.agents.observations import flat_obs
from marl_ppo.agents.portable import PortablePolicy, normal_quantile
from marl_ppo.agents.scripted import uniform_policy
from marl_ppo.envs.seeds import stream
from marl_ppo.envs.world import Group
from marl_ppo.errors import ConfigError, ExportError
from marl_ppo.play.play import Play
from marl_ppo.play.seating import Player, playable_teams, seat_players
from marl_ppo.training import onnx_export
from marl_ppo.training.onnx_export import Exported, export_player, write_policy
from marl_ppo.training.players import find_trained, load_player, trained_config
from marl_ppo.training.run import train
from marl_ppo.training.setup import world_from

STEPS, COPIES = 1000, 3
SCRIPT = Path(__file__).parents[2] / "docs/onnx_player.py"

Array = np.ndarray[Any, Any]
Trained = Callable[..., Path]
Written = Callable[[Path], Exported]


@pytest.fixture(scope="module")
def trained(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The newest checkpoint of a small run, one per setting; its policies are no longer near to uniform."""
    made: dict[str, Path] = {}

    def newest(world: str, memory: str = "none", **over: Any) -> Path:
        key = f"{world}-{memory}-{over}"
        if key not in made:
            config = small(world, network={"memory": memory}, ppo={"learning_rate": 0.03}, **over)
            made[key] = find_trained(str(train(config, tmp_path_factory.mktemp("runs") / "run").folder))
        return made[key]

    return newest


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The only file of a player, written once."""
    made: dict[Path, Exported] = {}

    def file(folder: Path) -> Exported:
        if folder not in made:
            (made[folder],) = export_player(folder, tmp_path_factory.mktemp("files") / "player.onnx")
        return made[folder]

    return file


def opened(file: Path | bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(file, options)


def run(session: onnxruntime.InferenceSession, given: dict[str, Array]) -> dict[str, Array]:
    names = [port.name for port in session.get_outputs()]
    wanted = {port.name for port in session.get_inputs()}
    return dict(zip(names, session.run(names, {n: array for n, array in given.items() if n in wanted}), strict=True))


def joined(parts: list[dict[str, Array]]) -> dict[str, Array]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def real_play(folder: Path) -> tuple[Actor, list[dict[str, Array]]]:
    """A player's only policy, and what it is shown at each step in real play against the uniform player; `seat` says where."""
    world = world_from(trained_config(folder), COPIES)
    player = load_player(folder, world.spec, greedy=True)
    other = Player(name="random", policies={a: p for g in world.spec.groups for p in [uniform_policy(g)] for a in g.agents})
    able = playable_teams(world.spec, player)
    seating = seat_players(world.spec, COPIES, [player if team in able else other for team in world.spec.teams])
    play = Play(world, seating.policies, seating.seats, lambda copies, n: stream(0, "eval", copies, n), greedy=seating.greedy)
    play.start()
    shown: list[dict[str, Array]] = []
    (actor,) = set(player.policies.values())
    for _ in range(STEPS):
        for decided in play.decide():
            if decided.part.policy is not actor:
                continue
            g, outputs = decided.part.group, world.outputs
            group = world.spec.groups[g]
            seat = np.arange(COPIES * len(group.agents)) if decided.rows is None else decided.rows.numpy()
            tables = {**outputs.obs[g], "action_mask": outputs.action_mask[g], "noise": decided.part.noise}
            flat = {name: array.reshape(-1, *array.shape[2:]) for name, array in tables.items() if array is not None}
            shown.append(
                {name: array[seat] for name, array in flat.items()}
                | {"agent_index": np.tile(group.agent_index, COPIES)[seat], "is_start": decided.is_start.numpy().copy()}
                | {"memory": decided.memory_in.numpy().copy(), "seat": seat}
            )
        play.advance()
        play.reset_ended()
    world.close()
    assert isinstance(actor, Actor)
    return actor, shown


def said_by_torch(actor: Actor, given: dict[str, Array], leaves: list[str]) -> dict[str, Array]:
    tensors = {name: torch.from_numpy(array) for name, array in given.items()}
    mask = tensors.get("action_mask")
    with torch.no_grad():
        obs = flat_obs({leaf: tensors[leaf] for leaf in leaves})
        params, memory = actor(obs, tensors["agent_index"], tensors["is_start"], tensors["memory"])
        action, sampled = (actor.head.sample(params, tensors["noise"], mask, greedy) for greedy in (True, False))
    if isinstance(actor.head, GaussianHead):
        mean, log_std = params.chunk(2, -1)
        said = {"mean": mean, "log_std": log_std, "action": action.clamp(0, 1), "sampled_action": sampled.clamp(0, 1)}
    else:
        said = {"logits": masked_logits(params, mask), "action": action, "sampled_action": sampled}
    said |= {"next_memory": memory} if actor.memory_size else {}
    return {name: tensor.numpy() for name, tensor in said.items()}


def said_by_file(session: onnxruntime.InferenceSession, shown: list[dict[str, Array]]) -> dict[str, Array]:
    """With a memory of its own that it carries along, if it has one."""
    if not any(port.name == "memory" for port in session.get_inputs()):
        return run(session, joined(shown))
    memory = np.full((1 + max(given["seat"].max() for given in shown), shown[0]["memory"].shape[1]), 9.0, np.float32)
    said = []
    for given in shown:
        said.append(run(session, given | {"memory": memory[given["seat"]]}))
        memory[given["seat"]] = said[-1]["next_memory"]
    return joined(said)


PLAYERS: dict[str, Callable[[Trained], Path]] = {
    "spread": lambda trained: find_trained("spread"),
    "soccer-hard": lambda trained: find_trained("soccer-hard"),
    "tag-prey": lambda trained: find_trained("tag-prey"),
    "leduc, GRU and masks": lambda trained: trained("leduc", "gru"),
    "spread, continuous GRU": lambda trained: trained("spread", "gru", world_config={"action": "continuous"}),
    "reference, multi-discrete": lambda trained: trained("reference", world_config={"action": "multi_discrete"}),
}


@pytest.mark.parametrize("player", PLAYERS)
def test_files_say_in_1000_steps_of_play_what_torch_says(player: str, trained: Trained, exported: Written) -> None:
    """Within 1e-5, relative to numbers above 1. Two choices that are as good as equal may be mistaken, once in a thousand."""
    folder = PLAYERS[player](trained)
    file = exported(folder).file
    actor, shown = real_play(folder)
    told = json.loads(metadata(file)["obs"])
    found = said_by_file(opened(file), shown)
    expected = said_by_torch(actor, joined(shown), list(told))

    assert len(shown) >= STEPS / 2
    assert found.keys() == expected.keys()
    for name, array in found.items():
        assert array.dtype == expected[name].dtype
        if array.dtype == np.float32:
            np.testing.assert_allclose(array, expected[name], rtol=1e-5, atol=1e-5)
        else:
            assert (array != expected[name]).mean() <= 1e-3
            assert len(np.unique(array)) > 1


def metadata(file: Path) -> dict[str, str]:
    return {prop.key: prop.value for prop in onnx.load(file).metadata_props}


def test_each_policy_has_a_file_that_tells_who_it_is(trained: Trained, tmp_path: Path) -> None:
    folder = trained("two_kinds")
    scouts, workers = export_player(folder, tmp_path / "crew.onnx")
    told = metadata(workers.file)

    assert [one.file.name for one in (scouts, workers)] == ["crew-scouts.onnx", "crew-workers.onnx"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crew-scouts.onnx", "crew-workers.onnx"]
    assert scouts.agents == ("scout",)
    assert json.loads(told["agents"]) == {"worker_0": 0, "worker_1": 1, "worker_2": 2}
    assert (told["format"], told["policy"], told["world"], told["world_version"]) == ("1", "workers", "two_kinds", "1")
    assert json.loads(told["obs"]) == {"vector": {"input": "vector", "dtype": "float32", "shape": [6]}}
    assert json.loads(told["action"]) == {"kind": "Discrete", "n": 5}
    assert told["sha256"] == hashlib.sha256((folder / "policies/workers/weights.safetensors").read_bytes()).hexdigest()
    assert [port.name for port in workers.inputs] == ["vector", "agent_index", "noise"]
    assert [port.name for port in scouts.inputs] == ["vector", "noise"]  # one of its kind needs no number
    assert [port.doc_string for port in onnx.load(scouts.file).graph.output] == [port.about for port in scouts.outputs]


def test_a_file_holds_the_player_and_nothing_of_the_machine_that_wrote_it(tmp_path: Path, exported: Written) -> None:
    """Nothing depends on the moment either: equal players have equal files, little larger than 5,900 float32 weights."""
    first = exported(find_trained("spread")).file
    export_player(find_trained("spread"), tmp_path / "again.onnx")
    content, told = first.read_bytes(), metadata(first)

    assert content == (tmp_path / "again.onnx").read_bytes()
    assert json.loads(told["world_config"])["max_steps"] == 25
    assert len(content) < 30_000
    assert not any(text in content for text in (str(Path(sys.prefix)).encode(), b".py", str(SCRIPT.parents[1]).encode()))
    assert {node.domain for node in onnx.load(first).graph.node} == {""}


def portable(group: Group, **network: Any) -> PortablePolicy:
    return PortablePolicy(Actor(group, NetworkConfig(**network), torch.Generator().manual_seed(0)), group)


def test_every_form_of_obs_goes_in_as_the_world_has_it(tmp_path: Path) -> None:
    (group,) = Shown(1, "+".join(FORMS)).spec.groups
    policy = portable(group, memory="gru")
    difference = write_policy(policy, group, tmp_path / "p.onnx", {})
    taken = {port.name: port for port in opened(tmp_path / "p.onnx").get_inputs()}

    assert difference < 1e-5
    assert taken["bytes"].type == "tensor(uint8)"
    assert taken["tokens"].type == "tensor(int64)"
    assert taken["picture"].shape[1:] == [2, 3, 1]


def test_noise_at_the_ends_picks_legal_actions(tmp_path: Path) -> None:
    """A random number that was rounded to 0 or 1 is no accident when millions are drawn."""
    obs = {"memory": spaces.Box(-9, 9, (3,))}  # it has a name that is taken
    group = Group(name="g", agents=("a",), team=(0,), obs=obs, action=spaces.Discrete(7), masked=True)
    write_policy(portable(group), group, tmp_path / "p.onnx", {})
    noise = np.array([[0.0], [1.0], [1 - 2.0**-24]] * 200, np.float32)
    rng = np.random.default_rng(0)
    mask = rng.random((len(noise), 7)) < 0.5
    mask[:, 0], mask[:, 3:5] = False, True
    seen = rng.normal(size=(len(noise), 3)).astype(np.float32)
    chosen = run(opened(tmp_path / "p.onnx"), {"obs.memory": seen, "action_mask": mask, "noise": noise})["sampled_action"]

    assert mask[np.arange(len(mask)), chosen].all()


def test_normal_quantile_is_that_of_torch() -> None:
    uniform = (torch.arange(2**17) + 0.5) * 2.0**-17
    ends = torch.tensor([2.0**-24, 1 - 2.0**-24])

    torch.testing.assert_close(normal_quantile(uniform), torch.special.ndtri(uniform), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(normal_quantile(ends), torch.special.ndtri(ends), rtol=1e-6, atol=1e-6)
    assert normal_quantile(torch.tensor([0.0, 1.0])).isfinite().all()


def test_a_policy_trained_in_bfloat16_leaves_in_float32() -> None:
    (group,) = Shown(1).spec.groups
    actor = Actor(group, NetworkConfig(precision="bf16"), torch.Generator().manual_seed(0))

    assert not PortablePolicy(actor, group).actor.trunk.autocast
    assert actor.trunk.autocast


class Branching(torch.nn.Module):
    """Looks at the numbers before it decides what to do with them."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 if x.sum() > 0 else x


def test_what_cannot_be_written_or_plays_differently_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (group,) = Shown(1).spec.groups
    policy, file = portable(group), tmp_path / "p.onnx"
    monkeypatch.setattr(onnx_export, "TOLERANCE", -1)
    with pytest.raises(ExportError, match=r"differs from torch's by .* more than -1"):
        write_policy(policy, group, file, {})
    policy.actor.encoder = Branching()  # type: ignore[assignment]
    with pytest.raises(ExportError, match=r"torch .* cannot write this policy as ONNX: .*an encoder of a plugin must"):
        write_policy(policy, group, file, {})

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("package", onnx_export.PACKAGES)
def test_a_missing_package_is_named_with_how_to_get_it(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=rf"the package '{package}', .*: pip install \"marl_ppo\[onnx\]\""):
        export_player(find_trained("spread"), tmp_path / "p.onnx")


def test_the_script_scores_in_mpe2_what_the_bot_scores_there_without_marl_ppo_or_torch(
    tmp_path: Path, exported: Written
) -> None:
    """Its greedy actions are the bot's, step by step: so is the return to the last digit shown."""
    file = exported(find_trained("spread")).file
    alone = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__' if sys.argv.pop(0) else ''); "
    alone += "assert not {'marl_ppo', 'torch'} & set(sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", alone, SCRIPT, "mpe2.simple_spread_v3", "20", file],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    env, bot = mpe2.simple_spread_v3.parallel_env(), load("spread")
    returns = []
    for seed in range(20):
        observations, infos = env.reset(seed=seed)
        bot.reset()
        returns.append(0.0)
        while env.agents:
            observations, rewards, _, _, infos = env.step(bot.act(observations, infos))
            returns[-1] += sum(rewards.values()) / len(rewards)

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(f"mean return per agent {np.mean(returns):.2f} ±")
    assert -9 < np.mean(returns) < -6


def test_the_scripts_player_knows_turns_masks_and_memory(trained: Trained, exported: Written) -> None:
    """Beside the bot in a loop of leduc poker: whoever is on turn chooses what the bot chooses."""
    folder = trained("leduc", "gru")
    module = runpy.run_path(str(SCRIPT))
    policy, bot, env = module["OnnxPolicy"](exported(folder).file), load(str(folder)), parallel_env("leduc")
    chosen = []
    for seed in range(100):
        observations, infos = env.reset(seed=seed)
        bot.reset(seed)
        policy.memory.clear()
        while env.agents:
            actions = {
                agent: policy.act(agent, {"vector": seen["observation"], "action_mask": seen["action_mask"]})
                for agent, seen in observations.items()
                if infos[agent]["acting"]
            }
            assert actions == bot.act(observations, infos)
            chosen += actions.values()
            observations, _, _, _, infos = env.step(actions)

    assert len(set(chosen)) > 1


def test_the_scripts_player_throws_dice_on_demand_for_any_form_of_obs(tmp_path: Path) -> None:
    """Bytes, tokens and pictures go in as the world has them; every action comes out in 200 throws."""
    world = Shown(1, "+".join(FORMS))
    (group,) = world.spec.groups
    write_policy(portable(group, memory="gru"), group, tmp_path / "p.onnx", {"agents": {group.agents[0]: 0}})
    policy = runpy.run_path(str(SCRIPT))["OnnxPolicy"](str(tmp_path / "p.onnx"))
    world.reset(np.array([0], np.uint64))
    seen = {leaf: array[0, 0] for leaf, array in world.outputs.obs[0].items()}
    thrown = [policy.act(group.agents[0], seen, "sampled_action") for _ in range(200)]

    assert len({int(action) for action in thrown}) == group.action.n  # type: ignore[union-attr]
