"""Kuhn poker: the smallest poker game, with known exact values."""
