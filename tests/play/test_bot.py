"""What a bot makes of what it is given."""

from typing import Any

import numpy as np
import pytest
import torch

from marl_ppo.agents.policy import Decision
from marl_ppo.agents.scripted import uniform_policy
from marl_ppo.envs import make_world
from marl_ppo.errors import ConfigError
from marl_ppo.play.bot import Bot
from marl_ppo.play.seating import Player


class Counting:
    """Plays how often it has decided (modulo 3), kept in memory; notes the rows, masks and starts it was given."""

    noise_size = 1
    memory_size = 1

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def act(self, obs: Any, action_mask: Any, agent_index: Any, is_start: Any, memory: Any, noise: Any, greedy: bool) -> Any:
        memory = torch.where(is_start[:, None], 0.0, memory)
        self.calls.append({"index": agent_index.tolist(), "start": is_start.tolist(), "mask": action_mask, "noise": noise})
        return Decision((memory[:, 0] % 3).long(), torch.zeros(len(memory)), memory + 1)


def bot_on(world_id: str, policy: Any = None, agents: tuple[str, ...] | None = None, **codec: Any) -> Bot:
    spec = make_world(world_id).spec
    player = Player(name="it", policies=dict.fromkeys(spec.agents if agents is None else agents, policy or Counting()))
    return Bot(player, spec, **codec)


ZEROS = np.zeros(18, np.float32)


def test_each_agent_has_its_own_memory_which_an_episode_begins_anew() -> None:
    """agent_1 joins one decision later, is away for one, and goes on where it was."""
    bot = bot_on("spread")
    given = [["agent_0"], ["agent_0", "agent_1"], ["agent_0"], ["agent_1", "agent_0"]]
    played = [bot.act(dict.fromkeys(agents, ZEROS)) for agents in given]
    bot.reset()

    assert played == [{"agent_0": 0}, {"agent_0": 1, "agent_1": 0}, {"agent_0": 2}, {"agent_0": 0, "agent_1": 1}]
    assert bot.act({"agent_0": ZEROS}) == {"agent_0": 0}


def test_who_is_given_together_decides_in_one_batch_in_the_order_of_the_world() -> None:
    policy = Counting()
    bot_on("spread", policy).act({"agent_2": ZEROS, "agent_0": ZEROS})

    assert [call["index"] for call in policy.calls] == [[0, 2]]
    assert [call["start"] for call in policy.calls] == [[True, True]]


def test_who_is_not_on_turn_makes_no_decision() -> None:
    """Its counter and its memory stay, as in a Play."""
    bot = bot_on("spread")
    waiting, on_turn = {"agent_0": {"acting": False}}, {"agent_0": {"acting": True}}
    told = [bot.act({"agent_0": ZEROS}, info) for info in (on_turn, waiting, on_turn)]

    assert told == [{"agent_0": 0}, {}, {"agent_0": 1}]
    with pytest.raises(ConfigError, match="'it' has no action for 'agent_0': it is not on turn"):
        bot.act_one("agent_0", ZEROS, waiting["agent_0"])


def test_the_mask_may_stand_in_the_observation_or_in_the_info() -> None:
    policy = Counting()
    bot, seen, mask = bot_on("kuhn", policy), np.zeros(make_world("kuhn").spec.groups[0].obs["vector"].shape), [1, 0]
    bot.act_one("player_0", {"observation": seen, "action_mask": np.array(mask, np.int8)})
    bot.act_one("player_0", seen, {"action_mask": np.array(mask, np.int8)})

    assert [call["mask"].tolist() for call in policy.calls] == [[[True, False]], [[True, False]]]
    with pytest.raises(ConfigError, match="info of 'player_0' must have an action_mask of 2 choices, got None"):
        bot.act_one("player_0", seen)
    with pytest.raises(ConfigError, match=r"an action_mask of 2 choices, got \[1\]"):
        bot.act_one("player_0", seen, {"action_mask": [1]})


def test_agents_of_other_players_are_left_to_them() -> None:
    """Two bots with one part each drive one loop."""
    bot = bot_on("tag", agents=("agent_0",))
    sizes = {
        agent: box.shape for group in make_world("tag").spec.groups for agent in group.agents for box in group.obs.values()
    }
    observations = {agent: np.zeros(shape, np.float32) for agent, shape in sizes.items()}

    assert bot.agents == ("agent_0",)
    assert bot.act(observations).keys() == {"agent_0"}
    with pytest.raises(ConfigError, match="'it' has no action for 'adversary_0': it plays agent_0"):
        bot.act_one("adversary_0", observations["adversary_0"])


def test_an_env_of_other_spaces_is_read_and_written_by_a_converter() -> None:
    """This one shows numbers as text, and counts its actions from 10."""
    bot = bot_on(
        "spread",
        read=lambda agent, observation, info: ({"vector": [float(word) for word in observation.split()]}, None),
        write=lambda agent, action: (agent, action + 10),
    )

    assert bot.act({"agent_0": "0 " * 18}) == {"agent_0": ("agent_0", 10)}


def test_continuous_actions_are_clipped_to_their_space() -> None:
    spec = make_world("spread", action="continuous").spec

    class Far(Counting):
        def act(self, obs: Any, *rest: Any) -> Any:
            decision = super().act(obs, *rest)
            return decision._replace(actions=torch.tensor([9.0, -9.0]).tile(len(decision.actions), 3)[:, : box.shape[0]])

    box = spec.groups[0].action
    action = Bot(Player(name="it", policies={"agent_0": Far()}), spec).act_one("agent_0", ZEROS)

    assert box.contains(action)
    assert action[0] == box.high[0]


def test_noise_follows_from_seed_seat_and_decision() -> None:
    def noise(seed: int, agent: str, decisions: int) -> float:
        policy = Counting()
        bot = bot_on("spread", policy, seed=seed)
        for _ in range(decisions):
            bot.act({agent: ZEROS})
        return float(policy.calls[-1]["noise"][0, 0])

    different = [noise(0, "agent_0", 1), noise(1, "agent_0", 1), noise(0, "agent_1", 1), noise(0, "agent_0", 2)]

    assert noise(0, "agent_0", 1) == different[0]
    assert len(set(different)) == 4


def test_seats_are_numbered_through_all_groups() -> None:
    """A Play counts tag's prey after its chasers; equal places in their groups must not draw equal noise."""
    spec = make_world("tag").spec
    policies = {"adversary_0": Counting(), "agent_0": Counting()}
    bot = Bot(Player(name="it", policies=policies), spec)
    for group in spec.groups:
        bot.act({group.agents[0]: np.zeros(group.obs["vector"].shape, np.float32)})
    first, second = (policy.calls[0]["noise"][0, 0].item() for policy in policies.values())

    assert first != second


@pytest.mark.parametrize(
    ("observations", "message"),
    [
        ({"agent_9": ZEROS}, r"world 'spread' has no agent \['agent_9'\]; its agents are"),
        ({"agent_0": ZEROS[:5]}, r"the vector that 'agent_0' sees must have shape \(18,\), got \(5,\)"),
        ({"agent_0": {"picture": ZEROS}}, r"'agent_0' sees \['vector'\] in world 'spread', got \['picture'\]"),
    ],
)
def test_what_is_not_of_this_world_is_refused(observations: dict[str, Any], message: str) -> None:
    bot = Bot(
        Player(name="it", policies={"agent_0": uniform_policy(make_world("spread").spec.groups[0])}), make_world("spread").spec
    )

    with pytest.raises(ConfigError, match=message):
        bot.act(observations)
