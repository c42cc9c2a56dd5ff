"""Finds the sensors that an event reaches, by an index: an event costs what its matching sensors cost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from runbell.core.events import RunEvent
from runbell.core.filters import Filter
from runbell.core.narrowing import tags_of
from runbell.core.places import Snapshot

# Names that are remembered at most, over all kinds of events.
MOST_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class Subscription:
    """A sensor's filter, and the one that held for events before `since`.

    A changed filter applies from the moment that it is deployed; a place that was written lazily would otherwise
    replay what the sensor never asked for.
    """

    filter: Filter
    former: Filter | None = None
    since: Snapshot | None = None

    def matches(self, event: RunEvent, sensor_name: str, tags: dict[str, str] | None = None) -> bool:
        before = self.former is not None and self.since is not None and self.since.sees(event.xid)
        held = self.former if before and self.former is not None else self.filter
        return held.matches(event, sensor_name, tags)

    def filters(self) -> tuple[Filter, ...]:
        return (self.filter,) if self.former is None else (self.filter, self.former)


# Names in the order in which they came; a dict, because thousands leave one by one.
_Names: TypeAlias = dict[str, None]


@dataclass(slots=True)
class _StatusRoutes:
    """For one status: by exact job name, by scope for those that watch every job; the rest are asked one by one."""

    by_job: dict[str, _Names] = field(default_factory=dict)
    by_scope: dict[str | None, _Names] = field(default_factory=dict)
    others: _Names = field(default_factory=dict)
    everybody: _Names = field(default_factory=dict)

    def add(self, wanted: Filter, name: str) -> None:
        for names in self._places(wanted):
            names[name] = None
        self.everybody[name] = None

    def discard(self, wanted: Filter, name: str) -> None:
        for names in self._places(wanted):
            names.pop(name, None)
        self.everybody.pop(name, None)

    @property
    def reach(self) -> int:
        """Of any one event, so many at most."""
        of_jobs = max(map(len, self.by_job.values()), default=0)
        return of_jobs + sum(map(len, self.by_scope.values())) + len(self.others)

    def _places(self, wanted: Filter) -> list[_Names]:
        if wanted.jobs is None:
            return [self.by_scope.setdefault(wanted.scope, {})]
        jobs = wanted.exact_jobs()
        return [self.others] if jobs is None else [self.by_job.setdefault(job, {}) for job in jobs]

    def candidates(self, job_name: str, code_location: str | None) -> Iterable[str]:
        yield from self.by_job.get(job_name, ())
        yield from self.by_scope.get(None, ())
        if code_location is not None:
            yield from self.by_scope.get(code_location, ())
        else:
            # A run that names no location is in everybody's scope.
            for scope, names in self.by_scope.items():
                if scope is not None:
                    yield from names
        yield from self.others


@dataclass(frozen=True, slots=True)
class _Reached:
    """By all events of one status, job and code location: who is reached for sure, and who has to be asked each time.

    A run's own requester is the exception to what is sure.
    """

    surely: Sequence[str]
    asked: Sequence[str]


class Routes:
    """The index over all subscriptions. Who comes and goes costs what he asks for, however many others there are."""

    def __init__(self, subscriptions: Mapping[str, Subscription]) -> None:
        self._subscriptions: dict[str, Subscription] = {}
        self._by_status: dict[str, _StatusRoutes] = {}
        # Most events are like others: of 10,000 sensors 100 were found and asked anew for each, an eighth of the time.
        self._remembered: dict[tuple[str, str, str | None], _Reached] = {}
        self._room = MOST_REMEMBERED
        self._reads_tags = False
        for name, subscription in subscriptions.items():
            self.add(name, subscription)

    def add(self, name: str, subscription: Subscription) -> None:
        """This sensor is reached as well, from here on."""
        self._subscriptions[name] = subscription
        self._forget()
        for wanted in subscription.filters():
            self._reads_tags |= wanted.narrowing is not None
            for status in wanted.statuses:
                routes = self._by_status.get(status)
                if routes is None:
                    routes = self._by_status[status] = _StatusRoutes()
                routes.add(wanted, name)

    def discard(self, name: str) -> None:
        """This one is reached no more; nothing is done if it was not."""
        subscription = self._subscriptions.pop(name, None)
        self._forget()
        for wanted in () if subscription is None else subscription.filters():
            for status in wanted.statuses & self._by_status.keys():
                routes = self._by_status[status]
                routes.discard(wanted, name)
                if not routes.everybody:
                    del self._by_status[status]

    @property
    def statuses(self) -> list[str]:
        """Every status that somebody asks for."""
        return sorted(self._by_status)

    @property
    def reach(self) -> int:
        """Of the sensors, so many at most are reached by any one event."""
        return max((routes.reach for routes in self._by_status.values()), default=0)

    @property
    def jobs(self) -> list[str] | None:
        """The only job names that matter to anybody; None if that cannot be told by name."""
        names: set[str] = set()
        for routes in self._by_status.values():
            if routes.others or any(routes.by_scope.values()):
                return None
            names.update(job for job, watchers in routes.by_job.items() if watchers)
        return list(names)

    def wanted_by(self, event: RunEvent) -> Sequence[str]:
        """The names of the sensors that this event reaches."""
        kind = (event.status, event.job_name, event.code_location)
        reached = self._remembered.get(kind) or self._remember(kind)
        found, requester = reached.surely, event.requester
        if requester is not None:
            found = [name for name in found if name != requester or self._subscriptions[name].filter.own_runs]
        if not reached.asked:
            return found
        # Decoded once for all who ask for them, if anybody does.
        tags = tags_of(event) if self._reads_tags else None
        return [*found, *[name for name in reached.asked if self._subscriptions[name].matches(event, name, tags)]]

    def _remember(self, kind: tuple[str, str, str | None]) -> _Reached:
        status, job_name, code_location = kind
        surely, asked = [], []
        routes = self._by_status.get(status, _StatusRoutes())
        for name in dict.fromkeys(routes.candidates(job_name, code_location)):
            subscription = self._subscriptions[name]
            if subscription.former is not None or subscription.filter.narrowing is not None:
                asked.append(name)
            elif subscription.filter.watches(job_name, code_location):
                surely.append(name)
        size = len(surely) + len(asked) + 1
        if size > self._room:
            self._forget()
        self._room -= size
        self._remembered[kind] = _Reached(surely, asked)
        return self._remembered[kind]

    def _forget(self) -> None:
        self._remembered.clear()
        self._room = MOST_REMEMBERED
