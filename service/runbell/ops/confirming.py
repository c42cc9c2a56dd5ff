"""Asks before a command does what cannot be undone."""

import sys

import typer

from runbell.core.errors import SettingsError


def confirmed(what: str, *, yes: bool) -> bool:
    """May it be done? Asks, unless `yes` was given. `what`: a sentence that says what would be done.

    Raises:
        SettingsError: there is nobody to ask.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise SettingsError(f"{what}: nothing was done, since there is no terminal to ask on; add --yes to do it")
    if typer.confirm(f"{what}. Go on?"):
        return True
    typer.echo("nothing was done")
    return False
