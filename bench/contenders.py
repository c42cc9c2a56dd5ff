"""What is compared: `runbell serve` as it is deployed, the bare loop, and others' queues (`queues.py`). All are
processes, timed in the same way.

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
import stripped

HERE = Path(__file__).resolve().parent
# Records the status change of run $1, as any orchestrator would.
RECORD = "SELECT runbell.record_run_status($1, 'a_job', 'SUCCESS')"
READY_SECONDS = 60.0
SERVE = (sys.executable, "-m", "runbell", "serve")
LEASED = "SELECT count(*) >= {count} FROM runbell.sensors WHERE lease_holder IS NOT NULL"
Session = asyncpg.Connection


# Which moments its answers were committed at; see Contender.settled.
REQUESTS = """
    SELECT extract(epoch FROM pg_xact_commit_timestamp(q.xmin))::float8, count(*)
    FROM runbell.run_requests AS q
    GROUP BY 1
"""
TICKS = """
    SELECT
        extract(epoch FROM pg_xact_commit_timestamp(t.xmin))::float8,
        sum(t.requested + t.acted + t.skipped + t.failed)::bigint
    FROM runbell.ticks AS t
    GROUP BY 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One way of answering status changes.

    Attributes:
        ready: SQL that tells whether it has begun.
        install: a command that makes what it needs in a migrated database, before `prepare`.
        prepare: SQL that makes what it needs there.
        settled: SQL for what it has settled: the moment of each commit, in seconds since 1970, and how many events of
            how many sensors that commit settled.
    """

    name: str
    command: tuple[str, ...]
    ready: str
    install: tuple[str, ...] = ()
    prepare: str = "SELECT"
    settled: str = REQUESTS
    variables: dict[str, str] = field(default_factory=dict)

    async def set_up(self, url: str, session: Session) -> None:
        """Make what it needs in the migrated database that the session is connected to."""
        if self.install:
            command = [part.format(url=url) for part in self.install]
            maker = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
            if await maker.wait():
                raise RuntimeError(f"{self.name} could not be installed: {command}")
        await session.execute(self.prepare)

    async def progress(self, session: Session) -> list[tuple[float, int]]:
        """What it has settled, by moment."""
        return sorted(tuple(row) for row in await session.fetch(self.settled))

    @asynccontextmanager
    async def serving(self, url: str, session: Session, log: Path) -> AsyncIterator[int]:
        """Started, and answering; gives its process id."""
        command = [part.format(url=url) for part in self.command]
        async with processes.running(command, {**self.variables, "RUNBELL_DATABASE_URL": url}, log) as process:
            await wait_until(session, self.ready, seconds=READY_SECONDS)
            yield process.pid

    async def commits(self, session: Session, after: int = 0) -> list[tuple[int, float, float]]:
        """For each event above an id, of the job that is answered: its id and both commits' moments, since 1970.

        Raises:
            RuntimeError: an event has no request, or more than one.
        """
        rows = await session.fetch(
            """
            SELECT
                e.event_id,
                extract(epoch FROM pg_xact_commit_timestamp(e.xmin))::float8,
                extract(epoch FROM pg_xact_commit_timestamp(q.xmin))::float8
            FROM runbell.run_events AS e
            LEFT JOIN runbell.run_requests AS q ON q.event_id = e.event_id
            WHERE e.event_id > $1 AND e.job_name = 'a_job'
            ORDER BY e.event_id
        """,
            after,
        )
        found = [tuple(row) for row in rows]
        if len({row[0] for row in found}) < len(found) or any(row[2] is None for row in found):
            raise RuntimeError(f"{self.name} did not answer each event exactly once")
        return found


async def wait_until(session: Session, question: str, *, seconds: float) -> None:
    """Ask until the answer is true; TimeoutError when it is not in time."""
    async with asyncio.timeout(seconds):
        while not await session.fetchval(question):  # noqa: ASYNC110 - what is waited for lies in the database
            await asyncio.sleep(0.005)


DRAWN = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM runbell.run_requests_request_id_seq"


async def wait_answered(session: Session, count: int, *, above: int = 0, seconds: float) -> None:
    """Wait until so many events have been answered; asks in a way that costs the server next to nothing.

    `above`: the last request id that was drawn before.
    """
    await wait_until(session, f"SELECT ({DRAWN}) >= {above + count}", seconds=seconds)
    # Numbers are drawn before the commit.
    made = f"SELECT count(*) >= {count} FROM runbell.run_requests WHERE request_id > {above}"
    await wait_until(session, made, seconds=seconds)


async def wait_settled(contender: Contender, session: Session, count: int, *, seconds: float) -> None:
    """Wait until so many evaluations have been settled, whether they asked for a run or not."""
    async with asyncio.timeout(seconds):
        while sum(settled for _, settled in await contender.progress(session)) < count:  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.5)


def runbell(log_level: str, *, kind: str = "request", sensors: int = 1, **more: object) -> Contender:
    """The daemon, writing a log of this level to a file.

    Args:
        kind, sensors: what its sensors do, and how many there are; see `answering.py`.
        more: `matching` and `reaching` go to `answering.py`, all else are settings: `workers=2`.
    """
    told = {"sensors": sensors, "kind": kind, "matching": more.pop("matching", sensors)}
    told["reaching"] = more.pop("reaching", "all")
    return Contender(
        name=f"runbell, log level {log_level}",
        command=SERVE,
        variables={
            **{f"BENCH_{name.upper()}": str(value) for name, value in told.items()},
            "RUNBELL_SENSORS": str(HERE / "answering.py"),
            "RUNBELL_LOG_LEVEL": log_level,
            "RUNBELL_LOG_FORMAT": "json",
            **{f"RUNBELL_{name.upper()}": str(value) for name, value in more.items()},
        },
        settled=REQUESTS if kind == "request" else TICKS,
        ready=LEASED.format(count=sensors),
    )


def bare_loop(how: str) -> Contender:
    """The bare loop; `how` it writes: `many` or `once`."""
    names = {"many": "bare loop", "once": "bare loop, one statement"}
    return Contender(
        name=names[how],
        command=(sys.executable, str(HERE / "bare.py"), "{url}", how),
        prepare=bare.PREPARE,
        ready=listening(bare.READY),
    )


def own_statements() -> Contender:
    """The bare loop with Runbell's statements in place of its own."""
    return Contender(
        name="bare loop, statements of runbell",
        command=(sys.executable, str(HERE / "stripped.py"), "{url}"),
        prepare=stripped.PREPARE,
        ready=listening(stripped.READY),
    )


def listening(name: str) -> str:
    """SQL that tells whether a session of this name is there."""
    return f"""
        SELECT EXISTS (
            SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = '{name}'
        )
    """
