"""Places are trusted only on the server and the history that they were written on."""

import asyncpg
import pytest

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor
from runbell.core.errors import StoreUnavailableError
from runbell.store.server import OneServer, check_places
from support.daemons import record, running, until

Session = asyncpg.Connection


@run_status_sensor(run_status="SUCCESS", request_job="j")
async def chain(context: RunStatusSensorContext) -> RunRequest:
    return RunRequest()


async def test_sessions_that_reach_the_same_server_pass(connection: Session) -> None:
    server = OneServer()
    await server.identify_server(connection)

    await server.identify_server(connection)


async def test_a_session_that_reaches_another_history_is_refused(connection: Session) -> None:
    server = OneServer()
    await server.identify_server(connection)
    identifier, _, database_name = server._known or (0, "", "")
    server._known = (identifier, "00000002", database_name)

    with pytest.raises(StoreUnavailableError, match="different servers or histories"):
        await server.identify_server(connection)


async def test_a_hot_standby_is_refused(connection: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "runbell.store.server.statement", lambda _: "SELECT 1 AS system_identifier, true AS in_recovery"
    )

    with pytest.raises(StoreUnavailableError, match="hot standby"):
        await OneServer().identify_server(connection)


async def test_places_on_their_own_server_are_trusted(connection: Session) -> None:
    assert await check_places(connection) is None


async def test_another_cluster_is_noticed(connection: Session) -> None:
    await connection.execute("UPDATE runbell.cluster SET system_identifier = 1")

    assert "another cluster" in (await check_places(connection) or "")


async def test_a_place_above_the_server_is_noticed_with_the_sensors_name(
    database_url: str, connection: Session
) -> None:
    async with running(database_url, chain):
        await record(connection, "r1")
        await until(lambda: connection.fetchval("SELECT count(*) FROM runbell.run_requests"))
    await connection.execute("UPDATE runbell.sensors SET position = '9999999:9999999:'")

    assert "'chain'" in (await check_places(connection) or "")


async def test_a_restore_that_is_not_finished_is_waited_for(connection: Session) -> None:
    """Rows come before triggers: an event recorded in between would get no transaction id of this cluster."""
    await connection.execute("ALTER TABLE runbell.run_events DISABLE TRIGGER stamp_run_event")

    with pytest.raises(StoreUnavailableError, match="a restore is not finished"):
        await check_places(connection)
