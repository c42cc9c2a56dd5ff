"""The commands that list, as an operator calls them, against a database without any daemon."""

import json
from typing import Any, TypeAlias

import asyncpg
import msgspec
import pytest
from anyio import to_thread

from runbell.core.filters import Filter, JobPattern
from runbell.core.narrowing import Narrowing, TagPattern
from support.processes import Finished, runbell

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

FAILURES = Filter(frozenset({"FAILURE"}))


async def run(url: str, *arguments: str) -> Finished:
    """The command in a process of its own, as every operator runs it."""
    return await to_thread.run_sync(lambda: runbell(*arguments, RUNBELL_DATABASE_URL=url))


async def answer(url: str, *arguments: str) -> Any:
    done = await run(url, *arguments, "--json")
    assert (done.code, done.stderr) == (0, "")
    return json.loads(done.stdout)


async def deploy(connection: Connection, name: str, wanted: Filter = FAILURES, **columns: Any) -> None:
    """A sensor row at this moment, as a daemon would leave it."""
    await connection.execute(
        """
        INSERT INTO runbell.sensors (sensor_name, module, state, declared_active, filter, filter_hash, former_filter,
            filter_since, position, last_outcome)
        VALUES ($1, 'sensors', $2, $3, $4, 0, $5, $6::text::pg_snapshot, coalesce($7::text::pg_snapshot,
            pg_current_snapshot()), $8)
        """,
        name,
        columns.get("state", "declared"),
        columns.get("declared_active", True),
        stored(wanted),
        columns.get("former_filter"),
        columns.get("filter_since"),
        columns.get("position"),
        columns.get("last_outcome"),
    )


def stored(wanted: Filter) -> str:
    return msgspec.json.encode(wanted.to_dict()).decode()


async def record(connection: Connection, job: str, status: str = "FAILURE", run: str = "r1", **given: Any) -> int:
    event_id: int = await connection.fetchval(
        "SELECT runbell.record_run_status($1, $2, $3, code_location => $4, tags => $5)",
        run,
        job,
        status,
        given.get("code_location"),
        given.get("tags", "{}"),
    )
    return event_id


async def add_request(connection: Connection, ordinal: int, **columns: Any) -> int:
    request_id: int = await connection.fetchval(
        """
        INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name, run_key, run_config, tags,
            state, run_id)
        VALUES ($1, 1, $2, 'sql', 'transform', $3, $4, '{"team": "sales"}', $5, $6)
        RETURNING request_id
        """,
        columns.get("sensor_name", "chain"),
        ordinal,
        columns.get("run_key"),
        columns.get("run_config", "{}"),
        columns.get("state", "pending"),
        columns.get("run_id"),
    )
    return request_id


async def lags(url: str) -> dict[str, int]:
    return {sensor["sensor_name"]: sensor["lag_events"] for sensor in (await answer(url, "status"))["sensors"]}


async def test_requests_are_listed_newest_first_with_every_column(database_url: str, connection: Connection) -> None:
    first = await add_request(connection, 0, run_key="a", run_config='{"limit": 5}')
    second = await add_request(connection, 1, state="launched", run_id="run-2")

    found = await answer(database_url, "requests", "list")

    assert [request["request_id"] for request in found] == [second, first]
    assert set(found[0]) == {
        *("request_id", "sensor_name", "event_id", "replay", "ordinal", "target", "job_name", "code_location"),
        *("run_key", "partition_key", "asset_selection", "run_config", "tags", "state", "run_id", "claimed_by"),
        *("claimed_until", "attempts", "error", "due_at", "requested_at", "launched_at"),
    }
    assert found[1]["run_config"] == {"limit": 5}
    assert found[1]["tags"] == {"team": "sales"}
    assert (found[1]["run_key"], found[0]["run_id"]) == ("a", "run-2")


async def test_requests_are_chosen_by_state_sensor_and_number(database_url: str, connection: Connection) -> None:
    pending = await add_request(connection, 0)
    failed = await add_request(connection, 1, state="failed")
    others = await add_request(connection, 2, sensor_name="alerts", state="failed")

    async def ids(*arguments: str) -> list[int]:
        return [request["request_id"] for request in await answer(database_url, "requests", "list", *arguments)]

    assert await ids("--state", "pending") == [pending]
    assert await ids("--state", "failed", "--sensor", "chain") == [failed]
    assert await ids("--limit", "1") == [others]


async def test_the_default_is_the_newest_hundred(database_url: str, connection: Connection) -> None:
    requested = [await add_request(connection, ordinal) for ordinal in range(101)]

    found = await answer(database_url, "requests", "list")

    assert [request["request_id"] for request in found] == requested[:0:-1]


async def test_an_empty_list_is_an_empty_array_and_a_sentence(database_url: str) -> None:
    for command in (("requests", "list"), ("sensors", "list"), ("dead-letters", "list")):
        assert await answer(database_url, *command) == []
        told = await run(database_url, *command)
        assert told.code == 0
        assert told.stdout.startswith("no ")


