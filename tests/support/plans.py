"""What PostgreSQL says of how it carries out a prepared statement."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import asyncpg

Session = asyncpg.Connection
Plan = dict[str, Any]


def read_rows(plan: Plan, table: str) -> int:
    """So many rows of a table were looked at."""
    return sum(
        node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
        for node in nodes(plan)
        if node.get("Relation Name") == table
    )


async def explain(session: Session, prepared: str, given: Sequence[object], options: str = "FORMAT JSON") -> Plan:
    """How it would be carried out with these arguments."""
    values = ", ".join("NULL" if one is None else f"'{one}'" if isinstance(one, str) else str(one) for one in given)
    said = await session.fetchval(f"EXPLAIN ({options}) EXECUTE {prepared}({values})")
    plan: Plan = json.loads(said)[0]["Plan"]
    return plan


async def carry_out(session: Session, prepared: str, given: Sequence[object]) -> Plan:
    """The plan, without the branches that it says are not for these arguments; what it did is undone."""
    transaction = session.transaction()
    await transaction.start()
    plan = await explain(session, prepared, given, "FORMAT JSON, ANALYZE, TIMING OFF")
    await transaction.rollback()
    for node in list(nodes(plan)):
        if "One-Time Filter" in node:
            node["Plans"] = [below for below in node.get("Plans", []) if below["Actual Loops"]]
    return plan


def nodes(plan: Plan, *, first_alone: bool = True) -> Iterator[Plan]:
    """All nodes; `first_alone` False leaves out what only looks for the first entry of an index."""
    yield plan
    for below in plan.get("Plans", []):
        if first_alone or plan["Node Type"] != "Limit" or plan["Plan Rows"] > 1 or "Filter" in below:
            yield from nodes(below, first_alone=first_alone)
