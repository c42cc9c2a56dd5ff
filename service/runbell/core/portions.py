"""How much is read at once, and kept, for many sensors: each of them may ask for every event."""

from collections.abc import Sequence

# Events of a page at most; of the first one, before it is known how much they weigh.
MOST_EVENTS = 1_000
FIRST_EVENTS = 100
# Bytes of a page, and half of what one sensor has in hand. A run's configuration of 1 MB is no rarity: a page of them
# took 1 GB, and so did each process that was begun because the one before it had grown too big.
MOST_BYTES = 16_000_000
# Evaluations that come of a page. While they are handed out nothing else runs in the process for 0.1 s: one whose
# code does so for two seconds is ended as blocked, and its successor would begin with the same page.
MOST_HANDED = 20_000
# Evaluations of one sensor that a process has in memory; once all together have so many, of each only a few.
MOST_PENDING_OF_ONE = 2_000
MOST_PENDING = 200_000
LEAST_PENDING_OF_ONE = 20
# Retries of one sensor that a process has in memory, and bytes of all that it has: their events are read again for each
# sensor. Of those of 1 MB a thousand were read in one piece.
MOST_RETRIED_OF_ONE = 500
MOST_RETRIED_BYTES = 64_000_000
# Whoever catches up takes small steps while events come for those that are up to date, until so long after one:
# each of these waits for a page to be handed out and for a commit to end, 10 and 20 ms when they are whole.
GENTLE_SECONDS = 1.0
GENTLE_EVENTS = 250
GENTLE_EVALUATIONS = 100
# A busy committer comes round to everybody in about the time that so many evaluations a second take. A group waits so
# long for those of its members that have much in hand, and then leaves them behind.
SETTLED_PER_SECOND = 40_000
LEAST_PATIENCE_SECONDS = 0.05
# A member of a group that was handed so many times less than another one does not wait for it; told once that other one
# was handed so many.
LIGHTER = 8
TELLING = 100


def most_handed(sensors: int, room: int) -> int:
    """Evaluations that may come of one page for so many sensors, if each of them has room for so many.

    Example:
        >>> most_handed(1, 1_000), most_handed(100, 1_000), most_handed(1, 10)
        (1000, 20000, 10)
    """
    return min(MOST_HANDED, sensors * room)


def first_portion(reach: int, most: int) -> int:
    """Of the first page for sensors of which so many, at most, are reached by any one event: its events.

    However many sensors there are: of 10,000 that ask for a job each, a page of few events is handed to few.

    Example:
        >>> first_portion(1, 20_000), first_portion(1_000, 20_000), first_portion(100_000, 20_000)
        (100, 20, 1)
    """
    return max(1, min(FIRST_EVENTS, most // max(reach, 1)))


def most_events(weight: float) -> int:
    """Of a page, if each of its events weighs so many bytes.

    Example:
        >>> most_events(500), most_events(1_000_000), most_events(50_000_000)
        (1000, 16, 1)
    """
    return max(1, min(MOST_EVENTS, int(MOST_BYTES / max(weight, 1))))


def next_portion(events: int, handed: int, most: int, weight: float = 0.0) -> int:
    """Of the page after one of so many events, of which so many evaluations came.

    Args:
        weight: bytes of one of its events.

    Example:
        >>> [next_portion(200, handed, most=20_000) for handed in (1_000, 15_000, 50_000)]
        [400, 200, 100]
        >>> next_portion(200, 1_000, most=20_000, weight=1_000_000)
        16
    """
    if handed > most:
        return min(max(events // 2, 1), most_events(weight))
    return min(events * 2 if handed * 2 <= most else events, most_events(weight))


def most_pending(of_all: int, weight: float = 0.0) -> int:
    """With so many events in hand, of so many bytes, a sensor reads no further, while all together have `of_all`.

    Never none: those that are stuck, with all that there is, must not keep the others from reading.

    Example:
        >>> most_pending(100), most_pending(250_000), most_pending(100, weight=1_000_000)
        (2000, 20, 32)
    """
    return min(MOST_PENDING_OF_ONE if of_all < MOST_PENDING else LEAST_PENDING_OF_ONE, 2 * most_events(weight))


def most_retried(bytes_of_all: float, weight: float) -> int:
    """Retries that one sensor has in hand, of events of so many bytes, while those of all together have `bytes_of_all`.

    Never none: those that are stuck must not keep the others from trying again.

    Example:
        >>> most_retried(0, 1_000), most_retried(0, 1_000_000), most_retried(70_000_000, 1_000)
        (500, 16, 1)
    """
    return min(MOST_RETRIED_OF_ONE, most_events(weight)) if bytes_of_all < MOST_RETRIED_BYTES else 1


def is_gentle(now: float, live_at: float) -> bool:
    """Does whoever catches up take small steps?

    Example:
        >>> is_gentle(10.0, live_at=9.5), is_gentle(10.0, live_at=8.0)
        (True, False)
    """
    return now - live_at < GENTLE_SECONDS


def patience(most: int) -> float:
    """Seconds for which a group waits until less than `most` evaluations are left of what it has in hand.

    Example:
        >>> patience(1_000), patience(20_000)
        (0.05, 0.5)
    """
    return max(LEAST_PATIENCE_SECONDS, most / SETTLED_PER_SECOND)


def lighter(handed: Sequence[int]) -> list[int]:
    """Which members were handed so much less than others of their group that they should not wait for them.

    After an outage all sensors stand at one place. One with a million events behind takes half a minute to answer; who
    was meant to hear of one of them would hear of it then. Those that were handed alike stay one group.

    Args:
        handed: evaluations that came of all that the group has read, by member.

    Returns:
        The places of the light ones, of the heavier ones none.

    Example:
        >>> lighter([1_000, 125, 126, 0]), lighter([99, 0]), lighter([1_000, 400])
        ([1, 3], [], [])
    """
    most = max(handed, default=0)
    if most < TELLING:
        return []
    return [place for place, count in enumerate(handed) if count * LIGHTER <= most]


def held_up_by(pending: Sequence[int], most: int, most_of_one: int) -> list[int]:
    """Which members keep a group from reading on: none while all together have no more than `most` in hand.

    Not the room of each counts: the committer comes round to one after the other, and groups that part read the same
    events once each. Of 100 members that answered alike, 100 groups came.

    Args:
        pending: what each member has in hand.
        most_of_one: a member with so much reads no further, whatever the others have.

    Returns:
        The places of those with more than their share.

    Example:
        >>> held_up_by([900, 50, 40], 1_000, 2_000), held_up_by([990, 50, 40], 1_000, 2_000)
        ([], [0])
    """
    if sum(pending) <= most and max(pending, default=0) < most_of_one:
        return []
    share = most // len(pending)
    return [place for place, count in enumerate(pending) if count > share]
