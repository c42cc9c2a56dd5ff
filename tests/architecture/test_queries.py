"""Each statement is understood by the migrated database, says what it takes, is sent by one function of its name."""

import ast
import re
from collections import defaultdict

import pytest

from support.house import PACKAGE, QUERIES, python_files

NAMES = sorted(path.stem for path in QUERIES.glob("*.sql"))
TYPES = {
    "bigint": "int8",
    "integer": "int4",
    "smallint": "int2",
    "boolean": "bool",
    "double precision": "float8",
    **{
        name: name
        for name in ("float8", "text", "uuid", "jsonb", "interval", "timestamptz", "xid8", "pg_snapshot", "oid")
    },
}
PARAMETER = re.compile(rf"\$(\d+)\s+(?:\w+\s+)?({'|'.join(TYPES)})\b(\[\])?")
# Words that begin a statement and nothing else that we say in capitals.
SQL = re.compile(r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE|ALTER|DROP|GRANT|REVOKE|LOCK|DO)\s")

TABLES = (
    "runs|run_events|run_requests|run_keys|step_failures|sensors|ticks|evaluations|daemons|sources|bell|cluster|alerts"
)
UNQUALIFIED = re.compile(rf"\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+({TABLES})\b")
COMMON_TABLE = re.compile(r"\b(\w+) AS (?:MATERIALIZED )?\(")


@pytest.mark.parametrize("name", NAMES)
async def test_it_can_be_prepared_and_takes_what_its_header_says(connection, name):
    text = (QUERIES / f"{name}.sql").read_text()

    prepared = await connection.prepare(text)

    taken = dict(enumerate((parameter.name for parameter in prepared.get_parameters()), start=1))
    assert said(text) == taken


@pytest.mark.parametrize("name", NAMES)
def test_it_begins_with_what_it_does(name):
    assert re.match(r"-- [A-Z].+", (QUERIES / f"{name}.sql").read_text())


def test_each_is_sent_by_exactly_one_function_of_its_name():
    senders = defaultdict(list)
    for path in python_files("service"):
        for function in functions_of(path):
            for name in statements_of(function):
                senders[name].append(f"{path.relative_to(PACKAGE).parent}:{function.name}")

    assert dict(senders) == {name: [f"store:{name}"] for name in NAMES}


def test_there_is_no_sql_anywhere_else():
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in python_files("service")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)
    ]

    assert found == []


def test_names_are_qualified_with_the_schema():
    found = {}
    for name in NAMES:
        text = (QUERIES / f"{name}.sql").read_text()
        loose = set(UNQUALIFIED.findall(text)) - set(COMMON_TABLE.findall(text))
        if loose:
            found[name] = loose

    assert found == {}


def said(text):
    header = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        header.append(line.removeprefix("--"))
    return {int(number): TYPES[kind] + array for number, kind, array in PARAMETER.findall("\n".join(header))}


def functions_of(path):
    tree = ast.parse(path.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def statements_of(function):
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "statement":
            argument = node.args[0]
            assert isinstance(argument, ast.Constant), f"{function.name} does not name its statement"
            yield argument.value
