"""How far each sensor is behind: what of the newest events lies beyond its place, and how old the oldest of that is.

One read of the newest events answers for all sensors, wherever they stand. Events are kept by kind (what filters look
at) in the order in which places move over them, so each sensor costs a few searches and not a look at each event.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from runbell.core.events import EventKey, RunEvent
from runbell.core.filters import Filter
from runbell.core.places import Place, Snapshot
from runbell.core.routing import Routes, Subscription

FIRST_ID = -(2**63)
NOTHING = Filter(frozenset())


class Kind(NamedTuple):
    """What filters look at in an event. `tags` is JSON text; the last two are None where no filter looks at them."""

    status: str
    job_name: str
    code_location: str | None
    requester: str | None
    partition_key: str | None = None
    tags: str | None = None


class Recent(NamedTuple):
    """One recorded event: where it stands, how many seconds ago it was recorded, and its kind."""

    key: EventKey
    age: float
    kind: Kind


@dataclass(frozen=True, slots=True)
class Lag:
    """What lies beyond a sensor's place: how many events it asks for, and the age of the oldest, zero without any."""

    events: int = 0
    seconds: float = 0.0

    def __add__(self, other: "Lag") -> "Lag":
        return Lag(self.events + other.events, max(self.seconds, other.seconds))


@dataclass(frozen=True, slots=True)
class Reader:
    """What decides how far a sensor is behind."""

    place: Place
    subscription: Subscription

    @property
    def changed_since(self) -> Snapshot | None:
        """Before this the former filter holds, and it still has such events to come; None: only that of now matters."""
        former, since = self.subscription.former, self.subscription.since
        if former is None or since is None or self.place.position.reaches(since):
            return None
        return since


@dataclass(slots=True)
class _Kept:
    """The events of one kind, in the order of their keys; `oldest[i]`: the greatest age from the i-th on."""

    keys: list[EventKey] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    oldest: list[float] = field(default_factory=list)
    by_xid: dict[int, list[int]] = field(default_factory=dict)

    def add(self, event: Recent) -> None:
        self.by_xid.setdefault(event.key.xid, []).append(len(self.keys))
        self.keys.append(event.key)
        self.ages.append(event.age)

    def close(self) -> None:
        self.oldest = list(accumulate(reversed(self.ages), max))[::-1]

    def beyond(self, place: Place) -> Lag:
        """What a place has not passed."""
        start = self._first_of(place.position.xmax)
        late = self._of(place.position.xip)
        if place.upper is None or place.last is None:
            return self._from(start) + self._lag(late)
        # Within a page: what is visible in `upper` has been passed up to the last key.
        end = min(bisect_right(self.keys, place.last), self._first_of(place.upper.xmax))
        unseen = [index for index in self._of(place.upper.xip) if start <= index < end]
        late = [index for index in late if not place.passes(self.keys[index])]
        return self._from(max(start, end)) + self._lag([*late, *unseen])

    def beyond_of(self, place: Place, since: Snapshot, *, before: bool) -> Lag:
        """The same, of those alone that a snapshot sees, or does not see. Looks at each."""
        return self._lag(
            index for index, key in enumerate(self.keys) if since.sees(key.xid) is before and not place.passes(key)
        )

    def _first_of(self, xid: int) -> int:
        return bisect_left(self.keys, (xid, FIRST_ID))

    def _of(self, xids: Iterable[int]) -> list[int]:
        return [index for xid in xids for index in self.by_xid.get(xid, ())]

    def _from(self, start: int) -> Lag:
        return Lag(len(self.keys) - start, self.oldest[start]) if start < len(self.keys) else Lag()

    def _lag(self, indices: Iterable[int]) -> Lag:
        ages = [self.ages[index] for index in indices]
        return Lag(len(ages), max(ages, default=0.0))


def measure_lags(events: Iterable[Recent], readers: Mapping[str, Reader]) -> dict[str, Lag]:
    """How far each sensor is behind, of these events.

    Example:
        >>> from runbell.core.filters import Filter
        >>> reader = Reader(Place(Snapshot.parse("10:10:")), Subscription(Filter(frozenset({"FAILURE"}))))
        >>> failure = Recent(EventKey(12, 1), 5.0, Kind("FAILURE", "etl", None, None))
        >>> measure_lags([failure], {"alert": reader})
        {'alert': Lag(events=1, seconds=5.0)}
    """
    kept: dict[Kind, _Kept] = {}
    for event in sorted(events, key=lambda one: one.key):
        kept.setdefault(event.kind, _Kept()).add(event)
    changing = {name: since for name, reader in readers.items() if (since := reader.changed_since) is not None}
    now = Routes({name: Subscription(reader.subscription.filter) for name, reader in readers.items()})
    before = Routes({name: Subscription(readers[name].subscription.former or NOTHING) for name in changing})
    lags = dict.fromkeys(readers, Lag())
    for kind, found in kept.items():
        found.close()
        one = _any_of(kind)
        for name in now.wanted_by(one):
            place, since = readers[name].place, changing.get(name)
            lags[name] += found.beyond(place) if since is None else found.beyond_of(place, since, before=False)
        for name in before.wanted_by(one):
            lags[name] += found.beyond_of(readers[name].place, changing[name], before=True)
    return lags


def is_narrowed(filters: Iterable[Filter]) -> bool:
    """Does some filter look at tags, partitions or origins?"""
    return any(wanted.narrowing is not None for wanted in filters)


def kind_matches(kind: Kind, wanted: Filter, sensor_name: str) -> bool:
    """Do events of this kind reach the sensor of this name by this filter?"""
    return wanted.matches(_any_of(kind), sensor_name)


def _any_of(kind: Kind) -> RunEvent:
    """An event of this kind; no single one is meant."""
    return RunEvent(
        event_id=0,
        xid=0,
        source="",
        run_id="",
        job_name=kind.job_name,
        code_location=kind.code_location,
        status=kind.status,
        native_status=kind.status,
        partition_key=kind.partition_key,
        tags=kind.tags or "{}",
        message=None,
        error=None,
        recorded_at=0.0,
        requester=kind.requester,
    )
