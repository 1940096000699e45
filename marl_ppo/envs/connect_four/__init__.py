"""Connect Four: turns, masks, a long horizon, and nothing hidden."""
