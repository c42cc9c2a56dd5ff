"""The decorators that make sensors of functions. Every mistake is found here, at import."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, TypedDict, Unpack, overload

from runbell.core.arguments import Arguments
from runbell.core.errors import DefinitionError
from runbell.core.former_names import meant, under_todays_names
from runbell.core.narrowing_arguments import narrowing_of, refuse_what_watches_nothing
from runbell.core.resources import unbound
from runbell.core.retrying import RetryPolicy
from runbell.core.sensors import DefaultSensorStatus, Function, Sensor, is_async
from runbell.core.signatures import name_of, parameters_of, refuse_what_is_no_function
from runbell.core.statuses import DagsterRunStatus
from runbell.core.text import shown

ASYNC_CONCURRENCY = 16

Decorator = Callable[[Function], Sensor]


class Declared(TypedDict, total=False):
    """What both decorators take by name; everything may be left out or None.

    Attributes:
        name: the sensor's; else the function's.
        description: for people; else the first line of the function's docstring.
        monitored_jobs: jobs, names, globs (`"etl_*"`), `"location:job"`, selectors; else every job.
        excluded_jobs: jobs that are not watched, named in the same ways; without a location, wherever they are.
        monitored_tags: only runs with these tags: a value or glob, a list of them, True for any value, False for none.
        monitored_partitions: only runs of these partitions, given as keys or globs.
        monitored_origins: only runs that come from these: "schedule", "sensor", "backfill", "manual".
        monitor_all_code_locations: watch the runs of every code location.
        request_job, request_jobs: the job, or the jobs, that it may request.
        default_status: whether it runs until an operator starts or stops it.
        minimum_interval_seconds: Dagster's polling cadence; accepted, and not needed here.
        tags, metadata: of the sensor, for people.
        retry: how a failed evaluation is tried again.
        max_concurrent: evaluations at once; else 1 for `def` and 16 for `async def`.
        max_per_minute: so many evaluations begin within a minute; the others wait, and none is lost.
        timeout_seconds: an evaluation that takes longer has failed; else `RUNBELL_SENSOR_TIMEOUT_SECONDS`.
        react_to_own_runs: also answer events of runs that this sensor requested.
        run_key_policy: how long a run key of its requests stays taken: "forever", a timedelta, "until_success" (of the
            run), "while_active" (the run).
        only_final_failures: of a run that Dagster retries, only the failure of its last attempt.
        required_resource_keys: resources that it looks at as `context.resources.KEY`; parameters need not be named.
        job_selection, monitor_all_repositories: what Dagster called monitored_jobs and monitor_all_code_locations.
    """

    name: str | None
    description: str | None
    monitored_jobs: Iterable[Any] | None
    excluded_jobs: Iterable[Any] | None
    monitored_tags: Mapping[str, str | bool | Iterable[str]] | None
    monitored_partitions: Iterable[str] | None
    monitored_origins: Iterable[str] | None
    monitor_all_code_locations: bool | None
    request_job: Any
    request_jobs: Iterable[Any] | None
    default_status: DefaultSensorStatus | None
    minimum_interval_seconds: float | None
    tags: Mapping[str, Any] | None
    metadata: Mapping[str, Any] | None
    retry: RetryPolicy | None
    max_concurrent: int | None
    max_per_minute: int | None
    timeout_seconds: float | None
    react_to_own_runs: bool | None
    run_key_policy: str | timedelta | None
    only_final_failures: bool | None
    required_resource_keys: Iterable[str] | None
    job_selection: Iterable[Any] | None
    monitor_all_repositories: bool | None


def run_status_sensor(
    run_status: Any = None,
    *more: object,
    **declared: Unpack[Declared],
) -> Decorator:
    """Makes a sensor of a function: it is called for each run that reaches one of the statuses.

    Args:
        run_status: one status or several; members of DagsterRunStatus, or any status as text.
        more: the sensor's name, where it follows by position as in Dagster.
        declared: see `Declared`.

    Raises:
        DefinitionError: a mistake in the arguments or in the function's signature, when the function is decorated.

    Example:
        >>> @run_status_sensor("SUCCESS", monitored_jobs=["etl_*"], request_job="publish_report")
        ... def publish(context):
        ...     '''Publishes what has been loaded.'''
        >>> publish.name, publish.statuses, publish.request_jobs
        ('publish', frozenset({'SUCCESS'}), ('publish_report',))
    """

    def decorate(function: Function) -> Sensor:
        named = _named_by_position(function, more)
        return _sensor("run_status_sensor", function, {**named, **declared, "run_status": run_status}, is_failure=False)

    if _is_bare(run_status):
        raise DefinitionError(
            f"sensor {run_status.__name__!r}: run_status is missing:"
            " write @run_status_sensor(run_status=DagsterRunStatus.SUCCESS)"
        )
    return decorate


@overload
def run_failure_sensor(function: Function, /) -> Sensor: ...
@overload
def run_failure_sensor(name: str | None = None, /, **declared: Unpack[Declared]) -> Decorator: ...
def run_failure_sensor(given: Function | str | None = None, /, **declared: Unpack[Declared]) -> Sensor | Decorator:
    """Makes a sensor of a function: it is called for each run that fails. With or without arguments.

    Args:
        given: the function, when used bare; or the sensor's name.
        declared: see `Declared`.

    Raises:
        DefinitionError: a mistake in the arguments or in the function's signature, when the function is decorated.

    Example:
        >>> @run_failure_sensor
        ... def alert(context):
        ...     print(context.failure_event.message)
        >>> alert.name, alert.statuses
        ('alert', frozenset({'FAILURE'}))
    """

    def decorate(function: Function) -> Sensor:
        arguments: dict[str, Any] = {**declared} if given is None else {"name": given, **declared}
        if "run_status" in arguments:
            raise Arguments(name_of(function, None), arguments).wrong(
                "run_status", "is not for run_failure_sensor, which watches FAILURE: use run_status_sensor"
            )
        return _sensor("run_failure_sensor", function, arguments | {"run_status": "FAILURE"}, is_failure=True)

    if given is None or isinstance(given, str):
        return decorate
    return _sensor("run_failure_sensor", given, {**declared, "run_status": "FAILURE"}, is_failure=True)


def _sensor(decorator: str, function: Function, given: Mapping[str, Any], *, is_failure: bool) -> Sensor:
    refuse_what_is_no_function(decorator, function)
    name = name_of(function, given.get("name"))
    arguments = Arguments(name, under_todays_names(name, given))
    _refuse_unknown(arguments)
    if given.get("run_status") is None:
        raise arguments.wrong("run_status", "is missing: give a status, such as DagsterRunStatus.SUCCESS")
    waits, statuses = is_async(function), arguments.statuses()
    parameters = parameters_of(function, name)
    jobs, excluded = arguments.jobs(), arguments.excluded_jobs()
    refuse_what_watches_nothing(arguments, jobs, excluded)
    required = arguments.keys("required_resource_keys")
    return Sensor(
        name=name,
        function=function,
        statuses=statuses,
        jobs=jobs,
        excluded_jobs=excluded,
        narrowing=narrowing_of(arguments),
        monitor_all_code_locations=arguments.flag("monitor_all_code_locations"),
        request_jobs=arguments.targets(),
        description=arguments.text("description") or _first_line(function),
        default_status=arguments.default_status(),
        minimum_interval_seconds=arguments.seconds("minimum_interval_seconds"),
        tags=arguments.mapping("tags"),
        metadata=arguments.mapping("metadata"),
        retry=arguments.retry(),
        max_concurrent=arguments.concurrency(ASYNC_CONCURRENCY if waits else 1),
        max_per_minute=arguments.max_per_minute(),
        timeout_seconds=arguments.timeout(),
        react_to_own_runs=arguments.flag("react_to_own_runs"),
        run_key_policy=arguments.run_key_policy(),
        only_final_failures=arguments.final_failures(statuses),
        is_failure=is_failure,
        is_async=waits,
        takes_context=parameters.takes_context,
        resource_parameters=parameters.resources,
        required_resource_keys=required,
        resources=unbound(parameters.resources, required),
    )


def _named_by_position(function: Function, more: tuple[object, ...]) -> dict[str, Any]:
    """The name of the sensor, if it follows the status as in Dagster."""
    if not more:
        return {}
    name = more[0]
    if len(more) > 1 or not (name is None or (type(name) is str and name.upper() not in DagsterRunStatus.__members__)):
        raise DefinitionError(
            f"sensor {shown(getattr(function, '__name__', function))}: run_status takes one argument, and"
            f" {shown(more[-1])} is another: give several statuses as a list, and everything else by name"
        )
    return {"name": name}


def _refuse_unknown(arguments: Arguments) -> None:
    known = {"run_status", *Declared.__annotations__}
    for argument in (given for given in arguments.given if given not in known):
        raise arguments.wrong(argument, f"is not an argument: {meant(argument, sorted(known))}")


def _is_bare(given: object) -> bool:
    """Was the decorator put on a function without being called?"""
    return callable(given) and hasattr(given, "__name__") and not isinstance(given, type)


def _first_line(function: Function) -> str | None:
    lines = (getattr(function, "__doc__", None) or "").strip().splitlines()
    return lines[0].strip() if lines else None
