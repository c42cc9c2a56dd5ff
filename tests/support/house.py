"""Where the parts of the project lie."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "service" / "runbell"
QUERIES = PACKAGE / "store" / "queries"


def python_files(*folders: str) -> Iterator[Path]:
    """All Python files in these folders of the project."""
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))
