"""Writes the log: one event a line on stdout, as JSON or, for people, in columns.

Whatever user code prints goes to stderr, also from below Python, so that stdout carries log lines only.
"""

import logging
import os
import sys
import threading
from collections.abc import MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from runbell.ops.masking import mask

if TYPE_CHECKING:
    from runbell.ops.settings import LogFormat, LogLevel

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
RESERVED = frozenset({"timestamp", "level"})
# What the columns of the console are padded to; event names are mostly shorter.
EVENT_WIDTH = 20

_encode = msgspec.json.Encoder(enc_hook=repr).encode
_format_exception = structlog.processors.ExceptionRenderer()


class LineLogger:
    """Writes each line whole. A reader that has gone away or a full disk must not stop the daemon."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def msg(self, line: bytes) -> None:
        with self._lock, suppress(OSError):
            while line:
                line = line[os.write(self._descriptor, line) :]

    debug = info = warning = error = critical = msg


class StandardLibrary(logging.Handler):
    """Passes on what user code and libraries log with `logging`, as events like any other."""

    def emit(self, record: logging.LogRecord) -> None:
        level = "debug" if record.levelno < logging.INFO else logging.getLevelName(record.levelno).lower()
        try:
            write = getattr(structlog.get_logger(), level if level in LEVELS else "info")
            # The message is finished: without arguments a % in it means nothing.
            write(record.getMessage(), logger=record.name, **({"exc_info": record.exc_info} if record.exc_info else {}))
        except Exception:  # noqa: BLE001 - logging's own way with a record that cannot be formatted
            self.handleError(record)


def keep_stdout() -> int:
    """Keep stdout for the log: gives its descriptor, and sends what anyone else writes to stdout to stderr."""
    sys.stdout.flush()
    kept = os.dup(1)
    # Shared with whoever started us, who may have made it non-blocking: lines would be cut.
    os.set_blocking(kept, True)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return kept


def configure(log_format: "LogFormat", level: "LogLevel", descriptor: int, *, colors: bool | None = None) -> None:
    """From here on `structlog.get_logger()` and `logging` write to the descriptor, from this level up.

    `colors` None: if it is a terminal.
    """
    colors = os.isatty(descriptor) if colors is None else colors
    structlog.configure(
        processors=[render_json] if log_format == "json" else _console(colors=colors),
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda *_: logger,
        cache_logger_on_first_use=True,
    )
    logger = LineLogger(descriptor)
    logging.basicConfig(level=LEVELS[level], handlers=[StandardLibrary()], force=True)


def render_json(_logger: object, method: str, given: MutableMapping[str, Any]) -> bytes:
    """The last processor: one JSON object, whatever the values are."""
    if "exc_info" in given:
        given = _format_exception(_logger, method, given)
    event = given.pop("event", None)
    if not RESERVED.isdisjoint(given):
        given = {f"{key}_" if key in RESERVED else key: value for key, value in given.items()}
    line = {"timestamp": _now(), "level": method, "event": event, **given}
    try:
        text = _encode(line)
    except Exception:  # noqa: BLE001 - an object of the user's, whose repr may raise anything
        text = _encode({key: _storable(value) for key, value in line.items()})
    if b"://" in text or b"assword" in text or b"token" in text or b"xox" in text:
        text = mask(text.decode()).encode()
    return text + b"\n"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def _storable(value: object) -> object:
    try:
        _encode(value)
    except Exception:  # noqa: BLE001 - as above
        with suppress(Exception):
            return repr(value).encode("utf-8", "backslashreplace").decode()
        return f"({type(value).__name__} that cannot be shown)"
    return value


def _console(*, colors: bool) -> list[structlog.typing.Processor]:
    renderer = structlog.dev.ConsoleRenderer(
        colors=colors, pad_event_to=EVENT_WIDTH, exception_formatter=structlog.dev.plain_traceback, sort_keys=False
    )

    def render(logger: object, method: str, given: MutableMapping[str, Any]) -> bytes:
        return (mask(renderer(logger, method, given)) + "\n").encode("utf-8", "backslashreplace")

    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
        render,
    ]
