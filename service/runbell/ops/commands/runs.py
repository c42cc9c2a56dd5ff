"""`runbell runs show ID`: what became of a run."""

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from runbell.core.errors import SettingsError
from runbell.ops.asking import Url, UrlFile, ask, database_url_of
from runbell.ops.chains import AnswerNode, Bounds, EventNode, RequestNode, RunNode, read_chains
from runbell.ops.failures import explained

# Deeper ones could not be written as JSON: Python bounds how deep values may be within each other.
BOUNDS = Bounds(depth=50, rows=10_000, watchers=50_000)
# A deep branch is not squeezed into what a terminal has left of the line: it begins another one.
A_LINE = 10_000
runs = typer.Typer(help="Show what became of runs.", no_args_is_help=True, pretty_exceptions_enable=False)


@runs.callback()
def _runs() -> None:
    """Show what became of runs."""


@runs.command("show")
def show(
    run_id: Annotated[str, typer.Argument(help="The run's id in the orchestrator.", metavar="ID")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array: the chains that it belongs to.")] = False,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """Show the whole chain that a run belongs to: which sensors saw it, what each did, the runs that came of it."""
    with explained():
        url = database_url_of(database_url, database_url_file)
        chains = ask(url, lambda session: read_chains(session, run_id, BOUNDS))
        if not chains:
            raise SettingsError(f"there is no run {run_id!r}: none of this id has been recorded")
        if as_json:
            typer.echo(msgspec.json.format(msgspec.json.encode(chains), indent=2))
            return
        for chain in chains:
            tree = Tree(_said_run(chain))
            _grow(tree, chain)
            Console(width=A_LINE).print(tree)


def _grow(tree: Tree, run: RunNode) -> None:
    for event in run.events:
        branch = tree.add(_said_event(event))
        for answer in event.answers:
            leaf = branch.add(_said_answer(answer))
            for request in answer.requests:
                twig = leaf.add(_said_request(request))
                if request.run is not None:
                    _grow(twig.add(_said_run(request.run)), request.run)


def _said_run(run: RunNode) -> Text:
    cut = "; there is more than is shown" if run.cut else ""
    text = f"run {run.run_id} of {run.job_name} ({run.source}): {run.status}{cut}"
    return Text(text, style="bold" if run.asked else "")


def _said_event(event: EventNode) -> Text:
    nobody = "" if event.answers else ": no sensor asks for it"
    return Text(f"{event.status} at {event.recorded_at[:19].replace('T', ' ')}, event {event.event_id}{nobody}")


def _said_answer(answer: AnswerNode) -> Text:
    return Text(f"{answer.sensor_name}: {answer.outcome}" + (f" ({answer.said})" if answer.said else ""))


def _said_request(request: RequestNode) -> Text:
    run = f" as run {request.run_id}" if request.run_id is not None and request.run is None else ""
    error = f" ({request.error.strip().splitlines()[-1]})" if request.error and request.error.strip() else ""
    return Text(f"request {request.request_id} of {request.job_name}: {request.state}{run}{error}")
