"""Places are trusted only on the server and the history that they were written on."""

import asyncpg
import pytest

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor
from runbell.core.errors import StoreUnavailableError, WrongServerError
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
    identifier, timeline = server._known or (0, 0)
    server._known = (identifier, timeline + 1)

    with pytest.raises(StoreUnavailableError, match="different servers or histories"):
        await server.identify_server(connection)


async def test_a_database_restored_into_another_cluster_is_refused(database_url: str, connection: Session) -> None:
    await connection.execute("UPDATE runbell.cluster SET system_identifier = 1")

    with pytest.raises(WrongServerError, match="another cluster"):
        await check_places(connection)
    with pytest.raises(ExceptionGroup) as refused:
        async with running(database_url, chain):
            pass
    assert refused.group_contains(WrongServerError)


async def test_a_place_above_the_server_is_refused_with_the_sensors_name(
    database_url: str, connection: Session
) -> None:
    async with running(database_url, chain):
        await record(connection, "r1")
        await until(lambda: connection.fetchval("SELECT count(*) FROM runbell.run_requests"))
    await connection.execute("UPDATE runbell.sensors SET position = '9999999:9999999:'")

    with pytest.raises(WrongServerError, match="'chain'"):
        await check_places(connection)
