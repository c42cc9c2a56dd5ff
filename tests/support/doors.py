"""Stands in front of a webserver and lets the test decide: before a launch is passed on, and before its answer is.

Whoever raises there cuts the connection.
"""

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

LAUNCHES = b"launchRun"


class Cut(Exception):  # noqa: N818 - it is what happens, not an error
    """The connection ends here."""


class Door:
    """Attributes:
    launches: how many launches came through.
    before: called with the body of each launch before it is passed on.
    after: called with the answer to each launch before it is passed on.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.launches = 0
        self.open()
        self.url = ""

    def open(self) -> None:
        """Let everything through."""
        self.before: Callable[[bytes], None] = lambda _: None
        self.after: Callable[[bytes], None] = lambda _: None

    def pass_on(self, path: str, body: bytes) -> tuple[int, bytes]:
        """What stands behind says so."""
        launch = LAUNCHES in body
        if launch:
            self.launches += 1
            self.before(body)
        try:
            behind = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
            behind.request("POST", path, body, {"content-type": "application/json"})
            answer = behind.getresponse()
            status, said = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Cut from error
        if launch:
            self.after(said)
        return status, said


@contextmanager
def door(port: int) -> Iterator[Door]:
    """A door to a port of this machine."""
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
            except (Cut, OSError):
                self.close_connection = True

        def log_message(self, *_: object) -> None: ...

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

    with Quiet(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        Thread(target=server.serve_forever, daemon=True).start()
        yield made
        server.shutdown()
