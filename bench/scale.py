"""Measures what more worker processes give: sensors that use the processor, and sensors that wait.

    .venv/bin/python bench/scale.py [--rounds 3] [--workers 1,2,4] [--sensors 8] [--seconds 5] [--smoke]

Each sensor has a job of its own and the same number of events behind it; the processor is used for 2 ms, or 10 ms are
waited for, sixteen at once. What a machine can give at most is its number of cores.
"""

import argparse
import asyncio
import tempfile
from collections import defaultdict
from pathlib import Path

import asyncpg
import server
from backlog import write_backlog
from contenders import READY_SECONDS, Contender, runbell, wait_settled, wait_until
from figures import Figures
from options import numbers, parser_of
from tables import print_setting, print_table, spread

DRAIN_SECONDS = 300.0
# About what one worker does in a second.
EVENTS_A_SECOND = {"burn": 400, "wait": 6_000}
DOES = {"burn": "2 ms of processor", "wait": "10 ms of waiting"}
Samples = dict[tuple[str, int], list[float]]


def main() -> None:
    parser = parser_of(__doc__, rounds=3)
    parser.add_argument("--workers", type=numbers, default=[1, 2, 4])
    parser.add_argument("--sensors", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5, help="of work for one worker")
    options = parser.parse_args()
    if options.smoke:
        options.rounds, options.seconds, options.workers = 1, 0.4, [1, 2]
    _report(asyncio.run(_measure(options)), options)


async def _measure(options: argparse.Namespace) -> Samples:
    samples: Samples = defaultdict(list)
    cases = [(kind, workers) for kind in EVENTS_A_SECOND for workers in options.workers]
    with server.durable_server() as postgres, tempfile.TemporaryDirectory() as folder:
        print_setting(await server.settings_of(postgres))
        await server.migrate_template(postgres)
        for number in range(options.rounds):
            for kind, workers in cases if number % 2 == 0 else cases[::-1]:
                contender = runbell("warning", kind=kind, sensors=options.sensors, reaching="next", workers=workers)
                each = int(EVENTS_A_SECOND[kind] * options.seconds / options.sensors)
                async with server.fresh_database(postgres, f"round_{number}") as url:
                    rate = await _drain(contender, url, Path(folder) / "log", options.sensors, each)
                    samples[kind, workers].append(rate)
    return samples


async def _drain(contender: Contender, url: str, log: Path, sensors: int, each: int) -> float:
    session = await asyncpg.connect(url)
    async with contender.serving(url, session, log):
        pass
    await wait_until(session, f"SELECT NOT ({contender.ready})", seconds=READY_SECONDS)
    # Interleaved: each worker's share lies all over the backlog.
    for number in range(sensors):
        await write_backlog(session, each, job=f"job_{number}", start=number * each + 1)
    async with contender.serving(url, session, log):
        began = await session.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
        await wait_settled(contender, session, each * sensors, seconds=DRAIN_SECONDS)
    # Not from the first commit: who is kept busy commits late.
    ended = (await contender.progress(session))[-1][0]
    await session.close()
    return each * sensors / (ended - began)


def _report(samples: Samples, options: argparse.Namespace) -> None:
    figures = Figures("scale")
    rows: list[list[str]] = []
    for (kind, workers), taken in samples.items():
        ratios = [rate / one for rate, one in zip(taken, samples[kind, options.workers[0]], strict=True)]
        rows.append([DOES[kind], str(workers), spread(taken, 0), spread(ratios)])
        figures.add(DOES[kind], f"{workers} workers", "events/s", values=taken)
    header = ["each event takes", "workers", "events/s", f"ratio to {options.workers[0]}"]
    print_table(f"{options.sensors} sensors: median over the rounds (least to greatest)", header, rows)
    figures.write(options.out)


if __name__ == "__main__":
    main()
