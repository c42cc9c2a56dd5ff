"""Wakes whoever waits for run requests: LISTEN on a connection of its own. A ring says only that looking may pay.

Behind a pooler nothing would arrive, and the LISTEN would stay on a session that others use: there it wakes regularly.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import anyio
import structlog
from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus

from runbell.core.errors import StoreUnavailableError
from runbell.store.connections import Session, connect
from runbell.store.failures import translated
from runbell.store.relayed import is_relayed
from runbell.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

CHANNEL = "runbell_requests"
PING_SECONDS = 20.0
PING_DEADLINE_SECONDS = 5.0
RELAYED_WAKE_SECONDS = 0.25
FIRST_BACKOFF_SECONDS = 0.2
LONGEST_BACKOFF_SECONDS = 10.0

log = structlog.get_logger()


async def wake_on_requests(
    database_url: str, wake: Callable[[], None], *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED
) -> None:
    """Call `wake` for each ring, and once after each reconnect, until cancelled. Started means: it listens.

    Raises:
        StoreUnavailableError: the first connection cannot be had. Later losses are reconnected.
    """
    connection, lost = await _listening(database_url, wake)
    task_status.started()
    while True:
        try:
            if is_relayed(connection):
                await _wake_regularly(lost, wake)
            else:
                await _stay(connection, lost)
        finally:
            connection.terminate()
        connection, lost = await _listening_again(database_url, wake)
        log.info("listener_reconnected", channel=CHANNEL)
        # Whatever was rung meanwhile was heard by nobody.
        wake()


async def ping(session: Session, timeout: float) -> None:
    """Ask for a sign of life.

    Raises:
        StoreUnavailableError: there is none within `timeout` seconds.
    """
    with translated():
        await session.execute(statement("ping"), timeout=timeout)


async def _listening(
    database_url: str, wake: Callable[[], None]
) -> tuple["asyncpg.Connection[asyncpg.Record]", anyio.Event]:
    connection = await connect(database_url, role="launcher listener")
    lost = anyio.Event()

    def ring(*_: Any) -> None:
        wake()

    connection.add_termination_listener(lambda _: lost.set())
    if is_relayed(connection):
        remedy = "a pooler stands in between: give a direct address as RUNBELL_LISTEN_URL"
        log.warning("listening_failed", channel=CHANNEL, remedy=remedy, poll_seconds=RELAYED_WAKE_SECONDS)
    else:
        with translated():
            await connection.add_listener(CHANNEL, ring)
    return connection, lost


async def _stay(connection: "asyncpg.Connection[asyncpg.Record]", lost: anyio.Event) -> None:
    """Returns when the connection is gone, also when it died without saying so."""
    while not lost.is_set():
        with anyio.move_on_after(PING_SECONDS):
            await lost.wait()
            return
        try:
            await ping(connection, PING_DEADLINE_SECONDS)
        except StoreUnavailableError:
            return


async def _wake_regularly(lost: anyio.Event, wake: Callable[[], None]) -> None:
    """Returns when the connection is gone."""
    while not lost.is_set():
        with anyio.move_on_after(RELAYED_WAKE_SECONDS):
            await lost.wait()
        wake()


async def _listening_again(
    database_url: str, wake: Callable[[], None]
) -> tuple["asyncpg.Connection[asyncpg.Record]", anyio.Event]:
    backoff = FIRST_BACKOFF_SECONDS
    while True:
        try:
            return await _listening(database_url, wake)
        except StoreUnavailableError as error:
            log.warning("listener_lost", channel=CHANNEL, error=str(error), retry_in_seconds=backoff)
        await anyio.sleep(backoff)
        backoff = min(backoff * 2, LONGEST_BACKOFF_SECONDS)
