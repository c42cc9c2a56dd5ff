"""Shows lists: as a table for people, or with `--json` as one JSON array."""

from collections.abc import Sequence

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from runbell.store.listings import Listed

LONGEST_CELL = 60
# Where no terminal says how wide it is, nothing is cut by it.
WIDTH_OF_A_PIPE = 250


def show_list(rows: Sequence[Listed], columns: Sequence[str], *, as_json: bool, nothing: str) -> None:
    """Print rows: their columns, or their documents as one array. `nothing`: what to say of an empty table."""
    if as_json:
        typer.echo("[" + ",\n ".join(row.document for row in rows) + "]")
    elif rows:
        show_table([[row.cells[column] for column in columns] for row in rows], columns)
    else:
        typer.echo(nothing)


def show_table(rows: Sequence[Sequence[object]], columns: Sequence[str]) -> None:
    """Print a table."""
    console().print(tabled(rows, columns))


def tabled(rows: Sequence[Sequence[object]], columns: Sequence[str]) -> Table:
    """A table; numbers stand to the right."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for position, column in enumerate(columns):
        numbers = any(isinstance(row[position], int | float) and not isinstance(row[position], bool) for row in rows)
        table.add_column(Text(column), justify="right" if numbers else "left", no_wrap=not numbers)
    for row in rows:
        # As text: what looks like rich's markup in somebody's error is none.
        table.add_row(*(Text(cell(value)) for value in row))
    return table


def cell(value: object) -> str:
    """One value as it stands in a table: one line, not too long.

    Example:
        >>> cell(True), cell(None), cell(1.25)
        ('yes', '', '1.2')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.1f}"
    line = next(iter(str(value).splitlines()), "")
    return line if len(line) <= LONGEST_CELL else line[: LONGEST_CELL - 1] + "…"


def console() -> Console:
    """Where all this is printed: as wide as the terminal, or wide enough."""
    made = Console()
    return made if made.is_terminal else Console(width=WIDTH_OF_A_PIPE)
