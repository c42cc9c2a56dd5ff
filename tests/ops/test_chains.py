"""The chain of a run: the console and `runbell runs show` show the same, within their bounds."""

import json
from itertools import pairwise
from typing import Any, TypeAlias

import asyncpg
import msgspec

from runbell import RunRequest, RunStatusSensorContext, SkipReason, run_status_sensor
from runbell.ops.chains import Bounds, RunNode, read_causes, read_chains
from runbell.ops.console.log_lines import LogLines
from runbell.ops.console.looking import Look, Question
from runbell.ops.console.pages import PAGES
from runbell.ops.console.rendering import render
from runbell.ops.standing import Standing
from support.commands import answer, command
from support.daemons import record, running, until

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
BOUNDS = Bounds(depth=10, rows=100, watchers=100)


@run_status_sensor(run_status="SUCCESS", monitored_tags={"team": "finance"}, request_job="report")
async def of_finance(context: RunStatusSensorContext) -> RunRequest:
    return RunRequest(run_key=context.dagster_run.run_id)


@run_status_sensor(run_status="SUCCESS", monitored_tags={"team": "sales"})
async def of_sales(context: RunStatusSensorContext) -> None:
    pass


@run_status_sensor(run_status="SUCCESS", monitored_partitions=["2026-03-*"])
async def of_march(context: RunStatusSensorContext) -> SkipReason:
    return SkipReason("it is a Sunday")


@run_status_sensor(run_status="SUCCESS", monitored_partitions=["2026-04-*"])
async def of_april(context: RunStatusSensorContext) -> None:
    pass


@run_status_sensor(run_status="SUCCESS", monitored_origins=["sensor"])
async def of_sensors(context: RunStatusSensorContext) -> None:
    pass


async def test_the_console_and_the_command_show_the_same_of_a_run_that_filters_look_into(
    database_url: str, connection: Session
) -> None:
    tags = {"team": "finance", "dagster/partition": "2026-03-01"}
    async with running(database_url, of_finance, of_sales, of_march, of_april, of_sensors):
        event_id = await record(connection, "load-1", job="load", tags=json.dumps(tags))
        await until(lambda: connection.fetchval("SELECT request_id FROM runbell.run_requests"), bool)
        await until(lambda: passed(connection, event_id), (2).__eq__)
    request_id = await connection.fetchval("SELECT request_id FROM runbell.run_requests")
    launched = {"runbell/sensor": "of_finance", "runbell/request_id": str(request_id)}
    await record(connection, "report-1", job="report", tags=json.dumps({**tags, **launched}))

    shown = {run_id: await both(database_url, run_id) for run_id in ("load-1", "report-1")}

    assert shown["load-1"] == {
        "of_finance": "requested 1 run",
        "of_march": "skipped",
    }
    # Nobody has been called since. It is known whose run it is: it does not reach of_finance.
    assert shown["report-1"] == dict.fromkeys(("of_march", "of_sensors"), "not called yet")


async def test_a_tick_that_was_put_in_by_hand_does_not_keep_a_chain_from_being_shown(
    database_url: str, connection: Session
) -> None:
    async with running(database_url, of_march):
        event_id = await record(connection, "r", tags='{"dagster/partition": "2026-03-01"}')
        await until(lambda: passed(connection, event_id), bool)

    for details in ('{"event_id": 1}', '[{"event_id": "mine"}, 7, null]'):
        await connection.execute("UPDATE runbell.ticks SET details = $1::text::jsonb", details)
        assert await both(database_url, "r") == {"of_march": "skipped"}


async def both(database_url: str, run_id: str) -> dict[str, str]:
    """What sensors made of a run, once seen that the console and the command agree on all of it."""
    async with Look(database_url, Standing(), LogLines()) as look:
        page = await PAGES["/run"](look, Question({"id": run_id}))
        html = render(page, path="/run", live=None, standing=look.standing)
    ((_, causes, tree),) = page.values["found"]
    told = asked(await answer(database_url, "runs", "show", run_id))
    assert msgspec.to_builtins(tree) == told
    answers = {one["sensor_name"]: one["outcome"] for event in told["events"] for one in event["answers"]}
    assert all(name in html for name in answers)
    assert bool(causes) is (run_id == "report-1")
    return answers


