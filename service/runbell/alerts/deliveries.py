"""Who has taken a message that others have not: when it is sent again, it goes to those alone."""

from dataclasses import dataclass, field
from threading import Lock


@dataclass(slots=True)
class Deliveries:
    """Of messages that not everybody has taken, by whom they were; in memory, from several threads.

    Attributes:
        most: so many messages are kept; beyond it the oldest are forgotten, and would be sent to everybody again.

    Example:
        >>> deliveries = Deliveries()
        >>> deliveries.add("m1", "here")
        >>> deliveries.of("m1"), deliveries.of("m2")
        (frozenset({'here'}), frozenset())
    """

    most: int = 1_000
    _taken: dict[str, set[str]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, message: str) -> frozenset[str]:
        """Who has taken this message."""
        with self._lock:
            return frozenset(self._taken.get(message, ()))

    def add(self, message: str, place: str) -> None:
        """It was taken there."""
        with self._lock:
            self._taken.setdefault(message, set()).add(place)
            if len(self._taken) > self.most:
                del self._taken[next(iter(self._taken))]

    def forget(self, message: str) -> None:
        """Everybody has taken it: who sends it once more means to."""
        with self._lock:
            self._taken.pop(message, None)
