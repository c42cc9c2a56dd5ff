"""The dead man's switch hears from us while all is well, and only then; that it does not answer disturbs nothing."""

import threading
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anyio
import pytest
from structlog.testing import capture_logs

from runbell.core.errors import SettingsError
from runbell.ops.dead_man import DeadMan, check_heartbeat_url, ping
from support.daemons import until
from support.postgres import free_port
from support.serving import serving


@dataclass
class Switch:
    """What asked for which path, and what it is answered."""

    url: str = ""
    status: int | None = 200
    asked: list[str] = field(default_factory=list)


@contextmanager
def switch() -> Iterator[Switch]:
    found = Switch()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            if found.status is None:
                self.wfile.write(f"no HTTP of {self.path}\r\n".encode())
                return
            self.send_response(found.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}/ping/a-secret-id"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@asynccontextmanager
async def telling(url, well=lambda: True):
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(DeadMan(url, 0.05, well).run)
        yield
        tasks.cancel_scope.cancel()


async def test_it_hears_from_us_for_as_long_as_all_is_well(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    states = [False]
    with switch() as found:
        async with telling(found.url, lambda: states[0]):
            await anyio.sleep(0.3)
            assert found.asked == []
            states[0] = True
            await until(lambda: asked(found), lambda paths: len(paths) >= 3)
            states[0] = False
            await anyio.sleep(0.2)
            before = len(found.asked)
            await anyio.sleep(0.3)

    assert len(found.asked) == before
    assert set(found.asked) == {"/ping/a-secret-id"}


@pytest.mark.parametrize("status", [404, 500])
async def test_that_it_refuses_is_said_once_without_the_secret_and_it_is_asked_again(monkeypatch, status):
    monkeypatch.setenv("no_proxy", "*")
    with switch() as found, capture_logs() as lines:
        found.status = status
        async with telling(found.url):
            await until(lambda: asked(found), lambda paths: len(paths) >= 4)
            found.status = 200
            more = len(found.asked) + 3
            await until(lambda: asked(found), lambda paths: len(paths) >= more)

    said = [line for line in lines if line["event"] == "heartbeat_failed"]
    assert [(line["host"], line["error"]) for line in said] == [("127.0.0.1", f"it answered {status}")]
    assert "a-secret-id" not in str(lines)


async def test_nobody_there_is_no_reason_to_end(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with capture_logs() as lines:
        async with telling(f"http://127.0.0.1:{free_port()}/ping/a-secret-id"):
            await until(lambda: seen(lines), bool)

    assert lines[0]["error"] == "[Errno 111] Connection refused"
    assert "a-secret-id" not in str(lines)


async def test_what_answers_without_http_is_no_reason_to_end(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with switch() as found, capture_logs() as lines:
        found.status = None
        async with telling(found.url):
            await until(lambda: asked(found), lambda paths: len(paths) >= 2)
            await until(lambda: seen(lines), bool)

    assert lines[0]["error"] == "BadStatusLine"
    assert "a-secret-id" not in str(lines)


def test_an_address_that_cannot_be_asked_is_not_shown():
    assert ping("http://127.0.0.1:1/ping/a secret-id") == "InvalidURL"


@pytest.mark.parametrize(
    "url",
    ["", "hc.example.org/ping/hush", "ftp://hc.example.org/hush", "http:///hush", "file:///hush"]
    + [f"http://hc.example.org/hu{char}hush" for char in " \t\n\x7f\u00a0\u2028"],
)
def test_what_is_no_address_is_refused_without_being_shown(url):
    with pytest.raises(SettingsError) as caught:
        check_heartbeat_url(url)

    assert "RUNBELL_HEARTBEAT_URL" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_white_space_around_an_address_is_none_of_it():
    assert check_heartbeat_url(" http://hc.example.org/ping/id\n") == "http://hc.example.org/ping/id"


def test_a_daemon_that_serves_tells_it(database_url, tmp_path):
    with switch() as found, serving(tmp_path, database_url, RUNBELL_HEARTBEAT_URL=found.url, no_proxy="*") as served:
        served.until("daemon_started")
        anyio.run(heard, found)
        assert served.end() == 0


async def heard(found):
    await until(lambda: asked(found), bool)


async def asked(found):
    return found.asked


async def seen(lines):
    return [line for line in lines if line["event"] == "heartbeat_failed"]
