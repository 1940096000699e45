"""Worlds seen as PettingZoo envs: PettingZoo's own tests over the whole registry, then what they do not ask."""

import contextlib
import subprocess
import sys
import types
import warnings
from collections.abc import Callable, Sequence
from typing import Any, get_args

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import data_equivalence

from marl_ppo.envs import Group, Metric, Param, World, WorldSpec, make_world, registered_worlds, world_settings
from marl_ppo.envs.pettingzoo import aec_env, parallel_env
from marl_ppo.envs.pettingzoo.aec import WorldAECEnv
from marl_ppo.envs.pettingzoo.view import RENDER_FPS, WorldParallelEnv
from marl_ppo.envs.scene import Scene, Text
from marl_ppo.envs.seeds import stream
from marl_ppo.errors import CapabilityError, ConfigError, WorldError

with warnings.catch_warnings():
    # PettingZoo's tests import one of its own games by a name that PettingZoo deprecates.
    warnings.filterwarnings("ignore", "The old environment creation API", DeprecationWarning)
    from pettingzoo import test as official

MOST_TAKEN = 3


class Nim(World):
    """Take one to three stones in turn; who takes the last wins. Small, but it has turns, real masks and two leaves."""

    def __init__(self, num_envs: int, capabilities: Sequence[str] = ("scene", "state", "outcomes")) -> None:
        group = Group(
            name="players",
            agents=("player_0", "player_1"),
            team=(0, 1),
            obs={
                "vector": spaces.Box(0.0, 1.0, (2,), np.float32),
                "stones": spaces.Box(0, 255, (3, 3), np.uint8),
            },
            action=spaces.Discrete(MOST_TAKEN),
            masked=True,
        )
        spec = WorldSpec(
            id="nim",
            version=2,
            groups=(group,),
            teams=("first", "second"),
            max_steps=None,
            state_size=1,
            zero_sum=True,
            metrics={"turns": Metric(description="turns taken", low=1.0, high=9.0)},
            params={"prize": Param(description="what the winner gets", default=1.0, low=0.0, high=5.0)},
            capabilities=frozenset(capabilities),
        )
        super().__init__(spec, num_envs)
        self.heap = np.zeros(num_envs, np.int64)
        self.turn = np.zeros(num_envs, np.int64)

    def _reset(self, where: np.ndarray) -> None:
        self.heap[where] = 5 + (self.seeds[where] % np.uint64(5)).astype(np.int64)
        self.turn[where] = 0
        self._write(where)

    def _step(self, actions: Sequence[np.ndarray]) -> None:
        for n in range(self.num_envs):
            self.heap[n] -= 1 + actions[0][n, self.turn[n] % 2]
            self.turn[n] += 1
        self._write(np.ones(self.num_envs, bool))

    def _write(self, where: np.ndarray) -> None:
        out, mask = self.outputs, self.outputs.action_mask[0]
        for n in np.flatnonzero(where):
            over, on_turn = self.heap[n] == 0, self.turn[n] % 2
            won = np.array([-1.0, 1.0]) if on_turn == 0 else np.array([1.0, -1.0])
            out.obs[0]["vector"][n] = 0 if over else np.eye(2)
            out.obs[0]["stones"][n] = 0 if over else np.arange(9).reshape(3, 3) < self.heap[n]
            mask[n] = True
            if not over:
                mask[n, on_turn] = np.arange(MOST_TAKEN) < self.heap[n]
            out.rewards[0][n] = won * self.params[n, 0] if over else 0.0
            out.outcomes[n] = won if over else 0.0
            out.alive[0][n] = out.acting[0][n] = not over
            out.acting[0][n, 1 - on_turn] = False
            out.terminations[0][n] = out.ended[n] = over
            out.metrics["turns"][n] = self.turn[n]
            out.state[n] = self.heap[n]

    def scene(self, copy: int) -> Scene:
        return Scene(bounds=(0, 0, 1, 1), primitives=(Text(key="heap", x=0, y=0, text=str(self.heap[copy])),))