def asked(chains: list[dict[str, Any]]) -> dict[str, Any]:
    """The run that was asked for, wherever it stands; alone, if nothing else leads to it."""
    (found,) = [run for chain in chains for run in runs_of(chain) if run["asked"]]
    return found


def runs_of(run: dict[str, Any]) -> list[dict[str, Any]]:
    requests = [one for event in run["events"] for it in event["answers"] for one in it["requests"] if one["run"]]
    return [run, *(found for one in requests for found in runs_of(one["run"]))]


async def passed(connection: Session, event_id: int) -> int:
    return await connection.fetchval(
        """SELECT count(*) FROM runbell.sensors AS s, runbell.run_events AS e
        WHERE e.event_id = $1 AND pg_visible_in_snapshot(e.xid, s.position)""",
        event_id,
    )


async def test_a_chain_that_is_longer_than_its_bounds_is_cut_and_says_so(
    database_url: str, connection: Session
) -> None:
    await lead(connection, "run-1", "run-2", "run-3", "run-4", "run-5", "run-6")
    near, few = Bounds(depth=2, rows=100, watchers=100), Bounds(depth=10, rows=2, watchers=100)

    (whole,) = await read_chains(connection, "run-3", BOUNDS)
    (short,) = await read_chains(connection, "run-4", near)
    (brief,) = await read_chains(connection, "run-1", few)

    assert told(whole) == [(f"run-{number}", False) for number in range(1, 7)]
    assert told(short) == [("run-2", False), ("run-3", False), ("run-4", False), ("run-5", False), ("run-6", True)]
    assert told(brief) == [("run-1", True), ("run-2", True)]


async def test_the_longest_chain_that_is_shown_can_be_printed(database_url: str, connection: Session) -> None:
    await lead(connection, *(f"run-{number}" for number in range(130)))

    (document,) = await answer(database_url, "runs", "show", "run-70")
    printed = await command(database_url, "runs", "show", "run-70")

    assert [run["run_id"] for run in runs_of(document)] == [f"run-{number}" for number in range(20, 121)]
    assert "run run-120 of job (sql): SUCCESS; there is more than is shown" in " ".join(printed.stdout.split())


async def test_runs_that_lead_to_each_other_are_each_shown_once(database_url: str, connection: Session) -> None:
    await lead(connection, "run-1", "run-2", "run-1")

    (chain,) = await read_chains(connection, "run-1", BOUNDS)

    assert sorted(told(chain)) == [("run-1", False), ("run-2", False)]


async def test_what_the_queue_says_of_a_run_goes_before_what_the_run_says_of_itself(
    database_url: str, connection: Session
) -> None:
    await lead(connection, "other", "another")
    of_other = await connection.fetchval("SELECT max(request_id) FROM runbell.run_requests")
    await lead(connection, "load", "report")
    of_load = await connection.fetchval("SELECT max(request_id) FROM runbell.run_requests")
    await connection.execute(
        "UPDATE runbell.runs SET tags = jsonb_build_object('runbell/request_id', $1::text) WHERE run_id = 'report'",
        str(of_other),
    )

    (cause,) = await read_causes(connection, ("sql", "report"), BOUNDS)

    assert (cause.request_id, cause.run) == (of_load, ("sql", "load"))


async def lead(connection: Session, *run_ids: str) -> None:
    """Each of these runs leads to the next one."""
    await connection.execute(
        "INSERT INTO runbell.sensors (sensor_name, module, declared_active, filter, filter_hash)"
        " VALUES ('next', 'sensors', true, '{}', 0) ON CONFLICT DO NOTHING"
    )
    for run_id, following in pairwise(run_ids):
        event_id = await record(connection, run_id)
        await connection.execute(
            "INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name, state, run_id)"
            " VALUES ('next', $1, 0, 'sql', 'etl', 'launched', $2)",
            event_id,
            following,
        )
    await record(connection, run_ids[-1], "STARTED")


def told(chain: RunNode) -> list[tuple[str, bool]]:
    return [(one["run_id"], one["cut"]) for one in runs_of(msgspec.to_builtins(chain))]
