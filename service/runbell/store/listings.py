"""What lists are made of: each row whole, as JSON that the database made of it, and the cells that a table shows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import asyncpg


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of a list.

    Attributes:
        document: the row as JSON text. Never decoded here: PostgreSQL stores numbers that no JSON reader takes.
        cells: what a table shows of it.
    """

    document: str
    cells: Mapping[str, object]


def listed(rows: Iterable[asyncpg.Record]) -> list[Listed]:
    """From rows whose column `document` holds the JSON and whose other columns are the cells."""
    return [Listed(row["document"], {name: value for name, value in row.items() if name != "document"}) for row in rows]
