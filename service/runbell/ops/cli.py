"""The command line. Each command is imported when it is called: listing them is quick, and `serve` stays lean."""

from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from runbell.ops.imports import without

# Each lies in runbell.ops.commands, in the module of its name unless another is given: a function of its name, or,
# where it has commands of its own, a typer app.
COMMANDS = {
    "dev": "Show everything at work: a database, example sensors and a simulated orchestrator.",
    "serve": "Answer run status changes until told to stop.",
    "migrate": "Bring the schema up to date.",
    "check": "Load the sensors and say what each of them watches.",
    "attach": "Watch the runs of an orchestrator.",
    "detach": "Stop watching the runs of an orchestrator.",
    "launch": "Start the requested runs of a target.",
    "status": "Show sensors, requests and daemons at a glance, and why what does not move does not.",
    "sensors": "Show, start and stop sensors.",
    "ticks": "Show what a sensor has done.",
    "runs": "Show what became of a run: who answered it, how, and the runs that came of it.",
    "launchers": "Show what waits to be launched; pause and resume targets.",
    "requests": "Show run requests, and retry or cancel them.",
    "dead-letters": "Show evaluations that were given up, call them again, or drop them.",
    "retention": "Show what the tables hold, and remove what is old.",
    "cursor": "Show where a sensor stands, and move it.",
    "replay": "Call a sensor once more for events that it has passed.",
    "backtest": "Run the sensors of today over recorded events; writes and sends nothing.",
    "preview": "Run a sensor of today over the events of one run; writes and sends nothing.",
    "doctor": "Check database, rights, triggers, notifications, settings and sensors, and say what to do.",
}
MODULES = {"detach": "attach", "preview": "backtest"}


class Later(TyperCommand):
    """A command that is imported when it is called."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the command itself, so that it is that which runs."""
        return self._itself().make_context(info_name, args, parent, **extra)

    def _itself(self) -> Any:
        name = str(self.name)
        attribute = name.replace("-", "_")
        if name == "serve":
            # It draws nothing and runs nobody's code. For tracebacks in colour, which we never print, structlog imports
            # the whole of rich: 0.09 of the 1.3 s until it is ready, and 4 MB for as long as it runs.
            with without("rich"):
                import_module("structlog")
        found = getattr(import_module(f"runbell.ops.commands.{MODULES.get(name, attribute)}"), attribute)
        if isinstance(found, typer.Typer):
            return get_command(found)
        only = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        only.command(name, help=COMMANDS[name])(found)
        return get_command(only)


class Commands(TyperGroup):
    """The commands of the table above."""

    def list_commands(self, _context: Any) -> list[str]:
        """In the order of the table, which is the order in which they are met."""
        return list(COMMANDS)

    def get_command(self, _context: Any, name: str) -> TyperCommand | None:
        """The command, not imported yet."""
        return Later(name=name, callback=None, help=COMMANDS[name]) if name in COMMANDS else None


app = typer.Typer(
    cls=Commands,
    help="Answers run status changes: calls the sensors that asked for them and requests the runs that these want.",
    epilog="Exit codes: 0 done or drained, 1 a bug, 2 settings or sensors module, 3 schema not migrated, "
    "4 database unreachable.",
    no_args_is_help=True,
    add_completion=False,
    # Its tracebacks show local variables, and those hold secrets.
    pretty_exceptions_enable=False,
)


@app.callback()
def runbell(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", is_eager=True, callback=lambda asked: _show(asked=asked)),
    ] = False,
) -> None:
    """What every command shares: nothing."""


def _show(*, asked: bool) -> None:
    if asked:
        typer.echo(version("runbell"))
        raise typer.Exit
