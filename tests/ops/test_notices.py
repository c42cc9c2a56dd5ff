"""Dead letters are told once when there are any, by one process, and never with anything secret."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import anyio
import asyncpg
import pytest
from anyio import to_thread
from structlog.testing import capture_logs

from runbell import RetryPolicy, RunStatusSensorContext, run_status_sensor
from runbell.alerts.notifier import Notifier
from runbell.alerts.refusals import NotifyError
from runbell.core.errors import SettingsError
from runbell.ops import notices
from runbell.ops.notices import Notices, message
from runbell.ops.notifiers import read_notifiers
from runbell.ops.telling import Teller
from runbell.store.dead_letters import drop_dead_letters, retry_dead_letters
from runbell.store.notices import Notice, claim_notices
from support.daemons import evaluations, record, requested_keys, running, until
from support.mailbox import Mailbox, mailbox
from support.processes import runbell, started

# What Apprise imports is Apprise's business.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
DAY = 86_400.0
HIDDEN = "hidden"


LOOKS: list[int] = []


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    monkeypatch.setenv("no_proxy", "*")
    claim = notices.claim_notices

    async def counted(*given: Any, **named: Any) -> list[Notice]:
        found = await claim(*given, **named)
        LOOKS.append(len(found))
        return found

    monkeypatch.setattr(notices, "claim_notices", counted)
    with mailbox() as opened:
        yield opened


@asynccontextmanager
async def telling(url: str, *boxes: Mailbox, repeat: float = DAY, processes: int = 1) -> AsyncIterator[None]:
    """So many processes' worth of notices, which look all the time."""
    notifiers = [read_notifiers(" ".join(box.url for box in boxes)) for _ in range(processes)]
    async with anyio.create_task_group() as tasks:
        for own in notifiers:
            looking = Teller(url, own, Notices(repeat), look_seconds=0.05, first_backoff_seconds=0.1)
            tasks.start_soon(looking.run)
        yield
        tasks.cancel_scope.cancel()


async def bury(session: Session, sensor: str = "alert", error: str = "Traceback\nOSError: away") -> int:
    """A sensor with one more dead letter; its id."""
    await session.execute(
        """
        INSERT INTO runbell.sensors (sensor_name, module, declared_active, filter, filter_hash, position)
        VALUES ($1, 'sensors', true, '{}', 0, pg_current_snapshot())
        ON CONFLICT DO NOTHING
        """,
        sensor,
    )
    event_id = await record(session, "r1", "FAILURE", job="etl")
    added = (
        "INSERT INTO runbell.evaluations (sensor_name, event_id, state, attempts, error) VALUES ($1, $2, 'dead', 3, $3)"
    )
    evaluation_id: int = await session.fetchval(f"{added} RETURNING evaluation_id", sensor, event_id, error)
    return evaluation_id


async def told(session: Session) -> int:
    found: int = await session.fetchval("SELECT count(*) FROM runbell.notices WHERE told_at IS NOT NULL")
    return found


async def looks(count: int = 10) -> None:
    """Wait until the processes have looked so many times more."""

    async def looked() -> int:
        return len(LOOKS)

    most = len(LOOKS) + count
    await until(looked, lambda seen: seen >= most)


async def test_the_first_dead_letter_is_told_and_further_ones_are_not(
    database_url: str, connection: Session, box: Mailbox
) -> None:
    async with telling(database_url, box):
        await bury(connection)
        await until(lambda: told(connection), (1).__eq__)
        await bury(connection)
        await looks()

    (letter,) = box.received
    assert letter["title"] == "Runbell: sensor 'alert' has dead letters"
    assert "alert: 1 given up, the newest for run r1 of etl (FAILURE): OSError: away" in letter["message"]
    assert "runbell dead-letters list" in letter["message"]


