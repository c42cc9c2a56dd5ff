"""A run and its status change as objects of Dagster's own, read through its public API.

The run is what it was when its status changed: status and tags are those of the event, whatever became of it later.
What Dagster's objects lack and people look for on them (`start_time`, `end_time`, `run_id` of an event) is put on them.
"""

from typing import TYPE_CHECKING, Any

from runbell.core.events import RunEvent
from runbell.core.runs import DagsterRun as RecordedRun
from runbell.core.runs import RunFacts
from runbell.core.statuses import EVENT_TYPES, event_type_of

if TYPE_CHECKING:
    from dagster import DagsterEvent, DagsterInstance, DagsterRun

# What Runbell's own have and Dagster's have not.
ADDED_TO_RUNS = (
    "start_time",
    "end_time",
    "create_timestamp",
    "code_location",
    "source",
    "partition_key",
    "failure_reason",
    "pipeline_name",
    "url",
)


def known_run(instance: "DagsterInstance", event: RunEvent, recorded: Any) -> "DagsterRun | None":
    """The event's run as it was then; None: the instance does not know it (any more), or not its status.

    `recorded`: the run as Runbell has it, whose tags are those of the event.
    """
    from dagster import DagsterRunStatus

    if event.status not in DagsterRunStatus.__members__:
        return None
    found = instance.get_run_by_id(event.run_id)
    if found is None:
        return None
    return _completed(found.with_status(DagsterRunStatus(event.status)).with_tags(recorded.tags), recorded)


def run_of(instance: "DagsterInstance", event: RunEvent) -> "DagsterRun":
    """The event's run as it was then; one that the instance does not know is made of what was recorded.

    Raises:
        ValueError: the status is none of Dagster's.
    """
    from dagster import DagsterRun, DagsterRunStatus

    recorded = RecordedRun.of(RunFacts.of(event))
    known = known_run(instance, event, recorded)
    if known is not None:
        return known
    made = DagsterRun(
        job_name=event.job_name,
        run_id=event.run_id,
        run_config=recorded.run_config,
        tags=recorded.tags,
        status=DagsterRunStatus(event.status),
        root_run_id=recorded.root_run_id,
        parent_run_id=recorded.parent_run_id,
    )
    return _completed(made, recorded)


def logged_change(instance: "DagsterInstance", event: RunEvent) -> "DagsterEvent | None":
    """The event as Dagster has logged it; None: it has not, as it logs none of NOT_STARTED and MANAGED."""
    from dagster import DagsterEventType

    kind = EVENT_TYPES.get(event.status)
    if kind is None:
        return None
    records = instance.get_records_for_run(
        event.run_id, of_type=DagsterEventType(kind), limit=1, ascending=False
    ).records
    change = records[0].event_log_entry.dagster_event if records else None
    return None if change is None else _placed(change, event)


def change_of(instance: "DagsterInstance", event: RunEvent) -> "DagsterEvent":
    """The event as Dagster has logged it; one that it has not logged is made of what was recorded.

    Raises:
        ValueError: Dagster has no event for the status.
    """
    from dagster import DagsterEvent

    logged = logged_change(instance, event)
    if logged is not None:
        return logged
    made = DagsterEvent(event_type_of(event.status), job_name=event.job_name, message=event.message)
    return _placed(made, event)


def step_failures_of(instance: "DagsterInstance", event: RunEvent) -> "list[DagsterEvent]":
    """The failures of the run's steps, in the order in which Dagster logged them."""
    from dagster import DagsterEventType

    records = instance.get_records_for_run(event.run_id, of_type=DagsterEventType.STEP_FAILURE).records
    found = [record.event_log_entry.dagster_event for record in records]
    return [change for change in found if change is not None]


def _completed(run: "DagsterRun", recorded: Any) -> "DagsterRun":
    for name in ADDED_TO_RUNS:
        if hasattr(recorded, name) and not hasattr(run, name):
            setattr(run, name, getattr(recorded, name))
    return run


def _placed(change: "DagsterEvent", event: RunEvent) -> "DagsterEvent":
    added: dict[str, Any] = {"run_id": event.run_id, "timestamp": event.recorded_at}
    if change.is_job_failure:
        # As it was called before Dagster 1.0.
        added["pipeline_failure_data"] = change.event_specific_data
    for name, value in added.items():
        if not hasattr(change, name):
            setattr(change, name, value)
    return change
