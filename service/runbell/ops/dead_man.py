"""Tells a dead man's switch that all is well, from time to time: when that stops, whoever waits for it raises alarm."""

import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import structlog

from runbell.core.errors import SettingsError

log = structlog.get_logger()
ANSWER_SECONDS = 10.0
# While it is not ready it says nothing, and looks again after so long.
LOOK_SECONDS = 1.0


@dataclass(slots=True)
class DeadMan:
    """Says "all is well" for as long as it is.

    Attributes:
        url: where; it may hold a secret, so only its host is shown.
        well: is all well now?
    """

    url: str = field(repr=False)
    interval_seconds: float
    well: Callable[[], bool]
    _failing: bool = False

    async def run(self) -> None:
        """Say it for ever. That nobody takes it is logged once, until somebody does, and disturbs nothing."""
        while True:
            if not self.well():
                await anyio.sleep(min(LOOK_SECONDS, self.interval_seconds))
                continue
            # In a thread, which a host that does not answer may keep for as long as it likes.
            failure = await anyio.to_thread.run_sync(ping, self.url, abandon_on_cancel=True)
            if failure and not self._failing:
                log.warning("heartbeat_failed", host=shown(self.url), error=failure)
            self._failing = failure is not None
            await anyio.sleep(self.interval_seconds)


def ping(url: str) -> str | None:
    """Ask for the address; None: it was answered, else why not, without anything secret."""
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - checked at start
            answer.read(1024)
    except urllib.error.HTTPError as error:
        with error:
            return f"it answered {error.code}"
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", "")) or type(error).__name__
    except HTTPException as error:
        # Its text may be the address, or whatever was sent in place of an answer.
        return type(error).__name__
    return None


def shown(url: str) -> str:
    """What may be said of the address.

    Example:
        >>> shown("https://user:word@hc.example.org:8443/ping/b0c5-secret")
        'hc.example.org'
    """
    return urlsplit(url).hostname or ""


def check_heartbeat_url(url: str | None) -> str | None:
    """The address without the white space around it, if it is one.

    Raises:
        SettingsError: it is none; none of it is shown.
    """
    if url is None:
        return None
    url = url.strip()
    try:
        parts = urlsplit(url)
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known or not url.isprintable() or " " in url:
        raise SettingsError("RUNBELL_HEARTBEAT_URL must be a URL such as https://hc.example.org/ping/some-id")
    return url
