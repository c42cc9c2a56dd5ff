"""`runbell attach` and `runbell detach`: watch the runs of an orchestrator, or stop watching them."""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import anyio
import typer

from runbell.core.errors import SettingsError
from runbell.core.sources import AttachedSource
from runbell.ops import schema
from runbell.ops.asking import Url, UrlFile, database_url_of
from runbell.ops.failures import explained
from runbell.sources import attaching
from runbell.sources.attached import read_attached
from runbell.sources.attaching import Attachment
from runbell.sources.reconciling import close_gaps
from runbell.store import connections
from runbell.store.connections import Connection

# Noting the status of every run of a big orchestrator takes its time.
PATIENT = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
# A name, or "a name", with an optional schema before it.
TABLE = re.compile(r'(?:(?:"(?P<qs>[^"]+)"|(?P<s>[^".]+))\.)?(?:"(?P<qt>[^"]+)"|(?P<t>[^".]+))')

attach = typer.Typer(
    help="Watch the runs of an orchestrator.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

NoTrigger = Annotated[
    bool, typer.Option("--no-trigger", help="Where triggers are not allowed: compare the tables each second instead.")
]
Check = Annotated[bool, typer.Option("--check", help="Only say whether it is attached as it should be.")]


@attach.command("dagster")
def attach_dagster(
    *,
    schema_name: Annotated[str, typer.Option("--schema", help="Where Dagster's tables are.")] = "public",
    source: Annotated[str, typer.Option(help="The name that its events get.")] = "dagster",
    no_trigger: NoTrigger = False,
    check: Check = False,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """Watch the runs of a Dagster that keeps them in this database."""
    with explained():
        wanted = Attachment(
            source=source,
            kind="dagster",
            settings={"schema": schema_name},
            trigger="none" if no_trigger else "row",
        )
        _run(database_url_of(database_url, database_url_file), wanted, check=check)


@attach.command("table")
def attach_table(  # noqa: PLR0913 - each column has its flag
    *,
    table: Annotated[str, typer.Option(help="The table that has one row a run: TABLE or SCHEMA.TABLE.")],
    id_column: Annotated[str, typer.Option("--id", help="The column of the run's id.")],
    status: Annotated[str, typer.Option(help="The column of its status.")],
    job: Annotated[str, typer.Option(help="The column of its job's name.")],
    partition: Annotated[str | None, typer.Option(help="The column of its partition key.")] = None,
    tags: Annotated[str | None, typer.Option(help="The column of its tags, a JSON object.")] = None,
    location: Annotated[str | None, typer.Option(help="The column of its code location.")] = None,
    map_: Annotated[
        list[str] | None, typer.Option("--map", help="What a status of theirs means: OLD=NEW, several times.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="The name that its events get; else the table's.")] = None,
    statement: Annotated[
        bool, typer.Option("--statement", help="One trigger a statement, not a row: for bulk changes.")
    ] = False,
    no_trigger: NoTrigger = False,
    check: Check = False,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """Watch the runs in a table of your own."""
    with explained():
        schema_name, table_name = _parse_table(table)
        columns = {"id": id_column, "status": status, "job": job, "partition": partition, "tags": tags}
        settings: dict[str, object] = {
            "schema": schema_name,
            "table": table_name,
            "map": _parse_map(map_ or []),
            **{key: column for key, column in {**columns, "location": location}.items() if column is not None},
        }
        form = "none" if no_trigger else "statement" if statement else "row"
        wanted = Attachment(source=source or table_name, kind="table", settings=settings, trigger=form)
        _run(database_url_of(database_url, database_url_file), wanted, check=check)


def detach(
    source: Annotated[str, typer.Argument(help="The name of the source: dagster, or the table's.")],
    *,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """Stop watching the runs of an orchestrator."""

    async def act(connection: Connection) -> None:
        await attaching.detach(connection, source)
        typer.echo(f"detached {source}: its triggers are gone, what was recorded stays")

    with explained():
        anyio.run(_with_connection, database_url_of(database_url, database_url_file), act)


def _run(database_url: str, wanted: Attachment, *, check: bool) -> None:
    async def act(connection: Connection) -> None:
        await (_check(connection, wanted) if check else _attach(connection, wanted))

    anyio.run(_with_connection, database_url, act)


async def _with_connection(database_url: str, act: Callable[[Connection], Awaitable[None]]) -> None:
    connection = await connections.connect(database_url, role="attach", command_seconds=None, **PATIENT)
    try:
        await schema.require_schema(connection)
        await act(connection)
    finally:
        await connection.close()


async def _attach(connection: Connection, wanted: Attachment) -> None:
    new = await attaching.attach(connection, wanted)
    # What changed since the state was noted and before the triggers stood.
    await close_gaps(connection, await _find(connection, wanted.source))
    how = {"row": "by a row trigger", "statement": "by a statement trigger", "none": "by comparing it each second"}
    done = "attached" if new else "attached before"
    typer.echo(f"{wanted.source} {done}: {wanted.table} is watched {how[wanted.trigger]}")


async def _check(connection: Connection, wanted: Attachment) -> None:
    faults = await attaching.find_faults(connection, wanted.source)
    if faults:
        raise SettingsError("\n".join(faults))
    found = await _find(connection, wanted.source)
    typer.echo(f"{wanted.source} is attached, and its triggers ({found.trigger or 'none'}) are as they should be")


async def _find(connection: Connection, source: str) -> AttachedSource:
    return next(found for found in await read_attached(connection) if found.source == source)


def _parse_table(given: str) -> tuple[str, str]:
    found = TABLE.fullmatch(given)
    if found is None:
        raise SettingsError(f'--table is {given!r}, but it must be TABLE or SCHEMA.TABLE, names with dots in "quotes"')
    return found["qs"] or found["s"] or "public", found["qt"] or found["t"]


def _parse_map(given: list[str]) -> dict[str, Any]:
    wrong = [pair for pair in given if not re.fullmatch(r".+=.+", pair, re.DOTALL)]
    if wrong:
        raise SettingsError(f"--map is {wrong[0]!r}, but it must be OLD=NEW, such as --map done=SUCCESS")
    return dict(pair.rsplit("=", 1) for pair in given)
