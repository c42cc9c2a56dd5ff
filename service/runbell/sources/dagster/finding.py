"""Finds the sensors among Dagster's objects in a module, and makes sensors of Runbell's of those that watch runs.

What a Definitions or a repository holds is what Dagster would load; where there is none, each sensor that stands in the
module by itself counts. Which runs a sensor watches has no public name in Dagster 1.13: four private attributes are
read here, and nowhere else, and one that is missing is said with Dagster's version.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import dagster
from dagster import RepositoryDefinition, RunStatusSensorDefinition, SensorDefinition

from runbell.core.errors import LoadingError
from runbell.core.selectors import pattern_of
from runbell.core.sensors import DefaultSensorStatus, Sensor
from runbell.sources.dagster.definitions import Signpost
from runbell.sources.dagster.evaluating import Evaluation


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of Dagster's in a module.

    Attributes:
        sensors: its run status sensors, as sensors of Runbell's, and those of Runbell's own in its definitions.
        left: its other sensors and its schedules, by name: Dagster goes on evaluating these.
        unlisted: run status sensors in the module that its definitions do not hold: Dagster does not load them either.
        resources: for each of Runbell's own sensors in definitions, by name, the resources that these declare.
    """

    sensors: tuple[Sensor, ...] = ()
    left: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()
    resources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def find(values: Iterable[object]) -> Found:
    """What there is of Dagster's among these values, such as a module's attributes.

    Raises:
        LoadingError: this version of Dagster does not say what a sensor watches.
        Exception: whatever Dagster has against the definitions.

    Example:
        >>> find([dagster.SensorDefinition(evaluation_fn=print, name="files")]).left
        ('files',)
    """
    distinct = {id(value): value for value in values}.values()
    repositories = list({id(one): one for value in distinct if (one := _repository(value))}.values())
    bare = [value for value in distinct if isinstance(value, SensorDefinition)]
    if not repositories:
        return _sorted_out([(definition, None) for definition in bare], [])
    held = [(definition, repository) for repository in repositories for definition in repository.sensor_defs]
    schedules = [schedule.name for repository in repositories for schedule in repository.schedule_defs]
    names = {definition.name for definition, _ in held}
    unlisted = [one.name for one in bare if isinstance(one, RunStatusSensorDefinition) and one.name not in names]
    found = _sorted_out(held, schedules)
    return replace(found, unlisted=tuple(unlisted))


def converted(definition: RunStatusSensorDefinition, repository: RepositoryDefinition | None = None) -> Sensor:
    """The sensor of Runbell's that calls this sensor's function.

    Raises:
        LoadingError: this version of Dagster does not say what it watches.

    Example:
        >>> @dagster.run_failure_sensor
        ... def alert(context): ...
        >>> converted(alert).statuses, converted(alert).default_status.value
        (frozenset({'FAILURE'}), 'STOPPED')
    """
    monitored = _private(definition, "_monitored_jobs")
    return Sensor(
        name=definition.name,
        function=Evaluation(definition, _private(definition, "_run_status_sensor_fn"), repository),
        statuses=frozenset({_private(definition, "_run_status").value}),
        jobs=tuple(map(pattern_of, monitored)) or None,
        monitor_all_code_locations=bool(_private(definition, "_monitor_all_code_locations")),
        request_jobs=tuple(target.job_name for target in definition.targets),
        description=definition.description,
        # In Dagster a sensor that says nothing is stopped, and cannot be told from one that says so.
        default_status=DefaultSensorStatus(definition.default_status.value),
        minimum_interval_seconds=definition.minimum_interval_seconds,
        tags=dict(definition.tags),
        metadata={key: getattr(value, "value", value) for key, value in definition.metadata.items()},
        takes_context=True,
        is_native=True,
    )


def _sorted_out(
    held: Sequence[tuple[SensorDefinition, RepositoryDefinition | None]], schedules: Sequence[str]
) -> Found:
    sensors: list[Sensor] = []
    left: list[str] = []
    resources: dict[str, Mapping[str, Any]] = {}
    for definition, repository in held:
        if isinstance(definition, Signpost):
            sensors.append(definition.runbell_sensor)
            resources[definition.name] = {} if repository is None else repository.get_top_level_resources()
        elif isinstance(definition, RunStatusSensorDefinition):
            sensors.append(converted(definition, repository))
        else:
            left.append(definition.name)
    return Found(tuple(sensors), (*left, *schedules), resources=resources)


def _repository(value: Any) -> RepositoryDefinition | None:
    """The repository that this value is or makes; None: it is something else."""
    if type(value).__name__ == "LazyDefinitions":
        # What `@dagster.definitions` makes of a function.
        value = value()
    if isinstance(value, dagster.Definitions):
        return value.get_repository_def()
    return value if isinstance(value, RepositoryDefinition) else None


def _private(definition: RunStatusSensorDefinition, attribute: str) -> Any:
    try:
        return getattr(definition, attribute)
    except AttributeError:
        raise LoadingError(
            f"dagster {dagster.__version__} keeps what sensor {definition.name!r} watches elsewhere than Runbell looks"
            " for it: install the versions that runbell[dagster] names"
        ) from None
