"""`runbell replay SENSOR`: evaluate recorded events once more, on purpose."""

from typing import Annotated

import typer

from runbell.core.errors import SettingsError
from runbell.ops.asking import Url, UrlFile, Yes, ask, database_url_of
from runbell.ops.confirming import confirmed
from runbell.ops.failures import explained
from runbell.ops.finding import read_moment
from runbell.ops.replaying import find_replay, replay_events
from runbell.store.replaying import Recorded


def replay(
    name: Annotated[str, typer.Argument(help="As `sensors list` shows it.", metavar="SENSOR")],
    *,
    since: Annotated[str | None, typer.Option(help="Recorded from then on: a time, or 90s, 36h, 2d ago.")] = None,
    until: Annotated[str | None, typer.Option(help="Recorded before then; else up to now.")] = None,
    event: Annotated[list[int] | None, typer.Option(help="This event; repeatable.", metavar="EVENT_ID")] = None,
    new_requests: Annotated[
        bool, typer.Option("--new-requests", help="Request runs anew; else what was requested already is not doubled.")
    ] = False,
    yes: Yes = False,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """Call a sensor once more for events that it has passed.

    With --new-requests the replay gets a number; run keys get it as their suffix, and idempotency keys differ.
    """
    with explained():
        url = database_url_of(database_url, database_url_file)
        recorded = _which(since, until, event)
        found = ask(url, lambda session: find_replay(session, name, recorded), patient=True)
        count = len(found.event_ids)
        if not count:
            typer.echo(f"no events: {name} asks for none that was recorded then")
            return
        requests = "requesting runs anew" if new_requests else "without doubling what it has requested"
        if not confirmed(f"call {name} once more for {count:,} event{'s' if count > 1 else ''}, {requests}", yes=yes):
            return
        done = ask(url, lambda session: replay_events(session, found, new_requests=new_requests), patient=True)
        number = f", as replay {done.number}" if done.number else ""
        typer.echo(f"{name} is called once more for {done.events:,} event{'s' if done.events != 1 else ''}{number}")
        if left := count - done.events:
            typer.echo(f"left alone: {left:,} that it has not passed yet, or that it is being called for just now")
        if not found.sensor.active:
            typer.echo(f"it is stopped: they wait for `runbell sensors start {name}`")


def _which(since: str | None, until: str | None, event_ids: list[int] | None) -> Recorded:
    if event_ids and (since or until):
        raise SettingsError("--event and --since say two things: give one of them")
    if not event_ids and since is None:
        raise SettingsError("say which events: --since TIME, with --until TIME if you like, or --event EVENT_ID")
    return Recorded(read_moment("--since", since), read_moment("--until", until), event_ids)
