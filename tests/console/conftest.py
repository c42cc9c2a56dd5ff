"""A console to look at, and a browser to look with: each is started once for all of these tests."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from support import postgres
from support.browsers import Browser, browser
from support.console_scene import Scene, console, database, happen


@pytest.fixture(scope="session")
def scene(server: postgres.Server) -> Iterator[Scene]:
    """A daemon that has evaluated some events, and a launcher that has started one of the runs."""
    # Its path stands in tracebacks, and these in pictures of the documentation.
    folders = tempfile.TemporaryDirectory(prefix="app-")
    with folders as folder, database(server) as url, console(Path(folder), url) as found:
        anyio.run(happen, url)
        yield found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture
def page(chromium: Browser) -> Browser:
    """A page of a browser that has seen nothing and complained of nothing."""
    chromium.open("about:blank")
    chromium.call("Network.clearBrowserCookies")
    chromium.set_width(1280)
    chromium.set_scheme("light")
    chromium.asked.clear()
    chromium.complaints.clear()
    return chromium
