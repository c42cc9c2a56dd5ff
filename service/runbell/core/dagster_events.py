"""The event that a sensor's function sees: Dagster's names over a recorded status change or a step's failure."""

from functools import cached_property

from runbell.core.event_types import DagsterEventType, read_event_type
from runbell.core.events import RunEvent, StepFailure
from runbell.core.failures import FailureData, read_error
from runbell.core.members import NamedText
from runbell.core.statuses import event_type_of

STEP_FAILURE = "STEP_FAILURE"


class DagsterEvent:
    """What happened to a run, or to one of its steps.

    Attributes:
        event_type_value: Dagster's stored name of it, such as `PIPELINE_FAILURE`.
        message: as recorded; may be None.
        timestamp: when it was recorded, in seconds since 1970.

    Example:
        >>> event = DagsterEvent("PIPELINE_FAILURE", job_name="etl", run_id="r1", message="no space left")
        >>> event.message, event.event_specific_data.error
        ('no space left', None)
    """

    asset_key = None
    node_handle = None
    step_handle = None

    def __init__(
        self,
        event_type_value: str,
        *,
        job_name: str,
        run_id: str,
        message: str | None = None,
        step_key: str | None = None,
        error: str | None = None,
        timestamp: float | None = None,
    ) -> None:
        self.event_type_value = event_type_value
        self.job_name = job_name
        self.run_id = run_id
        self.message = message
        self.step_key = step_key
        self.timestamp = timestamp
        self._error = error

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
        """Is it the failure of a run or of a step?"""
        return self.event_type_value in {"PIPELINE_FAILURE", STEP_FAILURE}

    @property
    def is_step_failure(self) -> bool:
        return self.event_type_value == STEP_FAILURE

    @cached_property
    def event_specific_data(self) -> FailureData | None:
        """What is known of a failure; None for anything else."""
        return FailureData(read_error(self._error)) if self.is_failure or self._error else None

    @property
    def job_failure_data(self) -> FailureData | None:
        return self.event_specific_data

    @property
    def step_failure_data(self) -> FailureData | None:
        return self.event_specific_data


def status_change(event: RunEvent) -> DagsterEvent:
    """The recorded event as a sensor's function sees it."""
    return DagsterEvent(
        event_type_of(event.status),
        job_name=event.job_name,
        run_id=event.run_id,
        message=event.message,
        error=event.error,
        timestamp=event.recorded_at,
    )


def step_failure(event: RunEvent, failure: StepFailure) -> DagsterEvent:
    """A failed step of the event's run as a sensor's function sees it."""
    return DagsterEvent(
        STEP_FAILURE,
        job_name=event.job_name,
        run_id=event.run_id,
        message=failure.message,
        step_key=failure.step_key,
        error=failure.error,
        timestamp=failure.recorded_at,
    )
