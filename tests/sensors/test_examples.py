"""The example sensors, each through what sensor authors test with."""

import ast
import logging

import pytest

import runbell
from runbell.ops.loading import find_examples, load_sensors
from runbell.testing import evaluate

EXAMPLES = {sensor.name: sensor for sensor in load_sensors(str(find_examples())).sensors}


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO)
    return lambda: [record.getMessage() for record in caplog.records if record.name.startswith("runbell.sensors.")]


def test_the_failure_alert_names_job_and_message(said):
    assert evaluate(EXAMPLES["alert_on_failure"], job_name="etl", message="no space left").outcome == "acted"
    assert said() == ['Job "etl" failed: no space left']


def test_the_steps_alert_names_each_step_with_what_the_users_code_raised(said):
    raised = {"message": "ConnectionError: away\n", "stack": ["in load"]}
    errors = {"load": {"message": "the step failed", "cause": raised}, "check": "too few rows"}
    evaluated = evaluate(EXAMPLES["name_the_failed_steps"], job_name="transform_orders", step_failures=errors)

    assert evaluated.outcome == "acted"
    assert said() == ["Step load: ConnectionError: away", "Step check: too few rows"]


def test_the_steps_alert_says_so_when_no_step_failed():
    evaluated = evaluate(EXAMPLES["name_the_failed_steps"], job_name="extract_orders", run_id="r1")

    assert (evaluated.outcome, evaluated.reason) == ("skipped", "run r1 failed outside of its steps")


@pytest.mark.parametrize("status", ["CANCELING", "CANCELED"])
def test_cancellations_are_noted(said, status):
    assert evaluate(EXAMPLES["note_cancellation"], job_name="etl", status=status).outcome == "acted"
    assert said() == [f'Job "etl" is {status}']


def test_an_extraction_is_followed_by_one_transformation_of_its_partition():
    sensor = EXAMPLES["transform_what_was_extracted"]
    (request,) = evaluate(sensor, job_name="extract_orders", run_id="r1", partition_key="2026-01-01").requests

    assert (request.job_name, request.run_key, request.partition_key) == ("transform_orders", "r1", "2026-01-01")
    assert evaluate(sensor, job_name="transform_orders").outcome == "ignored"


def test_a_transformation_is_followed_by_a_report_for_each_audience():
    evaluated = evaluate(EXAMPLES["publish_what_was_transformed"], job_name="transform_orders", run_id="r1")

    assert [(request.job_name, request.run_key) for request in evaluated.requests] == [
        ("publish_report", "r1-sales"),
        ("publish_report", "r1-finance"),
    ]


def test_a_failed_transformation_is_cleaned_up_after():
    sensor = EXAMPLES["clean_up_after_failure"]
    (request,) = evaluate(sensor, job_name="transform_orders", run_id="r1").requests

    assert (request.job_name, request.run_config) == ("cleanup_partial_data", {"failed_run": "r1"})
    assert evaluate(sensor, job_name="transform_orders", status="SUCCESS").outcome == "ignored"


def test_the_whole_deployment_is_watched(said):
    sensor = EXAMPLES["watch_whole_deployment"]
    evaluated = evaluate(
        sensor, job_name="etl", code_location="elsewhere", status="SUCCESS", started_at=1.0, ended_at=3.5
    )

    assert evaluated.outcome == "acted"
    assert said() == ['Job "etl" ended with SUCCESS after 2.5 s']
    assert sensor.filter("here").scope is None


def test_a_run_without_times_is_passed_over():
    sensor = EXAMPLES["watch_whole_deployment"]

    assert evaluate(sensor, job_name="etl", status="SUCCESS", started_at=None).reason == "its times are not known"


def test_each_example_has_its_test():
    assert len(EXAMPLES) == 7


def test_the_examples_use_only_what_runbell_exports():
    for path in find_examples().glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        used = {
            node.attr for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "runbell"
        }  # fmt: skip
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}

        assert used <= set(runbell.__all__)
        assert imported <= {"runbell"}
