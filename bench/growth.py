"""Measures whether tables, memory or latency grow while events come for long, beside a transaction that stays open.

    .venv/bin/python bench/growth.py [--minutes 60] [--rate 500] [--closed] [--smoke]

A slow command. Nobody launches what is requested, so all of it stays open. The open transaction has an id and a
snapshot, so that vacuum can remove nothing that changes meanwhile; with `--closed` there is none. Looked at twelve
times: sizes and dead rows of the tables, the latency since the last look, the memory of the processes.
"""

import argparse
import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import processes
import server
from contenders import HERE, RECORD, runbell
from figures import Figures
from options import parser_of
from tables import percentile, print_setting, print_table

LOOKS = 12
# Those whose rows change; the others hold what is recorded, and grow by it.
HOT = ("sensors", "daemons", "evaluations")
SIZES = """
    SELECT c.relname, pg_total_relation_size(c.oid) / 1024.0 AS kb, coalesce(s.n_dead_tup, 0) AS dead
    FROM pg_class AS c LEFT JOIN pg_stat_user_tables AS s ON s.relid = c.oid
    WHERE c.relnamespace = 'runbell'::regnamespace AND c.relname = ANY ($1::text[])
"""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at one moment."""

    minutes: float
    kb: dict[str, float]
    dead: dict[str, int]
    p50: float
    p99: float
    resident_mb: float
    tail: int


def main() -> None:
    parser = parser_of(__doc__, rounds=1)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--closed", action="store_true", help="without the open transaction")
    options = parser.parse_args()
    if options.smoke:
        options.minutes, options.rate = 0.1, 100
    _report(asyncio.run(_measure(options)), options)


async def _measure(options: argparse.Namespace) -> list[Look]:
    with server.durable_server() as postgres, tempfile.TemporaryDirectory() as folder:
        print_setting(await server.settings_of(postgres))
        await server.migrate_template(postgres)
        async with server.fresh_database(postgres, "growth") as url, AsyncExitStack() as stack:
            session = await asyncpg.connect(url)
            contender = runbell("warning")
            pid = await stack.enter_async_context(contender.serving(url, session, Path(folder) / "log"))
            other = await asyncpg.connect(url)
            if not options.closed:
                await stack.enter_async_context(other.transaction(isolation="repeatable_read"))
                await other.execute("SELECT pg_current_xact_id()")
            count = int(options.minutes * 60 * options.rate)
            arguments = (str(HERE / "writer.py"), url, RECORD, str(options.rate), str(count), "1")
            writer = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.DEVNULL)
            looks = [await _look(session, pid, 0.0, 0)]
            for number in range(1, LOOKS + 1):
                await asyncio.sleep(options.minutes * 60 / LOOKS)
                looks.append(await _look(session, pid, number * options.minutes / LOOKS, looks[-1].tail))
            await writer.wait()
    return looks


async def _look(session: asyncpg.Connection, pid: int, minutes: float, after: int) -> Look:
    rows = await session.fetch(SIZES, [*HOT, "runs", "run_events", "run_requests", "ticks"])
    latencies = [
        row[0] * 1000
        for row in await session.fetch(
            """
            SELECT extract(epoch FROM pg_xact_commit_timestamp(q.xmin) - pg_xact_commit_timestamp(e.xmin))::float8
            FROM runbell.run_requests AS q JOIN runbell.run_events AS e USING (event_id)
            WHERE e.event_id > $1
            """,
            after,
        )
    ]
    return Look(
        minutes,
        {row["relname"]: float(row["kb"]) for row in rows},
        {row["relname"]: row["dead"] for row in rows},
        percentile(latencies, 0.5) if latencies else 0.0,
        percentile(latencies, 0.99) if latencies else 0.0,
        processes.resident_mb(pid)[0],
        await session.fetchval("SELECT coalesce(max(event_id), 0) FROM runbell.run_events"),
    )


def _report(looks: list[Look], options: argparse.Namespace) -> None:
    beside = "no open transaction" if options.closed else "an open transaction"
    header = ["minutes", "events", "p50 ms", "p99 ms", "resident MB"]
    header += [f"{table} kB (dead rows)" for table in HOT] + ["all else, bytes an event"]
    rows: list[list[str]] = []
    for look in looks:
        rest = sum(kb for table, kb in look.kb.items() if table not in HOT)
        row = [f"{look.minutes:.1f}", f"{look.tail:,}", f"{look.p50:.2f}", f"{look.p99:.2f}", f"{look.resident_mb:.0f}"]
        row += [f"{look.kb[table]:,.0f} ({look.dead[table]:,})" for table in HOT]
        rows.append([*row, f"{rest * 1024 / look.tail:,.0f}" if look.tail else ""])
    print_table(f"{options.rate:g} events/s beside {beside}", header, rows)
    figures = Figures("growth")
    figures.add(beside, "minutes", values=[look.minutes for look in looks])
    figures.add(beside, "p50 ms", values=[look.p50 for look in looks])
    for table in HOT:
        figures.add(beside, table, "kB", values=[look.kb[table] for look in looks])
    figures.write(options.out)


if __name__ == "__main__":
    main()
