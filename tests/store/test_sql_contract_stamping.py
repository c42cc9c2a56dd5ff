"""The transaction that an event belongs to is always the one that inserts it."""

BY_HAND = """
INSERT INTO runbell.run_events (xid, source, run_id, job_name, status, native_status)
VALUES ($1::text::xid8, 'hand', 'r', 'j', 'SUCCESS', $2)
RETURNING xid::text, native_status
"""


async def test_an_event_carries_the_transaction_that_recorded_it(connection):
    async with connection.transaction():
        event_id = await connection.fetchval("SELECT runbell.record_run_status('r', 'j', 's')")
        own = await connection.fetchval("SELECT pg_current_xact_id()::text")

    assert await xid_of(connection, event_id) == own


async def test_within_a_savepoint_it_is_still_the_whole_transaction(connection):
    async with connection.transaction():
        own = await connection.fetchval("SELECT pg_current_xact_id()::text")
        async with connection.transaction(), connection.transaction():
            event_id = await connection.fetchval("SELECT runbell.record_run_status('r', 'j', 's')")

    assert await xid_of(connection, event_id) == own


async def test_a_foreign_xid_is_replaced(connection):
    async with connection.transaction():
        given = await connection.fetchrow(BY_HAND, "9000000000000000000", "ok")
        own = await connection.fetchval("SELECT pg_current_xact_id()::text")

    assert given["xid"] == own


async def test_also_where_rows_arrive_by_replication(connection):
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        given = await connection.fetchrow(BY_HAND, "3", "ok")
        own = await connection.fetchval("SELECT pg_current_xact_id()::text")

    assert given["xid"] == own


async def test_also_for_rows_that_are_copied_in(connection):
    async with connection.transaction():
        await connection.copy_records_to_table(
            "run_events",
            schema_name="runbell",
            columns=["source", "run_id", "job_name", "status", "native_status"],
            records=[("hand", "r", "j", "SUCCESS", "ok")],
        )
        own = await connection.fetchval("SELECT pg_current_xact_id()::text")

    assert await connection.fetchval("SELECT xid::text FROM runbell.run_events") == own


async def test_a_row_by_hand_without_a_native_status_has_its_status(connection):
    assert (await connection.fetchrow(BY_HAND, None, None))["native_status"] == "SUCCESS"


async def xid_of(session, event_id):
    return await session.fetchval("SELECT xid::text FROM runbell.run_events WHERE event_id = $1", event_id)
