"""What a sensor's function logs while it is tested."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class LogLine(NamedTuple):
    """One line of `context.log`.

    Attributes:
        level: debug, info, warning, error or critical.
        message: finished, with its arguments in it.
        fields: what was given by name.
    """

    level: str
    message: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RecordingLog:
    """Stands where the daemon's logger does: takes arguments and fields, keeps each line, and tells `logging` of it."""

    sensor_name: str
    lines: list[LogLine]
    bound: Mapping[str, Any] = field(default_factory=dict)

    def bind(self, **fields: Any) -> "RecordingLog":
        """The same log, whose lines carry these fields too."""
        return RecordingLog(self.sensor_name, self.lines, {**self.bound, **fields})

    def log(self, level: int, message: Any, *arguments: Any, **fields: Any) -> None:
        """One line of a level of `logging`."""
        said = str(message) % arguments if arguments else str(message)
        error = fields.pop("exc_info", None)
        self.lines.append(LogLine(logging.getLevelName(level).lower(), said, {**self.bound, **fields}))
        logging.getLogger(f"runbell.sensors.{self.sensor_name}").log(level, "%s", said, exc_info=error)

    def debug(self, message: Any, *arguments: Any, **fields: Any) -> None:
        self.log(logging.DEBUG, message, *arguments, **fields)

    def info(self, message: Any, *arguments: Any, **fields: Any) -> None:
        self.log(logging.INFO, message, *arguments, **fields)

    def warning(self, message: Any, *arguments: Any, **fields: Any) -> None:
        self.log(logging.WARNING, message, *arguments, **fields)

    def error(self, message: Any, *arguments: Any, **fields: Any) -> None:
        self.log(logging.ERROR, message, *arguments, **fields)

    def critical(self, message: Any, *arguments: Any, **fields: Any) -> None:
        self.log(logging.CRITICAL, message, *arguments, **fields)

    def exception(self, message: Any, *arguments: Any, **fields: Any) -> None:
        self.log(logging.ERROR, message, *arguments, **{"exc_info": True, **fields})

    warn = warning
    fatal = critical
