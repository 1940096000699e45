"""Leagues: populations of players that train against one another, are kept, matched, rated and resumed."""
