"""`marl-ppo doctor`: findings, and a mark at what needs a hand."""

import importlib.metadata
from typing import Any

import pytest


def test_every_required_package_is_named_with_its_version(marl_ppo: Any) -> None:
    said = marl_ppo("doctor")

    assert said.code == 0
    assert f"  torch {importlib.metadata.version('torch')}" in said.lines
    assert f"  tomli-w {importlib.metadata.version('tomli-w')}" in said.lines
    assert not any("pytest" in line for line in said.lines)
    assert "  no screen: watch writes a gif" in said.lines
    assert not any(line.startswith("!") for line in said.lines)


def installed(monkeypatch: pytest.MonkeyPatch, changes: dict[str, str | None]) -> None:
    """Let the packages of `changes` have another version here; None: not installed."""
    version = importlib.metadata.version

    def found(package: str) -> str:
        chosen = changes[package] if package in changes else version(package)
        if chosen is None:
            raise importlib.metadata.PackageNotFoundError(package)
        return chosen

    monkeypatch.setattr("marl_ppo.cli.doctor.version", found)


def test_a_missing_package_is_marked_with_what_installs_it(marl_ppo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, {"torch": None, "pygame": None})
    said = marl_ppo("doctor")

    assert [line for line in said.lines if line.startswith("!")] == ["! torch is not installed: pip install torch"]
    assert not any("core(s)" in line for line in said.lines)  # what needs torch to find out is not asked


def test_pygame_beside_its_community_edition_is_marked(marl_ppo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, {"pygame": "2.6.1"})
    (mark,) = [line for line in marl_ppo("doctor").lines if line.startswith("!")]

    assert mark.startswith("! pygame is installed beside pygame-ce and overwrites it")


def test_arguments_are_refused(marl_ppo: Any) -> None:
    said = marl_ppo("doctor", "who")

    assert said.code == 2
    assert "doctor takes no arguments, got 'who'" in said.err
    assert marl_ppo("doctor", "--help").lines[0] == "usage: marl-ppo doctor"


def test_plain_pygame_alone_is_as_good(marl_ppo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Telling its user to install pygame-ce beside it would make the conflict that is warned of above."""
    installed(monkeypatch, {"pygame": "2.6.1", "pygame-ce": None})
    said = marl_ppo("doctor")

    assert "  pygame 2.6.1, which does as well as pygame-ce" in said.lines
    assert not any(line.startswith("!") for line in said.lines)
