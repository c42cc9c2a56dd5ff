"""A sensor that fails, lags or has nobody is told of once; again while it lasts; and anew when the trouble is back."""

import threading
from collections.abc import Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from runbell.core.errors import RunbellError
from runbell.core.troubles import Trouble
from runbell.ops import trouble_notices
from runbell.ops.notifiers import read_notifiers
from runbell.ops.telling import Teller
from runbell.ops.trouble_notices import TroubleNotices, message
from runbell.store import connections
from runbell.store.troubles import TroubleNotice
from support.daemons import record, until
from support.mailbox import Mailbox, mailbox

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

LOOKS: list[int] = []


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    monkeypatch.setenv("no_proxy", "*")
    claim = trouble_notices.claim_troubles

    async def counted(*given: Any, **named: Any) -> list[TroubleNotice]:
        found = await claim(*given, **named)
        LOOKS.append(len(found))
        return found

    monkeypatch.setattr(trouble_notices, "claim_troubles", counted)
    with mailbox() as opened:
        yield opened


@asynccontextmanager
async def telling(url, box, *, after=60.0, repeat=86_400.0, calm=600.0, processes=1):
    own = [read_notifiers(box.url) for _ in range(processes)]
    async with anyio.create_task_group() as tasks:
        for notifiers in own:
            subject = TroubleNotices(after, repeat, calm)
            looking = Teller(url, notifiers, subject, look_seconds=0.05, first_backoff_seconds=0.1)
            tasks.start_soon(looking.run)
        yield
        tasks.cancel_scope.cancel()


async def deploy(session, name="alert", *, owned=True, position="pg_current_snapshot()"):
    """A sensor as a daemon would have left it, with that daemon if it is owned."""
    await session.execute(
        f"""
        WITH holder AS (
            INSERT INTO runbell.daemons (daemon_id, module, offer, hostname, pid)
            VALUES (gen_random_uuid(), 'sensors', 'offer', 'host', 1)
            RETURNING daemon_id
        )
        INSERT INTO runbell.sensors (
            sensor_name, module, declared_active, filter, filter_hash, position, lease_holder, deployed_by
        )
        SELECT $1, 'sensors', true, $2::jsonb, 0, {position}, CASE WHEN $3 THEN h.daemon_id END, h.daemon_id
        FROM holder AS h
        """,
        name,
        '{"statuses": ["SUCCESS"], "jobs": null, "scope": null, "own_runs": false}',
        owned,
    )


async def fail(session, name="alert", *, ago):
    event_id = await record(session, "r1", "FAILURE", job="etl")
    await session.execute(
        """
        INSERT INTO runbell.evaluations (sensor_name, event_id, state, attempts, error, created_at)
        VALUES ($1, $2, 'retry', 4, E'Traceback\\nConnectionError: the password=hush is wrong',
            now() - $3 * interval '1 second')
        """,
        name,
        event_id,
        ago,
    )


async def told(session):
    return await session.fetchval("SELECT count(*) FROM runbell.troubles WHERE told_at IS NOT NULL")


async def looks(count=8):
    async def looked():
        return len(LOOKS)

    most = len(LOOKS) + count
    await until(looked, lambda seen: seen >= most)


async def test_a_sensor_that_fails_for_long_enough_is_told_of_once_whoever_looks(database_url, connection, box):
    await deploy(connection)
    await fail(connection, ago=30)
    async with telling(database_url, box, processes=3):
        await looks()
        assert box.received == []
        await connection.execute("UPDATE runbell.evaluations SET created_at = now() - interval '90 seconds'")
        await until(lambda: told(connection), (1).__eq__)
        await looks()

    (letter,) = box.received
    assert letter["title"] == "Runbell: sensor 'alert' is failing"
    assert "alert: it has been failing for 1 min 3" in letter["message"]
    assert "ConnectionError: the password=*** is wrong" in letter["message"]
    assert "runbell status" in letter["message"]


async def test_one_that_has_fallen_behind_is_told_of(database_url, connection, box):
    await deploy(connection)
    await record(connection, "r1")
    await connection.execute("UPDATE runbell.run_events SET recorded_at = now() - interval '5 minutes'")
    async with telling(database_url, box):
        await until(lambda: told(connection), (1).__eq__)

    assert box.titles == ["Runbell: sensor 'alert' is behind"]
    assert "it is 5 min behind; 1 event waits" in box.received[0]["message"].replace("5 min 1 s", "5 min")


