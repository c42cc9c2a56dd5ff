"""A real headless Chromium, driven over its DevTools protocol: one page, what it asked for and complained about."""

import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

SECONDS = 20.0
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--lang=en",
    "--remote-debugging-port=0",
    # Whatever a page might ask of another host is answered by nobody.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


class Browser:
    """One page of a browser.

    Attributes:
        asked: the address of every request that the page made.
        complaints: errors that scripts raised, and what the browser refused or said in its console.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self._loaded = 0
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its result."""
        self._number += 1
        number = self._number
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            said = self._receive(SECONDS)
            if said.get("id") == number:
                assert "error" not in said, f"{method}: {said['error']}"
                return said["result"]

    def open(self, url: str) -> None:
        """Go there and wait until it is loaded."""
        loaded = self._loaded
        found = self.call("Page.navigate", url=url)
        assert "errorText" not in found, f"{url}: {found['errorText']}"
        self.hear_until(lambda: self._loaded > loaded)

    def evaluate(self, script: str) -> Any:
        """What a script comes to, in the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, script: str, seconds: float = SECONDS) -> Any:
        """Evaluate until it comes to something true."""
        deadline = time.monotonic() + seconds
        while not (found := self.evaluate(script)):
            assert time.monotonic() < deadline, f"not within {seconds} s: {script}"
            time.sleep(0.02)
        return found

    def press(self, key: str, code: int, **more: Any) -> None:
        """Press a key and let it go."""
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text, **more
            )

    def set_scheme(self, scheme: str) -> None:
        """Prefer `light` or `dark`."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def set_width(self, width: int, height: int = 900) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def screenshot(self, path: Path, most_height: int = 1400) -> None:
        """The whole page as a PNG, cut off below."""
        width, height = self.evaluate("[innerWidth, Math.ceil(document.body.getBoundingClientRect().height)]")
        clip = {"x": 0, "y": 0, "width": width, "height": min(height, most_height), "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def hear_until(self, holds: Callable[[], bool], seconds: float = SECONDS) -> None:
        """Take in what the browser reports until this holds."""
        deadline = time.monotonic() + seconds
        while not holds():
            left = deadline - time.monotonic()
            assert left > 0, f"not within {seconds} s; complaints: {self.complaints}"
            with suppress(TimeoutError):
                self._receive(min(left, 0.2))

    def _receive(self, seconds: float) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self._socket.recv(seconds))
        given = said.get("params", {})
        match said.get("method"):
            case "Network.requestWillBeSent":
                self.asked.append(given["request"]["url"])
            case "Page.loadEventFired":
                self._loaded += 1
            case "Log.entryAdded":
                self.complaints.append(given["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(given["exceptionDetails"]))
            case "Runtime.consoleAPICalled":
                self.complaints.append(str(given["args"]))
        return said


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser of the test's own, with an empty profile; ended with the test."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "Chromium is missing: apt-get install --no-install-recommends chromium"
    with tempfile.TemporaryDirectory(prefix="runbell-chromium-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [chromium, *OPTIONS, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stderr is not None
            address = next(line.split()[-1] for line in process.stderr if line.startswith("DevTools listening on "))
            with connect(_page_of(address), max_size=None, proxy=None) as socket:
                yield Browser(socket)
        finally:
            process.kill()
            process.communicate()


def _page_of(address: str) -> str:
    """The socket of the page that the browser began with."""
    with connect(address, max_size=None, proxy=None) as socket:
        socket.send(json.dumps({"id": 1, "method": "Target.getTargets"}))
        targets = json.loads(socket.recv(SECONDS))["result"]["targetInfos"]
    page = next(target["targetId"] for target in targets if target["type"] == "page")
    return f"{address.partition('/devtools/')[0]}/devtools/page/{page}"
