"""Measures whether a sensor that is far behind slows those that are not.

    .venv/bin/python bench/fairness.py [--rounds 3] [--events 1000000] [--rate 50] [--seconds 5] [--smoke]

One sensor requests a run for each status change as it comes; another has so many events of another job behind it, and
catches up meanwhile. Each round measures the first without and with the second one's backlog, in alternating order.
"""

import argparse
import asyncio
import tempfile
from collections import defaultdict
from pathlib import Path

import asyncpg
import server
from backlog import write_backlog
from contenders import READY_SECONDS, TICKS, runbell, wait_until
from figures import Figures
from latency import Sample, measure_one
from options import parser_of
from tables import print_setting, print_table, spread

Samples = dict[str, list[tuple[Sample, int]]]


def main() -> None:
    parser = parser_of(__doc__, rounds=3)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    if options.smoke:
        options.rounds, options.events, options.seconds = 1, 20_000, 0.5
    _report(asyncio.run(_measure(options)), options)


async def _measure(options: argparse.Namespace) -> Samples:
    samples: Samples = defaultdict(list)
    cases = {"alone": 0, f"beside {options.events:,} events behind": options.events}
    with server.durable_server() as postgres, tempfile.TemporaryDirectory() as folder:
        print_setting(await server.settings_of(postgres))
        await server.migrate_template(postgres)
        for number in range(options.rounds):
            for name in list(cases) if number % 2 == 0 else reversed(cases):
                async with server.fresh_database(postgres, f"round_{number}") as url:
                    samples[name].append(await _round(url, Path(folder) / "log", cases[name], options))
    return samples


async def _round(url: str, log: Path, behind: int, options: argparse.Namespace) -> tuple[Sample, int]:
    """The latency of the one, and how many events of the other were still behind when it had been measured."""
    contender = runbell("warning", sensors=2, matching=1)
    session = await asyncpg.connect(url)
    async with contender.serving(url, session, log):
        pass
    await wait_until(session, f"SELECT NOT ({contender.ready})", seconds=READY_SECONDS)
    if behind:
        await write_backlog(session, behind, job="other_1")
    async with contender.serving(url, session, log) as pid:
        ((_, sample),) = await measure_one(contender, url, session, pid, [options.rate], options.seconds)
        done = sum(row[1] for row in await session.fetch(TICKS))
    await session.close()
    return sample, max(behind - done, 0)


def _report(samples: Samples, options: argparse.Namespace) -> None:
    figures = Figures("fairness")
    rows: list[list[str]] = []
    for name, taken in samples.items():
        times = {time: [getattr(sample, time) for sample, _ in taken] for time in ("p50", "p95", "p99", "most")}
        rows.append([name, *(spread(values) for values in times.values()), spread([left for _, left in taken], 0)])
        for time, values in times.items():
            figures.add(name, f"{time} ms", values=values)
    header = ["", "p50", "p95", "p99", "max", "still behind at the end"]
    title = f"Status change committed -> run request committed at {options.rate:g} events/s, ms"
    print_table(f"{title}: median over the rounds (least to greatest)", header, rows)
    figures.write(options.out)


if __name__ == "__main__":
    main()
