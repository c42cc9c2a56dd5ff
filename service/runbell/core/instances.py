"""What `context.instance` answers from what was recorded, and one sentence for what it cannot answer."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from runbell.core.awaiting import Then, Wait
from runbell.core.errors import NotHereError, RunbellError
from runbell.core.events import StepFailure
from runbell.core.run_queries import MOST_RUNS, RunsQuery, read_query
from runbell.core.run_records import (
    EventLogConnection,
    EventLogEntry,
    EventLogRecord,
    LoggedEvent,
    RunRecord,
    RunStats,
)
from runbell.core.runs import DagsterRun, RunFacts
from runbell.core.statuses import EVENT_TYPES

ANSWERED = (
    "get_run_by_id, get_run_record_by_id, get_run_stats, get_runs, get_run_records, get_runs_count, has_run,"
    " get_records_for_run and all_logs, each also as an awaitable that begins with 'a'"
)
RECORDED_TYPES = frozenset({*EVENT_TYPES.values(), "STEP_FAILURE"})
ASSETS = "what happens to assets is recorded by Dagster alone"
SNAPSHOTS = "snapshots of jobs and plans are kept by Dagster alone"
SETTINGS = "Dagster's own settings are not known here"
WRITES = "Runbell writes nothing into an orchestrator; tags of a requested run go into RunRequest(tags=...)"
REASONS = {
    "get_run_step_stats": "of steps only failures are recorded, and context.get_step_failure_events() has them",
    "get_job_snapshot": SNAPSHOTS,
    "get_execution_plan_snapshot": SNAPSHOTS,
    "get_latest_materialization_event": ASSETS,
    "get_status_by_partition": ASSETS,
    "get_event_records": f"{ASSETS}, and get_records_for_run has the changes of a run's status",
    "get_asset_records": ASSETS,
    "get_backfill": "backfills are kept by Dagster alone, and a run of one has its id in the tag dagster/backfill",
    "run_retries_enabled": SETTINGS,
    "run_retries_max_retries": SETTINGS,
    "add_run_tags": WRITES,
    "report_engine_event": WRITES,
}


class Lookups(Protocol):
    """What can be asked beyond the event. The store answers; nothing is awaited here."""

    def run_by_id(self, run_id: str, source: str) -> Awaitable[RunFacts | None]:
        """The run as it stands now; None if it is not known."""

    def runs(self, query: RunsQuery) -> Awaitable[Sequence[RunFacts]]:
        """The runs that are asked for, as they stand now."""

    def step_failures(self, source: str, run_id: str) -> Awaitable[Sequence[StepFailure]]:
        """The failed steps of the run, in recorded order."""

    def run_log(self, source: str, run_id: str) -> Awaitable[Sequence[LoggedEvent]]:
        """What was recorded of the run, oldest first."""


@dataclass(frozen=True, slots=True)
class Instance:
    """The questions of a DagsterInstance that Runbell answers, for runs of the event's source.

    Each has an awaitable form for `async def` sensors: `aget_runs` for `get_runs`, and so on.

    Raises:
        NotHereError: for any other attribute; it names it and says why.
    """

    source: str
    lookups: Lookups
    wait: Wait

    def get_run_by_id(self, run_id: str) -> DagsterRun | None:
        """The run as it stands now; None if it is not known."""
        run: DagsterRun | None = self.wait(self.aget_run_by_id, run_id)
        return run

    def aget_run_by_id(self, run_id: str) -> Awaitable[DagsterRun | None]:
        return Then(self.lookups.run_by_id(run_id, self.source), _run)

    def has_run(self, run_id: str) -> bool:
        """Is a run of this id known?"""
        return self.get_run_by_id(run_id) is not None

    def get_run_record_by_id(self, run_id: str) -> RunRecord | None:
        """The run with its times; None if it is not known."""
        record: RunRecord | None = self.wait(self.aget_run_record_by_id, run_id)
        return record

    def aget_run_record_by_id(self, run_id: str) -> Awaitable[RunRecord | None]:
        return Then(self.lookups.run_by_id(run_id, self.source), _record)

    def get_run_stats(self, run_id: str) -> RunStats:
        """The run's times as they stand now, None where not known."""
        stats: RunStats = self.wait(self.aget_run_stats, run_id)
        return stats

    def aget_run_stats(self, run_id: str) -> Awaitable[RunStats]:
        return Then(self.lookups.run_by_id(run_id, self.source), lambda facts: RunStats.of(run_id, facts))

    def get_runs(
        self,
        filters: Any = None,
        cursor: str | None = None,
        limit: int | None = None,
        bucket_by: Any = None,
        ascending: bool = False,  # noqa: FBT001, FBT002 - the order of the arguments is Dagster's
    ) -> list[DagsterRun]:
        """The runs of a RunsFilter, newest first; behind the run `cursor`, if one is given.

        Raises:
            NotHereError: an argument asks for what is not recorded.
            RunbellError: an argument is not what it should be, or more than 10,000 runs match and no limit is given.
        """
        runs: list[DagsterRun] = self.wait(self.aget_runs, filters, cursor, limit, bucket_by, ascending)
        return runs

    def aget_runs(
        self,
        filters: Any = None,
        cursor: str | None = None,
        limit: int | None = None,
        bucket_by: Any = None,
        ascending: bool = False,  # noqa: FBT001, FBT002 - the order of the arguments is Dagster's
    ) -> Awaitable[list[DagsterRun]]:
        asked = read_query(self.source, filters, cursor=cursor, limit=limit, bucket_by=bucket_by, ascending=ascending)
        return Then(self.lookups.runs(asked), _each(asked, DagsterRun.of))

    def get_runs_count(self, filters: Any = None) -> int:
        """How many runs there are of a RunsFilter, up to 10,000."""
        return len(self.get_runs(filters))

    def get_run_records(
        self,
        filters: Any = None,
        limit: int | None = None,
        order_by: str | None = None,
        ascending: bool = False,  # noqa: FBT001, FBT002 - the order of the arguments is Dagster's
        cursor: str | None = None,
        bucket_by: Any = None,
    ) -> list[RunRecord]:
        """The runs of a RunsFilter with their times, ordered by creation or by `order_by`.

        Raises:
            NotHereError, RunbellError: as get_runs.
        """
        records: list[RunRecord] = self.wait(
            self.aget_run_records, filters, limit, order_by, ascending, cursor, bucket_by
        )
        return records

    def aget_run_records(
        self,
        filters: Any = None,
        limit: int | None = None,
        order_by: str | None = None,
        ascending: bool = False,  # noqa: FBT001, FBT002 - the order of the arguments is Dagster's
        cursor: str | None = None,
        bucket_by: Any = None,
    ) -> Awaitable[list[RunRecord]]:
        asked = read_query(
            self.source,
            filters,
            cursor=cursor,
            limit=limit,
            bucket_by=bucket_by,
            order_by=order_by,
            ascending=ascending,
        )
        return Then(self.lookups.runs(asked), _each(asked, RunRecord.of))

    def get_records_for_run(
        self,
        run_id: str,
        cursor: str | None = None,
        of_type: Any = None,
        limit: int | None = None,
        ascending: bool = True,  # noqa: FBT001, FBT002 - the order of the arguments is Dagster's
    ) -> EventLogConnection:
        """What was recorded of a run: the changes of its status, and its failed steps.

        Raises:
            NotHereError: `of_type` asks for what is not recorded.
        """
        page: EventLogConnection = self.wait(self.aget_records_for_run, run_id, cursor, of_type, limit, ascending)
        return page

    def aget_records_for_run(
        self,
        run_id: str,
        cursor: str | None = None,
        of_type: Any = None,
        limit: int | None = None,
        ascending: bool = True,  # noqa: FBT001, FBT002 - the order of the arguments is Dagster's
    ) -> Awaitable[EventLogConnection]:
        types = _types(of_type)

        def page(log: Sequence[LoggedEvent]) -> EventLogConnection:
            return _page(_records(run_id, log, types), cursor, limit, ascending=ascending)

        return Then(self.lookups.run_log(self.source, run_id), page)

    def all_logs(self, run_id: str, of_type: Any = None) -> list[EventLogEntry]:
        """The same without numbers, all of it.

        Raises:
            NotHereError: `of_type` asks for what is not recorded.
        """
        return [record.event_log_entry for record in self.get_records_for_run(run_id, None, of_type).records]

    @staticmethod
    def get() -> NoReturn:
        """Dagster's own way to its instance.

        Raises:
            NotHereError: always; it names the way that there is here.
        """
        raise NotHereError("DagsterInstance.get() is not here: Dagster is not installed; use context.instance")

    @staticmethod
    def ephemeral() -> NoReturn:
        """Dagster's instance for tests.

        Raises:
            NotHereError: always; it names the way that there is here.
        """
        raise NotHereError(
            "DagsterInstance.ephemeral() is not here: Dagster is not installed; runbell.testing.evaluate(sensor,"
            " job_name=..., status=...) tests a sensor without it"
        )

    def __getattr__(self, name: str) -> NoReturn:
        reason = REASONS.get(name, f"it answers {ANSWERED}")
        raise NotHereError(f"context.instance.{name} is not here: {reason}")


