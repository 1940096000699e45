"""Real Chromium, driven by its DevTools protocol over a pipe: https://chromedevtools.github.io/devtools-protocol/."""

import base64
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

_START = """
import fcntl, os, sys
files = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
for number, file in zip((3, 4), files):
    os.dup2(file, number)
os.execv(sys.argv[3], sys.argv[3:])
"""
NAMES = ("chromium", "chromium-browser", "google-chrome")


def require_chromium() -> str:
    """Its path; skips the test where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium is installed, so no page can be opened: apt-get install chromium")
    return found


class Browser:
    """A browser with one page at a time, which notes what a page asks of the network and what it complains about."""

    def __init__(self, profile: Path) -> None:
        commands, self._write = os.pipe()
        self._read, replies = os.pipe()
        # It reads commands from file 3 and writes replies to file 4. As root it needs --no-sandbox.
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-c", _START, str(commands), str(replies), require_chromium(), "--headless=new"),
                *("--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
                *("--disable-background-networking", "--force-color-profile=srgb", f"--user-data-dir={profile}"),
            ],
            pass_fds=[commands, replies],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(replies)
        self._unread = b""
        self._number = 0
        self._session: str | None = None
        self._loaded: set[str] = set()
        self.requests: list[str] = []
        """addresses the page asked for, since it was opened, itself among them"""
        self.complaints: list[str] = []
        """what it wrote to the console as an error or warning, errors nobody caught, breaches of its policy"""

    def open(self, file: Path, *, size: tuple[int, int] = (1200, 800), fragment: str = "", touch: bool = False) -> None:
        """Open a page of the disk in a window of its own; returns once it has loaded and was drawn."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)
        self.resize(size)
        if touch:
            self.call("Emulation.setTouchEmulationEnabled", enabled=True)
        self.requests, self.complaints = [], []
        # The empty page that was there before also tells that it has loaded, maybe only now.
        loader = self.call("Page.navigate", url=file.resolve().as_uri() + fragment)["loaderId"]
        while loader not in self._loaded:
            self._hear()
        self._draw()

    def resize(self, size: tuple[int, int], *, density: float = 1.0) -> None:
        """As if the window had this size in CSS pixels."""
        width, height = size
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=density, mobile=False)
        self._draw()

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page; a promise is awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"], indent=1))
        return answer["result"].get("value")

    def press(self, key: str, *, shift: bool = False) -> None:
        """A key, down and up, by the name JavaScript has for it."""
        typed = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, modifiers=8 * shift, **typed)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, modifiers=8 * shift)

    def drag(self, *points: tuple[float, float]) -> None:
        """The mouse pressed at the first point, moved over the others, and released."""
        kinds = ["mousePressed", *["mouseMoved"] * (len(points) - 1), "mouseReleased"]
        for kind, (x, y) in zip(kinds, [*points, points[-1]], strict=True):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def touch(self, *points: tuple[float, float]) -> None:
        """A finger put down at the first point, moved over the others, and lifted."""
        for number, (x, y) in enumerate(points):
            self.call("Input.dispatchTouchEvent", type="touchMove" if number else "touchStart", touchPoints=[{"x": x, "y": y}])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def point_at(self, selector: str) -> tuple[float, float]:
        """Move the mouse to the middle of the first element that a CSS selector finds; where that is."""
        found = f"document.querySelector({json.dumps(selector)})"
        self.run(f"{found}.scrollIntoView({{block: 'center'}})")
        x, y = self.run(f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])({found}.getBoundingClientRect())")
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        return x, y

    def click(self, selector: str) -> None:
        """The middle of the first element that a CSS selector finds."""
        self.drag(self.point_at(selector))

    def pixels(self, selector: str) -> "np.ndarray[Any, np.dtype[np.uint8]]":
        """What is in a canvas: uint8 [H, W, 3]."""
        url = self.run(f"document.querySelector({json.dumps(selector)}).toDataURL()")
        image = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
        return np.asarray(image.convert("RGB"))

    def screenshot(self, file: Path) -> None:
        """What is seen, as PNG."""
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def call(self, method: str, **params: Any) -> Any:
        """A command of the protocol: what it returns."""
        self._number += 1
        number = self._number
        session = {"sessionId": self._session} if self._session and not method.startswith("Target.") else {}
        message = {"id": number, "method": method, "params": params, **session}
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._hear()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def close(self) -> None:
        """End it."""
        self._session = None
        self.call("Browser.close")
        self._process.wait(timeout=20)
        os.close(self._read)
        os.close(self._write)

    def _draw(self) -> None:
        """Wait until what changed so far is drawn: a page may draw parts of itself once it knows its size."""
        self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def _hear(self) -> Any:
        while b"\0" not in self._unread:
            heard = os.read(self._read, 1 << 20)
            assert heard, "the browser has ended"
            self._unread += heard
        line, _, self._unread = self._unread.partition(b"\0")
        message = json.loads(line)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, method: str | None, params: Any) -> None:
        if method == "Page.lifecycleEvent" and params["name"] == "load":
            self._loaded.add(params["loaderId"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.complaints.append(json.dumps(params["args"]))
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(params["entry"]["text"])
