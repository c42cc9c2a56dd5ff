"""What a sensor's function is given: the run, the event, a log, and the few questions that can be asked beyond them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Protocol, Self

from runbell.core.awaiting import Then, Wait
from runbell.core.dagster_events import DagsterEvent, status_change, step_failure
from runbell.core.errors import NotHereError
from runbell.core.events import RunEvent, StepFailure
from runbell.core.idempotency import idempotency_key
from runbell.core.instances import Instance, Lookups
from runbell.core.resources import Opened, Resources, Undeclared
from runbell.core.run_urls import run_url
from runbell.core.runs import PARTITION_TAG, DagsterRun, RunFacts
from runbell.core.sensors import Sensor

STATE = (
    "how far a sensor has got is Runbell's own business; keep state of your own in the sensor's module or in a database"
)
NOT_HERE = {"cursor": STATE, "update_cursor": STATE, "last_run_key": STATE, "last_tick_completion_time": STATE}
KNOWN = (
    "it has sensor_name, dagster_run, dagster_event, failure_event, get_step_failure_events(), partition_key, run_url,"
    " instance, log, resources and idempotency_key"
)


class Answers(Protocol):
    """Where a context's attributes come from. Each is asked when somebody looks at it: most functions look at few."""

    def run(self, event: RunEvent) -> Any:
        """`dagster_run`: the run as it stood when the event happened."""

    def url(self, event: RunEvent) -> str | None:
        """`run_url`: where people look at the run."""

    def change(self, event: RunEvent) -> Any:
        """`dagster_event`."""

    def instance(self, event: RunEvent) -> Any:
        """`instance`."""

    def log(self, sensor_name: str, event: RunEvent) -> Any:
        """`log`."""

    def step_failures(self, event: RunEvent) -> Sequence[Any]:
        """The run's failed steps, for a plain call."""

    def astep_failures(self, event: RunEvent) -> Awaitable[Sequence[Any]]:
        """The same, to be awaited."""


@dataclass(frozen=True, slots=True)
class RecordedAnswers:
    """Answers from what was recorded, and from the store for what is asked beyond it.

    Attributes:
        lookups: what can be asked of the store.
        wait: waits for it in a plain call.
        make_log: gives the logger of a sensor's evaluation for an event.
        run_url: a template of where people look at runs.
    """

    lookups: Lookups
    wait: Wait
    make_log: Callable[[str, RunEvent], Any]
    run_url: str | None = None

    def run(self, event: RunEvent) -> DagsterRun:
        run = DagsterRun.of(RunFacts.of(event))
        if self.run_url is not None:
            run.url = self.url(event)
        return run

    def url(self, event: RunEvent) -> str | None:
        return run_url(self.run_url, RunFacts.of(event))

    def change(self, event: RunEvent) -> DagsterEvent:
        return status_change(event, first_step=partial(self._first_step, event))

    def instance(self, event: RunEvent) -> Instance:
        return Instance(event.source, self.lookups, self.wait)

    def log(self, sensor_name: str, event: RunEvent) -> Any:
        return self.make_log(sensor_name, event)

    def step_failures(self, event: RunEvent) -> Sequence[DagsterEvent]:
        failures: Sequence[DagsterEvent] = self.wait(self.astep_failures, event)
        return failures

    def astep_failures(self, event: RunEvent) -> Awaitable[Sequence[DagsterEvent]]:
        return Then(self.lookups.step_failures(event.source, event.run_id), partial(_events, event))

    def _first_step(self, event: RunEvent) -> DagsterEvent | None:
        return next(iter(self.step_failures(event)), None)


