"""What `context.log` is: takes what Python's `logging` takes, and writes events of the daemon's own log."""

from collections.abc import Mapping
from typing import Any

import structlog

from runbell.core.events import RunEvent

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
# Of logging's own, without meaning here; and a name that structlog needs itself.
UNUSED = ("stacklevel", "stack_info")
RENAMED = {"event": "event_"}


class SensorLog:
    """A logger for one evaluation, bound to sensor and run only when something is logged.

    A message that cannot be formatted is written as it is, with its arguments: as with `logging`, it is no reason for
    the function to fail. Fields by name, and those of `extra=`, become keys of the line.
    """

    __slots__ = ("_bound", "_facts", "name")

    def __init__(self, sensor_name: str, event: RunEvent) -> None:
        self.name = sensor_name
        self._facts = {"sensor": sensor_name, "event_id": event.event_id, "run_id": event.run_id}
        self._bound: Any = None

    def debug(self, msg: object, *args: object, **fields: Any) -> None:
        self._write("debug", msg, args, fields)

    def info(self, msg: object, *args: object, **fields: Any) -> None:
        self._write("info", msg, args, fields)

    def warning(self, msg: object, *args: object, **fields: Any) -> None:
        self._write("warning", msg, args, fields)

    def error(self, msg: object, *args: object, **fields: Any) -> None:
        self._write("error", msg, args, fields)

    def critical(self, msg: object, *args: object, **fields: Any) -> None:
        self._write("critical", msg, args, fields)

    def exception(self, msg: object, *args: object, **fields: Any) -> None:
        self._write("error", msg, args, {"exc_info": True, **fields})

    warn = warning
    fatal = critical

    def log(self, level: int, msg: object, *args: object, **fields: Any) -> None:
        at_least = [name for name, number in LEVELS.items() if number <= level]
        self._write(at_least[-1] if at_least else "debug", msg, args, fields)

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - logging's name
        return bool(self._logger().is_enabled_for(level))

    def setLevel(self, level: object) -> None:  # noqa: N802 - logging's name
        """Without effect: `RUNBELL_LOG_LEVEL` says what is written."""

    def getChild(self, suffix: str) -> "SensorLog":  # noqa: ARG002, N802 - logging's name, and nobody needs two of them
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logger(), name)

    def _logger(self) -> Any:
        if self._bound is None:
            self._bound = structlog.get_logger().bind(**self._facts)
        return self._bound

    def _write(self, level: str, msg: object, args: tuple[object, ...], fields: dict[str, Any]) -> None:
        logger = self._logger()
        if not logger.is_enabled_for(LEVELS[level]):
            return
        extra = fields.pop("extra", None)
        if isinstance(extra, Mapping):
            fields = {**{str(key): value for key, value in extra.items()}, **fields}
        given = {RENAMED.get(key, key): value for key, value in fields.items() if key not in UNUSED}
        getattr(logger, level)(_formatted(msg, args), **given)


def _formatted(msg: object, args: tuple[object, ...]) -> object:
    if not args:
        return msg
    values: Any = args[0] if len(args) == 1 and isinstance(args[0], Mapping) and args[0] else args
    try:
        return str(msg) % values
    except Exception:  # noqa: BLE001 - a text of the author's, and objects whose str() may raise anything
        return f"{msg} {args!r}"
