"""What a sensor's function is given."""

import copy
import logging
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as some
from msgspec.structs import replace

from runbell import (
    DagsterRunStatus,
    NotHereError,
    RunbellError,
    RunFailureSensorContext,
    build_run_status_sensor_context,
    run_failure_sensor,
    run_status_sensor,
)
from runbell.core.awaiting import cannot_wait
from runbell.core.contexts import RecordedAnswers, build_context
from runbell.core.dagster_events import DagsterEvent
from runbell.core.events import StepFailure
from runbell.core.failures import ErrorInfo, read_error
from runbell.core.runs import DagsterRun, RunFacts
from runbell.testing import made_up_event

ERROR = {
    "message": "OSError: no space left\n",
    "cls_name": "OSError",
    "stack": ['  File "op.py", line 3, in load\n', "    write()\n"],
    "cause": {"message": "quota", "stack": []},
}
LATER = RunFacts(run_id="a-run", source="test", job_name="etl", status="SUCCESS", started_at=1.0, ended_at=9.0)


class Store:
    """Answers as the database would."""

    async def run_by_id(self, run_id, source):
        return LATER if (source, run_id) == ("test", "a-run") else None

    async def step_failures(self, source, run_id):
        return [StepFailure("load", "it failed", '{"message": "no space left", "stack": ["in load"]}', 5.0)]


def wait(function, *arguments):
    """Answers in a plain call, as a thread of the engine does."""

    async def answer():
        return await function(*arguments)

    try:
        answer().send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("the store of this test answers at once")


@run_status_sensor("FAILURE")
def watching(context): ...


@run_failure_sensor
def alerting(context): ...


def context_of(event, sensor=watching, waiting=wait):
    answers = RecordedAnswers(Store(), waiting, lambda *_: logging.getLogger("test"))
    return build_context(sensor, "here:it", event, answers)


def test_the_run_is_as_it_was_recorded():
    event = made_up_event(
        job_name="etl",
        run_id="r1",
        status="SUCCESS",
        tags={"dagster/partition": "p1", "dagster/root_run_id": "r0", "dagster/parent_run_id": "r0", "retries": 3},
        run_config={"ops": {}},
        code_location="warehouse",
        recorded_at=5.0,
        started_at=3.0,
        ended_at=4.0,
    )
    context = context_of(event)
    run = context.dagster_run

    assert (context.sensor_name, context.partition_key) == ("here:it", "p1")
    assert (run.run_id, run.job_name, run.code_location) == ("r1", "etl", "warehouse")
    assert (run.tags["retries"], run.run_config) == ("3", {"ops": {}})
    assert (run.root_run_id, run.parent_run_id) == ("r0", "r0")
    assert (run.create_timestamp, run.start_time, run.end_time) == (5.0, 3.0, 4.0)
    assert (run.is_finished, run.is_success, run.is_failure, run.is_failure_or_canceled) == (True, True, False, False)
    assert run.asset_selection is None
    assert run.remote_job_origin is None
    event = context.dagster_event
    assert (event.event_type_value, event.run_id, event.job_name, event.timestamp) == (
        "PIPELINE_SUCCESS",
        "r1",
        "etl",
        5,
    )
    assert event.event_specific_data is None


@pytest.mark.parametrize(
    ("status", "start", "end"),
    [("QUEUED", None, None), ("STARTING", None, None), ("STARTED", 3.0, None), ("CANCELING", 3.0, None)]
    + [(status, 3.0, 4.0) for status in ("SUCCESS", "FAILURE", "CANCELED")],
)
def test_times_that_came_after_the_event_are_not_told(status, start, end):
    run = context_of(made_up_event(status=status, started_at=3.0, ended_at=4.0)).dagster_run

    assert (run.start_time, run.end_time) == (start, end)


def test_a_status_that_nobody_listed_is_text_that_answers_like_a_member():
    run = context_of(made_up_event(status="up_for_retry")).dagster_run

    assert run.status == run.status.value == run.status.name == "UP_FOR_RETRY"
    assert not run.is_finished
    assert context_of(made_up_event(status="STARTED")).dagster_run.status is DagsterRunStatus.STARTED


def test_a_recorded_partition_wins_over_the_tag():
    event = made_up_event(partition_key="column", tags={"dagster/partition": "tag"})

    assert context_of(event).partition_key == "column"
    assert context_of(made_up_event()).partition_key is None


