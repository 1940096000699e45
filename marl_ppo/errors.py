"""Every error a user can meet, as one tree. A message says what was wrong, the value met, the value wanted, what to do.

MarlPPOError
├── ConfigError            a setting that cannot work, met before anything runs
├── UnknownNameError       a world, bot, run or player that nothing is registered under
├── WorldError             a world was driven against its contract
├── ConformanceError       a world breaks the contract itself
├── CapabilityError        a world lacks what was asked of it
├── PluginError            a plugin whose code does not work
├── FileFormatError        a file that is damaged, too new, or not ours
├── ExportError            a policy that cannot be written for other programs
└── DisplayError           a window was asked for where none can be opened
"""

import difflib
from collections.abc import Iterable


class MarlPPOError(Exception):
    """Base of all errors raised on purpose by marl_ppo; the command line prints its text and no traceback."""


class ConfigError(MarlPPOError, ValueError):
    """A setting that cannot work."""


class UnknownNameError(MarlPPOError, LookupError):
    """A name that nothing is registered under."""

    @classmethod
    def near(cls, kind: str, name: str, known: Iterable[str], *, otherwise: str) -> "UnknownNameError":
        """The error for `name`, with the nearest known name, else the advice `otherwise`."""
        matches = difflib.get_close_matches(name, list(known), n=1)
        hint = f"Did you mean {matches[0]!r}?" if matches else otherwise
        return cls(f"No {kind} is called {name!r}. {hint}")


class WorldError(MarlPPOError, RuntimeError):
    """A world was driven against its contract."""


class ConformanceError(MarlPPOError, AssertionError):
    """A world that breaks the contract, found by `marl_ppo.envs.conformance`."""


class CapabilityError(MarlPPOError, RuntimeError):
    """A world lacks what was asked of it."""


class PluginError(MarlPPOError, RuntimeError):
    """A plugin whose code does not work; the message ends with its traceback."""


class FileFormatError(MarlPPOError, ValueError):
    """A file that is damaged, too new, or not ours."""


class ExportError(MarlPPOError, RuntimeError):
    """A policy that cannot be written so that another program plays it as we do."""


class DisplayError(MarlPPOError, RuntimeError):
    """A window was asked for where none can be opened."""
