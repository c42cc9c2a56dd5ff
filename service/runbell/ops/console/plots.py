"""Plots of how long events waited, as the numbers that an SVG is drawn from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from runbell.core.durations import spoken

WIDTH, HEIGHT = 640, 180
LEFT, RIGHT, TOP, BOTTOM = 56, 8, 8, 24
LINES = ((0.001, "1 ms"), (0.01, "10 ms"), (0.1, "100 ms"), (1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"))
LONG_LINES = ((3600, "1 h"), (21_600, "6 h"), (86_400, "1 d"), (864_000, "10 d"), (31_536_000, "1 y"))
LEAST = 0.001


@dataclass(frozen=True, slots=True)
class Point:
    """One tick: when it was settled, in seconds since 1970, how long its event had waited, and whether any failed."""

    at: float
    seconds: float
    failed: bool


@dataclass(frozen=True, slots=True)
class Plot:
    """What is drawn.

    Attributes:
        dots, crosses: paths, of ticks without and with failures.
        rows: the lines across, each with its height and what stands beside it.
        summary: the same in words, for who does not see it.
    """

    dots: str
    crosses: str
    rows: Sequence[tuple[float, str]]
    first_at: float
    last_at: float
    summary: str


def plot(points: Sequence[Point]) -> Plot | None:
    """A plot of these points with a logarithmic height; None without any.

    Example:
        >>> plot([Point(100.0, 0.02, False), Point(160.0, 0.5, True)]).summary
        '2 ticks: median 500 ms, longest 500 ms, newest 500 ms; 1 with failures'
    """
    if not points:
        return None
    ordered = sorted(points, key=lambda point: point.at)
    first, last = ordered[0].at, ordered[-1].at
    rows = _rows(min(p.seconds for p in ordered), max(p.seconds for p in ordered))
    low, high = math.log10(rows[0][0]), math.log10(rows[-1][0])

    def height(seconds: float) -> float:
        share = (math.log10(min(max(seconds, rows[0][0]), rows[-1][0])) - low) / (high - low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    def along(at: float) -> float:
        share = (at - first) / (last - first) if last > first else 0.5
        return round(LEFT + 6 + share * (WIDTH - LEFT - RIGHT - 12), 1)

    places = [(along(point.at), height(point.seconds), point.failed) for point in ordered]
    return Plot(
        dots="".join(f"M{x} {y}h0" for x, y, failed in places if not failed),
        crosses="".join(f"M{x - 3} {y - 3}l6 6m0 -6l-6 6" for x, y, failed in places if failed),
        rows=[(height(seconds), label) for seconds, label in rows],
        first_at=first,
        last_at=last,
        summary=_summary(ordered),
    )


def _rows(shortest: float, longest: float) -> list[tuple[float, str]]:
    """The lines from the one below the shortest to the one above the longest."""
    lines = [*LINES, *LONG_LINES]
    below = max((n for n, (seconds, _) in enumerate(lines) if seconds <= max(shortest, LEAST)), default=0)
    above = next((n for n, (seconds, _) in enumerate(lines) if seconds >= longest), len(lines) - 1)
    return lines[min(below, len(lines) - 2) : max(above, below + 1) + 1]


def _summary(points: Sequence[Point]) -> str:
    sizes = sorted(point.seconds for point in points)
    failed = sum(point.failed for point in points)
    ticks = "1 tick" if len(points) == 1 else f"{len(points)} ticks"
    said = (
        f"{ticks}: median {spoken(sizes[len(sizes) // 2])}, longest {spoken(sizes[-1])},"
        f" newest {spoken(points[-1].seconds)}"
    )
    return said + (f"; {failed} with failures" if failed else "")
