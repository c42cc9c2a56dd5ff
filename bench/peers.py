"""Measures Runbell beside the queues of others, all in one run: latency, then a backlog.

    .venv/bin/python bench/peers.py [--rounds 3] [--rate 50] [--seconds 5] [--events 2000] [--smoke]

The backlog is short because one of them answers about a hundred events a second; `drain.py` has longer ones for those
that can. graphile-worker is there if GRAPHILE_WORKER names the folder that `npm install graphile-worker` has filled.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

import server
from contenders import Contender, bare_loop, runbell
from drain import Sample, drain
from figures import Figures
from latency import measure, report
from options import parser_of
from queues import others
from tables import print_setting, print_table, spread


def main() -> None:
    parser = parser_of(__doc__, rounds=3)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--events", type=int, default=2_000)
    options = parser.parse_args()
    if options.smoke:
        options.rounds, options.seconds, options.events = 1, 0.3, 100
    contenders = [*([] if options.smoke else [bare_loop("many"), runbell("info")]), *others()]
    rates = [options.rate]
    report(rates, contenders, asyncio.run(measure(options.rounds, rates, options.seconds, contenders)), options.out)
    _report(contenders, asyncio.run(_drain(contenders, options)), options)


async def _drain(contenders: list[Contender], options: argparse.Namespace) -> dict[str, list[Sample]]:
    samples: dict[str, list[Sample]] = {one.name: [] for one in contenders}
    with server.durable_server() as postgres, tempfile.TemporaryDirectory() as folder:
        print_setting(await server.settings_of(postgres))
        await server.migrate_template(postgres)
        for number in range(options.rounds):
            for contender in contenders if number % 2 == 0 else contenders[::-1]:
                async with server.fresh_database(postgres, f"round_{number}") as url:
                    log = Path(folder) / "log"
                    sample = await drain(
                        contender, postgres, url, log, events=options.events, evaluations=options.events
                    )
                    samples[contender.name].append(sample)
    return samples


def _report(contenders: list[Contender], samples: dict[str, list[Sample]], options: argparse.Namespace) -> None:
    figures = Figures("peers")
    rows: list[list[str]] = []
    for contender in contenders:
        taken = samples[contender.name]
        columns = {name: [getattr(one, name) for one in taken] for name in ("rate", "cpu", "server_cpu", "peak_mb")}
        digits = {"rate": 0, "peak_mb": 0}
        rows.append([contender.name, *(spread(values, digits.get(name, 3)) for name, values in columns.items())])
        figures.add(f"{options.events} events", contender.name, "events/s", values=columns["rate"])
    header = ["", "events/s", "CPU s / 1,000", "server CPU s / 1,000", "peak MB"]
    print_table(f"A backlog of {options.events:,} events: median over the rounds (least to greatest)", header, rows)
    figures.write(options.out)


if __name__ == "__main__":
    main()
