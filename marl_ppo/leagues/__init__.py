"""Leagues of players: whom to meet, what was met, how strong everybody is, and what an evaluation makes of it."""