async def test_numbers_that_no_reader_takes_do_not_break_a_list(database_url: str, connection: Connection) -> None:
    await add_request(connection, 0, run_config='{"huge": 1e5000}')

    told = await run(database_url, "requests", "list")
    document = await run(database_url, "requests", "list", "--json")

    assert (told.code, document.code) == (0, 0)
    assert "1" + "0" * 5000 in document.stdout


async def test_a_table_shows_the_first_line_of_an_error_and_no_markup(
    database_url: str, connection: Connection
) -> None:
    request_id = await add_request(connection, 0, state="failed")
    await connection.execute(
        "UPDATE runbell.run_requests SET error = '[red]boom[/nothing]\nTraceback' WHERE request_id = $1", request_id
    )

    told = await run(database_url, "requests", "list")

    assert "[red]boom[/nothing]" in told.stdout
    assert "Traceback" not in told.stdout
    assert "sensor_name" in told.stdout.splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("requests", "list", "--state", "lost"), "'lost'"),
        (("dead-letters", "show", "12345"), "12345"),
        (("launch", "airflow"), "'airflow'"),
    ],
)
async def test_what_is_unknown_is_named(database_url: str, arguments: tuple[str, ...], named: str) -> None:
    done = await run(database_url, *arguments)

    assert done.code == 2
    assert named in done.stderr
    assert len(done.stderr.splitlines()) == 1


async def test_a_database_that_was_never_migrated_is_exit_3(empty_database_url: str) -> None:
    for command in (("requests", "list"), ("status",), ("sensors", "list"), ("dead-letters", "list")):
        done = await run(empty_database_url, *command)
        assert (done.code, done.stdout) == (3, "")
        assert "runbell migrate" in done.stderr


async def test_sensors_are_listed_with_their_state_and_what_it_comes_to(
    database_url: str, connection: Connection
) -> None:
    await deploy(connection, "declared_on")
    await deploy(connection, "declared_off", declared_active=False)
    await deploy(connection, "started", state="running", declared_active=False)
    await deploy(connection, "stopped", state="stopped")

    found = await answer(database_url, "sensors", "list")

    assert [(sensor["sensor_name"], sensor["state"], sensor["active"]) for sensor in found] == [
        ("declared_off", "declared", False),
        ("declared_on", "declared", True),
        ("started", "running", True),
        ("stopped", "stopped", False),
    ]


async def test_status_is_exactly_what_the_contract_says(database_url: str, connection: Connection) -> None:
    await deploy(connection, "alerts", last_outcome="acted")
    await add_request(connection, 0)
    await add_request(connection, 1, state="launched")
    await connection.execute(
        """
        INSERT INTO runbell.evaluations (sensor_name, event_id, state, attempts, due_at, error)
        VALUES ('alerts', 1, 'retry', 1, now(), 'x'), ('alerts', 2, 'running', 1, NULL, NULL),
            ('alerts', 3, 'dead', 10, NULL, 'y')
        """
    )
    await connection.execute(
        "INSERT INTO runbell.daemons (daemon_id, lock_key, module, offer, hostname, pid)"
        " VALUES (gen_random_uuid(), 1, 'sensors', 'x', 'here', 42)"
    )
    await deploy(connection, "sibling")
    await connection.execute(
        "UPDATE runbell.sensors SET deployed_by = (SELECT daemon_id FROM runbell.daemons) WHERE sensor_name = 'sibling'"
    )

    found = await answer(database_url, "status")

    assert set(found) == {"sensors", "requests", "daemons", "stalls", "database"}
    assert found["sensors"] == [
        {
            "sensor_name": "alerts",
            "state": "declared",
            "orphaned": True,
            "lag_seconds": 0.0,
            "lag_events": 0,
            "retrying": 2,
            "dead": 1,
            "last_outcome": "acted",
            "last_evaluated_at": None,
        },
        {
            "sensor_name": "sibling",
            "state": "declared",
            "orphaned": False,
            "lag_seconds": 0.0,
            "lag_events": 0,
            "retrying": 0,
            "dead": 0,
            "last_outcome": None,
            "last_evaluated_at": None,
        },
    ]
    assert found["requests"] == {"pending": 1, "claimed": 0, "launched": 1, "failed": 0, "canceled": 0}
    assert [(daemon["hostname"], daemon["pid"]) for daemon in found["daemons"]] == [("here", 42)]


async def test_status_is_readable_at_a_glance(database_url: str, connection: Connection) -> None:
    assert "no sensors" in (await run(database_url, "status")).stdout
    await deploy(connection, "alerts")

    told = (await run(database_url, "status")).stdout

    assert "alerts" in told
    assert "0 pending" in told
    assert "no daemon is running" in told


