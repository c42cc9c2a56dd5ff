"""Lengths of time as people write them (`90s`, `15m`, `36h`, `2d`, `1w`), and as they are told to people."""

import re
from itertools import pairwise

SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
# A century: beyond it a database's time of day ends somewhere, and nobody means it.
LONGEST_SECONDS = 100 * 366 * 86_400.0
UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
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


def spoken(seconds: float) -> str:
    """A length of time as people say it, in its two largest units.

    Example:
        >>> [spoken(seconds) for seconds in (0.0042, 7.25, 250, 90_061)]
        ['4 ms', '7.2 s', '4 min 10 s', '1 d 1 h']
    """
    if round(seconds * 1000) < 1000:
        return f"{round(seconds * 1000)} ms"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    (unit, size), (smaller, part) = next(pair for pair in pairwise(UNITS) if whole >= pair[0][1])
    rest = whole % size // part
    return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")


def roughly(seconds: float) -> str:
    """A length of time in one unit, where only its size matters.

    Example:
        >>> [roughly(seconds) for seconds in (9.4, 125, 7_300)]
        ['9 s', '2 min', '2 h']
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6_000 else f"{seconds / 3_600:.0f} h"
