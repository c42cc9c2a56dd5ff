"""Prints what was measured: where and how, then tables whose cells are medians over the rounds with their spread."""

import os
import platform
import shlex
import statistics
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version

PACKAGES = ("runbell", "asyncpg", "uvloop", "anyio", "msgspec", "structlog")


def print_setting(server: Mapping[str, str]) -> None:
    """The machine, the versions, the server's settings and the command line."""
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"command   {shlex.join(sys.argv)}")
    print(f"machine   {os.cpu_count()} cores, load {load}, {platform.system()} {platform.release()}")
    print(f"versions  Python {platform.python_version()}, {', '.join(f'{p} {version(p)}' for p in PACKAGES)}")
    print(f"server    {', '.join(f'{name} {value}' for name, value in server.items())}")
    print()


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median, and behind it the least and the greatest where there are several."""
    middle = f"{statistics.median(values):,.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def percentile(values: Sequence[float], part: float) -> float:
    """The value that this part of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table in Markdown, aligned."""
    print(f"{title}\n\n{table_of(header, rows)}", flush=True)


def table_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, aligned."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "".join(_line(cells, widths) for cells in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |\n"