async def test_the_lag_counts_what_each_sensor_asks_for_and_nothing_else(
    database_url: str, connection: Connection
) -> None:
    await record(connection, "etl_orders", run="before")
    await deploy(connection, "all_failures")
    await deploy(connection, "glob", Filter(frozenset({"FAILURE"}), jobs=(JobPattern("etl_[o-p]*"),)))
    await deploy(connection, "named", Filter(frozenset({"FAILURE", "SUCCESS"}), jobs=(JobPattern("publish"),)))
    await deploy(connection, "scoped", Filter(frozenset({"FAILURE"}), scope="shop"))
    await deploy(connection, "own", Filter(frozenset({"FAILURE"}), own_runs=True))
    tagged = Narrowing((TagPattern("runbell/request_id"),), origins=("manual",))
    await deploy(connection, "tagged", Filter(frozenset({"FAILURE"}), narrowing=tagged))
    request_id = await add_request(connection, 0, sensor_name="all_failures")
    await add_request(connection, 1, sensor_name="own", run_id="its-own")
    await add_request(connection, 2, sensor_name="glob", run_id="of-glob")

    await record(connection, "etl_orders", run="a")
    await record(connection, "etl_users", run="b", code_location="shop")
    await record(connection, "publish", "SUCCESS", run="c", code_location="elsewhere")
    await record(connection, "publish", run="d", code_location="elsewhere")
    await record(connection, "etl_orders", run="e", tags=json.dumps({"runbell/request_id": str(request_id)}))
    await record(connection, "etl_orders", run="its-own")
    await record(connection, "etl_orders", run="of-glob")

    assert await lags(database_url) == {
        "all_failures": 6 - 1,  # all but the run that it requested itself, known by its tag
        "glob": 4 - 1,  # the same, known by its run id
        "named": 2,
        "scoped": 5,  # of its location, and of none
        "own": 6,
        "tagged": 1,
    }


async def test_the_lag_knows_places_within_a_page_and_transactions_that_end_late(
    database_url: str, connection: Connection
) -> None:
    late = await asyncpg.connect(database_url)
    try:
        async with late.transaction():
            await record(late, "late", run="late")
            # Something ends after it began: from here on it stands between what has ended.
            await record(connection, "noise", run="noise")
            await deploy(connection, "between")
            first = await record(connection, "early", run="e1")
            await record(connection, "early", run="e2")
            # It has read one page of what lies between its place and now: the first event.
            await connection.execute(
                """
                UPDATE runbell.sensors
                SET upper = pg_current_snapshot(), last_event_id = $1,
                    last_xid = (SELECT xid FROM runbell.run_events WHERE event_id = $1)
                """,
                first,
            )
            assert await lags(database_url) == {"between": 1}
    finally:
        await late.close()

    assert await lags(database_url) == {"between": 2}


async def test_the_lag_of_a_changed_filter_asks_the_one_that_held_then(
    database_url: str, connection: Connection
) -> None:
    place = await connection.fetchval("SELECT pg_current_snapshot()::text")
    await record(connection, "first", "SUCCESS")
    await record(connection, "first", "SUCCESS")
    await record(connection, "first", "FAILURE")
    since = await connection.fetchval("SELECT pg_current_snapshot()::text")
    await record(connection, "second", "SUCCESS")
    await record(connection, "second", "FAILURE")
    await record(connection, "second", "FAILURE")
    former = stored(Filter(frozenset({"SUCCESS"})))
    await deploy(connection, "changed", position=place, filter_since=since, former_filter=former)

    assert await lags(database_url) == {"changed": 2 + 2}


async def test_the_lag_in_seconds_is_the_age_of_the_oldest_event_whatever_rows_by_hand_say(
    database_url: str, connection: Connection
) -> None:
    await deploy(connection, "behind")
    for moment in ("-infinity", "now"):
        await connection.execute(
            """
            INSERT INTO runbell.run_events (source, run_id, job_name, status, native_status, recorded_at)
            VALUES ('sql', 'r', 'j', 'FAILURE', 'failed', $1::text::timestamptz - interval '90 seconds')
            """,
            moment,
        )

    (sensor,) = (await answer(database_url, "status"))["sensors"]

    assert sensor["lag_events"] == 2
    assert 90 <= sensor["lag_seconds"] < 150


async def test_dead_letters_are_listed_with_their_event_and_shown_whole(
    database_url: str, connection: Connection
) -> None:
    event_id = await record(connection, "etl", run="bad-run")
    ids = [
        await connection.fetchval(
            """
            INSERT INTO runbell.evaluations (sensor_name, event_id, state, attempts, error)
            VALUES ($1, $2, $3, 10, E'ValueError: boom\nline two') RETURNING evaluation_id
            """,
            name,
            event,
            state,
        )
        for name, event, state in (("alerts", event_id, "dead"), ("alerts", 999, "dead"), ("chain", event_id, "retry"))
    ]

    found = await answer(database_url, "dead-letters", "list")
    shown = await run(database_url, "dead-letters", "show", str(ids[0]))
    document = await answer(database_url, "dead-letters", "show", str(ids[0]))

    assert [letter["evaluation_id"] for letter in found] == [ids[1], ids[0]]
    assert [letter["run_id"] for letter in found] == [None, "bad-run"]
    assert document == found[1]
    assert "bad-run" in shown.stdout
    assert "ValueError: boom\nline two" in shown.stdout
    assert await answer(database_url, "dead-letters", "list", "--sensor", "chain") == []
