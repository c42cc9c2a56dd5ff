"""Whether a sensor's function is called in earnest, or rehearsed: over recorded events, with nothing written or sent.

`runbell backtest` and `runbell preview` rehearse. Whatever would leave the process in a sensor's name asks first:

    if kept_back("slack", body, title):
        return

`rehearsing()` answers in the function itself, in what it awaits, in tasks that it starts and in the thread that a plain
function is called in; not in threads that the function starts by itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Unsent:
    """A message that a rehearsed function would have sent.

    Args:
        to: where it would have gone, as people may read it: never with a secret in it.
        title: its first line, or None.
        body: its text.
    """

    to: str
    body: str
    title: str | None = None


@dataclass(slots=True)
class Rehearsal:
    """One rehearsed call of a function; keeps what it would have sent, in order."""

    unsent: list[Unsent] = field(default_factory=list)

    def note(self, unsent: Unsent) -> None:
        """This would have been sent. May be called from any thread."""
        self.unsent.append(unsent)


_current: ContextVar[Rehearsal | None] = ContextVar("runbell_rehearsal", default=None)


def rehearsing() -> Rehearsal | None:
    """The rehearsal that this code runs in; None: it is called in earnest.

    Example:
        >>> rehearsing() is None
        True
    """
    return _current.get()


def kept_back(to: str, body: str, title: str | None = None) -> bool:
    """Is this code rehearsed? Then the message is noted, and must not be sent.

    Example:
        >>> kept_back("slack", "etl failed")
        False
    """
    rehearsal = rehearsing()
    if rehearsal is None:
        return False
    rehearsal.note(Unsent(to, body, title))
    return True


@contextmanager
def rehearsed(rehearsal: Rehearsal) -> Iterator[Rehearsal]:
    """What is called in the body is rehearsed.

    Example:
        >>> with rehearsed(Rehearsal()) as rehearsal:
        ...     sent = not kept_back("slack", "etl failed")
        >>> rehearsal.unsent[0].body
        'etl failed'
    """
    token = _current.set(rehearsal)
    try:
        yield rehearsal
    finally:
        _current.reset(token)
