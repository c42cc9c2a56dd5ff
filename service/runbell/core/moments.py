"""Moments as operators write them: a time of day, or so long ago."""

from datetime import UTC, datetime

from runbell.core.durations import seconds_of


def moment_of(written: str, now: float) -> float:
    """The moment, in seconds since 1970.

    Args:
        written: an ISO 8601 time (UTC where it names no zone), or a length of time that lies behind `now`.
        now: seconds since 1970.

    Raises:
        ValueError: it is neither; the message says what would be.

    Example:
        >>> moment_of("2026-01-01T12:00", 0.0), moment_of("2026-01-01 12:00+02:00", 0.0), moment_of("90s", 100.0)
        (1767268800.0, 1767261600.0, 10.0)
    """
    try:
        found = datetime.fromisoformat(written.strip())
    except ValueError:
        pass
    else:
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    try:
        return now - seconds_of(written)
    except ValueError:
        raise ValueError(
            f"{written!r} is no moment: write a time such as 2026-01-31T06:00 (UTC, unless it names its zone), or how"
            " long ago it was, such as 90s, 36h or 2d"
        ) from None


def said_moment(moment: float) -> str:
    """A moment for people, in UTC.

    Example:
        >>> said_moment(1767268800.0)
        '2026-01-01 12:00:00 UTC'
    """
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
