"""PettingZoo in both directions: worlds seen as PettingZoo envs, other people's envs played as worlds.

view         `parallel_env(world_id)`: any registered world as a standard ParallelEnv
aec          `aec_env(world_id)`: the same as a standard AECEnv
adapter      `from_env(make, num_envs=N)`: any ParallelEnv, AECEnv or gymnasium.Env as a World
installed    the same by id, such as `pettingzoo:mpe2.simple_spread_v3` and `gymnasium:CartPole-v1`
"""

from marl_ppo.envs.pettingzoo.adapter import from_env
from marl_ppo.envs.pettingzoo.aec import aec_env
from marl_ppo.envs.pettingzoo.view import parallel_env

__all__ = ["aec_env", "from_env", "parallel_env"]
