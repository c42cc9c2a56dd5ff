"""Asks over HTTP, on a real socket."""

import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message

import anyio.to_thread

SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    text: str
    headers: Message

    @property
    def samples(self) -> dict[str, float]:
        """The samples of a scrape, by `name{labels}`."""
        found = SAMPLE.findall(self.text)
        return {f"{name}{{{labels}}}" if labels else name: float(value) for name, labels, value in found}


def get(port: int, path: str, *, host: str = "127.0.0.1") -> Answer:
    """GET; an answer that says no is an answer."""
    # Without the proxies of whoever runs the tests.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{host}:{port}{path}", timeout=10) as response:
            return Answer(response.status, response.read().decode(), response.headers)
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read().decode(), error.headers)


async def fetch(port: int, path: str) -> Answer:
    """GET from a test that shares its event loop with the server."""
    return await anyio.to_thread.run_sync(get, port, path)
