"""Measures the time from a committed status change to its committed run request, beside a bare loop and other queues.

    .venv/bin/python bench/latency.py [--rounds 5] [--rates 1,10,100,1000] [--seconds 10] [--smoke]

Status changes come from a process of their own, each in its transaction, at random moments. Each round
measures every contender at every rate, in alternating order, each in a fresh database. How the moment of a commit is
known: `contenders.py`. `--only`: the contenders whose names contain one of these.
"""

import asyncio
import json
import math
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import processes
import queues
import server
from contenders import DRAWN, HERE, RECORD, Contender, Session, bare_loop, own_statements, runbell, wait_answered
from figures import Figures
from options import parser_of
from tables import percentile, print_setting, print_table, spread

TIMES = ("p50", "p95", "p99", "most")
# Prepares statements and fills caches; not counted.
WARM_UP, WARM_UP_RATE = 40, 20
ANSWER_SECONDS = 30.0
# Who has not answered by so long after the last event, or as long as events came, cannot keep up with the rate.
LEAST_ANSWER_SECONDS = 5.0


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
    parser = parser_of(__doc__, rounds=5)
    parser.add_argument("--rates", default="1,10,100,1000", help="status changes a second")
    parser.add_argument("--seconds", type=float, default=10, help="for each contender, rate and round")
    parser.add_argument("--log-level", default="info")
    parser.add_argument(
        "--only", default="", help="the contenders whose names contain one of these, with commas between them"
    )
    options = parser.parse_args()
    if options.smoke:
        # The others run in the smoke of `peers`.
        options.rounds, options.seconds, options.rates, options.only = 1, 0.4, "10,100", "bare loop,runbell"
    rates = [float(rate) for rate in options.rates.split(",")]
    ours = [bare_loop("many"), bare_loop("once"), own_statements(), runbell(options.log_level)]
    known = [*ours, queues.pgqueuer(10), queues.procrastinate()]
    contenders = [one for one in known if any(part in one.name for part in options.only.split(","))]
    samples = asyncio.run(measure(options.rounds, rates, options.seconds, contenders))
    report(rates, contenders, samples, options.out)


async def measure(rounds: int, rates: list[float], seconds: float, contenders: list[Contender]) -> Samples:
    """Each contender at each rate in each round; a contender that falls behind a rate is not asked for higher ones."""
    samples: Samples = defaultdict(list)
    with server.durable_server() as postgres, tempfile.TemporaryDirectory() as folder:
        print_setting(await server.settings_of(postgres))
        await server.migrate_template(postgres)
        for number in range(rounds):
            for contender in contenders if number % 2 == 0 else contenders[::-1]:
                async with server.fresh_database(postgres, f"round_{number}") as url:
                    for rate, sample in await _round(contender, url, Path(folder), rates, seconds):
                        samples[rate, contender.name].append(sample)
    return samples


async def _round(
    contender: Contender, url: str, folder: Path, rates: list[float], seconds: float
) -> list[tuple[float, Sample]]:
    session = await asyncpg.connect(url)
    await contender.set_up(url, session)
    async with contender.serving(url, session, folder / "log") as pid:
        found = await measure_one(contender, url, session, pid, rates, seconds)
    await session.close()
    return found


async def measure_one(
    contender: Contender, url: str, session: Session, pid: int, rates: list[float], seconds: float
) -> list[tuple[float, Sample]]:
    """One contender, which serves as process `pid`, at each rate that it keeps up with."""
    found: list[tuple[float, Sample]] = []
    above = await session.fetchval(DRAWN)
    # For no longer than is measured: a smoke would do little else.
    written = min(WARM_UP, math.ceil(WARM_UP_RATE * seconds))
    await _write(url, WARM_UP_RATE, written, seed=0)
    await wait_answered(session, written, above=above, seconds=ANSWER_SECONDS)
    for rate in rates:
        count = max(int(rate * seconds), 10)
        newest = await session.fetchval("SELECT max(event_id) FROM runbell.run_events")
        cpu = processes.cpu_seconds(pid)
        commits = await _write(url, rate, count, seed=int(rate))
        try:
            await wait_answered(session, written + count, above=above, seconds=max(seconds, LEAST_ANSWER_SECONDS))
        except TimeoutError:
            break
        cpu = processes.cpu_seconds(pid) - cpu
        found.append((rate, Sample.of(await contender.commits(session, newest), commits, cpu)))
        written += count
    return found


async def _write(url: str, rate: float, count: int, *, seed: int) -> list[float]:
    """Have the writer write; gives how long each of its commits took."""
    arguments = (str(HERE / "writer.py"), url, RECORD, str(rate), str(count), str(seed))
    writer = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    said, _ = await writer.communicate()
    return [float(took) for took in json.loads(said)]


def report(rates: list[float], contenders: list[Contender], samples: Samples, out: Path | None) -> None:
    """Print the table, and leave the figures in a folder."""
    figures = Figures("latency")
    floor = contenders[0].name
    rows: list[list[str]] = []
    for rate in rates:
        for contender in contenders:
            taken = samples[rate, contender.name]
            if not taken:
                rows.append([f"{rate:g}", contender.name, "cannot keep up", *[""] * 6])
                continue
            cells = [spread([getattr(one, name) for one in taken]) for name in (*TIMES, "commit")]
            rest = [spread([one.written for one in taken], 0), spread([one.cpu for one in taken])]
            rows.append([f"{rate:g}", contender.name, *cells, *rest])
            for name in TIMES:
                values = [getattr(one, name) for one in taken]
                figures.add(f"{rate:g} events/s", contender.name, f"{name} ms", values=values)
        rows += [_ratios(rate, one.name, floor, samples) for one in contenders[1:] if samples[rate, one.name]]
    header = ["events/s", "", "p50", "p95", "p99", "max", "writer's commit p50", "written/s", "CPU s / 1,000"]
    title = "Status change committed -> run request committed, ms: median over the rounds (least to greatest)"
    print_table(title, header, rows)
    figures.write(out)


def _ratios(rate: float, name: str, floor: str, samples: Samples) -> list[str]:
    pairs = list(zip(samples[rate, name], samples[rate, floor], strict=False))
    ratios = [spread([getattr(one, time) / getattr(bare, time) for one, bare in pairs]) for time in TIMES]
    return [f"{rate:g}", f"{name} / {floor}", *ratios, "", "", ""]


if __name__ == "__main__":
    main()
