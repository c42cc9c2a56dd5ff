"""What happened, in a test's story, and the event that it makes."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, Unpack

from runbell.core.events import RunEvent
from runbell.testing.stories import failure_message

A_MOMENT = 1_767_225_600.0  # 2026-01-01 00:00 UTC


class Happened(TypedDict, total=False):
    """What happened, in the test's story; everything may be left out.

    Attributes:
        status: a member of DagsterRunStatus, or text.
        message: of the event; else, where steps failed, Dagster's sentence about them.
        error: of a failure: a text, or `{"message": ..., "cls_name": ..., "stack": [...], "cause": {...}}`.
        step_failures: step keys with their errors, each given like `error`.
        recorded_at, started_at, ended_at: seconds since 1970.
        event_id, replay: what makes one event, and one replay of it, different from others.
        run_url, resources: as `RUNBELL_RUN_URL` and as a sensors module would have them.
        requester: the sensor that requested this run, if one did.
    """

    job_name: str
    status: Any
    run_id: str
    code_location: str | None
    partition_key: str | None
    tags: Mapping[str, Any]
    run_config: Mapping[str, Any]
    message: str | None
    error: str | Mapping[str, Any] | None
    step_failures: Mapping[str, str | Mapping[str, Any]]
    recorded_at: float
    started_at: float | None
    ended_at: float | None
    source: str
    event_id: int
    replay: int
    run_url: str
    resources: Mapping[str, Any]
    requester: str | None


def made_up_event(**happened: Unpack[Happened]) -> RunEvent:
    """An event that nobody recorded.

    Example:
        >>> made_up_event(job_name="etl", status="failure").status
        'FAILURE'
    """
    _refuse_unknown(happened)
    status = happened.get("status", "SUCCESS")
    native = str(getattr(status, "value", status))
    error = happened.get("error")
    recorded_at = happened.get("recorded_at", A_MOMENT)
    job_name = happened.get("job_name", "a_job")
    return RunEvent(
        event_id=happened.get("event_id", 1),
        xid=1,
        source=happened.get("source", "test"),
        run_id=happened.get("run_id", "a-run"),
        job_name=job_name,
        code_location=happened.get("code_location"),
        status=native.upper(),
        native_status=native,
        partition_key=happened.get("partition_key"),
        tags=json.dumps(dict(happened.get("tags", {}))),
        message=happened.get("message", failure_message(job_name, happened.get("step_failures", {}))),
        error=None if error is None else json.dumps(error),
        recorded_at=recorded_at,
        run_config=json.dumps(dict(happened.get("run_config", {}))),
        created_at=recorded_at,
        started_at=happened.get("started_at", recorded_at),
        ended_at=happened.get("ended_at", recorded_at),
        requester=happened.get("requester"),
    )


def _refuse_unknown(happened: Iterable[str]) -> None:
    unknown = sorted(set(happened) - Happened.__annotations__.keys())
    if unknown:
        raise TypeError(f"{', '.join(unknown)}: not among {', '.join(sorted(Happened.__annotations__))}")
