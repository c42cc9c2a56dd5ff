"""How long what has been answered is kept, and how slowly the rest is removed."""

from dataclasses import dataclass
from typing import Literal

DAY_SECONDS = 86_400.0
# Of one connection's time removing takes at most a tenth, and the server's disk is left to others in between.
REST = 9.0
LEAST_PAUSE_SECONDS = 0.05

Kind = Literal["events", "requests", "ticks", "runs"]
# Events first: requests are kept for as long as their events, and runs too.
KINDS: tuple[Kind, ...] = ("events", "requests", "ticks", "runs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Ages in seconds after which rows may go; zero keeps them for ever.

    Attributes:
        events: of events that everybody has passed, and of what is known of their runs.
        requests: of requests that were launched, failed or canceled, once their events are gone.
        ticks: of the records of what was committed.
        stopped: of events that only stopped sensors have not passed; these lose them.
    """

    events: float = 30 * DAY_SECONDS
    requests: float = 30 * DAY_SECONDS
    ticks: float = 7 * DAY_SECONDS
    stopped: float = 90 * DAY_SECONDS

    def age_of(self, kind: Kind) -> float | None:
        """The age at which rows of this kind may go; None: never.

        Example:
            >>> Retention(events=60.0, ticks=0.0).age_of("runs"), Retention(ticks=0.0).age_of("ticks")
            (60.0, None)
        """
        ages = {"events": self.events, "requests": self.requests, "ticks": self.ticks, "runs": self.events}
        return ages[kind] or None

    @property
    def held_age(self) -> float:
        """The age at which events may go that only stopped sensors have not passed.

        Example:
            >>> Retention(events=60.0, stopped=5.0).held_age
            60.0
        """
        # Zero, for ever, as a number that a database can subtract from its time of day.
        return max(self.events, self.stopped) if self.stopped else 36_500 * DAY_SECONDS


def pause_after(seconds: float) -> float:
    """The seconds to leave the server alone after a statement that took so long.

    Example:
        >>> pause_after(0.02), pause_after(0.001)
        (0.18, 0.05)
    """
    return max(seconds * REST, LEAST_PAUSE_SECONDS)
