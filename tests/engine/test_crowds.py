"""Many sensors that ask for everything: what they are handed at once, and have in hand, is bounded for all together."""

import asyncpg
import pytest

from runbell import RunRequest, run_status_sensor
from runbell.core import portions
from runbell.core.sensors import Sensor
from runbell.engine import backlog, tail
from support.daemons import record, requested_keys, running, until

Session = asyncpg.Connection
CROWD, EVENTS = 30, 40
MANY, TOGETHER = 60_000, 5_000
BEHIND = """
    WITH rows AS (SELECT 'run-' || n AS run_id FROM generate_series($2::integer, $3::integer) AS n),
    kept AS (
        INSERT INTO runbell.runs (source, run_id, job_name, status)
        SELECT 'sql', run_id, $1, 'SUCCESS' FROM rows
    )
    INSERT INTO runbell.run_events (source, run_id, job_name, status, native_status)
    SELECT 'sql', run_id, $1, 'SUCCESS', 'SUCCESS' FROM rows
"""


def sensor(number: int) -> Sensor:
    @run_status_sensor("SUCCESS", name=f"sensor_{number}", request_job="j")
    async def answers(context):
        return RunRequest(run_key=context.dagster_run.run_id)

    return answers


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Of each page: how many evaluations came of it, and how many the one with most in hand has then."""
    found: list[tuple[int, int]] = []
    whole = tail.hand_out

    def watched(page, members, routes):
        given = whole(page, members, routes)
        found.append((sum(given.values()), max((held.progress.pending for held in given), default=0)))
        return given

    monkeypatch.setattr(portions, "MOST_HANDED", 100)
    monkeypatch.setattr(tail, "MOST_HANDED", 100)
    monkeypatch.setattr(portions, "MOST_PENDING", CROWD * 8)
    monkeypatch.setattr(portions, "LEAST_PENDING_OF_ONE", 4)
    monkeypatch.setattr(tail, "hand_out", watched)
    monkeypatch.setattr(backlog, "hand_out", watched)
    return found


async def test_a_crowd_that_is_behind_is_handed_a_bounded_number_at_once(
    database_url: str, connection: Session, handed: list[tuple[int, int]]
) -> None:
    crowd = [sensor(number) for number in range(CROWD)]
    async with running(database_url, *crowd):
        pass
    runs = sorted([f"r{number:02}" for number in range(EVENTS)])
    for run_id in runs:
        await record(connection, run_id)
    async with running(database_url, *crowd):
        await until(lambda: requested_keys(connection), lambda keys: len(keys) >= CROWD * EVENTS)

    assert sum(count for count, _ in handed) == CROWD * EVENTS
    assert max(count for count, _ in handed) <= 100
    # Eight, and the five pages of three that are read when it joins, whatever there is.
    assert max(pending for _, pending in handed) <= 8 + 15
    assert await requested_keys(connection) == sorted(runs * CROWD)


async def test_a_crowd_that_is_behind_is_read_for_as_one(
    database_url: str, connection: Session, handed: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody is slow here, however slow the machine is.
    monkeypatch.setattr(portions, "LEAST_PATIENCE_SECONDS", 10.0)
    crowd = [sensor(number) for number in range(CROWD)]
    async with running(database_url, *crowd):
        pass
    for number in range(EVENTS):
        await record(connection, f"r{number}")
    async with running(database_url, *crowd):
        await until(lambda: requested_keys(connection), lambda keys: len(keys) >= CROWD * EVENTS)

    assert {count % CROWD for count, _ in handed} == {0}


async def test_a_crowd_in_step_is_read_for_in_small_pages(
    database_url: str, connection: Session, handed: list[tuple[int, int]]
) -> None:
    crowd = [sensor(number) for number in range(CROWD)]
    async with running(database_url, *crowd), connection.transaction():
        for number in range(EVENTS):
            await record(connection, f"r{number}")
    async with running(database_url, *crowd):
        await until(lambda: requested_keys(connection), lambda keys: len(keys) >= CROWD * EVENTS)

    assert sum(count for count, _ in handed) == CROWD * EVENTS
    assert max(count for count, _ in handed) <= 100


async def test_a_page_for_who_catches_up_is_small_while_events_come_for_others(
    database_url: str, connection: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned = []

    async def watched(*arguments, **options):
        scanned.append(options["scanned"])
        return await read(*arguments, **options)

    read = backlog.read_page
    monkeypatch.setattr(backlog, "read_page", watched)
    # As if one had come just now, at any moment.
    monkeypatch.setattr(backlog, "is_gentle", lambda now, live_at: True)
    async with running(database_url, sensor(0)):
        pass
    await connection.execute(BEHIND, "job", 1, 2_000)
    async with running(database_url, sensor(0)):
        await until(lambda: requested_keys(connection), lambda keys: len(keys) == 2_000)

    assert max(scanned) == portions.GENTLE_EVENTS


async def test_i4_who_has_little_behind_does_not_wait_for_who_has_much(database_url: str, connection: Session) -> None:
    @run_status_sensor("SUCCESS", monitored_jobs=["often"])
    async def heavy(context):
        return None

    @run_status_sensor("SUCCESS", monitored_jobs=["seldom"], request_job="j")
    async def light(context):
        return RunRequest(run_key=context.dagster_run.run_id)

    async with running(database_url, heavy, light):
        pass
    await leave_behind(connection, "often")
    await record(connection, "r", job="seldom")
    async with running(database_url, heavy, light):
        await until(lambda: requested_keys(connection), lambda keys: keys == ["r"])
        answered = await connection.fetchval("SELECT sum(acted) FROM runbell.ticks WHERE sensor_name = 'heavy'") or 0

    # Read for together to the end, the heavy one would have no more left than it may have in hand.
    assert answered < MANY - 3 * portions.MOST_PENDING_OF_ONE


async def leave_behind(session: Session, job: str) -> None:
    """So many events of a job, in transactions that hold up nobody else on the server for long."""
    for first in range(1, MANY, TOGETHER):
        await session.execute(BEHIND, job, first, first + TOGETHER - 1)
