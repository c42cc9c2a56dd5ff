"""A sensor: a function together with the events that it answers. A value; making one registers nothing."""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from runbell.core.errors import NotHereError
from runbell.core.filters import Filter, JobPattern
from runbell.core.members import NamedText, SharedMember
from runbell.core.narrowing import Narrowing
from runbell.core.resources import Bound
from runbell.core.retrying import RetryPolicy
from runbell.core.run_keys import TAKEN_FOREVER, KeyPolicy
from runbell.core.selectors import target_of

Function = Callable[..., Any]


class DefaultSensorStatus(SharedMember, Enum):
    """Whether a sensor runs as long as no operator has started or stopped it.

    Example:
        >>> DefaultSensorStatus.STOPPED.value
        'STOPPED'
    """

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Sensor:
    """What `run_status_sensor` and `run_failure_sensor` make of a function. Calling it calls the function.

    Attributes:
        statuses: in upper case.
        jobs: what it watches; None watches every job of its scope.
        excluded_jobs: what it does not watch all the same.
        narrowing: what it asks of a run beyond its status and job; None: nothing.
        request_jobs: where its requests may go, each as `"job"` or `"location:job"`.
        max_concurrent: how many of its evaluations may run at once.
        max_per_minute: how many may begin within a minute; None: any number.
        timeout_seconds: how long one may take; None: as the setting says.
        run_key_policy: how long a key of its requests stays taken.
        only_final_failures: is its function called for a failure only if the orchestrator does not retry the run?
        is_failure: does its function get a RunFailureSensorContext?

    Example:
        >>> sensor = Sensor(name="greet", function=lambda: "hello", statuses=frozenset({"SUCCESS"}))
        >>> sensor(), sensor.identity("warehouse")
        ('hello', 'warehouse:greet')
    """

    name: str
    function: Function
    statuses: frozenset[str]
    jobs: tuple[JobPattern, ...] | None = None
    excluded_jobs: tuple[JobPattern, ...] = ()
    narrowing: Narrowing | None = None
    monitor_all_code_locations: bool = False
    request_jobs: tuple[str, ...] = ()
    description: str | None = None
    default_status: DefaultSensorStatus | None = None
    minimum_interval_seconds: float | None = None
    tags: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    max_concurrent: int = 1
    max_per_minute: int | None = None
    timeout_seconds: float | None = None
    react_to_own_runs: bool = False
    run_key_policy: KeyPolicy = TAKEN_FOREVER
    only_final_failures: bool = False
    is_failure: bool = False
    is_async: bool = False
    takes_context: bool = False
    # The parameters of its function that take resources, with their types; and what else it looks at.
    resource_parameters: Mapping[str, Any] = field(default_factory=dict)
    required_resource_keys: frozenset[str] = frozenset()
    # What its module declares, for it; None: nothing is declared and it asks for nothing.
    resources: Bound | None = None

    def __post_init__(self) -> None:
        # The name and the docstring stay usable, and `inspect.signature` finds the function's own.
        for attribute in functools.WRAPPER_ASSIGNMENTS:
            if hasattr(self.function, attribute):
                object.__setattr__(self, attribute, getattr(self.function, attribute))
        object.__setattr__(self, "__wrapped__", self.function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the function; resources that are not given are those of the context, if that is.

        As in Dagster, a test may give a context to a function that takes none.
        """
        context = args[0] if args and self.resource_parameters else None
        if context is not None and hasattr(context, "resources"):
            missing = self.resource_parameters.keys() - kwargs.keys()
            kwargs |= {name: getattr(context.resources, name) for name in missing}
        return self.function(*args, **kwargs) if self.takes_context or not args else self.function(*args[1:], **kwargs)

    def __repr__(self) -> str:
        return f"<Sensor {self.name!r} at {self.declared_at}>"

    def evaluate(self, context: object, **resources: Any) -> Any:
        """Calls the function with the context, or without if it takes none."""
        return self.function(context, **resources) if self.takes_context else self.function(**resources)

    def filter(self, code_location: str | None) -> Filter:
        """Which events it answers, deployed in this code location."""
        scope = None if self.monitor_all_code_locations else code_location
        return Filter(self.statuses, self.jobs, scope, self.react_to_own_runs, self.excluded_jobs, self.narrowing)

    def with_attributes(self, *, jobs: Iterable[object] | None = None, metadata: Any = None) -> "Sensor":
        """A copy with other targets or other metadata; what is None stays as it is."""
        return replace(
            self,
            request_jobs=self.request_jobs if jobs is None else tuple(map(target_of, jobs)),
            metadata=self.metadata if metadata is None else dict(metadata),
        )

    @property
    def has_jobs(self) -> bool:
        """May it request runs?"""
        return bool(self.request_jobs)

    @property
    def job_name(self) -> str:
        """The job that its requests go to.

        Raises:
            NotHereError: there is none, or there are several.
        """
        if len(self.request_jobs) != 1:
            raise NotHereError(
                f"sensor {self.name!r} has no job_name: it requests {len(self.request_jobs)} jobs, see request_jobs"
            )
        return self.request_jobs[0].rpartition(":")[2]

    @property
    def sensor_type(self) -> NamedText:
        return NamedText("RUN_STATUS")

    def identity(self, code_location: str | None) -> str:
        """Its name in the database: unique over all that are deployed there."""
        return self.name if code_location is None else f"{code_location}:{self.name}"

    @property
    def context_parameter(self) -> str | None:
        """The name of the parameter that takes the context."""
        return next(iter(inspect.signature(self.function).parameters), None) if self.takes_context else None

    @property
    def module(self) -> str:
        """The module that its function comes from."""
        return str(getattr(innermost(self.function), "__module__", None) or "?")

    @property
    def file(self) -> str | None:
        """The file that its function comes from, where Python knows it."""
        code = code_of(self.function)
        return None if code is None else str(code.co_filename)

    @property
    def declared_at(self) -> str:
        """`file:line` of its function, or else its module."""
        code = code_of(self.function)
        return self.module if code is None else f"{code.co_filename}:{code.co_firstlineno}"


def innermost(function: Any) -> Any:
    """The function inside partials and wrappers."""
    while True:
        inner = function.func if isinstance(function, functools.partial) else getattr(function, "__wrapped__", None)
        if inner is None:
            return function
        function = inner


def code_of(function: Any) -> Any | None:
    """The code of a function or of a callable object; None for what is not written in Python."""
    return getattr(code_owner(function), "__code__", None)


def code_owner(function: Any) -> Any:
    """The function that has the code: of a callable object its method."""
    function = innermost(function)
    return function if hasattr(function, "__code__") else type(function).__call__


def is_async(function: Any) -> bool:
    """Does calling it need an event loop?"""
    while isinstance(function, functools.partial):
        function = function.func
    return any(
        inspect.iscoroutinefunction(form) or inspect.isasyncgenfunction(form)
        for form in (function, type(function).__call__)
    )
