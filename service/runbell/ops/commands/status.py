"""`runbell status`: how everything stands, on one screen."""

import sys
from typing import Annotated

import anyio
import msgspec
import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from runbell.core.errors import SettingsError, StoreUnavailableError
from runbell.ops.asking import Url, UrlFile, ask, database_url_of
from runbell.ops.failures import explained
from runbell.ops.masking import mask
from runbell.ops.overview import read_overview
from runbell.ops.screen import drawn
from runbell.ops.signals import StopSignals, stop_signals
from runbell.ops.tables import console
from runbell.store import connections

LOOK_SECONDS = 1.0


def status(
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every second, until Ctrl-C.")] = False,
    limit: Annotated[int, typer.Option(help="So many sensors, those that need a look first.", min=1)] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, of all sensors.")] = False,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """Show sensors, requests and daemons at a glance, and why what does not move does not."""
    with explained():
        url = database_url_of(database_url, database_url_file)
        if watch:
            if as_json or not sys.stdout.isatty():
                raise SettingsError("--watch is for a terminal; without one ask again and again with --json")
            anyio.run(_watch, url, limit)
            return
        overview = ask(url, read_overview)
        if as_json:
            typer.echo(msgspec.json.format(msgspec.json.encode(overview.document()), indent=2))
        else:
            console().print(drawn(overview, limit), highlight=False)


async def _watch(url: str, limit: int) -> None:
    """Look until told to stop. A database that goes away is waited for."""
    async with stop_signals(0.0) as stop:
        with Live(console=console(), screen=True, auto_refresh=False) as live:
            while not stop.asked:
                try:
                    await _look(url, limit, live, stop)
                except StoreUnavailableError as error:
                    live.update(Group(Text(mask(f"the database cannot be reached: {error}"))), refresh=True)
                    await _pause(stop)


async def _look(url: str, limit: int, live: Live, stop: StopSignals) -> None:
    """Look again and again on one session, for as long as it lasts."""
    session = await connections.connect(url, role="command")
    try:
        while not stop.asked:
            live.update(drawn(await read_overview(session), limit), refresh=True)
            await _pause(stop)
    finally:
        session.terminate()


async def _pause(stop: StopSignals) -> None:
    with anyio.move_on_after(LOOK_SECONDS):
        await stop.wait()