@pytest.mark.parametrize("broken", ["{", "[1]", '"a"', "[" * 100_000])
def test_what_cannot_be_read_is_named_when_it_is_looked_at_and_the_rest_stays_usable(broken):
    run = context_of(replace(made_up_event(run_id="r1"), tags=broken, run_config=broken)).dagster_run

    assert run.job_name == "a_job"
    with pytest.raises(RunbellError, match="the tags of run r1"):
        _ = run.tags
    with pytest.raises(RunbellError, match="the run config of run r1"):
        _ = run.run_config


def test_a_failure_has_its_message_and_its_error():
    context = context_of(made_up_event(status="FAILURE", message="Steps failed: load", error=ERROR), alerting)
    error = context.failure_event.event_specific_data.error

    assert isinstance(context, RunFailureSensorContext)
    assert context.failure_event is context.dagster_event
    assert context.failure_event.message == "Steps failed: load"
    assert context.failure_event.event_type_value == "PIPELINE_FAILURE"
    assert context.failure_event.event_specific_data.first_step_failure_event.step_key == "load"
    assert (error.cls_name, error.stack[1], error.cause.message) == ("OSError", "    write()\n", "quota")
    assert error.to_string().splitlines() == [
        "OSError: no space left",
        "Stack trace:",
        '  File "op.py", line 3, in load',
        "    write()",
        "It was caused by:",
        "quota",
    ]


def test_a_failure_without_an_error_has_none():
    context = context_of(made_up_event(status="FAILURE"), alerting)

    assert context.failure_event.event_specific_data.error is None
    assert context.failure_event.message is None


def test_a_status_context_has_the_failure_event_when_it_is_one():
    assert context_of(made_up_event(status="FAILURE", message="oh")).failure_event.message == "oh"
    context = context_of(made_up_event(status="SUCCESS", run_id="r1"))
    assert not hasattr(context, "failure_event")
    with pytest.raises(NotHereError, match="run r1 did not fail, its event is PIPELINE_SUCCESS"):
        _ = context.failure_event
    assert context_of(made_up_event(status="FAILURE", message="oh")).for_run_failure().failure_event.message == "oh"


async def test_step_failures_come_with_key_message_and_stack():
    context = context_of(made_up_event(status="FAILURE"))

    for events in (context.get_step_failure_events(), await context.aget_step_failure_events()):
        (failure,) = events
        assert (failure.step_key, failure.message, failure.event_type_value) == ("load", "it failed", "STEP_FAILURE")
        assert failure.event_specific_data.error.to_string() == "no space left\nStack trace:\nin load"
        assert failure.step_failure_data is failure.event_specific_data


async def test_the_instance_answers_with_the_run_as_it_is_now():
    instance = context_of(made_up_event(status="STARTED", run_id="a-run")).instance

    assert instance.get_run_by_id("a-run") == await instance.aget_run_by_id("a-run")
    assert instance.get_run_by_id("a-run").end_time == 9.0
    assert instance.get_run_by_id("unknown") is None
    stats = await instance.aget_run_stats("a-run")
    assert stats == instance.get_run_stats("a-run")
    assert (stats.start_time, stats.end_time, stats.launch_time, stats.enqueued_time) == (1.0, 9.0, None, None)
    assert instance.get_run_stats("unknown").start_time is None


def test_what_is_not_here_is_named_and_looks_absent():
    context = context_of(made_up_event())

    with pytest.raises(NotHereError, match=r"context\.instance\.get_assets is not here: it answers get_run_by_id,"):
        context.instance.get_assets(limit=1)
    with pytest.raises(NotHereError, match=r"context\.resources\.slack is not here: nobody declares it"):
        context.resources.slack.post()
    assert not hasattr(context.instance, "get_job_snapshot")
    assert getattr(context.resources, "slack", None) is None


def test_an_async_sensor_is_told_what_to_await():
    context = context_of(made_up_event(status="FAILURE"), waiting=cannot_wait)

    with pytest.raises(NotHereError, match=r"await context\.aget_step_failure_events\(\)"):
        context.get_step_failure_events()
    with pytest.raises(NotHereError, match=r"await context\.instance\.aget_run_stats\("):
        context.instance.get_run_stats("r1")


@given(
    some.recursive(
        some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
        lambda inner: (
            some.lists(inner, max_size=3)
            | some.dictionaries(some.sampled_from(["message", "cls_name", "stack", "cause", "else"]), inner, max_size=4)
        ),
    )
)
def test_an_error_of_any_shape_can_be_read(recorded):
    error = made_up_event(status="FAILURE", error=recorded).error
    info = read_error(error)

    assert info is None or isinstance(info.to_string(), str)


