"""Measures Dagster's own daemon at the same task, as it ships: a run succeeds -> the run that it requests exists.

    .venv/bin/python bench/dagster_daemon.py [--events 10] [--every 7]

A slow command: the daemon looks every 30 seconds. It needs the extra `dagster`. The runs are executed by Dagster;
those that are requested stay queued, so that only the sensor is measured.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import asyncpg
import processes
import server
from figures import Figures
from options import parser_of
from tables import percentile, print_setting, print_table

HERE = Path(__file__).resolve().parent
INSTANCE = """
storage:
  postgres:
    postgres_url: "{url}"
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
concurrency:
  runs:
    max_concurrent_runs: 0
telemetry:
  enabled: false
"""
EXECUTE = """
import dagster, dagster_defs
with dagster.DagsterInstance.get() as instance:
    dagster_defs.upstream.execute_in_process(instance=instance)
"""
ANSWERED = """
SELECT extract(epoch FROM q.create_timestamp - e."timestamp")::float8
FROM public.event_logs AS e
JOIN public.run_tags AS t ON t.key = 'dagster/run_key' AND t.value = e.run_id
JOIN public.runs AS q ON q.run_id = t.run_id
WHERE e.dagster_event_type = 'PIPELINE_SUCCESS'
"""
READY_SECONDS = 120.0
# Two rounds of its loop.
LAST_SECONDS = 65.0


def main() -> None:
    parser = parser_of(__doc__, rounds=1)
    parser.add_argument("--events", type=int, default=10)
    parser.add_argument("--every", type=float, default=7, help="seconds between them, which is no divisor of 30")
    options = parser.parse_args()
    if options.smoke:
        options.events, options.every = 1, 0
    _report(asyncio.run(_measure(options)), options)


async def _measure(options: argparse.Namespace) -> list[float]:
    with server.durable_server() as postgres, tempfile.TemporaryDirectory() as folder:
        print_setting(await server.settings_of(postgres))
        admin = await asyncpg.connect(postgres.admin_url)
        await admin.execute("CREATE DATABASE dagster")
        await admin.close()
        _write_instance(Path(folder), postgres.url("dagster"))
        variables = {"DAGSTER_HOME": folder, "PYTHONPATH": str(HERE)}
        command = [Path(sys.executable).parent / "dagster-daemon", "run", "-m", "dagster_defs"]
        _execute(variables)
        async with processes.running(list(map(str, command)), variables, Path(folder) / "log"):
            session = await asyncpg.connect(postgres.url("dagster"))
            await _wait(session, "SELECT count(*) FROM public.job_ticks", 1, READY_SECONDS)
            for _ in range(options.events):
                await asyncio.sleep(options.every)
                await asyncio.to_thread(_execute, variables)
            await _wait(session, f"SELECT count(*) FROM ({ANSWERED}) AS a", options.events, LAST_SECONDS)
            found = [row[0] for row in await session.fetch(ANSWERED)]
            await session.close()
    return found


def _write_instance(home: Path, url: str) -> None:
    (home / "dagster.yaml").write_text(INSTANCE.format(url=url))


def _execute(variables: dict[str, str]) -> None:
    subprocess.run([sys.executable, "-c", EXECUTE], env={**os.environ, **variables}, check=True, capture_output=True)


async def _wait(session: asyncpg.Connection, question: str, count: int, seconds: float) -> None:
    """Wait until there are so many, or until it is of no use to wait on: it answers five events a look at most."""
    end = time.monotonic() + seconds
    while await session.fetchval(question) < count and time.monotonic() < end:  # noqa: ASYNC110 - it is in the database
        await asyncio.sleep(0.5)


def _report(found: list[float], options: argparse.Namespace) -> None:
    figures = Figures("dagster")
    figures.add("run succeeded to run requested", "s", values=found)
    cells = [f"{percentile(found, part):.1f}" for part in (0.5, 0.95)] + [f"{max(found):.1f}"]
    title = "Dagster's daemon: a run succeeded -> the requested run exists, seconds"
    print_table(title, ["answered", "p50", "p95", "max"], [[f"{len(found)} of {options.events}", *cells]])
    figures.write(options.out)


if __name__ == "__main__":
    main()
