"""Measures a backtest over a long history, and shows that it wrote nothing.

    .venv/bin/python bench/backtest.py [--events 100000] [--smoke]

One sensor requests a run for each event, once written `async def` and once plain. Its events and what was requested for
them are recorded; a tenth of the requests was made for other keys than it makes today. Whether anything was written is
told by the rows of every table and by how many the server says were ever inserted, updated or deleted.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import asyncpg
import server
from tables import print_setting, print_table

SENSORS = """
import runbell


@runbell.run_status_sensor(run_status="SUCCESS", request_job="next")
async def waits(context):
    return runbell.RunRequest(run_key=context.dagster_run.run_id)


@runbell.run_status_sensor(run_status="SUCCESS", request_job="next")
def plain(context):
    return runbell.RunRequest(run_key=context.dagster_run.run_id)
"""
RECORD = """
INSERT INTO runbell.run_events (source, run_id, job_name, status, native_status)
SELECT 'sql', 'r' || n, 'job_' || n % 100, 'SUCCESS', 'SUCCESS' FROM generate_series(1, $1::integer) AS n
"""
REQUEST = """
INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name, run_key)
SELECT s.name, e.event_id, 0, 'sql', 'next', CASE WHEN e.event_id % 10 = 0 THEN 'other ' ELSE '' END || e.run_id
FROM runbell.run_events AS e
CROSS JOIN unnest(ARRAY['waits', 'plain']) AS s (name)
"""
TABLES = ("run_events", "runs", "sensors", "ticks", "evaluations", "run_requests", "run_keys", "daemons")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--smoke", action="store_true", help="2,000 events: does it run?")
    options = parser.parse_args()
    asyncio.run(_measure(2_000 if options.smoke else options.events))


async def _measure(events: int) -> None:
    rows = []
    with server.durable_server() as postgres, tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "sensors.py").write_text(SENSORS)
        print_setting(await server.settings_of(postgres))
        await server.migrate_template(postgres)
        async with server.fresh_database(postgres, "history") as url:
            session = await asyncpg.connect(url)
            await session.execute(RECORD, events)
            await session.execute(REQUEST)
            await session.execute("VACUUM FREEZE ANALYZE")
            for sensor in ("waits", "plain"):
                before = await _written(session)
                found = _backtest(url, folder, sensor)
                wrote = await _written(session) != before
                figures = [f"{found[name]:,}" for name in ("events", "same", "added", "missing")]
                rate = found["events"] / found["seconds"]
                rows.append([sensor, *figures, f"{found['seconds']:.1f}", f"{rate:,.0f}", "yes" if wrote else "no"])
            await session.close()
    header = ["sensor", "events", "same", "new", "missing", "seconds", "events/s", "wrote"]
    print_table("backtest", header, rows)


def _backtest(url: str, folder: str, sensor: str) -> dict[str, float]:
    command = [sys.executable, "-m", "runbell", "backtest", sensor, "--since", "1d", "--json", "--limit", "0"]
    done = subprocess.run(
        [*command, "--database-url", url], cwd=folder, capture_output=True, text=True, check=True, timeout=600
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


async def _written(session: "asyncpg.Connection[asyncpg.Record]") -> list[object]:
    """The rows of every table, and how many were ever written to any."""
    counts = [await session.fetchval(f"SELECT count(*) FROM runbell.{table}") for table in TABLES]
    await session.execute("SELECT pg_stat_force_next_flush()")
    changed = await session.fetchval("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables")
    return [*counts, changed]


if __name__ == "__main__":
    main()
