"""Settings of the whole suite."""

from hypothesis import settings

# An example's wall time says nothing on a shared machine, and the first one may compile a kernel.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
