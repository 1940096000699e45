"""Plays files of `marl-ppo export` in a PettingZoo env: python onnx_player.py mpe2.simple_spread_v3 EPISODES spread.onnx ..."""

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

    def act(self, agent, seen, choose="action"):  # `seen` are obs and action_mask; choose="sampled_action" throws dice
        known = {"agent_index": self.agents[agent], "is_start": agent not in self.memory, "memory": self.memory.get(agent, 0)}
        given = {}
        for port in self.session.get_inputs():
            shape, kind = port.shape[1:], port.type[7:-1].replace("float", "float32").replace("double", "float64")
            value = self.rng.random(shape) if port.name == "noise" else {**known, **seen}[port.name]
            given[port.name] = np.broadcast_to(value, (1, *shape)).astype(kind)
        found = dict(zip([port.name for port in self.session.get_outputs()], self.session.run(None, given), strict=True))
        self.memory[agent] = found.get("next_memory", [0])[0]
        return found[choose][0]


if __name__ == "__main__":
    env, returns = importlib.import_module(sys.argv[1]).parallel_env(), np.zeros(int(sys.argv[2]))
    played_by = {agent: policy for policy in map(OnnxPolicy, sys.argv[3:]) for agent in policy.agents}
    for episode in range(len(returns)):
        (seen, infos), _ = env.reset(seed=episode), [policy.memory.clear() for policy in played_by.values()]
        while env.agents:
            actions = {agent: played_by[agent].act(agent, {"vector": seen[agent], **infos[agent]}) for agent in env.agents}
            seen, rewards, _, _, infos = env.step(actions)
            returns[episode] += sum(rewards.values()) / len(rewards)
    print(f"mean return per agent {returns.mean():.2f} ± {returns.std() / len(returns) ** 0.5:.2f}")
