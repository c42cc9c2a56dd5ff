"""The tables of Dagster that matter here, and what Dagster writes into them, in its order."""

import json
import uuid

import asyncpg

TABLES = """
CREATE TABLE runs (
    id bigserial PRIMARY KEY,
    run_id varchar(255) UNIQUE,
    snapshot_id varchar(255),
    pipeline_name text,
    mode text,
    status varchar(63),
    run_body text,
    partition text,
    partition_set text,
    create_timestamp timestamp DEFAULT CURRENT_TIMESTAMP,
    update_timestamp timestamp DEFAULT CURRENT_TIMESTAMP,
    start_time double precision,
    end_time double precision,
    backfill_id varchar(255)
);
CREATE INDEX idx_run_status ON runs (status);
CREATE INDEX idx_run_range ON runs (status, update_timestamp, create_timestamp);
CREATE INDEX idx_run_partitions ON runs (partition_set, partition);
CREATE INDEX idx_runs_by_job ON runs (pipeline_name, id);
CREATE TABLE run_tags (
    id bigserial PRIMARY KEY,
    run_id varchar(255) REFERENCES runs (run_id) ON DELETE CASCADE,
    key text,
    value text
);
CREATE INDEX idx_run_tags ON run_tags (key, value);
CREATE TABLE event_logs (
    id bigserial PRIMARY KEY,
    run_id varchar(255),
    event text NOT NULL,
    dagster_event_type text,
    "timestamp" timestamp,
    step_key text,
    asset_key text,
    partition text
);
CREATE INDEX idx_step_key ON event_logs (step_key);
CREATE INDEX idx_event_type ON event_logs (dagster_event_type, id);
CREATE INDEX idx_events_by_run_id ON event_logs (run_id, id);
"""

EVENT_TYPES = {
    "QUEUED": "PIPELINE_ENQUEUED",
    "STARTING": "PIPELINE_STARTING",
    "STARTED": "PIPELINE_START",
    "SUCCESS": "PIPELINE_SUCCESS",
    "FAILURE": "PIPELINE_FAILURE",
    "CANCELING": "PIPELINE_CANCELING",
    "CANCELED": "PIPELINE_CANCELED",
}


def raised(message: str, cls_name: str = "ValueError", cause: object = None) -> dict[str, object]:
    """An error as Dagster writes it."""
    return {
        "__class__": "SerializableErrorInfo",
        "message": message,
        "cls_name": cls_name,
        "stack": [f"  File of {cls_name}\n"],
        "cause": cause,
        "context": None,
    }


class DagsterTables:
    """Writes what Dagster writes, each statement its own transaction, over a session that is given."""

    def __init__(self, session: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.session = session

    async def add_run(
        self,
        status: str = "NOT_STARTED",
        *,
        job: str = "etl",
        tags: dict[str, str] | None = None,
        run_config: object = None,
        body: str | None = None,
        partition: str | None = None,
    ) -> str:
        """A new run; gives its id. `body` replaces the JSON that Dagster would write."""
        run_id = str(uuid.uuid4())
        written = json.dumps({"__class__": "PipelineRun", "tags": tags or {}, "run_config": run_config or {}})
        await self.session.execute(
            "INSERT INTO runs (run_id, pipeline_name, status, run_body, partition) VALUES ($1, $2, $3, $4, $5)",
            *(run_id, job, status, written if body is None else body, partition),
        )
        return run_id

    async def log(
        self, run_id: str, status: str, *, message: str = "", error: object = None, age: float = 0, **data: object
    ) -> None:
        """Only the event of a status change, which Dagster commits before it changes the run."""
        await self._write(run_id, EVENT_TYPES[status], None, message, {"error": error, **data}, age)

    async def log_step_failure(self, run_id: str, step_key: str, message: str, error: object) -> None:
        """The event of a step that failed."""
        await self._write(run_id, "STEP_FAILURE", step_key, message, {"error": error}, 0)

    async def set_status(self, run_id: str, status: str) -> None:
        """Only the change of the run's row."""
        await self.session.execute(
            "UPDATE runs SET status = $2::text, update_timestamp = CURRENT_TIMESTAMP,"
            " start_time = CASE $2::text WHEN 'STARTED' THEN extract(epoch FROM clock_timestamp()) ELSE start_time END"
            " WHERE run_id = $1",
            *(run_id, status),
        )

    async def change(self, run_id: str, *statuses: str) -> None:
        """Whole status changes, event first."""
        for status in statuses:
            await self.log(run_id, status)
            await self.set_status(run_id, status)

    async def _write(
        self, run_id: str, kind: str, step_key: str | None, message: str, data: object, age: float
    ) -> None:
        event = {"dagster_event": {"event_type_value": kind, "message": message, "event_specific_data": data}}
        await self.session.execute(
            'INSERT INTO event_logs (run_id, event, dagster_event_type, step_key, "timestamp") VALUES'
            " ($1, $2, $3, $4, (clock_timestamp() AT TIME ZONE 'UTC') - make_interval(secs => $5))",
            *(run_id, json.dumps(event), kind, step_key, age),
        )
