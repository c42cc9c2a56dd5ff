"""The decorators: what they make, and the one sentence for each mistake."""

import functools
import inspect
from enum import Enum
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from runbell import (
    CodeLocationSelector,
    DagsterRunStatus,
    DefaultSensorStatus,
    DefinitionError,
    JobSelector,
    RepositorySelector,
    RetryPolicy,
    run_failure_sensor,
    run_status_sensor,
)
from runbell.core.filters import JobPattern
from runbell.core.sensors import innermost

SUCCESS = DagsterRunStatus.SUCCESS
A_JOB = SimpleNamespace(name="etl")


class Theirs(Enum):
    """Stands for Dagster's own enum, which is none of ours."""

    CANCELED = "CANCELED"


def declared(**arguments):
    @run_status_sensor(**{"run_status": SUCCESS, **arguments})
    def my_sensor(context):
        """Says hello.

        And more.
        """
        return context

    return my_sensor


def test_a_sensor_is_the_function_with_what_was_declared():
    sensor = declared(
        name="greet", tags={"team": "data"}, metadata={"level": 3}, default_status=DefaultSensorStatus.STOPPED
    )

    assert (sensor.name, sensor.description, sensor.statuses) == ("greet", "Says hello.", {"SUCCESS"})
    assert (sensor.tags, sensor.metadata, sensor.default_status.value) == ({"team": "data"}, {"level": 3}, "STOPPED")
    assert sensor("given") == "given"
    assert sensor.__name__ == "my_sensor"
    assert inspect.getdoc(sensor).startswith("Says hello.")
    assert list(inspect.signature(sensor).parameters) == ["context"]
    assert sensor.module == __name__
    assert sensor.declared_at.startswith(f"{__file__}:")


def test_a_sensor_is_a_value_that_cannot_be_changed():
    with pytest.raises(AttributeError):
        declared().name = "another"


@pytest.mark.parametrize(
    ("given", "statuses"),
    [
        (SUCCESS, {"SUCCESS"}),
        ("failure", {"FAILURE"}),
        (Theirs.CANCELED, {"CANCELED"}),
        (SimpleNamespace(value="QUEUED"), {"QUEUED"}),
        ([SUCCESS, "up_for_retry"], {"SUCCESS", "UP_FOR_RETRY"}),
        ((status for status in DagsterRunStatus if status.name.startswith("CANCEL")), {"CANCELED", "CANCELING"}),
    ],
)
def test_statuses_come_as_members_or_text_one_or_several(given, statuses):
    assert declared(run_status=given).statuses == statuses


@pytest.mark.parametrize("status", DagsterRunStatus)
def test_every_status_of_dagster_can_be_watched(status):
    assert declared(run_status=status).statuses == {status.value}


@pytest.mark.parametrize(
    ("given", "pattern"),
    [
        (A_JOB, JobPattern("etl")),
        ("etl_*", JobPattern("etl_*")),
        ("warehouse:etl", JobPattern("etl", "warehouse")),
        (JobSelector("warehouse", job_name="etl"), JobPattern("etl", "warehouse")),
        (CodeLocationSelector("warehouse"), JobPattern("*", "warehouse")),
        (RepositorySelector("warehouse", "__repository__"), JobPattern("*", "warehouse")),
        (SimpleNamespace(name="etl[1]"), JobPattern("etl[[]1]")),
        (SimpleNamespace(location_name="a", job_name="b", repository_name="c"), JobPattern("b", "a")),
    ],
)
def test_a_job_is_watched_however_it_is_named(given, pattern):
    assert declared(monitored_jobs=[given]).jobs == (pattern,)


def test_no_monitored_jobs_and_false_mean_nothing_given():
    sensor = declared(monitored_jobs=None, monitor_all_code_locations=False, request_job=None, request_jobs=None)

    assert sensor.jobs is None
    assert sensor.filter("here").scope == "here"
    assert declared(monitored_jobs=[A_JOB], monitor_all_code_locations=None).jobs == (JobPattern("etl"),)
    assert declared(monitor_all_code_locations=True).filter("here").scope is None


def test_targets_come_from_either_argument():
    assert declared(request_job=A_JOB).request_jobs == ("etl",)
    assert declared(request_jobs=[A_JOB, "load", "elsewhere:load"]).request_jobs == ("etl", "load", "elsewhere:load")
    assert declared(request_job=JobSelector("elsewhere", "__repository__", "load")).request_jobs == ("elsewhere:load",)


def test_former_names_mean_what_todays_names_do():
    assert declared(job_selection=[A_JOB]).jobs == (JobPattern("etl"),)
    assert declared(job_selection=[A_JOB], monitored_jobs=["load"]).jobs == (JobPattern("load"),)
    assert declared(job_selection=None, monitor_all_repositories=None).filter("here").scope == "here"
    assert declared(monitor_all_repositories=True).filter("here").scope is None


