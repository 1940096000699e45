"""PettingZoo in both directions: worlds seen as PettingZoo envs, PettingZoo envs played as worlds.

view     `parallel_env(world_id)`: any registered world as a standard ParallelEnv
aec      `aec_env(world_id)`: the same as a standard AECEnv
adapter  `from_parallel_env(make, num_envs=N)`: any ParallelEnv as a World, also under ids such as
         `pettingzoo:mpe2.simple_spread_v3`
"""

from marl_ppo.envs.pettingzoo.adapter import from_parallel_env
from marl_ppo.envs.pettingzoo.aec import aec_env
from marl_ppo.envs.pettingzoo.view import parallel_env

__all__ = ["aec_env", "from_parallel_env", "parallel_env"]
