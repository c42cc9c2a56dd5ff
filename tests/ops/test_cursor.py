"""`runbell cursor show|set`, while the daemon runs and without one."""

from typing import TypeAlias

import asyncpg
import pytest

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor
from support.commands import answer, command
from support.daemons import evaluations, record, requested_keys, running, until

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Called(list[str]):
    """A sensor that requests a run for each run of `etl`, and the runs that it was called for."""

    broken = False

    def sensor(self):
        @run_status_sensor(run_status="SUCCESS", monitored_jobs=["etl"], request_job="next")
        async def chain(context: RunStatusSensorContext) -> RunRequest:
            self.append(context.dagster_run.run_id)
            if self.broken:
                raise OSError("away")
            return RunRequest(run_key=context.dagster_run.run_id)

        return chain


async def history(session: Session) -> list[int]:
    return [await record(session, f"r{number}", job=job) for number, job in enumerate(("etl", "other", "etl", "etl"))]


async def test_back_and_forth_while_the_daemon_runs(database_url: str, connection: Session) -> None:
    called = Called()
    async with running(database_url, called.sensor()):
        ids = await history(connection)
        await until(lambda: requested_keys(connection), ["r0", "r2", "r3"].__eq__)

        told = await command(database_url, "cursor", "set", "chain", str(ids[1]), "--yes")
        await until(lambda: answer(database_url, "cursor", "show", "chain"), lambda at: at["lag_events"] == 0)

    assert told.stdout == "moved chain: it brings back 2 events\n"
    assert called == ["r0", "r2", "r3", "r2", "r3"]
    assert await requested_keys(connection) == ["r0", "r2", "r3"]


async def test_forward_it_says_what_it_passes_over_and_that_is_never_called(
    database_url: str, connection: Session
) -> None:
    called = Called()
    async with running(database_url, called.sensor()):
        pass
    await history(connection)

    shown = await command(database_url, "cursor", "show", "chain")
    told = await command(database_url, "cursor", "set", "chain", "now", "--yes")

    assert shown.stdout.startswith("chain: 3 events wait, the oldest for ")
    assert "passed all that is visible in snapshot " in shown.stdout
    assert told.stdout == "moved chain: it passes over 3 events\n"
    assert (await command(database_url, "cursor", "show", "chain")).stdout.startswith("chain: nothing waits\n")
    async with running(database_url, called.sensor()):
        await record(connection, "r9", job="etl")
        await until(lambda: requested_keys(connection), ["r9"].__eq__)
    assert called == ["r9"]


async def test_it_asks_and_a_no_changes_nothing(database_url: str, connection: Session) -> None:
    async with running(database_url, Called().sensor()):
        pass
    await history(connection)
    before = await connection.fetchrow("SELECT position::text, lease_epoch FROM runbell.sensors")

    done = await command(database_url, "cursor", "set", "chain", "now")

    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "runbell: move chain to now: it passes over 3 events: nothing was done, since there is no"
    )
    assert await connection.fetchrow("SELECT position::text, lease_epoch FROM runbell.sensors") == before


async def test_what_waits_for_a_retry_is_come_by_again_and_not_called_twice(
    database_url: str, connection: Session
) -> None:
    called = Called()
    called.broken = True
    async with running(database_url, called.sensor(), retry_backoff_seconds=3600):
        await record(connection, "r0", job="etl")
        await until(lambda: evaluations(connection), lambda rows: [row["state"] for row in rows] == ["retry"])
    called.broken = False

    told = await command(database_url, "cursor", "set", "chain", "beginning", "--yes")

    assert told.stdout == "moved chain: it brings back 1 event\n"
    assert await evaluations(connection) == []
    async with running(database_url, called.sensor()):
        await until(lambda: requested_keys(connection), ["r0"].__eq__)
    assert called == ["r0", "r0"]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("yesterday", "'yesterday' is no moment"),
        (str(2**63), f"{2**63} is no event's id: it is too large"),
    ],
)
async def test_where_to_must_be_understood(database_url: str, where: str, said: str) -> None:
    done = await command(database_url, "cursor", "set", "chain", where, "--yes")

    assert (done.code, done.stdout) == (2, "")
    assert said in done.stderr


async def test_a_time_counts_from_its_moment_on(database_url: str, connection: Session) -> None:
    async with running(database_url, Called().sensor()):
        pass
    ids = await history(connection)
    for number, event_id in enumerate(ids):
        await connection.execute(
            "UPDATE runbell.run_events SET recorded_at = $2::text::timestamptz + make_interval(days => $3)"
            " WHERE event_id = $1",
            event_id,
            "2026-01-01 00:00Z",
            number,
        )

    told = await command(database_url, "cursor", "set", "chain", "2026-01-03", "--yes")

    assert told.stdout == "moved chain: it passes over 1 event\n"
    assert (await answer(database_url, "cursor", "show", "chain"))["lag_events"] == 2
