"""Runbell answers run status changes: what sensors are written with.

Example:
    >>> import runbell
    >>> @runbell.run_failure_sensor(monitored_jobs=["etl_*"])
    ... def alert(context):
    ...     context.log.error("%s failed: %s", context.dagster_run.job_name, context.failure_event.message)
"""

from typing import Any as _Any

from runbell.core.contexts import RunFailureSensorContext, RunStatusSensorContext
from runbell.core.declaring import run_failure_sensor, run_status_sensor
from runbell.core.definitions import RunStatusSensorDefinition
from runbell.core.errors import DefinitionError, NotHereError, RunbellError
from runbell.core.event_types import DagsterEventType
from runbell.core.requests import RunRequest, SensorResult, SkipReason
from runbell.core.resource_kinds import ResourceParam
from runbell.core.retrying import GiveUp, Retry, RetryPolicy
from runbell.core.selectors import CodeLocationSelector, JobSelector, RepositorySelector
from runbell.core.sensors import DefaultSensorStatus, Sensor
from runbell.core.statuses import DagsterRunStatus
from runbell.testing import build_run_status_sensor_context

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
    "run_failure_sensor",
    "run_status_sensor",
]


def __getattr__(name: str) -> _Any:
    """Names of Dagster's that code about runs needs: its own where it is installed, else what stands in for them."""
    from runbell.core.stand_ins import stand_in

    return stand_in(name)
