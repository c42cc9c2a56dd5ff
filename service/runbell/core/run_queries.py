"""Which runs are asked for: Dagster's filter, and the question that it comes to, or why it cannot be answered."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from runbell.core.documents import NotJsonError, read_object, read_tags, write_json
from runbell.core.errors import NotHereError, RunbellError
from runbell.core.runs import PARTITION_TAG, RunFacts
from runbell.core.text import shown

ORDERS = ("update_timestamp", "start_time", "end_time")
# Nobody reads so many in a sensor; more would be a list without end held in memory.
MOST_RUNS = 10_000


@dataclass(frozen=True, slots=True)
class RunsFilter:
    """Which runs are asked for; what is left out does not matter.

    Args:
        run_ids: one of these; an empty list is refused, as by Dagster: it would ask for every run.
        job_name: of this job.
        statuses: in one of these.
        tags: with all of these; where a value is a list, with one of its values.
        updated_after, updated_before, created_after, created_before: moments as `datetime`, else in UTC.

    Example:
        >>> RunsFilter(job_name="etl", tags={"team": ["data", "web"]}).statuses
        ()
    """

    run_ids: Sequence[str] | None = None
    job_name: str | None = None
    statuses: Sequence[Any] = ()
    tags: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    snapshot_id: str | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    exclude_subruns: bool | None = None


class RunsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The question, in plain values; moments are seconds since 1970, `tags` is JSON: key to list of values.

    Attributes:
        before: a run id; only what stands behind it in the list.
        order: empty for the order of creation, else one of ORDERS.
    """

    source: str
    run_ids: list[str] | None = None
    job_name: str | None = None
    statuses: list[str] | None = None
    tags: str = "{}"
    updated_after: float | None = None
    updated_before: float | None = None
    created_after: float | None = None
    created_before: float | None = None
    before: str | None = None
    order: str = ""
    ascending: bool = False
    limit: int = MOST_RUNS + 1

    @property
    def is_open(self) -> bool:
        """Was it asked without a limit?"""
        return self.limit > MOST_RUNS

    def asks_for(self, facts: RunFacts) -> bool:
        """Is this one of the runs? As the statement `read_runs` decides, for tests that have no database."""
        tags = {PARTITION_TAG: facts.partition_key, **read_tags(facts.tags, "tags")}
        wanted = read_object(self.tags, "tags")
        return (
            facts.source == self.source
            and (self.run_ids is None or facts.run_id in self.run_ids)
            and (self.job_name is None or facts.job_name == self.job_name)
            and (self.statuses is None or facts.status in self.statuses)
            and all(tags.get(key) in values for key, values in wanted.items())
            and _within(facts.updated_at, self.updated_after, self.updated_before)
            and _within(facts.created_at, self.created_after, self.created_before)
        )


def read_query(
    source: str,
    filters: Any = None,
    *,
    cursor: str | None = None,
    limit: int | None = None,
    bucket_by: Any = None,
    order_by: str | None = None,
    ascending: bool = False,
) -> RunsQuery:
    """The question that arguments of Dagster's `get_runs` and `get_run_records` come to.

    Args:
        source: whose runs.
        filters: a RunsFilter, ours or Dagster's.

    Raises:
        NotHereError: an argument asks for what is not recorded.
        RunbellError: an argument is not what it should be.

    Example:
        >>> read_query("sql", RunsFilter(job_name="etl"), limit=1).job_name
        'etl'
    """
    filters = RunsFilter() if filters is None else filters
    _refuse({f"RunsFilter({name}=...)": getattr(filters, name, None) for name in ("snapshot_id", "exclude_subruns")})
    _refuse({"bucket_by=": bucket_by, "cursor= together with order_by=": cursor if order_by else None})
    if order_by is not None and order_by not in ORDERS:
        raise RunbellError(
            f"order_by={shown(order_by)} is none of {', '.join(ORDERS)}: leave it out to order by creation"
        )
    run_ids = getattr(filters, "run_ids", None)
    if run_ids is not None and not run_ids:
        raise RunbellError(
            f"RunsFilter(run_ids={shown(run_ids)}) names no run: ask only where there are ids, or leave it out for all"
        )
    if limit is not None and not 0 <= limit <= MOST_RUNS:
        raise RunbellError(f"limit={shown(limit)} is not a number from 0 to {MOST_RUNS}")
    return RunsQuery(
        source=source,
        run_ids=_listed(run_ids),
        job_name=getattr(filters, "job_name", None),
        statuses=_listed(_status(status) for status in getattr(filters, "statuses", None) or ()),
        tags=_tags(getattr(filters, "tags", None) or {}),
        updated_after=_seconds(filters, "updated_after"),
        updated_before=_seconds(filters, "updated_before"),
        created_after=_seconds(filters, "created_after"),
        created_before=_seconds(filters, "created_before"),
        before=cursor,
        order=order_by or "",
        ascending=bool(ascending),
        limit=MOST_RUNS + 1 if limit is None else limit,
    )


def _within(moment: float | None, after: float | None, before: float | None) -> bool:
    known = moment if moment is not None else math.nan
    return (after is None or known > after) and (before is None or known < before)


def _refuse(given: Mapping[str, object]) -> None:
    for what, value in given.items():
        if value:
            raise NotHereError(f"context.instance knows nothing to answer {what} by: leave it out")


def _listed(values: Iterable[Any] | None) -> list[str] | None:
    return [str(value) for value in values or ()] or None


def _status(status: Any) -> str:
    return str(getattr(status, "value", status)).upper()


def _tags(tags: Mapping[str, Any]) -> str:
    lists = {key: [value] if isinstance(value, str) else list(value) for key, value in tags.items()}
    try:
        return write_json(lists)
    except NotJsonError as error:
        raise RunbellError(f"RunsFilter(tags={shown(tags)}) {error}") from None


def _seconds(filters: Any, name: str) -> float | None:
    moment = getattr(filters, name, None)
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        raise RunbellError(f"RunsFilter({name}={shown(moment)}) is no datetime")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
