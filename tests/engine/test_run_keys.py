"""Run key policies in a running daemon: when a key may be used again, and what happens when two want it at once."""

from datetime import timedelta

import asyncpg
import pytest

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor
from support.daemons import record, running, until

Session = asyncpg.Connection
KEY = "the key"


def sensor(policy, name="load"):
    @run_status_sensor("SUCCESS", name=name, monitored_jobs=["extract"], request_job="load", run_key_policy=policy)
    async def ask(context: RunStatusSensorContext) -> RunRequest:
        return RunRequest(run_key=KEY, tags={"for": context.dagster_run.run_id})

    return ask


async def asked(connection: Session, name: str = "load") -> list[str]:
    """The runs for which a request was made."""
    rows = await connection.fetch(
        "SELECT tags ->> 'for' AS run FROM runbell.run_requests WHERE sensor_name = $1 ORDER BY request_id", name
    )
    return [row["run"] for row in rows]


async def answered(connection: Session, run_id: str, count: int = 1) -> None:
    """This run succeeds, and so many sensors have answered it."""
    before = await connection.fetchval("SELECT coalesce(sum(requested), 0) FROM runbell.ticks")
    await record(connection, run_id, job="extract")

    async def look() -> int:
        return await connection.fetchval("SELECT coalesce(sum(requested), 0) FROM runbell.ticks")

    await until(look, lambda seen: seen == before + count)


async def claim(connection: Session) -> asyncpg.Record:
    return await connection.fetchrow("SELECT * FROM runbell.claim_run_requests('test')")


async def launch(connection: Session, run_id: str, *statuses: str) -> None:
    """The oldest open request becomes this run, which comes to these statuses."""
    request = await claim(connection)
    complete = "SELECT runbell.complete_run_request($1, $2, $3)"
    assert await connection.fetchval(complete, request["request_id"], request["attempts"], run_id)
    for status in statuses:
        await record(connection, run_id, status, job="load", source=request["target"])


async def fail(connection: Session) -> None:
    request = await claim(connection)
    query = "SELECT runbell.fail_run_request($1, $2, 'no such job')"
    assert await connection.fetchval(query, request["request_id"], request["attempts"])


async def expire(connection: Session) -> None:
    await connection.execute("UPDATE runbell.run_keys SET expires_at = clock_timestamp() WHERE expires_at IS NOT NULL")


ENDS = {
    "pending": claim,
    "request failed": fail,
    "launched": lambda connection: launch(connection, "l"),
    "started": lambda connection: launch(connection, "l", "STARTED"),
    "odd": lambda connection: launch(connection, "l", "PAUSED"),
    "succeeded": lambda connection: launch(connection, "l", "STARTED", "SUCCESS"),
    "failed": lambda connection: launch(connection, "l", "FAILURE"),
    "canceled": lambda connection: launch(connection, "l", "CANCELED"),
    "time over": expire,
}
FREE = {
    "forever": set(),
    "until_success": {"request failed", "failed", "canceled"},
    "while_active": {"request failed", "failed", "canceled", "succeeded"},
    "an hour": {"time over"},
}


@pytest.mark.parametrize("policy", FREE)
async def test_a_key_is_free_again_when_its_policy_says_so(database_url, connection, policy):
    given = timedelta(hours=1) if policy == "an hour" else policy

    async with running(database_url, sensor(given)):
        for end, come_to_it in ENDS.items():
            await connection.execute("DELETE FROM runbell.run_requests")
            await connection.execute("DELETE FROM runbell.run_keys")
            await answered(connection, f"first {end}")
            await answered(connection, f"second {end}")
            assert await asked(connection) == [f"first {end}"]
            await come_to_it(connection)
            await answered(connection, f"third {end}")

            expected = [f"first {end}", *([f"third {end}"] if end in FREE[policy] else [])]
            assert (end, await asked(connection)) == (end, expected)
            await answered(connection, f"fourth {end}")
            assert await asked(connection) == expected


