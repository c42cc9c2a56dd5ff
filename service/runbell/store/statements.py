"""Reads the statements: one file each in `queries/`, named like the function that sends it."""

from functools import cache
from importlib import resources


@cache
def statement(name: str) -> str:
    """The text of `queries/<name>.sql`."""
    return resources.files("runbell.store").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")