def variants() -> list[Any]:
    """Every registered world, and once more for each other value of each setting that is a choice among words."""
    found = []
    for registration in registered_worlds():
        configs: list[dict[str, Any]] = [{}]
        for name, setting in world_settings(registration.id).items():
            configs += [{name: word} for word in get_args(setting.annotation) if word != setting.default]
        for config in configs:
            with contextlib.suppress(ConfigError):  # a word that does not fit this world, as it says itself
                make_world(registration.id, **config)
                found.append(pytest.param(registration.id, config, id="-".join([registration.id, *config.values()])))
    return found


every_world = pytest.mark.parametrize(("world_id", "config"), variants())


def tolerant(test: Callable[..., None]) -> Callable[..., None]:
    """Let pass what PettingZoo only recommends and our worlds do on purpose; all else stays an error."""
    for message in (
        # Its list of envs that may have unbounded obs, dicts or unequal agents is a list of its own envs' names.
        "Agent's (min|max)imum observation space value is -?infinity",
        "Environment's (min|max)imum state space value is -?infinity",
        "Observation space for each agent probably should be gymnasium.spaces.box",
        "Action space for each agent probably should be gymnasium.spaces.box",
        "Observation is not a NumPy array",
        "Observations are different shapes",
        "Agents have different (observation|action) space sizes",
        "Observation is a single number",
        # Agents that are over see zeros (the world contract), and so does a recall task while it hides its cue.
        "Observation numpy array is all zeros",
        # Agents are named after what they are: `speaker`, `scout`, a lone `player`.
        "We recommend agents to be named in the format",
    ):
        test = pytest.mark.filterwarnings(f"ignore:{message}:UserWarning")(test)
    return test


def legal_action(env: Any, agent: str, info: dict[str, Any], key: int) -> Any:
    """The action that `key` picks among those that are legal now."""
    space = env.action_space(agent)
    space.seed(key)
    return space.sample(info.get("action_mask"))


def legal_actions(env: WorldParallelEnv, infos: dict[str, dict[str, Any]], key: int) -> dict[str, Any]:
    """One for every agent on turn, and the same for equal keys."""
    return {agent: legal_action(env, agent, infos[agent], key) for agent in env.acting}


def episode(env: WorldParallelEnv, seed: int | None = None) -> list[Any]:
    """All that `reset` and every `step` of one episode return."""
    told: list[Any] = [env.reset(seed)]
    while env.agents:
        told.append(env.step(legal_actions(env, infos=told[-1][-1], key=len(told))))
    return told


# --- PettingZoo's own tests -------------------------------------------------------------------------------------------


@tolerant
@every_world
def test_every_world_passes_the_parallel_api_test(world_id: str, config: dict[str, Any]) -> None:
    official.parallel_api_test(parallel_env(world_id, **config), num_cycles=60)


@tolerant
@every_world
def test_every_world_passes_the_aec_api_test(world_id: str, config: dict[str, Any]) -> None:
    official.api_test(aec_env(world_id, **config), num_cycles=60)


@every_world
def test_every_world_passes_the_seed_tests(world_id: str, config: dict[str, Any]) -> None:
    official.parallel_seed_test(lambda: parallel_env(world_id, **config), num_cycles=60)
    official.seed_test(lambda: aec_env(world_id, **config), num_cycles=60)


@tolerant
@every_world
def test_every_world_with_state_passes_the_state_test(world_id: str, config: dict[str, Any]) -> None:
    if "state" not in make_world(world_id, **config).spec.capabilities:
        return
    official.state_test(aec_env(world_id, **config), parallel_env(world_id, **config))


@tolerant
def test_a_world_of_turns_and_masks_passes_the_official_tests() -> None:
    official.parallel_api_test(WorldParallelEnv(Nim(1)), num_cycles=60)
    official.api_test(WorldAECEnv(WorldParallelEnv(Nim(1))), num_cycles=60)
    official.seed_test(lambda: WorldAECEnv(WorldParallelEnv(Nim(1))), num_cycles=60)


