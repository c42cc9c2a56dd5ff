"""Filters in the form in which a read of events applies them, so that what reaches nobody is not sent here."""

from collections.abc import Collection
from typing import Any

import msgspec

from runbell.core.filters import Filter, JobPattern
from runbell.core.globs import expression

# PostgreSQL keeps 32 expressions compiled; with more than those each row would compile them anew.
MOST_EXPRESSIONS = 24


def pushed(filters: Collection[Filter]) -> str | None:
    """The filters as JSON for `read_events.sql`, which keeps the events that any of them matches, requesters aside.

    None where sending everything of their statuses is as good: one of them asks for no more, or there are too many.

    Example:
        >>> pushed([Filter(frozenset({"SUCCESS"}))]) is None
        True
    """
    if not filters or not all(map(_asks, filters)) or sum(map(_expressions, filters)) > MOST_EXPRESSIONS:
        return None
    return msgspec.json.encode([_form(wanted) for wanted in filters]).decode()


def named(jobs: Collection[str] | None) -> str | None:
    """Names of jobs as JSON for `read_events.sql`: as the keys of an object, so that each row is looked up there.

    Example:
        >>> named(["etl", "report"])
        '{"etl":null,"report":null}'
    """
    return None if jobs is None else msgspec.json.encode(dict.fromkeys(jobs)).decode()


def _asks(wanted: Filter) -> bool:
    return bool(wanted.narrowing or wanted.excluded or (wanted.jobs and wanted.exact_jobs() is None))


def _expressions(wanted: Filter) -> int:
    jobs = [*(wanted.jobs or ()), *wanted.excluded]
    count = sum(1 if job.code_location is None else 2 for job in jobs)
    if wanted.narrowing is not None:
        count += len(wanted.narrowing.partitions) + sum(len(tag.values) for tag in wanted.narrowing.tags)
    return count


def _form(wanted: Filter) -> dict[str, Any]:
    narrowing = wanted.narrowing
    return {
        "statuses": sorted(wanted.statuses),
        "jobs": None if wanted.jobs is None else _jobs(wanted.jobs),
        "scope": wanted.scope,
        "excluded": _jobs(wanted.excluded),
        "tags": [
            {"key": tag.key, "present": tag.present, "values": list(map(expression, tag.values))}
            for tag in (narrowing.tags if narrowing else ())
        ],
        "partitions": list(map(expression, narrowing.partitions)) if narrowing else [],
        "origins": list(narrowing.origins) if narrowing else [],
    }


def _jobs(jobs: Collection[JobPattern]) -> list[list[str | None]]:
    return [
        [expression(job.job_name), None if job.code_location is None else expression(job.code_location)] for job in jobs
    ]
