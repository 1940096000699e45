"""Seating, stepping worlds with policies, observers."""