async def test_many_processes_tell_it_once_and_a_restart_tells_nothing(
    database_url: str, connection: Session, box: Mailbox
) -> None:
    for number in range(5):
        await bury(connection, f"sensor_{number}")
    async with telling(database_url, box, processes=4):
        await until(lambda: told(connection), (5).__eq__)
        await looks()
    async with telling(database_url, box, processes=2):
        await looks()

    # Whoever came first told of all of them in one message.
    assert box.titles == ["Runbell: 5 sensors have dead letters"]


@pytest.mark.parametrize("end", [drop_dead_letters, retry_dead_letters])
async def test_after_an_end_was_put_to_them_the_next_one_is_news(
    database_url: str, connection: Session, box: Mailbox, end: Any
) -> None:
    first, second = await bury(connection), await bury(connection)
    async with telling(database_url, box):
        await until(lambda: told(connection), (1).__eq__)
        assert await end(connection, [first]) == [first]
        await looks()
        assert await told(connection) == 1
        # The last one, and at once the next: between two looks, and news all the same.
        async with connection.transaction():
            assert await end(connection, [second]) == [second]
            await connection.execute("UPDATE runbell.evaluations SET state = 'dead' WHERE state = 'retry'")
            await bury(connection)
        await until(lambda: count(box), (2).__eq__)
        await looks()

    assert box.titles == ["Runbell: sensor 'alert' has dead letters"] * 2


async def count(box: Mailbox) -> int:
    return len(box.received)


async def test_it_is_told_again_while_there_are_any_and_not_when_there_are_none(
    database_url: str, connection: Session, box: Mailbox
) -> None:
    evaluation_id = await bury(connection)
    async with telling(database_url, box, repeat=DAY):
        await until(lambda: told(connection), (1).__eq__)
        await connection.execute("UPDATE runbell.notices SET told_at = told_at - interval '23 hours'")
        await looks()
        assert len(box.received) == 1
        await connection.execute("UPDATE runbell.notices SET told_at = told_at - interval '2 hours'")
        await until(lambda: count(box), (2).__eq__)
        await connection.execute("DELETE FROM runbell.evaluations WHERE evaluation_id = $1", evaluation_id)
        await until(lambda: connection.fetchval("SELECT count(*) FROM runbell.notices"), (0).__eq__)

    assert box.titles[1] == "Runbell: sensor 'alert' still has dead letters"


async def test_one_that_fails_is_tried_again_and_keeps_nobody_else_waiting(
    database_url: str, connection: Session, box: Mailbox
) -> None:
    with mailbox() as refusing, capture_logs() as logs:
        refusing.status = 503
        async with telling(database_url, box, refusing, processes=2):
            await bury(connection)
            await until(lambda: count(box), (1).__eq__)
            await until(lambda: failures(logs), lambda failed: len(failed) >= 2)
            refusing.status = 200
            await until(lambda: count(refusing), (1).__eq__)
            await until(lambda: told(connection), (2).__eq__)
            await looks()

    assert (len(box.received), len(refusing.received)) == (1, 1)
    failed = await failures(logs)
    assert (failed[0]["notifier"], failed[0]["retry_in"]) == ("json://*** (URL 2)", 0.1)
    assert failed[1]["retry_in"] == 0.4
    assert "503" in failed[0]["error"]
    assert HIDDEN not in json.dumps(logs)


async def failures(logs: list[Any]) -> list[Any]:
    return [line for line in logs if line["event"] == "notice_failed"]


async def asked(box: Mailbox) -> int:
    return box.asked


async def test_i4_a_notifier_that_hangs_delays_no_evaluation(
    database_url: str, connection: Session, box: Mailbox
) -> None:
    box.open.clear()

    @run_status_sensor(run_status="SUCCESS", request_job="j", retry=RetryPolicy(attempts=1))
    async def alert(context: RunStatusSensorContext) -> dict[str, str] | None:
        from runbell import RunRequest

        if context.dagster_run.run_id == "bad":
            raise OSError("away")
        return RunRequest(run_key=context.dagster_run.run_id)  # type: ignore[return-value]

    async with running(database_url, alert), telling(database_url, box):
        await record(connection, "bad")
        await until(lambda: asked(box))
        await record(connection, "good")
        await until(lambda: requested_keys(connection), ["good"].__eq__, seconds=2)
        box.open.set()
        await until(lambda: told(connection), (1).__eq__)

    assert [row["state"] for row in await evaluations(connection)] == ["dead"]


