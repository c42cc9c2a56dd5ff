"""What is compared: `runbell serve` as it is deployed, and the bare loop. Both are processes, timed in the same way.

A commit's moment is the server's own: pg_xact_commit_timestamp of the transaction that wrote the row, taken just before
that commit is flushed. From an event's to its request's is the flush of the event, the way to whoever answers, and the
way back up to the second flush. Nobody has to watch, and no second clock is involved.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import bare
import processes

HERE = Path(__file__).resolve().parent
# Records the status change of run $1, as any orchestrator would.
RECORD = "SELECT runbell.record_run_status($1, 'a_job', 'SUCCESS')"
READY_SECONDS = 20.0
Session = asyncpg.Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One way of answering status changes.

    Attributes:
        ready: SQL that tells whether it has begun.
        prepare: SQL that makes what it needs in a migrated database.
    """

    name: str
    command: tuple[str, ...]
    ready: str
    prepare: str = "SELECT"
    variables: dict[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def serving(self, url: str, session: Session, log: Path) -> AsyncIterator[int]:
        """Started, and answering; gives its process id."""
        command = [part.format(url=url) for part in self.command]
        async with processes.running(command, {**self.variables, "RUNBELL_DATABASE_URL": url}, log) as process:
            await wait_until(session, self.ready, seconds=READY_SECONDS)
            yield process.pid

    async def commits(self, session: Session) -> list[tuple[int, float, float]]:
        """For each answered event its id and both commits' moments, in seconds since 1970.

        Raises:
            RuntimeError: an event has no request, or more than one.
        """
        rows = await session.fetch("""
            SELECT
                e.event_id,
                extract(epoch FROM pg_xact_commit_timestamp(e.xmin))::float8,
                extract(epoch FROM pg_xact_commit_timestamp(q.xmin))::float8
            FROM runbell.run_events AS e
            LEFT JOIN runbell.run_requests AS q ON q.event_id = e.event_id
            ORDER BY e.event_id
        """)
        found = [tuple(row) for row in rows]
        if len({row[0] for row in found}) < len(found) or any(row[2] is None for row in found):
            raise RuntimeError(f"{self.name} did not answer each event exactly once")
        return found


async def wait_until(session: Session, question: str, *, seconds: float) -> None:
    """Ask until the answer is true; TimeoutError when it is not in time."""
    async with asyncio.timeout(seconds):
        while not await session.fetchval(question):  # noqa: ASYNC110 - what is waited for lies in the database
            await asyncio.sleep(0.005)


async def wait_answered(session: Session, count: int, *, seconds: float) -> None:
    """Wait until so many events have been answered; asks in a way that costs the server next to nothing."""
    drawn = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM runbell.run_requests_request_id_seq"
    await wait_until(session, f"SELECT ({drawn}) >= {count}", seconds=seconds)
    # Numbers are drawn before the commit.
    await wait_until(session, f"SELECT count(*) >= {count} FROM runbell.run_requests", seconds=seconds)


def runbell(log_level: str) -> Contender:
    """The daemon, writing a log of this level to a file."""
    return Contender(
        name=f"runbell, log level {log_level}",
        command=(sys.executable, "-m", "runbell", "serve"),
        variables={
            "RUNBELL_SENSORS": str(HERE / "answering.py"),
            "RUNBELL_LOG_LEVEL": log_level,
            "RUNBELL_LOG_FORMAT": "json",
        },
        ready="SELECT EXISTS (SELECT FROM runbell.sensors WHERE lease_holder IS NOT NULL)",
    )


def bare_loop(how: str) -> Contender:
    """The bare loop; `how` it writes: `many` or `once`."""
    names = {"many": "bare loop", "once": "bare loop, one statement"}
    return Contender(
        name=names[how],
        command=(sys.executable, str(HERE / "bare.py"), "{url}", how),
        prepare=bare.PREPARE,
        ready=f"""
            SELECT EXISTS (
                SELECT FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = '{bare.READY}'
            )
        """,
    )
