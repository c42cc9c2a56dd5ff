"""The last log lines that passed through this process, for a look at those of one sensor."""

import threading
from collections import deque
from collections.abc import Iterator

import msgspec

BYTES = 512 * 1024


class LogLines:
    """Keeps the last lines as they came, in pieces; whoever looks takes the trouble to read them.

    Example:
        >>> lines = LogLines()
        >>> lines.keep(b'{"event": "sensor_evaluated", "sensor": "alert"}\\n{"event": "lease_taken"}\\n')
        >>> [line["event"] for line in lines.of("alert", 10)]
        ['sensor_evaluated']
    """

    def __init__(self, most_bytes: int = BYTES) -> None:
        self._most = most_bytes
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._lock = threading.Lock()

    def keep(self, lines: bytes) -> None:
        """Keep whole lines, and forget the oldest beyond the limit."""
        # Of a burst that is larger than all that is kept, its end.
        lines = lines[-self._most :]
        with self._lock:
            self._pieces.append(lines)
            self._size += len(lines)
            while self._size > self._most and len(self._pieces) > 1:
                self._size -= len(self._pieces.popleft())

    def of(self, sensor_name: str, limit: int) -> list[dict[str, object]]:
        """The newest lines of a sensor, the newest first; only lines in JSON can be told apart."""
        with self._lock:
            pieces = list(self._pieces)
        found: list[dict[str, object]] = []
        for line in _backwards(pieces):
            decoded = _decoded(line) if b'"sensor"' in line else None
            if decoded is not None and decoded.get("sensor") == sensor_name:
                found.append(decoded)
                if len(found) == limit:
                    break
        return found


def _backwards(pieces: list[bytes]) -> Iterator[bytes]:
    for piece in reversed(pieces):
        yield from reversed(piece.splitlines())


def _decoded(line: bytes) -> dict[str, object] | None:
    try:
        return msgspec.json.decode(line, type=dict[str, object])
    except (msgspec.MsgspecError, RecursionError):
        return None
