"""One place that Apprise sends to. Its URL holds secrets and is shown nowhere."""

import logging
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from runbell.alerts.cutting import cut, one_line
from runbell.alerts.refusals import NotifyError
from runbell.alerts.secret import hidden

# A URL may contain commas: only what begins another one parts them.
BETWEEN = re.compile(r"[\s,]+(?=[A-Za-z0-9+.-]+://)|\s+")

MOST_TITLE = 250

LOGGER = logging.getLogger("apprise")


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
        """Send a message, as long as the service takes it; blocks until it was taken.

        Raises:
            NotifyError: it was not.
        """
        import apprise

        body = cut(body, self._service.body_maxlen)
        # One that has no titles puts them into the body by itself.
        title = one_line(title, self._service.title_maxlen or MOST_TITLE)
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
        return " ".join(hidden(text, self._url).split())[:500]


def notifiers_of(urls: str) -> Iterator[Notifier]:
    """The notifiers of some URLs, with spaces between them; each once.

    Raises:
        ModuleNotFoundError: Apprise is not installed.
        ValueError: one of the URLs is none that Apprise knows; the text names it by its number and scheme.
    """
    import apprise

    # Its own lines may show a URL whole; what went wrong is said by whoever sends.
    LOGGER.propagate = False
    LOGGER.setLevel(logging.WARNING)
    given = dict.fromkeys(url for url in BETWEEN.split(urls.strip()) if url.strip(","))
    for number, url in enumerate(given, start=1):
        shown = f"{url.partition('://')[0]}://***" if "://" in url else "***"
        # The service itself: Apprise's own object would send from yet another thread.
        service = apprise.Apprise.instantiate(url)
        if service is None:
            raise ValueError(
                f"URL {number} ({shown}) is none that Apprise understands:"
                " give URLs such as slack://token/#channel, with spaces between them"
            )
        yield Notifier(sha256(url.encode()).hexdigest()[:16], f"{shown} (URL {number})", url, service)
