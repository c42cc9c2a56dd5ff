"""Measures the time from a committed status change to its committed run request, beside the bare loop.

    .venv/bin/python bench/latency.py [--rounds 5] [--rates 10,100,1000] [--seconds 10] [--smoke]

Status changes come from a process of their own, each in its transaction, at random moments. Each round
measures every contender at every rate, in alternating order, each in a fresh database. How the moment of a commit is
known: `contenders.py`.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import processes
import server
from contenders import HERE, RECORD, Contender, bare_loop, runbell, wait_answered
from tables import percentile, print_setting, print_table, spread

# Prepares statements and fills caches; not counted.
WARM_UP = 40
ANSWER_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One contender at one rate in one round; times in milliseconds.

    Attributes:
        written: events a second as they were committed; fewer than asked for where commits are slow.
        commit: the median time of the writer's commits.
        cpu: seconds of processor time for 1,000 events.
    """

    p50: float
    p95: float
    p99: float
    most: float
    written: float
    commit: float
    cpu: float

    @classmethod
    def of(cls, answered: list[tuple[int, float, float]], commits: list[float], cpu: float) -> "Sample":
        latencies = [(requested - recorded) * 1000 for _, recorded, requested in answered]
        points = (percentile(latencies, part) for part in (0.5, 0.95, 0.99))
        moments = [recorded for _, recorded, _ in answered]
        written = (len(moments) - 1) / (max(moments) - min(moments))
        return cls(*points, max(latencies), written, percentile(commits, 0.5), cpu * 1000 / len(moments))


Samples = dict[tuple[float, str], list[Sample]]


def main() -> None:
    options = _parser().parse_args()
    if options.smoke:
        options.rounds, options.seconds = 1, 0.7
    rates = [float(rate) for rate in options.rates.split(",")]
    asyncio.run(_measure(options.rounds, rates, options.seconds, runbell(options.log_level)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rates", default="10,100,1000", help="status changes a second")
    parser.add_argument("--seconds", type=float, default=10, help="for each contender, rate and round")
    parser.add_argument("--log-level", default="info")
    parser.add_argument("--smoke", action="store_true", help="one short round: does it run?")
    return parser


async def _measure(rounds: int, rates: list[float], seconds: float, daemon: Contender) -> None:
    contenders = [bare_loop("many"), bare_loop("once"), daemon]
    samples: Samples = defaultdict(list)
    with server.durable_server() as postgres, tempfile.TemporaryDirectory() as folder:
        print_setting(await server.settings_of(postgres))
        await server.migrate_template(postgres)
        for number in range(rounds):
            for contender in contenders if number % 2 == 0 else contenders[::-1]:
                async with server.fresh_database(postgres, f"round_{number}") as url:
                    for rate, sample in await _round(contender, url, Path(folder), rates, seconds):
                        samples[rate, contender.name].append(sample)
    _report(rates, contenders, samples)


async def _round(
    contender: Contender, url: str, folder: Path, rates: list[float], seconds: float
) -> list[tuple[float, Sample]]:
    session = await asyncpg.connect(url)
    await session.execute(contender.prepare)
    found: list[tuple[float, Sample]] = []
    async with contender.serving(url, session, folder / "log") as pid:
        await _write(url, 200, WARM_UP, seed=0)
        await wait_answered(session, written := WARM_UP, seconds=ANSWER_SECONDS)
        for rate in rates:
            count = max(int(rate * seconds), 10)
            cpu = processes.cpu_seconds(pid)
            commits = await _write(url, rate, count, seed=int(rate))
            await wait_answered(session, written + count, seconds=ANSWER_SECONDS)
            cpu = processes.cpu_seconds(pid) - cpu
            found.append((rate, Sample.of((await contender.commits(session))[written:], commits, cpu)))
            written += count
    await session.close()
    return found


async def _write(url: str, rate: float, count: int, *, seed: int) -> list[float]:
    """Have the writer write; gives how long each of its commits took."""
    arguments = (str(HERE / "writer.py"), url, RECORD, str(rate), str(count), str(seed))
    writer = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    said, _ = await writer.communicate()
    return [float(took) for took in json.loads(said)]


def _report(rates: list[float], contenders: list[Contender], samples: Samples) -> None:
    floor = contenders[0].name
    times = ("p50", "p95", "p99", "most")
    rows: list[list[str]] = []
    for rate in rates:
        for contender in contenders:
            taken = samples[rate, contender.name]
            cells = [spread([getattr(one, name) for one in taken]) for name in (*times, "commit")]
            rest = [spread([one.written for one in taken], 0), spread([one.cpu for one in taken])]
            rows.append([f"{rate:g}", contender.name, *cells, *rest])
        for contender in contenders[1:]:
            pairs = list(zip(samples[rate, contender.name], samples[rate, floor], strict=True))
            ratios = [spread([getattr(one, name) / getattr(bare, name) for one, bare in pairs]) for name in times]
            rows.append([f"{rate:g}", f"{contender.name} / {floor}", *ratios, "", "", ""])
    header = ["events/s", "", "p50", "p95", "p99", "max", "writer's commit p50", "written/s", "CPU s / 1,000"]
    title = "Status change committed -> run request committed, ms: median over the rounds (least to greatest)"
    print_table(title, header, rows)


if __name__ == "__main__":
    main()
