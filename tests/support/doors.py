"""Stands in front of a webserver, and stops what goes through where the test wants to look or to kill somebody."""

import http.client
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Literal

import anyio

# A question; a launch that has not been passed on yet; the answer to a launch that has not been passed on yet.
Point = Literal["question", "launch", "answer"]
SECONDS = 30.0


class CutError(Exception):
    """The connection ends here."""


class Stop:
    """Something that was stopped, or will be."""

    def __init__(self) -> None:
        self._reached = Event()
        self._go = Event()
        self._cut = False

    async def reached(self) -> None:
        """Wait until something is stopped here."""
        assert await anyio.to_thread.run_sync(self._reached.wait, SECONDS), "nothing came through the door"

    def go(self) -> None:
        """Let it through."""
        self._go.set()

    def cut(self) -> None:
        """End its connection."""
        self._cut = True
        self._go.set()

    def hold(self) -> None:
        """Called by the door."""
        self._reached.set()
        self._go.wait(SECONDS)
        if self._cut:
            raise CutError


class Door:
    """A door to a port of this machine; `launches` counts those that came to it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stops: dict[Point, Stop] = {}
        self.launches = 0
        self.url = ""

    def stop(self, point: Point) -> Stop:
        """Stop the next that comes to this point."""
        return self._stops.setdefault(point, Stop())

    def pass_on(self, path: str, body: bytes) -> tuple[int, bytes]:
        """What stands behind says so."""
        launch = b"launchRun" in body
        self.launches += launch
        self._hold("launch" if launch else "question")
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)) as behind:
                behind.request("POST", path, body, {"content-type": "application/json"})
                answer = behind.getresponse()
                status, said = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise CutError from error
        if launch:
            self._hold("answer")
        return status, said

    def _hold(self, point: Point) -> None:
        if stop := self._stops.pop(point, None):
            stop.hold()


@contextmanager
def door(port: int) -> Iterator[Door]:
    """A door that is open."""
    made = Door(port)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            try:
                status, said = made.pass_on(self.path, body)
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)
            except (CutError, OSError):
                self.close_connection = True

        def log_message(self, *_: object) -> None: ...

    class Threads(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None: ...

    with Threads(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield made
        server.shutdown()