def test_the_name_may_follow_the_status_by_position():
    def greet(context): ...

    assert run_status_sensor(SUCCESS, "hello")(greet).name == "hello"
    assert run_status_sensor(SUCCESS, None)(greet).name == "greet"
    for more in (("hello", 30), ("failure",), (DagsterRunStatus.FAILURE,), (30,)):
        with pytest.raises(DefinitionError, match="give several statuses as a list, and everything else by name"):
            run_status_sensor(SUCCESS, *more)(greet)


def test_the_identity_names_the_code_location_where_there_is_one():
    assert declared(name="greet").identity(None) == "greet"
    assert declared(name="greet").identity("here") == "here:greet"


async def test_all_four_kinds_of_function_are_told_apart():
    @run_failure_sensor
    def plain(): ...
    @run_failure_sensor()
    async def coroutine(context): ...
    @run_failure_sensor("named")
    def generator(context):
        yield

    @run_failure_sensor(name="also_named", max_concurrent=3)
    async def async_generator(context):
        yield

    sensors = (plain, coroutine, generator, async_generator)
    assert [sensor.name for sensor in sensors] == ["plain", "coroutine", "named", "also_named"]
    assert [sensor.is_async for sensor in sensors] == [False, True, False, True]
    assert [sensor.max_concurrent for sensor in sensors] == [1, 16, 1, 3]
    assert [sensor.takes_context for sensor in sensors] == [False, True, True, True]
    assert all(sensor.is_failure and sensor.statuses == {"FAILURE"} for sensor in sensors)


def test_a_factory_may_bind_values_to_its_function():
    def alert(context, *, channel="#alerts"): ...

    assert run_failure_sensor(name="bound")(functools.partial(alert, channel="#data")).takes_context
    assert run_failure_sensor(alert).takes_context


class DagsterPolicy(NamedTuple):
    """With the fields of Dagster's RetryPolicy."""

    max_retries: int
    delay: float | None = None
    backoff: Any = None
    jitter: Any = None


AS_OURS = "RetryPolicy(attempts=4, backoff_seconds=2.5, factor=2"

