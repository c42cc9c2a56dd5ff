"""A log that grows while it is looked into again and again: each line is read and understood once."""

import json
from pathlib import Path
from typing import Any


class LogFile:
    """Log events, one JSON object a line; `mixed`: there are other lines, too, and some that a SIGKILL cut off."""

    def __init__(self, path: Path, *, mixed: bool = False) -> None:
        self._path = path
        self._mixed = mixed
        self._read = 0
        self._events: list[dict[str, Any]] = []

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """The log events so far, of this name; a line that is still being written is not among them."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._read)
                whole = file.read().rpartition(b"\n")[0]
            if whole:
                self._read += len(whole) + 1
                self._events += [event for line in whole.split(b"\n") if (event := self._event(line)) is not None]
        return [event for event in self._events if name in (None, event["event"])]

    def _event(self, line: bytes) -> dict[str, Any] | None:
        try:
            return dict(json.loads(line))
        except ValueError:
            if self._mixed:
                return None
            raise
