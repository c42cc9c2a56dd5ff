"""What Dagster is told to launch for a request."""

from typing import Any

import msgspec

from runbell.core.queue import REQUEST_ID_TAG, QueuedRequest
from runbell.launchers.dagster.partitions import Assets, Partition
from runbell.launchers.dagster.workspace import Job

SENSOR_TAG = "dagster/sensor_name"
RUN_KEY_TAG = "dagster/run_key"
# The ids of requests begin anew in another database: a run is a request's by both.
REQUESTED_AT_TAG = "runbell/requested_at"


def execution_params(request: QueuedRequest, job: Job, partition: Partition | None) -> dict[str, Any]:
    """The ExecutionParams of Dagster's GraphQL. A request's own run config comes before its partition's, as in Dagster.

    Example:
        >>> request = QueuedRequest(request_id=7, sensor_name="s", event_id=1, target="dagster", job_name="etl",
        ...     code_location=None, run_key=None, partition_key=None, asset_selection=None, run_config='{"ops": {}}',
        ...     tags="{}", attempts=1, requested_at="2026-01-01T00:00:00Z", age_seconds=0.0)
        >>> execution_params(request, Job("here", "__repository__", "etl"), None)["runConfigData"]
        {'ops': {}}
    """
    config: Any = msgspec.json.decode(request.run_config)
    if not config and partition is not None:
        config = partition.run_config
    selector: dict[str, Any] = {
        "jobName": job.name,
        "repositoryName": job.repository,
        "repositoryLocationName": job.location,
    }
    if (assets := selected_assets(request)) is not None:
        selector["assetSelection"] = assets
    tags = run_tags(request, partition.tags if partition else {})
    return {
        "selector": selector,
        "runConfigData": config,
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
    }


def run_tags(request: QueuedRequest, of_partition: dict[str, str]) -> dict[str, str]:
    """The tags of the run: those that Dagster's own sensors set, in their order of precedence, and Runbell's."""
    tags = {**request.run_tags(), **of_partition, SENSOR_TAG: sensor_name(request)}
    if request.run_key is not None:
        tags[RUN_KEY_TAG] = request.run_key
    return tags | identity(request)


def identity(request: QueuedRequest) -> dict[str, str]:
    """The tags by which the run of a request is found again."""
    return {REQUEST_ID_TAG: str(request.request_id), REQUESTED_AT_TAG: request.requested_at}


def selected_assets(request: QueuedRequest) -> Assets:
    """The assets that a request selects, as GraphQL has them; None: it leaves that to the job."""
    if request.asset_selection is None:
        return None
    return [{"path": path} for path in msgspec.json.decode(request.asset_selection, type=list[list[str]])]


def sensor_name(request: QueuedRequest) -> str:
    """The sensor's name as Dagster has it, without a location."""
    return request.sensor_name.rpartition(":")[2]


def sensor_location(request: QueuedRequest) -> str | None:
    """The code location that the sensor belongs to, if its name says so."""
    return request.sensor_name.rpartition(":")[0] or None
