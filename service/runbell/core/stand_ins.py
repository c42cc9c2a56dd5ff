"""What stands in for names of Dagster's where Dagster is not installed: enough for what a sensor does with them."""

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
