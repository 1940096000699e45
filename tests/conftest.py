"""Settings of the whole suite, and what tests of different parts share."""

from typing import Any

import pytest
from hypothesis import settings
from matplotlib.figure import Figure

# An example's wall time says nothing on a shared machine, and the first one may compile a kernel.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """What is drawn, caught as it is saved."""
    caught: list[Figure] = []
    save = Figure.savefig

    def savefig(figure: Figure, *arguments: Any, **options: Any) -> None:
        caught.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", savefig)
    return caught
