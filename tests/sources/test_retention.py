"""Retention beside attached orchestrators: what their reconciler would miss, stays."""

import pytest

from runbell.core.retention import Retention
from runbell.sources import attaching
from runbell.store.retention import sweep

SHORT = Retention(events=0.001, requests=0.001, ticks=0.001)
TABLE = "CREATE TABLE public.app_runs (id bigint PRIMARY KEY, job text NOT NULL, status text NOT NULL)"
SETTINGS = {"schema": "public", "table": "app_runs", "id": "id", "job": "job", "status": "status"}


@pytest.fixture
async def app_runs(connection):
    await connection.execute(TABLE)
    await attaching.attach(connection, attaching.Attachment(source="app", kind="table", settings=SETTINGS))
    await connection.execute("INSERT INTO public.app_runs VALUES (1, 'j', 'success'), (2, 'j', 'failure')")


async def remove(session):
    await session.execute("SELECT pg_sleep(0.002)")
    return [(await sweep(session, kind, SHORT, None)).removed for kind in ("events", "runs")]


async def known(session):
    return [row[0] for row in await session.fetch("SELECT run_id FROM runbell.runs ORDER BY run_id")]


async def test_a_run_is_known_for_as_long_as_its_row_exists(connection, app_runs, captured):
    assert await remove(connection) == [2, 0]
    assert await known(connection) == ["1", "2"]

    await connection.execute("DELETE FROM public.app_runs WHERE id = 1")
    assert await remove(connection) == [0, 1]
    assert await known(connection) == ["2"]


async def test_the_reconciler_records_nothing_again(connection, app_runs, captured):
    await remove(connection)
    # As after a restore into another cluster: all rows are compared.
    await connection.execute("""UPDATE runbell.sources SET watermark = '{"snapshot": "999999999:999999999:"}'""")

    assert await captured.close_gaps() == 0


async def test_a_run_whose_table_cannot_be_read_stays(connection, app_runs):
    await connection.execute("ALTER TABLE public.app_runs RENAME TO moved_runs")

    assert await remove(connection) == [2, 0]


async def test_a_run_whose_id_the_table_could_not_have_stays(connection, app_runs):
    await connection.execute("UPDATE runbell.runs SET run_id = 'no number' WHERE run_id = '1'")
    await connection.execute("UPDATE runbell.run_events SET run_id = 'no number' WHERE run_id = '1'")

    assert await remove(connection) == [2, 0]


async def test_what_dagsters_reconciler_still_compares_stays(connection, dagster, captured):
    run_id = await dagster.add_run()
    await dagster.change(run_id, "STARTED", "SUCCESS")
    before = await captured.count()

    # Its watermark has not passed the last of them yet, for whatever reason.
    assert await remove(connection) == [0, 0]
    assert await captured.close_gaps() == 0

    await connection.execute(
        "UPDATE runbell.sources SET watermark = watermark"
        " || jsonb_build_object('event', (SELECT max(id) FROM event_logs))"
    )
    assert await remove(connection) == [before, 0]
    assert await captured.close_gaps() == 0
    assert await known(connection) == [run_id]


async def test_of_a_dagster_that_cannot_be_read_everything_stays(connection, dagster, captured):
    run_id = await dagster.add_run()
    await dagster.change(run_id, "STARTED")
    await connection.execute("ALTER TABLE event_logs RENAME TO moved_logs")

    assert await remove(connection) == [0, 0]
