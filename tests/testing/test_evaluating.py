"""What sensor authors test with."""

import asyncio
import threading

import pytest

import runbell
from runbell.testing import evaluate


@runbell.run_status_sensor(["SUCCESS", "FAILURE"], monitored_jobs=["etl_*"], request_jobs=["load", "report"])
def chain(context):
    yield runbell.RunRequest(run_key="1", job_name="load", run_config={"a": 1}, tags={"b": 2}, asset_selection=["c"])
    yield runbell.RunRequest(run_key="2", job_name="report")


def test_requests_come_back_decoded():
    evaluated = evaluate(chain, job_name="etl_orders", status="SUCCESS", run_id="r1")

    first, second = evaluated.requests
    assert (first.run_config, first.asset_selection, first.tags["b"]) == ({"a": 1}, [["c"]], "2")
    assert (first.job_name, second.job_name, second.tags["runbell/sensor"]) == ("load", "report", "chain")


def test_a_status_must_be_said_where_several_are_watched():
    with pytest.raises(ValueError, match="sensor 'chain' watches FAILURE, SUCCESS: say which status="):
        evaluate(chain, job_name="etl_orders")
    with pytest.raises(TypeError, match="jobname: not among code_location, "):
        evaluate(chain, status="SUCCESS", jobname="etl_orders")


@runbell.run_failure_sensor
async def asynchronous(context):
    await asyncio.sleep(0)
    failures = await context.aget_step_failure_events()
    stats = await context.instance.aget_run_stats(context.dagster_run.run_id)
    return runbell.SkipReason(f"{failures[0].step_key} failed after {stats.end_time - stats.start_time:g} s")


@runbell.run_failure_sensor(request_job="load")
async def async_generator(context):
    for failure in await context.aget_step_failure_events():
        yield runbell.RunRequest(run_key=failure.step_key)


@runbell.run_failure_sensor
def with_a_loop_of_its_own(context):
    assert threading.current_thread() is not threading.main_thread()
    failures = context.get_step_failure_events()
    return asyncio.run(said_later(failures[0].event_specific_data.error.message))


async def said_later(text):
    return runbell.SkipReason(text)


async def test_every_kind_of_function_runs_as_in_the_daemon_also_within_a_running_loop():
    happened = {
        "step_failures": {"load": "no space left", "write": {"message": "a"}},
        "started_at": 1.0,
        "ended_at": 3.5,
    }

    assert evaluate(asynchronous, **happened).reason == "load failed after 2.5 s"
    assert [request.run_key for request in evaluate(async_generator, **happened).requests] == ["load", "write"]
    assert evaluate(with_a_loop_of_its_own, **happened).reason == "no space left"


@runbell.run_status_sensor("SUCCESS", request_job="load")
def raises_midway(context):
    yield runbell.RunRequest()
    raise ConnectionError("down")


@runbell.run_status_sensor("SUCCESS")
async def waits_wrongly(context):
    context.get_step_failure_events()


@runbell.run_status_sensor("SUCCESS")
def takes_nothing():
    return runbell.SkipReason("nothing needed")


def test_a_failure_keeps_no_request_and_has_its_traceback():
    evaluated = evaluate(raises_midway)

    assert (evaluated.outcome, evaluated.requests) == ("failed", ())
    assert evaluated.error.splitlines()[-1] == "ConnectionError: down"
    assert "await context.aget_step_failure_events()" in evaluate(waits_wrongly).error
    assert evaluate(takes_nothing).reason == "nothing needed"


@runbell.run_status_sensor("SUCCESS", request_job="load")
def asks_for_more_time(context):
    yield runbell.RunRequest()
    raise runbell.Retry(after=30, reason="not written yet")


@runbell.run_status_sensor("SUCCESS")
async def gives_up(context):
    raise runbell.GiveUp("the customer is gone")


def test_what_a_sensor_says_about_trying_again_can_be_tested():
    later, never = evaluate(asks_for_more_time), evaluate(gives_up)

    assert (later.outcome, later.retry_after, later.reason, later.final) == ("failed", 30.0, "not written yet", False)
    assert (never.outcome, never.retry_after, never.reason, never.final) == (
        "failed",
        None,
        "the customer is gone",
        True,
    )
    assert later.requests == ()
