"""Runbell's values as Dagster's, for what Dagster itself consumes: its other sensors and its schedules.

In a module that says `import runbell as dg`, a schedule answers with `dg.RunRequest` too, and Dagster takes no other
than its own. So its decorators are passed on with the author's function translated.
"""

import functools
from collections.abc import Callable, Iterator
from types import GeneratorType
from typing import Any

import dagster

from runbell.core.requests import RunRequest, SensorResult, SkipReason
from runbell.core.retrying import RetryPolicy as OwnRetryPolicy
from runbell.core.selectors import CodeLocationSelector, JobSelector, RepositorySelector, target_of

# By these arguments one of Dagster's is told from one of Runbell's.
OF_DAGSTERS_POLICY = frozenset({"max_retries", "delay", "backoff"})


def translated(value: Any) -> Any:
    """The same as Dagster has it; what is none of Runbell's as it is. Lists and generators are translated within.

    Example:
        >>> type(translated(SkipReason("enough"))) is dagster.SkipReason
        True
    """
    if type(value) in {list, tuple}:
        return type(value)(map(translated, value))
    return next((make(value) for kinds, make in TRANSLATIONS if isinstance(value, kinds)), value)


def _each(values: Iterator[Any]) -> Iterator[Any]:
    for value in values:
        yield translated(value)


def _request(request: RunRequest) -> dagster.RunRequest:
    keys = request.asset_selection
    return dagster.RunRequest(
        run_key=request.run_key,
        run_config=request.run_config,
        tags=request.tags,
        job_name=None if request.job_name is None else target_of(request.job_name),
        asset_selection=None if keys is None else [_asset_key(key) for key in keys],
        stale_assets_only=request.stale_assets_only,
        partition_key=request.partition_key,
        asset_check_keys=request.asset_check_keys,
    )


def _asset_key(key: Any) -> dagster.AssetKey:
    return key if isinstance(key, dagster.AssetKey) else dagster.AssetKey(key)


def _skip(reason: SkipReason) -> dagster.SkipReason:
    return dagster.SkipReason(reason.skip_message)


def _result(result: SensorResult) -> dagster.SensorResult:
    names = ("run_requests", "skip_reason", "cursor", "dynamic_partitions_requests", "asset_events")
    return dagster.SensorResult(**{name: translated(getattr(result, name)) for name in names})


def _selector(selector: Any) -> Any:
    given = {name: getattr(selector, name) for name in selector.__slots__ if getattr(selector, name) is not None}
    return getattr(dagster, type(selector).__name__)(**given)


TRANSLATIONS: tuple[tuple[type | tuple[type, ...], Callable[[Any], Any]], ...] = (
    (GeneratorType, _each),
    (RunRequest, _request),
    (SkipReason, _skip),
    (SensorResult, _result),
    ((JobSelector, RepositorySelector, CodeLocationSelector), _selector),
)


def _answering(decorator: Callable[..., Any]) -> Callable[..., Any]:
    """Dagster's decorator, for functions that may answer with Runbell's values."""

    @functools.wraps(decorator)
    def accepting(*args: Any, **kwargs: Any) -> Any:
        decorate = decorator(*args, **kwargs)

        def decorated(function: Callable[..., Any]) -> Any:
            @functools.wraps(function)
            def answer(*given: Any, **named: Any) -> Any:
                return translated(function(*given, **named))

            return decorate(answer)

        return decorated

    return accepting


sensor = _answering(dagster.sensor)
asset_sensor = _answering(dagster.asset_sensor)
multi_asset_sensor = _answering(dagster.multi_asset_sensor)
schedule = _answering(dagster.schedule)


class _EitherPolicy(type):
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        kind = dagster.RetryPolicy if OF_DAGSTERS_POLICY & kwargs.keys() else OwnRetryPolicy
        return kind(*args, **kwargs)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, OwnRetryPolicy | dagster.RetryPolicy)


class RetryPolicy(metaclass=_EitherPolicy):
    """Runbell's, for sensors; given Dagster's arguments, Dagster's, for ops and assets.

    Example:
        >>> type(RetryPolicy(max_retries=3)) is dagster.RetryPolicy, type(RetryPolicy(attempts=3)) is OwnRetryPolicy
        (True, True)
    """
