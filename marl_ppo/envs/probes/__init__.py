"""Tiny worlds that test one ability each, with a known optimum. They are for tests and for debugging a trainer."""
