"""The pages, each made from what its address asks for."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import msgspec

from runbell.ops.chains import Bounds, read_causes, read_tree
from runbell.ops.console.looking import Look, Page, Question
from runbell.ops.console.plots import Point, plot
from runbell.ops.console.sensor_list import ORDERS, SHOWN, list_page, listed
from runbell.ops.watching import said_filter, said_narrowing
from runbell.store import inspection
from runbell.store.overview import filter_of

Maker: TypeAlias = Callable[[Look, Question], Awaitable[Page]]

ROWS = 50
# What the plots show: the newest so many ticks.
TICKS = 300
LOG_LINES = 50
# Of a chain so much is shown.
BOUNDS = Bounds(depth=10, rows=300, watchers=1000)
WANTED = ("any", "open", "ended", "launched")


async def overview(look: Look, question: Question) -> Page:
    """How everything stands."""
    part, shown, order = question.text("name"), question.choice("show", SHOWN), question.choice("order", ORDERS)
    sensors = list_page(
        look.standing.everyone, part_of_name=part, shown=shown, order=order, page=question.number("page") or 1
    )
    values = {
        "sensors": sensors,
        "standing": look.standing,
        "part": part,
        "shown": shown,
        "shown_choices": SHOWN,
        "order": order,
        "orders": ORDERS,
    }
    commands = [
        ("the same in a terminal", ["status"]),
        ("what each sensor watches, before it is deployed", ["check"]),
    ]
    return Page("overview.html", "Overview", values, commands)


async def sensor(look: Look, question: Question) -> Page:
    """One sensor."""
    name = question.required("name")
    before = question.number("before")
    session = await look.session()
    row = await inspection.read_sensor(session, name)
    if row is None:
        return missing(
            f"There is no sensor of the name {name!r}.", [("the sensors that there are", ["sensors", "list"])]
        )
    ticks = await inspection.page_ticks(session, name, before, TICKS)
    state = next((one for one in look.standing.everyone if one.sensor_name == name), None)
    values = {
        "sensor": row,
        "listed": None if state is None else listed(state),
        "stalls": [one for one in look.standing.stalls if one.sensor_name in {None, name}],
        "watches": _watches(str(row["filter"])),
        "ticks": [{**tick, "notable": _notable(tick["details"])} for tick in ticks[:ROWS]],
        "older": ticks[ROWS - 1]["tick_id"] if len(ticks) > ROWS else None,
        "before": before,
        "lag": plot(_points(ticks, "oldest_seconds")),
        "latency": plot(_points(ticks, "newest_seconds")),
        "waiting": await inspection.page_waiting_evaluations(session, name, ROWS),
        "dead_letters": await inspection.page_dead_letters(session, name, None, 10),
        "requests": await inspection.page_run_requests(session, "any", name, None, 10),
        "log_lines": [_told(line) for line in look.log_lines.of(name, LOG_LINES)],
    }
    return Page("sensor.html", name, values, _sensor_commands(name, dead=bool(row["dead"])))


async def run(look: Look, question: Question) -> Page:
    """A run: what led to it, what sensors made of it, what that led to."""
    run_id = question.text("id")
    if run_id is None:
        return Page("find_run.html", "Find a run", {})
    session = await look.session()
    runs = await inspection.search_runs(session, run_id, question.text("source"))
    if not runs:
        found = missing(f"No run of the id {run_id!r} is known.", [])
        return Page("find_run.html", found.title, {**found.values, "wanted": run_id}, status=404)
    found_runs = []
    for row in runs:
        key = str(row["source"]), run_id
        causes = await read_causes(session, key, BOUNDS)
        found_runs.append((row, causes, await read_tree(session, key, BOUNDS)))
    commands = [("the same in a terminal", ["runs", "show", run_id])]
    return Page("run.html", f"Run {run_id}", {"found": found_runs, "depth": BOUNDS.depth}, commands)


async def requests(look: Look, question: Question) -> Page:
    """Run requests, the newest first."""
    wanted, name = question.choice("show", WANTED), question.text("sensor")
    before = question.number("before")
    found = await inspection.page_run_requests(await look.session(), wanted, name, before, ROWS + 1)
    older = found[ROWS - 1]["request_id"] if len(found) > ROWS else None
    asked = {"wanted": wanted, "choices": WANTED, "sensor_name": name, "before": before}
    values = {"rows": found[:ROWS], "older": older, "standing": look.standing, **asked}
    commands = [
        ("the same in a terminal", ["requests", "list"]),
        ("put one that failed into the queue again", ["requests", "retry", "REQUEST_ID"]),
        ("take one out of the queue", ["requests", "cancel", "REQUEST_ID"]),
    ]
    return Page("requests.html", "Run requests", values, commands)


async def request(look: Look, question: Question) -> Page:
    """One run request."""
    request_id = question.number("id")
    row = None if request_id is None else await inspection.read_run_request(await look.session(), request_id)
    if row is None:
        return missing(f"There is no run request {request_id}.", [("the newest ones", ["requests", "list"])])
    commands = []
    if row["state"] in {"failed", "canceled"}:
        commands.append(("put it into the queue again", ["requests", "retry", str(request_id)]))
    if row["state"] in {"pending", "claimed"}:
        commands.append(("take it out of the queue", ["requests", "cancel", str(request_id)]))
    return Page("request.html", f"Run request {request_id}", {"request": row}, commands)


async def dead_letters(look: Look, question: Question) -> Page:
    """Dead letters, the newest first."""
    name, before = question.text("sensor"), question.number("before")
    found = await inspection.page_dead_letters(await look.session(), name, before, ROWS + 1)
    older = found[ROWS - 1]["evaluation_id"] if len(found) > ROWS else None
    values = {"rows": found[:ROWS], "older": older, "sensor_name": name, "before": before}
    which = ["--all"] if name is None else [f"--sensor={name}"]
    commands = [
        ("call them again; it asks first", ["dead-letters", "retry", *which]),
        ("forget them; it asks first", ["dead-letters", "drop", *which]),
    ]
    return Page("dead_letters.html", "Dead letters", values, commands)


async def dead_letter(look: Look, question: Question) -> Page:
    """One dead letter."""
    evaluation_id = question.number("id")
    row = None if evaluation_id is None else await inspection.read_dead_letter(await look.session(), evaluation_id)
    if row is None:
        return missing(
            f"There is no dead letter {evaluation_id} any more.", [("those there are", ["dead-letters", "list"])]
        )
    commands = [
        ("call the sensor again; it asks first", ["dead-letters", "retry", str(evaluation_id)]),
        ("forget it; it asks first", ["dead-letters", "drop", str(evaluation_id)]),
    ]
    return Page("dead_letter.html", f"Dead letter {evaluation_id}", {"letter": row}, commands)


async def replicas(look: Look, _: Question) -> Page:
    """The processes that share the sensors."""
    commands = [("the same in a terminal", ["status"]), ("one more of them, anywhere", ["serve"])]
    return Page("replicas.html", "Replicas", {"standing": look.standing}, commands)


def missing(sentence: str, commands: list[tuple[str, list[str]]], status: int = 404) -> Page:
    """A page that says that there is nothing to show, and what to do."""
    return Page("message.html", "Not found" if status == 404 else "Not shown", {"sentence": sentence}, commands, status)


PAGES: Mapping[str, Maker] = {
    "/": overview,
    "/sensor": sensor,
    "/run": run,
    "/requests": requests,
    "/request": request,
    "/dead-letters": dead_letters,
    "/dead-letter": dead_letter,
    "/replicas": replicas,
}


def _sensor_commands(name: str, *, dead: bool) -> list[tuple[str, list[str]]]:
    # Behind `--`, so that a name that looks like an option is none.
    given = ["--", name] if name.startswith("-") else [name]
    commands = [
        ("the same in a terminal", ["sensors", "show", *given]),
        ("stop it, over all replicas and restarts", ["sensors", "stop", *given]),
        ("start it again", ["sensors", "start", *given]),
        ("where it has got to", ["cursor", "show", *given]),
        ("evaluate again what happened in the last hour; it asks first", ["replay", "--since", "1h", *given]),
    ]
    if dead:
        commands.append(("call what was given up again; it asks first", ["dead-letters", "retry", f"--sensor={name}"]))
    return commands


def _watches(stored: str) -> list[str]:
    """What it watches, then what it only watches of that, if it asks for more."""
    wanted = filter_of(stored)
    return [said for said in (said_filter(wanted), said_narrowing(wanted)) if said]


def _points(ticks: list[inspection.Row], column: str) -> list[Point]:
    return [
        Point(float(str(tick["settled"])), float(str(tick[column])), bool(tick["failed"]))
        for tick in ticks
        if tick[column] is not None and tick["settled"] is not None
    ]


def _notable(details: object) -> list[dict[str, object]]:
    """What a tick kept of its evaluations; whatever else somebody put there is nothing."""
    try:
        found = msgspec.json.decode(str(details), type=list[dict[str, object]])
    except (msgspec.MsgspecError, RecursionError):
        return []
    return [one for one in found if {"event_id", "outcome", "said"} <= one.keys()]


def _told(line: dict[str, object]) -> dict[str, object]:
    """A log line in the order in which it is read."""
    first = {name: line.get(name, "") for name in ("timestamp", "level", "event")}
    facts = {name: value for name, value in line.items() if name not in first and name not in {"sensor", "error"}}
    return {**first, "facts": facts, "error": line.get("error")}
