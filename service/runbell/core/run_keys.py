"""How long a run key stays taken: for ever, for a time, until its run succeeds, while its run is active."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

FOREVER = "forever"
UNTIL_SUCCESS = "until_success"
WHILE_ACTIVE = "while_active"
LONGEST_SECONDS = 365 * 86_400.0
NAMES = (FOREVER, UNTIL_SUCCESS, WHILE_ACTIVE)


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """When a key may be used again.

    Attributes:
        name: forever: never. until_success: when the request fails or is canceled, or its run fails or is canceled.
            while_active: when the request or its run ends, in whatever way.
        seconds: also after so long; None: not by time.

    Example:
        >>> KeyPolicy.read("until_success").name, KeyPolicy.read(timedelta(hours=1)).seconds
        ('until_success', 3600.0)
    """

    name: str = FOREVER
    seconds: float | None = None

    @classmethod
    def read(cls, given: Any) -> "KeyPolicy":
        """From what a sensor or a RunRequest says.

        Raises:
            ValueError: it is no policy; the text says why, as the end of a sentence.
        """
        if isinstance(given, timedelta):
            seconds = given.total_seconds()
            if not 0 < seconds <= LONGEST_SECONDS:
                raise ValueError("is no time for which a key can be taken: give more than zero, up to a year")
            return cls(FOREVER, seconds)
        if given not in NAMES:
            raise ValueError(f"is no policy: give {', '.join(map(repr, NAMES))}, or a timedelta")
        return cls(given)


TAKEN_FOREVER = KeyPolicy()