def test_a_url_that_means_nothing_is_refused_without_being_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        read_notifiers(f"json://localhost, nothing://{HIDDEN}/token")

    said = str(caught.value)
    assert said.startswith("RUNBELL_NOTIFY_URLS: URL 2 (nothing://***) is none that Apprise understands")
    assert HIDDEN not in said
    assert read_notifiers(None) == read_notifiers("  ") == []
    assert [repr(one) for one in read_notifiers("json://a-host/x,json://b-host/y\njson://a-host/x")] == [
        "<Notifier json://*** (URL 1)>",
        "<Notifier json://*** (URL 2)>",
    ]


def test_a_message_names_some_and_counts_the_rest() -> None:
    some = [Notice(f"sensor_{number}", "n", 0, False, 1000, None, None, None, None) for number in range(25)]

    title, body = message(some)

    assert title == "Runbell: 25 sensors have dead letters"
    assert "sensor_0: 1000 or more given up, the newest for an event that is gone: no error kept" in body
    assert "... and 5 other sensors" in body
    assert "sensor_20" not in body


async def test_serve_tells_and_shows_no_secret(
    database_url: str, connection: Session, box: Mailbox, tmp_path: Path
) -> None:
    (tmp_path / "sensors.py").write_text("import runbell\n@runbell.run_failure_sensor\ndef alert(): ...\n")
    await bury(connection, "alert", error=f"OSError: postgresql://ann:{HIDDEN}@db is away")

    def serve() -> str:
        with started("serve", cwd=tmp_path, RUNBELL_DATABASE_URL=database_url, RUNBELL_NOTIFY_URLS=box.url) as process:
            process.until("notice_sent")
            process.signal(15)
            ended = process.end()
        return json.dumps(process.lines) + ended.stdout + ended.stderr

    said = await to_thread.run_sync(serve)

    assert box.titles == ["Runbell: sensor 'alert' has dead letters"]
    assert HIDDEN not in json.dumps(box.received)
    assert HIDDEN not in said


def test_serve_refuses_what_it_cannot_tell(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "sensors.py").write_text("import runbell\n@runbell.run_failure_sensor\ndef alert(): ...\n")

    done = runbell("serve", cwd=tmp_path, RUNBELL_DATABASE_URL=database_url, RUNBELL_NOTIFY_URLS=f"x://{HIDDEN}")

    assert done.code == 2
    assert "RUNBELL_NOTIFY_URLS: URL 1 (x://***)" in done.stderr
    assert HIDDEN not in done.stderr


async def test_of_two_that_look_at_the_same_moment_one_gets_it(database_url: str, connection: Session) -> None:
    await bury(connection)
    other = await asyncpg.connect(database_url)
    found: list[list[Notice]] = []

    async def claim(session: Session) -> None:
        found.append(await claim_notices(session, uuid4(), ["n"], hold_seconds=60, repeat_seconds=DAY))

    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    watch = await asyncpg.connect(database_url)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await claim(connection)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(claim, other)
            await until(lambda: watch.fetchval(waiting))
            await transaction.commit()
    finally:
        await other.close()
        await watch.close()

    assert [len(notices) for notices in found] == [1, 0]


class Talkative:
    """Fails, and says more than it should."""

    body_maxlen = title_maxlen = 250

    def notify(self, **_: object) -> bool:
        raise OSError("POST https://hooks.example/T0KEN/hidden-part?key=hidden-key failed")


def test_what_a_service_says_of_its_url_is_hidden() -> None:
    notifier = Notifier("d", "x://***", "x://hooks.example/T0KEN/hidden-part?key=hidden-key", Talkative())

    with pytest.raises(NotifyError) as caught:
        notifier.send("title", "body")

    assert str(caught.value) == "OSError: POST https://***/***/***?key=*** failed"
