"""Recorded matches: a file format, what records them, and what plays, checks and cuts them. Knows worlds, and no policies.

replay → files            what a replay is, and how it becomes a file and comes back
recorder → sealing        how episodes of a running world become replays
simulation → verify       a replay played again, in any order
"""
