"""I1: transactions of every shape: deep in savepoints, many at once, frozen, in an order that ids do not tell."""

import random

import anyio
import asyncpg

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor
from support.daemons import record, requested_keys, running, until

Session = asyncpg.Connection


@run_status_sensor(run_status="SUCCESS", request_job="j")
async def chain(context: RunStatusSensorContext) -> RunRequest:
    return RunRequest(run_key=context.dagster_run.run_id)


async def keys_are(session: Session, expected: list[str]) -> None:
    await until(lambda: requested_keys(session), lambda keys: len(keys) >= len(expected))
    assert await requested_keys(session) == sorted(expected)


async def test_i1_events_in_more_savepoints_than_a_snapshot_can_list(database_url: str, connection: Session) -> None:
    """Past 64 savepoints that write, snapshots list only the whole transaction; its id is what events have."""
    expected: list[str] = []
    writer = await asyncpg.connect(database_url)
    async with running(database_url, chain):
        outer = writer.transaction()
        await outer.start()
        for number in range(150):
            inner = writer.transaction()
            await inner.start()
            await record(writer, f"s{number:03}")
            if number % 3:
                await inner.commit()
                expected.append(f"s{number:03}")
            else:
                await inner.rollback()
        # Nested, not side by side: the 100th lies below 99 that are open.
        nested = [writer.transaction() for _ in range(100)]
        for depth, inner in enumerate(nested):
            await inner.start()
            await record(writer, f"n{depth:03}")
        for inner in reversed(nested):
            await inner.commit()
        expected += [f"n{depth:03}" for depth in range(100)]
        await record(connection, "beside")
        await keys_are(connection, ["beside"])
        await outer.commit()
        await keys_are(connection, [*expected, "beside"])
    await writer.close()


async def test_i1_many_transactions_open_at_once_each_delay_only_themselves(
    database_url: str, connection: Session
) -> None:
    """The places of this test name dozens of open transactions."""
    chance = random.Random(2)
    writers = [await asyncpg.connect(database_url) for _ in range(40)]
    async with running(database_url, chain):
        transactions = [writer.transaction() for writer in writers]
        for number, (writer, transaction) in enumerate(zip(writers, transactions, strict=True)):
            await transaction.start()
            await record(writer, f"open{number:02}")
        await record(connection, "beside")
        await keys_are(connection, ["beside"])
        expected = ["beside"]
        for number in chance.sample(range(40), 40):
            if number % 4:
                await transactions[number].commit()
                expected.append(f"open{number:02}")
            else:
                await transactions[number].rollback()
            if number % 7 == 0:
                await keys_are(connection, expected)
        await keys_are(connection, expected)
    async with anyio.create_task_group() as closing:
        for writer in writers:
            closing.start_soon(writer.close)


async def test_i1_vacuum_and_freeze_change_nothing(database_url: str, connection: Session) -> None:
    """Events carry their transaction's id in a column of their own: freezing rewrites only the hidden one."""
    async with running(database_url, chain):
        await record(connection, "before")
        await keys_are(connection, ["before"])
    await record(connection, "waiting")
    await connection.execute("VACUUM (FREEZE, ANALYZE) runbell.run_events")
    async with running(database_url, chain):
        await record(connection, "after")
        await keys_are(connection, ["after", "before", "waiting"])


async def test_i1_events_of_one_run_come_in_recorded_order_whatever_their_transactions_ids(
    database_url: str, connection: Session
) -> None:
    """The transaction that began first wrote last: by transaction id SUCCESS would come before STARTED."""
    seen: list[str] = []

    @run_status_sensor(run_status=["STARTED", "SUCCESS"])
    async def note(context: RunStatusSensorContext) -> None:
        seen.append(f"{context.dagster_run.run_id} {context.dagster_run.status.value}")

    async with running(database_url, note):
        pass
    first = await asyncpg.connect(database_url)
    for number in range(10):
        transaction = first.transaction()
        await transaction.start()
        await first.fetchval("SELECT pg_current_xact_id()")
        await record(connection, f"r{number}", "STARTED")
        await record(first, f"r{number}", "SUCCESS")
        await transaction.commit()
    await first.close()
    async with running(database_url, note):
        await until(lambda: count_of(seen), lambda count: count == 20)

    for number in range(10):
        assert [line for line in seen if line.startswith(f"r{number} ")] == [f"r{number} STARTED", f"r{number} SUCCESS"]


async def count_of(seen: list[str]) -> int:
    return len(seen)


async def test_i1_a_new_sensor_starts_at_its_deployment_though_writers_are_at_work(
    database_url: str, connection: Session
) -> None:
    """What is open when the place is taken was not finished before: it is answered."""
    writer = await asyncpg.connect(database_url)
    await record(connection, "before")
    transaction = writer.transaction()
    await transaction.start()
    await record(writer, "open")
    async with running(database_url, chain):
        await transaction.commit()
        await record(connection, "after")
        await keys_are(connection, ["after", "open"])
    await writer.close()
