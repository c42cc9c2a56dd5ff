"""Measures what has a goal, in separate runs, and prints one table of goals and runs, which it writes into the page.

    .venv/bin/python bench/goals.py --out FOLDER [--runs 3] [--rounds 2] [--pages]

Each run leaves its figures in a folder of its own below FOLDER. With `--pages` nothing is measured: the table is made
of what is there. A ratio is taken round by round; a cell is the median over the rounds of one run. What has no figure
here, taking over and memory that stays flat, is shown by a test and by `growth.py`.
"""

import argparse
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from figures import Values, read_folder
from pages import write_goals
from tables import table_of
from whole import run_all

BARE = "bare loop"
INFO, WARNING = "runbell, log level info", "runbell, log level warning"
LONG = "fanout, {} sensors, 100 match, evaluations/s"
IDLE = "idle, runbell, 1,000 sensors x 1, {}"
DAEMONS, PROCESSES = 2, 3


@dataclass(frozen=True, slots=True)
class Goal:
    """A budget.

    Attributes:
        found: the values of one run, one a round.
        below: is it met below the goal, or above?
        command: what measures it.
    """

    what: str
    goal: float
    found: Callable[[Values], list[float]]
    command: str
    below: bool = True
    unit: str = ""

    def is_met(self, values: Sequence[float]) -> bool:
        return all(value <= self.goal if self.below else value >= self.goal for value in values)


def ratio(of: str, to: str) -> Callable[[Values], list[float]]:
    """Of two cases, round by round."""
    return lambda values: [one / other for one, other in zip(values[of], values[to], strict=True)]


def scaled(of: str, by: float) -> Callable[[Values], list[float]]:
    """Of a case, times a number."""
    return lambda values: [one * by for one in values[of]]


def _latency(rate: int, time: str) -> Callable[[Values], list[float]]:
    cases = [f"latency, {rate} events/s, {name}, {time} ms" for name in (INFO, BARE)]
    return ratio(*cases)


def _drained(name: str, to: str) -> Callable[[Values], list[float]]:
    cases = [f"drain, 50,000 events, 1 x requests a run, {one}, evaluations/s" for one in (name, to)]
    return ratio(*cases)


def _written(case: str, to: str) -> Callable[[Values], list[float]]:
    return ratio(f"writers, 64 clients, {case}, commits/s", f"writers, 64 clients, {to}, commits/s")


RATES = (10, 100, 1000)
GOALS = (
    *(
        Goal(f"{rate:,} events/s, p50 in ratio to the bare loop", 1.5, _latency(rate, "p50"), "latency")
        for rate in RATES
    ),
    *(Goal(f"{rate:,} events/s, p99 in ratio to the bare loop", 2, _latency(rate, "p99"), "latency") for rate in RATES),
    Goal("backlog, level `warning`, in ratio to the bare loop", 0.8, _drained(WARNING, BARE), "drain", below=False),
    Goal("backlog, level `info`, in ratio to the bare loop", 0.5, _drained(INFO, BARE), "drain", below=False),
    Goal(
        "backlog, in ratio to PgQueuer with batches of 500",
        3,
        _drained(WARNING, "PgQueuer 1.6.0, batch 500"),
        "drain",
        below=False,
    ),
    Goal(
        "memory of a process with a backlog",
        80,
        scaled(f"drain, 50,000 events, 1 x requests a run, {WARNING}, peak MB", 1),
        "drain",
        unit=" MB",
    ),
    Goal(
        "10,000 sensors of which 1 % match, in ratio to 100 that all match",
        1 / 1.2,
        ratio(LONG.format(10000), LONG.format(100)),
        "fanout",
        below=False,
    ),
    Goal(
        "64 writers, awake, in ratio to no bell",
        0.85,
        _written("capture, the bell, awake", "capture, no bell"),
        "writers",
        below=False,
    ),
    Goal(
        "64 writers, capture in ratio to none", 0.75, _written("capture, no bell", "no capture"), "writers", below=False
    ),
    Goal(
        "idle, statements a minute of a process with peers", 24, scaled(IDLE.format("statements"), 1 / DAEMONS), "idle"
    ),
    Goal("idle, processor of a process", 0.1, scaled(IDLE.format("cpu"), 100 / 60 / PROCESSES), "idle", unit=" %"),
    Goal("start to ready, 1,000 sensors", 1.5, scaled("start, serve, 1,000 sensors, again, s", 1), "start", unit=" s"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--out", type=Path, required=True, help="a folder for those in which each run leaves its figures"
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--pages", action="store_true", help="only write the table, from the figures in --out")
    options = parser.parse_args()
    if not options.pages:
        for number in range(options.runs):
            run_all(commands(options), options.out / str(number + 1))
    runs = [read_folder(folder) for folder in sorted(options.out.iterdir()) if folder.is_dir()]
    print(table := table_of_goals(runs))
    write_goals(table)


def commands(options: argparse.Namespace) -> tuple[tuple[str, ...], ...]:
    """What is measured, each beside its baseline."""
    rounds = ("--rounds", str(options.rounds))
    # At 10 events/s a round has forty, of 10,000 sensors one varies by a tenth, and 64 clients on full cores by more:
    # more rounds of these.
    rates, more = ",".join(map(str, RATES)), ("--rounds", str(2 * options.rounds))
    return (
        ("latency", "--rates", rates, "--seconds", "4", "--only", "bare loop,runbell", *more),
        ("drain", *rounds),
        ("fanout", "--cases", "100:100,10000:100", "--evaluations", "1000000", "--rounds", "3"),
        ("writers", "--clients", "64", "--only", "the bell", *more),
        ("idle", "--sensors", "1000"),
        ("start", "--sensors", "1000", *rounds),
    )


def table_of_goals(runs: Sequence[Values]) -> str:
    """One row a goal, one column a run."""
    header = ["what", "goal", *(f"run {number + 1}" for number in range(len(runs))), "met", "command"]
    rows: list[list[str]] = []
    for one in GOALS:
        found = [statistics.median(one.found(values)) for values in runs]
        goal = f"{'at most' if one.below else 'at least'} {one.goal:.3g}{one.unit}"
        met = "yes" if one.is_met(found) else "no"
        rows.append([one.what, goal, *(f"{value:.3g}{one.unit}" for value in found), met, f"`bench/{one.command}.py`"])
    return table_of(header, rows)


if __name__ == "__main__":
    main()