def test_a_step_limit_is_kept_in_both_forms() -> None:
    """PettingZoo's test sets `max_cycles`; our worlds call their step limit `max_steps`."""
    module = types.SimpleNamespace(
        parallel_env=lambda max_cycles: parallel_env("spread", max_steps=max_cycles),
        env=lambda max_cycles: aec_env("spread", max_steps=max_cycles),
    )
    official.max_cycles_test(module)


@every_world
def test_every_world_with_a_scene_passes_the_render_test(
    world_id: str, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    if "scene" not in make_world(world_id, **config).spec.capabilities:
        return
    official.render_test(lambda render_mode: aec_env(world_id, render_mode=render_mode, **config))


# --- seeds ------------------------------------------------------------------------------------------------------------


@every_world
def test_an_episode_is_repeated_to_its_end_by_its_seed(world_id: str, config: dict[str, Any]) -> None:
    """PettingZoo's parallel seed test stops after one step: it asks any() of a dict, hence of its keys."""
    first = episode(parallel_env(world_id, **config), seed=7)
    again = episode(parallel_env(world_id, **config), seed=7)

    assert data_equivalence(first, again, exact=True)


def test_a_reset_without_a_seed_goes_on_to_the_next_episode_of_the_run() -> None:
    """Seeds 3, none, none: episodes 0, 1, 2 of run seed 3; then seed 3 again starts over."""
    env = parallel_env("staggered")
    told = [episode(env, seed) for seed in (3, None, None, 3)]

    assert data_equivalence(told[0], told[3], exact=True)
    assert not any(data_equivalence(told[i], told[k], exact=True) for i, k in ((0, 1), (0, 2), (1, 2)))


def test_envs_that_were_never_seeded_play_different_runs() -> None:
    lengths = [len(episode(parallel_env("staggered"))) for _ in range(20)]

    assert len(set(lengths)) > 1


@every_world
def test_the_view_tells_what_the_world_tells(world_id: str, config: dict[str, Any]) -> None:
    """Twin: the world itself, driven from the documented stream (run seed, "eval", copy 0, episode 0)."""
    env, world = parallel_env(world_id, **config), make_world(world_id, **config)
    obs, infos = env.reset(seed=11)
    out = world.reset(stream(11, "eval", copy=[0]))
    steps = 0
    seats = [(agent, g, a) for g, group in enumerate(world.spec.groups) for a, agent in enumerate(group.agents)]

    while env.agents:
        for agent, g, a in seats:
            if agent in env.agents:
                told = obs[agent]["observation"] if world.spec.groups[g].masked else obs[agent]
                np.testing.assert_array_equal(told, out.obs[g]["vector"][0, a])
        actions = legal_actions(env, infos, key=steps)
        joint = [np.zeros((1, len(group.agents), *group.action_shape), group.action_dtype) for group in world.spec.groups]
        for agent, g, a in seats:
            if agent in actions:
                joint[g][0, a] = actions[agent]
        obs, rewards, terminations, truncations, infos = env.step(actions)
        out = world.step(joint)
        steps += 1
        for agent, g, a in seats:
            if agent in rewards:
                told = (rewards[agent], terminations[agent], truncations[agent])
                assert told == (out.rewards[g][0, a], out.terminations[g][0, a], out.truncations[g][0, a])

    assert out.ended.all()
    assert all(info["metrics"] == {name: v[0] for name, v in out.metrics.items()} for info in infos.values())


def test_options_set_the_params_of_the_episode() -> None:
    env = WorldParallelEnv(Nim(1))
    env.reset(seed=0, options={"params": {"prize": 5.0}})
    while env.agents:
        _, rewards, *_ = env.step(dict.fromkeys(env.agents, 0))

    assert sorted(rewards.values()) == [-5.0, 5.0]


# --- spaces -----------------------------------------------------------------------------------------------------------


def test_one_vector_leaf_shows_as_a_box() -> None:
    assert isinstance(parallel_env("bandit").observation_space("player"), spaces.Box)


def test_several_leaves_and_a_mask_show_as_dicts() -> None:
    """PettingZoo's convention: what is seen under `observation`, int8 ones for legal actions under `action_mask`."""
    env = WorldParallelEnv(Nim(1))
    obs, infos = env.reset(seed=0)
    space = env.observation_space("player_0")

    assert space.spaces.keys() == {"observation", "action_mask"}
    assert space["observation"].spaces.keys() == {"vector", "stones"}
    assert space.contains(obs["player_0"])
    assert obs["player_0"]["observation"]["stones"].dtype == np.uint8
    np.testing.assert_array_equal(infos["player_0"]["action_mask"], [1, 1, 1])


def test_agents_and_envs_do_not_share_a_space() -> None:
    """A space holds a random generator: sampling for one agent must not move another's."""
    first, second = parallel_env("staggered"), parallel_env("staggered")
    held = [env.action_space(agent) for env in (first, second) for agent in env.possible_agents]

    assert len({id(space) for space in held}) == 6


def test_observations_are_not_overwritten_by_the_next_step() -> None:
    env = parallel_env("staggered")
    before, _ = env.reset(seed=0)
    kept = {agent: obs.copy() for agent, obs in before.items()}
    for _ in range(3):
        env.step(dict.fromkeys(env.agents, 0))

    assert data_equivalence(before, kept, exact=True)


def test_state_is_offered_only_where_the_world_has_it() -> None:
    with_state, without = WorldParallelEnv(Nim(1)), WorldParallelEnv(Nim(1, capabilities=()))
    with_state.reset(seed=0)
    without.reset(seed=0)

    assert with_state.state_space.contains(with_state.state())
    assert not hasattr(without, "state_space")
    with pytest.raises(CapabilityError, match="'nim' does not have"):
        without.state()


# --- turns, deaths, endings -------------------------------------------------------------------------------------------


def test_actions_out_of_turn_are_ignored() -> None:
    """Whatever player_1 sends while player_0 is on turn, and whether it sends anything, the game is the same."""
    alone, both = WorldParallelEnv(Nim(1)), WorldParallelEnv(Nim(1))
    told = [alone.reset(seed=4), both.reset(seed=4)]

    assert alone.acting == ["player_0"]
    told = [alone.step({"player_0": 2}), both.step({"player_0": 2, "player_1": 1})]
    assert data_equivalence(*told, exact=True)
    assert alone.acting == ["player_1"]


def test_who_waits_has_a_mask_of_ones() -> None:
    """Two stones are left: who is on turn may take one or two of them, and for who waits nothing is forbidden."""
    env = WorldParallelEnv(Nim(1))
    obs, _ = env.reset(seed=0)
    while env.state() > 2:
        obs, *_ = env.step({env.acting[0]: 0})
    (on_turn,) = env.acting
    (waiting,) = set(env.agents) - {on_turn}

    assert obs[on_turn]["action_mask"].tolist() == [1, 1, 0]
    assert obs[waiting]["action_mask"].tolist() == [1, 1, 1]


def test_aec_selects_whoever_is_on_turn() -> None:
    env = WorldAECEnv(WorldParallelEnv(Nim(1)))
    env.reset(seed=0)
    selected = []
    for agent in env.agent_iter():
        *_, termination, truncation, _ = env.last(observe=False)
        if termination or truncation:
            env.step(None)
        else:
            selected.append(agent)
            env.step(0)

    assert selected == [("player_0", "player_1")[t % 2] for t in range(len(selected))]
    assert len(selected) >= 5


def test_aec_selects_agents_that_act_together_in_their_order() -> None:
    env = aec_env("two_kinds")
    env.reset(seed=0)
    selected = []
    for agent in env.agent_iter(8):
        selected.append(agent)
        env.step(0)

    assert selected == ["scout", "worker_0", "worker_1", "worker_2"] * 2


@every_world
def test_both_forms_play_the_same_episode(world_id: str, config: dict[str, Any]) -> None:
    """Equal seeds and actions keyed by the agent's decision must earn every agent the same sum of rewards."""
    parallel, aec = parallel_env(world_id, **config), aec_env(world_id, **config)
    earned = {form: dict.fromkeys(parallel.possible_agents, 0.0) for form in ("parallel", "aec")}
    decisions = {form: dict.fromkeys(parallel.possible_agents, 0) for form in ("parallel", "aec")}

    _, infos = parallel.reset(seed=5)
    while parallel.agents:
        actions = {}
        for agent in parallel.acting:
            actions[agent] = legal_action(parallel, agent, infos[agent], key=decisions["parallel"][agent])
            decisions["parallel"][agent] += 1
        _, rewards, _, _, infos = parallel.step(actions)
        for agent, reward in rewards.items():
            earned["parallel"][agent] += reward

    aec.reset(seed=5)
    for agent in aec.agent_iter():
        _, reward, termination, truncation, info = aec.last()
        earned["aec"][agent] += reward
        if termination or truncation:
            aec.step(None)
            continue
        aec.step(legal_action(aec, agent, info, key=decisions["aec"][agent]))
        decisions["aec"][agent] += 1

    assert decisions["aec"] == decisions["parallel"]
    assert earned["aec"] == pytest.approx(earned["parallel"])


def test_an_agent_that_is_over_leaves_while_the_others_play_on() -> None:
    """Over many episodes of `staggered`, agents leave one by one and never return."""
    env = parallel_env("staggered")
    sizes = set()
    for seed in range(10):
        env.reset(seed=seed)
        while env.agents:
            before = list(env.agents)
            _, rewards, terminations, truncations, _ = env.step(dict.fromkeys(before, 0))
            left = [agent for agent in before if terminations[agent] or truncations[agent]]
            sizes.add(len(env.agents))

            assert list(rewards) == before
            assert env.agents == [agent for agent in before if agent not in left]

    assert sizes == {0, 1, 2, 3}


def test_where_the_team_goes_on_earning_the_dead_stay_until_the_end() -> None:
    """on_death="team": a dead seat's stream, and so its place in `agents`, lasts until the copy ends."""
    env = parallel_env("staggered", on_death="team")
    someone_only_waited = False
    for seed in range(10):
        env.reset(seed=seed)
        while env.agents:
            assert env.agents == env.possible_agents
            someone_only_waited |= len(env.acting) < 3
            env.step(dict.fromkeys(env.acting, 0))

    assert someone_only_waited


def test_the_last_infos_tell_metrics_and_the_outcome_of_the_agents_team() -> None:
    env = WorldParallelEnv(Nim(1))
    _, infos = env.reset(seed=0)
    turns = 0
    while env.agents:
        assert all("metrics" not in info and "outcome" not in info for info in infos.values())
        _, rewards, _, _, infos = env.step(dict.fromkeys(env.acting, 0))
        turns += 1

    for agent in env.possible_agents:
        assert infos[agent]["metrics"] == {"turns": turns}
        assert infos[agent]["outcome"] == rewards[agent]


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [parallel_env, aec_env])
def test_stepping_before_a_reset_says_so(make: Callable[[str], Any]) -> None:
    with pytest.raises(WorldError, match=r"over or was never started; call reset\(\) first"):
        make("bandit").step({"player": 0})


