"""A place that notices are sent to: a real HTTP server on the loopback, which can refuse them or keep them waiting."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Mailbox:
    """What has come in. `status` is answered; nothing is answered while `open` is not set."""

    status: int = 200
    received: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0
    open: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def url(self) -> str:
        """For Apprise."""
        return f"json://hidden-user:hidden-password@127.0.0.1:{self.port}/hidden-token"

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.received]


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """Open until the end of the block."""
    box = Mailbox()
    box.open.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            box.asked += 1
            content = self.rfile.read(int(self.headers["Content-Length"]))
            box.open.wait(30)
            status = box.status  # once: a test that changes it meanwhile would be answered 200 for what was not kept
            if status == 200:
                box.received.append(json.loads(content))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    box.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield box
    finally:
        box.open.set()
        server.shutdown()
        thread.join()
        server.server_close()
