"""Rollouts, the learner, the trainer's loop, checkpoints, metrics and guards."""
