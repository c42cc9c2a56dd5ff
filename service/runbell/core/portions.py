"""How much is read at once, and kept, for many sensors: each of them may ask for every event."""

# Events of a page at most.
MOST_EVENTS = 1_000
# Evaluations that come of a page. While they are handed out nothing else runs in the process for 0.1 s: one whose
# code does so for two seconds is ended as blocked, and its successor would begin with the same page.
MOST_HANDED = 20_000
# Evaluations that a process has in memory, of all sensors together, and of one of them.
MOST_PENDING = 200_000
MOST_PENDING_OF_ONE = 2_000
# However many sensors there are: with less in hand they would be read for one event at a time.
LEAST_PENDING_OF_ONE = 20
# Members of a group that have no room for so long, the longer the more there are, are left behind by the others.
PATIENCE_SECONDS = 0.05
PATIENCE_SECONDS_OF_ONE = 0.0001


def first_portion(sensors: int) -> int:
    """Of the first page that is read for so many sensors: its events, if all of them ask for each.

    Example:
        >>> first_portion(1), first_portion(100), first_portion(100_000)
        (1000, 200, 1)
    """
    return max(1, min(MOST_EVENTS, MOST_HANDED // max(sensors, 1)))


def next_portion(events: int, handed: int) -> int:
    """Of the page after one of so many events, of which so many evaluations came.

    Example:
        >>> next_portion(200, 1_000), next_portion(200, 15_000), next_portion(200, 50_000)
        (400, 200, 100)
    """
    if handed > MOST_HANDED:
        return max(events // 2, 1)
    return min(events * 2, MOST_EVENTS) if handed * 2 <= MOST_HANDED else events


def most_pending(sensors: int) -> int:
    """Of each of so many sensors that a process holds: with so many events in hand it reads no further.

    Example:
        >>> most_pending(1), most_pending(1_000), most_pending(100_000)
        (2000, 200, 20)
    """
    return max(LEAST_PENDING_OF_ONE, min(MOST_PENDING_OF_ONE, MOST_PENDING // max(sensors, 1)))


def patience(sensors: int) -> float:
    """Seconds for which a group of so many waits until all of them have room.

    Example:
        >>> patience(1), patience(10_000)
        (0.05, 1.0)
    """
    return max(PATIENCE_SECONDS, sensors * PATIENCE_SECONDS_OF_ONE)
