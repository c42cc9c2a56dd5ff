"""A sensor made without a decorator, and the rest of what Dagster's definitions of sensors answer."""

from types import SimpleNamespace

import pytest

from runbell import (
    DagsterRunStatus,
    DefinitionError,
    JobSelector,
    NotHereError,
    RunStatusSensorDefinition,
    run_failure_sensor,
    run_status_sensor,
)
from runbell.core.filters import JobPattern
from runbell.testing import evaluate


def greet(context):
    return context


@run_status_sensor(DagsterRunStatus.SUCCESS, request_job="report", metadata={"level": 1})
def reporting(context): ...


def test_a_definition_is_the_sensor_that_the_decorator_makes():
    made = RunStatusSensorDefinition(
        name="hello",
        run_status=DagsterRunStatus.FAILURE,
        run_status_sensor_fn=greet,
        monitored_jobs=[SimpleNamespace(name="etl")],
        default_status=None,
        request_jobs=["repair"],
        tags={"team": "data"},
    )

    assert (made.name, made.statuses, made.jobs) == ("hello", {"FAILURE"}, (JobPattern("etl"),))
    assert made("given") == "given"
    assert isinstance(made, RunStatusSensorDefinition)
    assert isinstance(reporting, RunStatusSensorDefinition)
    assert not isinstance(greet, RunStatusSensorDefinition)
    assert evaluate(made, job_name="etl").outcome == "failed"
    assert RunStatusSensorDefinition | None


@pytest.mark.parametrize(
    ("arguments", "declared", "said"),
    [
        (("hello", "SUCCESS", greet, 30), {}, "sensor 'hello': 30 follows by position: give it by name"),
        (("hello", "SUCCESS", 5), {}, "@run_status_sensor was put on 5, which cannot be called"),
        (("", "SUCCESS", greet), {}, "name='' is not a name"),
        (("hello", "SUCCESS", greet), {"interval": 5}, "interval=5 is not an argument"),
    ],
)
def test_a_mistake_in_a_definition_is_one_sentence(arguments, declared, said):
    with pytest.raises(DefinitionError) as caught:
        RunStatusSensorDefinition(*arguments, **declared)

    assert said in str(caught.value)


def test_a_copy_with_other_targets_or_metadata_leaves_the_sensor_as_it_is():
    elsewhere = reporting.with_attributes(jobs=[JobSelector("warehouse", job_name="load")])

    assert (elsewhere.request_jobs, elsewhere.job_name, elsewhere.metadata) == (
        ("warehouse:load",),
        "load",
        {"level": 1},
    )
    assert reporting.with_attributes(metadata={"level": 2}).metadata == {"level": 2}
    assert reporting.with_attributes().request_jobs == reporting.request_jobs == ("report",)
    assert elsewhere.__wrapped__ is reporting.__wrapped__


def test_its_targets_and_type_are_told():
    several = reporting.with_attributes(jobs=["a", "b"])

    assert (reporting.has_jobs, reporting.job_name, reporting.sensor_type.value) == (True, "report", "RUN_STATUS")
    assert not reporting.with_attributes(jobs=[]).has_jobs
    with pytest.raises(NotHereError, match="sensor 'reporting' has no job_name: it requests 2 jobs"):
        _ = several.job_name


def test_calling_it_calls_the_function_with_or_without_a_context():
    @run_failure_sensor
    def nothing():
        return "called"

    assert nothing() == nothing("a context") == "called"
