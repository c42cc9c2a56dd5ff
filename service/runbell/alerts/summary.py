"""What an alert says of a run unless somebody writes it himself: job, partition, step, error, how long it ran."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from runbell.alerts.cutting import cut, one_line
from runbell.core.durations import spoken

ENDINGS = {"FAILURE": "failed", "SUCCESS": "succeeded", "CANCELED": "was canceled", "STARTED": "has started"}
MOST_STEPS = 5
MOST_OF_AN_ERROR = 1500


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What is known of a run that somebody is told of.

    Attributes:
        title: one line.
        url: the run in its orchestrator's UI.
    """

    title: str
    url: str | None = None
    # Reads the failed steps: who has words of his own for them waits for no query.
    find: Callable[[], Iterator[tuple[str, str]]] = field(repr=False)

    @cached_property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """What else there is to say, each with its label; found when somebody looks."""
        return tuple(self.find())

    @property
    def text(self) -> str:
        """The facts, one a line."""
        return "\n".join(f"{label}: {value}" for label, value in self.facts)


def summarize(context: Any, *, webserver_base_url: str | None = None, muted: int = 0) -> Summary:
    """What there is to say of the run of a `def` sensor's context.

    Args:
        context: a RunStatusSensorContext.
        webserver_base_url: of the orchestrator's UI; else `RUNBELL_RUN_URL` says what the link is.
        muted: how many alerts like this one were not sent since the last that was.

    Example:
        >>> from runbell import build_run_status_sensor_context
        >>> context = build_run_status_sensor_context(status="FAILURE", message="no space", started_at=None)
        >>> summary = summarize(context, webserver_base_url="https://dagster.example/")
        >>> summary.title, summary.text, summary.url
        ('Job a_job failed', 'Error: no space\\nRun: a-run', 'https://dagster.example/runs/a-run')
    """
    run = context.dagster_run
    status = str(getattr(run.status, "value", run.status))
    return Summary(
        title=one_line(f"Job {run.job_name} {ENDINGS.get(status, f'is {status}')}", 200),
        find=partial(_facts, context, run, failed=status == "FAILURE", muted=muted),
        url=f"{webserver_base_url.rstrip('/')}/runs/{run.run_id}" if webserver_base_url else context.run_url,
    )


def _facts(context: Any, run: Any, *, failed: bool, muted: int) -> Iterator[tuple[str, str]]:
    if context.partition_key:
        yield "Partition", one_line(context.partition_key, 200)
    if failed:
        yield from _failure(context)
    seconds = _seconds(run)
    if seconds is not None:
        yield "Ran for", spoken(seconds)
    yield "Run", str(run.run_id)
    if muted:
        yield "Not told since the last alert", str(muted)


def _failure(context: Any) -> Iterator[tuple[str, str]]:
    steps = _failed_steps(context)
    if steps:
        names = [str(step.step_key) for step in steps]
        more = f" and {len(names) - MOST_STEPS} more" if len(names) > MOST_STEPS else ""
        yield ("Step" if len(names) == 1 else "Steps"), cut(", ".join(names[:MOST_STEPS]), 500) + more
    error = next(filter(None, map(_error, [*steps, context.failure_event])), None) or context.failure_event.message
    if error:
        yield "Error", cut(error.strip(), MOST_OF_AN_ERROR)


def _failed_steps(context: Any) -> Sequence[Any]:
    try:
        steps: Sequence[Any] = context.get_step_failure_events()
    except Exception as error:  # noqa: BLE001 - of whatever database or orchestrator knows them
        # An outage of what knows the steps is no reason to tell nobody that the run failed.
        context.log.warning("the failed steps cannot be read: %s: %s", type(error).__name__, error)
        return []
    return steps


def _error(event: Any) -> str | None:
    """What lies at the root of a failure: what wraps it says only where it happened."""
    error: Any = getattr(event.event_specific_data, "error", None)
    while getattr(error, "cause", None) is not None:
        error = error.cause
    if error is None:
        return None
    message, kind = (error.message or "").strip(), error.cls_name
    if not kind or message.startswith(kind):
        return message or kind
    return f"{kind}: {message}" if message else kind


def _seconds(run: Any) -> float | None:
    started, ended = getattr(run, "start_time", None), getattr(run, "end_time", None)
    return None if started is None or ended is None else max(ended - started, 0.0)
