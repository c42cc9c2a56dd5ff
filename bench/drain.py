"""Measures how fast a backlog is answered, beside the bare loop and PgQueuer.

    .venv/bin/python bench/drain.py [--rounds 3] [--events 50000] [--sensors 1] [--kind request] [--smoke]

The sensors are deployed, the daemon stopped, the backlog written, the daemon started; timed from first to last commit.
`--kind`: what each sensor does with each event: `request` a run, `nothing`, or `wait` 10 ms. `--only`: the contenders
whose names contain this. Each contender has a fresh database in each round.
"""

import argparse
import asyncio
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import processes
import queues
import server
from backlog import write_backlog
from contenders import READY_SECONDS, REQUESTS, Contender, bare_loop, runbell, wait_answered, wait_settled, wait_until
from figures import Figures
from options import parser_of
from tables import print_setting, print_table, spread

DRAIN_SECONDS = 900.0
ASKED = {"request": "requests a run", "nothing": "does nothing", "wait": "waits 10 ms"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One contender in one round. Processor time is in seconds for 1,000 evaluations."""

    rate: float
    cpu: float
    server_cpu: float
    peak_mb: float


def main() -> None:
    parser = parser_of(__doc__, rounds=3, smoke="one round of 3,000 events: does it run?")
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--sensors", type=int, default=1)
    parser.add_argument("--kind", choices=ASKED, default="request")
    parser.add_argument("--only", default="", help="the contenders whose names contain this")
    options = parser.parse_args()
    if options.smoke:
        options.rounds, options.events = 1, 3_000
    contenders = [one for one in _contenders(options.kind, options.sensors) if options.only in one.name]
    samples = asyncio.run(_measure(contenders, options))
    _report(contenders, samples, options)


def _contenders(kind: str, sensors: int) -> list[Contender]:
    ours = [runbell("warning", kind=kind, sensors=sensors), runbell("info", kind=kind, sensors=sensors)]
    if sensors > 1:
        return ours
    bare = [bare_loop("many"), bare_loop("once")] if kind == "request" else []
    return [*bare, *ours, queues.pgqueuer(500, kind)]


async def _measure(contenders: list[Contender], options: argparse.Namespace) -> dict[str, list[Sample]]:
    samples: dict[str, list[Sample]] = defaultdict(list)
    with server.durable_server() as postgres, tempfile.TemporaryDirectory() as folder:
        print_setting(await server.settings_of(postgres))
        await server.migrate_template(postgres)
        for number in range(options.rounds):
            for contender in contenders if number % 2 == 0 else contenders[::-1]:
                async with server.fresh_database(postgres, f"round_{number}") as url:
                    samples[contender.name].append(
                        await drain(
                            contender,
                            postgres,
                            url,
                            Path(folder) / "log",
                            events=options.events,
                            evaluations=options.events * options.sensors,
                        )
                    )
    return samples


async def drain(
    contender: Contender, postgres: server.Server, url: str, log: Path, *, events: int, evaluations: int
) -> Sample:
    """Have a contender answer a backlog of so many events, which so many evaluations come of."""
    session = await asyncpg.connect(url)
    await contender.set_up(url, session)
    async with contender.serving(url, session, log):
        pass
    await wait_until(session, f"SELECT NOT ({contender.ready})", seconds=READY_SECONDS)
    await write_backlog(session, events)
    server_cpu = server.cpu_seconds(postgres)
    async with contender.serving(url, session, log) as pid:
        cpu = processes.cpu_seconds(pid)
        if contender.settled == REQUESTS:
            await wait_answered(session, evaluations, seconds=DRAIN_SECONDS)
        await wait_settled(contender, session, evaluations, seconds=DRAIN_SECONDS)
        cpu = processes.cpu_seconds(pid) - cpu
        server_cpu = server.cpu_seconds(postgres) - server_cpu
        peak = processes.peak_mb(pid)
    rate = rate_of(await contender.progress(session))
    await session.close()
    return Sample(rate, cpu * 1000 / evaluations, server_cpu * 1000 / evaluations, peak)


def rate_of(progress: list[tuple[float, int]]) -> float:
    """Evaluations a second from the first commit to the last; what the first brought had been done before."""
    first, last = progress[0][0], progress[-1][0]
    if first == last:
        return float("nan")
    return sum(count for moment, count in progress if moment > first) / (last - first)


def _report(contenders: list[Contender], samples: dict[str, list[Sample]], options: argparse.Namespace) -> None:
    case = f"{options.events:,} events, {options.sensors} x {ASKED[options.kind]}"
    figures = Figures("drain")
    floor = samples[contenders[0].name]
    rows: list[list[str]] = []
    for contender in contenders:
        taken = samples[contender.name]
        ratios = [one.rate / bare.rate for one, bare in zip(taken, floor, strict=True)]
        rows.append(
            [
                contender.name,
                spread([one.rate for one in taken], 0),
                spread(ratios),
                spread([one.cpu for one in taken], 3),
                spread([one.server_cpu for one in taken], 3),
                spread([one.peak_mb for one in taken], 0),
            ]
        )
        figures.add(case, contender.name, "evaluations/s", values=[one.rate for one in taken])
        figures.add(case, contender.name, "peak MB", values=[one.peak_mb for one in taken])
    header = ["", "evaluations/s", f"ratio to {contenders[0].name}", "CPU s / 1,000", "server CPU s / 1,000", "peak MB"]
    print_table(f"A backlog of {case}: median over the rounds (least to greatest)", header, rows)
    figures.write(options.out)


if __name__ == "__main__":
    main()
