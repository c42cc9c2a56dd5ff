"""I7: no wall clock carries meaning. One that jumps hastens or delays a retry, a claim, a report; nothing else.

The clock of a server cannot be moved here, so the times that it has written are: to whoever compares, that is the same.
And every comparison with a clock is listed, with what a jump of it may do.
"""

import re

import asyncpg
import pytest
import structlog

from runbell import RetryPolicy, RunRequest, RunStatusSensorContext, run_status_sensor
from runbell.engine import tenure
from support.answering import once, twice
from support.daemons import evaluations, record, requested_keys, running, until
from support.house import QUERIES, ROOT, python_files
from support.writers import compare

Session = asyncpg.Connection
CLOCK = r"(?:clock_timestamp|transaction_timestamp|statement_timestamp|now)\(\)|CURRENT_TIMESTAMP"
COMPARED = re.compile(rf"(?<!=)[<>].*(?:{CLOCK})|(?:{CLOCK}).*(?<!=)[<>]|BETWEEN.*(?:{CLOCK})", re.IGNORECASE)


@pytest.fixture(autouse=True)
def _quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests wait for beats; what a beat does is the same."""
    monkeypatch.setattr(tenure, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr(tenure, "BEAT_SECONDS_WITH_PEERS", 0.2)


# What a clock decides, by file: only when something is done that is done in any case, or what an operator is shown.
DECIDED_BY_CLOCK = {
    "beat.sql": "when retries and delayed requests are looked for",
    "claim_notices.sql": "when a notice may be told again",
    "find_due_evaluations.sql": "when a retry is due",
    "find_dead_letters.sql": "which dead letters an operator's `--older-than` means",
    "list_dead_letters.sql": "which dead letters an operator's `--older-than` means",
    "read_events_by_id.sql": "for how long a failing evaluation has been tried, and so when it becomes a dead letter",
    "cancel_run_requests.sql": "whether a claim has run out, whose request an operator may then cancel",
    "claim_alert.sql": "for how long an alert mutes others like it; a time to come counts for a minute",
    "claim_retention.sql": "when old rows are looked for again",
    "claim_troubles.sql": "when a trouble may be told, and told again",
    "expire_events.sql": "which events that all have passed are old; others stay, whatever the clock says",
    "expire_requests.sql": "which requests that are done with are old",
    "expire_runs.sql": "which runs without events are old",
    "expire_ticks.sql": "which ticks are old",
    "find_holding_sensors.sql": "which sensors an operator is told hold old events back",
    "find_run_requests.sql": "which requests an operator is told a launcher holds",
    "list_request_queues.sql": "how many requests an operator is shown as waiting",
    "list_slow_statements.sql": "which statements an operator is told are slow",
    "read_queue_age.sql": "how old the queue is shown to be",
    "read_sensor_work.sql": "which ticks an operator's summary shows",
    "settle_alert.sql": "which old alerts are forgotten",
    "read_recent_ticks.sql": "which ticks a summary shows",
    "110_is_key_free.sql": "when a run key that is taken for a time is free: a jump shortens or prolongs that time",
    "122_capture_dagster_run.sql": "whether a slow capture leaves details to be read later",
    "132_capture_table_row.sql": "whether a slow capture leaves details to be read later",
    "133_capture_table_rows.sql": "whether a slow capture leaves details to be read later",
    "121_write_capture_table_row.sql": "whether a slow capture leaves details to be read later",
    "301_find_dagster_gaps.sql": "how soon an event whose run does not show it yet counts as missed",
    "304_close_dagster_gaps.sql": "when old notes of the reconciler are removed",
}


def statements() -> list[tuple[str, str]]:
    paths = [*QUERIES.glob("*.sql"), *(ROOT / "migrations" / "sql").rglob("*.sql")]
    return [(path.name, re.sub(r"--.*", "", path.read_text())) for path in sorted(paths)]


def test_i7_every_comparison_with_a_clock_is_known():
    found = {name for name, text in statements() if COMPARED.search(text)}

    assert found - DECIDED_BY_CLOCK.keys() == set(), "say above what a jump of the clock does here"


def test_i7_the_daemon_reads_the_wall_clock_only_to_tell_it():
    readers = {
        path.name
        for path in python_files("service/runbell/core", "service/runbell/engine", "service/runbell/store")
        if re.search(r"\btime\.time\(|datetime\.now|utcnow", path.read_text())
    }

    assert readers <= {"reporting.py"}


@pytest.mark.parametrize("jump", ["1 year", "-1 year"])
async def test_i7_times_that_jump_lose_and_double_nothing(database_url: str, connection: Session, jump: str) -> None:
    shifted = [
        "UPDATE runbell.run_events SET recorded_at = recorded_at + $1::text::interval",
        "UPDATE runbell.daemons SET seen_at = seen_at + $1::text::interval",
        "UPDATE runbell.sensors SET last_evaluated_at = last_evaluated_at + $1::text::interval",
        "UPDATE runbell.sensors SET deployed_at = deployed_at + $1::text::interval",
        "UPDATE runbell.ticks SET settled_at = settled_at + $1::text::interval",
        "UPDATE runbell.runs SET updated_at = updated_at + $1::text::interval",
    ]
    async with running(database_url, once, twice), running(database_url, once, twice):
        asked = "SELECT count(*) FROM runbell.run_requests"
        epochs = "SELECT array_agg(lease_epoch ORDER BY sensor_name) FROM runbell.sensors"
        await record(connection, "settles who holds what")
        await until(lambda: connection.fetchval(asked), lambda count: count == 3)
        before = await connection.fetchval(epochs)
        for turn in range(3):
            for number in range(20):
                await record(connection, f"{turn}-{number}")
            for statement in shifted:
                await connection.execute(statement, jump)
            beats = await connection.fetchval("SELECT min(beat) FROM runbell.daemons")
            await until(
                lambda least=beats: connection.fetchval("SELECT min(beat) FROM runbell.daemons"),
                lambda beat, least=beats: beat > least,
            )
        await compare(database_url, ())
        assert await connection.fetchval(epochs) == before


async def test_i7_a_retry_moved_far_ahead_waits_and_holds_up_nobody(database_url: str, connection: Session) -> None:
    failed: list[str] = []

    @run_status_sensor(
        run_status="SUCCESS", request_job="j", retry=RetryPolicy(attempts=5, backoff_seconds=30, max_backoff_seconds=30)
    )
    async def flaky(context: RunStatusSensorContext) -> RunRequest:
        run_id = context.dagster_run.run_id
        if run_id == "r1" and len(failed) < 2:
            failed.append(run_id)
            raise OSError("not yet")
        return RunRequest(run_key=run_id)

    with structlog.testing.capture_logs():
        async with running(database_url, flaky):
            await record(connection, "r1")
            await until(lambda: evaluations(connection))
            await connection.execute("UPDATE runbell.evaluations SET due_at = due_at + interval '1 year'")
            await record(connection, "r2")
            await until(lambda: requested_keys(connection), ["r2"].__eq__)
            # The clock jumps over it: it is due at once, which the slow timer sees.
            await connection.execute("UPDATE runbell.evaluations SET due_at = due_at - interval '2 years'")
            await until(lambda: evaluations(connection), lambda rows: rows[0]["attempts"] == 2, seconds=15)
            await connection.execute("UPDATE runbell.evaluations SET due_at = due_at - interval '2 years'")
            await until(lambda: requested_keys(connection), ["r1", "r2"].__eq__, seconds=15)

    assert failed == ["r1", "r1"]
