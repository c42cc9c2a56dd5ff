"""`runbell launchers`: what waits to be launched, and whether it is to wait."""

from typing import Annotated

import typer

from runbell.ops.asking import JsonArray, Url, UrlFile, ask, database_url_of
from runbell.ops.failures import explained
from runbell.ops.tables import show_list
from runbell.store.targets import list_targets, pause_target, resume_target

COLUMNS = ("target", "paused", "pending", "claimed", "oldest_seconds")

launchers = typer.Typer(
    help="Show what waits to be launched; pause and resume targets.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Target = Annotated[str, typer.Argument(help="The target that requests name, such as dagster.", metavar="TARGET")]


@launchers.command("list")
def list_(
    *,
    limit: Annotated[int, typer.Option(help="So many.", min=1)] = 100,
    as_json: JsonArray = False,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """List the targets that have requests waiting, or are paused, by name."""
    with explained():
        url = database_url_of(database_url, database_url_file)
        rows = ask(url, lambda session: list_targets(session, limit))
        show_list(rows, COLUMNS, as_json=as_json, nothing="nothing waits to be launched")


@launchers.command()
def pause(target: Target, *, database_url: Url = None, database_url_file: UrlFile = None) -> None:
    """Let requests for a target wait, whoever launches them. What is being launched goes on."""
    with explained():
        url = database_url_of(database_url, database_url_file)
        changed = ask(url, lambda session: pause_target(session, target))
        typer.echo(f"requests for {target} wait from now on" if changed else f"requests for {target} wait already")


@launchers.command()
def resume(target: Target, *, database_url: Url = None, database_url_file: UrlFile = None) -> None:
    """Have requests for a target launched again, those that waited first."""
    with explained():
        url = database_url_of(database_url, database_url_file)
        changed = ask(url, lambda session: resume_target(session, target))
        typer.echo(f"requests for {target} are launched again" if changed else f"{target} was not paused")
