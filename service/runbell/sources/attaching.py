"""Attaches sources and detaches them, without ever making the orchestrator wait."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio
import msgspec

from runbell.core.errors import SettingsError, StatementRefusedError
from runbell.store import sources
from runbell.store.connections import Connection

# Each try waits for the table 100 ms: whoever waits for it makes the orchestrator's own statements queue up behind.
TRIES = 40
PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """What to attach.

    Attributes:
        source: the name that its events get.
        kind: `dagster` or `table`.
        settings: where its tables and columns are; for dagster `schema`, for a table `schema`, `table`, `id`, `status`,
            `job`, if there are any `partition`, `tags`, `location`, and `map` from its statuses to Dagster's.
        trigger: `row`, `statement` or `none`.
    """

    source: str
    kind: str
    settings: dict[str, object]
    trigger: str = "row"

    @property
    def table(self) -> str:
        """The orchestrator's table of runs, for messages."""
        return f"{self.settings['schema']}.{self.settings.get('table', 'runs')}"


async def attach(connection: Connection, attachment: Attachment) -> bool:
    """Attach a source as it stands now: what happened before is not answered. False: only its triggers were seen to.

    Raises:
        SettingsError: with the table, column or right that is missing, or who holds the table.
        StoreUnavailableError: the database cannot be reached.

    Example:
        >>> async def attach_dagster(connection):
        ...     return await attach(
        ...         connection, Attachment(source="dagster", kind="dagster", settings={"schema": "public"})
        ...     )
    """
    settings = msgspec.json.encode(attachment.settings).decode()
    try:
        new = await sources.attach_source(connection, attachment.source, attachment.kind, settings)
    except StatementRefusedError as error:
        raise SettingsError(str(error)) from error
    try:
        await _insist(
            lambda: sources.set_source_triggers(connection, attachment.source, attachment.trigger), attachment.table
        )
    except SettingsError:
        if new:
            await sources.detach_source(connection, attachment.source)
        raise
    return new


async def detach(connection: Connection, source: str) -> None:
    """Detach a source: its triggers go, what was recorded stays.

    Raises:
        SettingsError: it is not attached, a right is missing, or somebody holds the table.
        StoreUnavailableError: the database cannot be reached.

    Example:
        >>> async def detach_dagster(connection):
        ...     await detach(connection, "dagster")
    """
    await _insist(lambda: sources.detach_source(connection, source), f"the table of source {source}")


async def find_faults(connection: Connection, source: str) -> list[str]:
    """What is wrong with an attached source, in sentences; empty: nothing.

    Example:
        >>> async def is_well(connection):
        ...     return not await find_faults(connection, "dagster")
    """
    return await sources.check_attached_source(connection, source)


async def _insist(action: Callable[[], Awaitable[bool]], table: str) -> None:
    for _ in range(TRIES):
        try:
            if await action():
                return
        except StatementRefusedError as error:
            raise SettingsError(str(error)) from error
        await anyio.sleep(PAUSE_SECONDS)
    raise SettingsError(f"somebody holds {table} in a long transaction: end it, or try again later")
