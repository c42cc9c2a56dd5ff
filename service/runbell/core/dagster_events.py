"""The event that a sensor's function sees: Dagster's names over a recorded status change or a step's failure."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from runbell.core.documents import read_tags
from runbell.core.errors import RunbellError
from runbell.core.event_types import DagsterEventType, read_event_type
from runbell.core.events import RunEvent, StepFailure
from runbell.core.failures import JobFailureData, StepFailureData, read_error
from runbell.core.members import NamedText
from runbell.core.records import Record
from runbell.core.statuses import EVENT_TYPES, event_type_of
from runbell.core.steps import NodeHandle, StepHandle

STEP_FAILURE = "STEP_FAILURE"
RUN_FAILURE = "PIPELINE_FAILURE"
FAILURES = frozenset({STEP_FAILURE, RUN_FAILURE, "PIPELINE_CANCELED"})
REASON_TAG = "dagster/failure_reason"


class DagsterEvent(Record):
    """What happened to a run, or to one of its steps. Fields that nobody recorded are None.

    Args:
        event_type_value: Dagster's stored name of it, such as `PIPELINE_FAILURE`.
        job_name: the run's job.
        message: as recorded; may be None.
        step_key: of a step's event.
        event_specific_data: what is known of a failure; made of what was recorded where it is not given.
        run_id: the run's own id, which Dagster's events do not have.
        timestamp: when it was recorded, in seconds since 1970.
        error: of a failure, as JSON text.
        fields: the other fields of Dagster's DagsterEvent, by name.

    Example:
        >>> event = DagsterEvent("PIPELINE_FAILURE", job_name="etl", run_id="r1", message="no space left")
        >>> event.message, event.event_specific_data.error
        ('no space left', None)
    """

    _fields = (
        "event_type_value",
        "job_name",
        "step_handle",
        "node_handle",
        "step_kind_value",
        "logging_tags",
        "event_specific_data",
        "message",
        "pid",
        "step_key",
    )
    known_as = "dagster_event"

    asset_key = None
    partition = None
    pid = None
    step_kind_value = None

    _tags: str | None = None
    _first_step: Callable[[], Any] | None = None

    def __init__(
        self,
        event_type_value: str,
        job_name: str,
        *,
        message: str | None = None,
        step_key: str | None = None,
        run_id: str | None = None,
        timestamp: float | None = None,
        error: str | None = None,
        **fields: Any,
    ) -> None:
        self.event_type_value = event_type_value
        self.job_name = job_name
        self.run_id = run_id
        self.message = message
        self.step_key = step_key
        self.timestamp = timestamp
        self._error = error
        if fields:
            self._refuse_unknown(fields)
            self.__dict__.update(fields)

    def __repr__(self) -> str:
        return (
            f"DagsterEvent({self.event_type_value}, job_name={self.job_name!r}, run_id={self.run_id!r},"
            f" step_key={self.step_key!r}, message={self.message!r})"
        )

    @property
    def event_type(self) -> DagsterEventType | NamedText:
        return read_event_type(self.event_type_value)

    @property
    def is_failure(self) -> bool:
        """Did a run or a step not get to its end? As in Dagster, a canceled run counts."""
        return self.event_type_value in FAILURES

    @property
    def is_run_failure(self) -> bool:
        return self.event_type_value == RUN_FAILURE

    @property
    def is_job_failure(self) -> bool:
        return self.is_run_failure

    @property
    def is_job_success(self) -> bool:
        return self.event_type_value == "PIPELINE_SUCCESS"

    @property
    def is_step_failure(self) -> bool:
        return self.event_type_value == STEP_FAILURE

    @property
    def is_step_event(self) -> bool:
        return self.step_key is not None

    @property
    def is_job_event(self) -> bool:
        """Does it change the run's status?"""
        return self.event_type_value in EVENT_TYPES.values()

    @cached_property
    def event_specific_data(self) -> JobFailureData | StepFailureData | None:
        """What is known of a failure; None for anything else."""
        if self.is_step_failure:
            return StepFailureData(read_error(self._error))
        if self.is_run_failure or self._error:
            return JobFailureData(read_error(self._error), self._reason(), first_step=self._first_step)
        return None

    def _reason(self) -> str | None:
        try:
            return read_tags(self._tags, "tags").get(REASON_TAG)
        except RunbellError:
            return None

    @property
    def job_failure_data(self) -> Any:
        return self.event_specific_data

    @property
    def pipeline_failure_data(self) -> Any:
        """What `job_failure_data` was called before Dagster 1.0."""
        return self.event_specific_data

    @property
    def step_failure_data(self) -> Any:
        return self.event_specific_data

    @property
    def pipeline_name(self) -> str:
        """What `job_name` was called before Dagster 1.0."""
        return self.job_name

    @cached_property
    def step_handle(self) -> StepHandle | None:
        return None if self.step_key is None else StepHandle.read(self.step_key)

    @cached_property
    def node_handle(self) -> NodeHandle | None:
        return None if self.step_handle is None else self.step_handle.node_handle

    @property
    def node_name(self) -> str | None:
        return None if self.node_handle is None else self.node_handle.name

    @cached_property
    def logging_tags(self) -> dict[str, str]:
        """For a step run, job, step and op, as far as they are known; empty for a run's status."""
        if self.step_key is None:
            return {}
        known = {
            "run_id": self.run_id,
            "job_name": self.job_name,
            "step_key": self.step_key,
            "op_name": self.node_name,
        }
        return {key: value for key, value in known.items() if value is not None}


def status_change(event: RunEvent, first_step: Callable[[], Any] | None = None) -> DagsterEvent:
    """The recorded event as a sensor's function sees it; of a failure, `first_step` looks up the first failed step."""
    made = DagsterEvent(
        event_type_of(event.status),
        event.job_name,
        run_id=event.run_id,
        message=event.message,
        error=event.error,
        timestamp=event.recorded_at,
    )
    made.__dict__["_tags"] = event.tags
    made.__dict__["_first_step"] = first_step
    return made


def step_failure(event: RunEvent, failure: StepFailure) -> DagsterEvent:
    """A failed step of the event's run as a sensor's function sees it."""
    return DagsterEvent(
        STEP_FAILURE,
        event.job_name,
        run_id=event.run_id,
        message=failure.message,
        step_key=failure.step_key,
        error=failure.error,
        timestamp=failure.recorded_at,
    )