async def test_a_request_may_have_a_policy_of_its_own(database_url, connection):
    @run_status_sensor("SUCCESS", monitored_jobs=["extract"], request_job="load", run_key_policy="while_active")
    async def load(context: RunStatusSensorContext) -> list[RunRequest]:
        tags = {"for": context.dagster_run.run_id}
        return [
            RunRequest(run_key="own", tags=tags, run_key_policy=timedelta(days=1)),
            RunRequest(run_key="the sensor's", tags=tags),
            RunRequest(tags=tags),
        ]

    async with running(database_url, load):
        await answered(connection, "r1")

    keys = await connection.fetch("SELECT run_key, policy, expires_at IS NULL AS kept FROM runbell.run_keys ORDER BY 1")
    assert [tuple(key) for key in keys] == [("own", "forever", False), ("the sensor's", "while_active", True)]


@pytest.mark.parametrize("policy", ["forever", "until_success", "while_active", timedelta(hours=1)])
async def test_of_two_evaluations_with_one_key_in_flight_one_gets_it_and_each_sensor_has_its_own(
    database_url, connection, policy
):
    async with running(database_url, sensor(policy), sensor(policy, "another")):
        for _ in range(2):
            async with connection.transaction():
                # Committed together, so read, evaluated and settled together.
                for number in range(20):
                    await record(connection, f"r{number}", job="extract")
            await until(lambda: answers(connection), lambda seen: seen % 40 == 0 and seen > 0)
            assert await asked(connection) == ["r0"]
            assert await asked(connection, "another") == ["r0"]


async def answers(connection: Session) -> int:
    return await connection.fetchval("SELECT coalesce(sum(requested), 0)::int FROM runbell.ticks")


async def test_freed_together_one_of_many_gets_it(database_url, connection):
    async with running(database_url, sensor("while_active")):
        await answered(connection, "first")
        await launch(connection, "l", "SUCCESS")
        async with connection.transaction():
            for number in range(20):
                await record(connection, f"r{number}", job="extract")
        await until(lambda: answers(connection), (21).__eq__)

    assert await asked(connection) == ["first", "r0"]


async def test_a_key_that_another_statement_takes_meanwhile_is_taken(database_url, connection):
    """As if another holder settled: it has the key's row when this one finds the key free."""
    other = await asyncpg.connect(database_url)
    async with running(database_url, sensor("while_active")):
        await answered(connection, "first")
        await launch(connection, "l", "SUCCESS")
        async with other.transaction():
            await other.execute(
                "WITH made AS ("
                "INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name, run_key)"
                " VALUES ('load', 0, 0, 'sql', 'load', $1) RETURNING request_id)"
                " UPDATE runbell.run_keys SET request_id = (SELECT request_id FROM made)",
                KEY,
            )
            await record(connection, "second", job="extract")
            await until(lambda: waiting(connection), (1).__eq__)
        await until(lambda: answers(connection), (2).__eq__)
    await other.close()

    assert await asked(connection) == ["first", None]


async def waiting(connection: Session) -> int:
    query = "SELECT count(*)::int FROM pg_locks AS l WHERE NOT l.granted AND l.locktype IN ('transactionid', 'tuple')"
    return await connection.fetchval(query)


async def test_a_run_that_ends_uncommitted_keeps_its_key(database_url, connection):
    other = await asyncpg.connect(database_url)
    async with running(database_url, sensor("while_active")):
        await answered(connection, "first")
        await launch(connection, "l", "STARTED")
        async with other.transaction():
            await record(other, "l", "SUCCESS", job="load")
            await answered(connection, "second")
        await answered(connection, "third")
    await other.close()

    assert await asked(connection) == ["first", "third"]


async def test_what_is_not_kept_any_more(connection):
    free = "SELECT runbell.is_key_free($1, NULL, 999)"

    assert [await connection.fetchval(free, name) for name in ("forever", "until_success", "while_active")] == [
        False,
        False,
        True,
    ]
