"""Measures what sensors cost by their number, those that match and those that do not.

    .venv/bin/python bench/fanout.py [--rounds 3] [--cases 100:100,10000:100] [--evaluations 100000] [--smoke]

A case is `sensors:matching`. Each drains a backlog that is as long as brings the same number of evaluations, of sensors
that do nothing; then a status change is answered by one that requests a run, the others being there.
"""

import argparse
import asyncio
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import server
from contenders import runbell
from drain import drain
from figures import Figures
from latency import measure_one
from options import parser_of
from tables import print_setting, print_table, spread

CASES = "10:10,100:100,1000:1000,10000:10000,10:1,100:1,1000:10,10000:100"
# Events a second for the latency, for so many seconds: few enough that none waits for another.
RATE, SECONDS = 20.0, 5.0
FEWEST_EVENTS = 20
Case = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Sample:
    """One case in one round; latencies in milliseconds, processor time in seconds for 1,000 evaluations."""

    rate: float
    cpu: float
    peak_mb: float
    p50: float
    p99: float


def main() -> None:
    parser = parser_of(__doc__, rounds=3)
    parser.add_argument("--cases", default=CASES, help="sensors:matching, with commas between them")
    parser.add_argument("--evaluations", type=int, default=100_000)
    options = parser.parse_args()
    if options.smoke:
        options.rounds, options.evaluations, options.cases = 1, 2_000, "100:100,1000:10"
    cases = [tuple(map(int, case.split(":"))) for case in options.cases.split(",")]
    _report(asyncio.run(_measure(cases, options)), options)


async def _measure(cases: list[Case], options: argparse.Namespace) -> dict[Case, list[Sample]]:
    samples: dict[Case, list[Sample]] = defaultdict(list)
    with server.durable_server() as postgres, tempfile.TemporaryDirectory() as folder:
        print_setting(await server.settings_of(postgres))
        await server.migrate_template(postgres)
        for number in range(options.rounds):
            for case in cases if number % 2 == 0 else cases[::-1]:
                sample = await _round(case, postgres, Path(folder) / "log", options)
                samples[case].append(sample)
    return samples


async def _round(case: Case, postgres: server.Server, log: Path, options: argparse.Namespace) -> Sample:
    sensors, matching = case
    events = max(options.evaluations // matching, FEWEST_EVENTS)
    idle = runbell("warning", kind="nothing", sensors=sensors, matching=matching)
    async with server.fresh_database(postgres, "drained") as url:
        drained = await drain(idle, postgres, url, log, events=events, evaluations=events * matching)
    asking = runbell("warning", sensors=sensors, matching=1)
    seconds = SECONDS if not options.smoke else 0.5
    async with server.fresh_database(postgres, "asked") as url:
        session = await asyncpg.connect(url)
        async with asking.serving(url, session, log) as pid:
            answered = await measure_one(asking, url, session, pid, [RATE], seconds)
        await session.close()
    latency = answered[0][1]
    return Sample(drained.rate, drained.cpu, drained.peak_mb, latency.p50, latency.p99)


def _report(samples: dict[Case, list[Sample]], options: argparse.Namespace) -> None:
    figures = Figures("fanout")
    rows: list[list[str]] = []
    for (sensors, matching), taken in samples.items():
        columns = {name: [getattr(one, name) for one in taken] for name in ("rate", "cpu", "peak_mb", "p50", "p99")}
        events = [rate / matching for rate in columns["rate"]]
        rows.append(
            [
                f"{sensors:,}",
                f"{matching:,}",
                spread(columns["rate"], 0),
                spread(events, 0),
                spread(columns["cpu"], 3),
                spread(columns["peak_mb"], 0),
                spread(columns["p50"]),
                spread(columns["p99"]),
            ]
        )
        case = f"{sensors} sensors, {matching} match"
        figures.add(case, "evaluations/s", values=columns["rate"])
        figures.add(case, "events/s", values=events)
        figures.add(case, "peak MB", values=columns["peak_mb"])
        figures.add(case, "p50 ms", values=columns["p50"])
    header = ["sensors", "match", "evaluations/s", "events/s", "CPU s / 1,000", "peak MB", "p50 ms, one asks", "p99 ms"]
    print_table("By number of sensors: median over the rounds (least to greatest)", header, rows)
    figures.write(options.out)


if __name__ == "__main__":
    main()
