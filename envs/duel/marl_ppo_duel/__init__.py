"""A world plugin: a duel of two on a grid, written against the public contract of `marl_ppo` alone."""
