"""Measures how fast a backlog is answered, beside the bare loop.

    .venv/bin/python bench/drain.py [--rounds 3] [--events 50000] [--smoke]

One async sensor requests one run for each event. The sensor is deployed, the daemon stopped, the backlog written, the
daemon started: from its first to its last commit of requests. Each contender has a fresh database in each round.
"""

import argparse
import asyncio
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import processes
import server
from contenders import READY_SECONDS, RECORD, Contender, bare_loop, runbell, wait_answered, wait_until
from tables import print_setting, print_table, spread

# So many of the backlog's events are written by one transaction.
TOGETHER = 500
DRAIN_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One contender in one round. Processor time is in seconds for 1,000 events."""

    rate: float
    cpu: float
    server_cpu: float
    peak_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--smoke", action="store_true", help="one round of 5,000 events: does it run?")
    options = parser.parse_args()
    if options.smoke:
        options.rounds, options.events = 1, 5_000
    asyncio.run(_measure(options.rounds, options.events))


async def _measure(rounds: int, events: int) -> None:
    contenders = [bare_loop("many"), bare_loop("once"), runbell("warning"), runbell("info")]
    samples: dict[str, list[Sample]] = defaultdict(list)
    with server.durable_server() as postgres, tempfile.TemporaryDirectory() as folder:
        print_setting(await server.settings_of(postgres))
        await server.migrate_template(postgres)
        for number in range(rounds):
            for contender in contenders if number % 2 == 0 else contenders[::-1]:
                async with server.fresh_database(postgres, f"round_{number}") as url:
                    log = Path(folder) / f"{contender.name}.log"
                    samples[contender.name].append(await _drain(contender, postgres, url, log, events))
    _report(contenders, samples, events)


async def _drain(contender: Contender, postgres: server.Server, url: str, log: Path, events: int) -> Sample:
    session = await asyncpg.connect(url)
    await session.execute(contender.prepare)
    async with contender.serving(url, session, log):
        pass
    await wait_until(session, f"SELECT NOT ({contender.ready})", seconds=READY_SECONDS)
    for first in range(0, events, TOGETHER):
        async with session.transaction():
            await session.executemany(RECORD, [(f"run-{first + n}",) for n in range(TOGETHER)])
    await session.execute("CHECKPOINT")
    server_cpu = server.cpu_seconds(postgres)
    async with contender.serving(url, session, log) as pid:
        cpu = processes.cpu_seconds(pid)
        await wait_answered(session, events, seconds=DRAIN_SECONDS)
        cpu = processes.cpu_seconds(pid) - cpu
        server_cpu = server.cpu_seconds(postgres) - server_cpu
        peak = processes.peak_mb(pid)
    requested = [moment for _, _, moment in await contender.commits(session)]
    await session.close()
    return Sample(_rate(requested), cpu * 1000 / events, server_cpu * 1000 / events, peak)


def _rate(moments: list[float]) -> float:
    """Events a second from the first commit to the last; what the first brought had been done before."""
    first = min(moments)
    return sum(moment > first for moment in moments) / (max(moments) - first)


def _report(contenders: list[Contender], samples: dict[str, list[Sample]], events: int) -> None:
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
    header = ["", "events/s", "ratio, round by round", "CPU s / 1,000", "server CPU s / 1,000", "peak MB"]
    print_table(f"A backlog of {events:,} events: median over the rounds (least to greatest)", header, rows)


if __name__ == "__main__":
    main()
