"""Turns figures into what docs/performance.md shows: one table a benchmark, and the plots of the cost curve."""

import re
import statistics
from pathlib import Path

from figures import Values
from plots import write_plot
from tables import table_of

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
PLOTS = ROOT / "docs" / "performance"
GOALS = re.compile(r"(<!-- goals -->\n)(.*?)(<!-- end -->)", re.DOTALL)
MARK = re.compile(r"(<!-- figures: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
# The plots of old tables: what their lines show, by their names.
AGED = (
    ("old-throughput", "events a second", {"a backlog": "backlog, events/s"}),
    (
        "old-latency",
        "ms",
        {
            "event to request, p50": "latency p50, ms",
            "the same beside retention": "latency p50 beside retention, ms",
            "a page of 1,000 events": "a page from the middle, no filter, ms",
            "of one job in a hundred": "a page from the middle, one of 100 jobs, ms",
        },
    ),
)


def write_page(values: Values) -> None:
    """Fill in the tables between the marks of the page, and draw the plots; what was not measured stays as it is."""
    tables = {bench: _table(values, bench) for bench in {case.partition(", ")[0] for case in values}}
    text = PAGE.read_text()
    PAGE.write_text(MARK.sub(lambda mark: f"{mark[1]}{tables.get(mark[2], mark[3])}{mark[4]}", text))
    draw_plots(values)


def write_goals(table: str) -> None:
    """Put the table of goals and runs where the page has its place."""
    PAGE.write_text(GOALS.sub(lambda mark: f"{mark[1]}{table}{mark[3]}", PAGE.read_text()))


def draw_plots(values: Values) -> None:
    """The cost curve: against the number of sensors, the length of the backlog, the rate of events."""
    fanout = points(values, r"fanout, (\d+) sensors, (\d+) match, (.+)")
    all_match, few = "all match", "one in a hundred"
    for figure, y_name in (("evaluations/s", "evaluations a second"), ("p50 ms", "p50, ms")):
        lines = {
            name: [(x, y) for x, match, what, y in fanout if what == figure and (match == x) is (name == all_match)]
            for name in (all_match, few)
        }
        slug = "sensors-latency" if figure == "p50 ms" else "sensors-throughput"
        write_plot(PLOTS / f"{slug}.svg", y_name, "sensors", y_name, lines)
    drained = points(values, r"drain, ([\d,]+) events, 1 x requests a run, (.+), (evaluations/s)")
    names = sorted({str(name) for _, name, _, _ in drained})
    lines = {name: [(x, y) for x, one, _, y in drained if one == name] for name in names}
    write_plot(PLOTS / "backlog.svg", "A backlog answered", "events in the backlog", "events a second", lines)
    latency = points(values, r"latency, (\d+) events/s, (.+), (p50 ms)")
    names = sorted({str(name) for _, name, _, _ in latency})
    lines = {name: [(x, y) for x, one, _, y in latency if one == name] for name in names}
    write_plot(PLOTS / "latency.svg", "Event committed to request committed", "events a second", "p50, ms", lines)
    _draw_aged(values)


def _draw_aged(values: Values) -> None:
    """Against the size of the tables, where they are old."""
    for slug, y_name, figures in AGED:
        lines = {name: _by_size(values, figure) for name, figure in figures.items()}
        write_plot(PLOTS / f"{slug}.svg", "Old tables", "events in the tables", y_name, lines)


def _by_size(values: Values, figure: str) -> list[tuple[float, float]]:
    start, end = f"aged, {figure}, ", " events"
    found = {case[len(start) : -len(end)]: taken for case, taken in values.items() if case.startswith(start)}
    return [
        (float(size.replace(",", "")), statistics.median(taken)) for size, taken in found.items() if size[:1].isdigit()
    ]


def points(values: Values, pattern: str) -> list[tuple[float, object, str, float]]:
    """Of the cases that match: the first number, what comes second and third, and the median."""
    found: list[tuple[float, object, str, float]] = []
    for case, taken in values.items():
        match = re.fullmatch(pattern, case)
        if match:
            first, second, third = match.groups()
            what: object = float(second) if second.isdigit() else second
            found.append((float(first.replace(",", "")), what, third, statistics.median(taken)))
    return found


def _table(values: Values, bench: str) -> str:
    """One row a case, one column a figure."""
    rows: dict[str, dict[str, str]] = {}
    for case, taken in values.items():
        name, _, rest = case.partition(", ")
        if name == bench:
            row, _, column = rest.rpartition(", ")
            rows.setdefault(row, {})[column] = _told(taken)
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    return table_of(["", *columns], [[row, *(cells.get(one, "") for one in columns)] for row, cells in rows.items()])


def _told(values: list[float]) -> str:
    """The median over the rounds, and what they spread over."""
    if len(values) == 1:
        return _short(values[0])
    return f"{_short(statistics.median(values))} ({_short(min(values))} to {_short(max(values))})"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