MISTAKES = {
    "both kinds of target": ({"request_job": "a", "request_jobs": ["b"]}, "request_job='a' cannot be combined with"),
    "jobs and everywhere": (
        {"monitored_jobs": ["etl"], "monitor_all_code_locations": True},
        "monitored_jobs=['etl'] cannot be combined with monitor_all_code_locations=True",
    ),
    "no jobs": ({"monitored_jobs": []}, "monitored_jobs=[] is empty: leave it out"),
    "one job, no list": ({"monitored_jobs": "etl"}, "monitored_jobs='etl' is not a list of jobs: put it into [ ]"),
    "one job object, no list": ({"request_jobs": A_JOB}, "is not a list of jobs"),
    "no list at all": ({"monitored_jobs": 5}, "monitored_jobs=5 is not a list of jobs"),
    "a dict of jobs": ({"monitored_jobs": {"a": A_JOB}}, "is not a list of jobs"),
    "no job": ({"monitored_jobs": [print]}, "monitored_jobs: <built-in function print> is not a job"),
    "an empty job name": ({"monitored_jobs": ["here:"]}, "monitored_jobs: 'here:' has an empty name in it"),
    "a long job name": ({"monitored_jobs": ["e" * 501]}, "has 501 bytes, at most 500 are allowed"),
    "a target that is a glob": ({"request_job": "etl_*"}, "request_job: 'etl_*' names no single job"),
    "a target that is a location": ({"request_job": CodeLocationSelector("a")}, "names no single job"),
    "no targets": ({"request_jobs": []}, "request_jobs=[] is empty"),
    "no statuses": ({"run_status": []}, "run_status=[] is empty"),
    "no status": ({"run_status": None}, "run_status=None is missing"),
    "an empty status": ({"run_status": " "}, "run_status=' ' is no run status"),
    "a status that is a number": ({"run_status": [SUCCESS, 5]}, "5] is no run status"),
    "a status with NUL": ({"run_status": "A\x00"}, "contains NUL"),
    "a name that is empty": ({"name": ""}, "name='' is not a name"),
    "a name that is no text": ({"name": 5}, "name=5 is not a name"),
    "a long name": ({"name": "é" * 251}, "has 502 bytes, at most 500 are allowed"),
    "a name with a surrogate": ({"name": "\ud800"}, "contains a lone surrogate"),
    "a description that is no text": ({"description": 5}, "description=5 is not text"),
    "a default status that is none": ({"default_status": True}, "default_status=True is no DefaultSensorStatus"),
    "an unhashable default status": ({"default_status": []}, "default_status=[] is no DefaultSensorStatus"),
    "a flag that is text": ({"monitor_all_code_locations": "yes"}, "monitor_all_code_locations='yes' is neither True"),
    "another flag": ({"react_to_own_runs": 1}, "react_to_own_runs=1 is neither True nor False"),
    "an interval below zero": ({"minimum_interval_seconds": -1}, "minimum_interval_seconds=-1 is not a number"),
    "an interval that is none": ({"minimum_interval_seconds": float("nan")}, "minimum_interval_seconds=nan is not"),
    "tags that are a list": ({"tags": ["a"]}, "tags=['a'] is not a dict"),
    "metadata with numbers as keys": ({"metadata": {1: "a"}}, "metadata={1: 'a'} is not a dict with text as keys"),
    "no concurrency": ({"max_concurrent": 0}, "max_concurrent=0 is not a whole number from 1"),
    "half a concurrency": ({"max_concurrent": 1.5}, "max_concurrent=1.5 is not a whole number from 1"),
    "a yes for concurrency": ({"max_concurrent": True}, "max_concurrent=True is not a whole number from 1"),
    "a retry that is a number": ({"retry": 3}, "retry=3 is no runbell.RetryPolicy"),
    "no attempts": ({"retry": RetryPolicy(attempts=0)}, "has attempts that are not a whole number from 1"),
    "a wait without end": ({"retry": RetryPolicy(backoff_seconds=float("inf"))}, "has a backoff that is not a number"),
    "too long a wait": (
        {"retry": RetryPolicy(max_backoff_seconds=10**9)},
        "a number of seconds: give 0 or more, at most a",
    ),
    "a shrinking factor": ({"retry": RetryPolicy(factor=0.5)}, "has a factor that is not a number from 1 to 1000"),
    "too much jitter": ({"retry": RetryPolicy(jitter=1.5)}, "has a jitter that is not a number from 0 to 1"),
    "no age": ({"retry": RetryPolicy(max_age_seconds=float("nan"))}, "has a max_age_seconds that is not a number of"),
    "Dagster's policy": (
        {"retry": DagsterPolicy(3, 2.5, "Backoff.EXPONENTIAL")},
        f"write runbell.{AS_OURS}, jitter=0);",
    ),
    "Dagster's argument": ({"retry_policy": 1}, "is not an argument: write retry="),
    "no rate": ({"max_per_minute": 0}, "max_per_minute=0 is not a whole number from 1 to 100000"),
    "half a rate": ({"max_per_minute": 0.5}, "max_per_minute=0.5 is not a whole number from 1"),
    "no time": ({"timeout_seconds": 0}, "timeout_seconds=0 is not a number of seconds above zero"),
    "endless time": ({"timeout_seconds": float("inf")}, "timeout_seconds=inf is not a number of seconds above zero"),
    "a misspelled argument": ({"monitored_job": [A_JOB]}, "is not an argument: write monitored_jobs="),
    "both names of one": (
        {"monitor_all_repositories": True, "monitor_all_code_locations": True},
        "monitor_all_repositories=True is the former name of monitor_all_code_locations, which is given too",
    ),
    "jobs and everywhere, by former names": (
        {"job_selection": ["etl"], "monitor_all_repositories": True},
        "monitored_jobs=['etl'] cannot be combined with monitor_all_code_locations=True",
    ),
    "a status of an older version": ({"pipeline_run_status": SUCCESS}, "is not an argument: write run_status="),
    "a name that never was": ({"request_job_name": "a"}, "request_job_name='a' is not an argument: write request_job="),
    "several statuses": ({"run_statuses": [SUCCESS]}, "is not an argument: write run_status="),
    "a typing error": ({"descriptoin": "a"}, "is not an argument: write description="),
    "something else": ({"xyz": 1}, "xyz=1 is not an argument: there are default_status, description,"),
    "nothing excluded": ({"excluded_jobs": []}, "excluded_jobs=[] is empty: leave it out to exclude none"),
    "one exclusion": ({"excluded_jobs": "etl"}, "excluded_jobs='etl' is not a list of jobs: put it into [ ]"),
    "all excluded": ({"monitored_jobs": ["a", "b"], "excluded_jobs": ["*"]}, "leaves none of monitored_jobs"),
    "tags as text": ({"monitored_tags": "team"}, 'is not a dict of tags: give one, such as {"team": "data"}'),
    "no tags": ({"monitored_tags": {}}, "monitored_tags={} is empty: leave it out"),
    "a number of a tag": ({"monitored_tags": {"tries": 3}}, "asks 3 of tag 'tries': give a value, a glob, a list"),
    "no value of a tag": ({"monitored_tags": {"team": []}}, "asks [] of tag 'team'"),
    "numbers of a tag": ({"monitored_tags": {"tries": [1, 2]}}, "asks [1, 2] of tag 'tries'"),
    "a tag without a name": ({"monitored_tags": {"": "a"}}, "has the key '', which is empty"),
    "one partition": ({"monitored_partitions": "2026-*"}, "is not a list: give keys or globs of partitions"),
    "no partition": ({"monitored_partitions": []}, "monitored_partitions=[] is empty: leave it out"),
    "a date": ({"monitored_partitions": [5]}, "has 5 in it, which is not text: give keys or globs"),
    "no origin": ({"monitored_origins": ["cron"]}, "'cron', but origins are backfill, manual, schedule, sensor"),
    "another name": ({"run_tags": {"a": "b"}}, "is not an argument: write monitored_tags="),
    "no failures": ({"only_final_failures": True}, "says nothing without FAILURE: leave it out, or watch FAILURE"),
    "no policy": (
        {"run_key_policy": "always"},
        "is no policy: give 'forever', 'until_success', 'while_active', or a timedelta",
    ),
    "one resource": ({"required_resource_keys": "slack"}, 'is not a set of names: give one, such as {"slack"}'),
    "no name": ({"required_resource_keys": ["a b"]}, "has something in it that is no name of an attribute"),
}


