"""Leduc poker: small enough for exact values, large enough to need a network."""
