"""Where the operator wants to be told: the URLs of Apprise, which hold secrets and are shown nowhere."""

import logging
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from runbell.core.errors import RunbellError, SettingsError

# A URL may contain commas: only what begins another one parts them.
BETWEEN = re.compile(r"[\s,]+(?=[A-Za-z0-9+.-]+://)|\s+")
# Shorter parts of a URL are words like `token` and `POST`, and hiding those would hide the message.
SECRET = re.compile(r"[^/:@?&=\s]{5,}")


LOGGER = logging.getLogger("apprise")


class NotifyError(RunbellError):
    """A notifier did not take a message; says why, without anything secret."""


class Said(logging.Handler):
    """What Apprise logs in this thread: another one may be sending to somebody else."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        if record.thread == self._thread:
            self.lines.append(record.getMessage())


@dataclass(frozen=True, slots=True)
class Notifier:
    """One place where messages go.

    Attributes:
        digest: tells it from others, and tells nothing else.
        shown: what may be said of it.
    """

    digest: str
    shown: str
    _url: str
    _service: Any

    def __repr__(self) -> str:
        return f"<Notifier {self.shown}>"

    def send(self, title: str, body: str) -> None:
        """Send a message; blocks until it was taken.

        Raises:
            NotifyError: it was not.
        """
        import apprise

        said = Said()
        LOGGER.addHandler(said)
        try:
            taken = self._service.notify(body=body, title=title, notify_type=apprise.NotifyType.FAILURE)
        except Exception as error:  # noqa: BLE001 - a plugin of somebody else's, and whatever lies beneath it
            raise NotifyError(self._without_secrets(f"{type(error).__name__}: {error}")) from None
        finally:
            LOGGER.removeHandler(said)
        if not taken:
            raise NotifyError(self._without_secrets("; ".join(said.lines)) or "it was not taken")

    def _without_secrets(self, text: str) -> str:
        for part in sorted(set(SECRET.findall(self._url)), key=len, reverse=True):
            text = text.replace(part, "***")
        return " ".join(text.split())[:500]


def read_notifiers(urls: str | None) -> list[Notifier]:
    """The notifiers of RUNBELL_NOTIFY_URLS.

    Raises:
        SettingsError: Apprise is not installed, or one of the URLs is none that it knows.
    """
    given = list(dict.fromkeys(url for url in BETWEEN.split((urls or "").strip()) if url.strip(",")))
    if not given:
        return []
    try:
        import apprise
    except ImportError:
        raise SettingsError(
            "RUNBELL_NOTIFY_URLS is set, but apprise is not installed: pip install 'runbell[notify]'"
        ) from None
    # Its own lines may show a URL whole; what went wrong is said by whoever sends.
    LOGGER.propagate = False
    LOGGER.setLevel(logging.WARNING)
    return [_notifier(apprise, number, url) for number, url in enumerate(given, start=1)]


def _notifier(apprise: Any, number: int, url: str) -> Notifier:
    shown = f"{url.partition('://')[0]}://***" if "://" in url else "***"
    # The service itself: Apprise's own object would send from yet another thread.
    service = apprise.Apprise.instantiate(url)
    if service is None:
        raise SettingsError(
            f"RUNBELL_NOTIFY_URLS: URL {number} ({shown}) is none that Apprise understands:"
            " give URLs such as slack://token/#channel, with spaces between them"
        )
    return Notifier(sha256(url.encode()).hexdigest()[:16], f"{shown} (URL {number})", url, service)


def digests_of(notifiers: Sequence[Notifier]) -> list[str]:
    """What tells them apart in the database."""
    return [notifier.digest for notifier in notifiers]
