"""Makes the pages of docs/reference from the code, and from what the README and docs/operating.md say of it."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from runbell.core import errors
from runbell.core.errors import RunbellError
from runbell.ops.exposition import FAMILIES
from runbell.ops.histograms import BUCKETS
from runbell.ops.sentences import EXIT_CODES
from runbell.ops.settings import PREFIX, Settings
from support.house import PACKAGE, ROOT

MADE = "Made from the code; `DOCS=write pytest -n0 tests/docs` makes it anew.\n"
LEVELS = ("debug", "info", "warning", "error", "exception", "critical")
# What can be done about a kind of error where its sentence does not say it.
REMEDIES = {
    "DefinitionError": "Change the sensor; `runbell check` tries it without a database.",
    "SettingsError": "Change the setting or the argument that it names.",
    "LoadingError": "Change `RUNBELL_SENSORS`, or the module that it names; `runbell check` tries it.",
    "SchemaBehindError": "Run `runbell migrate` as the owner of the schema, then start again.",
    "StoreUnavailableError": "See whether the server runs and lets this role in; a running daemon tries on by itself.",
    "StatementRefusedError": "Change the value that it names: repeating the same cannot help.",
    "StatementAbortedError": "Nothing: it is repeated. Often: look for long transactions and locks.",
    "WrongServerError": "Point `RUNBELL_DATABASE_URL` at the server that the places belong to.",
    "NotHereError": "Use what it names instead; the README lists what differs from Dagster.",
    "NotifyError": "Look at the notifier that the log names; the message is sent again.",
    "RunbellError": "Do what the sentence says.",
}


def pages() -> dict[str, str]:
    """The text of each page by its name."""
    return {
        "settings.md": settings_page(),
        "metrics.md": metrics_page(),
        "log-events.md": log_events_page(),
        "errors.md": errors_page(),
    }


def settings_page() -> str:
    meanings = dict(re.findall(r"^\| `(RUNBELL_\w+)` \| .*? \| (.*) \|$", read("README.md"), re.MULTILINE))
    rows = []
    for name, found in Settings.model_fields.items():
        variable = f"{PREFIX}{name.upper()}"
        default = f"`{found.default:g}`" if isinstance(found.default, float) else f"`{found.default}`"
        if found.default_factory is not None:
            default = "`console` on a terminal, else `json`"
        if found.default is None or found.is_required():
            default = "(none)"
        meaning = meanings[variable].replace("](docs/", "](../")
        rows.append(f"| `{variable}` | `--{name.replace('_', '-')}` | {default} | {found.description} | {meaning} |")
    return table_page(
        "Settings",
        "Each is an environment variable, and a flag of `runbell serve`, which wins. All bad values are reported"
        " at once.",
        ["variable", "flag", "default", "must be", "meaning"],
        rows,
    )


def metrics_page() -> str:
    rows = []
    for family in FAMILIES:
        labels = "{" + ",".join(family.labels) + "}" if family.labels else ""
        rows.append(f"| `{family.name}{labels}` | {family.kind} | {family.meaning} |")
    buckets = ", ".join(f"{bound:g}" for bound in BUCKETS)
    return table_page(
        "Metrics",
        "Answered on `/metrics`, also while the database is away. Replicas report the same gauges of sensors and"
        f" requests, so take `max by`; counters and histograms add up. Buckets in seconds: {buckets}. There are as many"
        " series with a sensor as the module has sensors; of what is read or committed together a sample of 16 stands"
        " for the rest.",
        ["name", "type", "meaning"],
        rows,
    )


@dataclass
class Logged:
    """A log event, wherever it is logged."""

    levels: set[str] = field(default_factory=set)
    facts: set[str] = field(default_factory=set)


def log_events_page() -> str:
    explained = {}
    for names, says in re.findall(
        r"^\| ((?:`\w+`(?:, )?)+) \|[^|]*\| (.*) \|$", read("docs/operating.md"), re.MULTILINE
    ):
        explained.update(dict.fromkeys(re.findall(r"`(\w+)`", names), says))
    found: dict[str, Logged] = defaultdict(Logged)
    for call in calls():
        if is_log(call) and isinstance(call.args[0], ast.Constant):
            logged = found[str(call.args[0].value)]
            logged.levels.add({"exception": "error"}.get(call.func.attr, call.func.attr))  # type: ignore[attr-defined]
            logged.facts |= {keyword.arg for keyword in call.keywords if keyword.arg}
    rows = [
        f"| `{name}` | {', '.join(sorted(one.levels))} | {', '.join(f'`{fact}`' for fact in sorted(one.facts))} |"
        f" {moved(explained.get(name, ''))} |"
        for name, one in sorted(found.items())
        if not name.startswith("simulated_")
    ]
    return table_page(
        "Log events",
        "One a line on stdout, with `timestamp`, `level` and `event`. The facts are those that always have the same"
        " name; what it says tells of others.",
        ["event", "level", "facts", "says"],
        rows,
    )


def moved(text: str) -> str:
    """What stands in docs/operating.md, for a page of the folder below: its links lead to the same."""
    return re.sub(r"\]\((?!\w+://)", "](../", text.replace("](#", "](operating.md#"))


def errors_page() -> str:
    sentences: dict[str, list[str]] = defaultdict(list)
    for node in nodes():
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            kind = node.exc.func.id if isinstance(node.exc.func, ast.Name) else ""
            text = pattern(node.exc.args[0])
            if kind in REMEDIES and text.count("…") < len(text.split()):
                sentences[kind].append(text)
    parts = ["# Errors\n", MADE, "A sentence names the thing, its value and what to do; … stands for what it names.\n"]
    for kind, remedy in REMEDIES.items():
        found = sorted(set(sentences[kind]))
        error = getattr(errors, kind, None)
        if error is None and not found:
            continue
        codes = [code for known, code in EXIT_CODES.items() if error is not None and issubclass(error, known)]
        parts.append(f"## {kind}\n")
        if error is not None:
            parts.append(f"{(error.__doc__ or '').splitlines()[0]}\n")
        ends = f"Exit code {codes[0]} where a command ends by it. " if codes else ""
        parts.append(f"{ends}{remedy}\n")
        parts.extend(f"- {text}" for text in found)
        if found:
            parts.append("")
    return "\n".join(parts).rstrip("\n") + "\n"


def unexplained_errors() -> set[str]:
    """Errors of Runbell that the page has no remedy for."""
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, RunbellError)}
    return kinds - set(REMEDIES)


def pattern(node: ast.expr) -> str:
    """A message as it stands in the code, with … for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return " ".join(node.value.split())
    if isinstance(node, ast.JoinedStr):
        text = "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        return " ".join(text.split())
    return "…"


def table_page(title: str, intro: str, columns: list[str], rows: list[str]) -> str:
    head = f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}\n"
    return f"# {title}\n\n{MADE}\n{intro}\n\n{head}" + "\n".join(rows) + "\n"


def is_log(call: ast.Call) -> bool:
    target = call.func
    return (
        isinstance(target, ast.Attribute)
        and isinstance(target.value, ast.Name)
        and (target.value.id == "log" and target.attr in LEVELS and bool(call.args))
    )


def calls() -> Iterator[ast.Call]:
    return (node for node in nodes() if isinstance(node, ast.Call))


def nodes() -> Iterator[ast.AST]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield from ast.walk(ast.parse(path.read_text()))


def read(name: str) -> str:
    return (ROOT / name).read_text()


def folder() -> Path:
    return ROOT / "docs" / "reference"
