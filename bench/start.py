"""Measures starting: `import runbell`, and from the start of the process until `serve` answers events.

    .venv/bin/python bench/start.py [--rounds 5] [--sensors 1,100,1000] [--smoke]

Ready is when /readyz says so. First: no sensor is known to the database yet. Again: all are.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import defaultdict
from pathlib import Path

import processes
import server
from contenders import runbell
from figures import Figures
from options import numbers, parser_of
from tables import print_setting, print_table, spread

from support.postgres import free_port

READY_SECONDS = 60.0
Samples = dict[str, list[float]]


def main() -> None:
    parser = parser_of(__doc__, rounds=5)
    parser.add_argument("--sensors", type=numbers, default=[1, 100, 1000])
    options = parser.parse_args()
    if options.smoke:
        options.rounds, options.sensors = 1, [1, 100]
    _report(asyncio.run(_measure(options)), options)


async def _measure(options: argparse.Namespace) -> Samples:
    samples: Samples = defaultdict(list)
    with server.durable_server() as postgres, tempfile.TemporaryDirectory() as folder:
        print_setting(await server.settings_of(postgres))
        await server.migrate_template(postgres)
        for number in range(options.rounds):
            samples["import runbell"].append(_import("import runbell") - _import("pass"))
            for count in options.sensors:
                async with server.fresh_database(postgres, f"round_{number}") as url:
                    for time_of in ("first", "again"):
                        took = await _start(url, count, Path(folder) / "log")
                        samples[f"serve, {count:,} sensors, {time_of}"].append(took)
    return samples


def _import(statement: str) -> float:
    """The median of a few: a process takes 10 ms to start, give or take one."""
    took = []
    for _ in range(7):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        took.append(time.perf_counter() - began)
    return statistics.median(took)


async def _start(url: str, sensors: int, log: Path) -> float:
    port = free_port()
    contender = runbell("info", kind="nothing", sensors=sensors, http_port=port, http_host="127.0.0.1")
    began = time.perf_counter()
    async with processes.running(contender.command, {**contender.variables, "RUNBELL_DATABASE_URL": url}, log):
        while not await asyncio.to_thread(_is_ready, port):
            if time.perf_counter() > began + READY_SECONDS:
                raise TimeoutError(f"not ready: see {log}")
            await asyncio.sleep(0.005)
        return time.perf_counter() - began


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _report(samples: Samples, options: argparse.Namespace) -> None:
    figures = Figures("start")
    for case, taken in samples.items():
        figures.add(case, "s", values=taken)
    rows = [[case, spread(taken, 3)] for case, taken in samples.items()]
    print_table("Seconds: median over the rounds (least to greatest)", ["", "s"], rows)
    figures.write(options.out)


if __name__ == "__main__":
    main()
