"""What `context.instance` answers from what was recorded, and the sentence for what it cannot answer."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from runbell import DagsterEventType, NotHereError, RunbellError, build_run_status_sensor_context
from runbell.core.instances import REASONS, Instance
from runbell.core.run_queries import MOST_RUNS, RunsFilter, RunsQuery, read_query
from runbell.core.runs import RunFacts

AT = 1_767_225_600.0
MOMENT = datetime.fromtimestamp(AT, UTC)


def asked(**happened):
    story = {"job_name": "etl", "run_id": "r1", "status": "FAILURE", "tags": {"team": "data"}, **happened}
    return build_run_status_sensor_context(**story)


def test_a_run_is_found_by_its_id_and_with_its_times():
    instance = asked().instance
    record = instance.get_run_record_by_id("r1")

    assert (record.dagster_run, record.start_time, record.end_time) == (instance.get_run_by_id("r1"), AT, AT)
    assert record.create_timestamp == MOMENT
    assert instance.has_run("r1")
    assert not instance.has_run("r2")
    assert instance.get_run_record_by_id("r2") is None


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (None, ["r1"]),
        (RunsFilter(job_name="etl"), ["r1"]),
        (RunsFilter(job_name="other"), []),
        (RunsFilter(run_ids=["r1", "r2"]), ["r1"]),
        (RunsFilter(run_ids=["r2"]), []),
        (RunsFilter(statuses=[SimpleNamespace(value="FAILURE")]), ["r1"]),
        (RunsFilter(statuses=["success"]), []),
        (RunsFilter(tags={"team": "data"}), ["r1"]),
        (RunsFilter(tags={"team": ["web", "data"]}), ["r1"]),
        (RunsFilter(tags={"team": "web"}), []),
        (RunsFilter(tags={"owner": "data"}), []),
        (RunsFilter(created_after=datetime(2020, 1, 1, tzinfo=UTC)), ["r1"]),
        (RunsFilter(created_before=datetime(2026, 1, 1, 0, 0, 1)), ["r1"]),  # noqa: DTZ001 - it reads as UTC
        (RunsFilter(created_after=datetime(2030, 1, 1, tzinfo=UTC)), []),
        (RunsFilter(created_before=datetime(2020, 1, 1, tzinfo=UTC)), []),
        (SimpleNamespace(job_name="etl", statuses=[], tags={}), ["r1"]),
    ],
)
def test_runs_are_found_by_a_filter_ours_or_dagsters(filters, found):
    instance = asked().instance

    assert [run.run_id for run in instance.get_runs(filters=filters, limit=5)] == found
    assert [record.dagster_run.run_id for record in instance.get_run_records(filters, limit=5)] == found
    assert instance.get_runs_count(filters) == len(found)
    assert instance.get_runs(filters, limit=0) == []


def test_a_question_keeps_what_was_asked():
    question = read_query("sql", RunsFilter(updated_after=MOMENT), limit=1, order_by="end_time", ascending=True)

    assert question == RunsQuery(
        source="sql", updated_after=AT, order="end_time", ascending=True, limit=1, run_ids=None, statuses=None
    )
    assert not question.is_open
    assert read_query("sql", cursor="r1").before == "r1"


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"filters": RunsFilter(snapshot_id="s")}, NotHereError, r"RunsFilter\(snapshot_id=...\) by: leave it out"),
        ({"bucket_by": "job"}, NotHereError, "bucket_by= by: leave it out"),
        ({"filters": RunsFilter(exclude_subruns=True)}, NotHereError, "exclude_subruns"),
        ({"filters": RunsFilter(tags={"a": [float("nan")]})}, RunbellError, "RunsFilter.tags=.* NaN|nan"),
        ({"filters": RunsFilter(updated_after=5)}, RunbellError, r"updated_after=5\) is no datetime"),
        ({"filters": RunsFilter(run_ids=[])}, RunbellError, r"run_ids=\[\]\) names no run: ask only where"),
        ({"filters": SimpleNamespace(run_ids=())}, RunbellError, r"run_ids=\(\)\) names no run"),
        ({"limit": -1}, RunbellError, "limit=-1 is not a number from 0 to 10000"),
    ],
)
def test_what_cannot_be_asked_is_said_in_a_sentence(arguments, error, said):
    with pytest.raises(error, match=said):
        asked().instance.get_runs(**arguments)


def test_an_order_that_there_is_not_is_refused():
    with pytest.raises(RunbellError, match="order_by='run_id' is none of update_timestamp, start_time, end_time"):
        asked().instance.get_run_records(order_by="run_id")
    with pytest.raises(NotHereError, match="cursor= together with order_by="):
        asked().instance.get_run_records(order_by="end_time", cursor="r1")


async def test_more_runs_than_a_list_should_hold_are_refused_not_cut_off():
    class Many:
        async def runs(self, query):
            return [RunFacts(run_id=str(n), source="sql", job_name="etl", status="SUCCESS") for n in range(query.limit)]

    instance = type(asked().instance)("sql", Many(), None)

    with pytest.raises(RunbellError, match="more than 10000 runs match: give limit="):
        await instance.aget_runs()
    assert len(await instance.aget_runs(limit=3)) == 3
    assert len(await instance.aget_run_records(limit=MOST_RUNS)) == MOST_RUNS


def test_a_runs_log_has_its_failed_steps_and_its_status():
    context = asked(step_failures={"load": "no space left", "check": "no rows"})
    page = context.instance.get_records_for_run("r1")
    first, _, last = page.records

    assert [record.storage_id for record in page.records] == [1, 2, 3]
    assert (page.cursor, page.has_more) == ("3", False)
    assert (first.event_type, first.event_log_entry.step_key) == (DagsterEventType.STEP_FAILURE, "load")
    entry = last.event_log_entry
    assert (entry.dagster_event_type, entry.job_name, entry.level) == (DagsterEventType.RUN_FAILURE, "etl", 40)
    assert entry.message == entry.dagster_event.message == context.failure_event.message
    assert entry.message == "Execution of run for \"etl\" failed. Steps failed: ['load', 'check']."
    assert entry.is_dagster_event
    assert entry.get_dagster_event() is entry.dagster_event
    assert (last.run_id, last.timestamp) == ("r1", AT)
    assert context.instance.get_records_for_run("r2").records == []


def test_a_runs_log_comes_by_type_in_pages_and_in_either_order():
    instance = asked(step_failures={"load": "no space left", "check": "no rows"}).instance
    failures = {DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE}
    page = instance.get_records_for_run("r1", of_type=failures, limit=2)
    rest = instance.get_records_for_run("r1", cursor=page.cursor, of_type=failures, limit=2)
    newest = instance.get_records_for_run("r1", limit=1, ascending=False)
    before = instance.get_records_for_run("r1", cursor=newest.cursor, ascending=False)

    assert [record.storage_id for record in page.records] == [1, 2]
    assert (page.has_more, [record.storage_id for record in rest.records], rest.has_more) == (True, [3], False)
    assert [record.storage_id for record in (*newest.records, *before.records)] == [3, 2, 1]
    steps = instance.all_logs("r1", of_type=DagsterEventType.STEP_FAILURE)
    assert [entry.dagster_event.step_key for entry in steps] == ["load", "check"]
    assert instance.all_logs("r1", of_type="PIPELINE_START") == []


def test_events_that_nobody_records_are_refused_not_answered_with_none():
    with pytest.raises(NotHereError, match="no events of type ASSET_MATERIALIZATION: recorded are the changes"):
        asked().instance.all_logs("r1", of_type=DagsterEventType.ASSET_MATERIALIZATION)


@pytest.mark.parametrize("name", [*REASONS])
def test_what_dagster_alone_knows_says_so_in_one_sentence(name):
    with pytest.raises(NotHereError, match=rf"^context\.instance\.{name} is not here: \w.+[\w)]$"):
        getattr(asked().instance, name)("r1")


def test_dagsters_ways_to_an_instance_name_ours():
    with pytest.raises(NotHereError, match=r"use context\.instance"):
        Instance.get()
    with pytest.raises(NotHereError, match=r"runbell\.testing\.evaluate"):
        Instance.ephemeral()