@pytest.mark.parametrize(("arguments", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_the_arguments_is_one_sentence(arguments, said):
    with pytest.raises(DefinitionError) as caught:
        declared(**arguments)

    sentence = str(caught.value)
    assert said in sentence
    assert sentence.startswith("sensor 'my_sensor': ")
    assert "\n" not in sentence


def two_parameters(context, slack): ...
def by_position_alone(context, slack: str, /): ...
def by_name_alone(*, context): ...
def open_ended(*contexts): ...
def open_names(context, **resources): ...


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (two_parameters, "parameter 'slack' of its function is no context, and no resource without its type"),
        (by_position_alone, "parameter 'slack: str' of its function can be given by position only"),
        (by_name_alone, "parameter 'context' of its function must be given by name"),
        (open_ended, "parameter '*contexts' of its function is open"),
        (open_names, "parameter '**resources' of its function is open"),
        (lambda context: None, "it has no name of its own: give name='...'"),
        (functools.partial(two_parameters, slack=1), "it has no name of its own"),
        (int, "which is a class: decorate a function"),
        (5, "which cannot be called: decorate a function"),
        (declared(), "which is a sensor already: use one decorator and give it several statuses as a list"),
    ],
)
@pytest.mark.parametrize("decorate", [run_failure_sensor(), run_status_sensor(SUCCESS)])
def test_a_mistake_in_the_function_is_one_sentence(decorate, function, said):
    with pytest.raises(DefinitionError, match=r"^sensor ") as caught:
        decorate(function)

    assert said in str(caught.value)


def test_run_status_sensor_needs_a_status_first():
    with pytest.raises(DefinitionError, match="'two_parameters': run_status is missing"):
        run_status_sensor(two_parameters)
    with pytest.raises(DefinitionError, match="give several statuses as a list"):
        run_status_sensor(SUCCESS, "FAILURE")(two_parameters)
    with pytest.raises(DefinitionError, match=r"run_status=.* is not for run_failure_sensor"):
        run_failure_sensor(run_status=SUCCESS)(two_parameters)


def test_a_job_selector_needs_its_job():
    with pytest.raises(DefinitionError, match="job_name=None: give job_name"):
        JobSelector("warehouse", "etl")


def test_a_retry_policy_that_cannot_be_followed_is_refused():
    with pytest.raises(DefinitionError, match="retry"):
        run_status_sensor(run_status=SUCCESS, name="it", retry=RetryPolicy(attempts=0))(lambda context: None)
    followed = RetryPolicy(attempts=2)
    assert run_status_sensor(run_status=SUCCESS, name="it", retry=followed)(lambda context: None).retry == followed


def test_a_job_may_be_named_by_a_member_of_an_enum():
    class Jobs(Enum):
        NIGHTLY = "warehouse:nightly"

    made = run_status_sensor(run_status=SUCCESS, monitored_jobs=[Jobs.NIGHTLY], name="it")(lambda context: None)

    assert made.filter(None).jobs == (JobPattern("nightly", "warehouse"),)


def test_a_function_that_does_not_say_what_it_takes_is_refused_with_the_remedy():
    with pytest.raises(DefinitionError, match="wrap it in a def"):
        run_status_sensor(run_status=SUCCESS, name="odd")(getattr)


def test_what_stands_behind_a_wrapped_function_is_what_is_named():
    def inner(context):
        """Does nothing."""

    @functools.wraps(inner)
    def outer(*arguments):
        return inner(*arguments)

    assert innermost(functools.partial(outer)) is inner
