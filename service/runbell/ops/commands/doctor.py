"""`runbell doctor`: is everything as it must be, and if not, what to do."""

from typing import Annotated

import anyio
import msgspec
import typer
from rich.text import Text

from runbell.core.errors import SettingsError
from runbell.ops.asking import Url, UrlFile
from runbell.ops.doctor import Finding, look_at_database, look_at_sensors, look_at_settings
from runbell.ops.failures import explained
from runbell.ops.settings import Settings, read_settings
from runbell.ops.tables import console

MARKS = {"ok": ("ok", "green"), "warning": ("note", "yellow"), "failed": ("FAILED", "bold red")}


def doctor(
    *,
    sensors: Annotated[str | None, typer.Option(help="RUNBELL_SENSORS", metavar="VALUE", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """Check settings, sensors, database, schema, rights, triggers, notifications and clock; say what to do.

    Exit code 0 when nothing fails, else that of the first failure: 2, 3 or 4.
    """
    with explained():
        findings: list[Finding] = []
        try:
            settings = read_settings(sensors=sensors, database_url=database_url, database_url_file=database_url_file)
        except SettingsError as error:
            findings += [Finding("settings", "failed", one, "set it so", 2) for one in str(error).splitlines()]
        else:
            findings += [*look_at_settings(), look_at_sensors(settings)]
            findings += anyio.run(_database, settings)
        if as_json:
            typer.echo(msgspec.json.format(msgspec.json.encode(findings), indent=2))
        else:
            _show(findings)
    raise typer.Exit(next((finding.code for finding in findings if finding.state == "failed"), 0))


async def _database(settings: Settings) -> list[Finding]:
    return [finding async for finding in look_at_database(settings)]


def _show(findings: list[Finding]) -> None:
    out = console()
    for finding in findings:
        mark, style = MARKS[finding.state]
        out.print(Text.assemble((f"{mark:<7}", style), f"{finding.check:<9} {finding.said}"))
        if finding.remedy and finding.state != "ok":
            out.print(Text(f"{'':<17}{finding.remedy}"))
