"""Statistics, and evaluation on held-out seeds."""
