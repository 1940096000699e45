"""The maths of PPO: pure functions on tensors, and small states of numbers. Imports nothing else of the project."""
