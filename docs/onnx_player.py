"""Plays files of `marl-ppo export` in a PettingZoo env: needs numpy, onnxruntime and the env, and nothing of marl_ppo.

python onnx_player.py mpe2.simple_spread_v3 100 spread.onnx     the mean return per agent in 100 episodes
"""

import importlib
import json
import sys

import numpy as np
import onnxruntime


class OnnxPolicy:
    """One file."""

    def __init__(self, file):
        self.session, self.rng = onnxruntime.InferenceSession(file), np.random.default_rng(0)
        self.agents = json.loads(self.session.get_modelmeta().custom_metadata_map["agents"])  # {agent: agent_index}
        self.memory = {}  # by agent; to be cleared before each episode

    def act(self, agent, seen, choose="action"):
        """What an agent does that sees {input: array}, its obs and action_mask; choose="sampled_action" throws dice."""
        known = {"agent_index": self.agents[agent], "is_start": agent not in self.memory, "memory": self.memory.get(agent, 0)}
        given = {}
        for port in self.session.get_inputs():
            shape, kind = port.shape[1:], port.type[7:-1].replace("float", "float32").replace("double", "float64")
            value = self.rng.random(shape) if port.name == "noise" else {**known, **seen}[port.name]
            given[port.name] = np.broadcast_to(value, (1, *shape)).astype(kind)
        names = [port.name for port in self.session.get_outputs()]
        found = dict(zip(names, self.session.run(names, given), strict=True))
        self.memory[agent] = found.get("next_memory", [0])[0]
        return found[choose][0]


if __name__ == "__main__":
    env, policies = importlib.import_module(sys.argv[1]).parallel_env(), [OnnxPolicy(file) for file in sys.argv[3:]]
    played_by = {agent: policy for policy in policies for agent in policy.agents}
    returns = np.zeros(int(sys.argv[2]))
    for episode in range(len(returns)):
        observations, infos = env.reset(seed=episode)
        for policy in policies:
            policy.memory.clear()
        while env.agents:
            actions = {agent: env.action_space(agent).sample() for agent in env.agents}  # of those that no file plays
            for agent in actions.keys() & played_by.keys():
                actions[agent] = played_by[agent].act(agent, {"vector": observations[agent], **infos[agent]})
            observations, rewards, _, _, infos = env.step(actions)
            returns[episode] += sum(rewards.values()) / len(rewards)
    print(f"mean return per agent {returns.mean():.2f} ± {returns.std() / len(returns) ** 0.5:.2f}")
