"""Asks the database one question, for commands that come, look and go."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import anyio
import typer

from runbell.ops.settings import read_settings
from runbell.store import connections

T = TypeVar("T")

# The two flags of every command that speaks with the database.
Url = Annotated[
    str | None, typer.Option("--database-url", help="RUNBELL_DATABASE_URL", metavar="VALUE", show_default=False)
]
UrlFile = Annotated[
    str | None,
    typer.Option("--database-url-file", help="RUNBELL_DATABASE_URL_FILE", metavar="VALUE", show_default=False),
]

# Those of the commands that list rows, or put an end to many of them.
Limit = Annotated[int, typer.Option(help="So many, the newest.", min=1)]
JsonArray = Annotated[bool, typer.Option("--json", help="One JSON array, every column.")]
OfSensor = Annotated[str | None, typer.Option("--sensor", help="Those of this sensor.", metavar="NAME")]
All = Annotated[bool, typer.Option("--all", help="All of them.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def database_url_of(database_url: str | None, database_url_file: str | None) -> str:
    """The URL that the two flags, or else the settings, give.

    Raises:
        SettingsError: there is none, or none that can be read.
    """
    return read_settings(database_url=database_url, database_url_file=database_url_file).database_url


def ask(url: str, question: Callable[[connections.Connection], Awaitable[T]], *, patient: bool = False) -> T:
    """The answer to a question.

    Args:
        url: as `database_url_of` or the settings give it.
        question: is given a session of its own.
        patient: its statements may take as long as they do.

    Raises:
        SettingsError: it cannot be understood.
        StoreUnavailableError: the database cannot be reached.
        SchemaBehindError: it is not migrated.

    Example:
        daemons = ask(settings.database_url, list_daemons)
    """
    return anyio.run(_ask, url, question, patient)


async def _ask(url: str, question: Callable[[connections.Connection], Awaitable[T]], patient: bool) -> T:  # noqa: FBT001 - anyio.run takes none by name
    if patient:
        session = await connections.connect(url, role="command", command_seconds=None, statement_timeout="0")
    else:
        session = await connections.connect(url, role="command")
    try:
        return await question(session)
    finally:
        await session.close()
