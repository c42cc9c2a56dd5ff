"""Which events a sensor asks for: statuses, jobs, code locations. Plain data, so that it can be stored and compared."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

import msgspec

from runbell.core.events import RunEvent
from runbell.core.globs import is_exact
from runbell.core.narrowing import Narrowing, TagPattern, tags_of


@dataclass(frozen=True, slots=True)
class JobPattern:
    """A job to watch: name or glob, in one code location (name or glob) or, with None, within the sensor's scope."""

    job_name: str = "*"
    code_location: str | None = None

    @classmethod
    def parse(cls, text: str) -> "JobPattern":
        """From `"job"`, `"etl_*"` or `"location:job"`."""
        location, colon, job = text.partition(":")
        return cls(job, location) if colon else cls(text)

    @property
    def exact(self) -> bool:
        """Can an index on the job's name find it?"""
        return is_exact(self.job_name)

    def matches(self, job_name: str, code_location: str | None) -> bool:
        if not fnmatchcase(job_name, self.job_name):
            return False
        return self.code_location is None or (
            code_location is not None and fnmatchcase(code_location, self.code_location)
        )


@dataclass(frozen=True, slots=True)
class Filter:
    """What a sensor asks for.

    Attributes:
        statuses: in upper case.
        jobs: None watches every job.
        scope: the code location that unqualified jobs are watched in; None watches all.
        own_runs: does it also react to runs that it requested itself?
        excluded: jobs that are not watched, whatever `jobs` says; without a location, wherever they are.
        narrowing: what is asked of a run beyond this; None: nothing.
    """

    statuses: frozenset[str]
    jobs: tuple[JobPattern, ...] | None = None
    scope: str | None = None
    own_runs: bool = False
    excluded: tuple[JobPattern, ...] = ()
    narrowing: Narrowing | None = None

    def matches(self, event: RunEvent, sensor_name: str, tags: dict[str, str] | None = None) -> bool:
        """Does this event reach the sensor of this name? `tags`: those of the event, if they have been read."""
        if event.status not in self.statuses or (event.requester == sensor_name and not self.own_runs):
            return False
        if not self.watches(event.job_name, event.code_location):
            return False
        return self.narrowing is None or self.narrowing.matches(event, tags_of(event) if tags is None else tags)

    def watches(self, job_name: str, code_location: str | None) -> bool:
        """Does it watch this job of this code location?"""
        if any(pattern.matches(job_name, code_location) for pattern in self.excluded):
            return False
        in_scope = self.scope is None or code_location in {None, self.scope}
        if self.jobs is None:
            return in_scope
        return any(
            pattern.matches(job_name, code_location)
            for pattern in self.jobs
            if in_scope or pattern.code_location is not None
        )

    def exact_jobs(self) -> frozenset[str] | None:
        """The job names that alone can match; None if that cannot be told by name."""
        if self.jobs is None:
            return None
        names = [pattern.job_name for pattern in self.jobs]
        return frozenset(names) if all(map(is_exact, names)) else None

    def to_dict(self) -> dict[str, object]:
        """The stored form; equal filters have equal forms."""
        return {
            "statuses": sorted(self.statuses),
            "jobs": None if self.jobs is None else _stored_jobs(self.jobs),
            "scope": self.scope,
            "own_runs": self.own_runs,
            # Left out where nothing is asked: a filter that asks for nothing new is stored as it always was.
            **({"excluded": _stored_jobs(self.excluded)} if self.excluded else {}),
            **({} if self.narrowing is None else self.narrowing.to_dict()),
        }

    @classmethod
    def read(cls, stored: str) -> "Filter | None":
        """Back from the stored form as JSON text; None if somebody put something else there.

        Example:
            >>> Filter.read("{}") is None
            True
        """
        try:
            found = msgspec.json.decode(stored, type=_Stored)
        except (msgspec.MsgspecError, RecursionError):
            return None
        jobs = None if found.jobs is None else tuple(JobPattern(*pattern) for pattern in found.jobs)
        excluded = tuple(JobPattern(*pattern) for pattern in found.excluded)
        tags = tuple(TagPattern(key, tuple(values), present) for key, values, present in found.tags)
        narrowing = Narrowing(tags, tuple(found.partitions), tuple(found.origins))
        return cls(
            frozenset(found.statuses),
            jobs,
            found.scope,
            found.own_runs,
            excluded,
            None if narrowing == Narrowing() else narrowing,
        )


class _Stored(msgspec.Struct):
    statuses: list[str]
    jobs: list[tuple[str, str | None]] | None
    scope: str | None
    own_runs: bool
    excluded: list[tuple[str, str | None]] = []
    tags: list[tuple[str, list[str], bool]] = []
    partitions: list[str] = []
    origins: list[str] = []


def _stored_jobs(jobs: Iterable[JobPattern]) -> list[list[str | None]]:
    return sorted(([job.job_name, job.code_location] for job in jobs), key=lambda job: (job[0], job[1] or ""))
