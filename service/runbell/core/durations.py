"""Lengths of time as people write them: `90s`, `15m`, `36h`, `2d`, `1w`."""

import re

SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
# A century: beyond it a database's time of day ends somewhere, and nobody means it.
LONGEST_SECONDS = 100 * 366 * 86_400.0
WRITTEN = re.compile(r"(?P<number>\d{1,12}(?:\.\d{1,9})?)\s*(?P<unit>[smhdw])", re.ASCII)


def seconds_of(written: str) -> float:
    """The seconds of a length of time.

    Raises:
        ValueError: it is none; the message says what would be.

    Example:
        >>> seconds_of("2d"), seconds_of("1.5h")
        (172800.0, 5400.0)
    """
    found = WRITTEN.fullmatch(written.strip().lower())
    seconds = float(found["number"]) * SECONDS[found["unit"]] if found else -1.0
    if not 0 <= seconds <= LONGEST_SECONDS:
        raise ValueError(
            f"{written!r} is no length of time: write a number with s, m, h, d or w, such as 90s, 36h or 2d"
        )
    return seconds
