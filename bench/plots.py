"""Draws plots as SVG: lines over axes that are logarithmic, because what matters here is how curves bend."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Line = Sequence[tuple[float, float]]
WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 40, 50
# Told apart also by who does not tell colours apart: dashes differ, too.
STROKES = (("#1b6ca8", ""), ("#c8553d", "6 3"), ("#3c7a3f", "2 3"), ("#7a4f9a", "8 3 2 3"), ("#6b6b6b", "1 4"))


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction: from the least to the greatest value, in powers of ten."""

    low: float
    high: float
    start: float
    length: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, length: float) -> "Axis":
        """Wide enough for all values."""
        low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        return cls(low, max(high, low + 1), start, length)

    def at(self, value: float) -> float:
        """Where on the paper a value lies."""
        return self.start + (math.log10(value) - self.low) / (self.high - self.low) * self.length

    @property
    def ticks(self) -> list[float]:
        """The powers of ten."""
        return [10.0**power for power in range(int(self.low), int(self.high) + 1)]


def draw(title: str, x_name: str, y_name: str, lines: Mapping[str, Line]) -> str:
    """The text of an SVG file.

    Args:
        lines: by name, points with values above zero.
    """
    points = [point for line in lines.values() for point in line if point[0] > 0 and point[1] > 0]
    x = Axis.over([point[0] for point in points], LEFT, WIDTH - LEFT - RIGHT)
    y = Axis.over([point[1] for point in points], HEIGHT - BOTTOM, TOP + BOTTOM - HEIGHT)
    parts = [_text(WIDTH / 2 - 60, 20, title, size=14, anchor="middle"), *_grid(x, y)]
    parts.append(_text(LEFT + x.length / 2, HEIGHT - 12, x_name, anchor="middle"))
    parts.append(_text(LEFT, TOP - 8, y_name, anchor="start"))
    for number, (name, line) in enumerate(lines.items()):
        parts += _line(x, y, sorted(line), STROKES[number % len(STROKES)], name, TOP + 12 + 18 * number)
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{body}\n</svg>\n'
    )


def write_plot(path: Path, title: str, x_name: str, y_name: str, lines: Mapping[str, Line]) -> None:
    """Draw into a file, unless there is nothing to draw."""
    kept = {name: line for name, line in lines.items() if line}
    if kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(draw(title, x_name, y_name, kept))


def _grid(x: Axis, y: Axis) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, LEFT + x.length
    parts = []
    for tick in x.ticks:
        parts.append(f'<path d="M{x.at(tick):.1f} {TOP}V{bottom}" stroke="#ddd"/>')
        parts.append(_text(x.at(tick), bottom + 16, _said(tick), anchor="middle"))
    for tick in y.ticks:
        parts.append(f'<path d="M{LEFT} {y.at(tick):.1f}H{right}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 6, y.at(tick) + 4, _said(tick), anchor="end"))
    return parts


def _line(x: Axis, y: Axis, line: Line, stroke: tuple[str, str], name: str, top: float) -> list[str]:
    colour, dashes = stroke
    places = [(x.at(a), y.at(b)) for a, b in line if a > 0 and b > 0]
    path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
    style = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}" fill="none"'
    side = WIDTH - RIGHT + 12
    marks = [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in places]
    legend = [f'<path d="M{side} {top}h22" {style}/>', _text(side + 28, top + 4, name, anchor="start")]
    return [f'<path d="{path}" {style}/>', *marks, *legend]


def _text(x: float, y: float, text: str, *, size: int = 11, anchor: str = "start") -> str:
    shown = text.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{shown}</text>'


def _said(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"
