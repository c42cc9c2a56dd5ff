"""`runbell check`: load the sensors as the daemon would, and say what each of them watches."""

import json as json_text
from dataclasses import asdict
from typing import Annotated, Any

import typer

from runbell.core.filters import Filter
from runbell.core.narrowing import Narrowing
from runbell.core.resource_kinds import is_enterable
from runbell.core.sensors import Sensor
from runbell.core.statuses import DagsterRunStatus
from runbell.core.text import storable
from runbell.ops.both_daemons import compared, native_notes, read_both
from runbell.ops.failures import explained
from runbell.ops.loading import load_sensors
from runbell.ops.masking import mask
from runbell.ops.settings import Settings, read_settings
from runbell.ops.watching import said_filter, said_job, said_narrowing


def check(
    *,
    sensors: Annotated[str | None, typer.Option(help="RUNBELL_SENSORS")] = None,
    code_location: Annotated[str | None, typer.Option(help="RUNBELL_CODE_LOCATION")] = None,
    default_status: Annotated[str | None, typer.Option(help="RUNBELL_DEFAULT_STATUS")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """Load the sensors and say what each of them watches; needs no database.

    With DAGSTER_HOME set it also says which of them Dagster's own daemon answers.
    """
    with explained():
        settings = read_settings(
            needs_database=False, sensors=sensors, code_location=code_location, default_status=default_status
        )
        loaded = load_sensors(settings.sensors)
        states = read_both(loaded, settings)
    rows = [compared(row_of(sensor, settings), sensor, settings, states) for sensor in loaded.sensors]
    for sentence in states.sentences:
        typer.echo(mask(sentence), err=True)
    if json:
        typer.echo(json_text.dumps(rows, indent=2, default=str))
        return
    for row, sensor in zip(rows, loaded.sensors, strict=True):
        typer.echo(said(row, sensor.filter(settings.code_location)))
    typer.echo(f"{len(rows)} sensors in {loaded.module}, no mistakes" if len(rows) != 1 else "1 sensor, no mistakes")


def row_of(sensor: Sensor, settings: Settings) -> dict[str, Any]:
    """What there is to know of a sensor, as it would be deployed with these settings."""
    narrowing = sensor.narrowing or Narrowing()
    declared = sensor.default_status.value if sensor.default_status else None
    return {
        "sensor_name": sensor.identity(settings.code_location),
        "description": sensor.description,
        "statuses": sorted(sensor.statuses),
        "monitored_jobs": None if sensor.jobs is None else list(map(said_job, sensor.jobs)),
        "excluded_jobs": list(map(said_job, sensor.excluded_jobs)),
        "monitored_tags": {one.key: list(one.values) or one.present for one in narrowing.tags},
        "monitored_partitions": list(narrowing.partitions),
        "monitored_origins": list(narrowing.origins),
        "only_final_failures": sensor.only_final_failures,
        "code_location": sensor.filter(settings.code_location).scope,
        "request_jobs": list(sensor.request_jobs),
        "run_key_policy": (
            sensor.run_key_policy.name if sensor.run_key_policy.seconds is None else sensor.run_key_policy.seconds
        ),
        "default_status": declared,
        "active": (declared or settings.default_status) == "RUNNING",
        "max_concurrent": sensor.max_concurrent,
        "is_async": sensor.is_async,
        "max_per_minute": sensor.max_per_minute,
        "timeout_seconds": sensor.timeout_seconds or settings.sensor_timeout_seconds,
        "retry": retry_of(sensor, settings),
        "react_to_own_runs": sensor.react_to_own_runs,
        "resources": sorted(sensor.resources.keys) if sensor.resources else [],
        "tags": dict(sensor.tags),
        "metadata": dict(sensor.metadata),
        "declared_at": sensor.declared_at,
        "notes": notes_on(sensor),
    }


def retry_of(sensor: Sensor, settings: Settings) -> dict[str, Any]:
    """Its retry policy with what the settings fill in."""
    policy = sensor.retry
    return asdict(policy) | {
        "attempts": policy.attempts if policy.attempts is not None else settings.retry_attempts,
        "backoff_seconds": (
            policy.backoff_seconds if policy.backoff_seconds is not None else settings.retry_backoff_seconds
        ),
    }


def notes_on(sensor: Sensor) -> list[str]:
    """What is worth knowing and no mistake."""
    notes = native_notes(sensor) if sensor.is_native else []
    if sensor.minimum_interval_seconds is not None and not sensor.is_native:
        notes.append(
            f"minimum_interval_seconds={sensor.minimum_interval_seconds:g} is not needed and has no effect:"
            " nothing is polled"
        )
    notes.extend(
        f"{status} is none of the statuses that Dagster has: runs are matched by this text"
        for status in sorted(sensor.statuses - DagsterRunStatus.__members__.keys())
    )
    notes.extend(
        f"resource {key} is given as it is and never entered: to have it set up and torn down for each evaluation,"
        " declare a function that makes it"
        for key in (sorted(sensor.resources.keys) if sensor.resources else ())
        if sensor.resources and is_enterable(sensor.resources.declared[key])
    )
    # An alert that lacks a secret here fails when it is due; whoever checks elsewhere need not have it.
    notes.extend(getattr(sensor.function, "unmet", list)())
    return notes


def said(row: dict[str, Any], wanted: Filter) -> str:
    """A row for people."""
    start = "running" if row["active"] else "stopped"
    calls = "one at a time" if row["max_concurrent"] == 1 else f"up to {row['max_concurrent']} at once"
    lines = [
        # From a string or a docstring with anything in it, also what no terminal can be sent.
        ("", storable(row["description"] or "")),
        ("watches", said_filter(wanted)),
        ("only", said_narrowing(wanted, only_final_failures=row["only_final_failures"])),
        ("requests", ", ".join(row["request_jobs"]) or "nothing"),
        ("resources", ", ".join(row["resources"])),
        ("state", f"{start}, as {'declared' if row['default_status'] else 'RUNBELL_DEFAULT_STATUS says'}"),
        ("calls", f"{calls}, {'on the event loop' if row['is_async'] else 'in a thread'}{_limits(row)}"),
        ("retries", _retries(row["retry"])),
        ("declared", row["declared_at"]),
        *(("note", note) for note in row["notes"]),
    ]
    shown = [f"  {name:<9} {text}" if name else f"  {text}" for name, text in lines if text]
    return "\n".join([row["sensor_name"], *shown, ""])


def _limits(row: dict[str, Any]) -> str:
    pace = f", at most {row['max_per_minute']} a minute" if row["max_per_minute"] is not None else ""
    return f"{pace}, each {row['timeout_seconds']:g} s at most"


def _retries(policy: dict[str, Any]) -> str:
    attempts = policy["attempts"]
    if attempts == 1:
        return "none: the first failure is a dead letter"
    age = policy["max_age_seconds"]
    within = f", none later than {age:g} s after the first" if age is not None else ""
    grows = f"after {policy['backoff_seconds']:g} s, then {policy['factor']:g} times as long each"
    return f"{attempts} calls in all, {grows}, {policy['max_backoff_seconds']:g} s at most{within}"
