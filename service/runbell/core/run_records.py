"""What the instance answers about runs: records, times, and the log of what was recorded of one run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from runbell.core.dagster_events import STEP_FAILURE, DagsterEvent
from runbell.core.events import StepFailure
from runbell.core.runs import DagsterRun, RunFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStats:
    """The times of a run, in seconds since 1970; None where not known. What Dagster counts of a run is not known here.

    Attributes:
        enqueued_time, launch_time: when its status became QUEUED, and STARTING.

    Example:
        >>> RunStats(run_id="r1", start_time=1.0, end_time=3.5).end_time
        3.5
    """

    run_id: str
    start_time: float | None = None
    end_time: float | None = None
    launch_time: float | None = None
    enqueued_time: float | None = None
    steps_succeeded: int | None = None
    steps_failed: int | None = None
    materializations: int | None = None
    expectations: int | None = None

    @classmethod
    def of(cls, run_id: str, facts: "RunFacts | None") -> "RunStats":
        """From what is known of the run, if anything is."""
        if facts is None:
            return cls(run_id=run_id)
        return cls(
            run_id=run_id,
            start_time=facts.started_at,
            end_time=facts.ended_at,
            launch_time=facts.launched_at,
            enqueued_time=facts.enqueued_at,
        )


class RunRecord(NamedTuple):
    """A run with its times: the first two as `datetime` in UTC, the others in seconds since 1970, as in Dagster.

    Attributes:
        storage_id: 0; runs have no number here.
    """

    storage_id: int
    dagster_run: DagsterRun
    create_timestamp: datetime | None
    update_timestamp: datetime | None
    start_time: float | None
    end_time: float | None

    @classmethod
    def of(cls, facts: RunFacts) -> "RunRecord":
        return cls(
            0,
            DagsterRun.of(facts),
            _moment(facts.created_at),
            _moment(facts.updated_at),
            facts.started_at,
            facts.ended_at,
        )


class LoggedEvent(msgspec.Struct, frozen=True, gc=False):
    """What was recorded of a run: a change of its status, or a step's failure. `error` is JSON text.

    Attributes:
        recorded_at: seconds since 1970.
    """

    event_type_value: str
    job_name: str
    step_key: str | None
    message: str | None
    error: str | None
    recorded_at: float


def merge_log(changes: Sequence[LoggedEvent], failures: Sequence[StepFailure]) -> list[LoggedEvent]:
    """The changes of a run's status and its failed steps as one log, oldest first.

    Example:
        >>> change = LoggedEvent("PIPELINE_FAILURE", "etl", None, None, None, 2.0)
        >>> [logged.step_key for logged in merge_log([change], [StepFailure("load", None, None, 1.0)])]
        ['load', None]
    """
    job_name = changes[-1].job_name if changes else ""
    steps = [
        LoggedEvent(STEP_FAILURE, job_name, failure.step_key, failure.message, failure.error, failure.recorded_at)
        for failure in failures
    ]
    # Each list is in order already; sorting is stable, and a step fails before its run does.
    return sorted([*steps, *changes], key=lambda logged: logged.recorded_at)


class EventLogEntry(NamedTuple):
    """An entry of a run's log, with the event that it tells of."""

    error_info: Any
    level: int
    user_message: str
    run_id: str
    timestamp: float
    step_key: str | None
    job_name: str
    dagster_event: DagsterEvent

    @property
    def message(self) -> str:
        return self.user_message

    @property
    def is_dagster_event(self) -> bool:
        return True

    def get_dagster_event(self) -> DagsterEvent:
        return self.dagster_event

    @property
    def dagster_event_type(self) -> Any:
        return self.dagster_event.event_type

    @classmethod
    def of(cls, run_id: str, logged: LoggedEvent) -> "EventLogEntry":
        event = DagsterEvent(
            logged.event_type_value,
            logged.job_name,
            message=logged.message,
            step_key=logged.step_key,
            run_id=run_id,
            timestamp=logged.recorded_at,
            error=logged.error,
        )
        # The levels of the module logging; Dagster's entries have the same.
        level = 40 if event.is_failure else 10
        return cls(
            None, level, logged.message or "", run_id, logged.recorded_at, logged.step_key, logged.job_name, event
        )


class EventLogRecord(NamedTuple):
    """An entry with its number in the run's log, from 1."""

    storage_id: int
    event_log_entry: EventLogEntry

    @property
    def run_id(self) -> str:
        return self.event_log_entry.run_id

    @property
    def timestamp(self) -> float:
        return self.event_log_entry.timestamp

    @property
    def event_type(self) -> Any:
        return self.event_log_entry.dagster_event_type


class EventLogConnection(NamedTuple):
    """A page of a run's log.

    Attributes:
        cursor: to be given for the next page.
    """

    records: Sequence[EventLogRecord]
    cursor: str
    has_more: bool


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
