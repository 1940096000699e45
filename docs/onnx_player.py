"""Plays files of `marl-ppo export` in a PettingZoo env: needs numpy, onnxruntime and the env, and nothing of marl_ppo.

python onnx_player.py mpe2.simple_spread_v3 100 spread.onnx     the mean return per agent in 100 episodes
"""

import importlib
import json
import sys

import numpy as np
import onnxruntime


class OnnxPolicy:
    """One file. `choose` is the output to play: action, the most probable one, or sampled_action."""

    def __init__(self, file, choose="action", seed=0):
        self.session = onnxruntime.InferenceSession(file)
        about = self.session.get_modelmeta().custom_metadata_map
        self.agent_index = json.loads(about["agents"])
        self.dtypes = {leaf["input"]: leaf["dtype"] for leaf in json.loads(about["obs"]).values()}
        self.sizes = {given.name: given.shape[1:] for given in self.session.get_inputs()}
        if "action_mask" in self.sizes:
            self.dtypes["action_mask"] = "bool"
        self.choose, self.rng = choose, np.random.default_rng(seed)
        self.reset()

    def reset(self):
        """Before each episode."""
        self.memory = {}

    def act(self, seen):
        """{agent: {leaf of obs, and action_mask: array}} of the agents that decide now → {agent: action} of those it plays."""
        agents = [agent for agent in seen if agent in self.agent_index]
        if not agents:
            return {}
        known = {name: np.stack([seen[agent][name] for agent in agents]).astype(kind) for name, kind in self.dtypes.items()}
        known["agent_index"] = np.array([self.agent_index[agent] for agent in agents])
        known["is_start"] = np.array([agent not in self.memory for agent in agents])
        known["noise"] = self.rng.random((len(agents), *self.sizes["noise"]), np.float32)
        if "memory" in self.sizes:
            nothing = np.zeros(self.sizes["memory"], np.float32)
            known["memory"] = np.stack([self.memory.get(agent, nothing) for agent in agents])
        names = [output.name for output in self.session.get_outputs()]
        found = dict(zip(names, self.session.run(names, {name: known[name] for name in self.sizes}), strict=True))
        self.memory |= zip(agents, found.get("next_memory", agents), strict=True)
        return dict(zip(agents, found[self.choose], strict=True))


if __name__ == "__main__":
    env = importlib.import_module(sys.argv[1]).parallel_env()
    policies = [OnnxPolicy(file) for file in sys.argv[3:]]
    returns = []
    for seed in range(int(sys.argv[2])):
        observations, infos = env.reset(seed=seed)
        returns.append(0.0)
        for policy in policies:
            policy.reset()
        while env.agents:
            actions = {agent: env.action_space(agent).sample() for agent in env.agents}  # of those that no file plays
            for policy in policies:
                actions |= policy.act({agent: {"vector": obs, **infos[agent]} for agent, obs in observations.items()})
            observations, rewards, _, _, infos = env.step(actions)
            returns[-1] += sum(rewards.values()) / len(rewards)
    print(f"mean return per agent {np.mean(returns):.2f} ± {np.std(returns) / len(returns) ** 0.5:.2f}")
