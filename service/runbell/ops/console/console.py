"""What `serve` needs to know of the console before anybody looks at it; the rest is loaded when the port is served."""

import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from runbell.core.errors import SettingsError
from runbell.ops.console.access import Access, is_loopback
from runbell.ops.console.log_lines import LogLines
from runbell.ops.standing import StandingReader

if TYPE_CHECKING:
    from starlette.routing import Route

    from runbell.ops.settings import Settings

SHORTEST_TOKEN = 16


@dataclass(frozen=True, slots=True)
class Console:
    """The console of one process.

    Attributes:
        token: who knows it may look; None: only this machine may.
    """

    database_url: str = field(repr=False)
    token: str | None = field(repr=False)
    log_lines: LogLines = field(default_factory=LogLines)

    def routes(self, listening: socket.socket, standing: StandingReader) -> "list[Route]":
        """What to answer on this socket, for an application."""
        from runbell.ops.console.site import Site

        access = Access(self.token, loopback=is_loopback(str(listening.getsockname()[0])))
        return Site(self.database_url, standing, access, self.log_lines).routes()


def console_of(settings: "Settings") -> Console:
    """The console as the settings say.

    Raises:
        SettingsError: the token is too short, given twice, or its file cannot be read; none of it is shown.
    """
    return Console(settings.database_url, _read_token(settings.http_token, settings.http_token_file))


def _read_token(given: str | None, path: str | None) -> str | None:
    if given and path:
        raise SettingsError("RUNBELL_HTTP_TOKEN and RUNBELL_HTTP_TOKEN_FILE are both given: keep one of them")
    name = "RUNBELL_HTTP_TOKEN_FILE" if path else "RUNBELL_HTTP_TOKEN"
    if path:
        try:
            given = Path(path).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise SettingsError(f"{name}: {path!r} cannot be read ({reason})") from None
    if given is None:
        return None
    token = given.strip()
    if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable():
        raise SettingsError(f"{name} must be a secret of {SHORTEST_TOKEN} or more printable ASCII characters")
    return token