def test_stepping_after_the_end_says_so() -> None:
    env = parallel_env("bandit")
    env.reset(seed=0)
    env.step({"player": 0})

    with pytest.raises(WorldError, match=r"call reset\(\) first"):
        env.step({"player": 0})


@pytest.mark.parametrize("action", [3, -1, 1.0, None, [0], np.nan], ids=str)
def test_an_action_outside_its_space_is_refused(action: Any) -> None:
    env = parallel_env("staggered")
    env.reset(seed=0)

    with pytest.raises(WorldError, match=r"action of 'player_1' must be a member of Discrete\(3\), got"):
        env.step({"player_0": 0, "player_1": action, "player_2": 0})


def test_a_continuous_action_that_is_not_finite_is_refused_and_one_outside_the_box_is_the_worlds_to_clip() -> None:
    env = parallel_env("bandit", action="continuous")
    env.reset(seed=0)
    with pytest.raises(WorldError, match="must be a member of Box"):
        env.step({"player": [np.nan, 0.0]})

    env.step({"player": [7.0, 0.0]})


def test_an_illegal_action_is_refused_with_the_legal_ones() -> None:
    """Nim with one or two stones left: the third action takes three."""
    for make in (lambda: WorldParallelEnv(Nim(1)), lambda: WorldAECEnv(WorldParallelEnv(Nim(1)))):
        env = make()
        env.reset(seed=0)
        while (heap := int(env.state()[0])) > 2:
            env.step(0 if isinstance(env, WorldAECEnv) else {env.acting[0]: 0})

        assert heap == 2
        with pytest.raises(WorldError, match=r"action 2 of 'player_\d' is illegal now; legal are \[0, 1\]"):
            env.step(2 if isinstance(env, WorldAECEnv) else {env.acting[0]: 2})


