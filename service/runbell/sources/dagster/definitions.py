"""Has Dagster accept Runbell's sensors where it takes its own: each is seen there as a signpost that does nothing.

Dagster takes a SensorDefinition and nothing else. A signpost is one: it has the sensor's name, description and jobs, so
that Dagster's UI shows it and its jobs are loaded; it stays stopped, and started by hand it only says who answers.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial, wraps
from inspect import signature
from typing import Any

import dagster
from dagster import SensorDefinition, SkipReason

from runbell.core.sensors import Sensor

ANSWERED = "Runbell answers this sensor: `runbell sensors list` says how it stands"


class Signpost(SensorDefinition):
    """Stands for one of Runbell's sensors among Dagster's definitions."""

    def __init__(self, sensor: Sensor, *, jobs: Sequence[Any], metadata: Mapping[str, Any] | None = None) -> None:
        super().__init__(
            name=sensor.name,
            evaluation_fn=_answer,
            jobs=jobs or None,
            description="\n\n".join(filter(None, [sensor.description, ANSWERED])),
            tags=dict(sensor.tags),
            metadata=dict(sensor.metadata) if metadata is None else metadata,
        )
        self.runbell_sensor = sensor

    def with_attributes(
        self, *, jobs: Sequence[Any] | None = None, metadata: Mapping[str, Any] | None = None
    ) -> "Signpost":
        """A copy, as Dagster makes one when it binds resources or merges definitions."""
        kept = self.jobs if self.has_jobs else []
        return Signpost(
            self.runbell_sensor,
            jobs=kept if jobs is None else jobs,
            metadata=self.metadata if metadata is None else metadata,
        )


def signpost(given: Any) -> Any:
    """A signpost for a sensor of Runbell's; anything else as it is.

    Example:
        >>> signpost("no sensor")
        'no sensor'
    """
    if not isinstance(given, Sensor):
        return given
    return Signpost(given, jobs=[job for job in given.request_targets if _is_executable(job)])


class _Accepting(type(dagster.Definitions)):  # type: ignore[misc]
    """Calling the class below makes Dagster's own Definitions, which are instances of it, too."""

    def __call__(cls, *args: Any, **kwargs: Any) -> dagster.Definitions:
        bound = signature(dagster.Definitions).bind(*args, **kwargs)
        sensors = bound.arguments.get("sensors")
        if sensors:
            bound.arguments["sensors"] = [signpost(one) for one in sensors]
        return dagster.Definitions(*bound.args, **bound.kwargs)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, dagster.Definitions)


class Definitions(dagster.Definitions, metaclass=_Accepting):
    """Dagster's Definitions, whose `sensors` may be Runbell's, too.

    Example:
        >>> defs = Definitions(sensors=[Sensor(name="alert", function=print, statuses=frozenset({"FAILURE"}))])
        >>> type(defs) is dagster.Definitions, [sensor.name for sensor in defs.sensors]
        (True, ['alert'])
    """


def repository(function: Callable[[], Any] | None = None, **options: Any) -> Any:
    """Dagster's `repository`, whose function may also give sensors of Runbell's, in its list or its dict.

    Example:
        >>> @repository
        ... def warehouse():
        ...     return [Sensor(name="alert", function=print, statuses=frozenset({"FAILURE"}))]
        >>> [sensor.name for sensor in warehouse.sensor_defs]
        ['alert']
    """
    if function is None:
        return partial(repository, **options)

    @wraps(function)
    def accepted() -> Any:
        return _accepted(function())

    return dagster.repository(**options)(accepted) if options else dagster.repository(accepted)


def _accepted(given: Any) -> Any:
    if isinstance(given, list):
        return [_accepted(one) for one in given]
    if isinstance(given, dict):
        return {key: _accepted(one) for key, one in given.items()}
    return signpost(given)


def _is_executable(job: Any) -> bool:
    """Is it a job of Dagster's itself? One that is only named may be anywhere."""
    kinds = (dagster.JobDefinition, dagster.GraphDefinition)
    return isinstance(job, kinds) or type(job).__name__ == "UnresolvedAssetJobDefinition"


def _answer(_: dagster.SensorEvaluationContext) -> SkipReason:
    return SkipReason(ANSWERED)
