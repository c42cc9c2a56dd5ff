"""What stands in for names of Dagster's where Dagster is not installed: enough for what a sensor does with them."""

import importlib
from collections.abc import Mapping
from typing import Any

from runbell.core.assets import AssetKey
from runbell.core.contexts import RunStatusSensorContext
from runbell.core.dagster_events import DagsterEvent
from runbell.core.instances import Instance
from runbell.core.run_queries import RunsFilter
from runbell.core.run_records import EventLogEntry, EventLogRecord, RunRecord
from runbell.core.runs import DagsterRun
from runbell.core.sensors import Sensor

STAND_INS: Mapping[str, Any] = {
    "AssetKey": AssetKey,
    "DagsterEvent": DagsterEvent,
    "DagsterInstance": Instance,
    "DagsterRun": DagsterRun,
    "EventLogEntry": EventLogEntry,
    "EventLogRecord": EventLogRecord,
    "RunRecord": RunRecord,
    "RunsFilter": RunsFilter,
    "SensorDefinition": Sensor,
    "SensorEvaluationContext": RunStatusSensorContext,
}


def stand_in(name: str) -> Any:
    """Dagster's own of this name where it is installed, so that its other objects take it; else what stands in for it.

    Raises:
        AttributeError: nothing does.

    Example:
        >>> stand_in("dagit")
        Traceback (most recent call last):
        AttributeError: module 'runbell' has no attribute 'dagit'
    """
    if name not in STAND_INS:
        raise AttributeError(f"module 'runbell' has no attribute {name!r}", name=name)
    try:
        dagster = importlib.import_module("dagster")
    except ModuleNotFoundError as error:
        if error.name != "dagster":
            raise
        return STAND_INS[name]
    return getattr(dagster, name, STAND_INS[name])