def test_a_missing_action_is_named() -> None:
    env = parallel_env("staggered")
    env.reset(seed=0)

    with pytest.raises(WorldError, match=r"'player_1' must act now but has no action; got actions of \['player_0'\]"):
        env.step({"player_0": 0})


def test_a_view_needs_one_copy() -> None:
    with pytest.raises(ConfigError, match="num_envs=2"):
        WorldParallelEnv(Nim(2))


# --- drawing ----------------------------------------------------------------------------------------------------------


def test_no_window_library_is_loaded_until_something_is_drawn() -> None:
    probe = (
        "import sys; from marl_ppo.envs.pettingzoo import aec_env, parallel_env\n"
        "for env in (parallel_env('bandit', render_mode='rgb_array'), aec_env('bandit')): env.reset(seed=0)\n"
        "print(*{'pygame', 'torch', 'marl_ppo.viewer'} & set(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout

    assert loaded.split() == []


def test_a_render_mode_the_world_cannot_serve_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"must be None or one of \['human', 'rgb_array'\], got 'ansi'"):
        parallel_env("bandit", render_mode="ansi")
    with pytest.raises(ConfigError, match=r"must be None or one of \[\], got 'human'"):
        WorldParallelEnv(Nim(1, capabilities=()), render_mode="human")


