"""`runbell backtest` and `runbell preview`: the sensors of today over what was recorded; nothing is written or sent."""

import time
from typing import Annotated, Any

import anyio
import msgspec
import typer

from runbell.core.backtests import Rehearsed, Tally
from runbell.core.errors import SettingsError
from runbell.core.events import RunEvent
from runbell.core.moments import said_moment
from runbell.core.rehearsal import Unsent
from runbell.core.requests import RequestDraft
from runbell.ops.asking import Url, UrlFile
from runbell.ops.backtesting import Chosen, beside_the_answer
from runbell.ops.backtesting import backtest as run_backtest
from runbell.ops.backtesting import preview as run_preview
from runbell.ops.failures import explained
from runbell.ops.finding import read_moment
from runbell.ops.settings import Settings, read_settings
from runbell.store.recorded import History

UV = {"use_uvloop": True}
SHOWN = 10

Name = Annotated[str, typer.Argument(help="The sensor's name in the module.", metavar="SENSOR")]
Sensors = Annotated[str | None, typer.Option(help="RUNBELL_SENSORS", metavar="VALUE", show_default=False)]
CodeLocation = Annotated[str | None, typer.Option(help="RUNBELL_CODE_LOCATION", metavar="VALUE", show_default=False)]


def backtest(  # noqa: PLR0913 - each setting has its flag
    name: Name,
    *,
    since: Annotated[str, typer.Option(help="Recorded from then on: a time, or 90s, 36h, 2d ago.")],
    until: Annotated[str | None, typer.Option(help="Recorded before then; else up to now.")] = None,
    limit: Annotated[int, typer.Option(help="So many requests, messages and failures are kept.", min=0)] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    sensors: Sensors = None,
    code_location: CodeLocation = None,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """Call a sensor of today for recorded events: shows what it would request and send, and what is different.

    Nothing is written, and what `notify` would send is kept. What the function does to the world by other means, it
    does.
    """
    with explained():
        settings = _settings(sensors, code_location, database_url, database_url_file)
        history = History(read_moment("--since", since), read_moment("--until", until))
        began = time.perf_counter()
        with beside_the_answer(settings):
            chosen = Chosen.load(name, settings)
            tally = anyio.run(run_backtest, chosen, history, limit, backend_options=UV)
        seconds = time.perf_counter() - began
        if as_json:
            typer.echo(msgspec.json.format(msgspec.json.encode(_document(chosen, tally, seconds)), indent=2))
        else:
            typer.echo("\n".join(_said(chosen, tally, seconds)))


def preview(
    name: Name,
    *,
    run: Annotated[str, typer.Option(help="The run's id in the orchestrator.", metavar="ID")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, an object for each event.")] = False,
    sensors: Sensors = None,
    code_location: CodeLocation = None,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """Call a sensor of today for what is recorded of one run: shows everything that would come of it.

    As with `backtest`, nothing is written, and what `notify` would send is kept.
    """
    with explained():
        settings = _settings(sensors, code_location, database_url, database_url_file)
        with beside_the_answer(settings):
            chosen = Chosen.load(name, settings)
            found = anyio.run(run_preview, chosen, run, backend_options=UV)
        if not found and not as_json:
            raise SettingsError(f"{chosen.sensor_name} asks for nothing that is recorded of run {run!r}")
        if as_json:
            typer.echo(msgspec.json.format(msgspec.json.encode([_evaluated(one) for one in found]), indent=2))
        else:
            typer.echo("\n".join(line for one in found for line in _said_whole(one)))


def _settings(
    sensors: str | None, code_location: str | None, database_url: str | None, database_url_file: str | None
) -> Settings:
    return read_settings(
        sensors=sensors, code_location=code_location, database_url=database_url, database_url_file=database_url_file
    )


def _document(chosen: Chosen, tally: Tally, seconds: float) -> dict[str, Any]:
    return {
        "sensor_name": chosen.sensor_name,
        "events": tally.events,
        "seconds": round(seconds, 3),
        "outcomes": dict(tally.outcomes),
        "requested": tally.requested,
        "same": tally.same,
        "added": tally.added,
        "missing": tally.missing,
        "messages": tally.messages,
        "requests": [_event(event) | _request(draft) for event, draft in tally.requests],
        "unsent": [_event(event) | _message(one) for event, one in tally.unsent],
        "failures": [_event(event) | {"error": error} for event, error in tally.failures],
    }


def _evaluated(one: Rehearsed) -> dict[str, Any]:
    conclusion = one.conclusion
    return _event(one.event) | {
        "outcome": conclusion.outcome,
        "reason": conclusion.reason,
        "error": conclusion.error,
        "requests": [_request(draft) for draft in conclusion.requests],
        "unsent": [_message(unsent) for unsent in one.unsent],
    }


def _event(event: RunEvent) -> dict[str, Any]:
    return {"event_id": event.event_id, "run_id": event.run_id, "status": event.status}


def _request(draft: RequestDraft) -> dict[str, Any]:
    raw = {name: msgspec.Raw(getattr(draft, name).encode()) for name in ("run_config", "tags")}
    return {"job_name": draft.job_name, "run_key": draft.run_key, "partition_key": draft.partition_key} | raw


def _message(unsent: Unsent) -> dict[str, Any]:
    return {"to": unsent.to, "title": unsent.title, "body": unsent.body}


def _said(chosen: Chosen, tally: Tally, seconds: float) -> list[str]:
    outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(tally.outcomes.items())) or "none"
    compared = f"of which {tally.same:,} as they were recorded and {tally.added:,} new"
    lines = [
        f"{chosen.sensor_name} of today, called for {tally.events:,} recorded events in {seconds:.1f} s: {outcomes}",
        f"requests: {tally.requested:,}, {compared}; {tally.missing:,} that were recorded would not be made",
        f"messages: {tally.messages:,}, not sent",
        "nothing was written",
    ]
    lines += [f"  {_said_event(event)}: {_said_request(draft)}" for event, draft in tally.requests[:SHOWN]]
    lines += [f"  {_said_event(event)}: {_said_message(one)}" for event, one in tally.unsent[:SHOWN]]
    lines += [
        f"  {_said_event(event)}: {error.strip().splitlines()[-1]}"
        for event, error in tally.failures[:SHOWN]
        if error.strip()
    ]
    if max(len(tally.requests), len(tally.unsent), len(tally.failures)) > SHOWN:
        lines.append(f"the first {SHOWN} of each; more with --json and --limit")
    return lines


def _said_whole(one: Rehearsed) -> list[str]:
    conclusion = one.conclusion
    why = f" ({conclusion.reason})" if conclusion.reason else ""
    lines = [f"{_said_event(one.event)} at {said_moment(one.event.recorded_at)}: {conclusion.outcome}{why}"]
    for draft in conclusion.requests:
        lines += [f"  {_said_request(draft)}", f"    run_config {draft.run_config}", f"    tags {draft.tags}"]
    lines += [f"  {_said_message(unsent)}" for unsent in one.unsent]
    lines += [f"  {line}" for line in (conclusion.error or "").splitlines()]
    return lines


def _said_event(event: RunEvent) -> str:
    return f"event {event.event_id}, {event.status} of {event.job_name} ({event.run_id})"


def _said_request(draft: RequestDraft) -> str:
    key = f" with key {draft.run_key}" if draft.run_key else ""
    partition = f" for partition {draft.partition_key}" if draft.partition_key else ""
    return f"would request {draft.job_name}{key}{partition}"


def _said_message(unsent: Unsent) -> str:
    said = " ".join(part for part in (unsent.title, *unsent.body.splitlines()[:1]) if part)
    return f"would send to {unsent.to}: {said}"