class RunStatusSensorContext:
    """What a sensor's function is given for one event.

    Attributes:
        sensor_name: the sensor's identity.
        dagster_run: the run as it stood when its status changed.
        dagster_event: the change.
        instance: a few questions about runs.
        log: a logger; its lines carry the sensor and the run.
        partition_key: the run's, or None.
        resources: what the sensors module declares as `resources`, as attributes.
        idempotency_key: the same each time that this sensor is called for this event, and different for all others.

    Example:
        >>> from runbell import build_run_status_sensor_context
        >>> build_run_status_sensor_context(job_name="etl", status="SUCCESS").dagster_run.job_name
        'etl'
    """

    # There is no repository here; a test may give one.
    repository_def: Any = None

    def __init__(self, sensor_name: str, event: RunEvent, answers: Answers, replay: int = 0) -> None:
        # One is made for every evaluation: what a function does not look at costs nothing.
        self.sensor_name = sensor_name
        self._event = event
        self._answers = answers
        self._replay = replay

    def __repr__(self) -> str:
        return f"{type(self).__name__}(sensor_name={self.sensor_name!r}, dagster_run={self.dagster_run!r})"

    @cached_property
    def dagster_run(self) -> Any:
        return self._answers.run(self._event)

    @property
    def run_url(self) -> str | None:
        """Where people look at the run, as `RUNBELL_RUN_URL` says; None where that is not set."""
        return self._answers.url(self._event)

    @cached_property
    def dagster_event(self) -> Any:
        return self._answers.change(self._event)

    @cached_property
    def instance(self) -> Any:
        return self._answers.instance(self._event)

    @cached_property
    def log(self) -> Any:
        return self._answers.log(self.sensor_name, self._event)

    @property
    def recorded(self) -> RunEvent:
        """The event as Runbell recorded it."""
        return self._event

    @property
    def idempotency_key(self) -> str:
        """For services that take each key only once, so that a repeated call does nothing twice.

        At most 255 characters of ASCII without spaces or quotes, fit for an HTTP header such as `Idempotency-Key`.
        Calls for one event share it, whichever process makes them; a replay with `--new-requests` has another.
        """
        return idempotency_key(self.sensor_name, self._event, self._replay)

    @property
    def partition_key(self) -> str | None:
        return self._event.partition_key or self.dagster_run.tags.get(PARTITION_TAG)

    @cached_property
    def resources(self) -> Any:
        """What the sensors module declares as `resources`, as attributes."""
        return Resources(self._opened)

    @cached_property
    def _opened(self) -> Opened:
        return Undeclared()

    def open_with(self, opened: Opened) -> None:
        """Its resources are these."""
        self.__dict__.pop("resources", None)
        self._opened = opened

    @property
    def resource_defs(self) -> dict[str, Any]:
        """The resources as they are declared, by key; nothing is set up for it."""
        return dict(self._opened.declared)

    def merge_resources(self, resources: Mapping[str, Any]) -> "RunStatusSensorContext":
        """A copy, for a test, with these resources in addition."""
        made = copy(self)
        made.open_with(self._opened.merged(resources))
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        """Tears down what a test's context has set up."""
        self._opened.close()

    @property
    def failure_event(self) -> Any:
        """The failure. Also here, where Dagster has it on failure sensors only.

        Raises:
            NotHereError: the event is no failure.
        """
        if not getattr(self.dagster_event, "is_run_failure", True):
            raise NotHereError(
                f"context.failure_event is not here: run {self.dagster_run.run_id} did not fail, its event is"
                f" {self.dagster_event.event_type_value}; context.dagster_event has it"
            )
        return self.dagster_event

    @property
    def pipeline_run(self) -> Any:
        """What `dagster_run` was called before Dagster 1.0."""
        return self.dagster_run

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or hasattr(type(self), name):
            # Also what a property of ours raised comes by here, and is raised once more.
            return object.__getattribute__(self, name)
        raise NotHereError(f"context.{name} is not here: {NOT_HERE.get(name, KNOWN)}")

    def get_step_failure_events(self) -> list[Any]:
        """The run's failed steps, each with step_key, message and event_specific_data.error; for `def` sensors."""
        return list(self._answers.step_failures(self._event))

    def aget_step_failure_events(self) -> Awaitable[list[Any]]:
        """The same, to be awaited in `async def` sensors."""
        return Then(self._answers.astep_failures(self._event), list)

    def for_run_failure(self) -> "RunFailureSensorContext":
        """The same context for a failure sensor; what was looked at already stays the same object."""
        made = RunFailureSensorContext(self.sensor_name, self._event, self._answers, self._replay)
        made.__dict__.update(self.__dict__)
        return made


class RunFailureSensorContext(RunStatusSensorContext):
    """What a failure sensor's function is given: `failure_event` is always there.

    Example:
        >>> from runbell import build_run_status_sensor_context
        >>> context = build_run_status_sensor_context(job_name="etl", status="FAILURE", message="no space left")
        >>> context.for_run_failure().failure_event.message
        'no space left'
    """

    @property
    def failure_event(self) -> Any:
        return self.dagster_event

    def for_run_failure(self) -> "RunFailureSensorContext":
        return self


def build_context(
    sensor: Sensor, sensor_name: str, event: RunEvent, answers: Answers, *, replay: int = 0
) -> RunStatusSensorContext:
    """The context of one evaluation; a RunFailureSensorContext for a failure sensor."""
    kind = RunFailureSensorContext if sensor.is_failure else RunStatusSensorContext
    return kind(sensor_name, event, answers, replay)


def _events(event: RunEvent, failures: Sequence[StepFailure]) -> list[DagsterEvent]:
    return [step_failure(event, failure) for failure in failures]
