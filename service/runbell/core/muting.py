"""Whether an alert is sent, or muted because one like it was sent a short while ago."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Claim:
    """What came of asking to send an alert.

    Attributes:
        state: granted; muted, by one that was sent within the window; sent, by an earlier call of the same evaluation;
            busy, because another evaluation is sending one.
        muted: how many have been muted since the last that was sent.
        seconds: since that was sent; if busy, until the other must have ended.
    """

    state: str
    muted: int = 0
    seconds: float = 0.0


class Deliveries(Protocol):
    """Remembers for this process, of messages that not everybody has taken, by whom they were."""

    def of(self, message: str, /) -> frozenset[str]:
        """Who has taken this message."""

    def add(self, message: str, place: str, /) -> None:
        """It was taken there."""

    def forget(self, message: str, /) -> None:
        """Everybody has taken it."""


class AlertMemory(Protocol):
    """Remembers what was sent, for all processes; asked from the thread of a `def` sensor."""

    @property
    def deliveries(self) -> Deliveries:
        """What went to several places and was taken by some of them."""

    def claim(self, sensor_name: str, alert_key: str, evaluation: str, window_seconds: float, /) -> Claim:
        """May this evaluation send an alert of this key? What is granted is to be settled.

        Args:
            sensor_name: whose alert.
            alert_key: what makes two alerts one.
            evaluation: the same for all calls of one evaluation.
            window_seconds: after one was sent no other is, for so long.
        """

    def settle(self, sensor_name: str, alert_key: str, evaluation: str, _: float, /, *, sent: bool) -> None:
        """It was sent; or it was not, and the next may try. What `claim` was asked with, and what came of it."""


_memory: ContextVar[AlertMemory | None] = ContextVar("runbell_alert_memory", default=None)


def alert_memory() -> AlertMemory | None:
    """What remembers for the daemon that this code runs in; None: it runs in none, and everything is sent.

    Example:
        >>> alert_memory() is None
        True
    """
    return _memory.get()


@contextmanager
def remembering(memory: AlertMemory) -> Iterator[None]:
    """What runs in the body, and what it starts, has this memory."""
    token = _memory.set(memory)
    try:
        yield
    finally:
        _memory.reset(token)