async def test_one_that_nobody_evaluates_is_told_of_when_that_has_lasted(database_url, connection, box):
    await deploy(connection, owned=False)
    async with telling(database_url, box, after=0.5):
        await looks(2)
        assert box.received == []
        await until(lambda: told(connection), (1).__eq__)

    assert box.titles == ["Runbell: sensor 'alert' is unowned"]


async def test_one_whose_module_has_gone_on_without_it_is_told_of(database_url, connection, box):
    await deploy(connection)
    await connection.execute("UPDATE runbell.sensors SET deployed_by = gen_random_uuid()")
    await deploy(connection, "sibling")
    async with telling(database_url, box, after=0.2):
        await until(lambda: told(connection), (1).__eq__)

    assert box.titles == ["Runbell: sensor 'alert' is orphaned"]


async def test_one_that_was_stopped_is_not(database_url, connection, box):
    await deploy(connection, owned=False)
    await connection.execute("UPDATE runbell.sensors SET state = 'stopped'")
    await fail(connection, ago=900)
    async with telling(database_url, box, after=0.1):
        await looks()

    assert box.received == []


async def test_while_it_works_out_who_is_in_trouble_nobody_else_in_the_process_waits(
    monkeypatch, database_url, connection, box
):
    begun, others_go_on, seen = threading.Event(), threading.Event(), []
    read = trouble_notices.read_sensor_states

    async def slow(session):
        # Measuring many sensors takes the processor and yields to nobody.
        begun.set()
        seen.append(others_go_on.wait(5))
        return await read(session)

    async def measuring():
        return begun.is_set()

    monkeypatch.setattr(trouble_notices, "read_sensor_states", slow)
    await deploy(connection)
    await fail(connection, ago=900)
    async with telling(database_url, box):
        await until(measuring)
        others_go_on.set()
        await until(lambda: told(connection), (1).__eq__)

    assert seen[0]


async def test_it_is_told_again_after_the_interval_and_says_so(database_url, connection, box):
    await deploy(connection)
    await fail(connection, ago=900)
    async with telling(database_url, box, repeat=0.3):
        await until(lambda: received(box), lambda count: count >= 2)

    assert box.titles[1] == "Runbell: sensor 'alert' is still failing"


async def test_what_comes_and_goes_is_told_once_and_what_comes_back_after_a_while_is_news(
    database_url, connection, box
):
    await deploy(connection)
    await fail(connection, ago=900)
    async with telling(database_url, box):
        await until(lambda: told(connection), (1).__eq__)
        await connection.execute("UPDATE runbell.evaluations SET state = 'running'")
        await looks()
        await connection.execute("UPDATE runbell.evaluations SET state = 'retry'")
        await looks()
        assert len(box.received) == 1

        await connection.execute("UPDATE runbell.evaluations SET state = 'running'")
        await connection.execute("UPDATE runbell.troubles SET seen_at = now() - interval '1 hour'")
        await until(lambda: told(connection), (0).__eq__)
        await connection.execute("UPDATE runbell.evaluations SET state = 'retry'")
        await until(lambda: received(box), (2).__eq__)

    assert box.titles == ["Runbell: sensor 'alert' is failing"] * 2


async def test_a_notifier_that_refuses_is_asked_again(database_url, connection, box):
    box.status = 500
    await deploy(connection)
    await fail(connection, ago=900)
    async with telling(database_url, box):
        await until(lambda: asked(box), lambda count: count >= 2)
        box.status = 200
        await until(lambda: told(connection), (1).__eq__)

    assert len(box.received) == 1


async def test_without_a_database_it_goes_on_and_says_so_once(monkeypatch, capsys):
    async def away(*_, **__):
        raise RunbellError("it is away")

    monkeypatch.setattr(connections, "connect", away)
    looking = Teller("postgresql://", [], TroubleNotices(1, 60), look_seconds=0.01)
    with anyio.move_on_after(0.2):
        await looking.run()

    assert capsys.readouterr().out.count("notices_not_read") == 1


def test_many_sensors_make_one_message_with_the_first_of_them():
    found = {(f"s{n}", "behind"): Trouble("behind", "it is 2 min behind; 1 event waits") for n in range(30)}
    notices = [TroubleNotice(name, kind, "n", 0, False, None) for name, kind in found]

    title, body = message(notices, found)

    assert title == "Runbell: 30 sensors are in trouble"
    assert body.count("behind") == 20
    assert "and 10 other troubles" in body


async def received(box):
    return len(box.received)


async def asked(box):
    return box.asked
