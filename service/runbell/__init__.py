"""Runbell answers run status changes: what sensors are written with.

Example:
    >>> import runbell
    >>> @runbell.run_failure_sensor(monitored_jobs=["etl_*"])
    ... def alert(context):
    ...     context.log.error("%s failed: %s", context.dagster_run.job_name, context.failure_event.message)
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from runbell.alerts import (
    make_email_on_run_failure_sensor,
    make_notify_on_run_failure_sensor,
    make_slack_on_run_failure_sensor,
    make_teams_on_run_failure_sensor,
    notify,
)
from runbell.core.contexts import RunFailureSensorContext, RunStatusSensorContext
from runbell.core.declaring import run_failure_sensor, run_status_sensor
from runbell.core.definitions import RunStatusSensorDefinition
from runbell.core.errors import DefinitionError, NotHereError, RunbellError
from runbell.core.event_types import DagsterEventType
from runbell.core.requests import RunRequest, SensorResult, SkipReason
from runbell.core.resource_kinds import ResourceParam
from runbell.core.retrying import GiveUp, Retry
from runbell.core.selectors import CodeLocationSelector, JobSelector, RepositorySelector
from runbell.core.sensors import DefaultSensorStatus, Sensor
from runbell.core.statuses import DagsterRunStatus
from runbell.testing import build_run_status_sensor_context

if _TYPE_CHECKING:
    # Dagster's too, once Dagster is loaded: see `sources/dagster/names.py`.
    from runbell.core.retrying import RetryPolicy

__all__ = [
    "CodeLocationSelector",
    "DagsterEventType",
    "DagsterRunStatus",
    "DefaultSensorStatus",
    "DefinitionError",
    "GiveUp",
    "JobSelector",
    "NotHereError",
    "RepositorySelector",
    "ResourceParam",
    "Retry",
    "RetryPolicy",
    "RunFailureSensorContext",
    "RunRequest",
    "RunStatusSensorContext",
    "RunStatusSensorDefinition",
    "RunbellError",
    "Sensor",
    "SensorResult",
    "SkipReason",
    "build_run_status_sensor_context",
    "make_email_on_run_failure_sensor",
    "make_notify_on_run_failure_sensor",
    "make_slack_on_run_failure_sensor",
    "make_teams_on_run_failure_sensor",
    "notify",
    "run_failure_sensor",
    "run_status_sensor",
]


def __getattr__(name: str) -> _Any:
    """What Runbell does not define is Dagster's, where that is installed; it is loaded by the first such name."""
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    from runbell.sources.dagster.names import passed_on

    return passed_on(name)


def __dir__() -> list[str]:
    from runbell.sources.dagster.names import passed_on_names

    return sorted({*globals(), *__all__, *passed_on_names()})