@pytest.mark.parametrize(
    ("recorded", "message"),
    [
        ('"oh"', "oh"),
        ("[1, 2]", "[1, 2]"),
        ('{"code": 5}', '{"code": 5}'),
        ('{"message": 5}', "5"),
        ("oh", "oh"),
        ("5", "5"),
    ],
)
def test_an_error_of_another_shape_stands_under_message(recorded, message):
    assert read_error(recorded) == ErrorInfo(message)


def test_a_chain_of_causes_without_end_ends():
    assert read_error('{"message": "a", "cause": ' * 400 + "null" + "}" * 400).to_string().count("caused by") == 49


def test_a_context_takes_objects_of_the_authors_own():
    run = SimpleNamespace(run_id="r1", job_name="etl", tags={"dagster/partition": "p"}, status=DagsterRunStatus.FAILURE)
    event = SimpleNamespace(message="oh")
    context = build_run_status_sensor_context(sensor_name="mine", dagster_run=run, dagster_event=event)

    assert (context.sensor_name, context.dagster_run, context.partition_key) == ("mine", run, "p")
    assert context.failure_event is context.for_run_failure().failure_event is event


def test_nothing_is_made_that_nobody_looks_at_and_what_is_looked_at_is_made_once():
    asked = []

    class Counting(RecordedAnswers):
        def run(self, event):
            asked.append("run")
            return super().run(event)

        def change(self, event):
            asked.append("change")
            return super().change(event)

    answers = Counting(Store(), wait, lambda *_: asked.append("log"))
    context = build_context(watching, "here:it", made_up_event(partition_key="p", status="FAILURE"), answers)
    assert (context.sensor_name, context.partition_key) == ("here:it", "p")
    assert context.idempotency_key
    assert asked == []

    assert context.dagster_run is context.dagster_run
    assert repr(context.dagster_run) in repr(context)
    assert context.recorded.status == "FAILURE"
    failure = context.for_run_failure()
    assert failure.dagster_run is context.dagster_run
    assert (failure.failure_event, context.log) == (failure.dagster_event, None)
    assert asked == ["run", "change", "log"]


def test_a_context_of_a_failure_is_one_for_a_failure_already():
    context = build_run_status_sensor_context("it").for_run_failure()

    assert isinstance(context, RunFailureSensorContext)
    assert context.for_run_failure() is context


def test_what_dagsters_contexts_have_besides():
    context = context_of(made_up_event(status="FAILURE"))

    assert context.pipeline_run is context.dagster_run
    assert context.repository_def is None
    for name in ("cursor", "update_cursor"):
        with pytest.raises(NotHereError, match=rf"^context\.{name} is not here: .* keep state of your own in"):
            getattr(context, name)
    with pytest.raises(NotHereError, match=r"^context\.tick is not here: it has sensor_name, dagster_run,"):
        _ = context.tick
    assert not hasattr(context, "cursor")
    assert copy.copy(context).sensor_name == "here:it"


def test_a_context_is_built_with_dagsters_arguments():
    run, instance, repository = (
        DagsterRun("etl", run_id="r1"),
        SimpleNamespace(),
        SimpleNamespace(name="__repository__"),
    )
    event = DagsterEvent("PIPELINE_FAILURE", "etl", message="oh")
    context = build_run_status_sensor_context(
        "mine", event, instance, run, None, partition_key="p1", repository_def=repository
    )

    assert (context.dagster_run, context.dagster_event, context.instance) == (run, event, instance)
    assert (context.partition_key, context.repository_def.name) == ("p1", "__repository__")
    assert context.for_run_failure().repository_def is repository


def test_the_first_failed_step_is_looked_up_when_somebody_asks():
    event = made_up_event(status="FAILURE", tags={"dagster/failure_reason": "STEP_FAILURE"}, error=ERROR)
    data = context_of(event).failure_event.event_specific_data

    assert data.failure_reason.value == "STEP_FAILURE"
    assert data.first_step_failure_event.event_specific_data.error.message == "no space left"
    assert str(data.error).startswith("OSError: no space left")
    assert data.error.to_exception_message_only().to_string() == "OSError: no space left"
    assert [*data._asdict()] == ["error", "failure_reason", "first_step_failure_event"]
    awaiting = context_of(event, waiting=cannot_wait).failure_event.event_specific_data
    with pytest.raises(NotHereError, match=r"await context\.aget_step_failure_events\(\)"):
        _ = awaiting.first_step_failure_event
    unreadable = context_of(replace(event, tags="{")).failure_event.event_specific_data
    assert (unreadable.failure_reason, unreadable.error.cls_name) == (None, "OSError")
