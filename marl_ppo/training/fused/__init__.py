"""The PPO update by hand, for standard networks on the CPU: the fast twin of autograd on the plain modules."""
