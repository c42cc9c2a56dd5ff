"""Measures whether tables stay fast when they are old, beside a fresh database in the same run.

    .venv/bin/python bench/aged.py [--events 100000,1000000,10000000] [--seconds 5] [--smoke]

A slow command: it fills the tables first, with so many events, and with a tenth of that of requests and of ticks. In a
fresh database and in each of these: the latency at 50 events/s, a backlog drained, `status`. In old ones also a page of
a backlog read from several positions through several filters, and the latency while old rows are removed, with what a
removed event costs.
"""

import asyncio
import statistics
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import asyncpg
import processes
import server
from backlog import write_backlog
from contenders import DRAWN, READY_SECONDS, Contender, runbell, wait_answered, wait_until
from drain import rate_of
from figures import Figures
from latency import Sample, measure_one
from options import parser_of
from tables import print_setting, print_table

from runbell.core.pushing import named
from runbell.core.retention import DAY_SECONDS, Retention, pause_after
from runbell.store.overview import read_sensor_states
from runbell.store.retention import sweep
from runbell.store.statements import statement

RATE = 50.0
PAGES = 5
DRAIN_SECONDS = 300.0
STEP = 1_000_000
# As transactions of this cluster, which has begun a moment ago: those that it can have had.
FILL_EVENTS = """
INSERT INTO runbell.run_events (event_id, xid, source, run_id, job_name, status, native_status, tags, recorded_at)
SELECT
    n, (3 + n::bigint * 700 / {all})::text::xid8, 'old', 'old-' || n, 'job_' || n % 100, s.status, s.status,
    '{{"team": "data", "dagster/partition": "2026-01-01"}}',
    now() - interval '60 days' + n * interval '1 day' * 59 / {all}
FROM generate_series({first}, {last}) AS n
CROSS JOIN LATERAL (SELECT CASE n % 4 WHEN 0 THEN 'FAILURE' ELSE 'SUCCESS' END AS status) AS s
"""
FILL_RUNS = """
INSERT INTO runbell.runs (source, run_id, job_name, status, updated_at, ended_at)
SELECT 'old', 'old-' || n, 'job_' || n % 100, 'SUCCESS', now() - interval '60 days', now() - interval '60 days'
FROM generate_series(1, {count}) AS n
"""
FILL_REQUESTS = """
INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name, state, run_id, requested_at)
SELECT 'old', n, 0, 'old', 'follow_up', 'launched', 'led-' || n, now() - interval '60 days'
FROM generate_series(1, {count}) AS n
"""
FILL_TICKS = """
INSERT INTO runbell.ticks (sensor_name, first_event_id, last_event_id, requested, acted, skipped, failed, settled_at)
SELECT 'old', n, n, 1, 0, 0, 0, now() - interval '60 days' FROM generate_series(1, {count}) AS n
"""
INDEXES = """
SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index AS i
WHERE i.indrelid = 'runbell.run_events'::regclass AND NOT i.indisprimary
"""
PLACES = {"the beginning": 0.0, "the middle": 0.5, "the end": 0.98}
FILTERS = {
    "no filter": (None, None),
    "one of 100 jobs": (["SUCCESS"], ["job_7"]),
    "no such job": (["SUCCESS"], ["none"]),
}
MOMENTS = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(q.xmin))::float8, count(*)
FROM runbell.run_requests AS q WHERE q.request_id > $1 GROUP BY 1 ORDER BY 1
"""
Rows = list[tuple[str, str, float]]
FRESH = "fresh"


def main() -> None:
    parser = parser_of(__doc__, rounds=1)
    parser.add_argument("--events", default="100000,1000000,10000000", help="in the tables, with commas between them")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--drained", type=int, default=20_000, help="events of the backlog that comes on top")
    options = parser.parse_args()
    if options.smoke:
        options.events, options.seconds, options.drained = "50000", 0.5, 5_000
    sizes = [int(events) for events in options.events.split(",")]
    _report(asyncio.run(_measure(sizes, options.seconds, options.drained)), options.out)


async def _measure(sizes: list[int], seconds: float, drained: int) -> Rows:
    with server.durable_server() as postgres, tempfile.TemporaryDirectory() as folder:
        print_setting(await server.settings_of(postgres))
        await server.migrate_template(postgres)
        log = Path(folder) / "log"
        async with server.fresh_database(postgres, FRESH) as url:
            rows = await _live(FRESH, url, log, seconds, drained)
        for events in sizes:
            async with server.fresh_database(postgres, f"aged_{events}") as url:
                await _fill(url, events)
                print(f"filled with {events:,} events\n", flush=True)
                name = f"{events:,} events"
                rows += await _live(name, url, log, seconds, drained) + await _pages(name, url)
                rows += await _removed(name, url, log, seconds)
    return rows


async def _fill(url: str, events: int) -> None:
    quick = {"maintenance_work_mem": "512MB", "synchronous_commit": "off"}
    session = await asyncpg.connect(url, server_settings=quick)
    await session.execute("ALTER TABLE runbell.run_events DISABLE TRIGGER stamp_run_event")
    indexes = await session.fetch(INDEXES)
    for name, _ in indexes:
        await session.execute(f"DROP INDEX {name}")
    for first in range(1, events + 1, STEP):
        last = min(first + STEP - 1, events)
        await session.execute(FILL_EVENTS.format(all=events, first=first, last=last))
    for _, definition in indexes:
        await session.execute(definition)
    for fill in (FILL_RUNS, FILL_REQUESTS, FILL_TICKS):
        await session.execute(fill.format(count=events // 10))
    await session.execute("ALTER TABLE runbell.run_events ENABLE ALWAYS TRIGGER stamp_run_event")
    newest = await session.fetchval("SELECT max(event_id) FROM runbell.run_events")
    await session.execute("SELECT setval('runbell.run_events_event_id_seq', $1)", newest)
    await session.execute("VACUUM (ANALYZE) runbell.run_events, runbell.runs, runbell.run_requests, runbell.ticks")
    await session.execute("CHECKPOINT")
    await session.close()


async def _live(name: str, url: str, log: Path, seconds: float, drained: int) -> Rows:
    """What events cost that come now."""
    contender = runbell("warning")
    session = await asyncpg.connect(url)
    sample = await _latency(contender, url, session, log, seconds)
    await wait_until(session, f"SELECT NOT ({contender.ready})", seconds=READY_SECONDS)
    above = await session.fetchval(DRAWN)
    await write_backlog(session, drained)
    async with contender.serving(url, session, log) as pid:
        await wait_answered(session, drained, above=above, seconds=DRAIN_SECONDS)
        peak = processes.peak_mb(pid)
    moments = await session.fetch(MOMENTS, above)
    began = time.perf_counter()
    await read_sensor_states(session)
    status = time.perf_counter() - began
    await session.close()
    rows = [("latency p50, ms", sample.p50), ("latency p99, ms", sample.p99)]
    rows += [("backlog, events/s", rate_of([tuple(row) for row in moments])), ("peak MB", peak)]
    return [(name, what, value) for what, value in [*rows, ("status, ms", status * 1000)]]


async def _latency(contender: Contender, url: str, session: asyncpg.Connection, log: Path, seconds: float) -> Sample:
    async with contender.serving(url, session, log) as pid:
        ((_, sample),) = await measure_one(contender, url, session, pid, [RATE], seconds)
    return sample


async def _pages(aged: str, url: str) -> Rows:
    """A page of 1,000 events read from anywhere, through any filter; the median of a few, in milliseconds."""
    session = await asyncpg.connect(url)
    rows: Rows = []
    for at, part in PLACES.items():
        xid = 3 + int(700 * part)
        for name, (statuses, jobs) in FILTERS.items():
            took = []
            for _ in range(PAGES):
                began = time.perf_counter()
                await session.fetch(
                    statement("read_events"), f"{xid}:{xid}:", None, 0, 0, statuses, named(jobs), 1000, None
                )
                took.append((time.perf_counter() - began) * 1000)
            rows.append((aged, f"a page from {at}, {name}, ms", statistics.median(took)))
    await session.close()
    return rows


async def _removed(name: str, url: str, log: Path, seconds: float) -> Rows:
    """The latency while old rows are removed at the daemon's pace, and what a removed event costs."""
    retention = Retention(events=30 * DAY_SECONDS)
    session, sweeping = await asyncpg.connect(url), await asyncpg.connect(url)
    took: list[tuple[float, int]] = []

    async def sweep_slowly() -> None:
        after = None
        while True:
            began = time.perf_counter()
            swept = await sweep(sweeping, "events", retention, after)
            took.append((time.perf_counter() - began, swept.removed))
            after = swept.after
            await asyncio.sleep(pause_after(took[-1][0]))

    with suppress(asyncio.CancelledError):
        async with asyncio.TaskGroup() as tasks:
            sweeper = tasks.create_task(sweep_slowly())
            sample = await _latency(runbell("warning"), url, session, log, seconds)
            sweeper.cancel()
    removed = sum(count for _, count in took) or 1
    sweeping.terminate()
    await session.close()
    return [
        (name, "latency p50 beside retention, ms", sample.p50),
        (name, "latency p99 beside retention, ms", sample.p99),
        (name, "events removed", float(removed)),
        (name, "removing an event, us", sum(one for one, _ in took) * 1e6 / removed),
        (name, "the longest statement of retention, ms", max(one for one, _ in took) * 1000),
    ]


def _report(rows: Rows, out: Path | None) -> None:
    names = list(dict.fromkeys(name for name, _, _ in rows))
    known = {(name, what): value for name, what, value in rows}
    cells = [
        [what, *(f"{known[name, what]:,.2f}" if (name, what) in known else "" for name in names)]
        for what in dict.fromkeys(what for _, what, _ in rows)
    ]
    print_table("A fresh database, and tables that hold so many events", ["", *names], cells)
    figures = Figures("aged")
    for name, what, value in rows:
        figures.add(what, name, values=[value])
    figures.write(out)


if __name__ == "__main__":
    main()
