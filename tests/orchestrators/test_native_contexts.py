"""Contexts of Runbell's own sensors, for runs that a Dagster executed: its own objects where it is installed."""

import logging

import dagster as dg
import pytest

from runbell.core.contexts import RecordedAnswers, build_context
from runbell.core.errors import NotHereError
from runbell.core.sensors import Sensor
from runbell.sources.dagster.answers import InstanceWithoutHome, NativeAnswers, native_where_possible
from runbell.testing import made_up_event

pytestmark = pytest.mark.filterwarnings("default")


@dg.op
def load():
    raise ValueError("no space left")


@dg.job(tags={"team": "data"})
def failing():
    load()


@pytest.fixture(scope="module")
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(scope="module")
def failed(instance):
    return failing.execute_in_process(instance=instance, raise_on_error=False)


class Nobody:
    """A store that must not be asked."""


@pytest.fixture
def context_of(instance, failed, monkeypatch, tmp_path):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    recorded = RecordedAnswers(Nobody(), lambda function, *given: function(*given), lambda *_: logging.getLogger("it"))
    watching = Sensor(name="it", function=print, statuses=frozenset({"FAILURE"}), is_failure=True)

    def make(answers=None, **happened):
        given = {"run_id": failed.run_id, "job_name": "failing", "status": "FAILURE", "source": "dagster"}
        answers = answers or NativeAnswers(recorded, lambda: instance)
        return build_context(watching, "it", made_up_event(**given | happened), answers)

    make.recorded = recorded
    return make


def test_run_events_and_instance_are_dagsters_own(context_of, failed, instance):
    context = context_of(tags={"team": "data"})

    assert context.instance is instance
    assert type(context.dagster_run) is dg.DagsterRun
    assert context.dagster_run.tags == {"team": "data"}
    assert context.failure_event == failed.get_run_failure_event()
    (step,) = context.get_step_failure_events()
    assert type(step) is dg.DagsterEvent
    assert "no space left" in step.event_specific_data.error.to_string()
    # And what Dagster's have not.
    assert context.dagster_run.end_time is not None
    assert context.dagster_event.run_id == failed.run_id


def test_the_run_has_the_status_and_the_tags_that_it_had_then(context_of):
    context = context_of(status="STARTED", tags={"then": "1"})

    assert (context.dagster_run.status, context.dagster_run.tags) == (dg.DagsterRunStatus.STARTED, {"then": "1"})
    assert (context.dagster_run.end_time, context.dagster_event.event_type_value) == (None, "PIPELINE_START")


def test_what_dagster_does_not_know_is_answered_as_recorded(context_of):
    context = context_of(run_id="gone", message="no space left")

    assert (context.dagster_run.run_id, context.failure_event.message) == ("gone", "no space left")
    assert type(context.dagster_run) is not dg.DagsterRun
    # Dagster logs no event for this one, and has no such status at all.
    assert context_of(status="NOT_STARTED").dagster_event.event_type_value == "RUN_NOT_STARTED"
    assert context_of(status="PAUSED").dagster_run.status.value == "PAUSED"


def test_a_run_of_another_source_gets_dagsters_instance_only_if_that_knows_it(context_of, instance):
    elsewhere = context_of(run_id="scheduled__2026", source="airflow", job_name="a_dag")

    assert type(elsewhere.instance).__name__ == "Instance"
    assert context_of(source="a name of its own").instance is instance


def test_nobody_asks_whether_dagster_knows_a_run_of_dagsters_own(context_of):
    class Unasked:
        """An instance that must not be asked anything."""

    unasked = Unasked()
    assert context_of(NativeAnswers(context_of.recorded, lambda: unasked)).instance is unasked


def refused():
    raise AssertionError("asked for the instance")


def test_nobody_asks_for_the_instance_before_it_is_looked_at_nor_for_what_was_recorded_by_hand(context_of):
    answers = NativeAnswers(context_of.recorded, refused)

    context = context_of(answers, partition_key="p")
    assert (context.sensor_name, context.partition_key) == ("it", "p")
    context.log.info("nothing asked")
    with pytest.raises(AssertionError, match="asked for the instance"):
        _ = context.dagster_run

    by_hand = context_of(answers, source="sql", message="oh")
    assert (by_hand.dagster_run.job_name, by_hand.failure_event.message) == ("failing", "oh")
    assert type(by_hand.instance).__name__ == "Instance"


def test_without_the_home_of_dagster_what_it_alone_can_answer_says_so(context_of, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME")
    context = context_of(NativeAnswers(context_of.recorded, refused))

    assert context.dagster_run.job_name == "failing"
    assert isinstance(context.instance, InstanceWithoutHome)
    assert callable(context.instance.get_run_by_id)
    with pytest.raises(NotHereError, match=r"context.instance.wipe is not here.* DAGSTER_HOME is not set: set it to"):
        _ = context.instance.wipe
    assert not hasattr(context.instance, "wipe")


def test_they_are_dagsters_wherever_it_is_installed(context_of):
    assert type(native_where_possible(context_of.recorded)) is NativeAnswers
