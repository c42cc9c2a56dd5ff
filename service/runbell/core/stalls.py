"""Why things do not move: from what is seen in the database, the cause, the sentence that says so, and what to do."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from runbell.core.durations import roughly
from runbell.core.observations import (
    BEHIND_SECONDS,
    OPEN_SECONDS,
    STATEMENT_SECONDS,
    UNCLAIMED_SECONDS,
    EventWriter,
    Facts,
    RequestQueue,
    SensorWork,
    SlowStatement,
)

# From so much of PostgreSQL's queue on, nobody rings: a full one would fail the orchestrator's commits.
FULL_QUEUE = 0.5
LONGEST_ERROR = 160


class Cause(StrEnum):
    """Why something does not move. The values stand in logs and documents."""

    SLOW_FUNCTION = "slow_function"
    RAISING_FUNCTION = "raising_function"
    OPEN_TRANSACTION = "open_transaction"
    PREPARED_TRANSACTION = "prepared_transaction"
    NO_OWNER = "no_owner"
    SLOW_DATABASE = "slow_database"
    NOT_NOTIFIED = "not_notified"
    NOT_CLAIMED = "not_claimed"


@dataclass(frozen=True, slots=True)
class Stall:
    """Something that does not move.

    Attributes:
        cause: which of the few there are.
        subject: the sensor, target, transaction or process that it is about; a stall is one and the same while cause
            and subject are.
        sensor_name: the sensor, if it is about one alone.
        sentence: what is seen, for people.
        remedy: what to do about it.
    """

    cause: Cause
    subject: str
    sentence: str
    remedy: str
    sensor_name: str | None = None


def explain(facts: Facts) -> list[Stall]:
    """Everything that does not move, what concerns all first.

    Example:
        >>> facts = Facts([SensorWork(sensor_name="alert", owned=False, lag_events=3, lag_seconds=9.0)], daemons=1)
        >>> explain(facts)[0].sentence
        'no process evaluates alert: 3 events wait, the oldest for 9 s'
    """
    return [
        *_without_daemon(facts),
        *map(_of_writer, (writer for writer in facts.writers if writer.seconds >= OPEN_SECONDS)),
        *map(_of_statement, (one for one in facts.statements if one.seconds >= STATEMENT_SECONDS)),
        *_not_notified(facts),
        *map(
            _of_queue, (queue for queue in facts.queues if queue.waiting and queue.oldest_seconds >= UNCLAIMED_SECONDS)
        ),
        *_of_sensors(facts),
    ]


def _without_daemon(facts: Facts) -> Iterator[Stall]:
    waiting = sum(sensor.lag_events for sensor in facts.sensors if sensor.active)
    if facts.daemons == 0 and any(sensor.active for sensor in facts.sensors):
        yield Stall(
            Cause.NO_OWNER,
            "",
            f"no daemon runs: nothing is evaluated, {_counted(waiting, 'event')} {_verb(waiting)}",
            "start `runbell serve`; if it runs, it cannot reach this database: look into its log",
        )


def _of_writer(writer: EventWriter) -> Stall:
    whose = " of ".join(part for part in (writer.application or "", writer.user_name or "") if part)
    if writer.prepared:
        return Stall(
            Cause.PREPARED_TRANSACTION,
            writer.name,
            f"prepared transaction {writer.name!r} ({whose}) has recorded events and is not committed since"
            f" {roughly(writer.seconds)}: nobody can see them",
            f"whoever prepared it must end it: COMMIT PREPARED {_quoted(writer.name)}, or ROLLBACK PREPARED",
        )
    return Stall(
        Cause.OPEN_TRANSACTION,
        writer.name,
        f"a transaction of process {writer.name} ({whose}) has recorded events and is open for"
        f" {roughly(writer.seconds)}: nobody can see them before it ends",
        f"have it commit or roll back; SELECT pg_terminate_backend({writer.name}) ends it, and undoes what it did",
    )


def _of_statement(one: SlowStatement) -> Stall:
    if one.blockers:
        pids = ", ".join(map(str, one.blockers))
        return Stall(
            Cause.SLOW_DATABASE,
            one.role,
            f"the database keeps {one.role} (process {one.pid}) waiting for {roughly(one.seconds)}, for a lock of"
            f" process {pids}",
            f"pg_stat_activity shows what process {pids} does",
        )
    return Stall(
        Cause.SLOW_DATABASE,
        one.role,
        f"the database takes {roughly(one.seconds)} and more for a statement of {one.role} (process {one.pid})",
        "look at its load, its disk and its slowest statements in pg_stat_activity",
    )


def _not_notified(facts: Facts) -> Iterator[Stall]:
    if facts.queue_usage > FULL_QUEUE:
        yield Stall(
            Cause.NOT_NOTIFIED,
            "queue",
            f"PostgreSQL's queue of notifications is {facts.queue_usage:.0%} full, so nobody is rung: events are found"
            " by slow reads, within 30 s",
            "some session LISTENs and stays in a transaction: end it; pg_stat_activity shows the oldest xact_start",
        )
    if facts.deaf:
        yield Stall(
            Cause.NOT_NOTIFIED,
            "pooler",
            f"notifications do not reach {', '.join(facts.deaf)}: it reads every 50 ms instead of being rung",
            "give an address that leads through no pooler as RUNBELL_LISTEN_URL",
        )


def _of_queue(queue: RequestQueue) -> Stall:
    waits = f"{_counted(queue.waiting, 'request')} for {queue.target!r} {_verb(queue.waiting)}"
    if queue.held:
        return Stall(
            Cause.NOT_CLAIMED,
            queue.target,
            f"{waits}, the oldest for {roughly(queue.oldest_seconds)}: launchers hold {queue.held} and take no more",
            "start another launcher for it, or let one launch more at once",
        )
    return Stall(
        Cause.NOT_CLAIMED,
        queue.target,
        f"{waits}, the oldest for {roughly(queue.oldest_seconds)}: no launcher takes them",
        f"start what launches for {queue.target!r}, such as `runbell launch dagster`; if it runs, look into its log",
    )


def _of_sensors(facts: Facts) -> Iterator[Stall]:
    held_up = any(one.seconds >= STATEMENT_SECONDS for one in facts.statements) or facts.queue_usage > FULL_QUEUE
    for sensor in facts.sensors:
        if sensor.behind and not sensor.owned and facts.daemons:
            yield _unowned(sensor)
        elif sensor.active and sensor.failed and sensor.failing:
            yield _raising(sensor)
        elif sensor.owned and not held_up and (sensor.behind or (sensor.running_seconds or 0.0) >= BEHIND_SECONDS):
            yield _slow(sensor)


def _unowned(sensor: SensorWork) -> Stall:
    return Stall(
        Cause.NO_OWNER,
        sensor.sensor_name,
        f"no process evaluates {sensor.sensor_name}: {_waits(sensor)}",
        "start `runbell serve` with the module that declares it, or `runbell sensors stop` it if it is gone for good",
        sensor.sensor_name,
    )


def _raising(sensor: SensorWork) -> Stall:
    said = f": {_last_line(sensor.error)}" if sensor.error else ""
    return Stall(
        Cause.RAISING_FUNCTION,
        sensor.sensor_name,
        f"the function of {sensor.sensor_name} raises: {sensor.failed} of its last {sensor.evaluated} evaluations"
        f" failed{said}",
        f"mend it; what failed is tried again, then `runbell dead-letters retry --sensor {sensor.sensor_name}`",
        sensor.sensor_name,
    )


def _slow(sensor: SensorWork) -> Stall:
    if sensor.running_seconds and not sensor.behind:
        seen = f"one of its calls has been running for {roughly(sensor.running_seconds)}"
    elif sensor.evaluated and sensor.settled_seconds is not None and sensor.settled_seconds < BEHIND_SECONDS:
        seen = f"{sensor.evaluated} evaluations lately, and {_waits(sensor)}"
    else:
        since = sensor.settled_seconds
        seen = f"{_waits(sensor)}, and nothing was finished" + (
            f" for {roughly(since)}" if since is not None else " lately"
        )
    where = ", in a process of its own, because it blocked others" if sensor.apart else ""
    return Stall(
        Cause.SLOW_FUNCTION,
        sensor.sensor_name,
        f"the function of {sensor.sensor_name} is slow{where}: {seen}",
        "duration_ms in its log lines says how slow; make it async def, or raise max_concurrent= or max_per_minute=",
        sensor.sensor_name,
    )


def _waits(sensor: SensorWork) -> str:
    waits = f"{_counted(sensor.lag_events, 'event')} {_verb(sensor.lag_events)}"
    return f"{waits}, the oldest for {roughly(sensor.lag_seconds)}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _verb(count: int) -> str:
    return "waits" if count == 1 else "wait"


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def _last_line(error: str) -> str:
    line = ([line.strip() for line in error.splitlines() if line.strip()] or [""])[-1]
    return line if len(line) <= LONGEST_ERROR else line[: LONGEST_ERROR - 1] + "…"


def changed(before: Iterable[Stall], now: Iterable[Stall]) -> tuple[list[Stall], list[Stall]]:
    """What has come and what has gone, between two looks."""
    known = {(stall.cause, stall.subject): stall for stall in before}
    found = {(stall.cause, stall.subject): stall for stall in now}
    return (
        [stall for key, stall in found.items() if key not in known],
        [stall for key, stall in known.items() if key not in found],
    )
