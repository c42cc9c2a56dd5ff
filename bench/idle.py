"""Measures what it costs that nothing happens: statements, wake-ups and processor time a minute.

    .venv/bin/python bench/idle.py [--rounds 1] [--sensors 1,100,1000] [--seconds 60] [--queues] [--smoke]

The server's log counts the statements, whoever sends them. `serve` is three processes: supervisor, worker, stand-by;
its two daemons are each other's peers. `--replicas 2`: two of them side by side. `--queues`: also others' queues.
"""

import argparse
import asyncio
import tempfile
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass, fields
from pathlib import Path

import asyncpg
import processes
import queues
import server
from contenders import Contender, runbell
from figures import Figures
from options import numbers, parser_of
from tables import print_setting, print_table, spread

from support.postgres import private_server

# Everything that starting has left to do is done by then: places written, peers watched.
SETTLE_SECONDS = 5.0
STATEMENT = ("LOG:  execute ", "LOG:  statement: ")


@dataclass(frozen=True, slots=True)
class Sample:
    """A minute of one contender in one round; processor time in seconds, of all its processes."""

    statements: float
    wake_ups: float
    cpu: float
    server_cpu: float
    resident_mb: float


def main() -> None:
    parser = parser_of(__doc__, rounds=1)
    parser.add_argument("--sensors", type=numbers, default=[1, 100, 1000])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--replicas", type=int, default=1, help="so many `serve` side by side")
    parser.add_argument("--queues", action="store_true", help="also others' queues")
    options = parser.parse_args()
    if options.smoke:
        options.rounds, options.seconds, options.sensors = 1, 2, [1]
    contenders = {
        f"runbell, {count:,} sensors x {options.replicas}": runbell("info", kind="nothing", sensors=count)
        for count in options.sensors
    }
    if options.queues:
        contenders |= {one.name: one for one in queues.others()}
    _report(asyncio.run(_measure(contenders, options)), options)


async def _measure(contenders: dict[str, Contender], options: argparse.Namespace) -> dict[str, list[Sample]]:
    samples: dict[str, list[Sample]] = defaultdict(list)
    logging = {**server.SETTINGS, "log_statement": "all", "logging_collector": "off"}
    with (
        private_server(ground=Path(tempfile.gettempdir()), **logging) as postgres,
        tempfile.TemporaryDirectory() as folder,
    ):
        print_setting(await server.settings_of(postgres))
        await server.migrate_template(postgres)
        for number in range(options.rounds):
            for name, contender in contenders.items():
                async with server.fresh_database(postgres, f"round_{number}") as url:
                    samples[name].append(await _idle(contender, postgres, url, Path(folder) / "log", options))
    return samples


async def _idle(
    contender: Contender, postgres: server.Server, url: str, log: Path, options: argparse.Namespace
) -> Sample:
    session = await asyncpg.connect(url)
    await contender.set_up(url, session)
    async with AsyncExitStack() as stack:
        pids = [await stack.enter_async_context(contender.serving(url, session, log)) for _ in range(options.replicas)]
        await session.close()
        await asyncio.sleep(min(SETTLE_SECONDS, options.seconds))
        before = _counted(pids, postgres)
        await asyncio.sleep(options.seconds)
        after = _counted(pids, postgres)
        resident = max(processes.resident_mb(pid)[0] for pid in pids)
    return Sample(*((now - then) * 60 / options.seconds for now, then in zip(after, before, strict=True)), resident)


def _counted(pids: list[int], postgres: server.Server) -> tuple[float, float, float, float]:
    said = postgres.log
    return (
        sum(said.count(statement) for statement in STATEMENT),
        sum(map(processes.wake_ups, pids)),
        sum(map(processes.exact_cpu_seconds, pids)),
        processes.exact_cpu_seconds(postgres.pid),
    )


def _report(samples: dict[str, list[Sample]], options: argparse.Namespace) -> None:
    figures = Figures("idle")
    columns = [field.name for field in fields(Sample)]
    digits = {"cpu": 3, "server_cpu": 3}
    rows = []
    for name, taken in samples.items():
        rows.append(
            [name, *(spread([getattr(one, column) for one in taken], digits.get(column, 0)) for column in columns)]
        )
        for column in columns:
            figures.add(name, column, values=[getattr(one, column) for one in taken])
    header = ["", "statements", "wake-ups", "CPU s", "server CPU s", "resident MB, largest process"]
    print_table(f"A minute in which nothing happens, from {options.seconds:g} s of it", header, rows)
    figures.write(options.out)


if __name__ == "__main__":
    main()
