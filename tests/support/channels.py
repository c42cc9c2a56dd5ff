"""Channels that alerts go to, on the loopback: an HTTP server that answers as it is told, and a mail server."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass(frozen=True)
class Posted:
    """One request."""

    path: str
    headers: dict[str, str]
    content: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.content)


@dataclass(frozen=True)
class Answer:
    """What the server says to one request."""

    status: int = 200
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Web:
    """An HTTP server; `received` is what has come in."""

    answer: Callable[[Posted], Answer]
    received: list[Posted] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def web(answer: Callable[[Posted], Answer] = lambda _: Answer()) -> Iterator[Web]:
    """A server that answers each request as `answer` says."""
    opened = Web(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            posted = Posted(self.path, dict(self.headers), content)
            opened.received.append(posted)
            said = opened.answer(posted)
            self.send_response(said.status)
            for name, value in {"Content-Length": str(len(said.text.encode())), **said.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said.text.encode())

        do_GET = do_POST  # noqa: N815 - the name by which it is called

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    opened.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield opened
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Post:
    """A mail server; `received` is what it has taken, each with the addresses that it goes to."""

    users: dict[str, str]
    refused: set[str] = field(default_factory=set)
    received: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    port: int = 0

    async def handle_RCPT(  # noqa: N802 - the name by which it is called
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if address in self.refused:
            return "550 nobody here of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.received.append((list(envelope.rcpt_tos), mail))
        return "250 OK"

    def authenticate(self, _: SMTP, __: Session, ___: Envelope, ____: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        user = given.login.decode()
        self.logins.append(user)
        return AuthResult(success=self.users.get(user) == given.password.decode(), handled=False)


class AnyPort(Controller):
    """On whatever port is free."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def post_office(kind: str, certificate: Path | None = None, **users: str) -> Iterator[Post]:
    """A mail server that speaks SSL, STARTTLS or PLAIN and lets these users in (anybody, if there are none)."""
    office = Post({name.replace("_", "@"): password for name, password in users.items()})
    tls = None
    if certificate is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate.with_suffix(".crt"), certificate.with_suffix(".key"))
    controller = AnyPort(
        office,
        hostname="127.0.0.1",
        port=0,
        ssl_context=tls if kind == "SSL" else None,
        tls_context=tls if kind == "STARTTLS" else None,
        require_starttls=kind == "STARTTLS",
        authenticator=office.authenticate,
        auth_required=bool(users),
        auth_require_tls=kind == "STARTTLS",
    )
    controller.start()
    office.port = controller.port
    try:
        yield office
    finally:
        controller.stop()
