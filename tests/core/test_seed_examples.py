"""The examples that the API was asked for, word by word, with nothing changed but the import."""

from types import SimpleNamespace

import pytest

from runbell.core.sensors import Sensor
from runbell.testing import evaluate

IMPORT = "import dagster as dg\n"

FAILURE_ALERT = """
@dg.run_failure_sensor
def failure_alert_sensor(context: dg.RunFailureSensorContext):
    slack_client.chat_postMessage(
        channel="#alerts",
        text=f'Job "{context.dagster_run.job_name}" failed: {context.failure_event.message}',
    )
"""

SUCCESS = """
@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    request_job=downstream_job,
)
def success_sensor(context: dg.RunStatusSensorContext):
    if context.dagster_run.job_name == "upstream_job":
        return dg.RunRequest(run_key=context.dagster_run.run_id)
"""

SPECIFIC_JOBS = """
@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[job1, job2],
)
def job_specific_sensor(context):
    # Only triggered when job1 or job2 succeeds
    ...
"""

WHOLE_DEPLOYMENT = """
@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.FAILURE,
    monitor_all_code_locations=True,
)
def global_failure_sensor(context):
    # Monitors failures across the entire deployment
    ...
"""

SLACK = """
@dg.run_failure_sensor
def slack_alert(context: dg.RunFailureSensorContext):
    slack_client.chat_postMessage(
        channel="#alerts",
        text=f"Job {context.dagster_run.job_name} failed"
    )
"""

CHAIN = """
@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[upstream_job],
    request_job=downstream_job,
)
def chain_jobs(context):
    return dg.RunRequest()
"""

CLEANUP = """
@dg.run_failure_sensor(monitored_jobs=[data_job])
def cleanup_on_failure(context):
    cleanup_partial_data()
"""


class World:
    """What the examples take for granted: jobs, a Slack client, a function that cleans up. Notes what is done to it."""

    def __init__(self):
        self.said = []
        self.cleaned = 0

    def chat_postMessage(self, *, channel, text):  # noqa: N802 - its name is Slack's
        self.said.append((channel, text))

    def clean(self):
        self.cleaned += 1

    def sensor(self, example):
        names = {
            name: SimpleNamespace(name=name) for name in ("job1", "job2", "upstream_job", "downstream_job", "data_job")
        }
        names |= {"slack_client": self, "cleanup_partial_data": self.clean}
        exec((IMPORT + example).replace("import dagster as dg", "import runbell as dg"), names)
        (sensor,) = (value for value in names.values() if isinstance(value, Sensor))
        return sensor


@pytest.fixture
def world():
    return World()


def test_the_failure_alert_names_job_and_message(world):
    sensor = world.sensor(FAILURE_ALERT)

    assert evaluate(sensor, job_name="etl", message="no space left").outcome == "acted"
    assert evaluate(sensor, job_name="etl", status="SUCCESS").outcome == "ignored"
    assert world.said == [("#alerts", 'Job "etl" failed: no space left')]


def test_the_success_sensor_requests_a_run_after_the_upstream_job_alone(world):
    sensor = world.sensor(SUCCESS)
    upstream = evaluate(sensor, job_name="upstream_job", run_id="r1")

    assert (upstream.outcome, upstream.requests[0].run_key, upstream.requests[0].job_name) == (
        "requested",
        "r1",
        "downstream_job",
    )
    assert evaluate(sensor, job_name="another").outcome == "acted"


def test_the_sensor_for_two_jobs_sees_those_two(world):
    sensor = world.sensor(SPECIFIC_JOBS)

    assert [evaluate(sensor, job_name=name).outcome for name in ("job1", "job2", "job3")] == [
        "acted",
        "acted",
        "ignored",
    ]


def test_the_deployment_wide_sensor_sees_every_code_location(world):
    sensor = world.sensor(WHOLE_DEPLOYMENT)

    assert sensor.filter("here").scope is None
    assert evaluate(sensor, job_name="etl", code_location="elsewhere").outcome == "acted"


def test_the_slack_alert_says_which_job_failed(world):
    assert evaluate(world.sensor(SLACK), job_name="etl").outcome == "acted"
    assert world.said == [("#alerts", "Job etl failed")]


def test_the_chain_requests_the_downstream_job_each_time(world):
    (request,) = evaluate(world.sensor(CHAIN), job_name="upstream_job").requests

    assert (request.job_name, request.run_key) == ("downstream_job", None)


def test_the_cleanup_runs_once_for_a_failure_of_its_job(world):
    sensor = world.sensor(CLEANUP)

    assert evaluate(sensor, job_name="data_job").outcome == "acted"
    assert evaluate(sensor, job_name="another").outcome == "ignored"
    assert world.cleaned == 1


@pytest.mark.parametrize(
    "status", ["SUCCESS", "FAILURE", "STARTED", "CANCELED", "CANCELING", "QUEUED", "NOT_STARTED", "MANAGED", "STARTING"]
)
def test_every_status_that_was_named_can_be_watched(world, status):
    example = WHOLE_DEPLOYMENT.replace("DagsterRunStatus.FAILURE", f"DagsterRunStatus.{status}")

    assert evaluate(world.sensor(example), status=status).outcome == "acted"
