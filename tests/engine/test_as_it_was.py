"""A sensor sees its run as it was when the status changed, and may ask how it stands now."""

from typing import Any

import asyncpg

from runbell import DagsterEventType, RunStatusSensorContext, run_failure_sensor, run_status_sensor
from support.daemons import evaluations, record, running, until

Session = asyncpg.Connection


async def test_a_run_that_has_gone_on_since_is_shown_as_it_was(database_url: str, connection: Session) -> None:
    seen: list[dict[str, Any]] = []
    gone_on = False

    @run_status_sensor("STARTED")
    def looking(context: RunStatusSensorContext) -> None:
        run, now = context.dagster_run, context.instance.get_run_by_id(context.dagster_run.run_id)
        seen.append(
            {
                "was": (run.status.value, run.tags, run.end_time is None, run.is_finished),
                "is": (now.status.value, now.tags, now.end_time is None, now.is_finished),
            }
        )
        if not gone_on:
            raise ConnectionError("come again")

    async with running(database_url, looking, retry_attempts=100):
        await record(connection, "r1", "STARTED", tags='{"attempt": "1"}')
        await until(lambda: evaluations(connection))
        await record(connection, "r1", "SUCCESS", tags='{"attempt": "2"}')
        gone_on = True
        await until(lambda: evaluations(connection), lambda rows: rows == [])

    assert seen[0]["was"] == seen[-1]["was"] == ("STARTED", {"attempt": "1"}, True, False)
    assert seen[0]["is"] == ("STARTED", {"attempt": "1"}, True, False)
    assert seen[-1]["is"] == ("SUCCESS", {"attempt": "2"}, False, True)


async def test_a_failed_run_is_asked_for_its_first_step_and_its_log_in_either_kind_of_function(
    database_url: str, connection: Session
) -> None:
    found: dict[str, Any] = {}

    @run_failure_sensor
    def plain(context: RunStatusSensorContext) -> None:
        first = context.failure_event.event_specific_data.first_step_failure_event
        entries = context.instance.all_logs("r1", of_type={DagsterEventType.STEP_FAILURE})
        found["plain"] = (first.step_key, [entry.dagster_event.step_key for entry in entries])

    @run_failure_sensor
    async def waiting(context: RunStatusSensorContext) -> None:
        first, *_ = await context.aget_step_failure_events()
        page = await context.instance.aget_records_for_run("r1", of_type=DagsterEventType.STEP_FAILURE)
        runs = await context.instance.aget_runs(limit=5)
        assert [run.run_id for run in runs] == ["r1"]
        found["waiting"] = (first.step_key, [record.event_log_entry.step_key for record in page.records])

    async with running(database_url, plain, waiting):
        await connection.execute(
            "SELECT runbell.record_step_failure('r1', key, '{}') FROM unnest('{b,a}'::text[]) AS key"
        )
        await record(connection, "r1", "FAILURE")
        await until(lambda: connection.fetchval("SELECT sum(acted) FROM runbell.ticks"), lambda acted: acted == 2)

    assert found == {"plain": ("b", ["b", "a"]), "waiting": ("b", ["b", "a"])}


async def test_a_question_that_cannot_be_answered_dies_after_the_third_call_and_says_what_to_write(
    database_url: str, connection: Session
) -> None:
    @run_failure_sensor
    def asking(context: RunStatusSensorContext) -> None:
        context.instance.all_logs("r1", of_type=DagsterEventType.ASSET_MATERIALIZATION)

    @run_failure_sensor
    async def blocking(context: RunStatusSensorContext) -> None:
        context.instance.get_runs()

    async with running(database_url, asking, blocking):
        await record(connection, "r1", "FAILURE")
        rows = await until(
            lambda: evaluations(connection), lambda rows: [row["state"] for row in rows] == ["dead", "dead"]
        )

    errors = {row["sensor_name"]: (row["attempts"], row["error"].splitlines()[-1]) for row in rows}
    assert {name: attempts for name, (attempts, _) in errors.items()} == {"asking": 3, "blocking": 3}
    assert "context.instance has no events of type ASSET_MATERIALIZATION" in errors["asking"][1]
    assert "use await context.instance.aget_runs(...)" in errors["blocking"][1]