def test_drawing_without_a_mode_warns_and_drawing_before_a_reset_is_refused() -> None:
    with pytest.warns(UserWarning, match="render_mode='rgb_array'"):
        assert WorldParallelEnv(Nim(1)).render() is None
    with pytest.raises(WorldError, match=r"call reset\(\) first"):
        WorldParallelEnv(Nim(1), render_mode="rgb_array").render()


def test_the_human_mode_shows_every_step_by_itself_at_a_speed_for_humans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to wait for before the first picture; then up to 1 / RENDER_FPS seconds before each."""
    shown: list[str] = []
    waits: list[float] = []

    class FakeRenderer:
        def __init__(self, teams: Sequence[str], title: str) -> None:
            shown.append(f"{title}: {' against '.join(teams)}")

        def show(self, scene: Scene) -> None:
            shown.append(scene.primitives[0].text)

        def close(self) -> None:
            shown.append("closed")

    monkeypatch.setattr("time.sleep", waits.append)
    monkeypatch.setitem(sys.modules, "marl_ppo.viewer.renderer", types.SimpleNamespace(Renderer=FakeRenderer))
    env = WorldParallelEnv(Nim(1), render_mode="human")
    env.reset(seed=0)
    heap = int(env.state()[0])
    env.step({"player_0": 0})
    env.close()

    assert shown == ["nim: first against second", str(heap), str(heap - 1), "closed"]
    assert waits[0] == 0
    assert 0 < waits[1] <= 1 / RENDER_FPS
