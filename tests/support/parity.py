"""The tables that say, item by item, what is as in Dagster: read from text, printed as the page of the docs.

A row is one line of `tests/parity/*.txt`: item | verdict | tests. To print the page, in the folder `tests`:
`python -m support.parity > ../docs/dagster-parity.md`.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
PAGE = TESTS.parent / "docs" / "dagster-parity.md"
VERDICTS = ("same", "different on purpose", "not yet")
VERDICT = re.compile(rf"({'|'.join(VERDICTS)})(?:: (\S.*))?")

HEAD = """# What is as in Dagster, and what is not

Item by item: what Dagster's run status sensors do, and whether Runbell's do the same. `tests/parity` has the rows, and
a test makes this page of them and sees to it that each test exists that is named here. *same* holds for runs of any
source, with and without Dagster installed; a note behind it says what there is beyond.

Compared with Dagster 1.13. In short: {counts}.
"""
SECOND = """
# What sensors in public projects use

Everything that was seen in 207 sensors of 133 public projects, in the order in which it makes most of them work: with
the first group one half of them runs, with all of it every one that runs in Dagster.
"""
DIFFERS = """
# Where `dagster_run` differs

`context.dagster_run` is the run as it was when its status changed, not as it is when the function is called: a sensor
for STARTED sees the status STARTED and no `end_time`, also when the run has ended since, and also when it is called
again for a retry. Dagster reads the run when its tick comes, seconds later. `context.instance.get_run_by_id(run_id)` is
the run as it stands now. Two things follow. A tag that is put on a run after its status has changed is not in
`dagster_run.tags`; Dagster writes `dagster/will_retry` that way. And the run config is taken from the run's row, which
nobody changes after the run was made.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One item; `line` is where it stands."""

    line: str
    item: str
    verdict: str
    note: str
    tests: tuple[str, ...]


def read(name: str) -> Iterator[Row | str]:
    """The rows of a table, and the titles of its sections between them.

    Raises:
        ValueError: a line is no row; it says where and why.
    """
    for number, text in enumerate((TESTS / "parity" / f"{name}.txt").read_text().splitlines(), start=1):
        if text.startswith("## "):
            yield text.removeprefix("## ")
        elif text and not text.startswith("# "):
            yield _row(f"{name}.txt:{number}", text)


def rows() -> list[Row]:
    """Every row of both tables."""
    return [row for name in ("dagster", "corpus") for row in read(name) if isinstance(row, Row)]


def exists(test: str) -> bool:
    """Is there a test of this name, `folder/file.py::test`?"""
    file, _, name = test.partition("::")
    return (TESTS / file).is_file() and name in _tests_in(file)


def page() -> str:
    """The page of the docs."""
    counted = Counter(row.verdict for row in rows())
    counts = ", ".join(f"{counted[verdict]} {verdict}" for verdict in VERDICTS)
    return HEAD.format(counts=counts) + _tables("dagster") + DIFFERS + SECOND + _tables("corpus")


@cache
def _tests_in(file: str) -> set[str]:
    tree = ast.parse((TESTS / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def _row(line: str, text: str) -> Row:
    item, *rest = (part.strip() for part in text.split("|"))
    if len(rest) != 2:
        raise ValueError(f"{line}: not three parts: item | verdict | tests")
    found = VERDICT.fullmatch(rest[0])
    if found is None:
        raise ValueError(f"{line}: {rest[0]!r} begins with none of {', '.join(VERDICTS)}")
    verdict, note = found[1], found[2] or ""
    tests = tuple(rest[1].split())
    if verdict != "same" and not note:
        raise ValueError(f"{line}: {verdict!r} without saying why, or what")
    if verdict != "not yet" and not tests:
        raise ValueError(f"{line}: no test shows it")
    return Row(line, item, verdict, note, tests)


def _tables(name: str) -> str:
    lines = []
    for row in read(name):
        if isinstance(row, str):
            lines += ["", f"## {row}", "", "| what | here | shown by |", "| --- | --- | --- |"]
        else:
            here = f"**{row.verdict}**" if row.verdict != "same" else row.verdict
            shown = "<br>".join(f"`{test}`" for test in row.tests)
            lines.append(f"| {row.item} | {here}{': ' if row.note else ''}{row.note} | {shown} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
