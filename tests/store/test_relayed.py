"""Sessions behind a pooler, driven against a server directly: each statement is a transaction with its own settings."""

from collections.abc import AsyncIterator

import anyio
import asyncpg
import pytest

from runbell.core.errors import StatementAbortedError, StatementRefusedError, StoreUnavailableError
from runbell.store.connections import connect
from runbell.store.failures import translated
from runbell.store.relayed import BEGIN, KeptConnection, RelayedConnection, apply_settings, is_relayed, relayed

Session = asyncpg.Connection
WANTED = {"statement_timeout": "3s", "lock_timeout": "2s", "application_name": "runbell test", "jit": "off"}
STATE = "SELECT state FROM pg_stat_activity WHERE pid = $1"
SHOWN = "SELECT current_setting('statement_timeout') || ' ' || current_setting('application_name')"


@pytest.fixture
async def session(database_url: str) -> AsyncIterator[RelayedConnection]:
    made = await asyncpg.connect(database_url, statement_cache_size=0, connection_class=relayed(WANTED))
    yield made
    made.terminate()


async def test_a_direct_session_takes_its_settings(database_url: str) -> None:
    session = await connect(database_url, role="test", lock_timeout="1s")
    shown = {
        name: await session.fetchval(f"SHOW {name}")
        for name in ("application_name", "statement_timeout", "lock_timeout", "search_path", "transaction_timeout")
        if await session.fetchval("SELECT current_setting($1, true)", name) is not None
    }
    await session.close()

    assert not is_relayed(session)
    expected = {
        "application_name": "runbell test",
        "statement_timeout": "15s",
        "lock_timeout": "1s",
        "search_path": "pg_catalog, pg_temp",
        "transaction_timeout": "0",
    }
    assert shown == {name: expected[name] for name in shown}


async def test_another_backend_than_the_one_introduced_takes_nothing(connection: Session, database_url: str) -> None:
    class Introduced(KeptConnection):
        def get_server_pid(self) -> int:
            return super().get_server_pid() + 1

    session = await asyncpg.connect(database_url, connection_class=Introduced)
    taken = await session.takes(WANTED)
    shown = await session.fetchval(SHOWN)
    await session.close()

    assert not taken
    assert shown == await connection.fetchval(SHOWN)


async def test_each_statement_has_the_settings_and_the_session_none(session: RelayedConnection) -> None:
    assert is_relayed(session)
    assert await session.fetchval(SHOWN) == "3s runbell test"
    assert (await session.fetchrow(SHOWN))[0] == "3s runbell test"
    assert (await session.fetch(SHOWN))[0][0] == "3s runbell test"
    assert await session.execute("SELECT 1") == "SELECT 1"
    assert not session.is_in_transaction()
    assert await KeptConnection.fetchval(session, SHOWN) == "0 "


async def test_a_transaction_of_the_caller_has_the_settings_too(session: RelayedConnection) -> None:
    async with session.transaction():
        first = await session.fetchval("SELECT pg_current_xact_id()::text || current_setting('lock_timeout')")
        assert await session.fetchval("SELECT pg_current_xact_id()::text || current_setting('lock_timeout')") == first
    assert first.endswith("2s")


async def test_the_level_is_read_committed_whatever_the_server_says(database_url: str, connection: Session) -> None:
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    session = await asyncpg.connect(database_url, statement_cache_size=0, connection_class=relayed(WANTED))
    levels = [await session.fetchval("SHOW transaction_isolation")]
    async with session.transaction():
        levels.append(await session.fetchval("SHOW transaction_isolation"))
    await session.close()

    assert BEGIN.endswith("READ COMMITTED")
    assert levels == ["read committed", "read committed"]


async def test_settings_are_taken_however_short_the_time_that_the_database_gives(
    database_url: str, connection: Session
) -> None:
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {name} SET statement_timeout = '1ms'")
    slow = "CREATE FUNCTION slow() RETURNS boolean LANGUAGE sql AS 'SELECT pg_sleep(0.05) IS NOT NULL'"
    await connection.execute(slow)
    for kind, level in ((KeptConnection, "false"), (relayed(WANTED), "true")):
        session = await asyncpg.connect(database_url, statement_cache_size=0, connection_class=kind)
        text = apply_settings(WANTED, backend=session.get_server_pid() if level == "false" else None)
        await KeptConnection.execute(session, f"{text} AND public.slow()")
        await session.close()


async def test_nothing_is_prepared_and_no_setting_is_left(session: RelayedConnection) -> None:
    # The driver looks up what an array of bigint is, with `jit` switched off for the session.
    assert await session.fetchval("SELECT cardinality($1::bigint[])", [1, 2]) == 2
    prepared = await session.fetchval("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''")
    left = "SELECT array_agg(name) FROM pg_settings WHERE source = 'session' AND name <> 'client_encoding'"

    assert prepared == 0
    assert await KeptConnection.fetchval(session, left) is None


async def test_what_fails_is_rolled_back_and_the_session_goes_on(session: RelayedConnection) -> None:
    with pytest.raises(StatementRefusedError, match="division by zero"), translated():
        await session.fetchval("SELECT 1 / $1::int", 0)
    assert not session.is_in_transaction()
    with pytest.raises(StatementAbortedError, match="statement timeout"), translated():
        await session.execute("SELECT pg_sleep(10)")
    assert await session.fetchval("SELECT 1") == 1


async def test_what_is_cancelled_leaves_no_transaction_open(session: RelayedConnection, connection: Session) -> None:
    pid = await session.fetchval("SELECT pg_backend_pid()")
    with anyio.move_on_after(0.1):
        await session.fetchval("SELECT pg_sleep(2)")

    assert session.is_closed()
    with anyio.fail_after(5):
        while await connection.fetchval(STATE, pid) is not None:
            await anyio.sleep(0.01)


async def test_a_session_that_is_lost_says_so_as_any_other(session: RelayedConnection, connection: Session) -> None:
    pid = await session.fetchval("SELECT pg_backend_pid()")
    await connection.execute(f"SELECT pg_terminate_backend({pid})")

    with pytest.raises(StoreUnavailableError), translated():
        await session.fetchval("SELECT 1")
    assert session.is_closed()
