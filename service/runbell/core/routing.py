"""Finds the sensors that an event reaches, by an index: an event costs what its matching sensors cost."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from runbell.core.events import RunEvent
from runbell.core.filters import Filter
from runbell.core.narrowing import tags_of
from runbell.core.places import Snapshot


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


@dataclass(slots=True)
class _StatusRoutes:
    """For one status: by exact job name, by scope for those that watch every job; the rest are asked one by one."""

    by_job: dict[str, list[str]] = field(default_factory=dict)
    by_scope: dict[str | None, list[str]] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)

    def add(self, wanted: Filter, name: str) -> None:
        jobs = wanted.exact_jobs()
        if wanted.jobs is None:
            self.by_scope.setdefault(wanted.scope, []).append(name)
        elif jobs is None:
            self.others.append(name)
        else:
            for job in jobs:
                self.by_job.setdefault(job, []).append(name)

    def candidates(self, event: RunEvent) -> Iterable[str]:
        yield from self.by_job.get(event.job_name, ())
        yield from self.by_scope.get(None, ())
        if event.code_location is not None:
            yield from self.by_scope.get(event.code_location, ())
        else:
            # A run that names no location is in everybody's scope.
            for scope, names in self.by_scope.items():
                if scope is not None:
                    yield from names
        yield from self.others


class Routes:
    """The index over all subscriptions; made anew when they change."""

    def __init__(self, subscriptions: Mapping[str, Subscription]) -> None:
        self._subscriptions = dict(subscriptions)
        self._by_status: dict[str, _StatusRoutes] = {}
        self._reads_tags = any(
            wanted.narrowing is not None for subscription in subscriptions.values() for wanted in subscription.filters()
        )
        for name, subscription in subscriptions.items():
            for wanted in subscription.filters():
                for status in wanted.statuses:
                    self._by_status.setdefault(status, _StatusRoutes()).add(wanted, name)

    @property
    def statuses(self) -> list[str]:
        """Every status that somebody asks for."""
        return sorted(self._by_status)

    def wanted_by(self, event: RunEvent) -> list[str]:
        """The names of the sensors that this event reaches."""
        routes = self._by_status.get(event.status)
        if routes is None:
            return []
        # Decoded once for all who ask for them, if anybody does.
        tags = tags_of(event) if self._reads_tags else None
        return [
            name
            for name in dict.fromkeys(routes.candidates(event))
            if self._subscriptions[name].matches(event, name, tags)
        ]