def _run(facts: RunFacts | None) -> DagsterRun | None:
    return None if facts is None else DagsterRun.of(facts)


def _record(facts: RunFacts | None) -> RunRecord | None:
    return None if facts is None else RunRecord.of(facts)


def _each(asked: RunsQuery, made: Callable[[RunFacts], Any]) -> Callable[[Sequence[RunFacts]], list[Any]]:
    def all_of_them(found: Sequence[RunFacts]) -> list[Any]:
        if asked.is_open and len(found) > MOST_RUNS:
            raise RunbellError(f"more than {MOST_RUNS} runs match: give limit=, or ask for fewer with RunsFilter")
        return [made(facts) for facts in found]

    return all_of_them


def _types(of_type: Any) -> frozenset[str]:
    if of_type is None:
        return RECORDED_TYPES
    several = [of_type] if isinstance(of_type, str) or not isinstance(of_type, Iterable) else of_type
    types = frozenset(str(getattr(one, "value", one)) for one in several)
    if unknown := sorted(types - RECORDED_TYPES):
        raise NotHereError(
            f"context.instance has no events of type {', '.join(unknown)}: recorded are the changes of a run's status,"
            " and STEP_FAILURE"
        )
    return types


def _records(run_id: str, log: Sequence[LoggedEvent], types: frozenset[str]) -> list[EventLogRecord]:
    return [
        EventLogRecord(number, EventLogEntry.of(run_id, logged))
        for number, logged in enumerate(log, start=1)
        if logged.event_type_value in types
    ]


def _page(
    records: list[EventLogRecord], cursor: str | None, limit: int | None, *, ascending: bool
) -> EventLogConnection:
    records = records if ascending else list(reversed(records))
    if cursor is not None:
        after = int(cursor)
        records = [one for one in records if (one.storage_id > after if ascending else one.storage_id < after)]
    page = records if limit is None else records[:limit]
    last = str(page[-1].storage_id) if page else (cursor or "0")
    return EventLogConnection(page, last, len(page) < len(records))
