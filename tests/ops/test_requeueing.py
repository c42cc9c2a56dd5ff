"""`runbell requests retry|cancel`: what can still be changed, and what a launcher may already be starting."""

from typing import Any, TypeAlias

import asyncpg
import pytest

from support.commands import command

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def ask_for(session: Session, state: str, sensor: str = "chain", **columns: Any) -> int:
    """A request in this state; its id."""
    request_id: int = await session.fetchval(
        """
        INSERT INTO runbell.run_requests
            (sensor_name, event_id, ordinal, target, job_name, state, attempts, claimed_by, claimed_until, error)
        VALUES ($1, 1, (SELECT count(*) FROM runbell.run_requests), 'sql', 'j', $2, 3, 'launcher',
            clock_timestamp() + make_interval(secs => $3), 'boom')
        RETURNING request_id
        """,
        sensor,
        state,
        float(columns.get("held", 60)),
    )
    return request_id


async def states(session: Session) -> dict[int, str]:
    rows = await session.fetch("SELECT request_id, state FROM runbell.run_requests ORDER BY request_id")
    return {row["request_id"]: row["state"] for row in rows}


async def test_failed_and_canceled_ones_can_be_claimed_again(database_url: str, connection: Session) -> None:
    failed, canceled = await ask_for(connection, "failed"), await ask_for(connection, "canceled")
    launched = await ask_for(connection, "launched")
    rung: list[str] = []
    await connection.add_listener("runbell_requests", lambda *_: rung.append("rung"))

    told = await command(database_url, "requests", "retry", "--all", "--yes")

    assert (told.code, told.stdout) == (0, "retried 2\n")
    assert await states(connection) == {failed: "pending", canceled: "pending", launched: "launched"}
    claimed = await connection.fetch("SELECT request_id, attempts, error FROM runbell.claim_run_requests('me', 9)")
    assert [tuple(row) for row in claimed] == [(failed, 4, None), (canceled, 4, None)]
    assert rung


async def test_one_that_was_canceled_while_a_launcher_had_it_wait_is_due_at_once(
    database_url: str, connection: Session
) -> None:
    waiting = await ask_for(connection, "claimed")
    assert await connection.fetchval("SELECT runbell.fail_run_request($1, 3, 'busy', '1 hour')", waiting)

    await command(database_url, "requests", "cancel", str(waiting), "--yes")
    await command(database_url, "requests", "retry", str(waiting), "--yes")

    assert await connection.fetchval("SELECT request_id FROM runbell.claim_run_requests('me')") == waiting


async def test_what_nobody_holds_is_canceled_and_can_be_claimed_no_more(database_url: str, connection: Session) -> None:
    pending, other = await ask_for(connection, "pending"), await ask_for(connection, "pending", "other")
    held, run_out = await ask_for(connection, "claimed"), await ask_for(connection, "claimed", held=-1)

    told = await command(database_url, "requests", "cancel", "--sensor", "chain", "--yes")

    assert (told.code, told.stdout) == (0, "canceled 2\n")
    assert await states(connection) == {pending: "canceled", other: "pending", held: "claimed", run_out: "canceled"}
    assert not await connection.fetchval("SELECT runbell.complete_run_request($1, 3, 'run')", run_out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("cancel", "1", "--yes"), "request 1 is claimed by 'launcher', which may be starting its run at this moment"),
        (("cancel", "2", "--yes"), "request 2 is launched: only what is pending or claimed can be canceled"),
        (("retry", "3", "--yes"), "request 3 is pending: only what is failed or canceled can be retried"),
        (("retry", "77", "--yes"), "there is no request 77"),
        (("cancel",), "say which: ids as `runbell requests list` shows them, --sensor NAME, or --all"),
        (("cancel", "--sensor", "chian", "--yes"), "there is no sensor 'chian'"),
        (("retry", "--sensor", "chian", "--yes"), "there is no sensor 'chian'"),
        (("cancel", "3", "--all"), "say which in one way only"),
        (("cancel", "3"), "cancel 1 request (chain 1): nothing was done, since there is no terminal to ask on"),
    ],
)
async def test_what_cannot_be_done_is_one_sentence(
    database_url: str, connection: Session, arguments: tuple[str, ...], said: str
) -> None:
    for state in ("claimed", "launched", "pending"):
        await ask_for(connection, state)
    before = await states(connection)

    done = await command(database_url, "requests", *arguments)

    assert (done.code, done.stdout) == (2, "")
    assert said in done.stderr
    assert await states(connection) == before


async def test_where_there_is_nothing_that_is_said(database_url: str) -> None:
    told = await command(database_url, "requests", "retry", "--all", "--yes")

    assert (told.code, told.stdout) == (0, "no requests that can be retried\n")
