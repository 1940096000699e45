"""Scripted players: the levels they reach in their worlds, and what every script owes to the policy contract."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch
from gymnasium import spaces

from marl_ppo.agents.policy import Policy
from marl_ppo.agents.scripted import register_script, scripted_policy, scripted_worlds, uniform_policy
from marl_ppo.agents.scripted.kuhn import KuhnNash
from marl_ppo.envs import Group, World, make_world
from marl_ppo.envs.kuhn.tree import ROOT
from marl_ppo.envs.seeds import stream
from marl_ppo.errors import ConfigError, UnknownNameError
from marl_ppo.evaluation.exact import expected_payoffs, information_sets, nash_conv
from marl_ppo.play.episodes import EpisodeLog, Episodes
from marl_ppo.play.play import Observer, Play

SCRIPT, RANDOM = "script", "random"
ACTIONS = {
    "spread": ("discrete", "continuous"),
    "speaker_listener": ("discrete", "continuous"),
    "reference": ("discrete", "multi_discrete", "continuous"),
    "tag": ("discrete", "continuous"),
    "adversary": ("discrete", "continuous"),
    "soccer": ("discrete", "continuous"),
}


def players(world: World, kinds: Sequence[str]) -> list[Policy]:
    """One policy per group."""
    return [
        scripted_policy(world.spec.id, group, world.spec) if kind == SCRIPT else uniform_policy(group)
        for group, kind in zip(world.spec.groups, kinds, strict=True)
    ]


def started(world: World, kinds: Sequence[str], *observers: Observer) -> Play:
    seats = [np.full((world.num_envs, len(group.agents)), g) for g, group in enumerate(world.spec.groups)]
    play = Play(
        world,
        players(world, kinds),
        seats,
        lambda copies, numbers: stream(0, "eval", copies, numbers),
        observers=observers,
    )
    play.start()
    return play


def episodes(world: World, kinds: Sequence[str]) -> Episodes:
    """The episodes that `max_steps` steps hold: one per copy where all are as long."""
    log = EpisodeLog(world.spec, world.num_envs)
    play = started(world, kinds, log)
    for _ in range(world.spec.max_steps or 0):
        play.step()
    return log.take()


def mean_returns(world_id: str, *kinds: str, num_envs: int = 400, **config: object) -> list[float]:
    """Mean return per agent of each group."""
    world = make_world(world_id, num_envs=num_envs, **config)
    return [float(returns.mean()) for returns in episodes(world, kinds).returns]


def test_random_play_scores_what_mpe2s_does() -> None:
    """Measured in mpe2 1.1.1, per agent: spread -26.98 ± 0.46, speaker_listener -39.7, reference -28.8."""
    assert mean_returns("spread", RANDOM) == pytest.approx([-27.0], abs=1.5)
    assert mean_returns("speaker_listener", RANDOM, RANDOM) == pytest.approx([-39.7] * 2, abs=4.0)
    assert mean_returns("reference", RANDOM) == pytest.approx([-28.8], abs=1.5)


@pytest.mark.parametrize(
    ("world_id", "bar"),
    [("spread", -7.8), ("speaker_listener", -8.0), ("reference", -8.2)],
)
def test_cooperative_scripts_leave_random_play_far_behind(world_id: str, bar: float) -> None:
    """Over 1,000 episodes they score -7.3, -7.0 and -7.6 with discrete actions, and more where pushes are continuous."""
    for action in ACTIONS[world_id]:
        kinds = [SCRIPT] * len(make_world(world_id).spec.groups)

        assert min(mean_returns(world_id, *kinds, action=action)) > bar


@pytest.mark.parametrize("action", ACTIONS["tag"])
def test_chasers_catch_and_prey_flees(action: str) -> None:
    """Per chaser, over 1,000 episodes: 4 at random, 66 after random prey, 30 after the scripted one."""
    idle, _ = mean_returns("tag", RANDOM, RANDOM, action=action)
    easy, _ = mean_returns("tag", SCRIPT, RANDOM, action=action)
    hard, _ = mean_returns("tag", SCRIPT, SCRIPT, action=action)
    missed, _ = mean_returns("tag", RANDOM, SCRIPT, action=action)

    assert easy > hard + 25 > idle + 40
    assert missed < idle / 2


@pytest.mark.parametrize("action", ACTIONS["adversary"])
def test_adversary_finds_agents_and_agents_mislead_it(action: str) -> None:
    """Over 1,000 episodes the adversary gets -28 at random and -16 as scripted; the agents 8 and 23 beside a random one.

    Watching random agents helps it as much as being misled by scripted ones: neither tells which landmark is the target.
    """
    idle, aimless = mean_returns("adversary", RANDOM, RANDOM, action=action)
    _, covering = mean_returns("adversary", RANDOM, SCRIPT, action=action)
    watching, contested = mean_returns("adversary", SCRIPT, SCRIPT, action=action)

    assert watching > idle + 8
    assert covering > aimless + 10
    assert contested > 7


def test_adversary_goes_to_the_landmark_that_an_agent_is_nearest_to() -> None:
    """Landmarks lie left and right of it, the agents far up and near the right one."""
    world = make_world("adversary")
    script = players(world, [SCRIPT, RANDOM])[0]
    obs = {"vector": torch.tensor([[-1.0, 0.0, 1.0, 0.0, 0.0, 5.0, 1.1, 0.1]])}

    decision = script.act(obs, None, torch.tensor([0]), torch.tensor([True]), torch.zeros(1, 2), torch.zeros(1, 0), True)

    assert decision.actions.tolist() == [2]


@pytest.mark.parametrize("action", ACTIONS["adversary"])
def test_players_that_cannot_see_their_velocity_remember_it_exactly(action: str) -> None:
    world = make_world("adversary", num_envs=8, action=action)
    play = started(world, [SCRIPT, SCRIPT])
    for _ in range(10):
        play.step()
    remembered = torch.cat([memory.unflatten(0, (8, -1)) for memory in play.memory], dim=1)

    np.testing.assert_allclose(remembered.numpy(), world.bodies.velocity, atol=1e-5)


@pytest.mark.parametrize(
    ("world_id", "config"),
    [
        ("spread", {"agents": 1}),
        ("spread", {"agents": 5}),
        ("tag", {"chasers": 2, "prey": 2, "obstacles": 0}),
        ("tag", {"chasers": 1, "prey": 3, "obstacles": 4}),
        ("adversary", {"agents": 3}),
    ],
)
def test_particle_scripts_play_other_numbers_of_agents(world_id: str, config: dict[str, int]) -> None:
    """The first group of each of these does better as a script than at random."""
    groups = len(make_world(world_id).spec.groups)

    scripted = mean_returns(world_id, *[SCRIPT] * groups, num_envs=100, **config)
    random = mean_returns(world_id, *[RANDOM] * groups, num_envs=100, **config)

    assert scripted[0] > random[0]


@pytest.mark.parametrize(("world_id", "kinds"), [("spread", [SCRIPT]), ("adversary", [RANDOM, SCRIPT])])
def test_assigning_more_agents_than_can_be_tried_is_refused(world_id: str, kinds: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"at most 6 agents, got 7"):
        players(make_world(world_id, agents=7), kinds)


def test_kuhn_script_cannot_be_exploited() -> None:
    """NashConv 0 by the tree, and -1/18 for player_0. The chance to bet is the share of an even grid of noise that bets."""
    world = make_world("kuhn")
    script = KuhnNash(world.spec.groups[0], world.spec)
    noise = (torch.arange(6000) + 0.5)[:, None] / 6000
    strategy = {}
    for name, node in information_sets(ROOT).items():
        obs = {"vector": torch.from_numpy(node.obs).expand(6000, -1)}
        blank = torch.zeros(6000)
        actions = script.act(obs, None, blank.long(), blank.bool(), blank[:, None][:, :0], noise, False).actions
        bet = float(actions.double().mean())
        strategy[name] = (1.0 - bet, bet)

    assert nash_conv(ROOT, strategy) == pytest.approx(0.0, abs=1e-9)
    assert expected_payoffs(ROOT, strategy)[0] == pytest.approx(-1 / 18, abs=1e-9)


@pytest.mark.parametrize(
    ("world_id", "best", "config"),
    [
        ("bandit", 1.0, {}),
        ("bandit", 1.0, {"context": True}),
        ("bandit", 1.0, {"masked": True}),
        ("bandit", 1.0, {"action": "multi_discrete"}),
        ("bandit", 1.0, {"action": "multi_discrete", "context": True}),
        ("bandit", 0.0, {"action": "continuous"}),
        ("bandit", 0.0, {"action": "continuous", "context": True}),
        ("recall", 1.0, {}),
        ("recall", 1.0, {"delay": 9}),
        ("two_kinds", 5.0, {}),
        ("waits", 25.0, {}),
    ],
)
def test_probe_scripts_reach_the_best_return(world_id: str, best: float, config: dict[str, object]) -> None:
    kinds = [SCRIPT] * len(make_world(world_id).spec.groups)

    assert mean_returns(world_id, *kinds, num_envs=20, **config) == pytest.approx([best] * len(kinds), abs=1e-6)


@pytest.mark.parametrize("on_death", ["ends", "team"])
def test_staggered_script_is_always_right(on_death: str) -> None:
    played = episodes(make_world("staggered", num_envs=20, on_death=on_death), [SCRIPT])

    assert len(played) >= 20
    assert played.metrics["accuracy"].min() == 1.0


def scripts() -> Iterator[tuple[str, dict[str, str]]]:
    """Every world with scripts, with each kind of action space."""
    for world_id in scripted_worlds():
        if world_id in ACTIONS:
            yield from ((world_id, {"action": action}) for action in ACTIONS[world_id])
        else:
            yield world_id, {}


@pytest.mark.parametrize(("world_id", "config"), list(scripts()))
@pytest.mark.parametrize("kind", [SCRIPT, RANDOM])
def test_players_act_row_by_row_within_their_action_space(world_id: str, config: dict[str, str], kind: str) -> None:
    """Rows in another order get the same actions in that order: no row, and no tie, depends on its neighbours."""
    world = make_world(world_id, num_envs=8, **config)
    outputs = world.reset(stream(0, "eval", np.arange(8)))
    policies = players(world, [kind] * len(world.spec.groups))
    for group, policy, leaves, mask in zip(world.spec.groups, policies, outputs.obs, outputs.action_mask, strict=True):
        rows = 8 * len(group.agents)
        generator = torch.Generator().manual_seed(0)
        inputs = (
            torch.from_numpy(leaves["vector"]).flatten(0, 1),
            torch.ones(rows, 1, dtype=torch.bool) if mask is None else torch.from_numpy(mask).flatten(0, 1),
            torch.tensor(group.agent_index).repeat(8),
            torch.rand(rows, generator=generator) < 0.5,
            torch.rand(rows, policy.memory_size, generator=generator),
            torch.rand(rows, policy.noise_size, generator=generator),
        )

        def act(order: torch.Tensor, policy: Policy = policy, inputs: tuple = inputs, masked: bool = mask is not None):
            obs, mask, *rest = (part[order] for part in inputs)
            return policy.act({"vector": obs}, mask if masked else None, *rest, False)

        backwards = torch.arange(rows).flip(0)
        decision, reversed_decision = act(torch.arange(rows)), act(backwards)

        assert all(group.action.contains(action.astype(group.action_dtype)) for action in decision.actions.numpy())
        assert decision.logprob.tolist() == [0.0] * rows
        assert decision.memory.shape == (rows, policy.memory_size)
        assert torch.equal(decision.actions[backwards], reversed_decision.actions)
        assert torch.equal(decision.memory[backwards], reversed_decision.memory)


def test_memory_is_forgotten_at_the_start_of_an_episode() -> None:
    """A row that starts plays as with memory zero; one that goes on does not: here it would brake."""
    world = make_world("adversary")
    adversary = world.spec.groups[0]
    script = scripted_policy("adversary", adversary, world.spec)
    obs = {"vector": torch.tensor([[0.1, 0.0, 0.1, 0.0, 0.1, 0.0, 0.1, 0.0]]).expand(2, -1)}
    speed = torch.tensor([[2.0, 0.0]]).expand(2, -1)

    decision = script.act(obs, None, torch.zeros(2).long(), torch.tensor([True, False]), speed, torch.zeros(2, 0), True)

    assert decision.actions.tolist() == [2, 1]  # right, left


def group_of(action: spaces.Space, *, masked: bool = False) -> Group:
    box = spaces.Box(0.0, 1.0, (1,), np.float32)
    return Group(name="players", agents=("a",), team=(0,), obs={"vector": box}, action=action, masked=masked)


def draw(group: Group, noise: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    rows = len(noise)
    blank = torch.zeros(rows)
    obs = {"vector": blank[:, None]}
    return uniform_policy(group).act(obs, mask, blank.long(), blank.bool(), torch.zeros(rows, 0), noise, False).actions


def test_random_player_draws_each_legal_action_equally_often() -> None:
    """Noise 1/8, 3/8, 5/8, 7/8 falls once into each quarter: two legal actions come twice each, four once each."""
    noise = torch.tensor([[1.0], [3.0], [5.0], [7.0]]) / 8
    mask = torch.tensor([[False, True, False, True]]).expand(4, -1)

    assert draw(group_of(spaces.Discrete(4)), noise).tolist() == [0, 1, 2, 3]
    assert draw(group_of(spaces.Discrete(4), masked=True), noise, mask).tolist() == [1, 1, 3, 3]
    assert draw(group_of(spaces.MultiDiscrete([4, 2])), noise.expand(-1, 2)).tolist() == [[0, 0], [1, 0], [2, 1], [3, 1]]
    assert draw(group_of(spaces.Box(-4.0, 4.0, (1,))), noise).flatten().tolist() == [-3.0, -1.0, 1.0, 3.0]


def test_random_player_refuses_a_space_on_which_nothing_is_uniform() -> None:
    with pytest.raises(ConfigError, match=r"'players' has the unbounded action space Box\(-inf, inf.*finite bounds"):
        uniform_policy(group_of(spaces.Box(-np.inf, np.inf, (2,))))


def test_asking_for_a_script_that_does_not_exist_says_what_there_is() -> None:
    spec = make_world("tag").spec

    with pytest.raises(UnknownNameError, match=r"'spred'. Did you mean 'spread'\?"):
        scripted_policy("spred", spec.groups[0], spec)
    with pytest.raises(UnknownNameError, match=r"'chess'. The player `random` knows every world"):
        scripted_policy("chess", spec.groups[0], spec)
    with pytest.raises(UnknownNameError, match=r"group of world 'spread' is called 'prey'.*scripts for \['agents'\]"):
        scripted_policy("spread", spec.groups[1], spec)


def test_a_group_has_one_script() -> None:
    with pytest.raises(ConfigError, match=r"group 'prey' of world 'tag' already has the script 'marl_ppo\..*:Prey'"):
        register_script("tag", "prey", "elsewhere:Prey")


def test_kuhn_script_mixes_where_it_is_asked_to_be_greedy() -> None:
    """player_0 bets a jack in a third of its hands: who never bluffed would be beaten."""
    spec = make_world("kuhn").spec
    policy = scripted_policy("kuhn", spec.groups[0], spec)
    noise = torch.linspace(0.01, 0.99, 99).unsqueeze(1)
    obs = torch.zeros(99, 8)
    obs[:, 0] = obs[:, 7] = 1
    decision = policy.act(
        {"vector": obs},
        None,
        torch.zeros(99, dtype=torch.int64),
        torch.ones(99, dtype=torch.bool),
        torch.zeros(99, 0),
        noise,
        True,
    )

    assert decision.actions.sum() == 33


STUBBORN = {
    "nearest": [1, 1, 1],
    "farthest": [2, 2, 2],
    "numbered": [0, 1, 2],
    "shifted": [1, 2, 0],
    "reversed": [2, 1, 0],
}


@pytest.mark.parametrize(("name", "wanted"), STUBBORN.items())
def test_stubborn_players_of_spread_go_where_they_like(name: str, wanted: list[int]) -> None:
    """Three agents at one place: two apart, .1 and 3 from the landmarks."""
    spec = make_world("spread").spec
    policy = scripted_policy("spread", spec.groups[0], spec, name)
    places = torch.tensor([[2.0, 0.0], [0.1, 0.0], [0.0, -3.0]])

    assert policy.choose(places.expand(3, 3, 2), torch.arange(3)).tolist() == wanted
