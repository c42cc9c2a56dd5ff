"""What the engine measures. Who exports it is the operator's side's business; nobody need listen.

Each is called once for what was read or committed together, not once for each event: at full speed an event costs some
microseconds in all.
"""

from collections.abc import Sequence

from runbell.core.events import RunEvent
from runbell.core.progress import Evaluation


class Measures:
    """Takes every measurement and keeps none."""

    def read(self, events: Sequence[RunEvent]) -> None:
        """A read has found these."""

    def woke(self, *, rung: bool) -> None:
        """A reader that slept has woken: it was rung, or it looked because it was time."""

    def committed(self, sensor: str, evaluations: Sequence[Evaluation]) -> None:
        """These were settled by one commit."""

    def requested(self, latencies: Sequence[float]) -> None:
        """The requests of so many events have been committed, so many seconds after their status changes."""

    def lost_database(self) -> None:
        """The database went away; a new term begins when it is back."""
