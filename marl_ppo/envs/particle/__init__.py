"""Particle worlds: the multi-agent particle environments of mpe2, batched. README.md has their rules."""
