"""A screen for the tests that open a real window, a virtual X server of their own; and a browser for those of pages."""

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from browser import Browser


@pytest.fixture(scope="session")
def x_display() -> Iterator[str]:
    """The name of a display that nobody else draws on."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed, so no window can be opened: apt-get install xvfb")
    reading, writing = os.pipe()
    # The server picks a free number itself and writes it once it is ready. Without -noreset it begins anew when its last
    # client leaves, and who opens a window in that moment finds no server.
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1024x768x24", "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, pass_fds=[writing], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as ready:
            number = ready.readline().strip()
        assert number, "Xvfb ended before it was ready"
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(timeout=10)


@pytest.fixture
def screen(x_display: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The display, named in the environment so that pygame finds it."""
    monkeypatch.setenv("DISPLAY", x_display)
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    monkeypatch.setenv("SDL_VIDEO_WINDOW_POS", "0,0")
    return x_display


@pytest.fixture
def headless(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A Chromium that nobody looks at."""
    opened = Browser(tmp_path_factory.mktemp("profile"))
    try:
        yield opened
    finally:
        opened.close()
