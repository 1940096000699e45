"""Rooms: agents walk a grid of rooms among doors, keys, plates, parcels and flags, and are rewarded at success alone."""
